//! The one writer thread. Operations that are queued together share a transaction, a savepoint
//! each; an answer leaves only after the commit that holds it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use rusqlite::{Connection, TransactionBehavior};

use super::cache::Cache;
use super::error::{LedgerError, OpError};
use crate::price::PriceList;

/// How many operations one commit holds at the most.
const GROUP_MAX: usize = 256;
/// How soon an operation that must not be lost is tried again after a passing failure.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What an operation works with: the open transaction and what the writer remembers.
pub(crate) struct Writing<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) cache: &'a mut Cache,
    pub(crate) machine_id: [u8; 16],
    pub(crate) process_id: [u8; 16],
    /// Where readers find the price list in force.
    pub(crate) prices: &'a ArcSwap<PriceList>,
}

/// The answer to an operation: block on [`Reply::wait`] or await it.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Receiver<Result<T, LedgerError>>);

impl<T> Reply<T> {
    /// Blocks until the operation is committed. Not for async code: await the reply there.
    ///
    /// # Errors
    /// The operation's own error, or [`LedgerError::Closed`].
    pub fn wait(self) -> Result<T, LedgerError> {
        self.0.recv().unwrap_or(Err(LedgerError::Closed))
    }
}

impl<T> Reply<T> {
    /// The reply of a writer that is gone.
    pub(crate) fn closed() -> Reply<T> {
        Reply(oneshot::channel().1)
    }
}

/// What a [`Reply`] becomes when it is awaited.
#[derive(Debug)]
pub struct ReplyFuture<T>(oneshot::AsyncReceiver<Result<T, LedgerError>>);

impl<T> IntoFuture for Reply<T> {
    type Output = Result<T, LedgerError>;
    type IntoFuture = ReplyFuture<T>;

    fn into_future(self) -> ReplyFuture<T> {
        ReplyFuture(self.0.into_future())
    }
}

impl<T> Future for ReplyFuture<T> {
    type Output = Result<T, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(LedgerError::Closed)))
    }
}

/// Whether an operation is tried again after a passing failure (a full disk, a lock).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    UntilDone,
}

/// The sending half; the thread ends when the last one is dropped.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: Sender<Box<dyn Operation>>,
}

impl Writer {
    pub(crate) fn start(
        setting: Setting,
    ) -> std::io::Result<(Writer, std::thread::JoinHandle<()>)> {
        let (queue, operations) = channel();
        let thread = std::thread::Builder::new().name("ledger-writer".into()).spawn(move || {
            let mut state = State { setting, cache: Cache::default() };
            state.run(&operations);
        })?;
        Ok((Writer { queue }, thread))
    }

    pub(crate) fn submit<T, F>(&self, retry: Retry, operation: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued: Box<dyn Operation> =
            Box::new(Queued { operation, retry, outcome: None, reply: Some(reply) });
        // A writer that has stopped drops the operation, and with it the sender of the reply.
        drop(self.queue.send(queued));
        Reply(answer)
    }
}

trait Operation: Send {
    /// Runs inside its own savepoint; `Err` means that the savepoint is to be rolled back.
    fn run(&mut self, writing: &mut Writing<'_>, path: &Path) -> Result<(), LedgerError>;
    /// Whether to try again after `failure` of the commit.
    fn retries(&self, failure: Option<&LedgerError>) -> bool;
    fn answer(&mut self, failure: Option<&LedgerError>);
}

struct Queued<T, F> {
    operation: F,
    retry: Retry,
    outcome: Option<Result<T, LedgerError>>,
    reply: Option<oneshot::Sender<Result<T, LedgerError>>>,
}

impl<T, F> Operation for Queued<T, F>
where
    T: Send,
    F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send,
{
    fn run(&mut self, writing: &mut Writing<'_>, path: &Path) -> Result<(), LedgerError> {
        let outcome = (self.operation)(writing).map_err(|error| error.at(path));
        let verdict = outcome.as_ref().map(drop).map_err(Clone::clone);
        self.outcome = Some(outcome);
        verdict
    }

    fn retries(&self, failure: Option<&LedgerError>) -> bool {
        let own = self.outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
        self.retry == Retry::UntilDone && failure.or(own).is_some_and(LedgerError::is_passing)
    }

    fn answer(&mut self, failure: Option<&LedgerError>) {
        let Some(reply) = self.reply.take() else { return };
        let outcome = match (self.outcome.take(), failure) {
            (_, Some(failure)) => Err(failure.clone()),
            (Some(outcome), None) => outcome,
            (None, None) => Err(LedgerError::Closed),
        };
        // Nobody may be waiting any more: the operation stands all the same.
        drop(reply.send(outcome));
    }
}

/// What the writer thread is started with.
pub(crate) struct Setting {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) machine_id: [u8; 16],
    pub(crate) process_id: [u8; 16],
    pub(crate) prices: Arc<ArcSwap<PriceList>>,
    /// Called after each commit.
    pub(crate) changed: Arc<dyn Fn() + Send + Sync>,
}

struct State {
    setting: Setting,
    cache: Cache,
}

impl State {
    fn run(&mut self, operations: &Receiver<Box<dyn Operation>>) {
        let mut retrying: VecDeque<Box<dyn Operation>> = VecDeque::new();
        loop {
            let first = if retrying.is_empty() {
                operations.recv().ok()
            } else {
                match operations.recv_timeout(RETRY_AFTER) {
                    Ok(operation) => Some(operation),
                    Err(RecvTimeoutError::Timeout) => retrying.pop_front(),
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            };
            let Some(first) = first else { break };
            let mut group = vec![first];
            group.extend(retrying.drain(..));
            while group.len() < GROUP_MAX {
                let Ok(operation) = operations.try_recv() else { break };
                group.push(operation);
            }
            retrying = self.commit(group);
        }
        self.commit(retrying.into());
    }

    /// Runs the group in one transaction, answers, and returns what is to be tried again.
    fn commit(&mut self, mut group: Vec<Box<dyn Operation>>) -> VecDeque<Box<dyn Operation>> {
        let outcome = self.transact(&mut group);
        if outcome.is_err() {
            self.cache.clear();
        }
        let has_changed = matches!(outcome, Ok(true));
        let failure = outcome.err();
        let mut retrying = VecDeque::new();
        for mut operation in group {
            if operation.retries(failure.as_ref()) {
                retrying.push_back(operation);
            } else {
                operation.answer(failure.as_ref());
            }
        }
        if has_changed {
            (self.setting.changed)();
        }
        retrying
    }

    /// Runs the group in one transaction; whether anything changed.
    fn transact(&mut self, group: &mut [Box<dyn Operation>]) -> Result<bool, LedgerError> {
        let failed = |path: &Path, error: &rusqlite::Error| LedgerError::sqlite(path, error);
        let transaction = self
            .setting
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failed(&self.setting.path, &error))?;
        self.cache
            .forget_if_changed_elsewhere(&transaction)
            .map_err(|error| failed(&self.setting.path, &error))?;
        let changes_before = transaction.total_changes();
        for operation in group {
            run_in_savepoint(
                operation.as_mut(),
                &mut Writing {
                    connection: &transaction,
                    cache: &mut self.cache,
                    machine_id: self.setting.machine_id,
                    process_id: self.setting.process_id,
                    prices: &self.setting.prices,
                },
                &self.setting.path,
            )?;
        }
        if transaction.total_changes() == changes_before {
            return Ok(false);
        }
        transaction
            .prepare_cached("UPDATE ledger SET revision = revision + 1")
            .and_then(|mut statement| statement.execute([]))
            .map_err(|error| failed(&self.setting.path, &error))?;
        transaction.commit().map_err(|error| failed(&self.setting.path, &error))?;
        Ok(true)
    }
}

fn run_in_savepoint(
    operation: &mut dyn Operation,
    writing: &mut Writing<'_>,
    path: &Path,
) -> Result<(), LedgerError> {
    let connection = writing.connection;
    let execute = |sql: &str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(|error| LedgerError::sqlite(path, &error))
    };
    execute("SAVEPOINT operation")?;
    let outcome = operation.run(writing, path).and_then(|()| {
        let flushed = writing.cache.counters.flush(connection);
        flushed.map_err(|error| LedgerError::sqlite(path, &error))
    });
    if let Err(error) = outcome {
        // What the operation remembered may describe rows that are rolled back with it.
        writing.cache.clear();
        // A full or failing disk makes SQLite end the whole transaction by itself.
        if connection.is_autocommit() {
            return Err(error);
        }
        execute("ROLLBACK TO operation")?;
    }
    execute("RELEASE operation")
}
