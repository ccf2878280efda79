//! When a price is asked for, and for how long before and after that the answer is the same.

use std::cell::Cell;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::condition::Condition;

/// An instant, and the stretch of time around it in which all that was asked of it is answered alike.
#[derive(Debug)]
pub(crate) struct Moment {
    at: DateTime<Utc>,
    stretch: Cell<Stretch>,
}

/// From the first instant to before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) since: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

impl Stretch {
    pub(crate) fn contains(self, at: DateTime<Utc>) -> bool {
        self.since <= at && at < self.until
    }
}

impl Moment {
    pub(crate) fn new(at: DateTime<Utc>) -> Moment {
        let all = Stretch { since: DateTime::<Utc>::MIN_UTC, until: DateTime::<Utc>::MAX_UTC };
        Moment { at, stretch: Cell::new(all) }
    }

    /// Where all answers so far are the same.
    pub(crate) fn stretch(&self) -> Stretch {
        self.stretch.get()
    }

    /// Whether `instant` has passed.
    pub(crate) fn is_from(&self, instant: DateTime<Utc>) -> bool {
        let Stretch { since, until } = self.stretch.get();
        let has_passed = self.at >= instant;
        self.stretch.set(match has_passed {
            true => Stretch { since: since.max(instant), until },
            false => Stretch { since, until: until.min(instant) },
        });
        has_passed
    }

    pub(crate) fn fulfils(&self, condition: &Condition) -> bool {
        let Condition { from, until, hours, weekdays } = condition;
        if hours.is_some() || !weekdays.is_empty() {
            self.turn_with_day(hours.iter().flat_map(|(start, end)| [*start, *end]));
        }
        from.is_none_or(|from| self.is_from(midnight(from)))
            && until.is_none_or(|until| !self.is_from(midnight(until)))
            && condition.holds(self.at)
    }

    /// Answers change at these times of the day, and may from day to day.
    fn turn_with_day(&self, times: impl Iterator<Item = NaiveTime>) {
        let day = self.at.date_naive();
        let tomorrow = day.checked_add_days(Days::new(1)).map(midnight);
        let turns = [Some(midnight(day)), tomorrow].into_iter().flatten();
        for turn in turns.chain(times.map(|time| day.and_time(time).and_utc())) {
            self.is_from(turn);
        }
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::price::condition::{parse_date, parse_hours};

    #[test]
    fn an_answer_is_the_same_throughout_its_stretch() {
        let dated = Condition {
            from: parse_date("2026-03-13"),
            until: parse_date("2026-04-01"),
            ..Condition::default()
        };
        let hourly = Condition {
            hours: parse_hours("16:30-00:30"),
            weekdays: vec![Weekday::Fri],
            ..dated.clone()
        };
        for (condition, at, expected) in [
            (&Condition::default(), "2026-03-13T12:00:00Z", None),
            (&dated, "2026-03-12T23:00:00Z", Some((None, "2026-03-13T00:00:00Z"))),
            (
                &dated,
                "2026-03-13T00:00:00Z",
                Some((Some("2026-03-13T00:00:00Z"), "2026-04-01T00:00:00Z")),
            ),
            // A Friday.
            (
                &hourly,
                "2026-03-13T12:00:00Z",
                Some((Some("2026-03-13T00:30:00Z"), "2026-03-13T16:30:00Z")),
            ),
            (
                &hourly,
                "2026-03-13T16:30:00Z",
                Some((Some("2026-03-13T16:30:00Z"), "2026-03-14T00:00:00Z")),
            ),
        ] {
            let at: DateTime<Utc> = at.parse().unwrap();
            let moment = Moment::new(at);
            let answer = moment.fulfils(condition);
            assert_eq!(answer, condition.holds(at), "{condition:?} {at}");
            let stretch = moment.stretch();
            assert!(stretch.contains(at));
            let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            let (since, until) =
                expected.map_or((None, None), |(since, until)| (since, Some(until)));
            let expected = Stretch {
                since: since.map_or(DateTime::<Utc>::MIN_UTC, instant),
                until: until.map_or(DateTime::<Utc>::MAX_UTC, instant),
            };
            assert_eq!(stretch, expected, "{condition:?} {at}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_stretch_holds_to_its_ends(
            from in 0_i64..40, span in 1_i64..40, start in 0_u32..96, end in 0_u32..96,
            weekday in 0_u8..8, at in 0_i64..86_400 * 60,
        ) {
            let day = |days: i64| parse_date("2026-03-01").unwrap() + chrono::TimeDelta::days(days);
            let time = |quarter: u32| NaiveTime::from_hms_opt(quarter / 4, quarter % 4 * 15, 0).unwrap();
            let condition = Condition {
                from: Some(day(from)),
                until: Some(day(from + span)),
                hours: (start != end).then(|| (time(start), time(end))),
                weekdays: Weekday::try_from(weekday).into_iter().collect(),
            };
            let at = midnight(day(0)) + chrono::TimeDelta::seconds(at);
            let moment = Moment::new(at);
            let answer = moment.fulfils(&condition);
            let Stretch { since, until } = moment.stretch();
            proptest::prop_assert!(moment.stretch().contains(at));
            let mut look = since.max(midnight(day(-1)));
            while look < until.min(midnight(day(90))) {
                proptest::prop_assert_eq!(condition.holds(look), answer, "{} of {}", look, at);
                look += chrono::TimeDelta::minutes(15);
            }
        }
    }
}
