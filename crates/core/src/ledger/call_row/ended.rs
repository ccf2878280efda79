//! Rows of calls that had ended before anybody here knew of them: logs tell of them by the thousand.

use std::sync::{Arc, LazyLock};

use rusqlite::{CachedStatement, Connection, Statement};

use super::{CallRows, counts, next_seq};
use crate::cost::Basis;
use crate::ledger::call::Dimensions;
use crate::ledger::many::{Binding, ROWS_AT_ONCE, places};
use crate::ledger::shares::Shares;
use crate::money::Money;
use crate::price::Price;
use crate::usage::Usage;

/// A call that a log tells of.
pub(crate) struct EndedCall<'a> {
    pub(crate) id: [u8; 16],
    pub(crate) account: i64,
    pub(crate) started_ms: i64,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) dimensions: Dimensions,
    pub(crate) log_key: [u8; 16],
    pub(crate) response_id: Option<&'a str>,
    pub(crate) service_tier: Option<&'a str>,
    pub(crate) usage: &'a Usage,
    /// All of it, where it has what no column has.
    pub(crate) usage_json: Option<String>,
    pub(crate) shares: Shares,
    pub(crate) basis: Basis,
    pub(crate) cost: Option<Money>,
    pub(crate) cost_stated: Option<Money>,
    pub(crate) price: Option<Arc<Price>>,
}

/// What a tool's calls mostly have in common. What no log tells is left out: each value that is bound is
/// some of an import's time.
const COMMON: [&str; 11] = [
    "account_id",
    "source_id",
    "provider_id",
    "client_id",
    "service_tier",
    "shares",
    "basis",
    "usage_json",
    "audio_input_tokens",
    "audio_output_tokens",
    "tool_calls",
];
/// What each row has of its own.
const OWN: [&str; 19] = [
    // First: it is the one asked for as well.
    "model_id",
    "seq",
    "id",
    "started_ms",
    "duration_ms",
    "project_id",
    "session_id",
    "tags_id",
    "log_key",
    "response_id",
    "cost_pico",
    "cost_stated_pico",
    "price_id",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
];

static ONE: LazyLock<String> = LazyLock::new(|| inserting("INSERT OR IGNORE", 1, false));
static MANY: LazyLock<String> =
    LazyLock::new(|| inserting("INSERT OR IGNORE", ROWS_AT_ONCE, false));
static REPEATED: LazyLock<String> = LazyLock::new(|| inserting("INSERT", 1, true));

/// `repeats`: another call of the account carries the response id already. The machine's id and what is
/// common to all rows are the first values.
fn inserting(verb: &str, rows: usize, repeats: bool) -> String {
    let (column, one) = if repeats { (", response_repeats", ", 1") } else { ("", "") };
    let common = places(2, COMMON.len());
    let row = |row: usize| {
        let first = 2 + COMMON.len() + row * OWN.len();
        format!("(?1, 'settled', ?{first}, {common}, {}{one})", places(first, OWN.len()))
    };
    let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
    format!(
        "{verb} INTO call (machine_id, status, model_requested_id, {}, {}{column}) VALUES {rows}",
        COMMON.join(", "),
        OWN.join(", ")
    )
}

/// What writes such rows, looked up once for many.
pub(crate) struct EndedInserts<'c> {
    connection: &'c Connection,
    machine_id: [u8; 16],
    one: CachedStatement<'c>,
    many: CachedStatement<'c>,
}

impl<'c> EndedInserts<'c> {
    pub(crate) fn new(
        connection: &'c Connection,
        machine_id: [u8; 16],
    ) -> rusqlite::Result<EndedInserts<'c>> {
        Ok(EndedInserts {
            connection,
            machine_id,
            one: connection.prepare_cached(&ONE)?,
            many: connection.prepare_cached(&MANY)?,
        })
    }

    /// Whether the row was written: not where the entry has one.
    fn insert(&mut self, seq: i64, call: &EndedCall<'_>) -> rusqlite::Result<bool> {
        let calls = std::slice::from_ref(call);
        if run(&mut self.one, self.machine_id, seq, calls)? > 0 {
            return Ok(true);
        }
        let is_known = "SELECT 1 FROM call WHERE log_key = ?1";
        if self.connection.prepare_cached(is_known)?.exists([call.log_key])? {
            return Ok(false);
        }
        let mut repeated = self.connection.prepare_cached(&REPEATED)?;
        run(&mut repeated, self.machine_id, seq, calls).map(|_| true)
    }

    /// Whether the rows were written, [`ROWS_AT_ONCE`] of them with the same in common: otherwise none was.
    fn insert_all(&mut self, seq: i64, calls: &[EndedCall<'_>]) -> rusqlite::Result<bool> {
        debug_assert_eq!(calls.len(), ROWS_AT_ONCE, "the statement has places for so many");
        let written = run(&mut self.many, self.machine_id, seq, calls)?;
        if written > 0 && written < calls.len() {
            self.connection.prepare_cached("DELETE FROM call WHERE seq >= ?1")?.execute([seq])?;
        }
        Ok(written == calls.len())
    }
}

/// Writes the rows from the number `seq` on, which have the same in common; how many there were no
/// conflicts about.
fn run(
    statement: &mut Statement<'_>,
    machine_id: [u8; 16],
    seq: i64,
    calls: &[EndedCall<'_>],
) -> rusqlite::Result<usize> {
    let Some(first) = calls.first() else { return Ok(0) };
    let mut binding = Binding::of(statement);
    binding.bind(machine_id)?;
    bind_common(&mut binding, first)?;
    for (seq, call) in (seq..).zip(calls) {
        debug_assert!(call.has_in_common(first), "they are bound together");
        bind_own(&mut binding, seq, call)?;
    }
    binding.execute()
}

/// In the order of [`COMMON`].
fn bind_common(binding: &mut Binding<'_, '_>, call: &EndedCall<'_>) -> rusqlite::Result<()> {
    let of = &call.dimensions;
    binding.bind(call.account)?;
    binding.bind(of.source)?;
    binding.bind(of.provider)?;
    binding.bind(of.client)?;
    binding.bind(call.service_tier)?;
    binding.bind(&call.shares)?;
    binding.bind(call.basis.as_str())?;
    binding.bind(call.usage_json.as_deref())?;
    let [.., audio_input, audio_output, tool_calls] = counts(call.usage);
    binding.bind(audio_input)?;
    binding.bind(audio_output)?;
    binding.bind(tool_calls)
}

/// In the order of [`OWN`].
fn bind_own(binding: &mut Binding<'_, '_>, seq: i64, call: &EndedCall<'_>) -> rusqlite::Result<()> {
    let of = &call.dimensions;
    binding.bind(of.model)?;
    binding.bind(seq)?;
    binding.bind(call.id)?;
    binding.bind(call.started_ms)?;
    binding.bind(call.duration_ms)?;
    binding.bind(of.project)?;
    binding.bind(of.session)?;
    binding.bind(of.tags)?;
    binding.bind(call.log_key)?;
    binding.bind(call.response_id)?;
    binding.bind(call.cost.map(Money::picodollars))?;
    binding.bind(call.cost_stated.map(Money::picodollars))?;
    binding.bind(call.price.as_ref().map(|price| price.id.as_str()))?;
    let [tokens @ .., _, _, _] = counts(call.usage);
    tokens.into_iter().try_for_each(|count| binding.bind(count))
}

impl EndedCall<'_> {
    /// Whether one statement can write both: by what is in [`COMMON`].
    pub(crate) fn has_in_common(&self, other: &EndedCall<'_>) -> bool {
        let common = |of: &Dimensions| (of.source, of.provider, of.client);
        let rare = |usage: &Usage| {
            (usage.audio_input_tokens, usage.audio_output_tokens, usage.tool_calls())
        };
        self.account == other.account
            && common(&self.dimensions) == common(&other.dimensions)
            && self.service_tier == other.service_tier
            && self.shares == other.shares
            && self.basis == other.basis
            && self.usage_json == other.usage_json
            && rare(self.usage) == rare(other.usage)
    }
}

impl CallRows {
    /// Writes the row of a call that ended before anybody here knew of it; whether it was: not where
    /// the entry has one. Nothing else may have been left to be written.
    pub(crate) fn enter_ended(
        &mut self,
        inserts: &mut EndedInserts<'_>,
        call: &EndedCall<'_>,
    ) -> rusqlite::Result<bool> {
        let seq = self.free_seq(inserts.connection)?;
        let is_written = inserts.insert(seq, call)?;
        self.next_seq = Some(seq + i64::from(is_written));
        Ok(is_written)
    }

    /// As [`CallRows::enter_ended`] for [`ROWS_AT_ONCE`] calls that have in common what such a statement
    /// binds once; whether all were written. Otherwise none was.
    pub(crate) fn enter_all_ended(
        &mut self,
        inserts: &mut EndedInserts<'_>,
        calls: &[EndedCall<'_>],
    ) -> rusqlite::Result<bool> {
        let seq = self.free_seq(inserts.connection)?;
        let are_written = inserts.insert_all(seq, calls)?;
        let written = if are_written { calls.len() as i64 } else { 0 };
        self.next_seq = Some(seq + written);
        Ok(are_written)
    }

    fn free_seq(&self, connection: &Connection) -> rusqlite::Result<i64> {
        debug_assert!(self.unwritten.is_empty(), "rows are written in the order of their numbers");
        match self.next_seq {
            Some(seq) => Ok(seq),
            None => next_seq(connection),
        }
    }
}
