//! What a limit would have done to the last days.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use uuid::Uuid;

use crate::budget::{BudgetUnit, Quantity, Rehearsal, Rehearsed, Scope, Window};
use crate::ledger::query;
use crate::ledger::{Ledger, LedgerError};
use crate::money::Money;

/// So many days are looked at.
const DAYS: i64 = 30;
/// So many of the refused calls are named.
const NAMED_MAX: usize = 5;

/// A limit to try on the past.
#[derive(Clone, Debug)]
pub struct RehearsalQuery {
    /// What it counts.
    pub unit: BudgetUnit,
    /// The limit as typed, in that unit.
    pub limit: String,
    /// Its window.
    pub window: Window,
    /// The zone of its days.
    pub timezone: Tz,
    /// Which calls it counts.
    pub scope: Scope,
}

/// `POST /api/v1/rehearsals`: what a limit would have done to the last 30 days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RehearsalView {
    /// The first instant that was looked at.
    pub since: DateTime<Utc>,
    /// The last.
    pub until: DateTime<Utc>,
    /// Ended calls that it counts; calls that were refused then are not among them.
    pub calls: u64,
    /// Those that it would have refused.
    pub refused_calls: u64,
    /// What these have cost.
    pub refused_usd: Money,
    /// Its periods in which there were calls; days for rolling windows and for single calls.
    pub periods: u64,
    /// Those of them in which one would have been refused.
    pub periods_hit: u64,
    /// The first few that would have been refused, oldest first.
    pub first_refused: Vec<RefusedThen>,
}

/// A call that a limit would have refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RefusedThen {
    /// Its id.
    pub id: Uuid,
    /// When it was admitted.
    pub time: DateTime<Utc>,
    /// Its model.
    pub model: Option<String>,
    /// What it cost; null where that is not known.
    pub cost_usd: Option<Money>,
}

/// Tries a limit on the calls of the last 30 days, one after the other, each with what it spent in the end.
///
/// # Errors
/// `Invalid` where the limit or the scope is; when the file cannot be read.
pub fn rehearsal(
    ledger: &Ledger,
    query: &RehearsalQuery,
    now: DateTime<Utc>,
) -> Result<RehearsalView, LedgerError> {
    let limit = Quantity::parse(query.unit, &query.limit)
        .map_err(|error| LedgerError::Invalid(error.to_string()))?;
    let scope = query.scope.matcher().map_err(|error| LedgerError::Invalid(error.to_string()))?;
    let since = now - TimeDelta::days(DAYS);
    let mut rehearsed = Rehearsed::new(Rehearsal {
        window: query.window,
        timezone: query.timezone,
        limit: limit.count,
    });
    let (mut calls, mut refused_calls, mut refused_usd) = (0, 0, Money::ZERO);
    let mut first = Vec::new();
    let first_refused = ledger.read(|connection| {
        query::past(connection, since, query.unit, &scope, |call| {
            calls += 1;
            if rehearsed.admits(call.at, call.spent) {
                return;
            }
            refused_calls += 1;
            refused_usd = refused_usd.saturating_add(call.cost.unwrap_or(Money::ZERO));
            if first.len() < NAMED_MAX {
                first.push(call.clone());
            }
        })?;
        let mut named = Vec::with_capacity(first.len());
        for call in &first {
            let row = query::call(connection, call.id)?;
            let model = row.and_then(|row| row.model.or(row.model_requested));
            named.push(RefusedThen { id: call.id, time: call.at, model, cost_usd: call.cost });
        }
        Ok(named)
    })?;
    Ok(RehearsalView {
        since,
        until: now,
        calls,
        refused_calls,
        refused_usd,
        periods: rehearsed.turns,
        periods_hit: rehearsed.turns_hit,
        first_refused,
    })
}
