//! How a command ends when it does not end well.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use outlay_core::ledger::LedgerError;
use outlay_host::config::ConfigError;
use outlay_host::connect::ConnectError;
use outlay_host::folders::FolderError;
use outlay_host::running::RunningError;

/// Why a command did not do what it was told. Its sentence says what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It could not.
    Failed(String),
    /// It was told something that makes no sense.
    Misused(String),
    /// What was asked about would be refused.
    Refused(String),
    /// Nobody reads its output any more: no reason to say anything.
    Unheard,
}

/// What a command returns: its exit code, or how it failed.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// The exit code of "would be refused".
pub(crate) const REFUSED: u8 = 3;

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Failed(sentence) | Failure::Misused(sentence) | Failure::Refused(sentence) => {
                f.write_str(sentence)
            }
            Failure::Unheard => f.write_str("nobody reads what it says"),
        }
    }
}

impl Failure {
    pub(crate) fn failed(sentence: impl Display) -> Failure {
        Failure::Failed(sentence.to_string())
    }

    pub(crate) fn misused(sentence: impl Display) -> Failure {
        Failure::Misused(sentence.to_string())
    }

    /// Says it on stderr; the exit code for it.
    pub(crate) fn report(&self) -> ExitCode {
        if *self == Failure::Unheard {
            return ExitCode::SUCCESS;
        }
        use std::io::Write;
        // Where stderr is closed too, the exit code is all there is to tell.
        let _ = writeln!(std::io::stderr(), "outlay: {self}");
        ExitCode::from(self.code())
    }

    /// The exit code for it.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Failed(_) => 1,
            Failure::Misused(_) => 2,
            Failure::Refused(_) => REFUSED,
            Failure::Unheard => 0,
        }
    }

    /// That the folder of a file that is to be written is missing; `None` where it is there.
    pub(crate) fn missing_folder(path: &Path) -> Option<Failure> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
        let what = match (folder.is_dir(), folder.exists()) {
            (true, _) => return None,
            (false, true) => "is no folder: name another file",
            (false, false) => "is missing: make that folder, or name another file",
        };
        let (path, folder) = (path.display(), folder.display());
        Some(Failure::Failed(format!("cannot write {path}: {folder} {what}")))
    }

    /// What went wrong with a file.
    pub(crate) fn file(action: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::Failed(format!("cannot {action} {}: {error}", path.display()))
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Failure {
        match error {
            LedgerError::Invalid(sentence) => Failure::Misused(sentence),
            other => Failure::failed(other),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::failed(error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        Failure::failed(error)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Failure {
        Failure::failed(error)
    }
}

impl From<RunningError> for Failure {
    fn from(error: RunningError) -> Failure {
        Failure::failed(error)
    }
}

/// Writing to stdout went wrong.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::Unheard,
            _ => Failure::Failed(format!("the output cannot be written: {error}")),
        }
    }
}
