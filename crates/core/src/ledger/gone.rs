//! What calls that were deleted have spent, as the sums by quarter-hour still tell.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::active::ActiveBudget;
use super::facts::StoredFacts;
use super::rollup::QUARTER_MS;
use super::time::{from_ms, to_ms};
use crate::budget::BudgetUnit;

/// Calls that ended before it may be gone; `None` where none ever went, as in most ledgers.
pub(crate) fn kept_since_ms(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached("SELECT kept_since_ms FROM ledger")?.query_row([], |row| row.get(0))
}

/// What deleted calls that the budget counts have spent from the quarter-hour of `since` on, with the
/// beginning of each. Sums do not tell of sessions, tags and runs.
pub(crate) fn spent_since(
    connection: &Connection,
    active: &ActiveBudget,
    since: DateTime<Utc>,
) -> rusqlite::Result<Vec<(DateTime<Utc>, i64)>> {
    let scope = &active.budget.scope;
    let is_told = scope.session.is_none() && scope.tag.is_none() && scope.run.is_none();
    let Some(kept_since_ms) = kept_since_ms(connection)?.filter(|_| is_told) else {
        return Ok(Vec::new());
    };
    let quarters = [to_ms(since), kept_since_ms].map(|ms| ms.div_euclid(QUARTER_MS));
    let mut spent = BTreeMap::new();
    for (sql, sign) in [(summed(active.budget.unit), 1), (kept(active.budget.unit), -1)] {
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query(quarters)?;
        while let Some(row) = rows.next()? {
            if StoredFacts::read(row)?.counts_for(active.budget.unit, &active.matcher) {
                let sum: &mut i64 = spent.entry(row.get::<_, i64>(10)?).or_insert(0);
                *sum = sum.saturating_add(sign * row.get::<_, i64>(11)?);
            }
        }
    }
    let gone = spent.into_iter().filter(|(_, spent)| *spent > 0);
    Ok(gone.map(|(quarter, spent)| (from_ms(quarter * QUARTER_MS), spent)).collect())
}

/// The columns of [`StoredFacts::read`], of which sums know the first six. What a subscription paid for is no
/// money in them.
const FACTS: &str =
    "coalesce(p.text, ''), a.name, coalesce(m.text, ''), j.text, k.text, c.text, NULL, '', 0, NULL";

/// What the sums say, by quarter-hour and names.
fn summed(unit: BudgetUnit) -> String {
    let amount = match unit {
        BudgetUnit::Usd => "r.cost_pico",
        BudgetUnit::Calls => "r.calls",
        BudgetUnit::Tokens => {
            "r.input_tokens + r.cache_read_tokens + r.cache_write_5m_tokens \
             + r.cache_write_1h_tokens + r.output_tokens"
        }
    };
    format!(
        "SELECT {FACTS}, r.quarter, {amount} FROM rollup_quarter r \
         JOIN account a ON a.id = r.account_id \
         LEFT JOIN dimension p ON p.id = r.provider_id LEFT JOIN dimension m ON m.id = r.model_id \
         LEFT JOIN dimension j ON j.id = r.project_id LEFT JOIN dimension k ON k.id = r.key_id \
         LEFT JOIN dimension c ON c.id = r.client_id WHERE r.quarter BETWEEN ?1 AND ?2"
    )
}

/// What calls that are still there say of the same.
fn kept(unit: BudgetUnit) -> String {
    let amount = match unit {
        BudgetUnit::Usd => "CASE WHEN a.plan_login THEN 0 ELSE coalesce(call.cost_pico, 0) END",
        BudgetUnit::Calls => "1",
        BudgetUnit::Tokens => {
            "coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) \
             + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) \
             + coalesce(output_tokens, 0)"
        }
    };
    format!(
        "SELECT {FACTS}, call.started_ms / {QUARTER_MS}, {amount} FROM call \
         JOIN account a ON a.id = call.account_id \
         LEFT JOIN dimension p ON p.id = call.provider_id \
         LEFT JOIN dimension m ON m.id = coalesce(call.model_id, call.model_requested_id) \
         LEFT JOIN dimension j ON j.id = call.project_id \
         LEFT JOIN dimension k ON k.id = call.key_id \
         LEFT JOIN dimension c ON c.id = call.client_id \
         WHERE call.started_ms >= ?1 * {QUARTER_MS} AND call.started_ms < (?2 + 1) * {QUARTER_MS} \
         AND call.status IN ('settled', 'estimated')"
    )
}
