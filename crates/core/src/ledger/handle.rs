//! The handle on an open ledger, and the reservation that a running call holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::Connection;
use sha2::Sha256;
use uuid::Uuid;

use super::account::AccountView;
use super::alert::AlertView;
use super::budget::{BudgetChange, BudgetEvent};
use super::call::NewCall;
use super::error::{LedgerError, OpError};
use super::process::Liveness;
use super::record::{self, IdempotencyKey, Recorded, RecordedCall};
use super::reserve::{self, Reserved};
use super::settle::{self, Settled, Settlement};
use super::time::new_id;
use super::writer::{Reply, Retry, Setting, Writer, Writing};
use super::{account, alert, budget, grant, price, recover, schema};
use crate::budget::{Budget, QuotaStanding};
use crate::money::Money;
use crate::price::{PriceList, UserPrice};
use crate::refusal::Refusal;

/// The file's name in the data folder.
const FILE: &str = "outlay.db";
/// The folder of the locks that tell which processes live.
const PROCESSES: &str = "processes";
/// Commits between two checkpoints of the write-ahead log.
const CHECKPOINT_EVERY: u32 = 1_000;

/// What a process does with the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Forwards calls: holds a lock by which others know that it lives.
    Forward,
    /// Reads and sets, never forwards.
    Use,
}

/// How to open a ledger.
pub struct Opening {
    /// What for.
    pub role: Role,
    /// The current instant.
    pub now: DateTime<Utc>,
    /// Called after each commit of this process, on the writer thread: must be quick.
    pub changed: Arc<dyn Fn() + Send + Sync>,
}

/// An open ledger. Clones share it.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

struct Inner {
    path: PathBuf,
    processes: PathBuf,
    fingerprint_secret: [u8; 32],
    prices: Arc<ArcSwap<PriceList>>,
    readers: Mutex<Vec<Connection>>,
    writer: Option<Writer>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    liveness: Mutex<Option<Liveness>>,
}

/// The answer to a call that asks to be sent.
#[derive(Debug)]
pub enum Admission {
    /// Send it; the reservation is committed.
    Admitted {
        /// Settles the call, or abandons it when dropped.
        reservation: Reservation,
        /// The output cap to set where the request had none.
        output_cap: Option<u64>,
        /// The tightest budget, this hold included.
        standing: Option<QuotaStanding>,
    },
    /// Running calls hold the money; nothing was written. Ask again when something changed, and
    /// give up in the end.
    Wait(Box<Refusal>),
    /// Do not send it; the refusal is in the ledger.
    Refused(Box<Refusal>),
}

/// A running call's hold. Dropped without a settlement it is abandoned: failed if it was never
/// sent, else charged at its bound.
pub struct Reservation {
    ledger: Ledger,
    call: Uuid,
    ceiling: Option<Money>,
    sent: AtomicBool,
    settled: bool,
}

impl Ledger {
    /// Opens the ledger in `folder`, made or migrated as needed.
    ///
    /// # Errors
    /// One sentence: not writable, newer, damaged, locked or full.
    pub fn open(folder: &Path, opening: Opening) -> Result<Ledger, LedgerError> {
        let path = folder.join(FILE);
        let (connection, identity) = schema::open(&path, opening.now)?;
        let process_id = new_id(opening.now);
        let processes = folder.join(PROCESSES);
        let liveness = match opening.role {
            Role::Forward => {
                connection
                    .pragma_update(None, "wal_autocheckpoint", 0)
                    .map_err(|error| LedgerError::sqlite(&path, &error))?;
                Some(Liveness::take(&processes, process_id, &connection, opening.now)?)
            }
            Role::Use => None,
        };
        let prices = Arc::new(ArcSwap::from_pointee(PriceList::with_user_prices(
            price::user_prices(&connection).map_err(|error| LedgerError::sqlite(&path, &error))?,
        )));
        let changed = match opening.role {
            Role::Forward => checkpointing(&path, opening.changed)?,
            Role::Use => opening.changed,
        };
        let (writer, thread) = Writer::start(Setting {
            connection,
            path: path.clone(),
            machine_id: identity.machine_id,
            process_id,
            prices: Arc::clone(&prices),
            changed,
        })
        .map_err(|error| LedgerError::io(&path, &error))?;
        Ok(Ledger(Arc::new(Inner {
            path,
            processes,
            fingerprint_secret: identity.fingerprint_secret,
            prices,
            readers: Mutex::default(),
            writer: Some(writer),
            thread: Mutex::new(Some(thread)),
            liveness: Mutex::new(liveness),
        })))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What a key is known by: the first 16 hex digits of its HMAC under this ledger's secret.
    #[must_use]
    pub fn fingerprint(&self, key: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0.fingerprint_secret) else {
            return String::new();
        };
        mac.update(key.as_bytes());
        hex::encode(&mac.finalize().into_bytes()[..8])
    }

    /// The price list in force, the user's prices included.
    #[must_use]
    pub fn prices(&self) -> Arc<PriceList> {
        self.0.prices.load_full()
    }

    /// Decides over a call and writes it down, in one transaction.
    pub fn reserve(&self, call: NewCall) -> Reply<Admission> {
        let ledger = self.clone();
        self.submit(Retry::Never, move |writing| {
            reserve::reserve(writing, &call).map(|reserved| ledger.admission(&call, reserved))
        })
    }

    /// As [`Ledger::reserve`], but a call that would have to wait is refused as `budget_busy`.
    pub fn reserve_or_refuse(&self, call: NewCall) -> Reply<Admission> {
        let ledger = self.clone();
        self.submit(Retry::Never, move |writing| {
            reserve::give_up(writing, &call).map(|reserved| ledger.admission(&call, reserved))
        })
    }

    /// The tightest budget that would apply to the call; nothing is written.
    pub fn standing(&self, call: NewCall) -> Reply<Option<QuotaStanding>> {
        self.submit(Retry::Never, move |writing| reserve::look(writing, &call))
    }

    /// Settles what dead processes left running; returns how many calls that was.
    pub fn recover(&self, now: DateTime<Utc>) -> Reply<u64> {
        let processes = self.0.processes.clone();
        self.submit(Retry::Never, move |writing| recover::recover(writing, &processes, now))
    }

    /// Records calls that were made elsewhere: all of them, or none. The reply has one entry a call,
    /// in their order; with a key that was used before it is the answer of that time.
    pub fn record_calls(
        &self,
        calls: Vec<RecordedCall>,
        key: Option<IdempotencyKey>,
        now: DateTime<Utc>,
    ) -> Reply<Vec<Recorded>> {
        self.submit(Retry::Never, move |writing| record::record(writing, &calls, key.as_ref(), now))
    }

    /// Creates or changes a budget. `actor` is `cli`, `api` or `desktop`.
    pub fn set_budget(
        &self,
        change: BudgetChange,
        actor: &'static str,
        now: DateTime<Utc>,
        default_timezone: chrono_tz::Tz,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| {
            budget::set(writing, &change, actor, now, default_timezone)
        })
    }

    /// Raises a budget's limit by `by` (as typed, in its unit) until `until` or its period's end.
    pub fn raise_budget(
        &self,
        name: String,
        by: String,
        until: Option<DateTime<Utc>>,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| {
            budget::raise(writing, &name, &by, until, actor, now)
        })
    }

    /// Adds `by` (as typed) to a budget's reserve.
    pub fn top_up_budget(
        &self,
        name: String,
        by: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| budget::top_up(writing, &name, &by, actor, now))
    }

    /// Removes a budget; its history stays.
    pub fn remove_budget(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| budget::remove(writing, &name, actor, now))
    }

    /// What was done to the budgets of that name, oldest first.
    ///
    /// # Errors
    /// `NotFound` where there never was one.
    pub fn budget_history(&self, name: &str) -> Result<Vec<BudgetEvent>, LedgerError> {
        self.read(|connection| budget::history(connection, name))
    }

    /// Records prepaid credit; the reply is what is left.
    pub fn add_grant(
        &self,
        account: String,
        amount: Money,
        expires: Option<DateTime<Utc>>,
        note: Option<String>,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.submit(Retry::Never, move |writing| {
            grant::add(writing, &account, amount, expires, note.as_deref(), now)
        })
    }

    /// Re-anchors an account's balance to an observed one; the reply is what is left.
    pub fn set_balance(
        &self,
        account: String,
        observed: Money,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.submit(Retry::Never, move |writing| grant::observe(writing, &account, observed, now))
    }

    /// Sets the level below which an alert fires.
    pub fn warn_balance(&self, account: String, level: Money, now: DateTime<Utc>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| grant::warn_below(writing, &account, level, now))
    }

    /// All accounts and their keys.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accounts(&self) -> Result<Vec<AccountView>, LedgerError> {
        self.read(|connection| Ok(account::list(connection)?))
    }

    /// Lets a key (a fingerprint or its beginning) draw on `account`; the reply is its fingerprint.
    pub fn link_key(&self, key: String, account: String) -> Reply<String> {
        self.submit(Retry::Never, move |writing| account::link(writing, &key, &account))
    }

    /// Sets a price of the user's, in force from now on.
    pub fn set_price(&self, price: UserPrice, now: DateTime<Utc>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| price::set(writing, &price, now))
    }

    /// Takes the undelivered alerts for this process.
    pub fn claim_alerts(&self, now: DateTime<Utc>) -> Reply<Vec<AlertView>> {
        self.submit(Retry::Never, move |writing| alert::claim(writing, now))
    }

    /// Records how an alert's delivery went.
    pub fn alert_delivered(
        &self,
        id: Uuid,
        outcome: Result<(), String>,
        now: DateTime<Utc>,
    ) -> Reply<()> {
        self.submit(Retry::UntilDone, move |writing| {
            alert::delivered(writing, id, outcome.as_ref().map_err(String::as_str).copied(), now)
        })
    }

    /// A consistent copy of the whole ledger in `target`, which must not exist.
    ///
    /// # Errors
    /// When `target` exists or cannot be written.
    pub fn back_up(&self, target: &Path) -> Result<(), LedgerError> {
        // A copy is made outside of any transaction, so not on a reader's snapshot.
        schema::back_up(&schema::connect(&self.0.path)?, target)
    }

    /// SQLite's own check of the whole file: `Ok` or what it found.
    ///
    /// # Errors
    /// `Corrupt` with SQLite's word.
    pub fn check_integrity(&self) -> Result<(), LedgerError> {
        let verdict: String = self.read(|connection| {
            Ok(connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?)
        })?;
        if verdict == "ok" {
            Ok(())
        } else {
            Err(LedgerError::Corrupt { path: self.0.path.clone(), reason: verdict })
        }
    }

    /// Runs `query` on a connection of its own, in one snapshot.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, OpError>,
    ) -> Result<T, LedgerError> {
        let pooled = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => schema::connect(&self.0.path)?,
        };
        let outcome = (|| {
            let snapshot = connection.unchecked_transaction()?;
            query(&snapshot)
        })();
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        outcome.map_err(|error| error.at(&self.0.path))
    }

    fn admission(&self, call: &NewCall, reserved: Reserved) -> Admission {
        match reserved {
            Reserved::Admitted { output_cap, ceiling, standing } => Admission::Admitted {
                reservation: Reservation {
                    ledger: self.clone(),
                    call: call.id,
                    ceiling,
                    sent: AtomicBool::new(false),
                    settled: false,
                },
                output_cap,
                standing,
            },
            Reserved::Wait(refusal) => Admission::Wait(refusal),
            Reserved::Refused(refusal) => Admission::Refused(refusal),
        }
    }

    fn submit<T, F>(&self, retry: Retry, operation: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
    {
        match &self.0.writer {
            Some(writer) => writer.submit(retry, operation),
            None => Reply::closed(),
        }
    }
}

impl Reservation {
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
        self.ledger
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
        let now = super::time::instant_of(call);
        drop(
            self.ledger
                .submit(Retry::UntilDone, move |writing| settle::abandon(writing, call, sent, now)),
        );
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer ends when its queue is empty and the last sender is gone.
        self.writer = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            drop(thread.join());
        }
        // Only now may others hold this process for dead.
        self.liveness.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ledger").field(&self.0.path).finish()
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reservation").field(&self.call).finish()
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("role", &self.role).field("now", &self.now).finish()
    }
}

/// Moves the write-ahead log into the file from a thread of its own, so that no call waits for it.
fn checkpointing(
    path: &Path,
    changed: Arc<dyn Fn() + Send + Sync>,
) -> Result<Arc<dyn Fn() + Send + Sync>, LedgerError> {
    let (due, wanted) = std::sync::mpsc::sync_channel::<()>(1);
    let connection = schema::connect(path)?;
    std::thread::Builder::new()
        .name("ledger-checkpoint".into())
        .spawn(move || {
            while wanted.recv().is_ok() {
                // Passive: it gives way to readers and the writer, and is asked for again.
                drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
            }
        })
        .map_err(|error| LedgerError::io(path, &error))?;
    let commits = std::sync::atomic::AtomicU32::new(0);
    Ok(Arc::new(move || {
        if commits.fetch_add(1, Ordering::Relaxed) % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1 {
            // A full channel means that a checkpoint is due already.
            let _ = due.try_send(());
        }
        changed();
    }))
}
