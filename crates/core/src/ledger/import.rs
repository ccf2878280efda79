//! Calls that tools' logs tell of: each is one call, however often and wherever it is told, and one
//! that passed the proxy is the proxy's.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use foldhash::HashMap;
use rusqlite::Connection;

use super::call_row::EndedInserts;
use super::enter::write_rows;
use super::error::{LedgerError, OpError};
use super::handle::Ledger;
use super::log_file::{self, LogFile};
use super::many::ROWS_AT_ONCE;
use super::outside::Sums;
use super::prune::Forgotten;
use super::reply::Reply;
use super::writer::{Retry, Writing};
use super::{elsewhere, price};
use crate::price::PriceList;
pub use call::ImportedCall;
pub use outcome::{Imported, Sum};

use call::Bill;
use copying::Copying;
use enter::{Together, Told};
use look::{Found, look};
use proxied::Proxied;
use row::Row;
use twin::How;

mod call;
mod copying;
mod enter;
mod look;
mod merge;
mod outcome;
mod pages;
mod proxied;
mod row;
pub(crate) mod told;
mod twin;
mod unpriced;
mod withdraw;

/// So many calls are imported at once where others write: some milliseconds' work, that no call waits
/// for long.
pub const IMPORTED_AT_ONCE: usize = 500;
/// Until when after its log's entry a call may still be seen by the proxy.
const LATE_MAX: TimeDelta = TimeDelta::days(1);

/// An import into a ledger.
#[derive(Debug)]
pub struct Import {
    ledger: Ledger,
    proxied: Option<Proxied>,
    usual: pages::Usual,
    /// `None` where this process copies all the time.
    copying: Option<Copying>,
}

impl Ledger {
    /// How far each log was read, by its path.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn log_files(&self) -> Result<HashMap<String, LogFile>, LedgerError> {
        self.read(|connection| Ok(log_file::all(connection)?))
    }

    /// Notes how far logs were read.
    pub fn note_log_files(&self, files: Vec<LogFile>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| log_file::note(writing, &files))
    }

    /// The numbers of imported calls whose cost nobody knew, and whose model has a price by now. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newly_priced(&self, now: DateTime<Utc>) -> Result<Vec<i64>, LedgerError> {
        let prices = self.prices();
        self.read(|connection| Ok(unpriced::newly_priced(connection, &prices, now)?))
    }

    /// Begins an import. Calls that passed the proxy since the last one are found first. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn import(&self, now: DateTime<Utc>) -> Result<Import, LedgerError> {
        let (proxied, seen) = self.read(|connection| Ok(Proxied::load(connection)?))?;
        let usual = self
            .submit(Retry::Never, move |writing| {
                seen.map_or(Ok(()), |seen| seen.write(writing.connection))?;
                // Calls are priced by who tells of them, with the list that is found here.
                price::list(writing)?;
                Ok(pages::keep_more(writing.connection)?)
            })
            .wait()?;
        let copying = usual.copies_itself().then(|| Copying::start(self.path())).transpose()?;
        let import = Import { ledger: self.clone(), proxied, usual, copying };
        if let Some(proxied) = proxied {
            let late =
                |connection: &Connection| Ok(twin::late(connection, proxied, now - LATE_MAX)?);
            let late = self.read(late)?;
            if !late.is_empty() {
                self.submit(Retry::Never, move |writing| merge::replace(writing, &late, now))
                    .wait()?;
            }
        }
        Ok(import)
    }
}

impl Import {
    /// Imports these calls in one transaction, best in the order of their time: not more than
    /// [`IMPORTED_AT_ONCE`] where others write.
    pub fn calls(&self, calls: Vec<ImportedCall>, now: DateTime<Utc>) -> Reply<Imported> {
        let proxied = self.proxied;
        let prices = self.ledger.prices();
        let bills: Vec<Bill> = calls.iter().map(|call| call.bill(&prices)).collect();
        if let Some(copying) = &self.copying {
            copying.note(calls.len());
        }
        self.ledger.submit(Retry::Never, move |writing| {
            let slice = Slice::begin(writing, now)?;
            // A price may have been set in between.
            let are_so = Arc::ptr_eq(&slice.prices, &prices);
            let told = |(call, bill)| Told { call, bill: Some(bill).filter(|_| are_so) };
            import(writing, slice, proxied, calls.iter().zip(&bills).map(told))
        })
    }

    /// Books those calls at their price, by what the ledger has of them, in one transaction; by the tool
    /// whose log told of them. Not more than [`IMPORTED_AT_ONCE`] where others write.
    pub fn book(&self, calls: Vec<i64>, now: DateTime<Utc>) -> Reply<HashMap<String, Imported>> {
        self.ledger.submit(Retry::Never, move |writing| unpriced::book(writing, &calls, now))
    }

    /// What [`Import::calls`] would come to. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn preview(
        &self,
        calls: &[ImportedCall],
        now: DateTime<Utc>,
    ) -> Result<Imported, LedgerError> {
        let prices = self.ledger.prices();
        self.ledger.read(|connection| {
            let mut outcome = Imported::default();
            let forgotten = Forgotten::load(connection)?;
            for call in calls {
                let found = look(connection, &prices, self.proxied, forgotten, call, now)?;
                let cost = || call.bill(&prices).cost;
                match &found {
                    Found::New => outcome.new.count(call.plan_login, cost()),
                    Found::Grown(row) => outcome.new.change(call.plan_login, row.cost, cost()),
                    Found::Known | Found::Twin(..) | Found::Ahead => {}
                }
                outcome.count(&found);
            }
            Ok(outcome)
        })
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.copying = None;
        let usual = self.usual;
        // Nobody waits for it: at worst the pages stay.
        drop(
            self.ledger.submit(Retry::Never, move |writing| Ok(usual.restore(writing.connection)?)),
        );
    }
}

impl Imported {
    fn count(&mut self, found: &Found) {
        match found {
            Found::Known => self.known += 1,
            Found::Twin(_, How::ById) => self.merged += 1,
            Found::Twin(_, How::Matched) => self.matched += 1,
            Found::Ahead => self.refused += 1,
            Found::Grown(_) => self.grown += 1,
            Found::New => {}
        }
    }
}

/// What the calls of one transaction share.
struct Slice<'c> {
    inserts: EndedInserts<'c>,
    prices: Arc<PriceList>,
    /// Since when calls belong to a present period of any budget.
    present_since: Option<DateTime<Utc>>,
    forgotten: Forgotten,
    outside: Sums,
    /// Whether what came last was new, as nearly all of a first import is: then more at once are tried.
    was_new: bool,
    now: DateTime<Utc>,
}

impl<'c> Slice<'c> {
    fn begin(writing: &mut Writing<'c>, now: DateTime<Utc>) -> Result<Slice<'c>, OpError> {
        write_rows(writing)?;
        Ok(Slice {
            inserts: EndedInserts::new(writing.connection, writing.machine_id)?,
            prices: price::list(writing)?,
            present_since: elsewhere::present_since(writing, now)?,
            forgotten: Forgotten::load(writing.connection)?,
            outside: Sums::default(),
            was_new: true,
            now,
        })
    }

    fn is_present(&self, call: &ImportedCall) -> bool {
        self.present_since.is_some_and(|since| call.started() >= since)
    }

    /// Takes the place of what an entry of the same call made.
    fn replace(
        &mut self,
        writing: &mut Writing<'_>,
        call: &ImportedCall,
        row: &Row,
        outcome: &mut Imported,
    ) -> Result<(), OpError> {
        withdraw::withdraw(writing, row, &mut self.outside, self.now)?;
        if let Some(cost) = enter::enter(writing, self, Told { call, bill: None }, Some(row))? {
            outcome.new.change(call.plan_login, row.cost, cost);
        }
        Ok(())
    }

    fn end(self, connection: &Connection) -> rusqlite::Result<()> {
        self.outside.write(connection)
    }
}

fn import<'t>(
    writing: &mut Writing<'_>,
    mut slice: Slice<'_>,
    proxied: Option<Proxied>,
    calls: impl Iterator<Item = Told<'t>>,
) -> Result<Imported, OpError> {
    let mut outcome = Imported::default();
    // Probably new, and to be written together.
    let mut news: Vec<Told<'_>> = Vec::with_capacity(ROWS_AT_ONCE);
    for told in calls {
        let is_news =
            slice.was_new && is_probably_new(writing.connection, &slice, proxied, told.call)?;
        if is_news {
            news.push(told);
        }
        // Those before it come first: one of them may be the same call.
        if !is_news || news.len() == ROWS_AT_ONCE {
            take_all(writing, &mut slice, proxied, &mut news, &mut outcome)?;
        }
        if !is_news {
            take(writing, &mut slice, proxied, told, &mut outcome)?;
        }
    }
    take_all(writing, &mut slice, proxied, &mut news, &mut outcome)?;
    slice.end(writing.connection)?;
    Ok(outcome)
}

/// Takes calls that are probably new, together if there are as many as that takes.
fn take_all(
    writing: &mut Writing<'_>,
    slice: &mut Slice<'_>,
    proxied: Option<Proxied>,
    news: &mut Vec<Told<'_>>,
    outcome: &mut Imported,
) -> Result<(), OpError> {
    if news.len() == ROWS_AT_ONCE {
        match enter::enter_all(writing, slice, news, &mut outcome.new)? {
            Together::Written => news.clear(),
            Together::TooDifferent => {}
            Together::SomeKnown => slice.was_new = false,
        }
    }
    news.drain(..).try_for_each(|told| take(writing, slice, proxied, told, outcome))
}

fn take(
    writing: &mut Writing<'_>,
    slice: &mut Slice<'_>,
    proxied: Option<Proxied>,
    told: Told<'_>,
    outcome: &mut Imported,
) -> Result<(), OpError> {
    let call = told.call;
    if is_probably_new(writing.connection, slice, proxied, call)?
        && let Some(cost) = enter::enter(writing, slice, told, None)?
    {
        slice.was_new = true;
        outcome.new.count(call.plan_login, cost);
        return Ok(());
    }
    let Slice { prices, forgotten, .. } = &slice;
    let found = look(writing.connection, prices, proxied, *forgotten, call, slice.now)?;
    match &found {
        Found::New => {
            if let Some(cost) = enter::enter(writing, slice, told, None)? {
                outcome.new.count(call.plan_login, cost);
            }
        }
        Found::Grown(row) => slice.replace(writing, call, row, outcome)?,
        Found::Twin(seq, how) => merge::merge(writing, call, *seq, *how)?,
        Found::Known | Found::Ahead => {}
    }
    outcome.count(&found);
    Ok(())
}

/// Whether trying to write the call down tells all that a look would, and at once: no budget counts it
/// and no call that passed the proxy can be it. Then only its own entry may be there already.
fn is_probably_new(
    connection: &Connection,
    slice: &Slice<'_>,
    proxied: Option<Proxied>,
    call: &ImportedCall,
) -> rusqlite::Result<bool> {
    let may_be_proxied = proxied.is_some_and(|proxied| proxied.may_include(call.ended));
    if may_be_proxied || slice.is_present(call) || look::is_ahead(call, slice.now) {
        return Ok(false);
    }
    Ok(!look::is_proxied(connection, proxied, call)?
        && !slice.forgotten.holds(connection, &call.key, call.ended)?)
}
