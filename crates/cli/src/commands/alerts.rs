//! `outlay alerts`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outlay_core::alert::{AlertKind, AlertText, Severity};
use outlay_core::ledger::{AlertView, Ledger, LedgerError, NewAlert};
use outlay_core::report;
use outlay_host::notify::{self, Manner};
use outlay_host::running;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::when;

/// How long a running proxy may take to deliver a test: it looks every five seconds at the least.
const TOLD_WITHIN: Duration = Duration::from_secs(12);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The test is among so many of the latest alerts.
const LATEST: u32 = 50;

/// Options of `alerts`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: List,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the latest alerts, newest first
    List(List),
    /// Send one through the whole chain, and say whether it arrived
    Test,
}

#[derive(Debug, clap::Args)]
struct List {
    /// How many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    #[command(flatten)]
    form: Form,
}

/// `GET /api/v1/alerts`.
#[derive(serde::Serialize)]
struct Alerts {
    alerts: Vec<AlertView>,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    match &options.command {
        Some(Command::List(options)) => list(session, options, out),
        Some(Command::Test) => test(session, out),
        None => list(session, &options.options, out),
    }
}

fn list(session: &Session, options: &List, out: &mut Out) -> Outcome {
    let alerts = report::alerts(&session.ledger()?, options.limit)?;
    if options.form.json {
        out.json(&Alerts { alerts })?;
        return Ok(ExitCode::SUCCESS);
    }
    if alerts.is_empty() {
        out.line("Nothing has fired yet.")?;
    }
    let mut table = Table::new(&[
        Column::Text("Time"),
        Column::Text("Alert"),
        Column::Text("What it said"),
        Column::Text("Delivered"),
    ])
    .expendable(&["What it said"]);
    for alert in &alerts {
        let tone = match alert.severity.as_str() {
            "critical" => Tone::Bad,
            "warning" => Tone::Warning,
            _ => Tone::Quiet,
        };
        let delivery = match (&alert.delivered_at, &alert.error) {
            (Some(at), _) => when::shown(*at, session.now, session.zone),
            (None, Some(error)) => format!("no: {error}"),
            (None, None) => "not yet".to_owned(),
        };
        table.row([
            Cell::new(when::shown(alert.time, session.now, session.zone)),
            Cell::toned(&alert.title, tone),
            Cell::new(&alert.body),
            Cell::new(delivery),
        ]);
    }
    out.table(&table)?;
    Ok(ExitCode::SUCCESS)
}

/// Through the ledger, and from there by whoever delivers: the running proxy, else this process.
fn test(session: &Session, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let fired_at = session.now;
    let alert = NewAlert {
        kind: AlertKind::Test,
        severity: Severity::Critical,
        subject: "alerts".to_owned(),
        key: "alerts".to_owned(),
        period_start: fired_at,
        text: AlertText {
            title: "Alerts reach you here".to_owned(),
            body: "This is a test, asked for by: outlay alerts test".to_owned(),
        },
    };
    ledger.fire_alert(alert, fired_at).wait()?;
    let is_delivered_by_other = running::find(&session.folders).ok().flatten().is_some();
    if !is_delivered_by_other {
        notify::deliver_all(&ledger, &Manner::configured(&session.config), &clock())?;
    }
    let outcome = told(&ledger, fired_at)?;
    let by = if is_delivered_by_other { "the running proxy" } else { "this command" };
    match outcome {
        Some(alert) if alert.delivered_at.is_some() => {
            let service = notify::service().unwrap_or_else(|_| "the desktop".to_owned());
            out.line(format!("Delivered by {by} and taken by {service}: it is on your screen."))?;
            if let Some(hours) = session.config.quiet_hours {
                out.line(format!("From {hours} only critical alerts are shown, like this one."))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(alert) => {
            let reason = alert.error.unwrap_or_default();
            let fix = match session.config.desktop_notifications {
                true => "start a notification service such as dunst, and see outlay doctor",
                false => "set desktop = true under [notifications]",
            };
            Err(Failure::failed(format!("{by} could not deliver the test ({reason}): {fix}")))
        }
        None => Err(Failure::failed(format!(
            "the test was recorded, and {by} did not deliver it within {} seconds: restart it, or see its log",
            TOLD_WITHIN.as_secs()
        ))),
    }
}

/// The test's alert once somebody has tried to deliver it; `None` where nobody does in time.
fn told(ledger: &Ledger, fired_at: DateTime<Utc>) -> Result<Option<AlertView>, LedgerError> {
    let asked = Instant::now();
    loop {
        let is_told = |alert: &AlertView| {
            let is_test = alert.kind == AlertKind::Test.as_str();
            let is_this = alert.time.timestamp_millis() == fired_at.timestamp_millis();
            is_test && is_this && (alert.delivered_at.is_some() || alert.error.is_some())
        };
        let alert = report::alerts(ledger, LATEST)?.into_iter().find(is_told);
        if alert.is_some() || asked.elapsed() > TOLD_WITHIN {
            return Ok(alert);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn clock() -> notify::Clock {
    Arc::new(Utc::now)
}
