//! How budgets stand at an instant.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use crate::budget::{Budget, CallFacts, Period};
use crate::ledger::error::OpError;
use crate::ledger::{budget, counter};

/// One budget with its current period's figures, in its unit.
#[derive(Clone, Debug)]
pub(crate) struct StandingRow {
    pub(crate) budget: Budget,
    pub(crate) period: Period,
    /// The limit with raises.
    pub(crate) limit: i64,
    pub(crate) spent: i64,
    pub(crate) held: i64,
    /// All that was topped up, and what periods have drawn from it.
    pub(crate) credits_total: i64,
    pub(crate) credits_used: i64,
    /// Whether the last call that asked was refused.
    pub(crate) refusing: bool,
    /// What this period may still spend beyond its limit, or has.
    pub(crate) credits_here: i64,
}

/// All budgets, or those that count a call of `facts`.
pub(crate) fn standings(
    connection: &Connection,
    facts: Option<&CallFacts<'_>>,
    at: DateTime<Utc>,
) -> Result<Vec<StandingRow>, OpError> {
    budget::load(connection)?
        .into_iter()
        .filter(|active| facts.is_none_or(|facts| active.matcher.matches(facts)))
        .map(|active| {
            let standing = counter::standing(connection, &active, at)?;
            let (credits_total, credits_used) = counter::credits(connection, active.seq)?;
            Ok(StandingRow {
                period: standing.period,
                limit: standing.funds.limit,
                spent: standing.counter.spent,
                held: standing.counter.held,
                refusing: standing.counter.refusing,
                credits_total,
                credits_used,
                credits_here: standing.funds.credits,
                budget: active.budget,
            })
        })
        .collect()
}
