//! `outlay alerts`.

mod test;

use std::process::ExitCode;

use outlay_core::ledger::AlertView;
use outlay_core::report;
use uuid::Uuid;

use super::Form;
use crate::failure::Outcome;
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::when;

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
    /// Send one the whole way, on every channel, and say whether it arrived
    Test,
    /// Mark alerts as seen to: these, or all
    Ack(Ack),
}

#[derive(Debug, clap::Args)]
struct List {
    /// How many
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
struct Ack {
    /// Their ids, as `outlay alerts --json` has them [default: all]
    #[arg(value_parser = id)]
    ids: Vec<Uuid>,
}

fn id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| {
        "it is no alert's id: outlay alerts --json has them, and outlay alerts ack alone marks all".to_owned()
    })
}

/// `GET /api/v1/alerts`.
#[derive(serde::Serialize)]
struct Alerts {
    alerts: Vec<AlertView>,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    match &options.command {
        Some(Command::List(options)) => list(session, options, out),
        Some(Command::Test) => test::run(session, out),
        Some(Command::Ack(options)) => acknowledge(session, options, out),
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
        Column::Text("Seen to"),
    ])
    .expendable(&["What it said"]);
    let shown = |at| when::shown(at, session.now, session.zone);
    for alert in &alerts {
        let tone = match alert.severity.as_str() {
            "critical" => Tone::Bad,
            "warning" => Tone::Warning,
            _ => Tone::Quiet,
        };
        let title = match alert.occurrences {
            1 => alert.title.clone(),
            times => format!("{} ({times} times)", alert.title),
        };
        table.row([
            Cell::new(shown(alert.time)),
            Cell::toned(title, tone),
            Cell::new(&alert.body),
            Cell::new(delivery(alert, &shown)),
            Cell::new(alert.acknowledged_at.map(shown).unwrap_or_default()),
        ]);
    }
    out.table(&table)?;
    Ok(ExitCode::SUCCESS)
}

/// When it first arrived, and what failed.
fn delivery(alert: &AlertView, shown: &impl Fn(chrono::DateTime<chrono::Utc>) -> String) -> String {
    let failed = alert.deliveries.iter().filter_map(|delivery| {
        let error = delivery.error.as_ref()?;
        let again = delivery.next_try_at.map(|at| format!(", next try {}", shown(at)));
        Some(format!("{}: {error}{}", delivery.channel, again.unwrap_or_default()))
    });
    let failed = failed.collect::<Vec<_>>().join("; ");
    match (alert.delivered_at, &alert.error) {
        (Some(at), _) if failed.is_empty() => shown(at),
        (Some(at), _) => format!("{}; not by {failed}", shown(at)),
        (None, Some(error)) if failed.is_empty() => format!("no: {error}"),
        (None, None) if failed.is_empty() => "not yet".to_owned(),
        (None, Some(_)) => format!("no: {failed}"),
        (None, None) => format!("not yet: {failed}"),
    }
}

fn acknowledge(session: &Session, options: &Ack, out: &mut Out) -> Outcome {
    let ids = Some(options.ids.clone()).filter(|ids| !ids.is_empty());
    let marked = session.ledger()?.acknowledge_alerts(ids, session.now).wait()?;
    out.line(match marked {
        0 => "No alert is left to be marked as seen to.".to_owned(),
        1 => "1 alert is marked as seen to.".to_owned(),
        many => format!("{many} alerts are marked as seen to."),
    })?;
    Ok(ExitCode::SUCCESS)
}
