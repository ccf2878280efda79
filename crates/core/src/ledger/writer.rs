//! Operations queue up, share a transaction, and are answered after the commit that holds them, or
//! before where it cannot change the answer any more.
//!
//! Who waits for an answer runs what is queued, if nobody does so already: going to another thread
//! and back costs more than most operations take. The thread runs what may take long, what nobody
//! waits for, and what has failed for the moment.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::cache::Cache;
use super::error::{LedgerError, OpError};
use super::operation::{Answer, Firm, Operation, Queued};
pub(crate) use super::operation::{Course, Retry, Writing};
use super::queue::Queue;
use super::reply::{Reply, Runner};
pub(crate) use super::transaction::Setting;
use super::transaction::{Patience, Ran, State};

/// How many operations one commit of the thread holds at the most.
const GROUP_MAX: usize = 256;
/// How many it holds on a thread that has other things to do.
const GROUP_HERE_MAX: usize = 64;
/// With more than this waiting, the other thread gains more than waking it costs.
const HERE_MAX: usize = 3;
/// How many commits such a thread makes before it leaves what came meanwhile to the other one.
const ROUNDS_HERE_MAX: usize = 3;
/// How soon an operation that must not be lost is tried again after a passing failure.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long an operation waits for who wants its answer, before the thread takes it. Each look costs
/// the thread about as much as a small write.
const UNCLAIMED_MAX: Duration = Duration::from_millis(20);
/// How long a reader waits for what was queued before it came.
const CATCH_UP_MAX: Duration = Duration::from_millis(100);
/// How long a transaction is left open when nothing more comes.
const OPEN_IDLE_MAX: Duration = Duration::from_millis(1);
/// After this many looks in vain the thread sleeps until it is woken.
const LOOKS_IN_VAIN_MAX: u32 = 3;

/// Who runs an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Who waits for the reply, on a thread that must not be kept: for short ones only.
    Here,
    /// The writer's thread.
    There,
}

/// The way to the queue; closed when it is dropped, and the thread ends when the queue is empty.
pub(crate) struct Writer(Arc<Shared>);

impl Writer {
    pub(crate) fn start(setting: Setting) -> std::io::Result<(Writer, JoinHandle<()>)> {
        Writer::start_with(setting, UNCLAIMED_MAX)
    }

    fn start_with(
        setting: Setting,
        unclaimed_max: Duration,
    ) -> std::io::Result<(Writer, JoinHandle<()>)> {
        let shared = Arc::new(Shared {
            unclaimed_max,
            queue: Mutex::default(),
            bell: Condvar::new(),
            state: Mutex::new(Some(State::new(setting))),
        });
        let its = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("ledger-writer".into())
            .spawn(move || its.run_there())?;
        Ok((Writer(shared), thread))
    }

    pub(crate) fn submit<T, F>(&self, runs: Runs, retry: Retry, operation: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
    {
        self.submit_then(runs, (retry, None), operation, |outcome| outcome)
    }

    /// As [`Writer::submit`]; `finish` makes the answer once the outcome is committed, or firm.
    pub(crate) fn submit_then<T, U, F, G>(
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
        let (reply, answer) = oneshot::channel();
        self.0.push(Box::new(Queued::new(answering, operation, finish, reply)), runs);
        let here = (runs == Runs::Here).then(|| Arc::clone(&self.0) as Arc<dyn Runner>);
        Reply::new(answer, here)
    }

    /// Asks what is remembered; `None` while somebody writes.
    pub(crate) fn recall<T>(&self, ask: impl FnOnce(&Cache) -> Option<T>) -> Option<T> {
        let state = self.0.state.try_lock().ok()?;
        ask(state.as_ref()?.cache()?)
    }

    /// Waits until what was queued before is committed, but not for long.
    pub(crate) fn catch_up(&self) {
        let is_open = self.0.state.try_lock().ok().map(|state| {
            let is_queued = !self.0.queue().waiting.is_empty();
            (is_queued, state.as_ref().is_some_and(State::is_open))
        });
        match is_open {
            Some((false, false)) => {}
            Some((false, true)) => self.0.commit(),
            _ => {
                let after = self.submit(Runs::There, Retry::Never, |_| Ok(()));
                after.wait_for(CATCH_UP_MAX);
            }
        }
    }

    /// A way to keep writers waiting.
    pub(crate) fn holder(&self) -> Holder {
        Holder(Arc::clone(&self.0))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.is_closed = true;
        queue.is_asleep = false;
        self.0.bell.notify_one();
    }
}

/// Keeps writers waiting.
pub(crate) struct Holder(Arc<Shared>);

impl Holder {
    /// Runs `act` on the writing connection, outside of a transaction, while nobody of this process
    /// writes. `None` when the writer has ended.
    pub(crate) fn hold<T>(&self, act: impl FnOnce(&Connection) -> T) -> Option<T> {
        let mut state = self.0.state();
        let outcome = state.as_mut().map(|open| act(open.connection()));
        drop(state);
        // What came meanwhile found the lock taken.
        let queue = self.0.queue();
        if !queue.waiting.is_empty() {
            self.0.call_thread(queue);
        }
        outcome
    }

    /// Commits what was told, or says that it could not be.
    pub(crate) fn commit(&self) -> Result<(), LedgerError> {
        let mut state = self.0.state();
        let open = state.as_mut().ok_or(LedgerError::Closed)?;
        if !open.is_open() && !open.is_owing() {
            return Ok(());
        }
        let ran = open.catch_up();
        let stored = open.stored();
        let changed = self.0.leave(open);
        drop(state);
        self.0.finish((Vec::new(), Vec::new()), ran, &*changed);
        // What came meanwhile found the lock taken.
        let queue = self.0.queue();
        if !queue.waiting.is_empty() {
            self.0.call_thread(queue);
        }
        stored
    }
}

struct Shared {
    unclaimed_max: Duration,
    queue: Mutex<Queue>,
    /// Wakes the thread.
    bell: Condvar,
    /// `None` once the thread has ended.
    state: Mutex<Option<State>>,
}

impl Shared {
    // No code that could panic runs under this lock.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, operation: Box<dyn Operation>, runs: Runs) {
        let mut queue = self.queue();
        // Dropped, with it the sender of the reply.
        if queue.is_closed {
            drop(queue);
            return;
        }
        queue.waiting.push_back(operation);
        queue.queued += 1;
        let calls = runs == Runs::There && !std::mem::replace(&mut queue.is_called, true);
        if std::mem::take(&mut queue.is_asleep) || calls {
            self.bell.notify_one();
        }
    }

    fn call_thread(&self, mut queue: MutexGuard<'_, Queue>) {
        queue.is_called = true;
        queue.is_asleep = false;
        self.bell.notify_one();
    }

    /// Before the lock is given back: has the thread look after what is left to be committed.
    fn leave(&self, open: &State) -> Arc<dyn Fn() + Send + Sync> {
        let look_after = match (open.is_open(), open.is_owing()) {
            (true, _) if open.is_due() => Some(Duration::ZERO),
            (true, _) => Some(OPEN_IDLE_MAX),
            (false, true) => Some(RETRY_AFTER),
            (false, false) => None,
        };
        let mut queue = self.queue();
        let is_news = look_after.is_some() && queue.look_after != look_after;
        queue.look_after = look_after;
        if is_news {
            queue.is_asleep = false;
            self.bell.notify_one();
        }
        open.changed()
    }

    /// Answers, with no lock held: whoever is answered may call us.
    fn finish(
        &self,
        (group, told): (Vec<Box<dyn Operation>>, Vec<Answer>),
        ran: Ran,
        changed: &(dyn Fn() + Send + Sync),
    ) {
        for answer in told {
            answer();
        }
        for mut operation in group {
            let to_be_retried = operation.is_to_be_retried();
            let mut queue = self.queue();
            if queue.is_closed || !to_be_retried {
                drop(queue);
                operation.answer()();
                continue;
            }
            queue.retrying.push(operation);
            queue.retry_at.get_or_insert(Instant::now() + RETRY_AFTER);
            if std::mem::take(&mut queue.is_asleep) {
                self.bell.notify_one();
            }
        }
        if ran == Ran::Changed {
            changed();
        }
    }

    /// The thread: until the queue is closed and empty.
    fn run_there(&self) {
        let _closing = Closing(self);
        while let Some(mut group) = self.next_group() {
            let mut state = self.state();
            // Whoever held the lock may have taken what was waiting.
            group.extend(self.queue().take(GROUP_MAX));
            let Some(open) = state.as_mut() else { return };
            let mut told = Vec::new();
            let ran = match group.is_empty() {
                true if open.write_ahead() => Ran::Unchanged,
                true => open.catch_up(),
                false => open.run(&mut group, Patience::Some, &mut told),
            };
            let changed = self.leave(open);
            drop(state);
            self.finish((group, told), ran, &*changed);
            let mut queue = self.queue();
            queue.is_called |= !queue.waiting.is_empty();
        }
    }

    /// Waits until the thread has something to do: what is due for another try, and leave to take
    /// what is waiting. `None` when all is done.
    fn next_group(&self) -> Option<Vec<Box<dyn Operation>>> {
        let mut queue = self.queue();
        let mut looks_in_vain = 0;
        loop {
            let now = Instant::now();
            let due = queue.take_due(now);
            if std::mem::take(&mut queue.is_called) || !due.is_empty() {
                return Some(due);
            }
            if queue.is_closed {
                return (!queue.waiting.is_empty()).then_some(due);
            }
            let queued = queue.queued;
            if let Some(most) = queue.look_after {
                if !most.is_zero() {
                    queue = self.listen(queue, most);
                }
                if queue.queued == queued || queue.look_after == Some(Duration::ZERO) {
                    queue.look_after = None;
                    return Some(due);
                }
                continue;
            }
            queue.is_asleep = queue.waiting.is_empty() && looks_in_vain >= LOOKS_IN_VAIN_MAX;
            queue = match (queue.is_asleep, queue.retry_at) {
                (false, _) => self.listen(queue, self.unclaimed_max),
                (true, Some(at)) => self.listen(queue, at.saturating_duration_since(now)),
                (true, None) => self.bell.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
            queue.is_asleep = false;
            queue.is_called |= queue.taken < queued;
            looks_in_vain = if queue.queued == queued { looks_in_vain + 1 } else { 0 };
        }
    }

    fn listen<'a>(&self, queue: MutexGuard<'a, Queue>, most: Duration) -> MutexGuard<'a, Queue> {
        self.bell.wait_timeout(queue, most).unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runner for Shared {
    /// Whoever runs takes along what came meanwhile.
    fn run_here(&self) {
        let queue = self.queue();
        if queue.waiting.len() > HERE_MAX {
            return self.call_thread(queue);
        }
        drop(queue);
        for _ in 0..ROUNDS_HERE_MAX {
            // Dropped after the lock: what an operation holds may close the ledger.
            let mut group;
            let mut state = match self.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            group = self.queue().take(GROUP_HERE_MAX);
            if let Some(open) = state.as_mut().filter(|_| !group.is_empty()) {
                let mut told = Vec::new();
                let ran = open.run(&mut group, Patience::None, &mut told);
                let changed = self.leave(open);
                drop(state);
                if ran == Ran::Busy {
                    let mut queue = self.queue();
                    queue.put_back(group);
                    return self.call_thread(queue);
                }
                self.finish((group, told), ran, &*changed);
            } else {
                drop(state);
            }
            // What came while the lock was held found it taken, and counts on us.
            if self.queue().waiting.is_empty() {
                return;
            }
        }
        self.call_thread(self.queue());
    }

    fn commit(&self) {
        let mut state = self.state();
        let Some(open) = state.as_mut().filter(|open| open.is_open()) else { return };
        let ran = open.close_if_open();
        let changed = self.leave(open);
        drop(state);
        self.finish((Vec::new(), Vec::new()), ran, &*changed);
    }
}

/// Closes the connection when the thread ends, however it does: what is queued then is answered as
/// closed.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let state = self.0.state().take().map(State::end);
        let mut queue = self.0.queue();
        queue.is_closed = true;
        let unanswered = (std::mem::take(&mut queue.waiting), std::mem::take(&mut queue.retrying));
        drop(queue);
        drop((state, unanswered));
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
