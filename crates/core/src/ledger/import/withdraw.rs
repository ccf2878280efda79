//! Takes a call that an import made out of the ledger again: its whole entry came later, or the proxy's
//! own row did.

use chrono::{DateTime, Utc};

use super::row::Row;
use crate::ledger::error::OpError;
use crate::ledger::outside::Sums;
use crate::ledger::shares::Shares;
use crate::ledger::time::from_ms;
use crate::ledger::writer::Writing;
use crate::ledger::{budget, credit};

/// Takes the call with that row out.
pub(crate) fn withdraw(
    writing: &mut Writing<'_>,
    row: &Row,
    outside: &mut Sums,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let (started, value) = (row.call.started(), row.value());
    writing.cache.rollups.subtract(started, row.key, Some(&row.call.usage), value);
    outside.add(started, row.source, value, -1);
    uncharge(writing, &row.shares)?;
    if !row.call.plan_login {
        credit::unspend(writing, row.key.account, row.cost.unwrap_or_default(), started, now)?;
    }
    let connection = writing.connection;
    connection.prepare_cached("DELETE FROM call WHERE seq = ?1")?.execute([row.seq])?;
    // The number of a last row is given again.
    connection
        .prepare_cached(
            "UPDATE ledger SET proxied_seq = (SELECT coalesce(max(seq), 0) FROM call) \
             WHERE proxied_seq > (SELECT coalesce(max(seq), 0) FROM call)",
        )?
        .execute([])?;
    Ok(())
}

fn uncharge(writing: &mut Writing<'_>, shares: &Shares) -> Result<(), OpError> {
    if shares.0.is_empty() {
        return Ok(());
    }
    let budgets = budget::active(writing)?;
    for share in &shares.0 {
        let Some(active) = budgets.iter().find(|active| active.seq == share.budget_seq) else {
            continue;
        };
        if active.budget.window == crate::budget::Window::Call {
            continue;
        }
        let (connection, counters) = (writing.connection, &mut writing.cache.counters);
        let period = counters.period(active, from_ms(share.period_start_ms));
        counters.add(connection, active, period, -share.charged.unwrap_or(0), 0)?;
    }
    Ok(())
}
