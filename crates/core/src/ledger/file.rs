//! The open file: its connections, its threads, and the lock that says this process lives.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use hmac::Hmac;
use rusqlite::Connection;
use sha2::Sha256;

use super::cache::Cache;
use super::disk::Disk;
use super::error::{LedgerError, OpError};
use super::journal::Journal;
use super::knock::Knock;
use super::operation::Firm;
use super::process::Liveness;
use super::reply::Reply;
use super::time::{new_id, to_ms};
use super::writer::{Retry, Runs, Setting, Writer, Writing};
use super::{checkpoint, price, process, schema};
use crate::price::PriceList;

/// The file's name in the data folder.
const FILE: &str = "outlay.db";
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
    /// The file as it was, where opening it migrated it.
    pub(crate) backup: Option<PathBuf>,
    /// What makes fingerprints of keys, with the secret in it.
    pub(crate) fingerprints: Hmac<Sha256>,
    pub(crate) prices: Arc<ArcSwap<PriceList>>,
    readers: Mutex<Vec<Connection>>,
    /// Never writes, so that it sees every commit as one of others.
    onlooker: Mutex<Option<Connection>>,
    /// What revisions begin with, so that they differ from those of earlier handles.
    opened_ms: i64,
    writer: Option<Writer>,
    /// Started by the first who asks for it.
    disk: Mutex<Option<Disk>>,
    /// The writer's, the checkpoints' and the disk's, in the order in which they end.
    threads: Mutex<Vec<JoinHandle<()>>>,
    liveness: Mutex<Option<Liveness>>,
}

impl OpenFile {
    /// Opens the file in `folder`, made or migrated as needed, and starts its threads.
    pub(crate) fn open(folder: &Path, opening: Opening) -> Result<OpenFile, LedgerError> {
        let path = folder.join(FILE);
        let schema::Opened { connection, identity, backup } = schema::open(&path, opening.now)?;
        let process_id = new_id(opening.now);
        let processes = folder.join(process::FOLDER);
        let (liveness, journal) = match opening.role {
            Role::Forward => {
                // A command may never ask for a price; the first call must not wait for the list.
                PriceList::warm_up();
                connection
                    .pragma_update(None, "wal_autocheckpoint", 0)
                    .map_err(|error| LedgerError::sqlite(&path, &error))?;
                // Its first write must not depend on luck beside a proxy that is busy.
                let knock = Knock::at(&path);
                let liveness = Liveness::take(&processes, process_id, &connection, opening.now)?;
                drop(knock);
                (Some(liveness), Some(Journal::create(&processes, process_id)?))
            }
            Role::Use => (None, None),
        };
        let prices = Arc::new(ArcSwap::from_pointee(PriceList::with_user_prices(
            price::user_prices(&connection).map_err(|error| LedgerError::sqlite(&path, &error))?,
        )));
        let (changed, due) = checkpoint::counting(opening.changed);
        let setting = Setting {
            connection,
            path: path.clone(),
            machine_id: identity.machine_id,
            process_id,
            prices: Arc::clone(&prices),
            changed,
            journal,
        };
        let thread = |error: &std::io::Error| LedgerError::io(&path, error);
        let (writer, its_thread) = Writer::start(setting).map_err(|error| thread(&error))?;
        let mut threads = vec![its_thread];
        if opening.role == Role::Forward {
            threads.push(checkpoint::start(&path, due, writer.holder())?);
        }
        Ok(OpenFile {
            path,
            processes,
            backup,
            fingerprints: identity.fingerprints,
            prices,
            readers: Mutex::default(),
            onlooker: Mutex::default(),
            opened_ms: to_ms(opening.now),
            writer: Some(writer),
            disk: Mutex::default(),
            threads: Mutex::new(threads),
            liveness: Mutex::new(liveness),
        })
    }

    /// Asks what the writer remembers; `None` while somebody writes.
    pub(crate) fn recall<T>(&self, ask: impl FnOnce(&Cache) -> Option<T>) -> Option<T> {
        self.writer.as_ref()?.recall(ask)
    }

    /// Runs `query` on a connection of its own, in one snapshot that has what this process queued
    /// before.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, OpError>,
    ) -> Result<T, LedgerError> {
        if let Some(writer) = &self.writer {
            writer.catch_up();
        }
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

    /// A number that changes with every commit of any process, what this one has told included: for
    /// comparing, with this handle only.
    pub(crate) fn revision(&self) -> Result<i64, LedgerError> {
        if let Some(writer) = &self.writer {
            writer.catch_up();
        }
        let mut onlooker = self.onlooker.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *onlooker {
            Some(connection) => connection,
            none => none.insert(schema::connect(&self.path)?),
        };
        let version: i64 = connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| LedgerError::sqlite(&self.path, &error))?;
        Ok(self.opened_ms.saturating_mul(1_000).saturating_add(version))
    }

    /// Answers once all that was told before is on the disk.
    pub(crate) fn on_disk(&self) -> Reply<()> {
        let Some(writer) = &self.writer else { return Reply::closed() };
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(disk) = &*disk {
            return disk.take();
        }
        match Disk::start(&self.path, writer.holder()) {
            Ok((started, thread)) => {
                self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
                disk.insert(started).take()
            }
            Err(error) => Reply::failed(LedgerError::io(&self.path, &error)),
        }
    }

    /// Queues `operation` for the writer's thread.
    pub(crate) fn submit<T, F>(&self, retry: Retry, operation: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
    {
        self.submit_to(Runs::There, (retry, None), operation, |outcome| outcome)
    }

    /// As [`OpenFile::submit`]; `finish` makes the answer once the outcome is committed.
    pub(crate) fn submit_then<T, U, F, G>(&self, operation: F, finish: G) -> Reply<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        self.submit_to(Runs::There, (Retry::Never, None), operation, finish)
    }

    /// Queues a short `operation`, which who waits for the reply may run. Whatever it comes to may
    /// be told before it is committed.
    pub(crate) fn submit_here<T, F>(&self, retry: Retry, operation: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
    {
        self.submit_to(Runs::Here, (retry, Some(|_| true)), operation, |outcome| outcome)
    }

    /// As [`OpenFile::submit_here`], but told early only where it is `firm`; `finish` makes the
    /// answer then. What is to be undone by being dropped is made there: an operation may run more
    /// than once.
    pub(crate) fn submit_here_then<T, U, F, G>(
        &self,
        (retry, firm): (Retry, Firm<T>),
        operation: F,
        finish: G,
    ) -> Reply<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        self.submit_to(Runs::Here, (retry, Some(firm)), operation, finish)
    }

    fn submit_to<T, U, F, G>(
        &self,
        runs: Runs,
        answering: (Retry, Option<Firm<T>>),
        operation: F,
        finish: G,
    ) -> Reply<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer.submit_then(runs, answering, operation, finish),
            None => Reply::closed(),
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // The writer ends when its queue is empty and the last sender is gone.
        self.writer = None;
        self.disk.lock().unwrap_or_else(PoisonError::into_inner).take();
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
