//! When a price is in force. Everything is in UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc, Weekday};

/// A span of dates, a window of the day and a choice of weekdays; what is absent always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The first date.
    pub(crate) from: Option<NaiveDate>,
    /// The first date on which it no longer holds.
    pub(crate) until: Option<NaiveDate>,
    /// From the first time to just before the second; wraps round midnight where the second is
    /// the earlier.
    pub(crate) hours: Option<(NaiveTime, NaiveTime)>,
    /// Empty: every day.
    pub(crate) weekdays: Vec<Weekday>,
}

impl Condition {
    /// From a price list's text: empty, `2026-03-13` or `16:30-00:30`.
    pub(crate) fn parse(text: &str) -> Option<Condition> {
        if text.is_empty() {
            return Some(Condition::default());
        }
        if let Some(hours) = parse_hours(text) {
            return Some(Condition { hours: Some(hours), ..Condition::default() });
        }
        Some(Condition { from: Some(parse_date(text)?), ..Condition::default() })
    }

    pub(crate) fn holds(&self, at: DateTime<Utc>) -> bool {
        let (date, time) = (at.date_naive(), at.time());
        self.from.is_none_or(|from| date >= from)
            && self.until.is_none_or(|until| date < until)
            && self.hours.is_none_or(|hours| is_within(time, hours))
            && (self.weekdays.is_empty() || self.weekdays.contains(&date.weekday()))
    }
}

fn is_within(time: NaiveTime, (start, end): (NaiveTime, NaiveTime)) -> bool {
    if end < start { time >= start || time < end } else { (start..end).contains(&time) }
}

pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

pub(crate) fn parse_hours(text: &str) -> Option<(NaiveTime, NaiveTime)> {
    let clock = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
    let (start, end) = text.split_once('-')?;
    Some((clock(start)?, clock(end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        for (text, at, expected) in [
            ("", "1970-01-01T00:00:00Z", true),
            ("2026-03-13", "2026-03-12T23:59:59Z", false),
            ("2026-03-13", "2026-03-13T00:00:00Z", true),
            ("00:30-16:30", "2026-03-13T00:29:59Z", false),
            ("00:30-16:30", "2026-03-13T00:30:00Z", true),
            ("00:30-16:30", "2026-03-13T16:30:00Z", false),
            ("16:30-00:30", "2026-03-13T16:30:00Z", true),
            ("16:30-00:30", "2026-03-13T00:29:59Z", true),
            ("16:30-00:30", "2026-03-13T12:00:00Z", false),
        ] {
            let condition = Condition::parse(text).unwrap();
            assert_eq!(condition.holds(at.parse().unwrap()), expected, "{text} at {at}");
        }
        for text in ["soon", "2026-13-01", "25:00-26:00"] {
            assert_eq!(Condition::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_end_and_weekdays() {
        let condition = Condition {
            until: parse_date("2026-08-17"),
            weekdays: vec![Weekday::Sat, Weekday::Sun],
            ..Condition::default()
        };
        for (at, expected) in [
            ("2026-08-14T12:00:00Z", false),
            ("2026-08-15T12:00:00Z", true),
            ("2026-08-16T23:59:59Z", true),
            ("2026-08-22T12:00:00Z", false),
        ] {
            assert_eq!(condition.holds(at.parse().unwrap()), expected, "{at}");
        }
    }
}
