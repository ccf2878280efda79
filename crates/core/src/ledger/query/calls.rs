//! Single calls.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

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

/// What a call has to have; nothing that is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Its provider.
    pub provider: Option<String>,
    /// The account that pays.
    pub account: Option<String>,
    /// The model that served it, or was asked for where the answer did not say.
    pub model: Option<String>,
    /// Its project.
    pub project: Option<String>,
    /// The client's session.
    pub session: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The key's fingerprint.
    pub key: Option<String>,
    /// `proxy`, `import:<tool>`, `api`.
    pub source: Option<String>,
    /// `settled estimated running waiting refused failed`.
    pub status: Option<String>,
    /// A text within its provider, model, project, session, client or tags, in any case; or the whole id of
    /// the answer.
    pub search: Option<String>,
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

/// That a column has the string of that kind ([`Dimension`](crate::ledger::dimension::Dimension)).
macro_rules! of_kind {
    ($column:literal, $kind:literal) => {
        concat!($column, " = (SELECT id FROM dimension WHERE kind = ", $kind, " AND text = ?)")
    };
}

/// That a column has a string with the text in it. The strings are few, and are looked through once.
macro_rules! contains {
    ($column:literal) => {
        concat!(
            $column,
            " IN (SELECT id FROM dimension WHERE instr(lower(text), lower(?)) > 0) OR "
        )
    };
}

const SEARCH: &str = concat!(
    "(",
    contains!("c.provider_id"),
    contains!("coalesce(c.model_id, c.model_requested_id)"),
    contains!("c.project_id"),
    contains!("c.session_id"),
    contains!("c.client_id"),
    contains!("c.tags_id"),
    "c.response_id = ?)"
);

/// Up to `limit` calls: newest first, or oldest first after a place.
pub(crate) fn page(
    connection: &Connection,
    filter: &CallFilter,
    limit: u32,
) -> rusqlite::Result<Vec<CallRow>> {
    let (conditions, mut values) = conditions(filter);
    let order = if filter.after.is_some() { "ASC" } else { "DESC" };
    let order = format!("ORDER BY c.started_ms {order}, c.seq {order}");
    // Rows that are passed over are not read: the index of instants has all that their order needs.
    let sql = format!(
        "{SELECT} JOIN (SELECT c.seq FROM call c{conditions} {order} LIMIT ? OFFSET ?) chosen \
         ON chosen.seq = c.seq {order}"
    );
    values.push(Value::Integer(i64::from(limit)));
    values.push(Value::Integer(i64::try_from(filter.offset).unwrap_or(i64::MAX)));
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read_row)?.collect()
}

/// How many calls there are of these.
pub(crate) fn count(connection: &Connection, filter: &CallFilter) -> rusqlite::Result<i64> {
    let (conditions, values) = conditions(filter);
    let sql = format!("SELECT count(*) FROM call c{conditions}");
    connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))
}

/// The `WHERE` that a filter comes to, with its values.
fn conditions(filter: &CallFilter) -> (String, Vec<Value>) {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut numbers = |sql: &'static str, numbers: Option<Vec<i64>>| {
        if let Some(numbers) = numbers {
            conditions.push(sql);
            values.extend(numbers.into_iter().map(Value::Integer));
        }
    };
    let at = |instant: DateTime<Utc>| vec![to_ms(instant)];
    let place = |place: Place| vec![place.started_ms, place.seq];
    numbers("c.started_ms >= ?", filter.since.map(at));
    numbers("c.started_ms < ?", filter.until.map(at));
    numbers("(c.started_ms, c.seq) < (?, ?)", filter.before.map(place));
    numbers("(c.started_ms, c.seq) > (?, ?)", filter.after.map(place));
    let mut texts = |sql: &'static str, text: &Option<String>| {
        if let Some(text) = text {
            conditions.push(sql);
            values.extend((0..sql.matches('?').count()).map(|_| Value::Text(text.clone())));
        }
    };
    let wanted = &filter.matching;
    texts("c.status = ?", &wanted.status);
    texts("c.account_id = (SELECT id FROM account WHERE name = ?)", &wanted.account);
    texts(of_kind!("c.source_id", 1), &wanted.source);
    texts(of_kind!("c.provider_id", 2), &wanted.provider);
    texts(of_kind!("coalesce(c.model_id, c.model_requested_id)", 3), &wanted.model);
    texts(of_kind!("c.project_id", 4), &wanted.project);
    texts(of_kind!("c.session_id", 5), &wanted.session);
    texts(of_kind!("c.client_id", 6), &wanted.client);
    texts(of_kind!("c.key_id", 7), &wanted.key);
    texts(SEARCH, &wanted.search);
    match conditions.as_slice() {
        [] => (String::new(), values),
        conditions => (format!(" WHERE {}", conditions.join(" AND ")), values),
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
             (SELECT max(seq) FROM call WHERE limit_action IS NOT NULL))",
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
