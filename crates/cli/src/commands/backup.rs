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
    if let Some(failure) = Failure::missing_folder(&options.file) {
        return Err(failure);
    }
    session.ledger()?.back_up(&options.file).map_err(|error| match error {
        // The data folder, of which its own sentence speaks, has nothing to do with it.
        LedgerError::NotWritable { path, reason } if path == options.file => Failure::Failed(format!(
            "cannot write {}: {reason}. Give this user write access to its folder, or name another file",
            path.display()
        )),
        // The command is right, the file is in the way.
        LedgerError::Invalid(sentence) => Failure::Failed(sentence),
        other => other.into(),
    })?;
    let size = std::fs::metadata(&options.file).map_or(0, |file| file.len());
    out.line(format!("{} holds the whole ledger ({size} bytes).", options.file.display()))?;
    Ok(ExitCode::SUCCESS)
}
