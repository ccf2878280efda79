//! Waiting for money that running calls hold, first come first served.
//!
//! The ledger keeps the queues, a ticket for each call; here each budget's earliest ticket of this
//! process is woken when something changed, and the next one when that has its answer. A call of
//! this process that ends wakes at once. Other processes are looked after by one task, which lives as
//! long as anybody waits and asks for the ledger's revision.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outlay_core::ledger::{Admission, Ledger, LedgerError, NewCall, Ticket};
use outlay_core::report;
use tokio::sync::{Notify, watch};

/// How often other processes' changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Longer than this nobody waits.
const WAIT_LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// So many looks after, the first of each queue asks again whatever was seen.
const LOOKS_A_SECOND: u32 = 10;

/// A period's end that is past already, by a clock that was set, is looked at again this soon.
const SOON: Duration = Duration::from_secs(1);

/// Who waits, and what wakes them.
#[derive(Clone, Debug)]
pub(crate) struct Waiting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    freed: watch::Sender<u64>,
    /// This process's waiters before each budget, in the order of their tickets.
    queues: Mutex<HashMap<String, BTreeMap<i64, Arc<Notify>>>>,
    waiters: AtomicUsize,
    is_looking: AtomicBool,
}

impl Waiting {
    pub(crate) fn new() -> Waiting {
        Waiting(Arc::new(Inner {
            freed: watch::Sender::new(0),
            queues: Mutex::default(),
            waiters: AtomicUsize::new(0),
            is_looking: AtomicBool::new(false),
        }))
    }

    /// Money may have come back.
    pub(crate) fn wake(&self) {
        self.0.freed.send_modify(|count| *count = count.wrapping_add(1));
        if self.0.waiters.load(Ordering::SeqCst) > 0 {
            let queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
            let first = queues.values().filter_map(BTreeMap::first_key_value);
            first.for_each(|(_, first)| first.notify_one());
        }
    }

    /// How many calls wait.
    pub(crate) fn waiters(&self) -> usize {
        self.0.waiters.load(Ordering::SeqCst)
    }

    /// Asks to send a call until it is admitted or refused, and gives up after `wait_max`.
    /// It moves on with `now` while it waits: a raise made meanwhile counts for it, and it is
    /// charged to the period in which it is sent. `waits` is called once if it has to wait.
    ///
    /// # Errors
    /// When the ledger cannot be written: the call must not be sent.
    pub(crate) async fn admission(
        &self,
        ledger: &Ledger,
        now: impl Fn() -> DateTime<Utc>,
        wait_max: Duration,
        call: NewCall,
        waits: impl FnOnce(),
    ) -> Result<Admission, LedgerError> {
        let before = *self.0.freed.borrow();
        let mut ticket = match ledger.reserve(call).await? {
            Admission::Wait(ticket) => ticket,
            decided => return Ok(decided),
        };
        waits();
        let mut place = self.enter(ledger, &ticket);
        if *self.0.freed.borrow() != before {
            // It came back between the answer and the place in the queue.
            place.notify.notify_one();
        }
        // No instant is so far off that it could not be told: nobody waits for a year.
        let deadline = Instant::now() + wait_max.min(WAIT_LONGEST);
        loop {
            let is_over = tokio::select! {
                biased;
                () = tokio::time::sleep_until(deadline.into()) => true,
                () = place.notify.notified() => false,
                () = turn(reset_of(&ticket), now()) => false,
            };
            let asked = match is_over {
                true => ledger.ask_last(ticket, now()),
                false => ledger.ask_again(ticket, now()),
            };
            match asked.await? {
                Admission::Wait(again) => ticket = again,
                decided => return Ok(decided),
            }
            if place.budget != budget_of(&ticket) {
                place = self.enter(ledger, &ticket);
            }
        }
    }

    fn enter(&self, ledger: &Ledger, ticket: &Ticket) -> Place {
        let (budget, number) = (budget_of(ticket), ticket.number());
        let notify = Arc::new(Notify::new());
        self.0.waiters.fetch_add(1, Ordering::SeqCst);
        let mut queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(budget.clone()).or_default().insert(number, Arc::clone(&notify));
        drop(queues);
        if !self.0.is_looking.swap(true, Ordering::SeqCst) {
            tokio::spawn(look_elsewhere(ledger.clone(), self.clone()));
        }
        Place { waiting: self.clone(), budget, number, notify }
    }
}

fn budget_of(ticket: &Ticket) -> String {
    ticket.refusal().budget.as_ref().map(|stop| stop.name.clone()).unwrap_or_default()
}

fn reset_of(ticket: &Ticket) -> Option<DateTime<Utc>> {
    ticket.refusal().budget.as_ref().and_then(|stop| stop.reset)
}

/// A place in a queue. When it is left, whoever is first then gets a turn: there may be money left.
struct Place {
    waiting: Waiting,
    budget: String,
    number: i64,
    notify: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let inner = &self.waiting.0;
        inner.waiters.fetch_sub(1, Ordering::SeqCst);
        let mut queues = inner.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queues.get_mut(&self.budget) else { return };
        queue.remove(&self.number);
        match queue.first_key_value() {
            Some((_, first)) => first.notify_one(),
            None => drop(queues.remove(&self.budget)),
        }
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
    let mut looks: u32 = 0;
    loop {
        if waiting.waiters() == 0 {
            waiting.0.is_looking.store(false, Ordering::SeqCst);
            // Somebody may have come in between, and found this task still there.
            let is_needed = waiting.waiters() > 0;
            if !is_needed || waiting.0.is_looking.swap(true, Ordering::SeqCst) {
                return;
            }
        }
        let ledger = ledger.clone();
        let revision = tokio::task::spawn_blocking(move || report::revision(&ledger)).await;
        // A ledger that cannot be read now may be readable soon; the waiters have their deadline.
        let has_changed =
            revision.is_ok_and(|now| now.is_ok_and(|now| known.replace(now) != Some(now)));
        looks = looks.wrapping_add(1);
        // A pause that runs out or a clock that is set is told by nobody.
        if has_changed || looks.is_multiple_of(LOOKS_A_SECOND) {
            waiting.wake();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
