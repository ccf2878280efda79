//! What a limit would have done to calls that are past.

use std::collections::VecDeque;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{Period, Window};

/// A limit that is tried on the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// Its window.
    pub window: Window,
    /// The zone of its days.
    pub timezone: Tz,
    /// The limit, in the unit of what the calls have spent.
    pub limit: i64,
}

/// What a limit would have done, so far.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    rehearsal: Rehearsal,
    /// What counts now; of a rolling window what each bucket that counts has spent, oldest first.
    periods: VecDeque<(Period, i64)>,
    turn: Option<Turn>,
    /// Periods with calls.
    pub turns: u64,
    /// Periods in which a call would have been refused.
    pub turns_hit: u64,
}

/// The period that is looked at, and whether a call was refused in it.
#[derive(Clone, Copy, Debug)]
struct Turn {
    name: TurnName,
    is_hit: bool,
}

/// Rolling windows and single calls have no periods of their own: theirs are days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TurnName {
    Period(DateTime<Utc>),
    Day(NaiveDate),
}

impl Rehearsed {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(rehearsal: Rehearsal) -> Rehearsed {
        Rehearsed { rehearsal, periods: VecDeque::new(), turn: None, turns: 0, turns_hit: 0 }
    }

    /// Whether the next call, which spent `spent`, would have been admitted; calls come in the order of time.
    /// Each is known to the end, so that nothing is held beside what it spent.
    pub fn admits(&mut self, at: DateTime<Utc>, spent: i64) -> bool {
        let Rehearsal { window, timezone, limit } = self.rehearsal;
        let period = window.period(at, timezone);
        self.leave(window, period, at);
        let before = self.periods.iter().fold(0_i64, |sum, (_, spent)| sum.saturating_add(*spent));
        let admitted = before.saturating_add(spent) <= limit;
        if admitted && window != Window::Call {
            match self.periods.back_mut() {
                Some((last, sum)) if last.start == period.start => *sum = sum.saturating_add(spent),
                _ => self.periods.push_back((period, spent)),
            }
        }
        self.note(self.turn_name(at, period), admitted);
        admitted
    }

    fn leave(&mut self, window: Window, period: Period, at: DateTime<Utc>) {
        let counts = |past: &Period| match window {
            Window::Rolling { span } => span.leaves_at(past.start) > at,
            _ => past.start == period.start,
        };
        while self.periods.front().is_some_and(|(past, _)| !counts(past)) {
            self.periods.pop_front();
        }
    }

    fn turn_name(&self, at: DateTime<Utc>, period: Period) -> TurnName {
        match self.rehearsal.window {
            Window::Rolling { .. } | Window::Call => {
                TurnName::Day(at.with_timezone(&self.rehearsal.timezone).date_naive())
            }
            _ => TurnName::Period(period.start),
        }
    }

    fn note(&mut self, name: TurnName, admitted: bool) {
        let turn = match self.turn {
            Some(turn) if turn.name == name => turn,
            _ => {
                self.turns += 1;
                Turn { name, is_hit: false }
            }
        };
        if !admitted && !turn.is_hit {
            self.turns_hit += 1;
        }
        self.turn = Some(Turn { is_hit: turn.is_hit || !admitted, ..turn });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Window;

    #[test]
    fn each_window_admits_what_fits() {
        // Hours since the beginning of a Monday, and what a call then spent.
        let calls = [(1, 4), (2, 4), (3, 4), (5, 1), (25, 9), (26, 2), (50, 10), (51, 11), (52, 1)];
        for (window, limit, refused, turns, hit) in [
            ("day", 9, &[3, 26, 50, 51][..], 3, 3),
            ("day", 10, &[3, 26, 51, 52], 3, 3),
            ("day", 13, &[51], 3, 1),
            ("week", 13, &[25, 26, 50, 51, 52], 1, 1),
            ("total", 1_000, &[], 1, 0),
            ("call", 9, &[50, 51], 3, 1),
            // A bucket of a day's window is 12 minutes: what was spent at 1:00 counts until 25:12.
            ("1d", 13, &[25, 51], 3, 2),
            ("2h", 8, &[3, 25, 50, 51], 3, 3),
        ] {
            let rehearsal =
                Rehearsal { window: Window::parse(window).unwrap(), timezone: Tz::UTC, limit };
            let mut rehearsed = Rehearsed::new(rehearsal);
            let monday: DateTime<Utc> = "2026-11-16T00:00:00Z".parse().unwrap();
            let found: Vec<i64> = calls
                .iter()
                .filter(|(hour, spent)| {
                    !rehearsed.admits(monday + chrono::TimeDelta::hours(*hour), *spent)
                })
                .map(|(hour, _)| *hour)
                .collect();
            assert_eq!(found, refused, "{window} {limit}");
            assert_eq!((rehearsed.turns, rehearsed.turns_hit), (turns, hit), "{window} {limit}");
        }
    }
}
