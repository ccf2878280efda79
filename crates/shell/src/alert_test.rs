//! One alert through the ledger, and from there by whoever delivers; and what came of it.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outlay_core::alert::{AlertKind, AlertText, Severity};
use outlay_core::ledger::{AlertView, DeliveryView, Ledger, LedgerError, NewAlert};
use outlay_core::report;
use outlay_proxy::machine::TestedWay;

/// How long whoever delivers may take: it looks every five seconds at the least, and a command or a
/// webhook may take a while.
const TOLD_WITHIN: Duration = Duration::from_secs(28);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The test is among so many of the latest alerts.
const LATEST: u32 = 50;

/// What is said where there is no way to the user.
pub const NO_WAY: &str = "nothing is set that could tell of alerts: set desktop = true under [notifications] in \
     outlay.toml, or a webhook or a command";

/// Records the alert that is to arrive; `asked_by` is how the user asked for it.
///
/// # Errors
/// When the ledger cannot be written.
pub fn fire(ledger: &Ledger, asked_by: &str, now: DateTime<Utc>) -> Result<(), LedgerError> {
    let alert = NewAlert {
        kind: AlertKind::Test,
        severity: Severity::Critical,
        subject: "alerts".to_owned(),
        key: "alerts".to_owned(),
        period_start: now,
        text: AlertText {
            title: "Alerts reach you here".to_owned(),
            body: format!("This is a test, asked for by: {asked_by}"),
        },
    };
    ledger.fire_alert(alert, now).wait().map(drop)
}

/// What came of the alert of `now` by each of these channels, once all have been tried or time is up; `by`
/// is who was to deliver it.
///
/// # Errors
/// When the ledger cannot be read.
pub fn outcome(
    ledger: &Ledger,
    channels: &[String],
    by: &str,
    now: DateTime<Utc>,
) -> Result<Vec<TestedWay>, LedgerError> {
    let tried = tried(ledger, now)?;
    let way = |name: &String| {
        let delivery = tried.iter().find(|delivery| delivery.channel == *name);
        let (error, fix) = match delivery {
            Some(delivery) if delivery.delivered_at.is_some() => (None, None),
            Some(DeliveryView { error: Some(error), .. }) => {
                (Some(format!("{by} could not tell {name}: {error}")), fix(name).map(str::to_owned))
            }
            Some(_) => {
                let seconds = TOLD_WITHIN.as_secs();
                let error = format!("{by} has not told {name} within {seconds} seconds");
                (Some(error), Some("see its log".to_owned()))
            }
            None => (
                Some(format!("{by} knows nothing of {name}")),
                Some("restart it, so that it reads outlay.toml anew".to_owned()),
            ),
        };
        TestedWay { channel: name.clone(), delivered: error.is_none(), error, fix }
    };
    Ok(channels.iter().map(way).collect())
}

fn fix(channel: &str) -> Option<&'static str> {
    match channel {
        "desktop" => Some("start a notification service such as dunst, and see outlay doctor"),
        "command" => Some("run it by hand with a line of JSON on its standard input"),
        // Its error says what to look at.
        _ => None,
    }
}

/// What came of each channel once all have been tried, or time is up.
fn tried(ledger: &Ledger, now: DateTime<Utc>) -> Result<Vec<DeliveryView>, LedgerError> {
    let asked = Instant::now();
    let is_test = |alert: &AlertView| {
        let is_of_now = alert.time.timestamp_millis() == now.timestamp_millis();
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
