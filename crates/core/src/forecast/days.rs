//! Past days by local time of day, and the futures that are made of them.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use super::{Burn, DAYS_OF_HISTORY, Funds, QUARTER_MS};

const QUARTERS_A_DAY: usize = 96;
const DAY_MS: i64 = 96 * QUARTER_MS;
/// How many past days in a row a future of several days goes round in.
const ROUND: usize = 3;
/// A day's weight halves with as many days of age.
const HALF_LIFE_DAYS: i64 = 14;

/// The complete past days.
#[derive(Debug)]
pub(super) struct History {
    today: NaiveDate,
    /// The local time of day that it is, in milliseconds.
    into_day_ms: i64,
    /// Of each kind of day, the latest first.
    days: [Vec<Day>; 2],
}

#[derive(Debug)]
struct Day {
    age_days: i64,
    quarters: [i64; QUARTERS_A_DAY],
    total: i64,
}

/// One past day like today, taken for the rest of today; the days around it for those that follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Future<'a> {
    /// How much it counts.
    pub(super) weight: i64,
    history: &'a History,
    /// `None` where no day is known: nothing is spent but what a rate says.
    start: Option<usize>,
}

/// The recent rate, by quarter-hour, and for how many of them it goes on at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    pub(super) rate: i64,
    pub(super) stays: i64,
}

/// 0 for working days, 1 for those of the weekend.
fn kind(date: NaiveDate) -> usize {
    usize::from(matches!(date.weekday(), Weekday::Sat | Weekday::Sun))
}

impl History {
    pub(super) fn new(burn: &Burn, since: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> History {
        let local = now.with_timezone(&zone);
        let today = local.date_naive();
        let mut days = [Vec::new(), Vec::new()];
        let mut after = midnight(today, zone);
        for age_days in 1..=DAYS_OF_HISTORY {
            let date = today - Days::new(age_days.unsigned_abs());
            let start = midnight(date, zone);
            if start < since {
                break;
            }
            days[kind(date)].push(Day::of(burn, start, after, age_days));
            after = start;
        }
        let into_day_ms = (local.time() - NaiveTime::MIN).num_milliseconds();
        History { today, into_day_ms, days }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.days.iter().all(Vec::is_empty)
    }

    /// A future for every past day like today, the latest first; one without days where there are
    /// none.
    pub(super) fn futures(&self) -> impl Iterator<Item = Future<'_>> {
        let like_today = self.like(self.today);
        let none =
            like_today.is_empty().then_some(Future { weight: 1, history: self, start: None });
        let each = like_today.iter().enumerate().map(|(index, day)| Future {
            weight: weight(day.age_days),
            history: self,
            start: Some(index),
        });
        each.chain(none)
    }

    /// The past days of the same kind; all of the other kind where there are none.
    fn like(&self, date: NaiveDate) -> &[Day] {
        let own = kind(date);
        if self.days[own].is_empty() { &self.days[1 - own] } else { &self.days[own] }
    }
}

fn weight(age_days: i64) -> i64 {
    4 >> (age_days / HALF_LIFE_DAYS).min(2)
}

impl Day {
    fn of(burn: &Burn, start: DateTime<Utc>, end: DateTime<Utc>, age_days: i64) -> Day {
        let [first, last] = [start, end].map(|at| at.timestamp_millis().div_euclid(QUARTER_MS));
        let mut quarters = [0; QUARTERS_A_DAY];
        let from = burn.quarters.partition_point(|(quarter, _)| *quarter < first);
        for (quarter, spent) in burn.quarters[from..].iter().take_while(|(q, _)| *q < last) {
            // The hour that is repeated when clocks go back is added to the day's last quarter.
            let index = usize::try_from(quarter - first).unwrap_or(0).min(QUARTERS_A_DAY - 1);
            quarters[index] = i64::saturating_add(quarters[index], (*spent).max(0));
        }
        let total = quarters.iter().fold(0, |sum: i64, spent| sum.saturating_add(*spent));
        Day { age_days, quarters, total }
    }
}

impl Future<'_> {
    /// When it has spent all of `funds`, beginning `now`. `None` for not before the horizon.
    pub(super) fn end(
        &self,
        funds: &Funds,
        recent: Recent,
        now: DateTime<Utc>,
        horizon: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let mut walk = Walk { funds, left: funds.left, stays: recent.stays, at: now };
        let mut offset_ms = self.history.into_day_ms;
        for ahead in 0.. {
            if walk.at >= horizon {
                break;
            }
            let day = self.day(ahead);
            let is_whole =
                offset_ms == 0 && !walk.falls_today() && (walk.stays == 0 || recent.rate == 0);
            let end = match day.map_or(0, |day| day.total) {
                total if is_whole && total < walk.left => {
                    walk.pass(total, DAY_MS);
                    None
                }
                _ => walk.through(day, offset_ms, recent.rate),
            };
            if end.is_some() {
                return end.filter(|end| *end < horizon);
            }
            offset_ms = 0;
        }
        None
    }

    /// The past day that is taken for the one so many days ahead.
    fn day(&self, ahead: usize) -> Option<&Day> {
        let date = self.history.today + Days::new(u64::try_from(ahead).unwrap_or(0));
        let days = self.history.like(date);
        let start = self.start?;
        let round = ROUND.min(days.len());
        let first = start.min(days.len() - round);
        days.get(first + (start - first + ahead * 2) % round)
    }
}

/// How far a future has been played.
struct Walk<'a> {
    funds: &'a Funds,
    left: i64,
    /// For how many quarter-hours more the recent rate goes on.
    stays: i64,
    at: DateTime<Utc>,
}

impl Walk<'_> {
    /// Through a day from `offset_ms` on; when nothing is left any more, if that is on this day.
    fn through(&mut self, day: Option<&Day>, offset_ms: i64, rate: i64) -> Option<DateTime<Utc>> {
        let first = usize::try_from(offset_ms / QUARTER_MS).unwrap_or(0);
        let mut rest_ms = QUARTER_MS - offset_ms % QUARTER_MS;
        for index in first..QUARTERS_A_DAY {
            self.fall();
            if self.left <= 0 {
                return Some(self.at);
            }
            let usual = day.map_or(0, |day| day.quarters[index]);
            let spent = if self.stays > 0 { usual.max(rate) } else { usual };
            let here = part(spent, rest_ms);
            if here >= self.left {
                let within_ms = i128::from(self.left) * i128::from(QUARTER_MS) / i128::from(spent);
                let within_ms = i64::try_from(within_ms).unwrap_or(rest_ms).min(rest_ms);
                return Some(self.at + TimeDelta::milliseconds(within_ms));
            }
            self.pass(here, rest_ms);
            self.stays = (self.stays - 1).max(0);
            rest_ms = QUARTER_MS;
        }
        None
    }

    fn falls_today(&self) -> bool {
        let tomorrow = self.at + TimeDelta::milliseconds(DAY_MS);
        self.funds.falls.iter().any(|(at, _)| (self.at..tomorrow).contains(at))
    }

    fn fall(&mut self) {
        let past = self.funds.falls.iter().filter(|(at, _)| *at <= self.at);
        // What is spent after a fall only makes less of it: that it is applied again does nothing.
        self.left = past.fold(self.left, |left, (_, at_most)| left.min(*at_most));
    }

    fn pass(&mut self, spent: i64, ms: i64) {
        self.left -= spent;
        self.at += TimeDelta::milliseconds(ms);
    }
}

/// What is spent in a part of a quarter-hour.
fn part(spent: i64, ms: i64) -> i64 {
    i64::try_from(i128::from(spent) * i128::from(ms) / i128::from(QUARTER_MS)).unwrap_or(i64::MAX)
}

fn midnight(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let mut local = date.and_time(NaiveTime::MIN);
    // A midnight that clocks skip is the first instant after the gap, which is a day at the longest.
    for _ in 0..QUARTERS_A_DAY {
        if let Some(instant) = zone.from_local_datetime(&local).earliest() {
            return instant.with_timezone(&Utc);
        }
        local += TimeDelta::minutes(15);
    }
    Utc.from_utc_datetime(&local)
}
