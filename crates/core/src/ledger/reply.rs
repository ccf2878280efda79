//! The answer to an operation, which who waits for it may hurry.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::LedgerError;

/// Who can run what is queued on the thread that asks for it.
pub(crate) trait Runner: std::fmt::Debug + Send + Sync {
    /// Runs what is queued, unless somebody else does.
    fn run_here(&self);
    /// Commits what was told.
    fn commit(&self);
}

/// The answer to an operation: block on [`Reply::wait`] or await it.
#[derive(Debug)]
pub struct Reply<T> {
    answer: oneshot::Receiver<Result<T, LedgerError>>,
    /// Where the operation is to be run by who waits.
    here: Option<Arc<dyn Runner>>,
    foreseen: Option<T>,
}

impl<T> Reply<T> {
    /// Blocks until the operation is committed. Not for async code: await the reply there, which may
    /// come some milliseconds before the commit where that cannot change it any more.
    ///
    /// # Errors
    /// The operation's own error, or [`LedgerError::Closed`].
    pub fn wait(self) -> Result<T, LedgerError> {
        if let Some(shared) = &self.here {
            shared.run_here();
        }
        let answer = self.answer.recv().unwrap_or(Err(LedgerError::Closed));
        if let Some(shared) = &self.here {
            shared.commit();
        }
        answer
    }

    /// What the answer will be if nothing else happens before the commit; `None` where nobody can
    /// tell yet.
    pub fn foreseen(&mut self) -> Option<T> {
        self.foreseen.take()
    }

    /// Waits for the answer, but not for long, and whatever it is.
    pub(crate) fn wait_for(self, most: std::time::Duration) {
        drop(self.answer.recv_timeout(most));
    }

    #[cfg(test)]
    pub(crate) fn is_answered(&self) -> bool {
        self.answer.is_closed() || self.answer.has_message()
    }

    /// The reply with what its answer is expected to be.
    pub(crate) fn foreseeing(self, foreseen: Option<T>) -> Reply<T> {
        Reply { foreseen, ..self }
    }

    pub(crate) fn new(
        answer: oneshot::Receiver<Result<T, LedgerError>>,
        here: Option<Arc<dyn Runner>>,
    ) -> Reply<T> {
        Reply { answer, here, foreseen: None }
    }

    /// The reply to what could not even be asked.
    pub(crate) fn failed(error: LedgerError) -> Reply<T> {
        let (reply, answer) = oneshot::channel();
        drop(reply.send(Err(error)));
        Reply::new(answer, None)
    }

    /// The reply of a writer that is gone.
    pub(crate) fn closed() -> Reply<T> {
        Reply::new(oneshot::channel().1, None)
    }
}

impl<T> IntoFuture for Reply<T> {
    type Output = Result<T, LedgerError>;
    type IntoFuture = ReplyFuture<T>;

    fn into_future(self) -> ReplyFuture<T> {
        let turn = self.here.map_or(Turn::Over, Turn::Yields);
        ReplyFuture { answer: self.answer.into_future(), turn }
    }
}

/// What a [`Reply`] becomes when it is awaited.
#[derive(Debug)]
pub struct ReplyFuture<T> {
    answer: oneshot::AsyncReceiver<Result<T, LedgerError>>,
    turn: Turn,
}

#[derive(Debug)]
enum Turn {
    /// Other tasks that are ready come first: their operations share the commit.
    Yields(Arc<dyn Runner>),
    /// Runs what is queued.
    Runs(Arc<dyn Runner>),
    /// Waits for the answer.
    Over,
}

impl<T> Future for ReplyFuture<T> {
    type Output = Result<T, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = Pin::new(&mut self.answer).poll(context);
        if answer.is_pending() {
            match std::mem::replace(&mut self.turn, Turn::Over) {
                Turn::Yields(shared) => {
                    self.turn = Turn::Runs(shared);
                    context.waker().wake_by_ref();
                }
                Turn::Runs(shared) => {
                    shared.run_here();
                    answer = Pin::new(&mut self.answer).poll(context);
                }
                Turn::Over => {}
            }
        }
        answer.map(|answer| answer.unwrap_or(Err(LedgerError::Closed)))
    }
}
