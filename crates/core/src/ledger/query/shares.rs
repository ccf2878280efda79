//! A call's shares in the budgets that count it.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use crate::budget::{BudgetUnit, Quantity};
use crate::ledger::time::from_ms;

/// What one call holds in, or was charged to, one budget.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) budget: String,
    pub(crate) period_start: DateTime<Utc>,
    pub(crate) held: Quantity,
    pub(crate) charged: Option<Quantity>,
}

pub(crate) fn shares(connection: &Connection, call_seq: i64) -> rusqlite::Result<Vec<Share>> {
    connection
        .prepare_cached(
            "SELECT b.name, b.unit, s.period_start_ms, s.held, s.charged FROM call_budget s \
             JOIN budget b ON b.seq = s.budget_seq WHERE s.call_seq = ?1 ORDER BY s.budget_seq",
        )?
        .query_map([call_seq], |row| {
            let unit = row.get::<_, String>(1)?.parse().unwrap_or(BudgetUnit::Usd);
            let quantity = |count: i64| Quantity { unit, count };
            Ok(Share {
                budget: row.get(0)?,
                period_start: from_ms(row.get(2)?),
                held: quantity(row.get(3)?),
                charged: row.get::<_, Option<i64>>(4)?.map(quantity),
            })
        })?
        .collect()
}
