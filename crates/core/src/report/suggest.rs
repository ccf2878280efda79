//! Limits that would have suited the past.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::budget::{BudgetUnit, Window};
use crate::forecast::{Lookback, hits, rounded_up};
use crate::ledger::query;
use crate::ledger::{Ledger, LedgerError};
use crate::money::Money;

/// So many days are looked at.
const DAYS: i64 = 30;

/// Limits that would have suited the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Suggestion {
    /// Complete days that it rests on, up to 30.
    pub days: usize,
    /// What nine in ten of these days stayed under, rounded up to two digits; `None` with too few days,
    /// or where nothing was owed.
    pub day_usd: Option<Money>,
    /// What the last 30 days came to and a quarter more, rounded up to two digits; `None` as above.
    pub month_usd: Option<Money>,
    /// What the last 30 days came to.
    pub spent_usd: Money,
}

/// Suggests limits for a day and a month, from all that was owed lately.
///
/// # Errors
/// When the file cannot be read.
pub fn suggestion(
    ledger: &Ledger,
    now: DateTime<Utc>,
    timezone: Tz,
) -> Result<Suggestion, LedgerError> {
    // A day more: the first that counts is to be whole.
    let since = now - TimeDelta::days(DAYS + 1);
    let burn = ledger.read(|connection| query::burn_since(connection, since))?;
    let lookback = Lookback {
        window: Window::DAY,
        unit: BudgetUnit::Usd,
        limit: None,
        stops: false,
        timezone,
    };
    let Some(past) = hits(&burn, &lookback, &[], now) else {
        return Ok(Suggestion::default());
    };
    let month: i64 = burn.quarters.iter().map(|(_, spent)| *spent).fold(0, i64::saturating_add);
    let day_usd = past.nine_in_ten.map(|limit| Money::from_picodollars(limit.count));
    Ok(Suggestion {
        days: past.days,
        day_usd,
        month_usd: day_usd.map(|day| {
            let with_room = rounded_up(month.saturating_add(month / 4));
            Money::from_picodollars(with_room).max(day)
        }),
        spent_usd: Money::from_picodollars(month),
    })
}
