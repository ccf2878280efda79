//! What every request of the proxy and of the API shares.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use chrono::{DateTime, Utc};
use outlay_core::ledger::Ledger;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::login::LoginCodes;
use crate::loops::Loops;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::upstream::{Upstream, UpstreamError};
use crate::wait::Waiting;

/// One running Outlay: its settings, its ledger and what it remembers. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    settings: Settings,
    ledger: Ledger,
    clock: Clock,
    changes: Changes,
    login_codes: LoginCodes,
    upstream: Upstream,
    waiting: Waiting,
    loops: Loops,
    running: TaskTracker,
    stopping: CancellationToken,
    stats: Stats,
    address: OnceLock<SocketAddr>,
    machine: OnceLock<Arc<dyn Machine>>,
    started: Instant,
}

/// Tells who waits that this process's ledger has changed.
///
/// Made before the ledger, which calls [`Changes::callback`] after each commit.
#[derive(Clone, Debug)]
pub struct Changes(watch::Sender<u64>);

/// Counts since the process began, for `/metrics`.
#[derive(Debug, Default)]
pub struct Stats {
    calls: AtomicU64,
    running: AtomicU64,
    refused: AtomicU64,
    waited: AtomicU64,
    upstream_failures: AtomicU64,
    ledger_failures: AtomicU64,
}

/// [`Stats`] at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatsView {
    /// Calls that were forwarded.
    pub calls: u64,
    /// Of these, the ones that have not ended.
    pub running: u64,
    /// Calls that a limit stopped.
    pub refused: u64,
    /// Calls that had to wait for what others held.
    pub waited: u64,
    /// Requests to which the provider did not answer.
    pub upstream_failures: u64,
    /// Requests that were not sent because the ledger could not be written.
    pub ledger_failures: u64,
}

impl App {
    /// Puts it together. `changes` is the one whose callback the ledger was opened with.
    ///
    /// # Errors
    /// When a provider's address has no host that can be connected to.
    pub fn new(
        settings: Settings,
        ledger: Ledger,
        clock: Clock,
        changes: Changes,
    ) -> Result<App, UpstreamError> {
        let base_urls =
            settings.upstreams.values().filter_map(|upstream| upstream.base_url.as_ref());
        let upstream = Upstream::new(base_urls)?;
        Ok(App(Arc::new(Inner {
            loops: Loops::new(settings.loops.clone(), &ledger),
            login_codes: LoginCodes::new(&settings.token),
            settings,
            ledger,
            waiting: Waiting::new(Arc::clone(&clock)),
            clock,
            changes,
            upstream,
            running: TaskTracker::new(),
            stopping: CancellationToken::new(),
            stats: Stats::default(),
            address: OnceLock::new(),
            machine: OnceLock::new(),
            started: Instant::now(),
        })))
    }

    /// What it was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The current instant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0.clock)()
    }

    /// Wakes who waits for a change of the ledger.
    pub fn changed(&self) {
        self.0.changes.notify();
    }

    /// Changes of the ledger by this process. Other processes' changes show in
    /// [`outlay_core::report::revision`] only.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The dashboard's login codes.
    #[must_use]
    pub fn login_codes(&self) -> &LoginCodes {
        &self.0.login_codes
    }

    /// Counts since the process began.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// When the process began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// Where it listens: the bound address once there is one, else the one it was told.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address.get().copied().unwrap_or(self.0.settings.listen)
    }

    /// `http://` and the address.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Lets the API ask this machine and change things on it. Only the first counts.
    pub fn give_machine(&self, machine: Arc<dyn Machine>) {
        let _ = self.0.machine.set(machine);
    }

    /// The user's machine, where this process was given it.
    pub(crate) fn machine(&self) -> Option<Arc<dyn Machine>> {
        self.0.machine.get().cloned()
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.0.waiting
    }

    pub(crate) fn loops(&self) -> &Loops {
        &self.0.loops
    }

    /// The calls that have not been settled.
    pub(crate) fn running(&self) -> &TaskTracker {
        &self.0.running
    }

    /// Cancelled when calls have to end at once.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// Only the first address counts.
    pub(crate) fn set_address(&self, address: SocketAddr) {
        let _ = self.0.address.set(address);
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("ledger", &self.0.ledger).finish_non_exhaustive()
    }
}

impl Changes {
    /// Nothing has changed yet.
    #[must_use]
    pub fn new() -> Changes {
        Changes(watch::Sender::new(0))
    }

    /// Notes a change.
    pub fn notify(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// For [`outlay_core::ledger::Opening`].
    #[must_use]
    pub fn callback(&self) -> Arc<dyn Fn() + Send + Sync> {
        let changes = self.clone();
        Arc::new(move || changes.notify())
    }

    /// A receiver that sees every change from now on.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

impl Default for Changes {
    fn default() -> Changes {
        Changes::new()
    }
}

impl Stats {
    /// The counts now.
    #[must_use]
    pub fn view(&self) -> StatsView {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        StatsView {
            calls: read(&self.calls),
            running: read(&self.running),
            refused: read(&self.refused),
            waited: read(&self.waited),
            upstream_failures: read(&self.upstream_failures),
            ledger_failures: read(&self.ledger_failures),
        }
    }

    /// A call is forwarded; it runs until the guard is dropped.
    pub(crate) fn call_begins(app: &App) -> RunningCall {
        let stats = app.stats();
        stats.calls.fetch_add(1, Ordering::Relaxed);
        stats.running.fetch_add(1, Ordering::Relaxed);
        RunningCall(app.clone())
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn waits(&self) {
        self.waited.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn upstream_failed(&self) {
        self.upstream_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ledger_failed(&self) {
        self.ledger_failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// A call that counts as running while this lives.
#[derive(Debug)]
pub(crate) struct RunningCall(App);

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.stats().running.fetch_sub(1, Ordering::Relaxed);
    }
}
