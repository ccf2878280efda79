//! The hold of a running call, and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::file::OpenFile;
use super::settle::{self, Settled, Settlement};
use super::time::instant_of;
use super::writer::{Reply, Retry};
use crate::money::Money;

/// A running call's hold. Dropped without a settlement it is abandoned: failed if it was never
/// sent, else charged at its bound.
pub struct Reservation {
    file: Arc<OpenFile>,
    call: Uuid,
    ceiling: Option<Money>,
    sent: AtomicBool,
    settled: bool,
}

impl Reservation {
    pub(crate) fn new(file: Arc<OpenFile>, call: Uuid, ceiling: Option<Money>) -> Reservation {
        Reservation { file, call, ceiling, sent: AtomicBool::new(false), settled: false }
    }

    /// The call's id.
    #[must_use]
    pub fn call(&self) -> Uuid {
        self.call
    }

    /// The most the call can be billed; `None` without a price.
    #[must_use]
    pub fn ceiling(&self) -> Option<Money> {
        self.ceiling
    }

    /// From here on the provider may bill it, whatever happens.
    pub fn mark_sent(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// Replaces the hold by the actual cost. Tried again through a full disk or a lock: nothing
    /// that was spent is lost while this process lives.
    pub fn settle(mut self, settlement: Settlement) -> Reply<Settled> {
        self.settled = true;
        let call = self.call;
        self.file
            .submit(Retry::UntilDone, move |writing| settle::settle(writing, call, &settlement))
    }
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
