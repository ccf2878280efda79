//! What an import wrote to SQLite's log goes into the file on a thread of its own, while the import goes
//! on: nobody waits for the disk.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::ledger::checkpoint;
use crate::ledger::error::LedgerError;

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
        let (due, wanted) = sync_channel(1);
        let copy = |connection: &Connection| checkpoint::copy(connection).map(drop);
        let thread = checkpoint::start_thread("ledger-copying", path, wanted, copy)?;
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
