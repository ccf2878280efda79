//! What an import wrote to SQLite's log goes into the file on a thread of its own, while the import goes
//! on: nobody waits for the disk.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::ledger::error::LedgerError;
use crate::ledger::schema;

/// After so many calls: their pages are mostly written by then, and those of indexes are not copied too
/// often.
const EVERY_CALLS: usize = 32_000;

/// A thread that copies. It ends with this.
#[derive(Debug)]
pub(super) struct Copying {
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Calls since it was due.
    calls: AtomicUsize,
}

impl Copying {
    pub(super) fn start(path: &Path) -> Result<Copying, LedgerError> {
        let connection = schema::connect(path)?;
        let (due, wanted) = sync_channel::<()>(1);
        let thread = std::thread::Builder::new()
            .name("ledger-copying".into())
            .spawn(move || {
                while wanted.recv().is_ok() {
                    // Passive: who writes goes on meanwhile. What is not copied now is the next time.
                    drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
                }
            })
            .map_err(|error| LedgerError::io(path, &error))?;
        Ok(Copying { due: Some(due), thread: Some(thread), calls: AtomicUsize::new(0) })
    }

    /// Notes that so many calls are being written.
    pub(super) fn note(&self, calls: usize) {
        if self.calls.fetch_add(calls, Ordering::Relaxed) + calls < EVERY_CALLS {
            return;
        }
        self.calls.store(0, Ordering::Relaxed);
        if let Some(due) = &self.due {
            // A full channel means that it is due already.
            let _ = due.try_send(());
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
