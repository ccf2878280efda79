//! The open file: its connections, its threads, and the lock that says this process lives.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::error::{LedgerError, OpError};
use super::process::Liveness;
use super::time::new_id;
use super::writer::{Reply, Retry, Setting, Writer, Writing};
use super::{price, schema};
use crate::price::PriceList;

/// The file's name in the data folder.
const FILE: &str = "outlay.db";
/// The folder of the locks that tell which processes live.
const PROCESSES: &str = "processes";
/// Commits between two checkpoints of the write-ahead log.
const CHECKPOINT_EVERY: u32 = 1_000;

/// A longer write-ahead log is begun anew.
const LOG_PAGES_MAX: i64 = 4_000;

/// What a process does with the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Forwards calls: holds a lock by which others know that it lives.
    Forward,
    /// Reads and sets, never forwards.
    Use,
}

/// What is called after each commit.
pub type Changed = Arc<dyn Fn() + Send + Sync>;

/// How to open a ledger.
pub struct Opening {
    /// What for.
    pub role: Role,
    /// The current instant.
    pub now: DateTime<Utc>,
    /// Called after each commit of this process, on the writer thread: must be quick.
    pub changed: Changed,
}

/// What all clones of a handle share.
pub(crate) struct OpenFile {
    pub(crate) path: PathBuf,
    pub(crate) processes: PathBuf,
    pub(crate) fingerprint_secret: [u8; 32],
    pub(crate) prices: Arc<ArcSwap<PriceList>>,
    readers: Mutex<Vec<Connection>>,
    writer: Option<Writer>,
    /// The writer's, and the checkpoints', in the order in which they end.
    threads: Mutex<Vec<JoinHandle<()>>>,
    liveness: Mutex<Option<Liveness>>,
}

impl OpenFile {
    /// Opens the file in `folder`, made or migrated as needed, and starts its threads.
    pub(crate) fn open(folder: &Path, opening: Opening) -> Result<OpenFile, LedgerError> {
        let path = folder.join(FILE);
        let (connection, identity) = schema::open(&path, opening.now)?;
        let process_id = new_id(opening.now);
        let processes = folder.join(PROCESSES);
        let liveness = match opening.role {
            Role::Forward => {
                connection
                    .pragma_update(None, "wal_autocheckpoint", 0)
                    .map_err(|error| LedgerError::sqlite(&path, &error))?;
                Some(Liveness::take(&processes, process_id, &connection, opening.now)?)
            }
            Role::Use => None,
        };
        let prices = Arc::new(ArcSwap::from_pointee(PriceList::with_user_prices(
            price::user_prices(&connection).map_err(|error| LedgerError::sqlite(&path, &error))?,
        )));
        let mut threads = Vec::new();
        let changed = match opening.role {
            Role::Forward => {
                let (changed, thread) = checkpointing(&path, opening.changed)?;
                threads.push(thread);
                changed
            }
            Role::Use => opening.changed,
        };
        let (writer, thread) = Writer::start(Setting {
            connection,
            path: path.clone(),
            machine_id: identity.machine_id,
            process_id,
            prices: Arc::clone(&prices),
            changed,
        })
        .map_err(|error| LedgerError::io(&path, &error))?;
        threads.insert(0, thread);
        Ok(OpenFile {
            path,
            processes,
            fingerprint_secret: identity.fingerprint_secret,
            prices,
            readers: Mutex::default(),
            writer: Some(writer),
            threads: Mutex::new(threads),
            liveness: Mutex::new(liveness),
        })
    }

    /// Runs `query` on a connection of its own, in one snapshot.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, OpError>,
    ) -> Result<T, LedgerError> {
        let pooled = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => schema::connect(&self.path)?,
        };
        let outcome = (|| {
            let snapshot = connection.unchecked_transaction()?;
            query(&snapshot)
        })();
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        outcome.map_err(|error| error.at(&self.path))
    }

    /// Queues `operation` for the writer.
    pub(crate) fn submit<T, F>(&self, retry: Retry, operation: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer.submit(retry, operation),
            None => Reply::closed(),
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // The writer ends when its queue is empty and the last sender is gone.
        self.writer = None;
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let is_writer =
            |thread: &JoinHandle<()>| thread.thread().id() == std::thread::current().id();
        if !threads.iter().any(is_writer) {
            for thread in threads {
                drop(thread.join());
            }
        }
        // Only now may others hold this process for dead.
        self.liveness.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("role", &self.role).field("now", &self.now).finish()
    }
}

/// Moves the write-ahead log into the file from a thread of its own, so that no call waits for it.
fn checkpointing(path: &Path, changed: Changed) -> Result<(Changed, JoinHandle<()>), LedgerError> {
    let (due, wanted) = std::sync::mpsc::sync_channel::<()>(1);
    let connection = schema::connect(path)?;
    let thread = std::thread::Builder::new()
        .name("ledger-checkpoint".into())
        .spawn(move || {
            while wanted.recv().is_ok() {
                // Passive: it gives way to readers and the writer, and is asked for again.
                let pages = connection
                    .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1));
                // The writer goes on meanwhile, so the log would never be found copied whole, and
                // never begun anew: what little came since is copied while the writer waits.
                if pages.is_ok_and(|pages| pages > LOG_PAGES_MAX) {
                    drop(connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())));
                }
            }
        })
        .map_err(|error| LedgerError::io(path, &error))?;
    let commits = AtomicU32::new(0);
    let changed = Arc::new(move || {
        if commits.fetch_add(1, Ordering::Relaxed) % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1 {
            // A full channel means that a checkpoint is due already.
            let _ = due.try_send(());
        }
        changed();
    });
    Ok((changed, thread))
}
