//! An operation on the ledger while it is queued: what it does, and whom it answers.

use std::path::Path;

use arc_swap::ArcSwap;
use rusqlite::Connection;

use super::cache::Cache;
use super::error::{LedgerError, OpError};
use crate::price::PriceList;

/// What an operation works with: the open transaction and what the writer remembers.
pub(crate) struct Writing<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) cache: &'a mut Cache,
    pub(crate) machine_id: [u8; 16],
    pub(crate) process_id: [u8; 16],
    /// Where readers find the price list in force.
    pub(crate) prices: &'a ArcSwap<PriceList>,
}

/// Whether an operation is tried again after a passing failure (a full disk, a lock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    UntilDone,
}

/// A queued operation. It can be run several times, and what it wrote is rolled back in between: so
/// it must do nothing but write, and remember in the cache.
pub(crate) trait Operation: Send {
    /// Runs in the open transaction and keeps the outcome; whether it succeeded.
    fn run(&mut self, writing: &mut Writing<'_>, path: &Path) -> bool;
    /// Replaces the outcome: nothing of what it did has been kept.
    fn fail(&mut self, failure: &LedgerError);
    /// Whether to try again, by the outcome that it has.
    fn is_to_be_retried(&self) -> bool;
    /// Hands the outcome over to whoever waits for it.
    fn answer(self: Box<Self>);
}

/// An operation with the place for its outcome, and what makes the answer of one that is kept.
pub(crate) struct Queued<T, U, F, G> {
    operation: F,
    finish: G,
    retry: Retry,
    outcome: Option<Result<T, LedgerError>>,
    reply: oneshot::Sender<Result<U, LedgerError>>,
}

impl<T, U, F, G> Queued<T, U, F, G> {
    pub(crate) fn new(
        retry: Retry,
        operation: F,
        finish: G,
        reply: oneshot::Sender<Result<U, LedgerError>>,
    ) -> Queued<T, U, F, G> {
        Queued { operation, finish, retry, outcome: None, reply }
    }
}

impl<T, U, F, G> Operation for Queued<T, U, F, G>
where
    T: Send,
    U: Send,
    F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send,
    G: FnOnce(T) -> U + Send,
{
    fn run(&mut self, writing: &mut Writing<'_>, path: &Path) -> bool {
        let outcome = (self.operation)(writing).map_err(|error| error.at(path));
        self.outcome.insert(outcome).is_ok()
    }

    fn fail(&mut self, failure: &LedgerError) {
        self.outcome = Some(Err(failure.clone()));
    }

    fn is_to_be_retried(&self) -> bool {
        self.retry == Retry::UntilDone
            && matches!(&self.outcome, Some(Err(failure)) if failure.is_passing())
    }

    fn answer(self: Box<Self>) {
        let Queued { outcome, finish, reply, .. } = *self;
        let outcome = outcome.unwrap_or(Err(LedgerError::Closed)).map(finish);
        // Nobody may be waiting any more: the operation stands all the same.
        drop(reply.send(outcome));
    }
}
