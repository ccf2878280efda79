//! Delivery of alerts that takes on other ways without a restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outlay_core::ledger::Ledger;
use outlay_host::config::{Config, Notifications};
use outlay_host::notify::{self, Manner, Notifier, Press, Waker, Woken};
use outlay_proxy::Clock;

/// Wakes whoever delivers now. Made before the ledger, whose changes are to wake it. Clones share it.
#[derive(Clone, Debug)]
pub struct Alarm(Arc<Mutex<Waker>>);

/// Delivers alerts; ends, with what is left delivered, when it is dropped.
#[derive(Debug)]
pub struct Notifying(Ways);

/// The ways that alerts take now. Clones share them.
#[derive(Clone)]
pub(crate) struct Ways(Arc<Inner>);

struct Inner {
    ledger: Ledger,
    press: Option<Press>,
    clock: Clock,
    alarm: Alarm,
    working: Mutex<Working>,
}

struct Working {
    notifier: Option<Notifier>,
    /// As it works.
    notifications: Notifications,
}

/// The two ends between who wakes and who delivers first.
#[must_use]
pub fn alarm() -> (Alarm, Woken) {
    let (waker, woken) = notify::channel();
    (Alarm(Arc::new(Mutex::new(waker))), woken)
}

impl Alarm {
    /// Something may have happened. Returns at once.
    pub fn wake(&self) {
        self.waker().wake();
    }

    fn waker(&self) -> MutexGuard<'_, Waker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifying {
    /// Begins to deliver the ledger's alerts as configured; buttons on notifications do what `press` does.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        ledger: Ledger,
        config: &Config,
        press: Option<Press>,
        clock: Clock,
        (alarm, woken): (Alarm, Woken),
    ) -> std::io::Result<Notifying> {
        let manner = Manner::configured(config, press.clone());
        let waker = alarm.waker().clone();
        let notifier = Notifier::start(ledger.clone(), manner, Arc::clone(&clock), (waker, woken))?;
        let notifications = config.notifications.clone();
        let working = Mutex::new(Working { notifier: Some(notifier), notifications });
        Ok(Notifying(Ways(Arc::new(Inner { ledger, press, clock, alarm, working }))))
    }

    pub(crate) fn ways(&self) -> Ways {
        self.0.clone()
    }
}

impl Drop for Notifying {
    fn drop(&mut self) {
        // Whoever may still hold the ways must not keep the last look from being taken now.
        let notifier = self.0.working().notifier.take();
        drop(notifier);
    }
}

impl Ways {
    /// What it works by.
    pub(crate) fn notifications(&self) -> Notifications {
        self.working().notifications.clone()
    }

    /// Works as this configuration has it from now on. What is being delivered comes to its end first.
    pub(crate) fn renew(&self, config: &Config) -> std::io::Result<()> {
        let inner = &self.0;
        let mut working = self.working();
        // Gone where the process is about to end.
        let Some(old) = working.notifier.take() else { return Ok(()) };
        drop(old);
        let (waker, woken) = notify::channel();
        let manner = Manner::configured(config, inner.press.clone());
        *inner.alarm.waker() = waker.clone();
        let (ledger, clock) = (inner.ledger.clone(), Arc::clone(&inner.clock));
        working.notifier = Some(Notifier::start(ledger, manner, clock, (waker, woken))?);
        working.notifications = config.notifications.clone();
        // What came in between is looked for.
        inner.alarm.wake();
        Ok(())
    }

    fn working(&self) -> MutexGuard<'_, Working> {
        self.0.working.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ways").field("notifications", &self.notifications()).finish()
    }
}
