//! The operations that wait to be run, in their order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::operation::Operation;

/// What is queued, and what the thread is to do about it.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) waiting: VecDeque<Box<dyn Operation>>,
    /// What failed for the moment, and when to try it again.
    pub(crate) retrying: Vec<Box<dyn Operation>>,
    pub(crate) retry_at: Option<Instant>,
    /// How many operations were ever queued and taken.
    pub(crate) queued: u64,
    pub(crate) taken: u64,
    /// When the thread is to commit what was told, if nothing comes meanwhile.
    pub(crate) look_after: Option<Duration>,
    /// Whether the thread is to take what is waiting at once.
    pub(crate) is_called: bool,
    /// Whether the thread has to be woken.
    pub(crate) is_asleep: bool,
    pub(crate) is_closed: bool,
}

impl Queue {
    /// Takes the first `most` at the most.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Box<dyn Operation>> {
        let count = self.waiting.len().min(most);
        self.taken += count as u64;
        self.waiting.drain(..count).collect()
    }

    /// Puts back what was taken and not run.
    pub(crate) fn put_back(&mut self, group: Vec<Box<dyn Operation>>) {
        self.taken -= group.len() as u64;
        for operation in group.into_iter().rev() {
            self.waiting.push_front(operation);
        }
    }

    /// Takes what is to be tried again by now.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Box<dyn Operation>> {
        if self.is_closed || self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            return std::mem::take(&mut self.retrying);
        }
        Vec::new()
    }
}
