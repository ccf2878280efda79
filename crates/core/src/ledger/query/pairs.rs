//! Sums over ended calls by two dimensions at once.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::calendar::{Span, spans};
use super::sums::{SUMS, SumBy, SumRow, counts, quarter, quarter_up};
use crate::ledger::rollup::QUARTER_MS;

/// One sum by two dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PairRow {
    /// `None` where the calls have none.
    pub(crate) keys: [Option<String>; 2],
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
    let sql = format!(
        "SELECT {}, {}, {SUMS} FROM {source} WHERE quarter >= ?1 AND quarter < ?2 \
         GROUP BY {first}, {second}",
        name(by[0]),
        name(by[1]),
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = Vec::new();
    let calendars = by.map(SumBy::calendar);
    let spans = spans(connection, calendars, quarter(since), quarter_up(until))?;
    for Span { from, until, names } in spans {
        let [first_date, second_date] = &names;
        let rows = statement.query_map(params![from, until], |row| {
            let key = |date: &Option<String>, index| match date {
                Some(name) => Ok(Some(name.clone())),
                None => row.get(index),
            };
            let keys = [key(first_date, 0)?, key(second_date, 1)?];
            Ok(PairRow { keys, sum: counts(row, 2)? })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    Ok(found)
}

fn column(by: SumBy) -> &'static str {
    match by {
        SumBy::Date(..) => "NULL",
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
        SumBy::Date(..) => "NULL".to_owned(),
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
