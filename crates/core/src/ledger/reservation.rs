//! The hold of a running call, and its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use chrono::{DateTime, Utc};

use super::call::NewCall;
use super::draw::{Drawn, Watch, draw, stop};
use super::file::OpenFile;
use super::refuse;
use super::reply::Reply;
use super::reserve::Terms;
use super::settle::{self, Settled};
use super::settlement::Settlement;
use super::time::instant_of;
use super::writer::Retry;
use crate::admission::FRAME_TOKENS;
use crate::money::Money;
use crate::refusal::Refusal;

/// A running call's hold. Dropped without a settlement it is abandoned: failed if it was never
/// sent, else charged at its bound.
pub struct Reservation {
    file: Arc<OpenFile>,
    call: Uuid,
    at: DateTime<Utc>,
    ceiling: Option<Money>,
    is_cap_lowered: bool,
    /// Tokens that it is taken to be billed for each hundred that show.
    billed_percent: u64,
    /// Set where the holds do not cover all it may do.
    watch: Option<Arc<Mutex<Watch>>>,
    sent: AtomicBool,
    settled: bool,
}

impl Reservation {
    pub(crate) fn new(file: Arc<OpenFile>, call: &NewCall, terms: &mut Terms) -> Reservation {
        Reservation {
            file,
            call: call.id,
            at: call.at,
            ceiling: terms.ceiling,
            is_cap_lowered: terms.is_cap_lowered,
            billed_percent: terms.billed_percent,
            watch: terms.watch.take().map(|watch| Arc::new(Mutex::new(watch))),
            sent: AtomicBool::new(false),
            settled: false,
        }
    }

    /// The call's id.
    #[must_use]
    pub fn call(&self) -> Uuid {
        self.call
    }

    /// When it was admitted: what decides its period and its price.
    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The most the call can be billed, in US dollars, by what is held for it now: one that draws as
    /// it goes can be billed more later on. `None` without a price.
    #[must_use]
    pub fn ceiling(&self) -> Option<Money> {
        match &self.watch {
            Some(watch) => lock(watch).cost(),
            None => self.ceiling,
        }
    }

    /// Whether a limit lowered the output cap: an answer that hits it has used up the money.
    #[must_use]
    pub fn is_cap_lowered(&self) -> bool {
        self.is_cap_lowered
    }

    /// The generated tokens that its holds pay for; `None` where they cover all it may generate.
    /// With more than that the call has to be ended.
    #[must_use]
    pub fn covered(&self) -> Option<u64> {
        let watch = self.watch.as_ref()?;
        Some(lock(watch).covered)
    }

    /// The generated tokens that it is billed for by now, of which `shown` tokens show: no fewer, by
    /// what answers of its model were billed for lately.
    #[must_use]
    pub fn billed_tokens(&self, shown: u64) -> u64 {
        (shown.saturating_mul(self.billed_percent) / 100).saturating_add(FRAME_TOKENS)
    }

    /// Asks for more money, when `produced` tokens have been generated: to be called early enough,
    /// for the call runs on meanwhile.
    pub fn draw(&self, produced: u64, now: DateTime<Utc>) -> Reply<Drawn> {
        let Some(watch) = self.watch.clone() else {
            return self.file.submit(Retry::Never, |_| Ok(Drawn::Covered(u64::MAX)));
        };
        let call = self.call;
        let drawing = Arc::clone(&watch);
        self.file.submit_here_then(
            (Retry::Never, |_| false),
            move |writing| {
                let mut drawing = lock(&drawing).clone();
                let drawn = draw(writing, call, &mut drawing, produced, now)?;
                Ok((drawn, drawing))
            },
            // Only what is committed covers anything.
            move |(drawn, drawing)| {
                *lock(&watch) = drawing;
                drawn
            },
        )
    }

    /// What stopped a call that hit an output cap which a limit lowered: the tightest of its hard
    /// budgets. `None` where it has none any more.
    pub fn stop(&self, now: DateTime<Utc>) -> Reply<Option<Box<Refusal>>> {
        let call = self.call;
        self.file.submit(Retry::Never, move |writing| stop(writing, call, now))
    }

    /// From here on the provider may bill it, whatever happens.
    pub fn mark_sent(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// Replaces the hold by the actual cost. Tried again through a full disk or a lock: nothing
    /// that was spent is lost while this process lives. The reply mostly foresees its answer, so
    /// that nobody who only wants to know the figures has to wait for the commit.
    pub fn settle(mut self, settlement: Settlement) -> Reply<Settled> {
        self.settled = true;
        let call = self.call;
        let settlement = Arc::new(settlement);
        let foreseen = self.file.recall(|cache| settle::foresee(cache, call, &settlement));
        let settling = self.file.submit_here(Retry::UntilDone, move |writing| {
            settle::settle(writing, call, &settlement)
        });
        settling.foreseeing(foreseen)
    }
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let (call, sent) = (self.call, self.sent.load(Ordering::Relaxed));
        // The instant of the end is not known here: the admission's stands in for it.
        let now = instant_of(call);
        drop(
            self.file
                .submit(Retry::UntilDone, move |writing| settle::abandon(writing, call, sent, now)),
        );
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reservation").field(&self.call).finish()
    }
}

/// A call's place in the queue before a budget. Dropped without an answer it is given up: nothing
/// was sent.
pub struct Ticket {
    file: Arc<OpenFile>,
    call: Arc<NewCall>,
    seq: i64,
    for_its_like: bool,
    refusal: Box<Refusal>,
    is_open: bool,
}

impl Ticket {
    pub(crate) fn new(
        file: Arc<OpenFile>,
        call: Arc<NewCall>,
        (seq, for_its_like): (i64, bool),
        refusal: Box<Refusal>,
    ) -> Ticket {
        Ticket { file, call, seq, for_its_like, refusal, is_open: true }
    }

    /// Its number: who has a lower one came earlier.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.seq
    }

    /// Whether it waits for others that nobody can bound, and not for money: it stands in nobody's
    /// way but its like's.
    #[must_use]
    pub fn is_for_its_like(&self) -> bool {
        self.for_its_like
    }

    /// What it waits for: the refusal that it would get now.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The call, as of `at`.
    pub(crate) fn call_at(&self, at: DateTime<Utc>) -> Arc<NewCall> {
        if at <= self.call.at {
            return Arc::clone(&self.call);
        }
        Arc::new(NewCall { at, ..NewCall::clone(&self.call) })
    }

    /// The call has its answer: being dropped gives nothing up.
    pub(crate) fn close(mut self) {
        self.is_open = false;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.is_open {
            let seq = self.seq;
            drop(self.file.submit(Retry::UntilDone, move |writing| refuse::cancel(writing, seq)));
        }
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("call", &self.call.id).finish_non_exhaustive()
    }
}
