//! Simpler methods, to be better than.

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::forecast::{Forecast, Outlook};

use crate::trial::Asked;

pub(crate) type Method = fn(&Asked<'_>) -> Forecast;

/// The rate of the last hour goes on, give or take a half.
pub(crate) fn last_hour(asked: &Asked<'_>) -> Forecast {
    around(asked, TimeDelta::hours(1))
}

/// The rate since midnight goes on, give or take a half.
pub(crate) fn since_midnight(asked: &Asked<'_>) -> Forecast {
    let into = TimeDelta::seconds(asked.now.timestamp().rem_euclid(86_400));
    around(asked, into.max(TimeDelta::minutes(15)))
}

/// The rate of the last week goes on, give or take a half.
pub(crate) fn week(asked: &Asked<'_>) -> Forecast {
    around(asked, TimeDelta::days(7))
}

fn around(asked: &Asked<'_>, span: TimeDelta) -> Forecast {
    let first = (asked.now - span).timestamp() / 900;
    let recent = asked.burn.quarters.iter().filter(|(quarter, _)| *quarter >= first);
    let spent: i64 = recent.map(|(_, spent)| spent).sum();
    let end = |percent: i64| -> Option<DateTime<Utc>> {
        let seconds = i128::from(asked.left) * i128::from(span.num_seconds()) * 100
            / (i128::from(spent) * i128::from(percent)).max(1);
        let seconds = i64::try_from(seconds.min(100 * 86_400)).unwrap();
        let at = asked.now + TimeDelta::seconds(seconds);
        (at < asked.end.unwrap_or(DateTime::<Utc>::MAX_UTC)).then_some(at)
    };
    Forecast { outlook: Outlook::Expected, earliest: end(150), likely: end(100), latest: end(50) }
}
