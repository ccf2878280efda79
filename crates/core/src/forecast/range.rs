//! A range of instants in words, as finely as it is known.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use chrono_tz::Tz;

/// Instants of a range are told to this many minutes: it is no better than that.
const GRAIN_MINUTES: i64 = 10;
/// From so far ahead on, days are told and no times.
const DAYS_FROM: TimeDelta = TimeDelta::hours(48);

/// The ends of a range, rounded outwards: times today, else with their day, else days alone.
#[must_use]
pub fn range_ends(
    earliest: DateTime<Utc>,
    latest: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Tz,
) -> (String, String) {
    let today = now.with_timezone(&zone).date_naive();
    let grain = TimeDelta::minutes(GRAIN_MINUTES);
    let from = earliest.duration_trunc(grain).unwrap_or(earliest).max(now).with_timezone(&zone);
    let to = latest.duration_round_up(grain).unwrap_or(latest).with_timezone(&zone);
    let format = match (from.date_naive() == today, to.date_naive() == today) {
        (true, true) => "%H:%M",
        _ if latest - now < DAYS_FROM => "%a %H:%M",
        _ => "%a %-d %b",
    };
    (from.format(format).to_string(), to.format(format).to_string())
}

/// The range as a part of a sentence: `between 15:10 and 16:20`, `about 15:10`.
#[must_use]
pub fn between(
    earliest: DateTime<Utc>,
    latest: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Tz,
) -> String {
    let (from, to) = range_ends(earliest, latest, now, zone);
    if from == to { format!("about {from}") } else { format!("between {from} and {to}") }
}
