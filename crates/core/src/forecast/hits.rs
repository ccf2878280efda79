//! How often a budget was in the way, and which limit would not have been.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::{Burn, QUARTER_MS};
use crate::budget::{BudgetUnit, Period, Quantity, Window};

/// How many past days are looked at.
const DAYS: usize = 30;
/// With fewer days nothing is suggested.
const DAYS_MIN: usize = 7;
/// What a day that was stopped is taken to have wanted, at the most, of what it spent.
const WANTED_MAX: i128 = 4;

/// A day on which the budget's limit was reached, or a call was refused for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The beginning of the budget's day.
    pub period_start: DateTime<Utc>,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// The budget that is looked back on.
#[derive(Clone, Copy, Debug)]
pub struct Lookback {
    /// Only days are looked back on.
    pub window: Window,
    /// The unit of what was spent.
    pub unit: BudgetUnit,
    /// What it allows a day now, in its unit; `None` where there is no limit yet.
    pub limit: Option<i64>,
    /// Whether it refuses calls: a day that it stopped would have cost more.
    pub stops: bool,
    /// The zone of its days.
    pub timezone: Tz,
}

/// A daily budget, looked at backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Hits {
    /// Complete days that were looked at: up to 30, none from before the first call.
    pub days: usize,
    /// On how many of them the limit was reached, or as much was spent as it is now.
    pub hit: usize,
    /// The limit that would have covered nine in ten of the days, rounded up to two digits; `None`
    /// with too few days, or where nothing was spent.
    pub nine_in_ten: Option<Quantity>,
    /// Whether it rests on a guess at what days that were stopped would have spent.
    pub is_guess: bool,
}

/// Looks back on a daily budget; `None` for other windows. Days of one that stops which `hits` names
/// are taken to have gone on as the other days did after that time of day.
#[must_use]
pub fn hits(burn: &Burn, budget: &Lookback, hits: &[Hit], now: DateTime<Utc>) -> Option<Hits> {
    let Lookback { window, unit, limit, stops, timezone: zone } = *budget;
    let since = burn.since.filter(|_| matches!(window, Window::Day { .. }))?;
    let mut periods = Vec::with_capacity(DAYS);
    let mut start = window.period(now, zone).start;
    while periods.len() < DAYS {
        let period = window.period(start - TimeDelta::milliseconds(1), zone);
        if period.start < since {
            break;
        }
        start = period.start;
        periods.push(period);
    }
    let hit_at = |period: &Period| {
        hits.iter().filter(|hit| hit.period_start == period.start).map(|hit| hit.at).min()
    };
    let free: Vec<&Period> = periods.iter().filter(|period| hit_at(period).is_none()).collect();
    let is_reached = |period: &&Period| {
        let spent = spent(burn, period.start, period.end.unwrap_or(now));
        hit_at(period).is_some() || limit.is_some_and(|limit| spent > 0 && spent >= limit)
    };
    let hit = periods.iter().filter(is_reached).count();
    let mut is_guess = false;
    let mut wanted: Vec<(i64, bool)> = periods
        .iter()
        .map(|period| {
            let spent = spent(burn, period.start, period.end.unwrap_or(now));
            match hit_at(period).filter(|_| stops) {
                Some(at) => (gone_on(burn, &free, spent, at - period.start), true),
                None => (spent, false),
            }
        })
        .collect();
    wanted.sort_unstable();
    let ninth = (wanted.len() * 9).div_ceil(10).checked_sub(1);
    let nine_in_ten = ninth.filter(|_| wanted.len() >= DAYS_MIN).map(|index| {
        is_guess = wanted[..=index].iter().any(|(_, guessed)| *guessed);
        rounded_up(wanted[index].0)
    });
    Some(Hits {
        days: periods.len(),
        hit,
        nine_in_ten: nine_in_ten.filter(|count| *count > 0).map(|count| Quantity { unit, count }),
        is_guess,
    })
}

/// What a day that was stopped `after` its beginning would have spent, going on as the free days did.
fn gone_on(burn: &Burn, free: &[&Period], spent_then: i64, after: TimeDelta) -> i64 {
    let sum = |until: fn(&Period, TimeDelta) -> DateTime<Utc>| {
        let each = free.iter().map(|period| spent(burn, period.start, until(period, after)));
        each.fold(0_i128, |sum, spent| sum + i128::from(spent))
    };
    // Its own quarter-hour is past.
    let before = sum(|period, after| period.start + after + TimeDelta::milliseconds(QUARTER_MS));
    let all = sum(|period, _| period.end.unwrap_or(period.start));
    let spent_then = i128::from(spent_then);
    let wanted = if before > 0 { spent_then * all / before } else { spent_then };
    i64::try_from(wanted.clamp(spent_then, spent_then * WANTED_MAX)).unwrap_or(i64::MAX)
}

fn spent(burn: &Burn, start: DateTime<Utc>, end: DateTime<Utc>) -> i64 {
    let [first, last] = [start, end].map(|at| at.timestamp_millis().div_euclid(QUARTER_MS));
    let from = burn.quarters.partition_point(|(quarter, _)| *quarter < first);
    let within = burn.quarters[from..].iter().take_while(|(quarter, _)| *quarter < last);
    within.fold(0, |sum: i64, (_, spent)| sum.saturating_add((*spent).max(0)))
}

/// Rounded up to two digits.
pub(crate) fn rounded_up(count: i64) -> i64 {
    let mut unit = 1_i64;
    while count / unit >= 100 {
        unit *= 10;
    }
    count.saturating_add(unit - 1) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 48;

    /// Days before 30 June 2026 (a Tuesday), the latest last, each as `(quarter of the day, spent)`.
    fn burn(days: &[&[(i64, i64)]]) -> Burn {
        let today = today().timestamp_millis() / QUARTER_MS;
        let first = today - 96 * days.len() as i64;
        let quarters = days.iter().zip(0..).flat_map(|(day, index)| {
            day.iter().map(move |(quarter, spent)| (first + 96 * index + quarter, *spent))
        });
        Burn { since: Some(today_minus(days.len() as i64)), quarters: quarters.collect() }
    }

    fn daily() -> Lookback {
        let (window, unit) = (Window::DAY, BudgetUnit::Calls);
        Lookback { window, unit, limit: None, stops: true, timezone: Tz::UTC }
    }

    fn today() -> DateTime<Utc> {
        "2026-06-30T00:00:00Z".parse().unwrap()
    }

    fn today_minus(days: i64) -> DateTime<Utc> {
        today() - TimeDelta::days(days)
    }

    fn hit(days_ago: i64, quarter: i64) -> Hit {
        let period_start = today_minus(days_ago);
        Hit { period_start, at: period_start + TimeDelta::minutes(quarter * 15) }
    }

    /// What a day's quarter-hours spent.
    type Day<'a> = &'a [(i64, i64)];
    /// Days, days that hit, the limit for nine in ten, whether it is a guess.
    type Expected = (usize, usize, Option<i64>, bool);
    /// What it shows, the days, whether the budget stops, when it was hit.
    type Row<'a> = (&'a str, Vec<Day<'a>>, bool, Vec<Hit>, Expected);

    #[test]
    fn nine_in_ten_days_are_covered() {
        let even: &[(i64, i64)] = &[(NOON - 1, 50), (NOON + 8, 50)];
        let stopped: &[(i64, i64)] = &[(NOON - 1, 120)];
        let idle: &[(i64, i64)] = &[];
        let mut one_dear = vec![even; 9];
        one_dear.push(&[(NOON, 5_678)]);
        let mut two_dear = vec![even; 8];
        two_dear.extend([&[(NOON, 5_678)][..], &[(NOON, 5_678)]]);
        let mut two_stopped = vec![even; 8];
        two_stopped.extend([stopped; 2]);
        let rows: [Row<'_>; 7] = [
            ("no days", vec![], true, vec![], (0, 0, None, false)),
            ("few days", vec![even; 6], true, vec![], (6, 0, None, false)),
            ("nothing spent", vec![idle; 20], true, vec![], (20, 0, None, false)),
            ("one day in ten may pass it", one_dear, true, vec![], (10, 0, Some(100), false)),
            ("two in ten may not", two_dear, true, vec![], (10, 0, Some(5_700), false)),
            // On free days half comes after noon: the stopped ones wanted twice what they spent.
            (
                "stopped days wanted more",
                two_stopped.clone(),
                true,
                vec![hit(1, NOON), hit(2, NOON)],
                (10, 2, Some(240), true),
            ),
            (
                "a soft budget stopped nothing",
                two_stopped,
                false,
                vec![hit(1, NOON), hit(2, NOON)],
                (10, 2, Some(120), false),
            ),
        ];
        for (what, days, stops, list, (count, hit, limit, is_guess)) in rows {
            let now = today() + TimeDelta::hours(9);
            let got = hits(&burn(&days), &Lookback { stops, ..daily() }, &list, now);
            let nine_in_ten = limit.map(|count| Quantity { unit: BudgetUnit::Calls, count });
            assert_eq!(got, Some(Hits { days: count, hit, nine_in_ten, is_guess }), "{what}");
        }
    }

    #[test]
    fn days_before_the_limit_was_set_are_held_against_it() {
        let burn = burn(&[&[(1, 10)][..], &[(1, 20)], &[(1, 30)], &[]]);
        for (limit, expected) in
            [(None, 0), (Some(31), 0), (Some(30), 1), (Some(15), 2), (Some(0), 3)]
        {
            let looked = hits(&burn, &Lookback { limit, ..daily() }, &[], today());
            assert_eq!(looked.map(|hits| hits.hit), Some(expected), "{limit:?}");
        }
    }

    #[test]
    fn only_days_are_looked_back_on() {
        let burn = burn(&[&[(1, 1)][..]; 40]);
        let looked = |window| hits(&burn, &Lookback { window, ..daily() }, &[], today());
        assert_eq!(looked(Window::MONTH), None);
        assert_eq!(looked(Window::DAY).map(|hits| hits.days), Some(30));
    }

    #[test]
    fn limits_are_rounded_up_to_two_digits() {
        for (count, expected) in [(0, 0), (7, 7), (99, 99), (100, 100), (101, 110), (6_830, 6_900)]
        {
            assert_eq!(rounded_up(count), expected, "{count}");
        }
    }
}
