//! Calls that tools' logs tell of: each is one call, however often and wherever it is told, and one
//! that passed the proxy is the proxy's.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use foldhash::HashMap;
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::call::NewCall;
use super::call_row::End;
use super::charge::{self, Charge};
use super::dimension::{Dimension, intern};
use super::error::{LedgerError, OpError};
use super::handle::Ledger;
use super::log_file::{self, LogFile};
use super::outside::Sums;
use super::reply::Reply;
use super::rollup::{RollupKey, clamp};
use super::running::Running;
use super::shares::Shares;
use super::time::{from_ms, new_id, to_ms, uuid_of};
use super::writer::{Retry, Writing};
use super::{account, credit, elsewhere, enter, price};
use crate::money::Money;
use crate::price::{PriceList, PriceQuery};
pub use call::ImportedCall;
pub use outcome::{Imported, Sum};

use twin::{How, Proxied};
use withdraw::Withdrawn;

mod call;
mod outcome;
pub(crate) mod told;
mod twin;
mod withdraw;

/// So many calls are imported at once where others write: some milliseconds' work, that no call waits
/// for long.
pub const IMPORTED_AT_ONCE: usize = 500;
/// The pages that an import keeps in memory: what it writes is spread over its indexes.
const CACHE_KIB: i64 = 24 << 10;
/// As SQLite has it.
const USUAL_CACHE_KIB: i64 = 2_000;
/// How far ahead of our clock a log's may be.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
/// What is later by this is a copy: logs tell one moment in seconds here and in milliseconds there.
const COPIED_AFTER_MIN: TimeDelta = TimeDelta::seconds(1);
/// Until when after its log's entry a call may still be seen by the proxy.
const LATE_MAX: TimeDelta = TimeDelta::days(1);

/// An import into a ledger.
#[derive(Debug)]
pub struct Import {
    ledger: Ledger,
    proxied: Option<Proxied>,
}

impl Ledger {
    /// How far each log was read, by its path.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn log_files(&self) -> Result<HashMap<String, LogFile>, LedgerError> {
        self.read(|connection| Ok(log_file::all(connection)?))
    }

    /// Whether imported calls whose cost nobody knew are of a model that has a price by now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_newly_priced_imports(&self, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let prices = self.prices();
        let unpriced = self.read(|connection| Ok(unpriced(connection)?))?;
        Ok(unpriced.iter().any(|(provider, model, at)| {
            let at = (*at).min(now);
            prices.find(&PriceQuery { provider, model, at, service_tier: None }).is_some()
        }))
    }

    /// Notes how far logs were read.
    pub fn note_log_files(&self, files: Vec<LogFile>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| log_file::note(writing, &files))
    }

    /// Begins an import. Calls that passed the proxy since the last one are found first. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn import(&self, now: DateTime<Utc>) -> Result<Import, LedgerError> {
        let proxied = self.read(|connection| Ok(Proxied::load(connection)?))?;
        self.submit(Retry::Never, |writing| keep_pages(writing, CACHE_KIB)).wait()?;
        let import = Import { ledger: self.clone(), proxied };
        if let Some(proxied) = proxied {
            let late = |connection: &rusqlite::Connection| {
                Ok(twin::late(connection, proxied, now - LATE_MAX)?)
            };
            let late = self.read(late)?;
            if !late.is_empty() {
                self.submit(Retry::Never, move |writing| {
                    let mut outside = Sums::default();
                    late.iter()
                        .try_for_each(|found| replace(writing, *found, &mut outside, now))?;
                    Ok(outside.write(writing.connection)?)
                })
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
        self.ledger.submit(Retry::Never, move |writing| import(writing, proxied, &calls, now))
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
            for call in calls {
                let found = look(connection, &prices, self.proxied, call, now)?;
                let cost = || call.bill(&prices).cost;
                match found {
                    Found::New => outcome.new.count(call.plan_login, cost()),
                    Found::Grown(seq) => {
                        let before = withdraw::cost(connection, seq)?;
                        outcome.new.change(call.plan_login, before, cost());
                    }
                    Found::Known | Found::Twin(..) | Found::Ahead => {}
                }
                outcome.count(found);
            }
            Ok(outcome)
        })
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        // Nobody waits for it: at worst the pages stay.
        drop(self.ledger.submit(Retry::Never, |writing| keep_pages(writing, USUAL_CACHE_KIB)));
    }
}

fn keep_pages(writing: &Writing<'_>, kib: i64) -> Result<(), OpError> {
    Ok(writing.connection.execute_batch(&format!("PRAGMA cache_size = -{kib}"))?)
}

/// What the ledger has of a call that a log tells of.
#[derive(Clone, Copy, Debug)]
enum Found {
    New,
    Known,
    /// An entry that is not the whole one made this row.
    Grown(i64),
    /// It passed the proxy: this row.
    Twin(i64, How),
    /// Its time is to come.
    Ahead,
}

impl Imported {
    fn count(&mut self, found: Found) {
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

fn look(
    connection: &rusqlite::Connection,
    prices: &PriceList,
    proxied: Option<Proxied>,
    call: &ImportedCall,
    now: DateTime<Utc>,
) -> Result<Found, OpError> {
    if call.ended > now + AHEAD_MAX {
        return Ok(Found::Ahead);
    }
    let known: Option<(i64, i64, i64)> = connection
        .prepare_cached("SELECT call_seq, how, tokens FROM logged WHERE key = ?1")?
        .query_row([call.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match known {
        Some((seq, 0, tokens)) if tokens < clamp(call.usage.total_tokens()) => {
            return Ok(Found::Grown(seq));
        }
        Some((seq, 0, tokens)) if tokens == clamp(call.usage.total_tokens()) => {
            let is_better = is_better(connection, prices, seq, call)?;
            return Ok(if is_better { Found::Grown(seq) } else { Found::Known });
        }
        Some(_) => return Ok(Found::Known),
        None => {}
    }
    let Some(proxied) = proxied else { return Ok(Found::New) };
    let twin = twin::find(connection, proxied, call)?;
    Ok(twin.map_or(Found::New, |(seq, how)| Found::Twin(seq, how)))
}

/// Providers and models of imported calls whose cost nobody knows, with the time of the last.
fn unpriced(
    connection: &rusqlite::Connection,
) -> rusqlite::Result<Vec<(String, String, DateTime<Utc>)>> {
    connection
        .prepare_cached(
            "SELECT p.text, m.text, max(c.started_ms) FROM call c \
             JOIN dimension p ON p.id = c.provider_id JOIN dimension m ON m.id = c.model_requested_id \
             WHERE EXISTS (SELECT 1 FROM outside_quarter WHERE unpriced_calls > 0) \
             AND c.cost_pico IS NULL \
             AND EXISTS (SELECT 1 FROM logged WHERE call_seq = c.seq AND how = 0) GROUP BY 1, 2",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, from_ms(row.get(2)?))))?
        .collect()
}

/// Whether the entry tells more than the one that made the row: the id of the answer, the project, an
/// earlier time (copies are made later), who paid as the user says; or its cost is known by now.
fn is_better(
    connection: &rusqlite::Connection,
    prices: &PriceList,
    seq: i64,
    call: &ImportedCall,
) -> rusqlite::Result<bool> {
    let known: Option<(bool, bool)> = connection
        .prepare_cached(
            "SELECT (response_id IS NULL AND ?2) OR (project_id IS NULL AND ?3) \
             OR started_ms + coalesce(duration_ms, 0) > ?4 OR (?5 AND plan_login <> ?6), \
             cost_pico IS NULL \
             FROM call JOIN account a ON a.id = account_id WHERE seq = ?1",
        )?
        .query_row(
            params![
                seq,
                call.response_id.is_some(),
                call.project.is_some(),
                to_ms(call.ended + COPIED_AFTER_MIN),
                call.is_billing_told,
                call.plan_login,
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((tells_more, is_unpriced)) = known else { return Ok(false) };
    Ok(tells_more || (is_unpriced && call.bill(prices).cost.is_some()))
}

fn import(
    writing: &mut Writing<'_>,
    proxied: Option<Proxied>,
    calls: &[ImportedCall],
    now: DateTime<Utc>,
) -> Result<Imported, OpError> {
    let mut outcome = Imported::default();
    let mut outside = Sums::default();
    let prices = price::list(writing)?;
    let present_since = elsewhere::present_since(writing, now)?;
    for call in calls {
        let found = look(writing.connection, &prices, proxied, call, now)?;
        let (before, is_new) = match found {
            Found::New => (None, true),
            Found::Grown(seq) => (withdraw::withdraw(writing, seq, &mut outside, now)?, true),
            Found::Twin(seq, how) => {
                note(writing, call, seq, how as i64)?;
                (None, false)
            }
            Found::Known | Found::Ahead => (None, false),
        };
        if is_new {
            let is_present = present_since.is_some_and(|since| call.started() >= since);
            let cost_before = before.as_ref().map(|before| before.cost);
            let entered = enter(writing, call, before, &prices, is_present, now)?;
            note(writing, call, entered.seq, 0)?;
            let value = call.value(entered.cost);
            outside.add(call.started(), entered.source, value, 1);
            match cost_before {
                Some(before) => outcome.new.change(call.plan_login, before, entered.cost),
                None => outcome.new.count(call.plan_login, entered.cost),
            }
        }
        outcome.count(found);
    }
    outside.write(writing.connection)?;
    Ok(outcome)
}

/// Notes which row the entry is.
fn note(
    writing: &mut Writing<'_>,
    call: &ImportedCall,
    seq: i64,
    how: i64,
) -> rusqlite::Result<()> {
    let source = intern(writing, Dimension::Source, &call.source)?;
    writing
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO logged (key, call_seq, source_id, how, tokens) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![call.key, seq, source, how, clamp(call.usage.total_tokens())])
        .map(drop)
}

/// The proxy's row takes the place of the one that an import made.
fn replace(
    writing: &mut Writing<'_>,
    (seq, twin, how): (i64, i64, How),
    outside: &mut Sums,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    writing
        .connection
        .prepare_cached("UPDATE logged SET call_seq = ?2, how = ?3 WHERE call_seq = ?1")?
        .execute(params![seq, twin, how as i64])?;
    withdraw::withdraw(writing, seq, outside, now)?;
    // It was told to be one of two.
    writing
        .connection
        .prepare_cached("UPDATE OR IGNORE call SET response_repeats = 0 WHERE seq = ?1")?
        .execute([twin])?;
    Ok(())
}

/// A row that was made.
struct Entered {
    seq: i64,
    source: i64,
    cost: Option<Money>,
}

/// Writes the call down as it ended.
fn enter(
    writing: &mut Writing<'_>,
    call: &ImportedCall,
    before: Option<Withdrawn>,
    prices: &PriceList,
    is_present: bool,
    now: DateTime<Utc>,
) -> Result<Entered, OpError> {
    let started = call.started();
    let mut new = new_call(call, before.as_ref().map(|before| before.id));
    if new.project.is_none() {
        new.project = before.as_ref().and_then(|before| before.project.clone());
    }
    let response_id = call.response_id.as_deref().map(str::to_owned);
    let response_id = response_id.or_else(|| before.and_then(|before| before.response_id));
    let account = account::of_call(writing, &call.provider, None, call.plan_login, started)?;
    let dimensions = enter::dimensions(writing, &new)?;
    let shares = match is_present {
        true => elsewhere::shares(writing, &new, account, now)?,
        false => Shares::default(),
    };
    let bill = call.bill(prices);
    if let Some(price) = &bill.price {
        price::keep(writing, price)?;
    }
    let cost = bill.cost;
    let entry = elsewhere::entry(shares);
    let (connection, machine) = (writing.connection, writing.machine_id);
    let row = (&new, account, &dimensions);
    let seq = writing.cache.rows.enter(connection, machine, row, &entry)?;
    let mut running = Running {
        id: new.id,
        seq,
        account,
        started,
        provider: dimensions.provider,
        provider_name: new.provider,
        account_name: String::new(),
        plan_login: call.plan_login,
        model_requested: dimensions.model,
        model_name: None,
        project: dimensions.project,
        key: None,
        client: dimensions.client,
        input_tokens_max: 0,
        ceiling: None,
        shares: entry.shares,
    };
    let billed = Charge { is_billed: true, usage: Some(&call.usage), cost, is_ended: false };
    charge::charge(writing, &mut running, &billed, now)?;
    let end = End::new(
        Arc::new(elsewhere::settlement(bill, None, response_id, call.duration, now)),
        dimensions.model,
        running.shares,
    )?;
    writing.cache.rows.end(connection, seq, end)?;
    // Another entry of the same slice may look for it.
    enter::write_rows(writing)?;
    let key = RollupKey {
        account,
        provider: dimensions.provider,
        model: dimensions.model.unwrap_or(0),
        project: dimensions.project.unwrap_or(0),
        key: 0,
        client: dimensions.client.unwrap_or(0),
    };
    writing.cache.rollups.add(started, key, Some(&call.usage), call.value(cost));
    if !call.plan_login {
        credit::spend_elsewhere(writing, account, cost.unwrap_or_default(), started, now)?;
    }
    Ok(Entered { seq, source: dimensions.source, cost })
}

fn new_call(call: &ImportedCall, id: Option<Uuid>) -> NewCall {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    NewCall {
        id: id.unwrap_or_else(|| uuid_of(new_id(call.started()))),
        at: call.started(),
        source: call.source.as_ref().to_owned(),
        provider: call.provider.as_ref().to_owned(),
        model_requested: text(&call.model),
        project: text(&call.project),
        session: text(&call.session),
        client: text(&call.client),
        key: None,
        tags: call.tags.as_ref().to_owned(),
        run: None,
        plan_login: call.plan_login,
        service_tier: text(&call.service_tier),
        bounds: elsewhere::ENDED,
        is_strict: false,
    }
}
