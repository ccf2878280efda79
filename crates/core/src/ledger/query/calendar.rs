//! Local days, weeks and months as ranges of quarter-hours, so that sums by them are made where the
//! rows are.

use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use rusqlite::Connection;

use crate::ledger::rollup::QUARTER_MS;
use crate::ledger::time::from_ms;

/// What a calendar is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calendar {
    /// Named as 2026-11-23.
    Day,
    /// Named by its Monday.
    Week,
    /// Named as 2026-11.
    Month,
}

/// Quarter-hours that have the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span<const N: usize> {
    pub(super) from: i64,
    pub(super) until: i64,
    /// The name in each dimension that is a calendar.
    pub(super) names: [Option<String>; N],
}

/// The part of these quarter-hours of which there are sums, cut where a name of `calendars` changes; whole
/// where there is no calendar. A quarter-hour belongs to the date on which it begins.
pub(super) fn spans<const N: usize>(
    connection: &Connection,
    calendars: [Option<(Calendar, Tz)>; N],
    from: i64,
    until: i64,
) -> rusqlite::Result<Vec<Span<N>>> {
    if calendars.iter().all(Option::is_none) {
        return Ok(vec![Span { from, until, names: [const { None }; N] }]);
    }
    // Asked for together, the least and the greatest are looked for in all rows.
    let known: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT (SELECT min(quarter) FROM rollup_quarter), \
             (SELECT max(quarter) FROM rollup_quarter)",
        )?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)))?;
    let Some((first, last)) = known else { return Ok(Vec::new()) };
    Ok(cut(calendars, from.max(first), until.min(last.saturating_add(1))))
}

fn cut<const N: usize>(
    calendars: [Option<(Calendar, Tz)>; N],
    from: i64,
    until: i64,
) -> Vec<Span<N>> {
    let mut spans: Vec<Span<N>> = Vec::new();
    let mut last = None;
    for quarter in from..until {
        let begins = from_ms(quarter.saturating_mul(QUARTER_MS));
        let dates = calendars.map(|calendar| {
            let (calendar, timezone) = calendar?;
            Some((calendar, calendar.first_day(begins.with_timezone(&timezone).date_naive())))
        });
        match spans.last_mut().filter(|_| last == Some(dates)) {
            Some(span) => span.until = quarter + 1,
            None => {
                let names = dates.map(|date| date.map(|(calendar, day)| calendar.name(day)));
                spans.push(Span { from: quarter, until: quarter + 1, names });
            }
        }
        last = Some(dates);
    }
    spans
}

impl Calendar {
    fn first_day(self, date: NaiveDate) -> NaiveDate {
        match self {
            Calendar::Day => date,
            Calendar::Week => date - Days::new(u64::from(date.weekday().num_days_from_monday())),
            Calendar::Month => date.with_day(1).unwrap_or(date),
        }
    }

    fn name(self, first_day: NaiveDate) -> String {
        match self {
            Calendar::Day | Calendar::Week => first_day.to_string(),
            Calendar::Month => first_day.format("%Y-%m").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::ledger::time::to_ms;

    fn at(text: &str) -> i64 {
        to_ms(text.parse::<DateTime<Utc>>().unwrap()) / QUARTER_MS
    }

    /// Each as its name, and its length in hours.
    fn cut_by(calendar: Calendar, timezone: &str, from: &str, until: &str) -> Vec<String> {
        let spans = cut([Some((calendar, timezone.parse().unwrap()))], at(from), at(until));
        assert!(spans.windows(2).all(|pair| pair[0].until == pair[1].from), "without a gap");
        let shown = |span: &Span<1>| {
            let hours = (span.until - span.from) as f64 / 4.0;
            format!("{} {hours}", span.names[0].as_deref().unwrap())
        };
        spans.iter().map(shown).collect()
    }

    #[test]
    fn days_weeks_and_months_begin_where_their_zone_says() {
        use Calendar::{Day, Month, Week};
        let cases: [(Calendar, &str, &str, &str, &[&str]); 7] = [
            (
                Day,
                "UTC",
                "2026-11-21T22:30:00Z",
                "2026-11-23T00:15:00Z",
                &["2026-11-21 1.5", "2026-11-22 24", "2026-11-23 0.25"],
            ),
            (
                Day,
                "Europe/Berlin",
                "2026-10-24T22:00:00Z",
                "2026-10-26T23:00:00Z",
                &["2026-10-25 25", "2026-10-26 24"],
            ),
            (
                Day,
                "America/New_York",
                "2026-03-08T05:00:00Z",
                "2026-03-09T04:00:00Z",
                &["2026-03-08 23"],
            ),
            (
                Day,
                "Asia/Kathmandu",
                "2026-11-21T18:00:00Z",
                "2026-11-21T18:45:00Z",
                &["2026-11-21 0.25", "2026-11-22 0.5"],
            ),
            (
                Week,
                "UTC",
                "2026-11-22T23:00:00Z",
                "2026-11-23T01:00:00Z",
                &["2026-11-16 1", "2026-11-23 1"],
            ),
            (
                Month,
                "Asia/Tokyo",
                "2026-10-31T14:00:00Z",
                "2026-10-31T16:00:00Z",
                &["2026-10 1", "2026-11 1"],
            ),
            (Day, "UTC", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", &[]),
        ];
        for (calendar, timezone, from, until, expected) in cases {
            assert_eq!(cut_by(calendar, timezone, from, until), expected, "{timezone} {from}");
        }
    }

    #[test]
    fn two_calendars_are_cut_where_either_begins() {
        let by = [Some((Calendar::Month, Tz::UTC)), Some((Calendar::Day, Tz::UTC))];
        let spans = cut(by, at("2026-10-31T23:45:00Z"), at("2026-11-01T00:15:00Z"));
        let names: Vec<_> = spans.iter().map(|span| span.names.clone()).collect();
        let named = |month: &str, day: &str| [Some(month.to_owned()), Some(day.to_owned())];
        assert_eq!(names, [named("2026-10", "2026-10-31"), named("2026-11", "2026-11-01")]);
    }
}
