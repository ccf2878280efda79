//! How often a forecast is right, and how wide it is for that.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::forecast::{Burn, Forecast, Funds, forecast};

use crate::days::{DAY, EVERYBODY, Who, quarters};
use crate::others::{Method, last_hour, since_midnight, week};

const DAYS: usize = 70;
const SEEDS: u64 = 3;

/// What is asked: when is `left` gone?
pub(crate) struct Asked<'a> {
    pub(crate) burn: &'a Burn,
    pub(crate) left: i64,
    pub(crate) now: DateTime<Utc>,
    pub(crate) end: Option<DateTime<Utc>>,
}

/// What a method came to.
#[derive(Debug, Default)]
struct Score {
    asked: usize,
    contained: usize,
    /// Minutes from the earliest to the latest instant; to the end where it may last.
    widths: Vec<i64>,
    /// Minutes between what happened and the nearest end of the range.
    misses: i64,
}

impl Score {
    fn add(&mut self, forecast: &Forecast, truth: Option<DateTime<Utc>>, horizon: DateTime<Utc>) {
        let minutes = |at: DateTime<Utc>| at.timestamp() / 60;
        let at = |instant: Option<DateTime<Utc>>| minutes(instant.unwrap_or(horizon).min(horizon));
        let (low, high, truth) = (at(forecast.earliest), at(forecast.latest), at(truth));
        self.asked += 1;
        self.widths.push(high - low);
        // Nobody minds a minute.
        let miss = (low - 1 - truth).max(truth - high - 1).max(0);
        self.contained += usize::from(miss == 0);
        self.misses += miss;
    }

    fn percent(&self) -> usize {
        self.contained * 100 / self.asked.max(1)
    }

    /// The usual score of a range that ought to hold eight in ten: its width, and ten times by how
    /// much it missed. Less is better.
    fn points(&self) -> i64 {
        (self.widths.iter().sum::<i64>() + 10 * self.misses) / self.asked as i64
    }

    fn join(&mut self, other: Score) {
        self.asked += other.asked;
        self.contained += other.contained;
        self.widths.extend(other.widths);
        self.misses += other.misses;
    }

    fn line(&self) -> String {
        let mut widths = self.widths.clone();
        widths.sort_unstable();
        let (middle, misses) = (widths[widths.len() / 2], self.misses / self.asked as i64);
        let (percent, points) = (self.percent(), self.points());
        format!("{percent:3} % width {middle:5} missed by {misses:5} points {points:6}")
    }
}

fn monday() -> DateTime<Utc> {
    "2026-03-02T00:00:00Z".parse().unwrap()
}

fn at(quarter: usize) -> DateTime<Utc> {
    monday() + TimeDelta::minutes(15 * quarter as i64)
}

/// What was known at that quarter-hour's beginning.
fn known(spent: &[i64], now: usize) -> Burn {
    let first = monday().timestamp() / 900;
    let quarters = spent[..now].iter().zip(first..).filter(|(spent, _)| **spent > 0);
    Burn {
        since: Some(monday()),
        quarters: quarters.map(|(spent, quarter)| (quarter, *spent)).collect(),
    }
}

/// When it really was gone.
fn truth(spent: &[i64], now: usize, left: i64) -> Option<DateTime<Utc>> {
    let mut sum = 0;
    for (index, here) in spent.iter().enumerate().skip(now) {
        if sum + here >= left {
            let part = 900_000 * (left - sum) / here;
            return Some(at(index) + TimeDelta::milliseconds(part));
        }
        sum += here;
    }
    None
}

fn daily(who: Who, method: Method) -> Score {
    let mut score = Score::default();
    for seed in 0..SEEDS {
        let spent = quarters(who, DAYS, seed * 7 + 1);
        let usual = spent.iter().sum::<i64>() / DAYS as i64;
        for day in 28..DAYS {
            for (quarter, percent) in
                [(32, 120), (42, 60), (52, 100), (58, 80), (66, 120), (84, 100)]
            {
                let now = day * DAY + quarter;
                let left = usual * percent / 100 - spent[day * DAY..now].iter().sum::<i64>();
                if left <= 0 {
                    continue;
                }
                let (burn, end) = (known(&spent, now), at((day + 1) * DAY));
                let asked = Asked { burn: &burn, left, now: at(now), end: Some(end) };
                let truth = truth(&spent, now, left).filter(|truth| *truth < end);
                score.add(&method(&asked), truth, end);
            }
        }
    }
    score
}

fn balance(who: Who, method: Method) -> Score {
    let mut score = Score::default();
    for seed in 0..SEEDS {
        let spent = quarters(who, DAYS, seed * 7 + 1);
        let usual = spent.iter().sum::<i64>() / DAYS as i64;
        for day in 28..DAYS - 14 {
            for (quarter, days) in [(20, 1), (48, 2), (60, 4), (90, 8)] {
                let now = day * DAY + quarter;
                let (burn, left) = (known(&spent, now), usual * days);
                let Some(truth) = truth(&spent, now, left) else { continue };
                let asked = Asked { burn: &burn, left, now: at(now), end: None };
                score.add(&method(&asked), Some(truth), at(DAYS * DAY));
            }
        }
    }
    score
}

fn ours(asked: &Asked<'_>) -> Forecast {
    let funds = Funds { left: asked.left, falls: Vec::new() };
    forecast(asked.burn, &funds, asked.now, asked.end, Tz::UTC)
}

#[test]
fn ranges_hold_what_happens() {
    let methods: [(&str, Method); 4] = [
        ("ours", ours),
        ("last hour", last_hour),
        ("since midnight", since_midnight),
        ("week", week),
    ];
    let mut sums = Vec::new();
    for (name, method) in methods {
        let mut all = [Score::default(), Score::default()];
        for who in EVERYBODY {
            let scores = [daily(who, method), balance(who, method)];
            println!("{name:14} {who:8?} day {}  balance {}", scores[0].line(), scores[1].line());
            if name == "ours" {
                assert!(scores[0].percent() >= 84, "{who:?}: {}", scores[0].line());
                assert!(scores[1].percent() >= 74, "{who:?}: {}", scores[1].line());
            }
            for (all, score) in all.iter_mut().zip(scores) {
                all.join(score);
            }
        }
        println!("{name:14} everyone day {}  balance {}", all[0].line(), all[1].line());
        sums.push(all);
    }
    let ours = &sums[0];
    assert!(ours[0].percent() >= 88 && ours[1].percent() >= 78, "{}", ours[1].line());
    for other in &sums[1..] {
        assert!(ours[0].points() < other[0].points() && ours[1].points() < other[1].points());
    }
}
