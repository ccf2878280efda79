//! When budgets and balances will be used up, at what was spent lately.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::Connection;

use super::burn::{Spender, burns, hits};
use super::standings::StandingRow;
use crate::budget::{BudgetKind, Window};
use crate::forecast::{self, Burn, DAYS_OF_HISTORY, Forecast, Funds, Hits};
use crate::ledger::account::USD;
use crate::ledger::error::OpError;
use crate::ledger::grant::{self, BalanceView};

/// Both ways from now along a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    /// When its limit and reserve are used up in this period.
    pub(crate) forecast: Forecast,
    /// `None` for budgets that are not by day.
    pub(crate) last_30_days: Option<Hits>,
}

/// The outlook of each budget.
pub(crate) fn outlooks(
    connection: &Connection,
    rows: &[StandingRow],
    now: DateTime<Utc>,
) -> Result<Vec<Outlook>, OpError> {
    let since = since(now);
    let burns = burns_of(connection, rows, since)?;
    let each = rows.iter().zip(&burns).map(|(row, burn)| {
        let budget = &row.budget;
        let hits = hits(connection, budget.id.0, since)?;
        let stops = budget.kind == BudgetKind::Hard;
        let last_30_days =
            forecast::hits(burn, budget.window, budget.unit, stops, &hits, now, budget.timezone);
        Ok(Outlook { forecast: of_budget(row, burn, now), last_30_days })
    });
    each.collect()
}

/// When each budget is used up: of its [`Outlook`] what lies ahead.
pub(crate) fn forecasts(
    connection: &Connection,
    rows: &[StandingRow],
    now: DateTime<Utc>,
) -> Result<Vec<Forecast>, OpError> {
    let burns = burns_of(connection, rows, since(now))?;
    Ok(rows.iter().zip(&burns).map(|(row, burn)| of_budget(row, burn, now)).collect())
}

fn burns_of(
    connection: &Connection,
    rows: &[StandingRow],
    since: DateTime<Utc>,
) -> Result<Vec<Burn>, OpError> {
    let spenders: Vec<Spender> =
        rows.iter().map(|row| Spender::new(&row.budget.scope, row.budget.unit)).collect();
    burns(connection, &spenders, since)
}

/// Every known balance with its forecast, whose days are those of `timezone`.
pub(crate) fn balances(
    connection: &Connection,
    now: DateTime<Utc>,
    timezone: Tz,
) -> Result<Vec<BalanceView>, OpError> {
    let mut balances = grant::list(connection, now)?;
    let spenders: Vec<Spender> =
        balances.iter().map(|balance| Spender::account(&balance.account)).collect();
    let burns = burns(connection, &spenders, since(now))?;
    for (balance, burn) in balances.iter_mut().zip(&burns) {
        // What calls cost is known in dollars only.
        if balance.currency != USD {
            continue;
        }
        balance.forecast = forecast::forecast(burn, &balance.funds, now, None, timezone);
        balance.empty_at = balance.forecast.likely;
    }
    Ok(balances)
}

/// A rolling window gets money back all the time, and a call's own limit is never used up.
fn of_budget(row: &StandingRow, burn: &Burn, now: DateTime<Utc>) -> Forecast {
    let budget = &row.budget;
    if matches!(budget.window, Window::Rolling { .. } | Window::Call) {
        return Forecast::UNKNOWN;
    }
    let cap = row.limit.saturating_add(row.credits_here);
    let funds = Funds { left: cap.saturating_sub(row.spent), falls: Vec::new() };
    forecast::forecast(burn, &funds, now, row.reset, budget.timezone)
}

/// Looking back on 30 days of a budget begins within the day before them.
fn since(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::days(DAYS_OF_HISTORY.max(30) + 2)
}
