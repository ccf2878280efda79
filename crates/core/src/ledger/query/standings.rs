//! How budgets stand at an instant.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use crate::budget::{Budget, CallFacts};
use crate::ledger::active::Raise;
use crate::ledger::counter::{self, Counters};
use crate::ledger::error::OpError;
use crate::ledger::time::from_ms;
use crate::ledger::{budget, waiting};

/// One budget with its current period's figures, in its unit.
#[derive(Clone, Debug)]
pub(crate) struct StandingRow {
    pub(crate) budget: Budget,
    /// When something comes back; `None` where nothing does.
    pub(crate) reset: Option<DateTime<Utc>>,
    /// The limit with raises.
    pub(crate) limit: i64,
    /// The raises that are in force.
    pub(crate) raises: Vec<Raise>,
    pub(crate) spent: i64,
    pub(crate) held: i64,
    /// All that was topped up, and what periods have drawn from it.
    pub(crate) credits_total: i64,
    pub(crate) credits_used: i64,
    /// Whether the last call that asked was refused.
    pub(crate) refusing: bool,
    /// The highest warn threshold that was told and is still reached; 0 for none.
    pub(crate) told_percent: u8,
    /// What this period may still spend beyond its limit, or has.
    pub(crate) credits_here: i64,
    /// Whether it is paused, and until when where that is known.
    pub(crate) is_paused: bool,
    pub(crate) paused_until: Option<DateTime<Utc>>,
    /// How many calls wait for it, and since when the first of them.
    pub(crate) waiting: i64,
    pub(crate) waiting_since: Option<DateTime<Utc>>,
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
            let standing = Counters::default().standing(connection, &active, at, false)?;
            let (waiting, since_ms) = waiting::queue(connection, active.seq)?;
            let (credits_total, credits_used) = counter::credits(connection, active.seq)?;
            Ok(StandingRow {
                reset: standing.reset,
                limit: standing.funds.limit,
                raises: active.raises_at(at).collect(),
                spent: standing.counter.spent,
                held: standing.counter.held,
                refusing: standing.counter.refusing,
                told_percent: standing.counter.told_percent,
                credits_total,
                credits_used,
                credits_here: standing.funds.credits,
                is_paused: active.is_paused(at),
                paused_until: active
                    .pause
                    .and_then(|pause| pause.until)
                    .filter(|until| at < *until),
                waiting,
                waiting_since: since_ms.map(from_ms),
                budget: active.budget,
            })
        })
        .collect()
}
