//! The handle on an open ledger: all that other crates can do with it.

mod alerts;
mod balances;
mod budgets;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::Mac;
use rusqlite::Connection;

use super::asker::Asking;
use super::call::NewCall;
use super::error::{LedgerError, OpError};
use super::file::{OpenFile, Opening};
use super::record::{self, IdempotencyKey, Recorded, RecordedCall};
use super::reply::Reply;
use super::reservation::{Reservation, Ticket};
use super::reserve::{self, Reserved};
use super::writer::{Retry, Writing};
use super::{journal, price, recover, refuse, schema};
use crate::budget::QuotaStanding;
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
