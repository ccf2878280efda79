//! Waiting for money that running calls hold, first come first served.
//!
//! The ledger keeps the queues, a ticket for each call; here each budget's earliest ticket of this
//! process is woken when something changed, and the next one when that has its answer. A call of
//! this process that ends wakes at once. Other processes are looked after by one task, which lives as
//! long as anybody waits: it asks for the ledger's revision, and settles what they leave behind when
//! they die.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outlay_core::ledger::{Admission, Ledger, LedgerError, NewCall, Ticket};
use outlay_core::report;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;

/// How often other processes' changes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Longer than this nobody waits.
const WAIT_LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// So many looks after, the first of each queue asks again whatever was seen.
const LOOKS_A_SECOND: u32 = 10;

/// A period's end that is past already, by a clock that was set, is looked at again this soon.
const SOON: Duration = Duration::from_secs(1);

/// Who waits, and what wakes them.
#[derive(Clone)]
pub(crate) struct Waiting(Arc<Inner>);

struct Inner {
    clock: Clock,
    freed: watch::Sender<u64>,
    /// This process's waiters before each budget, in the order of their tickets.
    queues: Mutex<HashMap<Lane, BTreeMap<i64, Arc<Notify>>>>,
    waiters: AtomicUsize,
    is_looking: AtomicBool,
}

/// A queue: the budget's name, and whether it is that of calls which only wait for their like.
type Lane = (String, bool);

impl Waiting {
    pub(crate) fn new(clock: Clock) -> Waiting {
        Waiting(Arc::new(Inner {
            clock,
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
    /// It moves on with the clock while it waits: a raise made meanwhile counts for it, and it is
    /// charged to the period in which it is sent. `waits` is called once if it has to wait.
    ///
    /// # Errors
    /// When the ledger cannot be written: the call must not be sent.
    pub(crate) async fn admission(
        &self,
        ledger: &Ledger,
        wait_max: Duration,
        call: NewCall,
        waits: impl FnOnce(),
    ) -> Result<Admission, LedgerError> {
        let now = || (self.0.clock)();
        let before = *self.0.freed.borrow();
        let ticket = match ledger.reserve(call).await? {
            Admission::Wait(ticket) => ticket,
            decided => return Ok(decided),
        };
        waits();
        let mut place = self.enter(ledger, &ticket);
        if *self.0.freed.borrow() != before {
            // It came back between the answer and the place in the queue.
            place.notify.notify_one();
        }
        // Dropped before the place, whose next one then finds it gone.
        let mut ticket = ticket;
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
            if place.lane != lane_of(&ticket) {
                place = self.enter(ledger, &ticket);
            }
        }
    }

    fn enter(&self, ledger: &Ledger, ticket: &Ticket) -> Place {
        let (lane, number) = (lane_of(ticket), ticket.number());
        let notify = Arc::new(Notify::new());
        self.0.waiters.fetch_add(1, Ordering::SeqCst);
        let mut queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(lane.clone()).or_default().insert(number, Arc::clone(&notify));
        drop(queues);
        if !self.0.is_looking.swap(true, Ordering::SeqCst) {
            let ledger = ledger.clone();
            let looking = Looking { waiting: self.clone(), is_over: false };
            tokio::spawn(async move { looking.run(&ledger).await });
        }
        Place { waiting: self.clone(), lane, number, notify }
    }
}

fn lane_of(ticket: &Ticket) -> Lane {
    let budget = ticket.refusal().budget.as_ref();
    (budget.map(|stop| stop.name.clone()).unwrap_or_default(), ticket.is_for_its_like())
}

fn reset_of(ticket: &Ticket) -> Option<DateTime<Utc>> {
    ticket.refusal().budget.as_ref().and_then(|stop| stop.reset)
}

/// A place in a queue. When it is left, whoever is first then gets a turn: there may be money left.
struct Place {
    waiting: Waiting,
    lane: Lane,
    number: i64,
    notify: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let inner = &self.waiting.0;
        inner.waiters.fetch_sub(1, Ordering::SeqCst);
        let mut queues = inner.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queues.get_mut(&self.lane) else { return };
        queue.remove(&self.number);
        match queue.first_key_value() {
            Some((_, first)) => first.notify_one(),
            None => drop(queues.remove(&self.lane)),
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

/// The task that looks after other processes. However it ends, another one can begin.
struct Looking {
    waiting: Waiting,
    /// It has said itself that nobody looks.
    is_over: bool,
}

impl Looking {
    async fn run(mut self, ledger: &Ledger) {
        let waiting = self.waiting.clone();
        let mut known = None;
        let mut looks: u32 = 0;
        loop {
            if waiting.waiters() == 0 {
                waiting.0.is_looking.store(false, Ordering::SeqCst);
                // Somebody may have come in between, and found this task still there.
                let is_needed = waiting.waiters() > 0;
                if !is_needed || waiting.0.is_looking.swap(true, Ordering::SeqCst) {
                    self.is_over = true;
                    return;
                }
            }
            looks = looks.wrapping_add(1);
            let is_whole_second = looks.is_multiple_of(LOOKS_A_SECOND);
            if is_whole_second {
                recover(ledger, (waiting.0.clock)()).await;
            }
            let asked = ledger.clone();
            let revision = tokio::task::spawn_blocking(move || report::revision(&asked)).await;
            // A ledger that cannot be read now may be readable soon; the waiters have their deadline.
            let has_changed =
                revision.is_ok_and(|now| now.is_ok_and(|now| known.replace(now) != Some(now)));
            // A pause that runs out or a clock that is set is told by nobody.
            if has_changed || is_whole_second {
                waiting.wake();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if !self.is_over {
            self.waiting.0.is_looking.store(false, Ordering::SeqCst);
        }
    }
}

/// Settles what dead processes left running, which may be what somebody waits for.
async fn recover(ledger: &Ledger, now: DateTime<Utc>) {
    match ledger.recover(now).await {
        Ok(0) => {}
        Ok(calls) => tracing::warn!("{calls} calls of a process that died were settled"),
        Err(error) => tracing::warn!("calls of dead processes could not be settled: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use outlay_core::admission::Bounds;
    use outlay_core::budget::Window;
    use outlay_core::ledger::{BudgetChange, Opening, Role};
    use outlay_core::money::Rate;
    use outlay_core::price::UserPrice;
    use tokio::runtime;
    use tokio::sync::oneshot;

    use super::*;

    const DAY: &str = "day";
    /// Only a test that fails takes so long.
    const FAILS_AFTER: Duration = Duration::from_secs(30);

    fn open(folder: &std::path::Path) -> Ledger {
        let opening = Opening { role: Role::Forward, now: Utc::now(), changed: Arc::new(|| {}) };
        Ledger::open(folder, opening).unwrap()
    }

    /// A ledger with a budget of $0.003, and a model whose output costs $10 per million.
    fn budgeted(folder: &std::path::Path) -> Ledger {
        let ledger = open(folder);
        let price = UserPrice {
            provider: None,
            model: "demo".to_owned(),
            input: Rate::FREE,
            output: Rate::usd_per("10", 1_000_000).unwrap(),
            cache_read: None,
            cache_write: None,
            set_at: DateTime::UNIX_EPOCH,
        };
        ledger.set_price(price, Utc::now()).wait().unwrap();
        let change = BudgetChange {
            name: DAY.to_owned(),
            limit: Some("0.003".to_owned()),
            window: Some(Window::Total),
            ..BudgetChange::default()
        };
        ledger.set_budget(change, "cli", Utc::now(), chrono_tz::UTC).wait().unwrap();
        ledger
    }

    /// A call of 200 tokens: $0.002.
    fn call() -> NewCall {
        NewCall {
            id: uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)),
            at: Utc::now(),
            source: "proxy".to_owned(),
            provider: "openai".to_owned(),
            model_requested: Some("demo".to_owned()),
            project: None,
            session: None,
            client: None,
            key: None,
            tags: String::new(),
            run: None,
            plan_login: false,
            service_tier: None,
            bounds: Bounds {
                input_tokens_max: 10,
                input_tokens_usual: 10,
                output_tokens_max: Some(200),
                output_tokens_default: 200,
                default_is_proven: true,
                output_tokens_floor: 16,
                can_cap: true,
                can_stop: false,
                is_bounded: true,
            },
            is_strict: false,
        }
    }

    fn runtime() -> runtime::Runtime {
        runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn whoever_waits_after_the_task_was_dropped_is_looked_after_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = budgeted(folder.path());
        let other_process = open(folder.path());
        let waiting = Waiting::new(Arc::new(Utc::now));
        let held = ledger.reserve(call()).wait().unwrap();
        let first = runtime();
        first.block_on(async {
            let (has_to_wait, waits) = oneshot::channel();
            let noted = || has_to_wait.send(()).unwrap();
            tokio::select! {
                admission = waiting.admission(&ledger, WAIT_LONGEST, call(), noted) => {
                    panic!("{admission:?}")
                }
                said = waits => said.unwrap(),
            }
        });
        // With all of its tasks.
        drop(first);
        runtime().block_on(async {
            let (has_to_wait, waits) = oneshot::channel();
            let noted = || has_to_wait.send(()).unwrap();
            let admission = waiting.admission(&ledger, WAIT_LONGEST, call(), noted);
            let raised = async {
                waits.await.unwrap();
                let (name, by) = (DAY.to_owned(), "1".to_owned());
                other_process.raise_budget(name, by, None, "cli", Utc::now()).await.unwrap();
            };
            let both = async { tokio::join!(admission, raised).0 };
            let admission = tokio::time::timeout(FAILS_AFTER, both).await;
            assert!(matches!(admission, Ok(Ok(Admission::Admitted { .. }))), "{admission:?}");
        });
        drop(held);
    }
}
