//! The calls themselves, refused ones included.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::PriceView;
use crate::cost::{self, CostLine};
use crate::ledger::query::{self, CallFilter, CallRow, Place};
use crate::ledger::{Ledger, LedgerError, Logged, Matching};
use crate::money::Money;
use crate::price::Price;

/// The CSV columns of a call, in their order.
pub const CSV_COLUMNS: [&str; 33] = [
    "time",
    "id",
    "source",
    "provider",
    "account",
    "model",
    "model_requested",
    "project",
    "session",
    "client",
    "key",
    "status",
    "http_status",
    "error_kind",
    "limit_action",
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
    "cost_usd",
    "cost_stated_usd",
    "service_tier",
    "price_id",
    "response_id",
    "duration_ms",
    "first_byte_ms",
    "tags",
];
/// Rows read at a time while walking through all of them.
const WALK_ROWS: u32 = 5_000;

/// One call: the CSV columns, numbers as numbers, unknown as null.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct CallView {
    /// When it was admitted.
    #[serde(serialize_with = "millis")]
    #[cfg_attr(feature = "types", ts(type = "string"))]
    pub time: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
    /// `proxy`, `import:<tool>`, `api`.
    pub source: String,
    /// Provider name.
    pub provider: String,
    /// Account name.
    pub account: String,
    /// The model that served it; the one asked for where the answer did not say.
    pub model: Option<String>,
    /// The model asked for.
    pub model_requested: Option<String>,
    /// Project.
    pub project: Option<String>,
    /// The client's session.
    pub session: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The key's fingerprint.
    pub key: Option<String>,
    /// `settled estimated running waiting refused failed`.
    #[cfg_attr(
        feature = "types",
        ts(type = "'settled' | 'estimated' | 'running' | 'waiting' | 'refused' | 'failed'")
    )]
    pub status: String,
    /// The upstream's status.
    pub http_status: Option<i64>,
    /// The class of the upstream's error; the reason of a refusal.
    pub error_kind: Option<String>,
    /// Empty, `waited`, `capped`, `ended`.
    pub limit_action: Option<String>,
    /// `stated priced estimated unpriced`.
    #[cfg_attr(
        feature = "types",
        ts(type = "'stated' | 'priced' | 'estimated' | 'unpriced' | null")
    )]
    pub basis: Option<String>,
    /// Uncached prompt tokens.
    pub input_tokens: Option<i64>,
    /// Prompt tokens read from a cache.
    pub cache_read_tokens: Option<i64>,
    /// Prompt tokens written to a 5-minute cache.
    pub cache_write_5m_tokens: Option<i64>,
    /// Prompt tokens written to a 1-hour cache.
    pub cache_write_1h_tokens: Option<i64>,
    /// Generated tokens.
    pub output_tokens: Option<i64>,
    /// The reasoning part of them.
    pub reasoning_tokens: Option<i64>,
    /// Audio prompt tokens.
    pub audio_input_tokens: Option<i64>,
    /// Generated audio tokens.
    pub audio_output_tokens: Option<i64>,
    /// Server-side tool calls.
    pub tool_calls: Option<i64>,
    /// The cost; null for refused, failed, running, waiting and unpriced calls.
    pub cost_usd: Option<Money>,
    /// The provider's own statement of it.
    pub cost_stated_usd: Option<Money>,
    /// The service tier served.
    pub service_tier: Option<String>,
    /// The price it was charged at.
    pub price_id: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// From admission to the end.
    pub duration_ms: Option<i64>,
    /// From admission to the first byte.
    pub first_byte_ms: Option<i64>,
    /// `k=v;k=v`.
    pub tags: Option<String>,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// The budget that refused it.
    pub refused_by: Option<String>,
    /// How often it was asked again and refused again without a row of its own.
    pub repeats: i64,
    /// The `outlay run` that it belongs to.
    pub run: Option<String>,
}

/// Which calls to list.
#[derive(Clone, Debug, Default)]
pub struct CallQuery {
    /// Admitted at or after.
    pub since: Option<DateTime<Utc>>,
    /// Admitted before.
    pub until: Option<DateTime<Utc>>,
    /// Where the previous page ended.
    pub cursor: Option<Place>,
    /// What they have.
    pub matching: Matching,
    /// So many of them, the newest, are passed over.
    pub offset: u64,
}

/// `GET /api/v1/calls/count`.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct CallCount {
    /// How many there are of those that were asked for.
    pub calls: i64,
}

/// `GET /api/v1/calls`: newest first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct CallPage {
    /// The calls.
    pub rows: Vec<CallView>,
    /// Where the next page begins; `None` at the end. A text in JSON, for clients to pass on.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(feature = "types", ts(type = "string | null"))]
    pub cursor: Option<Place>,
}

/// `GET /api/v1/calls/{id}`: the call with its arithmetic.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    pub call: CallView,
    /// The most it could be billed, known before it was sent.
    pub ceiling_usd: Option<Money>,
    /// The output cap that was set on it.
    pub output_cap: Option<i64>,
    /// The budgets that were looked at.
    pub budgets: Vec<BudgetShare>,
    /// The price it was charged at. In JSON as in the list of prices.
    #[serde(serialize_with = "as_listed")]
    #[cfg_attr(feature = "types", ts(type = "PriceView | null"))]
    pub price: Option<Price>,
    /// Buckets x rates = cost.
    pub lines: Vec<CostLine>,
    /// The logs of tools that tell of it too.
    pub logged: Vec<Logged>,
}

/// A call's share in one budget.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct BudgetShare {
    /// The budget.
    pub budget: String,
    /// `USD tokens calls`.
    #[cfg_attr(feature = "types", ts(type = "BudgetUnit"))]
    pub unit: String,
    /// The beginning of the period that it belongs to.
    pub period_start: DateTime<Utc>,
    /// What was held, in the budget's unit.
    pub held: crate::budget::Quantity,
    /// What was charged in the end; null while it runs.
    pub charged: Option<crate::budget::Quantity>,
}

impl CallQuery {
    fn filter(&self) -> CallFilter {
        CallFilter {
            since: self.since,
            until: self.until,
            matching: self.matching.clone(),
            offset: self.offset,
            ..CallFilter::default()
        }
    }
}

impl CallView {
    /// The cells of the CSV row, in the order of [`CSV_COLUMNS`]; unknown is empty.
    #[must_use]
    pub fn csv_cells(&self) -> [String; 33] {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let number =
            |value: Option<i64>| value.map(|number| number.to_string()).unwrap_or_default();
        let money = |value: Option<Money>| value.map(|money| money.to_string()).unwrap_or_default();
        [
            self.time.to_rfc3339_opts(SecondsFormat::Millis, true),
            self.id.to_string(),
            self.source.clone(),
            self.provider.clone(),
            self.account.clone(),
            text(&self.model),
            text(&self.model_requested),
            text(&self.project),
            text(&self.session),
            text(&self.client),
            text(&self.key),
            self.status.clone(),
            number(self.http_status),
            text(&self.error_kind),
            text(&self.limit_action),
            text(&self.basis),
            number(self.input_tokens),
            number(self.cache_read_tokens),
            number(self.cache_write_5m_tokens),
            number(self.cache_write_1h_tokens),
            number(self.output_tokens),
            number(self.reasoning_tokens),
            number(self.audio_input_tokens),
            number(self.audio_output_tokens),
            number(self.tool_calls),
            money(self.cost_usd),
            money(self.cost_stated_usd),
            text(&self.service_tier),
            text(&self.price_id),
            text(&self.response_id),
            number(self.duration_ms),
            number(self.first_byte_ms),
            text(&self.tags),
        ]
    }
}

/// A page of calls, newest first.
///
/// # Errors
/// When the file cannot be read.
pub fn calls(ledger: &Ledger, query: &CallQuery, limit: u32) -> Result<CallPage, LedgerError> {
    let filter = CallFilter { before: query.cursor, ..query.filter() };
    let rows = ledger.read(|connection| Ok(query::page(connection, &filter, limit)?))?;
    let is_last = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = rows.last().map(CallRow::place).filter(|_| !is_last);
    Ok(CallPage { rows: rows.into_iter().map(view).collect(), cursor })
}

/// How many calls there are of those that are asked for; where a page begins is no matter.
///
/// # Errors
/// When the file cannot be read.
pub fn call_count(ledger: &Ledger, query: &CallQuery) -> Result<CallCount, LedgerError> {
    let calls = ledger.read(|connection| Ok(query::count(connection, &query.filter())?))?;
    Ok(CallCount { calls })
}

/// Every call in the range, oldest first, a slice at a time.
///
/// # Errors
/// When the file cannot be read, or `visit` fails.
pub fn each_call<E: From<LedgerError>>(
    ledger: &Ledger,
    query: &CallQuery,
    mut visit: impl FnMut(&CallView) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = Place::FIRST;
    loop {
        let filter = CallFilter { after: Some(after), offset: 0, ..query.filter() };
        let rows = ledger.read(|connection| Ok(query::page(connection, &filter, WALK_ROWS)?))?;
        let Some(last) = rows.last().map(CallRow::place) else { return Ok(()) };
        for row in rows {
            visit(&view(row))?;
        }
        after = last;
    }
}

/// One call with its holds, its price and its arithmetic; `None` where there is none.
///
/// # Errors
/// When the file cannot be read.
pub fn call(ledger: &Ledger, id: Uuid) -> Result<Option<CallDetail>, LedgerError> {
    ledger.read(|connection| {
        let Some(row) = query::call(connection, id)? else { return Ok(None) };
        let price = match &row.price_id {
            Some(id) => query::price(connection, id)?,
            None => None,
        };
        let lines = match (row.usage(), &price) {
            (Some(usage), Some(price)) => {
                let turn = row.turn_prompt_tokens.and_then(|tokens| u64::try_from(tokens).ok());
                cost::lines(&usage, turn.unwrap_or_else(|| usage.prompt_tokens()), price)
            }
            _ => Vec::new(),
        };
        Ok(Some(CallDetail {
            ceiling_usd: row.ceiling,
            output_cap: row.output_cap,
            budgets: query::shares(connection, row.seq)?.into_iter().map(share).collect(),
            price,
            lines,
            logged: query::logged(connection, row.seq)?,
            call: view(row),
        }))
    })
}

pub(super) fn share(share: query::Share) -> BudgetShare {
    BudgetShare {
        budget: share.budget,
        unit: share.held.unit.as_str().to_owned(),
        period_start: share.period_start,
        held: share.held,
        charged: share.charged,
    }
}

pub(super) fn view(row: CallRow) -> CallView {
    CallView {
        time: row.time,
        id: row.id,
        source: row.source,
        provider: row.provider,
        account: row.account,
        model: row.model.or_else(|| row.model_requested.clone()),
        model_requested: row.model_requested,
        project: row.project,
        session: row.session,
        client: row.client,
        key: row.key,
        status: row.status,
        http_status: row.http_status,
        error_kind: row.error_kind,
        limit_action: row.limit_action,
        basis: row.basis,
        input_tokens: row.input_tokens,
        cache_read_tokens: row.cache_read_tokens,
        cache_write_5m_tokens: row.cache_write_5m_tokens,
        cache_write_1h_tokens: row.cache_write_1h_tokens,
        output_tokens: row.output_tokens,
        reasoning_tokens: row.reasoning_tokens,
        audio_input_tokens: row.audio_input_tokens,
        audio_output_tokens: row.audio_output_tokens,
        tool_calls: row.tool_calls,
        cost_usd: row.cost,
        cost_stated_usd: row.cost_stated,
        service_tier: row.service_tier,
        price_id: row.price_id,
        response_id: row.response_id,
        duration_ms: row.duration_ms,
        first_byte_ms: row.first_byte_ms,
        tags: row.tags,
        refusal: row.refusal,
        refused_by: row.refused_by,
        repeats: row.repeats,
        run: row.run,
    }
}

fn millis<S: serde::Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn as_listed<S: serde::Serializer>(
    price: &Option<Price>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    price.as_ref().map(PriceView::from).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn as_text<S: serde::Serializer>(cursor: &Option<Place>, serializer: S) -> Result<S::Ok, S::Error> {
    cursor.map(|cursor| cursor.to_string()).serialize(serializer)
}
