//! When budgets and balances will be used up, at what was spent lately.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::Connection;

use super::burn::{Spender, burns, hits};
use super::standings::StandingRow;
use crate::budget::{BudgetKind, Window};
use crate::forecast::{self, Burn, DAYS_OF_HISTORY, Forecast, Funds, Hits, Lookback};
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

/// The outlook of each budget and every known balance with its forecast, in one pass over what was
/// spent. The days of balances are those of `timezone`.
pub(crate) fn outlooks_and_balances(
    connection: &Connection,
    rows: &[StandingRow],
    now: DateTime<Utc>,
    timezone: Tz,
) -> Result<(Vec<Outlook>, Vec<BalanceView>), OpError> {
    let (burns, balances) = burns_and_balances(connection, rows, now, timezone)?;
    Ok((with_burns(connection, rows, &burns, now)?, balances))
}

/// As [`outlooks_and_balances`], without a look back on budgets.
pub(crate) fn forecasts_and_balances(
    connection: &Connection,
    rows: &[StandingRow],
    now: DateTime<Utc>,
    timezone: Tz,
) -> Result<(Vec<Forecast>, Vec<BalanceView>), OpError> {
    let (burns, balances) = burns_and_balances(connection, rows, now, timezone)?;
    let forecasts = rows.iter().zip(&burns).map(|(row, burn)| of_budget(row, burn, now));
    Ok((forecasts.collect(), balances))
}

/// The outlook of each budget.
pub(crate) fn outlooks(
    connection: &Connection,
    rows: &[StandingRow],
    now: DateTime<Utc>,
) -> Result<Vec<Outlook>, OpError> {
    let spenders: Vec<Spender> = rows.iter().map(spender).collect();
    with_burns(connection, rows, &burns(connection, &spenders, since(now))?, now)
}

/// Every known balance with its forecast, whose days are those of `timezone`.
pub(crate) fn balances(
    connection: &Connection,
    now: DateTime<Utc>,
    timezone: Tz,
) -> Result<Vec<BalanceView>, OpError> {
    Ok(burns_and_balances(connection, &[], now, timezone)?.1)
}

fn spender(row: &StandingRow) -> Spender {
    Spender::new(&row.budget.scope, row.budget.unit)
}

/// What was spent under each budget, and every balance with its forecast.
fn burns_and_balances(
    connection: &Connection,
    rows: &[StandingRow],
    now: DateTime<Utc>,
    timezone: Tz,
) -> Result<(Vec<Burn>, Vec<BalanceView>), OpError> {
    let mut balances = grant::list(connection, now)?;
    let accounts = balances.iter().map(|balance| Spender::account(&balance.account));
    let spenders: Vec<Spender> = rows.iter().map(spender).chain(accounts).collect();
    let mut burns = burns(connection, &spenders, since(now))?;
    let of_balances = burns.split_off(rows.len());
    for (balance, burn) in balances.iter_mut().zip(&of_balances) {
        // What calls cost is known in dollars only.
        if balance.currency != USD {
            continue;
        }
        balance.forecast = forecast::forecast(burn, &balance.funds, now, None, timezone);
        balance.empty_at = balance.forecast.likely;
    }
    Ok((burns, balances))
}

fn with_burns(
    connection: &Connection,
    rows: &[StandingRow],
    burns: &[Burn],
    now: DateTime<Utc>,
) -> Result<Vec<Outlook>, OpError> {
    let each = rows.iter().zip(burns).map(|(row, burn)| {
        let budget = &row.budget;
        let hits = hits(connection, budget.id.0, since(now))?;
        let lookback = Lookback {
            window: budget.window,
            unit: budget.unit,
            limit: Some(budget.limit),
            stops: budget.kind == BudgetKind::Hard,
            timezone: budget.timezone,
        };
        let last_30_days = forecast::hits(burn, &lookback, &hits, now);
        Ok(Outlook { forecast: of_budget(row, burn, now), last_30_days })
    });
    each.collect()
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
