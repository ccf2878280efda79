//! Moves the write-ahead log into the file from a thread of its own, so that no call waits for the
//! disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::error::LedgerError;
use super::schema;
use super::writer::Holder;

/// Commits between two checkpoints.
const EVERY: u32 = 1_000;
/// A longer log is begun anew.
const LOG_PAGES_MAX: i64 = 4_000;
/// How long writers are kept waiting for readers that still need the log.
const READERS_MAX: Duration = Duration::from_millis(20);
/// "OUTL": what `file` and others may know the file by.
const APPLICATION_ID: i64 = 0x4F55_544C;

/// What is called after each commit.
type Changed = Arc<dyn Fn() + Send + Sync>;

/// `changed`, which also says when a checkpoint is due. The end of it is the end of the receiver.
pub(crate) fn counting(changed: Changed) -> (Changed, Receiver<()>) {
    let (due, wanted) = sync_channel::<()>(1);
    let commits = AtomicU32::new(0);
    let counting = move || {
        if commits.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1 {
            // A full channel means that a checkpoint is due already.
            let _ = due.try_send(());
        }
        changed();
    };
    (Arc::new(counting), wanted)
}

/// Starts the thread; it ends with `due`.
pub(crate) fn start(
    path: &Path,
    due: Receiver<()>,
    writers: Holder,
) -> Result<JoinHandle<()>, LedgerError> {
    let checkpoint = move |connection: &Connection| checkpoint(connection, &writers);
    start_thread("ledger-checkpoint", path, due, checkpoint)
}

/// Starts a thread that runs `act` each time that it is due, and ends with `due`.
pub(super) fn start_thread(
    name: &str,
    path: &Path,
    due: Receiver<()>,
    act: impl Fn(&Connection) -> rusqlite::Result<()> + Send + 'static,
) -> Result<JoinHandle<()>, LedgerError> {
    let connection = schema::connect(path)?;
    connection.busy_timeout(READERS_MAX).map_err(|error| LedgerError::sqlite(path, &error))?;
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            while due.recv().is_ok() {
                // What fails is asked for again the next time.
                drop(act(&connection));
            }
        })
        .map_err(|error| LedgerError::io(path, &error))
}

/// Copies what it can of the log into the file, and gives way to readers and writers; how many pages the
/// log has.
pub(super) fn copy(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}

fn checkpoint(connection: &Connection, writers: &Holder) -> rusqlite::Result<()> {
    if copy(connection)? <= LOG_PAGES_MAX {
        return Ok(());
    }
    // Writers go on meanwhile, so the log would never be found copied whole, and never begun anew:
    // what little came since is copied while they wait.
    writers
        .hold(|writing| {
            let is_busy: bool =
                connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0))?;
            if is_busy { Ok(()) } else { first_commit(writing) }
        })
        .unwrap_or(Ok(()))
}

/// The first commit in a new log waits for the disk. This is it, whatever it says.
fn first_commit(writing: &Connection) -> rusqlite::Result<()> {
    writing.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Copies the log into the file, has the disk take that, and begins the log anew.
///
/// # Errors
/// Where that fails, or readers still need the log.
pub(crate) fn begin_anew(writing: &Connection) -> rusqlite::Result<()> {
    let is_busy: bool =
        writing.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0))?;
    if is_busy {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(busy, None));
    }
    first_commit(writing)
}
