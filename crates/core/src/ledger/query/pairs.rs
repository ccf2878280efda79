//! Sums over ended calls by two dimensions at once.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::sums::{SUMS, SumBy, SumRow, counts, quarter, quarter_up};
use crate::ledger::rollup::QUARTER_MS;
use crate::ledger::time::from_ms;

/// One sum by two dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PairRow {
    /// `None` where the calls have none, and where the dimension is the quarter-hour.
    pub(crate) keys: [Option<String>; 2],
    /// The counts, with their quarter-hour where that is one of the dimensions.
    pub(crate) sum: SumRow,
}

/// Sums over `[since, until)` by two dimensions, in no order.
pub(crate) fn pairs(
    connection: &Connection,
    by: [SumBy; 2],
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> rusqlite::Result<Vec<PairRow>> {
    let needs_calls = by.iter().any(|by| matches!(by, SumBy::Session | SumBy::Tag));
    let source = if needs_calls { calls() } else { "rollup_quarter".to_owned() };
    let [first, second] = by.map(column);
    let instant = if by.contains(&SumBy::Quarter) { "quarter" } else { "NULL" };
    let sql = format!(
        "SELECT {instant}, {}, {}, {SUMS} FROM {source} WHERE quarter >= ?1 AND quarter < ?2 \
         GROUP BY {first}, {second}",
        name(by[0]),
        name(by[1]),
    );
    connection
        .prepare_cached(&sql)?
        .query_map(params![quarter(since), quarter_up(until)], |row| {
            let quarter: Option<i64> = row.get(0)?;
            let quarter = quarter.map(|quarter| from_ms(quarter.saturating_mul(QUARTER_MS)));
            let sum = SumRow { quarter, ..counts(row, 3)? };
            Ok(PairRow { keys: [row.get(1)?, row.get(2)?], sum })
        })?
        .collect()
}

fn column(by: SumBy) -> &'static str {
    match by {
        SumBy::Quarter => "quarter",
        SumBy::Provider => "provider_id",
        SumBy::Account => "account_id",
        SumBy::Model => "model_id",
        SumBy::Project => "project_id",
        SumBy::Key => "key_id",
        SumBy::Client => "client_id",
        SumBy::Session => "session_id",
        SumBy::Tag => "tags_id",
    }
}

fn name(by: SumBy) -> String {
    let column = column(by);
    match by {
        SumBy::Quarter => "NULL".to_owned(),
        SumBy::Account => format!("(SELECT name FROM account WHERE id = {column})"),
        _ => format!("(SELECT text FROM dimension WHERE id = {column})"),
    }
}

/// The calls themselves in the shape of the sums, for dimensions that are too many for those.
fn calls() -> String {
    format!(
        "(SELECT started_ms / {QUARTER_MS} AS quarter, account_id, provider_id, \
         coalesce(model_id, model_requested_id) AS model_id, project_id, key_id, client_id, \
         session_id, tags_id, 1 AS calls, cost_pico IS NULL AS unpriced_calls, input_tokens, \
         cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, \
         reasoning_tokens, CASE WHEN a.plan_login THEN 0 ELSE cost_pico END AS cost_pico, \
         CASE WHEN a.plan_login THEN cost_pico ELSE 0 END AS plan_value_pico \
         FROM call JOIN account a ON a.id = account_id \
         WHERE status IN ('settled', 'estimated') \
         AND started_ms >= ?1 * {QUARTER_MS} AND started_ms < ?2 * {QUARTER_MS})"
    )
}
