//! `outlay backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use outlay_core::ledger::LedgerError;

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;

/// Options of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  outlay backup ~/outlay-2026-11-21.db")]
pub(crate) struct Arguments {
    /// The file to write; it must not exist
    file: PathBuf,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    session.ledger()?.back_up(&options.file).map_err(|error| match error {
        // The command is right, the file is in the way.
        LedgerError::Invalid(sentence) => Failure::Failed(sentence),
        other => other.into(),
    })?;
    let size = std::fs::metadata(&options.file).map_or(0, |file| file.len());
    out.line(format!("{} holds the whole ledger ({size} bytes).", options.file.display()))?;
    Ok(ExitCode::SUCCESS)
}
