//! `outlay prune`: old calls are deleted, their sums stay.

use std::process::ExitCode;

use outlay_core::ledger::Prunable;
use serde::Serialize;

use super::Form;
use crate::ask::{ask, can_be_asked};
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;
use crate::when::{self, Direction};

/// Options of `prune`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay prune --before 2026-01-01 --dry-run   how many calls that are
  outlay prune --before 400d                   those from more than 400 days ago

Reports by day, model, project, account, key and tool, limits and balances stay as they are; single calls,
and with them reports by session and by tag, begin at that day. What the present period of a limit is
counted from stays. keep_days under [ledger] in outlay.toml does the same once a day; outlay backup first keeps
a whole copy.")]
pub(crate) struct Arguments {
    /// Calls from before then: a date, a time or a distance such as 400d
    #[arg(long, value_name = "WHEN")]
    before: String,
    /// Say what would be deleted, and delete nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    form: Form,
}

/// `--json` of `prune`.
#[derive(Serialize)]
struct Document {
    dry_run: bool,
    #[serde(flatten)]
    found: Prunable,
    deleted: u64,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let (now, zone) = (session.now, session.zone);
    let before =
        when::parse(&options.before, Direction::Past, now, zone).map_err(Failure::Misused)?;
    let ledger = session.ledger()?;
    let found = ledger.prunable(before, now)?;
    let until = when::shown(found.until, now, zone);
    if !options.form.json {
        if let Some(budget) = &found.held_by {
            out.line(format!(
                "Calls since {until} stay: the present period of the budget '{budget}' is counted from them."
            ))?;
        }
        out.line(match found.calls {
            0 => format!("No call is from before {until}."),
            1 => format!("1 call is from before {until}."),
            many => format!("{many} calls are from before {until}."),
        })?;
    }
    let question = "Delete them? Reports keep their sums; single calls cannot be shown any more.";
    let is_wanted = found.calls > 0
        && !options.dry_run
        && (options.yes || options.form.json || !can_be_asked() || ask(question, false, out)?);
    let deleted = if is_wanted { ledger.prune(before, now)? } else { 0 };
    if options.form.json {
        out.json(&Document { dry_run: options.dry_run, found, deleted })?;
    } else if deleted > 0 {
        out.line("They are deleted. The file keeps its size, and its room is used again.")?;
    } else if found.calls > 0 {
        out.line("Nothing was deleted.")?;
    }
    Ok(ExitCode::SUCCESS)
}
