//! `outlay alerts`.

use std::process::ExitCode;

use outlay_core::ledger::AlertView;
use outlay_core::report;

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
    let options = match &options.command {
        Some(Command::List(options)) => options,
        None => &options.options,
    };
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
