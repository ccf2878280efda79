//! Waiting for money that running calls hold.
//!
//! A call of this process that ends wakes the waiters at once. Other processes are looked after by
//! one task, which lives as long as anybody waits and asks for the ledger's revision.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outlay_core::ledger::{Admission, Ledger, LedgerError, NewCall};
use outlay_core::report;
use tokio::sync::watch;

/// How often other processes' changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A period's end that is past already, by a clock that was set, is looked at again this soon.
const SOON: Duration = Duration::from_secs(1);

/// Who waits, and what wakes them.
#[derive(Clone, Debug)]
pub(crate) struct Waiting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    freed: watch::Sender<u64>,
    waiters: AtomicUsize,
    is_looking: AtomicBool,
}

impl Waiting {
    pub(crate) fn new() -> Waiting {
        Waiting(Arc::new(Inner {
            freed: watch::Sender::new(0),
            waiters: AtomicUsize::new(0),
            is_looking: AtomicBool::new(false),
        }))
    }

    /// Money may have come back.
    pub(crate) fn wake(&self) {
        self.0.freed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Asks to send a call until it is admitted or refused, and gives up after `wait_max`.
    /// `call.at` moves on with `now` while it waits: a raise made meanwhile counts for it, and it
    /// is charged to the period in which it is sent.
    ///
    /// # Errors
    /// When the ledger cannot be written: the call must not be sent.
    pub(crate) async fn admission(
        &self,
        ledger: &Ledger,
        now: impl Fn() -> DateTime<Utc>,
        wait_max: Duration,
        call: &mut NewCall,
    ) -> Result<Admission, LedgerError> {
        let mut freed = self.0.freed.subscribe();
        let mut refusal = match ledger.reserve(call.clone()).await? {
            Admission::Wait(refusal) => refusal,
            decided => return Ok(decided),
        };
        let _waiter = self.enter(ledger);
        let deadline = Instant::now() + wait_max;
        loop {
            let is_over = tokio::select! {
                biased;
                () = tokio::time::sleep_until(deadline.into()) => true,
                woken = freed.changed() => woken.is_err(),
                () = turn(refusal.reset, now()) => false,
            };
            call.at = call.at.max(now());
            if is_over {
                return ledger.reserve_or_refuse(call.clone()).await;
            }
            match ledger.reserve(call.clone()).await? {
                Admission::Wait(again) => refusal = again,
                decided => return Ok(decided),
            }
        }
    }

    fn enter(&self, ledger: &Ledger) -> Waiter {
        self.0.waiters.fetch_add(1, Ordering::SeqCst);
        if !self.0.is_looking.swap(true, Ordering::SeqCst) {
            tokio::spawn(look_elsewhere(ledger.clone(), self.clone()));
        }
        Waiter(self.clone())
    }
}

/// One who waits, until it is dropped.
struct Waiter(Waiting);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.0.waiters.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ends when the period does, which no process announces.
async fn turn(reset: Option<DateTime<Utc>>, now: DateTime<Utc>) {
    match reset {
        Some(reset) => tokio::time::sleep((reset - now).to_std().unwrap_or(SOON)).await,
        None => std::future::pending().await,
    }
}

async fn look_elsewhere(ledger: Ledger, waiting: Waiting) {
    let mut known = None;
    loop {
        if waiting.0.waiters.load(Ordering::SeqCst) == 0 {
            waiting.0.is_looking.store(false, Ordering::SeqCst);
            // Somebody may have come in between, and found this task still there.
            let is_needed = waiting.0.waiters.load(Ordering::SeqCst) > 0;
            if !is_needed || waiting.0.is_looking.swap(true, Ordering::SeqCst) {
                return;
            }
        }
        let ledger = ledger.clone();
        let revision = tokio::task::spawn_blocking(move || report::revision(&ledger)).await;
        // A ledger that cannot be read now may be readable soon; the waiters have their deadline.
        if let Ok(Ok(revision)) = revision
            && known.replace(revision) != Some(revision)
        {
            waiting.wake();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
