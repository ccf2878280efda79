//! Single calls.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use super::matching::{Conditions, Matching};
use crate::ledger::time::{from_ms, to_ms, uuid_of};
use crate::money::Money;
use crate::usage::Usage;

/// One call as stored, its dimensions spelled out.
#[derive(Clone, Debug)]
pub(crate) struct CallRow {
    pub(crate) seq: i64,
    pub(crate) id: Uuid,
    pub(crate) time: DateTime<Utc>,
    pub(crate) source: String,
    pub(crate) provider: String,
    pub(crate) account: String,
    pub(crate) model: Option<String>,
    pub(crate) model_requested: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) status: String,
    pub(crate) http_status: Option<i64>,
    pub(crate) error_kind: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) refused_by: Option<String>,
    pub(crate) limit_action: Option<String>,
    pub(crate) output_cap: Option<i64>,
    pub(crate) basis: Option<String>,
    pub(crate) input_tokens: Option<i64>,
    pub(crate) cache_read_tokens: Option<i64>,
    pub(crate) cache_write_5m_tokens: Option<i64>,
    pub(crate) cache_write_1h_tokens: Option<i64>,
    pub(crate) output_tokens: Option<i64>,
    pub(crate) reasoning_tokens: Option<i64>,
    pub(crate) audio_input_tokens: Option<i64>,
    pub(crate) audio_output_tokens: Option<i64>,
    pub(crate) tool_calls: Option<i64>,
    pub(crate) usage_json: Option<String>,
    pub(crate) turn_prompt_tokens: Option<i64>,
    pub(crate) cost: Option<Money>,
    pub(crate) cost_stated: Option<Money>,
    pub(crate) ceiling: Option<Money>,
    pub(crate) service_tier: Option<String>,
    pub(crate) price_id: Option<String>,
    pub(crate) response_id: Option<String>,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) first_byte_ms: Option<i64>,
    pub(crate) repeats: i64,
    pub(crate) run: Option<String>,
}

impl CallRow {
    /// Its place in the order of time.
    pub(crate) fn place(&self) -> Place {
        Place { started_ms: to_ms(self.time), seq: self.seq }
    }

    /// The whole usage, `None` where it is unknown.
    pub(crate) fn usage(&self) -> Option<Usage> {
        if let Some(json) = &self.usage_json {
            return serde_json::from_str(json).ok();
        }
        let count = |value: Option<i64>| u64::try_from(value.unwrap_or(0)).unwrap_or(0);
        self.input_tokens?;
        Some(Usage {
            input_tokens: count(self.input_tokens),
            cache_read_tokens: count(self.cache_read_tokens),
            cache_write_5m_tokens: count(self.cache_write_5m_tokens),
            cache_write_1h_tokens: count(self.cache_write_1h_tokens),
            output_tokens: count(self.output_tokens),
            reasoning_tokens: self.reasoning_tokens.and_then(|count| u64::try_from(count).ok()),
            ..Usage::default()
        })
    }
}

/// Which calls to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFilter {
    /// Admitted at or after.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Admitted before.
    pub(crate) until: Option<DateTime<Utc>>,
    /// Newest first, rows before this one.
    pub(crate) before: Option<Place>,
    /// Oldest first, rows after this one.
    pub(crate) after: Option<Place>,
    /// What they have.
    pub(crate) matching: Matching,
    /// So many of them are passed over.
    pub(crate) offset: u64,
}

/// A call's place in the order of time; those of one millisecond are in the order they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) started_ms: i64,
    pub(crate) seq: i64,
}

impl Place {
    /// Before all calls.
    pub(crate) const FIRST: Place = Place { started_ms: i64::MIN, seq: 0 };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.started_ms, self.seq)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let (started_ms, seq) = text.split_once('.').ok_or(())?;
        let number = |text: &str| text.parse().map_err(drop);
        Ok(Place { started_ms: number(started_ms)?, seq: number(seq)? })
    }
}

const SELECT: &str = "SELECT c.seq, c.id, c.started_ms, s.text, p.text, a.name, m.text, r.text, \
     j.text, e.text, l.text, k.text, t.text, c.status, c.http_status, c.error_kind, c.refusal, \
     b.name, c.limit_action, c.output_cap, c.basis, c.input_tokens, c.cache_read_tokens, \
     c.cache_write_5m_tokens, c.cache_write_1h_tokens, c.output_tokens, c.reasoning_tokens, \
     c.audio_input_tokens, c.audio_output_tokens, c.tool_calls, c.usage_json, \
     c.turn_prompt_tokens, c.cost_pico, c.cost_stated_pico, c.ceiling_pico, c.service_tier, \
     c.price_id, c.response_id, c.duration_ms, c.first_byte_ms, c.repeats, u.text FROM call c \
     JOIN dimension s ON s.id = c.source_id JOIN dimension p ON p.id = c.provider_id \
     JOIN account a ON a.id = c.account_id LEFT JOIN dimension m ON m.id = c.model_id \
     LEFT JOIN dimension r ON r.id = c.model_requested_id \
     LEFT JOIN dimension j ON j.id = c.project_id LEFT JOIN dimension e ON e.id = c.session_id \
     LEFT JOIN dimension l ON l.id = c.client_id LEFT JOIN dimension k ON k.id = c.key_id \
     LEFT JOIN dimension t ON t.id = c.tags_id LEFT JOIN dimension u ON u.id = c.run_id \
     LEFT JOIN budget b ON b.seq = c.refused_by";

/// So many of the newest calls are looked through one by one for some that match. Where they are rarer, to
/// look at all in the order of the file and to sort what is found takes a third of the time.
const NEAR_CALLS: u64 = 20_000;

/// How rows are come by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In the order of time, until there are enough.
    Walk,
    /// In the order of the file.
    Scan,
}

/// Up to `limit` calls: newest first, or oldest first after a place.
pub(crate) fn page(
    connection: &Connection,
    filter: &CallFilter,
    limit: u32,
) -> rusqlite::Result<Vec<CallRow>> {
    let Some(matching) = filter.matching.conditions(connection)? else { return Ok(Vec::new()) };
    let range = filter.range();
    let all = range.clone().and(&matching);
    if matching.is_empty() || filter.after.is_some() {
        return page_of(connection, filter, &all, Way::Walk, limit);
    }
    let Some(near) = near(connection, range)? else {
        return page_of(connection, filter, &all, Way::Walk, limit);
    };
    if filter.offset + u64::from(limit) <= NEAR_CALLS {
        let rows = page_of(connection, filter, &near.and(&matching), Way::Walk, limit)?;
        if rows.len() as u64 == u64::from(limit) {
            return Ok(rows);
        }
    }
    page_of(connection, filter, &all, Way::Scan, limit)
}

/// The part of a range that has its newest calls; `None` where that is all of it.
fn near(connection: &Connection, range: Conditions) -> rusqlite::Result<Option<Conditions>> {
    let sql = format!(
        "SELECT c.started_ms FROM call c{} ORDER BY c.started_ms DESC LIMIT 1 OFFSET {NEAR_CALLS}",
        range.sql()
    );
    let oldest: Option<i64> = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&range.values), |row| row.get(0))
        .optional()?;
    Ok(oldest.map(|oldest| {
        let mut near = range;
        near.add("c.started_ms >= ?", [Value::Integer(oldest)]);
        near
    }))
}

fn page_of(
    connection: &Connection,
    filter: &CallFilter,
    conditions: &Conditions,
    way: Way,
    limit: u32,
) -> rusqlite::Result<Vec<CallRow>> {
    let turn = if filter.after.is_some() { "ASC" } else { "DESC" };
    let order = |sign| format!("ORDER BY {sign}c.started_ms {turn}, c.seq {turn}");
    // What has a sign before it no index is in the order of.
    let found = order(if way == Way::Scan { "+" } else { "" });
    // Rows that are passed over are not read: the index of instants has all that their order needs.
    let sql = format!(
        "{SELECT} JOIN (SELECT c.seq FROM call c{} {found} LIMIT ? OFFSET ?) chosen \
         ON chosen.seq = c.seq {}",
        conditions.sql(),
        order("")
    );
    let mut values = conditions.values.clone();
    values.push(Value::Integer(i64::from(limit)));
    values.push(Value::Integer(i64::try_from(filter.offset).unwrap_or(i64::MAX)));
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read_row)?.collect()
}

/// How many calls there are of these.
pub(crate) fn count(connection: &Connection, filter: &CallFilter) -> rusqlite::Result<i64> {
    let Some(matching) = filter.matching.conditions(connection)? else { return Ok(0) };
    let all = filter.range().and(&matching);
    let sql = format!("SELECT count(*) FROM call c{}", all.sql());
    connection.prepare_cached(&sql)?.query_row(params_from_iter(all.values), |row| row.get(0))
}

impl CallFilter {
    /// The instants that it is about.
    fn range(&self) -> Conditions {
        let mut range = Conditions::default();
        let at = |instant: DateTime<Utc>| [Value::Integer(to_ms(instant))];
        let place = |place: Place| [place.started_ms, place.seq].map(Value::Integer);
        if let Some(since) = self.since {
            range.add("c.started_ms >= ?", at(since));
        }
        if let Some(until) = self.until {
            range.add("c.started_ms < ?", at(until));
        }
        if let Some(before) = self.before {
            range.add("(c.started_ms, c.seq) < (?, ?)", place(before));
        }
        if let Some(after) = self.after {
            range.add("(c.started_ms, c.seq) > (?, ?)", place(after));
        }
        range
    }
}

/// The call of that id.
pub(crate) fn call(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<CallRow>> {
    let sql = format!("{SELECT} WHERE c.id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.as_bytes()], read_row).optional()
}

/// The last call that a limit did something to: one that was decided over near a limit, else one
/// that got an output cap for want of a bound.
pub(crate) fn last_limited(connection: &Connection) -> rusqlite::Result<Option<Uuid>> {
    connection
        .prepare_cached(
            "SELECT id FROM call WHERE seq = coalesce((SELECT max(call_seq) FROM decision), \
             (SELECT max(+seq) FROM call WHERE limit_action IS NOT NULL))",
        )?
        .query_row([], |row| row.get(0).map(uuid_of))
        .optional()
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    let money = |index: usize| -> rusqlite::Result<Option<Money>> {
        Ok(row.get::<_, Option<i64>>(index)?.map(Money::from_picodollars))
    };
    Ok(CallRow {
        seq: row.get(0)?,
        id: uuid_of(row.get(1)?),
        time: from_ms(row.get(2)?),
        source: row.get(3)?,
        provider: row.get(4)?,
        account: row.get(5)?,
        model: row.get(6)?,
        model_requested: row.get(7)?,
        project: row.get(8)?,
        session: row.get(9)?,
        client: row.get(10)?,
        key: row.get(11)?,
        tags: row.get(12)?,
        status: row.get(13)?,
        http_status: row.get(14)?,
        error_kind: row.get(15)?,
        refusal: row.get(16)?,
        refused_by: row.get(17)?,
        limit_action: row.get(18)?,
        output_cap: row.get(19)?,
        basis: row.get(20)?,
        input_tokens: row.get(21)?,
        cache_read_tokens: row.get(22)?,
        cache_write_5m_tokens: row.get(23)?,
        cache_write_1h_tokens: row.get(24)?,
        output_tokens: row.get(25)?,
        reasoning_tokens: row.get(26)?,
        audio_input_tokens: row.get(27)?,
        audio_output_tokens: row.get(28)?,
        tool_calls: row.get(29)?,
        usage_json: row.get(30)?,
        turn_prompt_tokens: row.get(31)?,
        cost: money(32)?,
        cost_stated: money(33)?,
        ceiling: money(34)?,
        service_tier: row.get(35)?,
        price_id: row.get(36)?,
        response_id: row.get(37)?,
        duration_ms: row.get(38)?,
        first_byte_ms: row.get(39)?,
        repeats: row.get(40)?,
        run: row.get(41)?,
    })
}
