//! `outlay wait`: until a script may spend.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outlay_core::ledger::Ledger;
use outlay_core::report;
use outlay_host::config::parse_duration;

use super::Form;
use super::check::Spend;
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;

/// How often to look whether anything was written.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Options of `wait`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay wait --timeout 2h && ./nightly.sh
  outlay wait --cost 0.50 --project nightly")]
pub(crate) struct Arguments {
    /// Give up after so long: 30s, 10m, 2h [default: never]
    #[arg(long, value_name = "D")]
    timeout: Option<String>,
    #[command(flatten)]
    spend: Spend,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let timeout = options.timeout.as_deref().map(parse_duration).transpose();
    let timeout = timeout.map_err(Failure::Misused)?;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let ledger = session.ledger()?;
    let mut has_told = false;
    loop {
        let revision = report::revision(&ledger)?;
        let verdict = options.spend.judge(&ledger, Utc::now(), session.zone)?;
        let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        // Time does not give a model its price.
        let is_hopeless = verdict.reason == Some("unpriced_model");
        if verdict.allowed || is_over || is_hopeless {
            if has_told && is_over && !verdict.allowed && !options.form.json {
                // Why was said when the wait began.
                let spent = options.timeout.as_deref().unwrap_or_default();
                let reason = verdict.reason.unwrap_or_default();
                return Err(Failure::Refused(format!(
                    "it would still be refused after {spent} ({reason})"
                )));
            }
            return verdict.say(options.form, out);
        }
        if !has_told {
            eprintln!("outlay: waiting: {}", verdict.message);
            has_told = true;
        }
        sleep(&ledger, revision, verdict.reset_date, deadline)?;
    }
}

/// Until something was written, the budget's period ends, or the time is up.
fn sleep(
    ledger: &Ledger,
    revision: i64,
    reset: Option<DateTime<Utc>>,
    deadline: Option<Instant>,
) -> Result<(), Failure> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(());
        }
        std::thread::sleep(left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY)));
        // By the clock on the wall: a laptop may have slept through it.
        let is_reset = reset.is_some_and(|reset| Utc::now() >= reset);
        if is_reset || report::revision(ledger)? != revision {
            return Ok(());
        }
    }
}
