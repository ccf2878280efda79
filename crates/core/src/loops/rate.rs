//! How many calls a project makes a minute, and how many it usually makes.

use chrono::{DateTime, TimeDelta, Utc};

use super::caller::Told;
use super::{BURST_CALLS_MIN, Finding, LoopKind, LoopRules, Measure};

/// Past minutes that had calls.
const MINUTES_MAX: usize = 120;
/// With fewer, nothing is usual.
const MINUTES_MIN: usize = 10;
/// A usual busy minute has more calls than this share of those that had any.
const BUSY_PERCENT: usize = 90;

#[derive(Debug, Default)]
pub(super) struct Rate {
    /// Minutes since 1970.
    minute: i64,
    calls: u32,
    past: Vec<u32>,
    oldest: usize,
    /// Calls in a usual busy minute, once it is known.
    usual: Option<u32>,
    told: Told,
}

impl Rate {
    /// A call more.
    pub(super) fn asked(&mut self, at: DateTime<Utc>, rules: &LoopRules) -> Option<Finding> {
        if rules.burst_times == 0 {
            return None;
        }
        let minute = minute_of(at);
        if minute != self.minute {
            let calls = std::mem::take(&mut self.calls);
            self.minute = minute;
            if calls > 0 {
                self.keep(calls);
                self.usual = busy(&self.past);
            }
        }
        self.calls = self.calls.saturating_add(1);
        let usual = self.usual?;
        if self.calls < BURST_CALLS_MIN || self.calls <= usual.saturating_mul(rules.burst_times) {
            return None;
        }
        let since = DateTime::from_timestamp(minute * 60, 0)?;
        Some(Finding {
            kind: LoopKind::Burst,
            count: self.calls,
            since,
            window: TimeDelta::minutes(1),
            until: since + TimeDelta::minutes(1),
            is_news: self.told.tell(at),
            measure: Measure::Usual(usual),
        })
    }

    /// A call that was counted at `at` was not made.
    pub(super) fn uncount(&mut self, at: DateTime<Utc>) {
        if minute_of(at) == self.minute {
            self.calls = self.calls.saturating_sub(1);
        }
    }

    /// Takes past minutes for this project's own.
    pub(super) fn learn(&mut self, busy_minutes: &[u32]) {
        for &calls in busy_minutes.iter().filter(|calls| **calls > 0) {
            self.keep(calls);
        }
        self.usual = busy(&self.past);
    }

    fn keep(&mut self, calls: u32) {
        if self.past.len() < MINUTES_MAX {
            self.past.push(calls);
        } else if let Some(oldest) = self.past.get_mut(self.oldest) {
            *oldest = calls;
            self.oldest = (self.oldest + 1) % MINUTES_MAX;
        }
    }
}

fn minute_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

/// The calls of a busy minute: few had more.
fn busy(past: &[u32]) -> Option<u32> {
    if past.len() < MINUTES_MIN {
        return None;
    }
    let mut sorted = past.to_vec();
    let rank = (past.len() * BUSY_PERCENT).div_ceil(100) - 1;
    Some(*sorted.select_nth_unstable(rank).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_minute() {
        let nine_quiet = [&[2_u32; 9][..], &[500]].concat();
        let two_of_ten = [&[2_u32; 8][..], &[500, 500]].concat();
        for (past, expected) in [
            (&[][..], None),
            (&[7; 9], None),
            (&[7; 10], Some(7)),
            (&nine_quiet, Some(2)),
            (&two_of_ten, Some(500)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Some(9)),
        ] {
            assert_eq!(busy(past), expected, "{past:?}");
        }
    }

    #[test]
    fn old_minutes_are_forgotten() {
        let mut rate = Rate::default();
        rate.learn(&[900; 500]);
        rate.learn(&[3; 500]);
        assert_eq!((rate.usual, rate.past.len()), (Some(3), MINUTES_MAX));
    }
}
