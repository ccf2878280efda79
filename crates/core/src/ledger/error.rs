//! What can go wrong with the ledger, in one sentence each.

use std::path::{Path, PathBuf};

/// Why an operation on the ledger did not happen. Nothing of it is half-done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder or the file cannot be written.
    #[error("cannot write {}: {reason}. Give this user write access, or choose another folder with --data-dir", path.display())]
    NotWritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's word.
        reason: String,
    },
    /// The file belongs to a newer Outlay.
    #[error("{} was written by a newer Outlay (its format is {found}, this version knows {known}); it was left untouched. Upgrade Outlay", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The file's `user_version`.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// The file is no healthy SQLite database.
    #[error("{} is damaged ({reason}); it was left untouched. Move it away and put a backup in its place (outlay backup FILE makes one), or start anew without it", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// SQLite's word.
        reason: String,
    },
    /// No room left on the disk.
    #[error("the disk that holds {} is full: free some space", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Another process kept the file locked for too long.
    #[error("{} is locked by another program: close it, or try again", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The disk did not take a write, or did not give a read.
    #[error("the disk that holds {} failed ({reason}): check it", path.display())]
    DiskFailed {
        /// The file.
        path: PathBuf,
        /// SQLite's word.
        reason: String,
    },
    /// The writer has stopped.
    #[error("the ledger is closed")]
    Closed,
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Anything else that SQLite or the system said.
    #[error("the ledger {} failed: {reason}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The word of SQLite or the system.
        reason: String,
    },
}

impl LedgerError {
    /// Whether the same operation may succeed later without a change to it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            LedgerError::DiskFull { .. }
                | LedgerError::DiskFailed { .. }
                | LedgerError::Busy { .. }
        )
    }

    pub(crate) fn sqlite(path: &Path, error: &rusqlite::Error) -> LedgerError {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => LedgerError::DiskFull { path },
            Some(ErrorCode::SystemIoFailure) => LedgerError::DiskFailed { path, reason },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Busy { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                LedgerError::Corrupt { path, reason }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                LedgerError::NotWritable { path, reason }
            }
            _ => LedgerError::Failed { path, reason },
        }
    }

    pub(crate) fn io(path: &Path, error: &std::io::Error) -> LedgerError {
        let path = path.to_owned();
        match error.kind() {
            std::io::ErrorKind::StorageFull => LedgerError::DiskFull { path },
            _ => LedgerError::NotWritable { path, reason: error.to_string() },
        }
    }
}

/// Whether others read or write what this wanted to itself.
pub(crate) fn is_locked(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

/// A failure inside an operation, before it is known which file it concerns.
#[derive(Debug)]
pub(crate) enum OpError {
    Sqlite(rusqlite::Error),
    Ledger(LedgerError),
}

impl From<rusqlite::Error> for OpError {
    fn from(error: rusqlite::Error) -> OpError {
        OpError::Sqlite(error)
    }
}

impl From<LedgerError> for OpError {
    fn from(error: LedgerError) -> OpError {
        OpError::Ledger(error)
    }
}

impl OpError {
    pub(crate) fn at(self, path: &Path) -> LedgerError {
        match self {
            OpError::Sqlite(error) => LedgerError::sqlite(path, &error),
            OpError::Ledger(error) => error,
        }
    }
}
