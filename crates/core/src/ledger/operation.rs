//! An operation on the ledger while it is queued: what it does, and whom it answers.

use std::path::Path;

use rusqlite::Connection;

use super::cache::Cache;
use super::error::{LedgerError, OpError};

/// What an operation works with: the open transaction and what the writer remembers.
pub(crate) struct Writing<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) cache: &'a mut Cache,
    pub(crate) machine_id: [u8; 16],
    pub(crate) process_id: [u8; 16],
    /// What must survive this process if the answer is given before the commit.
    pub(crate) notes: &'a mut Vec<String>,
    pub(crate) course: Course,
}

/// How a transaction goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// It is committed next, with whatever operations share it.
    Closed,
    /// It is left open for operations that may be firm, and for no others.
    Open,
    /// The answers were given, and what was written is gone: all has to come to the same again.
    Redone,
}

impl Course {
    /// Whether rows may be written at the end of the transaction: whoever runs in it knows of them.
    pub(crate) fn may_defer(self) -> bool {
        self == Course::Open
    }
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
    /// The failure that it has, if that may pass.
    fn passing_failure(&self) -> Option<&LedgerError>;
    /// Whether there are outcomes that may be told before they are committed.
    fn may_be_firm(&self) -> bool;
    /// Whether the outcome that it has may be.
    fn is_firm(&self) -> bool;
    /// What hands the outcome over to whoever waits for it. Afterwards nobody is answered.
    fn answer(&mut self) -> Answer;
}

/// Hands an outcome over; to be called with no lock held.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

/// Which outcomes may be told before they are committed: those that come to the same when the
/// operation is redone, whatever others did meanwhile.
pub(crate) type Firm<T> = fn(&T) -> bool;

/// An operation with the place for its outcome, and what makes the answer of one that is kept.
pub(crate) struct Queued<T, U, F, G> {
    operation: F,
    retry: Retry,
    firm: Option<Firm<T>>,
    outcome: Option<Result<T, LedgerError>>,
    asker: Option<(G, oneshot::Sender<Result<U, LedgerError>>)>,
}

impl<T, U, F, G> Queued<T, U, F, G> {
    pub(crate) fn new(
        (retry, firm): (Retry, Option<Firm<T>>),
        operation: F,
        finish: G,
        reply: oneshot::Sender<Result<U, LedgerError>>,
    ) -> Queued<T, U, F, G> {
        Queued { operation, retry, firm, outcome: None, asker: Some((finish, reply)) }
    }
}

impl<T, U, F, G> Operation for Queued<T, U, F, G>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send,
    G: FnOnce(T) -> U + Send + 'static,
{
    fn run(&mut self, writing: &mut Writing<'_>, path: &Path) -> bool {
        let outcome = (self.operation)(writing).map_err(|error| error.at(path));
        self.outcome.insert(outcome).is_ok()
    }

    fn fail(&mut self, failure: &LedgerError) {
        self.outcome = Some(Err(failure.clone()));
    }

    fn is_to_be_retried(&self) -> bool {
        self.retry == Retry::UntilDone && self.passing_failure().is_some()
    }

    fn passing_failure(&self) -> Option<&LedgerError> {
        let failure = self.outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
        failure.filter(|failure| failure.is_passing())
    }

    fn may_be_firm(&self) -> bool {
        self.firm.is_some()
    }

    fn is_firm(&self) -> bool {
        let outcome = self.outcome.as_ref().and_then(|outcome| outcome.as_ref().ok());
        self.firm.zip(outcome).is_some_and(|(firm, outcome)| firm(outcome))
    }

    fn answer(&mut self) -> Answer {
        let outcome = self.outcome.take().unwrap_or(Err(LedgerError::Closed));
        let asker = self.asker.take();
        Box::new(move || {
            if let Some((finish, reply)) = asker {
                // Nobody may be waiting any more: the operation stands all the same.
                drop(reply.send(outcome.map(finish)));
            }
        })
    }
}
