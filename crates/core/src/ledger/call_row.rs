//! Rows of the call table, and those that the open transaction has still to write: a call that ends
//! within it is written once, and nobody waits for a row who only asks to be admitted.

use std::sync::{Arc, LazyLock};

use rusqlite::{Connection, ToSql, params_from_iter};

use super::call::{Dimensions, Entry, NewCall};
use super::error::LedgerError;
use super::rollup::{clamp, shown_input};
use super::settlement::Settlement;
use super::shares::Shares;
use super::time::to_ms;
use crate::admission::RefusalReason;
use crate::cost::{Basis, Bill};
use crate::money::Money;
use crate::usage::Usage;
pub(crate) use ended::{EndedCall, EndedInserts};

mod ended;

/// What the transaction that is open has still to write.
#[derive(Default)]
pub(crate) struct CallRows {
    /// The number of the next row, where it is known.
    next_seq: Option<i64>,
    /// The rows before that one.
    unwritten: Vec<Row>,
}

struct Row {
    facts: Facts,
    state: State,
}

/// What an end leaves as it is, but for `limit_action`.
struct Facts {
    seq: i64,
    id: [u8; 16],
    machine_id: [u8; 16],
    account: i64,
    started_ms: i64,
    dimensions: Dimensions,
    output_cap: Option<i64>,
    ceiling: Option<i64>,
    refusal: Option<&'static str>,
    refused_by: Option<i64>,
    input_tokens_max: i64,
    is_unbounded: bool,
    limit_action: Option<&'static str>,
}

enum State {
    Entered { status: &'static str, owner: Option<[u8; 16]>, shares: Shares },
    Ended(End),
}

/// How a call ended, as its row tells.
pub(crate) struct End {
    settlement: Arc<Settlement>,
    /// The model that served it.
    model: Option<i64>,
    shares: Shares,
    usage_json: Option<String>,
}

impl End {
    /// # Errors
    /// Where the usage cannot be written as JSON.
    pub(crate) fn new(
        settlement: Arc<Settlement>,
        model: Option<i64>,
        shares: Shares,
    ) -> Result<End, LedgerError> {
        let usage = settlement.bill.as_ref().and_then(|bill| bill.usage.as_ref());
        let usage_json = usage.map(rare_json).transpose()?.flatten();
        Ok(End { settlement, model, shares, usage_json })
    }
}

impl CallRows {
    /// Takes a new row on; returns its `seq`.
    pub(crate) fn enter(
        &mut self,
        connection: &Connection,
        machine_id: [u8; 16],
        (call, account, dimensions): (&NewCall, i64, &Dimensions),
        entry: &Entry,
    ) -> rusqlite::Result<i64> {
        let seq = match self.next_seq {
            Some(seq) => seq,
            None => next_seq(connection)?,
        };
        let facts = Facts {
            seq,
            id: *call.id.as_bytes(),
            machine_id,
            account,
            started_ms: to_ms(call.at),
            dimensions: *dimensions,
            output_cap: entry.output_cap.map(clamp),
            ceiling: entry.ceiling.map(Money::picodollars),
            refusal: entry.refusal.map(RefusalReason::as_str),
            refused_by: entry.refused_by,
            input_tokens_max: clamp(call.bounds.input_tokens_max),
            is_unbounded: entry.is_unbounded,
            limit_action: entry.limit_action,
        };
        let shares = entry.shares.clone();
        let state = State::Entered { status: entry.status, owner: entry.owner, shares };
        self.unwritten.push(Row { facts, state });
        self.next_seq = Some(seq + 1);
        Ok(seq)
    }

    /// Ends the running call with the row `seq`.
    pub(crate) fn end(
        &mut self,
        connection: &Connection,
        seq: i64,
        end: End,
    ) -> rusqlite::Result<()> {
        match self.unwritten_row(seq) {
            Some(row) => row.state = State::Ended(end),
            None => update(connection, seq, &end)?,
        }
        Ok(())
    }

    /// Writes down all rows: to be called before anything looks for one in the file, and before each
    /// commit.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.unwritten.drain(..).try_for_each(|row| insert(connection, &row))
    }

    /// Forgets what another process may have changed.
    pub(crate) fn forget(&mut self) {
        debug_assert!(self.unwritten.is_empty(), "rows are written with their transaction");
        self.next_seq = None;
    }

    fn unwritten_row(&mut self, seq: i64) -> Option<&mut Row> {
        let first = self.unwritten.first()?.facts.seq;
        self.unwritten.get_mut(usize::try_from(seq - first).ok()?)
    }
}

fn next_seq(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(seq), 0) + 1 FROM call")?
        .query_row([], |row| row.get(0))
}

const FACTS: [&str; 20] = [
    "seq",
    "id",
    "machine_id",
    "account_id",
    "started_ms",
    "source_id",
    "provider_id",
    "model_requested_id",
    "project_id",
    "session_id",
    "client_id",
    "key_id",
    "tags_id",
    "run_id",
    "output_cap",
    "ceiling_pico",
    "refusal",
    "refused_by",
    "input_tokens_max",
    "is_unbounded",
];
const ENTERED: [&str; 4] = ["limit_action", "status", "owner", "shares"];
const ENDED: [&str; 26] = [
    "limit_action",
    "status",
    "shares",
    "model_id",
    "http_status",
    "error_kind",
    "basis",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "tool_calls",
    "usage_json",
    "turn_prompt_tokens",
    "output_shown_tokens",
    "cost_pico",
    "cost_stated_pico",
    "service_tier",
    "price_id",
    "response_id",
    "duration_ms",
    "first_byte_ms",
];

static REPEATED: LazyLock<String> =
    LazyLock::new(|| inserting("INSERT", FACTS.into_iter().chain(ENDED), true));

fn insert(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    static ENTER: LazyLock<String> =
        LazyLock::new(|| inserting("INSERT", FACTS.into_iter().chain(ENTERED), false));
    static ONCE: LazyLock<String> =
        LazyLock::new(|| inserting("INSERT OR IGNORE", FACTS.into_iter().chain(ENDED), false));
    let facts = row.facts.values();
    match &row.state {
        State::Entered { status, owner, shares } => {
            let entered: [&dyn ToSql; 4] = [&row.facts.limit_action, status, owner, shares];
            let values = facts.into_iter().chain(entered);
            connection.prepare_cached(&ENTER)?.execute(params_from_iter(values)).map(drop)
        }
        State::Ended(end) => {
            let columns = EndColumns::of(end, row.facts.limit_action);
            let values = || facts.into_iter().chain(columns.values());
            let once = connection.prepare_cached(&ONCE)?.execute(params_from_iter(values()))?;
            if once == 0 {
                connection.prepare_cached(&REPEATED)?.execute(params_from_iter(values()))?;
            }
            Ok(())
        }
    }
}

fn update(connection: &Connection, seq: i64, end: &End) -> rusqlite::Result<()> {
    static ONCE: LazyLock<String> = LazyLock::new(|| updating("UPDATE OR IGNORE", false));
    static REPEATED: LazyLock<String> = LazyLock::new(|| updating("UPDATE", true));
    let columns = EndColumns::of(end, None);
    let values = || std::iter::once::<&dyn ToSql>(&seq).chain(columns.values());
    let once = connection.prepare_cached(&ONCE)?.execute(params_from_iter(values()))?;
    if once == 0 {
        let rows = connection.prepare_cached(&REPEATED)?.execute(params_from_iter(values()))?;
        debug_assert_eq!(rows, 1, "the row was running a moment ago, in this transaction");
    }
    Ok(())
}

/// `repeats`: another call of the account carries the response id already. Then the first try, which
/// ignores conflicts, wrote nothing.
fn inserting<'n>(verb: &str, names: impl Iterator<Item = &'n str>, repeats: bool) -> String {
    let names: Vec<_> = names.collect();
    let places: Vec<_> = (1..=names.len()).map(|place| format!("?{place}")).collect();
    let (column, one) = if repeats { (", response_repeats", ", 1") } else { ("", "") };
    let (names, places) = (names.join(", "), places.join(", "));
    format!("{verb} INTO call ({names}{column}) VALUES ({places}{one})")
}

fn updating(verb: &str, repeats: bool) -> String {
    let set = ENDED.iter().enumerate().map(|(index, name)| match *name {
        // Only the end itself is told anew.
        "limit_action" => format!("{name} = coalesce(?{}, {name})", index + 2),
        name => format!("{name} = ?{}", index + 2),
    });
    let set = set.collect::<Vec<_>>().join(", ");
    let repeats = if repeats { ", response_repeats = 1" } else { "" };
    format!(
        "{verb} call SET rev = rev + 1, owner = NULL, {set}{repeats} \
         WHERE seq = ?1 AND status = 'running'"
    )
}

impl Facts {
    fn values(&self) -> [&dyn ToSql; FACTS.len()] {
        let of = &self.dimensions;
        [
            &self.seq,
            &self.id,
            &self.machine_id,
            &self.account,
            &self.started_ms,
            &of.source,
            &of.provider,
            &of.model,
            &of.project,
            &of.session,
            &of.client,
            &of.key,
            &of.tags,
            &of.run,
            &self.output_cap,
            &self.ceiling,
            &self.refusal,
            &self.refused_by,
            &self.input_tokens_max,
            &self.is_unbounded,
        ]
    }
}

/// What the row of an ended call says of its end.
struct EndColumns<'a> {
    end: &'a End,
    limit_action: Option<&'static str>,
    status: &'static str,
    basis: Option<&'static str>,
    /// As the columns from `input_tokens` to `tool_calls`.
    counts: [Option<i64>; 9],
    turn_prompt_tokens: Option<i64>,
    output_shown_tokens: Option<i64>,
    cost: Option<i64>,
    cost_stated: Option<i64>,
    service_tier: Option<&'a str>,
    price_id: Option<&'a str>,
    duration_ms: Option<i64>,
    first_byte_ms: Option<i64>,
}

impl<'a> EndColumns<'a> {
    fn of(end: &'a End, limit_action: Option<&'static str>) -> EndColumns<'a> {
        let settlement = &*end.settlement;
        let bill = settlement.bill.as_ref();
        let usage = bill.and_then(|bill| bill.usage.as_ref());
        let money =
            |field: fn(&Bill) -> Option<Money>| bill.and_then(field).map(Money::picodollars);
        EndColumns {
            end,
            limit_action: if settlement.ended { Some("ended") } else { limit_action },
            status: status(settlement),
            basis: bill.map(|bill| bill.basis.as_str()),
            counts: usage.map_or([None; 9], counts),
            turn_prompt_tokens: settlement.turn_prompt_tokens.map(clamp),
            output_shown_tokens: settlement.output_shown_tokens.map(clamp),
            cost: money(|bill| bill.cost),
            cost_stated: money(|bill| bill.cost_stated),
            service_tier: bill.and_then(|bill| bill.service_tier.as_deref()),
            price_id: bill.and_then(|bill| bill.price.as_ref()).map(|price| price.id.as_str()),
            duration_ms: settlement.duration.map(|span| span.num_milliseconds()),
            first_byte_ms: settlement.first_byte.map(|first| first.num_milliseconds()),
        }
    }

    fn values(&self) -> [&dyn ToSql; ENDED.len()] {
        let settlement = &*self.end.settlement;
        let [a, b, c, d, e, f, g, h, i] = &self.counts;
        [
            &self.limit_action,
            &self.status,
            &self.end.shares,
            &self.end.model,
            &settlement.http_status,
            &settlement.error_kind,
            &self.basis,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            i,
            &self.end.usage_json,
            &self.turn_prompt_tokens,
            &self.output_shown_tokens,
            &self.cost,
            &self.cost_stated,
            &self.service_tier,
            &self.price_id,
            &settlement.response_id,
            &self.duration_ms,
            &self.first_byte_ms,
        ]
    }
}

/// The `status` of a call that ended so.
pub(crate) fn status(settlement: &Settlement) -> &'static str {
    match &settlement.bill {
        None => "failed",
        Some(Bill { basis: Basis::Estimated, .. }) => "estimated",
        // Without usage or a stated cost nothing is the provider's word.
        Some(Bill { basis: Basis::Unpriced, usage: None, .. }) => "estimated",
        Some(_) => "settled",
    }
}

fn counts(usage: &Usage) -> [Option<i64>; 9] {
    let count = |tokens: u64| Some(clamp(tokens));
    [
        Some(shown_input(usage)),
        count(usage.cache_read_tokens),
        count(usage.cache_write_5m_tokens),
        count(usage.cache_write_1h_tokens),
        count(usage.output_tokens),
        usage.reasoning_tokens.map(clamp),
        count(usage.audio_input_tokens),
        count(usage.audio_output_tokens),
        count(usage.tool_calls()),
    ]
}

fn has_rare_buckets(usage: &Usage) -> bool {
    let plain = Usage {
        input_tokens: usage.input_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_5m_tokens: usage.cache_write_5m_tokens,
        cache_write_1h_tokens: usage.cache_write_1h_tokens,
        output_tokens: usage.output_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        ..Usage::default()
    };
    plain != *usage
}

/// All of it as JSON, where it has what no column has.
pub(crate) fn rare_json(usage: &Usage) -> Result<Option<String>, LedgerError> {
    if !has_rare_buckets(usage) {
        return Ok(None);
    }
    serde_json::to_string(usage)
        .map(Some)
        .map_err(|error| LedgerError::Invalid(format!("usage cannot be stored: {error}")))
}

#[cfg(test)]
mod tests;
