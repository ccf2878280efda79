//! `outlay alerts test`: one alert through the ledger, and from there by whoever delivers, the running
//! proxy, else this process.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use outlay_core::alert::{AlertKind, AlertText, Severity};
use outlay_core::ledger::{AlertView, DeliveryView, Ledger, LedgerError, NewAlert};
use outlay_core::report;
use outlay_host::notify::{self, Manner};
use outlay_host::running;

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;

/// How long a running proxy may take: it looks every five seconds at the least, and a command or a
/// webhook may take a while.
const TOLD_WITHIN: Duration = Duration::from_secs(28);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The test is among so many of the latest alerts.
const LATEST: u32 = 50;

pub(super) fn run(session: &Session, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let mut manner = Manner::configured(&session.config, None);
    let names = manner.names();
    if names.is_empty() {
        return Err(Failure::failed(
            "nothing is set that could tell of alerts: set desktop = true under [notifications] in \
             outlay.toml, or a webhook or a command",
        ));
    }
    ledger.fire_alert(alert(session), session.now).wait()?;
    let is_by_other = running::find(&session.folders).ok().flatten().is_some();
    if !is_by_other {
        let clock: notify::Clock = Arc::new(Utc::now);
        notify::deliver_all(&ledger, &mut manner, &clock)?;
    }
    let by = if is_by_other { "the running proxy" } else { "this command" };
    let tried = tried(&ledger, session)?;
    let mut failures = Vec::new();
    for name in names.iter() {
        match tried.iter().find(|delivery| delivery.channel == *name) {
            Some(delivery) if delivery.delivered_at.is_some() => {
                out.line(arrived(name, by))?;
            }
            Some(DeliveryView { error: Some(error), .. }) => {
                failures.push(format!("{by} could not tell {name}: {error}{}", fix(name)));
            }
            Some(_) => failures.push(format!(
                "{by} has not told {name} within {} seconds: see its log",
                TOLD_WITHIN.as_secs()
            )),
            None => failures.push(format!(
                "{by} knows nothing of {name}: restart it, so that it reads outlay.toml anew"
            )),
        }
    }
    if let (true, Some(hours)) = (failures.is_empty(), session.config.notifications.quiet_hours) {
        out.line(format!(
            "In quiet hours ({hours}) only critical alerts are told, like this one."
        ))?;
    }
    match failures.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(Failure::failed(failures.join("; "))),
    }
}

fn alert(session: &Session) -> NewAlert {
    NewAlert {
        kind: AlertKind::Test,
        severity: Severity::Critical,
        subject: "alerts".to_owned(),
        key: "alerts".to_owned(),
        period_start: session.now,
        text: AlertText {
            title: "Alerts reach you here".to_owned(),
            body: "This is a test, asked for by: outlay alerts test".to_owned(),
        },
    }
}

fn arrived(channel: &str, by: &str) -> String {
    match channel {
        "desktop" => {
            let service = notify::service().unwrap_or_else(|_| "the desktop".to_owned());
            format!("desktop: delivered by {by} and taken by {service}: it is on your screen.")
        }
        "command" => format!("command: run by {by}, and it ended well."),
        webhook => format!("{webhook}: sent by {by}, and accepted."),
    }
}

fn fix(channel: &str) -> &'static str {
    match channel {
        "desktop" => ": start a notification service such as dunst, and see outlay doctor",
        "command" => ": run it by hand with a line of JSON on its standard input",
        // Its error says what to look at.
        _ => "",
    }
}

/// What came of each channel once all have been tried, or time is up.
fn tried(ledger: &Ledger, session: &Session) -> Result<Vec<DeliveryView>, LedgerError> {
    let asked = Instant::now();
    let is_test = |alert: &AlertView| {
        let is_of_now = alert.time.timestamp_millis() == session.now.timestamp_millis();
        alert.kind == AlertKind::Test.as_str() && is_of_now
    };
    let is_tried =
        |delivery: &DeliveryView| delivery.delivered_at.is_some() || delivery.error.is_some();
    loop {
        let alert = report::alerts(ledger, LATEST)?.into_iter().find(is_test);
        // Handed to no channel at all, it is given up.
        let is_given_up = alert.as_ref().is_some_and(|alert| alert.error.is_some());
        let deliveries = alert.map(|alert| alert.deliveries).unwrap_or_default();
        let are_tried = !deliveries.is_empty() && deliveries.iter().all(is_tried);
        if is_given_up || are_tried || asked.elapsed() > TOLD_WITHIN {
            return Ok(deliveries);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
