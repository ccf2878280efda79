//! Spend and tokens over a range, by one dimension.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::ledger::query::{self, Calendar, SumBy, SumRow};
use crate::ledger::{Ledger, LedgerError};
use crate::money::Money;

/// What a usage report is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Local days.
    Day,
    /// Local weeks, by their Monday.
    Week,
    /// Local months.
    Month,
    /// Providers.
    Provider,
    /// Accounts.
    Account,
    /// Models served (asked for, where the answer did not say).
    Model,
    /// Projects.
    Project,
    /// Key fingerprints.
    Key,
    /// Clients.
    Client,
    /// The clients' sessions.
    Session,
    /// Tag sets.
    Tag,
}

/// Which usage to report.
#[derive(Clone, Copy, Debug)]
pub struct UsageQuery {
    /// Calls admitted at or after this quarter-hour.
    pub since: DateTime<Utc>,
    /// Calls admitted before the end of this quarter-hour.
    pub until: DateTime<Utc>,
    /// The dimension.
    pub by: By,
    /// The zone of days, weeks and months.
    pub timezone: Tz,
}

/// `GET /api/v1/usage`: by one dimension, or by two.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Usage<B = By, K = Option<String>> {
    /// As asked.
    pub since: DateTime<Utc>,
    /// As asked.
    pub until: DateTime<Utc>,
    /// As asked.
    pub by: B,
    /// Days, weeks and months in their order, else the dearest first.
    pub rows: Vec<UsageRow<K>>,
    /// The sum of all rows.
    pub total: UsageRow,
}

/// One sum. Tokens of calls whose usage is unknown are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct UsageRow<K = Option<String>> {
    /// The day, model and so on; `None` where the calls have none (and for the total).
    pub key: K,
    /// Billed calls.
    pub calls: i64,
    /// Uncached prompt tokens.
    pub input_tokens: i64,
    /// Prompt tokens read from a cache.
    pub cache_read_tokens: i64,
    /// Prompt tokens written to a 5-minute cache.
    pub cache_write_5m_tokens: i64,
    /// Prompt tokens written to a 1-hour cache.
    pub cache_write_1h_tokens: i64,
    /// Generated tokens.
    pub output_tokens: i64,
    /// The reasoning part of them.
    pub reasoning_tokens: i64,
    /// Money owed.
    pub cost_usd: Money,
    /// What subscription logins used, at API prices; owed to nobody.
    pub plan_value_usd: Money,
    /// Calls whose cost is unknown.
    pub unpriced_calls: i64,
}

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<By, String> {
        Ok(match text {
            "day" => By::Day,
            "week" => By::Week,
            "month" => By::Month,
            "provider" => By::Provider,
            "account" => By::Account,
            "model" => By::Model,
            "project" => By::Project,
            "key" => By::Key,
            "client" => By::Client,
            "session" => By::Session,
            "tag" => By::Tag,
            _ => {
                return Err(format!(
                    "'{text}' is nothing to report by: use day, week, month, provider, account, model, project, key, client, session or tag"
                ));
            }
        })
    }
}

/// Sums by one dimension over a range.
///
/// # Errors
/// When the file cannot be read.
pub fn usage(ledger: &Ledger, query: &UsageQuery) -> Result<Usage, LedgerError> {
    let UsageQuery { since, until, by, timezone } = *query;
    let sum_by = source(by, timezone);
    let mut sums = ledger.read(|connection| Ok(query::sums(connection, sum_by, since, until)?))?;
    if sum_by.calendar().is_none() {
        sums.sort_by(|a, b| b.cost.cmp(&a.cost).then_with(|| a.key.cmp(&b.key)));
    }
    let mut total = SumRow::default();
    sums.iter().for_each(|row| total.add(row));
    Ok(Usage { since, until, by, rows: sums.into_iter().map(row).collect(), total: row(total) })
}

/// What the ledger sums by.
pub(super) fn source(by: By, timezone: Tz) -> SumBy {
    match by {
        By::Day => SumBy::Date(Calendar::Day, timezone),
        By::Week => SumBy::Date(Calendar::Week, timezone),
        By::Month => SumBy::Date(Calendar::Month, timezone),
        By::Provider => SumBy::Provider,
        By::Account => SumBy::Account,
        By::Model => SumBy::Model,
        By::Project => SumBy::Project,
        By::Key => SumBy::Key,
        By::Client => SumBy::Client,
        By::Session => SumBy::Session,
        By::Tag => SumBy::Tag,
    }
}

fn row(mut sum: SumRow) -> UsageRow {
    let key = sum.key.take();
    keyed(key, &sum)
}

pub(super) fn keyed<K>(key: K, sum: &SumRow) -> UsageRow<K> {
    UsageRow {
        key,
        calls: sum.calls,
        input_tokens: sum.input_tokens,
        cache_read_tokens: sum.cache_read_tokens,
        cache_write_5m_tokens: sum.cache_write_5m_tokens,
        cache_write_1h_tokens: sum.cache_write_1h_tokens,
        output_tokens: sum.output_tokens,
        reasoning_tokens: sum.reasoning_tokens,
        cost_usd: sum.cost,
        plan_value_usd: sum.plan_value,
        unpriced_calls: sum.unpriced_calls,
    }
}
