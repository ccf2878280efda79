//! `outlay calls`.

mod follow;
pub(super) mod show;

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::report::{self, CallQuery, CallView};

use super::Form;
use super::report::{Range, range};
use crate::failure::{Failure, Outcome};
use crate::look::{Look, Tone};
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};

/// Options of `calls`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay calls --limit 50
  outlay calls --follow
  outlay calls show 0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// How many, the latest first
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// From when on: a date, a time or a distance such as 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Up to when, this moment not included
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    until: Option<String>,
    /// Go on and print each call as it ends
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show one call: its figures, its budgets and its arithmetic
    Show {
        /// The call's id, or the last part of it
        id: String,
        #[command(flatten)]
        form: Form,
    },
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    if let Some(Command::Show { id, form }) = &options.command {
        show::run(&ledger, session, id, *form, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Range { since, until } =
        range(options.since.as_deref(), options.until.as_deref(), session.now, session.zone)?;
    let page =
        report::calls(&ledger, &CallQuery { since, until, ..CallQuery::default() }, options.limit)?;
    if options.follow {
        follow::run(&ledger, page.rows, session, options.form, out)?;
    } else if options.form.json {
        out.json(&page)?;
    } else if page.rows.is_empty() {
        out.line("There are no calls yet: outlay run -- TOOL makes some.")?;
    } else {
        out.table(&table(&page.rows, session.now, session.zone, out.look()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Calls in the order given.
fn table(calls: &[CallView], now: DateTime<Utc>, zone: Tz, look: Look) -> Table {
    let mut table = Table::new(&[
        Column::Text("Time"),
        Column::Text("Provider"),
        Column::Text("Model"),
        Column::Text("Project"),
        Column::Text("Status"),
        Column::Number("Prompt"),
        Column::Number("Output"),
        Column::Decimal("Cost"),
        Column::Text("Id"),
    ])
    .expendable(&["Project", "Provider", "Prompt", "Id"]);
    for call in calls {
        let text = |text: &Option<String>| Cell::known(text.as_ref());
        table.row([
            Cell::toned(time(call.time, now, zone), Tone::Quiet),
            Cell::new(&call.provider),
            text(&call.model),
            text(&call.project),
            Cell::toned(status(call), status_tone(call)),
            Cell::known(prompt_tokens(call)),
            Cell::known(call.output_tokens),
            Cell::known(call.cost_usd.map(|cost| format!("${cost}"))),
            Cell::toned(shown_id(call, look), Tone::Quiet),
        ]);
    }
    table
}

/// A terminal has room for the part that tells ids apart.
fn shown_id(call: &CallView, look: Look) -> String {
    let id = call.id.to_string();
    match id.rsplit_once('-') {
        Some((_, last)) if look.is_terminal => last.to_owned(),
        _ => id,
    }
}

/// The time of day, with the date where it is not today's.
fn time(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let (at, now) = (at.with_timezone(&zone), now.with_timezone(&zone));
    let format = if at.date_naive() == now.date_naive() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.format(format).to_string()
}

/// The status, and why it is not simply settled.
fn status(call: &CallView) -> String {
    let reason = call.refusal.as_ref().or(call.error_kind.as_ref());
    let budget = call.refused_by.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let mut text = call.status.clone();
    if call.repeats > 0 {
        text = format!("{text} {} times", call.repeats.saturating_add(1));
    }
    if let Some(reason) = reason {
        text = format!("{text} {reason}{budget}");
    }
    if call.basis.as_deref() == Some("unpriced") {
        text.push_str(" unpriced");
    }
    let action = call.limit_action.as_ref().filter(|_| call.status != "waiting");
    if let Some(action) = action.filter(|action| !action.is_empty()) {
        text = format!("{text} {action}");
    }
    text
}

fn status_tone(call: &CallView) -> Tone {
    match call.status.as_str() {
        "settled" => Tone::Good,
        "refused" => Tone::Bad,
        "failed" | "estimated" => Tone::Warning,
        _ => Tone::Quiet,
    }
}

/// All prompt tokens; `None` where unknown.
fn prompt_tokens(call: &CallView) -> Option<i64> {
    let parts = [call.cache_read_tokens, call.cache_write_5m_tokens, call.cache_write_1h_tokens];
    let cached: i64 = parts.into_iter().flatten().sum();
    call.input_tokens.map(|input| input.saturating_add(cached))
}

/// One call as one line, for following.
fn line(call: &CallView, session: &Session, out: &mut Out) -> Result<(), Failure> {
    let tokens = match (prompt_tokens(call), call.output_tokens) {
        (Some(input), Some(output)) => format!("{input} + {output} tokens"),
        _ if matches!(call.status.as_str(), "refused" | "failed") => "-".to_owned(),
        _ => "tokens unknown".to_owned(),
    };
    let look = out.look();
    let cost = call.cost_usd.map_or_else(|| "-".to_owned(), |cost| format!("${cost}"));
    let project = call.project.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
    out.line(format!(
        "{}  {}  {}  {}  {tokens}  {cost}{project}  {}",
        time(call.time, session.now, session.zone),
        call.provider,
        call.model.as_deref().unwrap_or("(no model)"),
        look.paint(status_tone(call), status(call)),
        shown_id(call, look),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::printed;
    use crate::testing::Day;

    #[test]
    fn the_list() {
        let day = Day::full();
        let rows = report::calls(&day.ledger, &CallQuery::default(), 20).unwrap().rows;
        let shown =
            printed(Look::PIPE, |out| out.table(&table(&rows, day.now, day.zone, Look::PIPE)));
        insta::assert_snapshot!(shown);
        let terminal = Look::terminal(80);
        let id = rows[0].id.to_string();
        assert!(id.ends_with(&shown_id(&rows[0], terminal)));
        assert_eq!(shown_id(&rows[0], terminal).len(), 12);
    }
}
