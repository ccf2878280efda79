//! An hour that is far dearer than the same hour of other days.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::{Burn, QUARTER_MS};
use crate::money::PICODOLLARS_PER_USD;

/// How far back other days are looked at, and how many of them there must be.
const DAYS: i64 = 14;
const DAYS_MIN: i64 = 3;
/// So many times the most of other days is far more.
const TIMES: i64 = 3;
/// Less than this is not worth a word.
const SPENT_MIN: i64 = PICODOLLARS_PER_USD;

/// What an hour took, and the most that it took on other days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// When the hour began.
    pub hour: DateTime<Utc>,
    /// What was spent in it so far, in picodollars.
    pub spent: i64,
    /// The most in that hour of another day, or in the hours beside it.
    pub usual: i64,
}

/// Whether the present hour is far dearer than that of other days: than three times the dearest, and half
/// of what a day takes on average. `None` too where too few days are known.
#[must_use]
pub fn spike(burn: &Burn, now: DateTime<Utc>, zone: Tz) -> Option<Spike> {
    let hour = now.duration_trunc(TimeDelta::hours(1)).ok()?;
    let since = now - TimeDelta::days(DAYS);
    if burn.since? > now - TimeDelta::days(DAYS_MIN) {
        return None;
    }
    let instant = |quarter: i64| DateTime::from_timestamp_millis(quarter * QUARTER_MS);
    let wanted = hour.with_timezone(&zone).hour();
    let (mut spent, mut days, mut hours) = (0_i64, BTreeMap::new(), BTreeMap::new());
    for (quarter, amount) in burn.quarters.iter().rev() {
        let Some(at) = instant(*quarter).filter(|at| *at >= since) else { break };
        if at >= hour {
            spent = spent.saturating_add(*amount);
            continue;
        }
        let local = at.with_timezone(&zone);
        let of_day: &mut i64 = days.entry(local.date_naive()).or_insert(0);
        *of_day = of_day.saturating_add(*amount);
        let apart = (local.hour() + 24 - wanted) % 24;
        if matches!(apart, 0 | 1 | 23) && at < hour - TimeDelta::hours(12) {
            let of_hour: &mut i64 = hours.entry((local.date_naive(), local.hour())).or_insert(0);
            *of_hour = of_hour.saturating_add(*amount);
        }
    }
    let usual = hours.values().copied().max().unwrap_or(0);
    let all = days.values().fold(0_i64, |sum, day| sum.saturating_add(*day));
    let half_a_day = all / 2 / i64::try_from(days.len().max(1)).unwrap_or(i64::MAX);
    let least = usual.saturating_mul(TIMES).max(half_a_day).max(SPENT_MIN);
    (spent > least).then_some(Spike { hour, spent, usual })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENT: i64 = PICODOLLARS_PER_USD / 100;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    /// Spend of so many cents at these times.
    fn burn(since: &str, spends: &[(&str, i64)]) -> Burn {
        let mut quarters: Vec<(i64, i64)> = spends
            .iter()
            .map(|(time, cents)| (at(time).timestamp_millis().div_euclid(QUARTER_MS), cents * CENT))
            .collect();
        quarters.sort_unstable();
        Burn { since: Some(at(since)), quarters }
    }

    #[test]
    fn an_hour_is_set_against_the_same_of_other_days() {
        let usual = [("18T10:15", 100), ("19T10:00", 150), ("20T15:00", 300)];
        for (case, since, past, present, expected) in [
            ("as always", "10T00:00", &usual[..], 160, None),
            ("three times the most is not far more", "10T00:00", &usual, 450, None),
            ("far more", "10T00:00", &usual, 460, Some((460, 150))),
            ("too little is known", "20T00:00", &usual[2..], 900, None),
            ("a quiet hour", "10T00:00", &usual[2..], 140, None),
            ("a quiet hour that takes half a day's", "10T00:00", &usual[2..], 151, Some((151, 0))),
            ("nothing before, and too little to matter", "10T00:00", &[], 99, None),
            ("nothing before", "10T00:00", &[], 101, Some((101, 0))),
        ] {
            let spends: Vec<_> = past.iter().copied().chain([("21T10:00", present)]).collect();
            let found = spike(&burn(since, &spends), at("21T10:40"), Tz::UTC);
            let found = found.map(|spike| (spike.spent / CENT, spike.usual / CENT));
            assert_eq!(found, expected, "{case}");
        }
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        // Ten in the morning in Berlin, before and after its clocks went back on 25 October.
        let quarters = ["2026-10-24T08:00:00Z", "2026-10-26T09:00:00Z"].map(|text| {
            let at: DateTime<Utc> = text.parse().unwrap();
            at.timestamp_millis().div_euclid(QUARTER_MS)
        });
        let since = "2026-10-01T00:00:00Z".parse().ok();
        let burn =
            Burn { since, quarters: vec![(quarters[0], 200 * CENT), (quarters[1], 610 * CENT)] };
        let now = "2026-10-26T09:30:00Z".parse().unwrap();
        let found = spike(&burn, now, Tz::Europe__Berlin).unwrap();
        assert_eq!((found.spent / CENT, found.usual / CENT), (610, 200));
    }
}
