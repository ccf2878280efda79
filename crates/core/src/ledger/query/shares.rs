//! A call's shares in the budgets that count it.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use crate::budget::{BudgetUnit, Quantity};
use crate::ledger::shares::Shares;
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
    let stored: Shares = connection
        .prepare_cached("SELECT shares FROM call WHERE seq = ?1")?
        .query_row([call_seq], |row| row.get(0))?;
    let mut budget = connection.prepare_cached("SELECT name, unit FROM budget WHERE seq = ?1")?;
    stored
        .0
        .into_iter()
        .map(|share| {
            let (name, unit): (String, String) =
                budget.query_row([share.budget_seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let unit = unit.parse().unwrap_or(BudgetUnit::Usd);
            let quantity = |count: i64| Quantity { unit, count };
            Ok(Share {
                budget: name,
                period_start: from_ms(share.period_start_ms),
                held: quantity(share.held),
                charged: share.charged.map(quantity),
            })
        })
        .collect()
}
