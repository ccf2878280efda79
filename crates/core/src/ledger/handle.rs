//! The handle on an open ledger: all that other crates can do with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::Mac;
use rusqlite::Connection;
use uuid::Uuid;

use super::account::AccountView;
use super::active::Bypass;
use super::alert::NewAlert;
use super::asker::Asking;
use super::budget::{BudgetChange, Maker};
use super::budget_event::BudgetEvent;
use super::call::NewCall;
use super::error::{LedgerError, OpError};
use super::file::{OpenFile, Opening};
use super::outbox::{Attempt, Due};
use super::plan::{Plan, PlanUse};
use super::record::{self, IdempotencyKey, Recorded, RecordedCall};
use super::reply::Reply;
use super::reservation::{Reservation, Ticket};
use super::reserve::{self, Reserved};
use super::survey::Surroundings;
use super::writer::{Retry, Writing};
use super::{
    account, alert, budget, bypass, credit, floor, journal, level, outbox, plan, price, recover,
    refuse, relief, run, schema, survey,
};
use crate::alert::Severity;
use crate::balance::{Recharge, WarnLevel};
use crate::budget::{Budget, Quantity, QuotaStanding};
use crate::money::Money;
use crate::price::{PriceList, UserPrice};
use crate::refusal::{Refusal, Repetition};

/// An open ledger. Clones share it.
#[derive(Clone)]
pub struct Ledger(Arc<OpenFile>);

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
    /// Running calls hold the money; it has a place in the queue. Ask again when something
    /// changed, and give up in the end.
    Wait(Ticket),
    /// Do not send it; the refusal is in the ledger.
    Refused(Box<Refusal>),
}

impl Ledger {
    /// Opens the ledger in `folder`, made or migrated as needed.
    ///
    /// # Errors
    /// One sentence: not writable, newer, damaged, locked or full.
    pub fn open(folder: &Path, opening: Opening) -> Result<Ledger, LedgerError> {
        OpenFile::open(folder, opening).map(|file| Ledger(Arc::new(file)))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What a key is known by: the first 16 hex digits of its HMAC under this ledger's secret.
    #[must_use]
    pub fn fingerprint(&self, key: &str) -> String {
        let mut mac = self.0.fingerprints.clone();
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
        let call = Arc::new(call);
        let (ledger, asked) = (self.clone(), Arc::clone(&call));
        let mut told = None;
        self.0.submit_here_then(
            (Retry::Never, Reserved::is_firm),
            move |writing| reserve::reserve(writing, &asked, Asking::First, &mut told),
            move |reserved| ledger.admission(call, reserved),
        )
    }

    /// Asks again for a call that waits, which moves on to `now`: it belongs to the instant at
    /// which it is sent.
    pub fn ask_again(&self, ticket: Ticket, now: DateTime<Utc>) -> Reply<Admission> {
        let asking = Asking::Again(ticket.number());
        self.ask(ticket, asking, now)
    }

    /// As [`Ledger::ask_again`], but a call that would have to wait on is refused as `budget_busy`.
    pub fn ask_last(&self, ticket: Ticket, now: DateTime<Utc>) -> Reply<Admission> {
        let asking = Asking::Last(ticket.number());
        self.ask(ticket, asking, now)
    }

    fn ask(&self, ticket: Ticket, asking: Asking, now: DateTime<Utc>) -> Reply<Admission> {
        let call = ticket.call_at(now);
        let (ledger, asked) = (self.clone(), Arc::clone(&call));
        self.0.submit_here_then(
            (Retry::Never, |_| false),
            move |writing| reserve::reserve(writing, &asked, asking, &mut None),
            // Without an answer the ticket is given up: its place would stop all who come later.
            move |reserved| {
                ticket.close();
                ledger.admission(call, reserved)
            },
        )
    }

    /// Answers once the disk has all that was told before it was asked: then a power cut cannot take
    /// it back.
    pub fn on_disk(&self) -> Reply<()> {
        self.0.on_disk()
    }

    /// Writes down that the call was refused because it repeats what was done before; `None`, and
    /// nothing written, where a bypass is in force.
    pub fn refuse_repetition(
        &self,
        call: NewCall,
        repetition: Repetition,
    ) -> Reply<Option<Box<Refusal>>> {
        self.submit(Retry::Never, move |writing| {
            refuse::refuse_repetition(writing, &call, &repetition)
        })
    }

    /// Records an alert that no change of the ledger caused: once per (kind, key, period start);
    /// whether it is new.
    pub fn fire_alert(&self, alert: NewAlert, now: DateTime<Utc>) -> Reply<bool> {
        self.submit(Retry::Never, move |writing| Ok(alert::fire_new(writing, &alert, now)?))
    }

    /// The tightest budget that would apply to the call; nothing is written.
    pub fn standing(&self, call: NewCall) -> Reply<Option<QuotaStanding>> {
        self.0.submit_here(Retry::Never, move |writing| reserve::look(writing, &call))
    }

    /// Settles what dead processes left running; returns how many calls that was.
    pub fn recover(&self, now: DateTime<Utc>) -> Reply<u64> {
        let (processes, journals) = (self.0.processes.clone(), self.0.processes.clone());
        self.0.submit_then(
            move |writing| recover::recover(writing, &processes, now),
            move |recovered| {
                for process in recovered.journals {
                    journal::remove(&journals, process);
                }
                recovered.calls
            },
        )
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
            budget::set(writing, &change, Maker::User, actor, now, default_timezone)
        })
    }

    /// Limits what the calls of one `outlay run` cost in all (as typed, in US dollars). The budget is
    /// `run-` and the run's name; it is removed when this process has died, if not before.
    pub fn limit_run(
        &self,
        run: String,
        limit: String,
        actor: &'static str,
        now: DateTime<Utc>,
        default_timezone: chrono_tz::Tz,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| {
            run::limit(writing, &run, &limit, actor, now, default_timezone)
        })
    }

    /// Raises a budget's limit by `by` (as typed, in its unit) until `until` or its period's end;
    /// the reply has the end.
    pub fn raise_budget(
        &self,
        name: String,
        by: String,
        until: Option<DateTime<Utc>>,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<(Budget, Option<DateTime<Utc>>)> {
        self.submit(Retry::Never, move |writing| {
            relief::raise(writing, &name, &by, until, actor, now)
        })
    }

    /// Takes back a budget's raises that are not over; the reply has how much they were.
    pub fn lower_budget(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<(Budget, Quantity)> {
        self.submit(Retry::Never, move |writing| relief::lower(writing, &name, actor, now))
    }

    /// Adds `by` (as typed) to a budget's reserve.
    pub fn top_up_budget(
        &self,
        name: String,
        by: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| relief::top_up(writing, &name, &by, actor, now))
    }

    /// Takes back what is left of a budget's reserve; the reply has how much that was.
    pub fn empty_budget_reserve(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<(Budget, Quantity)> {
        self.submit(Retry::Never, move |writing| relief::empty_reserve(writing, &name, actor, now))
    }

    /// Lets a budget count without refusing, until `until` or until it is resumed.
    pub fn pause_budget(
        &self,
        name: String,
        until: Option<DateTime<Utc>>,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| relief::pause(writing, &name, until, actor, now))
    }

    /// Lets a paused budget refuse again.
    pub fn resume_budget(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| relief::resume(writing, &name, actor, now))
    }

    /// Lets no limit refuse until `until`; a bypass in force ends with it.
    pub fn bypass(
        &self,
        until: DateTime<Utc>,
        why: Option<String>,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Bypass> {
        self.submit(Retry::Never, move |writing| {
            bypass::start(writing, until, why.as_deref(), actor, now)
        })
    }

    /// Ends the bypass in force; the reply says whether there was one.
    pub fn end_bypass(&self, actor: &'static str, now: DateTime<Utc>) -> Reply<bool> {
        self.submit(Retry::Never, move |writing| bypass::off(writing, actor, now))
    }

    /// Sets a plan's budgets, and removes those of the plan before it that it lacks; all or nothing.
    pub fn use_plan(
        &self,
        plan: Plan,
        actor: &'static str,
        now: DateTime<Utc>,
        default_timezone: chrono_tz::Tz,
    ) -> Reply<PlanUse> {
        self.submit(Retry::Never, move |writing| {
            plan::put_in_use(writing, &plan, actor, now, default_timezone)
        })
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
            credit::add(writing, &account, amount, expires, note.as_deref(), now)
        })
    }

    /// Re-anchors an account's balance to an observed one; the reply is what is left.
    pub fn set_balance(
        &self,
        account: String,
        observed: Money,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.set_balance_in(account, observed, None, now)
    }

    /// As [`Ledger::set_balance`], in a currency by its code (`CNY`); without one it stays in its
    /// own, US dollars at first. In another than before the balance begins anew.
    pub fn set_balance_in(
        &self,
        account: String,
        observed: Money,
        currency: Option<String>,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.submit(Retry::Never, move |writing| {
            credit::observe(writing, &account, observed, currency.as_deref(), now)
        })
    }

    /// Anchors an account's balance to what its provider told; the reply is what is left. A difference
    /// that the provider's delay explains changes nothing.
    pub fn set_told_balance(
        &self,
        account: String,
        told: Money,
        currency: String,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.submit(Retry::Never, move |writing| {
            credit::observe_told(writing, &account, told, &currency, now)
        })
    }

    /// Sets the level at or below which calls are refused; `None` for no level.
    pub fn set_floor(&self, account: String, floor: Option<Money>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| floor::set(writing, &account, floor))
    }

    /// Refuses the calls of the account that pays for `call`, until its balance is set or added to:
    /// its provider said that the money is gone.
    pub fn refuse_as_empty(&self, call: Uuid, now: DateTime<Utc>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| floor::empty(writing, call, now))
    }

    /// Notes the top-up that the provider makes by itself; `None` for none.
    pub fn set_recharge(
        &self,
        account: String,
        recharge: Option<Recharge>,
        now: DateTime<Utc>,
    ) -> Reply<()> {
        self.submit(Retry::Never, move |writing| level::recharge(writing, &account, recharge, now))
    }

    /// Sets a level at which an alert fires.
    pub fn warn_balance(&self, account: String, level: WarnLevel, now: DateTime<Utc>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| level::warn(writing, &account, level, now))
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

    /// Removes an account on which no call was made.
    pub fn remove_account(&self, account: String) -> Reply<()> {
        self.submit(Retry::Never, move |writing| account::remove(writing, &account))
    }

    /// Sets a price of the user's, in force from now on.
    pub fn set_price(&self, price: UserPrice, now: DateTime<Utc>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| price::set(writing, &price, now))
    }

    /// Goes back to the list's price of a model, from now on.
    pub fn remove_price(&self, provider: Option<String>, model: String) -> Reply<()> {
        self.submit(Retry::Never, move |writing| {
            price::remove(writing, provider.as_deref(), &model)
        })
    }

    /// Looks around for what no call tells (what will run out, what has room again, what is old) and
    /// records alerts of it. Blocks: reads and writes in its own time. Days are those of `zone`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn survey(
        &self,
        surroundings: &Surroundings,
        zone: chrono_tz::Tz,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let prices = self.prices();
        let found = self.read(|connection| {
            let found = survey::look(connection, &prices, surroundings, zone, now)?;
            // Nobody reads the same pages again until the next look.
            connection.execute_batch("PRAGMA shrink_memory")?;
            Ok(found)
        })?;
        if found.is_empty() {
            return Ok(());
        }
        self.submit(Retry::Never, move |writing| survey::record(writing, &found, now)).wait()
    }

    /// Whether there are alerts to hand over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_new_alerts(&self, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.read(|connection| Ok(outbox::has_new(connection, now)?))
    }

    /// Whether there are alerts to try on the channel, that matter at least so much.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_due_alerts(
        &self,
        channel: &str,
        least: Severity,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        self.read(|connection| Ok(outbox::is_due(connection, channel, least, now)?))
    }

    /// Hands a slice of the new alerts to these channels; whether there may be more of them.
    pub fn dispatch_alerts(&self, channels: Arc<[String]>, now: DateTime<Utc>) -> Reply<bool> {
        self.submit(Retry::Never, move |writing| outbox::dispatch(writing, &channels, now))
    }

    /// Takes a slice of the alerts that are to be tried on the channel, for this process.
    pub fn claim_alerts(
        &self,
        channel: String,
        least: Severity,
        now: DateTime<Utc>,
    ) -> Reply<Vec<Due>> {
        self.submit(Retry::Never, move |writing| outbox::claim(writing, &channel, least, now))
    }

    /// Records what came of an attempt to tell these alerts, not more than [`ALERTS_AT_ONCE`](super::ALERTS_AT_ONCE),
    /// each with the occurrences that were told.
    pub fn alerts_attempted(
        &self,
        channel: String,
        alerts: Vec<(Uuid, u32)>,
        attempt: Attempt,
        now: DateTime<Utc>,
    ) -> Reply<()> {
        self.submit(Retry::UntilDone, move |writing| {
            outbox::attempted(writing, &channel, &alerts, &attempt, now)
        })
    }

    /// Marks these alerts as seen to, or all of them; the reply is how many were not before.
    pub fn acknowledge_alerts(&self, ids: Option<Vec<Uuid>>, now: DateTime<Utc>) -> Reply<u64> {
        self.submit(Retry::Never, move |writing| alert::acknowledge(writing, ids.as_deref(), now))
    }

    /// A consistent copy of the whole ledger in `target`, which must not exist.
    ///
    /// # Errors
    /// When `target` exists or cannot be written.
    pub fn back_up(&self, target: &Path) -> Result<(), LedgerError> {
        // A copy is made outside of any transaction, so not on a reader's snapshot.
        schema::back_up(&schema::connect(&self.0.path)?, target)
    }

    /// Where the file is as it was, where opening it brought it to this version's form.
    #[must_use]
    pub fn backup_of_upgrade(&self) -> Option<&Path> {
        self.0.backup.as_deref()
    }

    /// SQLite's own check of the whole file, and of what its tables promise.
    ///
    /// # Errors
    /// `Corrupt` with SQLite's word.
    pub fn check_integrity(&self) -> Result<(), LedgerError> {
        schema::check(&self.0.path)
    }

    /// The same as far as there is time, without the contents of indexes; whether there was enough.
    ///
    /// # Errors
    /// `Corrupt` with SQLite's word.
    pub fn check_within(&self, time_max: Duration) -> Result<bool, LedgerError> {
        schema::check_within(&self.0.path, time_max)
    }

    /// A number that changes when anything in the file does, whichever process changed it.
    pub(crate) fn revision(&self) -> Result<i64, LedgerError> {
        self.0.revision()
    }

    /// Runs `query` on a connection of its own, in one snapshot.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, OpError>,
    ) -> Result<T, LedgerError> {
        self.0.read(query)
    }

    fn admission(&self, call: Arc<NewCall>, reserved: Reserved) -> Admission {
        match reserved {
            Reserved::Admitted(mut terms) => Admission::Admitted {
                reservation: Reservation::new(Arc::clone(&self.0), &call, &mut terms),
                output_cap: terms.output_cap,
                standing: terms.standing,
            },
            Reserved::Waits { ticket, for_its_like, refusal } => {
                let place = (ticket, for_its_like);
                Admission::Wait(Ticket::new(Arc::clone(&self.0), call, place, refusal))
            }
            Reserved::Refused(refusal) => Admission::Refused(refusal),
        }
    }

    /// Queues an operation for the writer.
    pub(crate) fn submit<T, F>(&self, retry: Retry, operation: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T, OpError> + Send + 'static,
    {
        self.0.submit(retry, operation)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ledger").field(&self.0.path).finish()
    }
}
