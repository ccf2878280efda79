//! Which processes are alive: each holds an OS lock on a file of its own for as long as it lives.
//!
//! Not a process id (they are used again) and not a heartbeat (laptops sleep).

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::error::LedgerError;
use super::time::to_ms;

/// Where the locks are, in the ledger's folder.
pub(crate) const FOLDER: &str = "processes";

/// This process's lock; released by the system however the process ends.
#[derive(Debug)]
pub(crate) struct Liveness {
    _lock: File,
    path: PathBuf,
}

impl Liveness {
    /// Takes the lock of `process` in `folder` and enters the process into the ledger.
    pub(crate) fn take(
        folder: &Path,
        process: [u8; 16],
        connection: &Connection,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Liveness, LedgerError> {
        let failed = |error: &std::io::Error| LedgerError::io(folder, error);
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let path = lock_path(folder, process);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| failed(&error))?;
        lock.try_lock().map_err(|error| failed(&std::io::Error::from(error)))?;
        connection
            .execute(
                "INSERT INTO process (id, pid, started_ms) VALUES (?1, ?2, ?3)",
                params![process, std::process::id(), to_ms(now)],
            )
            .map_err(|error| LedgerError::sqlite(folder, &error))?;
        Ok(Liveness { _lock: lock, path })
    }
}

impl Drop for Liveness {
    fn drop(&mut self) {
        // A file left behind is harmless: it is found unlocked, and its owner therefore dead.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Whether the process that owns a call has ended.
pub(crate) fn is_dead(folder: &Path, process: [u8; 16]) -> bool {
    let path = lock_path(folder, process);
    match OpenOptions::new().write(true).open(&path) {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(file) => match file.try_lock() {
            Ok(()) => {
                drop(std::fs::remove_file(&path));
                true
            }
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(_)) => false,
        },
    }
}

/// Whether any process that forwards calls is alive.
pub(crate) fn any_is_alive(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "lock");
    entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_lock).any(|path| {
        let lock = OpenOptions::new().write(true).open(path);
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    })
}

fn lock_path(folder: &Path, process: [u8; 16]) -> PathBuf {
    folder.join(format!("{}.lock", Uuid::from_bytes(process).as_hyphenated()))
}
