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
use super::rollup::{RollupKey, Value, clamp};
use super::running::Running;
use super::settlement::Settlement;
use super::shares::Shares;
use super::time::{new_id, to_ms, uuid_of};
use super::writer::{Retry, Writing};
use super::{account, credit, elsewhere, enter, price};
use crate::cost::{self, Bill, Metered};
use crate::money::Money;
use crate::usage::Usage;
use twin::{How, Proxied};
use withdraw::Withdrawn;

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

/// A call that a tool's log tells of.
#[derive(Clone, Debug)]
pub struct ImportedCall {
    /// The same in every copy of the entry.
    pub key: [u8; 16],
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// From its beginning to its end, where known.
    pub duration: Option<TimeDelta>,
    /// `import:<tool>`.
    pub source: Arc<str>,
    /// Provider name as in a route.
    pub provider: Arc<str>,
    /// The model, where known.
    pub model: Option<Arc<str>>,
    /// Project, if any.
    pub project: Option<Arc<str>>,
    /// The tool's session, if any.
    pub session: Option<Arc<str>>,
    /// The tool.
    pub client: Option<Arc<str>>,
    /// `k=v;k=v` in order of keys; empty for none.
    pub tags: Arc<str>,
    /// The service tier that served it.
    pub service_tier: Option<Arc<str>>,
    /// What it consumed.
    pub usage: Usage,
    /// What the log says that it cost: kept beside, never charged.
    pub cost_logged: Option<Money>,
    /// The provider's id of the answer.
    pub response_id: Option<Box<str>>,
    /// Whether a subscription paid for it.
    pub plan_login: bool,
}

impl ImportedCall {
    /// As far as a look for the same call needs it.
    fn seen(
        ended: DateTime<Utc>,
        response_id: Option<String>,
        model: Option<String>,
        usage: Usage,
    ) -> ImportedCall {
        ImportedCall {
            key: [0; 16],
            ended,
            duration: None,
            source: "".into(),
            provider: "".into(),
            model: model.map(Into::into),
            project: None,
            session: None,
            client: None,
            tags: "".into(),
            service_tier: None,
            usage,
            cost_logged: None,
            response_id: response_id.map(Into::into),
            plan_login: false,
        }
    }

    fn started(&self) -> DateTime<Utc> {
        self.ended - self.duration.unwrap_or_default()
    }

    fn value(&self, cost: Option<Money>) -> Value {
        if self.plan_login { Value::OfPlan(cost) } else { Value::Owed(cost) }
    }

    /// What it costs as the ledger prices it, at the price of its own day.
    fn bill(&self, prices: &crate::price::PriceList) -> Bill {
        let model = self.model.as_deref().unwrap_or_default();
        let metered = Metered {
            usage: Some(self.usage),
            service_tier: self.service_tier.as_deref().map(str::to_owned),
            ..Metered::default()
        };
        let bill = cost::bill(prices, &self.provider, model, &metered, self.started());
        Bill { cost_stated: self.cost_logged, ..bill }
    }
}

/// What became of calls that logs tell of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Calls that were not in the ledger; and what those that were in it in part cost more.
    pub new: Sum,
    /// Calls that were in it, of which more is known now.
    pub grown: u64,
    /// Calls that were in it by an import.
    pub known: u64,
    /// Calls that passed the proxy, by the id of their answer.
    pub merged: u64,
    /// Calls that passed the proxy, by model, tokens and time.
    pub matched: u64,
    /// Entries of a time to come, or without end; not taken.
    pub refused: u64,
}

/// A sum of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub calls: u64,
    /// Of these, the ones of unknown cost.
    pub unpriced: u64,
    /// What they cost.
    pub cost: Money,
    /// What subscriptions used, at API prices.
    pub plan_value: Money,
}

impl Imported {
    /// Adds what became of others.
    pub fn add(&mut self, other: &Imported) {
        self.new.calls += other.new.calls;
        self.new.unpriced += other.new.unpriced;
        self.new.cost = self.new.cost.saturating_add(other.new.cost);
        self.new.plan_value = self.new.plan_value.saturating_add(other.new.plan_value);
        self.grown += other.grown;
        self.known += other.known;
        self.merged += other.merged;
        self.matched += other.matched;
        self.refused += other.refused;
    }
}

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
                let found = look(connection, self.proxied, call, now)?;
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

impl Sum {
    fn count(&mut self, plan_login: bool, cost: Option<Money>) {
        self.calls += 1;
        self.unpriced += u64::from(cost.is_none());
        self.change(plan_login, None, cost);
    }

    fn change(&mut self, plan_login: bool, before: Option<Money>, after: Option<Money>) {
        let sum = if plan_login { &mut self.plan_value } else { &mut self.cost };
        let more = after.unwrap_or_default().saturating_sub(before.unwrap_or_default());
        *sum = sum.saturating_add(more);
    }
}

fn look(
    connection: &rusqlite::Connection,
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
            let is_better = is_better(connection, seq, call)?;
            return Ok(if is_better { Found::Grown(seq) } else { Found::Known });
        }
        Some(_) => return Ok(Found::Known),
        None => {}
    }
    let Some(proxied) = proxied else { return Ok(Found::New) };
    let twin = twin::find(connection, proxied, call)?;
    Ok(twin.map_or(Found::New, |(seq, how)| Found::Twin(seq, how)))
}

/// Whether the entry tells more than the one that made the row: the id of the answer, or an earlier time
/// (copies are made later).
fn is_better(
    connection: &rusqlite::Connection,
    seq: i64,
    call: &ImportedCall,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT (response_id IS NULL AND ?2) \
             OR started_ms + coalesce(duration_ms, 0) > ?3 FROM call WHERE seq = ?1",
        )?
        .query_row(
            params![seq, call.response_id.is_some(), to_ms(call.ended + COPIED_AFTER_MIN)],
            |row| row.get(0),
        )
        .optional()
        .map(|found| found.unwrap_or(false))
}

fn import(
    writing: &mut Writing<'_>,
    proxied: Option<Proxied>,
    calls: &[ImportedCall],
    now: DateTime<Utc>,
) -> Result<Imported, OpError> {
    let mut outcome = Imported::default();
    let mut outside = Sums::default();
    let present_since = elsewhere::present_since(writing, now)?;
    for call in calls {
        let found = look(writing.connection, proxied, call, now)?;
        let (before, is_new) = match found {
            Found::New => (None, true),
            Found::Grown(seq) => {
                enter::write_rows(writing)?;
                (withdraw::withdraw(writing, seq, &mut outside, now)?, true)
            }
            Found::Twin(seq, how) => {
                note(writing, call, seq, how as i64)?;
                (None, false)
            }
            Found::Known | Found::Ahead => (None, false),
        };
        if is_new {
            let is_present = present_since.is_some_and(|since| call.started() >= since);
            let cost_before = before.as_ref().map(|before| before.cost);
            let entered = enter(writing, call, before, is_present, now)?;
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
    enter::write_rows(writing)?;
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
    is_present: bool,
    now: DateTime<Utc>,
) -> Result<Entered, OpError> {
    let started = call.started();
    let new = new_call(call, before.as_ref().map(|before| before.id));
    let response_id = call.response_id.as_deref().map(str::to_owned);
    let response_id = response_id.or_else(|| before.and_then(|before| before.response_id));
    let account = account::of_call(writing, &call.provider, None, call.plan_login, started)?;
    let dimensions = enter::dimensions(writing, &new)?;
    let shares = match is_present {
        true => elsewhere::shares(writing, &new, account, now)?,
        false => Shares::default(),
    };
    let prices = price::list(writing)?;
    let bill = call.bill(&prices);
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
        Arc::new(settlement(call, bill, response_id, now)),
        dimensions.model,
        running.shares,
    )?;
    writing.cache.rows.end(connection, seq, end)?;
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

fn settlement(
    call: &ImportedCall,
    bill: Bill,
    response_id: Option<String>,
    now: DateTime<Utc>,
) -> Settlement {
    Settlement {
        bill: Some(bill),
        model: None,
        response_id,
        turn_prompt_tokens: None,
        output_shown_tokens: None,
        http_status: None,
        error_kind: None,
        duration: call.duration,
        first_byte: None,
        at: now,
        ended: false,
    }
}
