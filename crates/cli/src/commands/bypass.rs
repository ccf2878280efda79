//! `outlay bypass`: no limit refuses for a while.

use std::process::ExitCode;

use outlay_core::ledger::Bypass;
use outlay_core::report;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;
use crate::{standing, when};

const ACTOR: &str = "cli";

/// Options of `bypass`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay bypass 20m --why 'finish the release'
  outlay bypass off
  outlay bypass              say whether limits are bypassed

Every call is counted as ever, and each budget's history says who bypassed it and why.")]
pub(crate) struct Arguments {
    /// For how long (20m, 2h), or off
    #[arg(value_name = "D|off")]
    duration: Option<String>,
    /// What for
    #[arg(long, value_name = "T", requires = "duration")]
    why: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// `GET /api/v1/bypass`.
#[derive(serde::Serialize)]
struct Document {
    bypass: Option<Bypass>,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let (now, zone) = (session.now, session.zone);
    let why = options.why.clone().filter(|why| !why.trim().is_empty());
    let sentence = match options.duration.as_deref() {
        Some("off") if why.is_some() => {
            return Err(Failure::misused(
                "--why goes with a bypass that begins: outlay bypass off",
            ));
        }
        Some("off") if ledger.end_bypass(ACTOR, now).wait()? => "Limits refuse again.".to_owned(),
        Some("off") => "No bypass was in force: limits refuse as ever.".to_owned(),
        Some(duration) => {
            let until = when::after(duration, now).map_err(Failure::Misused)?;
            let bypass = ledger.bypass(until, why, ACTOR, now).wait()?;
            standing::bypass(&bypass, now, zone)
        }
        None => match report::bypass(&ledger, now)? {
            Some(bypass) => standing::bypass(&bypass, now, zone),
            None => "No bypass is in force: limits refuse as ever.".to_owned(),
        },
    };
    if options.form.json {
        out.json(&Document { bypass: report::bypass(&ledger, now)? })?;
    } else {
        out.line(sentence)?;
    }
    Ok(ExitCode::SUCCESS)
}
