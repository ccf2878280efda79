//! When money will run out: a range, from what was spent lately and at this time of other days.
//!
//! The method, and what was tried instead, is `docs/decisions/0013`. In short: a handful of futures
//! is played, each made of one past day like today and of the recent rate going on for a while. The
//! instants at which they use up what is left are sorted, and the outermost are cut off.

mod days;
mod hits;
mod range;
mod spike;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;

pub(crate) use hits::rounded_up;
pub use hits::{Hit, Hits, Lookback, hits};
pub use range::{between, range_ends};
pub use spike::{Spike, spike};

use days::{History, Recent};

/// Milliseconds in a quarter-hour, the grain of a [`Burn`].
const QUARTER_MS: i64 = 15 * 60 * 1000;
/// How far a forecast looks ahead.
const HORIZON: TimeDelta = TimeDelta::days(60);
/// How much of the past it uses.
pub const DAYS_OF_HISTORY: i64 = 28;
/// For how many quarter-hours the recent rate is measured; it goes on for `STAYS` times as long. The
/// first is no rate at all: a burst that ends now.
const RATES: [i64; 4] = [0, 4, 8, 16];
const STAYS: i64 = 3;
/// The share of futures, in percent, that is cut off at either end of the range: less of them where
/// it reaches over days, of which the past tells less.
const CUT_PERCENT_SOON: i64 = 10;
const CUT_PERCENT_LATER: i64 = 5;
const SOON: TimeDelta = TimeDelta::hours(36);

/// What was spent, by quarter-hour of UTC, in any one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Burn {
    /// Since when spend is recorded: before it nothing is known.
    pub since: Option<DateTime<Utc>>,
    /// Number of the quarter-hour since the Unix epoch, and what was spent in it; ascending.
    pub quarters: Vec<(i64, i64)>,
}

/// What is left, and what becomes of it by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Funds {
    /// What may be spent.
    pub left: i64,
    /// From each of these instants on at most so much is left, whatever was spent: credit expires.
    pub falls: Vec<(DateTime<Utc>, i64)>,
}

/// How far what is left will reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Forecast {
    /// What can be said.
    pub outlook: Outlook,
    /// Few of the futures run out before it.
    pub earliest: Option<DateTime<Utc>>,
    /// Half of the futures run out before it.
    pub likely: Option<DateTime<Utc>>,
    /// Few of the futures run out after it; `None` where it may last.
    pub latest: Option<DateTime<Utc>>,
}

/// What can be said about the end of what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Too little has been seen.
    Unknown,
    /// Nothing is left.
    Gone,
    /// It lasts until the reset, or for two months.
    Lasts,
    /// It may run out, from `earliest` on, or last.
    Possible,
    /// It runs out between `earliest` and `latest`.
    Expected,
}

impl Forecast {
    /// Nothing can be said.
    pub const UNKNOWN: Forecast = Forecast::of(Outlook::Unknown);

    const fn of(outlook: Outlook) -> Forecast {
        Forecast { outlook, earliest: None, likely: None, latest: None }
    }
}

/// When `funds` are used up if they are spent as in `burn`; not after `end`, at which they are refilled. Days
/// are those of `zone`.
///
/// More spend in any quarter-hour never gives a later instant.
#[must_use]
pub fn forecast(
    burn: &Burn,
    funds: &Funds,
    now: DateTime<Utc>,
    end: Option<DateTime<Utc>>,
    zone: Tz,
) -> Forecast {
    if funds.left <= 0 {
        return Forecast::of(Outlook::Gone);
    }
    let Some(since) = burn.since.filter(|since| *since <= now) else { return Forecast::UNKNOWN };
    let horizon = end.map_or(now + HORIZON, |end| end.min(now + HORIZON));
    let history = History::new(burn, since, now, zone);
    let ends = ends(&history, burn, funds, now, horizon);
    let at = |percent| quantile(&ends, percent);
    let cut = if horizon - now <= SOON { CUT_PERCENT_SOON } else { CUT_PERCENT_LATER };
    let (earliest, likely, latest) = (at(cut), at(50), at(100 - cut));
    let outlook = match (earliest, latest) {
        (None, _) if history.is_empty() => Outlook::Unknown,
        (None, _) => Outlook::Lasts,
        (Some(_), None) => Outlook::Possible,
        (Some(_), Some(_)) => Outlook::Expected,
    };
    Forecast { outlook, earliest, likely, latest }
}

/// When each future runs out, `None` for not before the horizon, with its weight; earliest first.
fn ends(
    history: &History,
    burn: &Burn,
    funds: &Funds,
    now: DateTime<Utc>,
    horizon: DateTime<Utc>,
) -> Vec<(Option<DateTime<Utc>>, i64)> {
    let rates = RATES.map(|quarters| (quarters * STAYS, rate(burn, now, quarters)));
    let mut ends: Vec<_> = history
        .futures()
        .flat_map(|future| {
            rates.map(|(stays, rate)| {
                let recent = Recent { rate, stays };
                (future.end(funds, recent, now, horizon), future.weight)
            })
        })
        .collect();
    ends.sort_by_key(|(end, _)| end.unwrap_or(DateTime::<Utc>::MAX_UTC));
    ends
}

/// What a quarter-hour took on average over the last `quarters`, the present one included.
fn rate(burn: &Burn, now: DateTime<Utc>, quarters: i64) -> i64 {
    if quarters == 0 {
        return 0;
    }
    let ms = now.timestamp_millis();
    let present = ms.div_euclid(QUARTER_MS);
    let first = present - quarters;
    let spent = burn
        .quarters
        .iter()
        .rev()
        .take_while(|(quarter, _)| *quarter >= first)
        .filter(|(quarter, _)| *quarter <= present)
        .fold(0_i128, |sum, (_, spent)| sum + i128::from((*spent).max(0)));
    let span = i128::from(quarters * QUARTER_MS + ms.rem_euclid(QUARTER_MS));
    i64::try_from(spent * i128::from(QUARTER_MS) / span).unwrap_or(i64::MAX)
}

/// The instant before which `percent` of the futures have run out.
fn quantile(ends: &[(Option<DateTime<Utc>>, i64)], percent: i64) -> Option<DateTime<Utc>> {
    let total: i64 = ends.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0;
    ends.iter()
        .find(|(_, weight)| {
            sum += weight;
            sum * 100 >= total * percent
        })
        .and_then(|(end, _)| *end)
}

#[cfg(test)]
mod tests;
