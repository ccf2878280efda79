//! Instants as people type and read them.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use outlay_host::config::parse_duration;

/// Where a time of day or a duration leads from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `--since 7d` is a week ago, `09:00` the last one.
    Past,
    /// `--until 2h` is in two hours, `18:00` the next one.
    Future,
}

/// Reads an instant: RFC 3339, a date (its first moment), a date and a time, a time of day, a
/// duration from now, or `now`, `today`, `yesterday`, `tomorrow`, `midnight`.
pub(crate) fn parse(
    text: &str,
    direction: Direction,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    let today = now.with_timezone(&zone).date_naive();
    let named = match (text, direction) {
        ("now", _) => Some(now),
        ("today", _) | ("midnight", Direction::Past) => Some(first_moment(today, zone)),
        ("yesterday", _) => Some(first_moment(today - Days::new(1), zone)),
        ("tomorrow", _) | ("midnight", Direction::Future) => {
            Some(first_moment(today + Days::new(1), zone))
        }
        _ => None,
    };
    let day = || Some(first_moment(text.parse::<NaiveDate>().ok()?, zone));
    let exact = || Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc));
    let local = || {
        let formats =
            ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];
        let time = formats.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok())?;
        Some(local_instant(time, zone))
    };
    let time_of_day = || {
        let time = NaiveTime::parse_from_str(text, "%H:%M").ok()?;
        let on = |date: NaiveDate| local_instant(date.and_time(time), zone);
        Some(match direction {
            Direction::Future if on(today) > now => on(today),
            Direction::Future => on(today + Days::new(1)),
            Direction::Past if on(today) <= now => on(today),
            Direction::Past => on(today - Days::new(1)),
        })
    };
    let distance = || {
        let distance = TimeDelta::from_std(parse_duration(text).ok()?).ok()?;
        match direction {
            Direction::Past => now.checked_sub_signed(distance),
            Direction::Future => now.checked_add_signed(distance),
        }
    };
    named
        .or_else(day)
        .or_else(exact)
        .or_else(local)
        .or_else(time_of_day)
        .or_else(distance)
        .ok_or_else(|| {
            format!(
                "'{text}' is no time: write 2026-11-21, 2026-11-21T18:00:00Z, 18:00, 7d, today or midnight"
            )
        })
}

/// The end of a duration from now: `30m`, `2h`.
pub(crate) fn after(duration: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let distance = parse_duration(duration)?;
    TimeDelta::from_std(distance)
        .ok()
        .filter(|distance| !distance.is_zero())
        .and_then(|distance| now.checked_add_signed(distance))
        .ok_or_else(|| format!("'{duration}' is no time from now: write it like 30m, 2h or 3d"))
}

/// The first moment of a local day.
pub(crate) fn first_moment(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    local_instant(date.and_time(NaiveTime::MIN), zone)
}

/// The first instant at which clocks in the zone show at least this: a skipped time is the end of
/// the gap, a repeated one its first pass.
fn local_instant(mut local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    // The longest gap on record is a whole skipped day.
    for _ in 0..=25 * 4 {
        if let Some(instant) = zone.from_local_datetime(&local).earliest() {
            return instant.with_timezone(&Utc);
        }
        local += TimeDelta::minutes(15);
    }
    Utc.from_utc_datetime(&local)
}

/// An instant for the eye: `Sun 22 Nov 00:00`, with the year where it is another one.
pub(crate) fn shown(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    let this_year = now.with_timezone(&zone).format("%Y").to_string();
    let format = if local.format("%Y").to_string() == this_year {
        "%a %-d %b %H:%M"
    } else {
        "%-d %b %Y %H:%M"
    };
    local.format(format).to_string()
}

/// How long until then: `in 3 h 20 min`; empty for what is over.
pub(crate) fn distance(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let minutes = (at - now).num_minutes();
    if at <= now {
        return String::new();
    }
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => "in under a minute".to_owned(),
        (0, 0, minutes) => format!("in {minutes} min"),
        (0, hours, 0) => format!("in {hours} h"),
        (0, hours, minutes) => format!("in {hours} h {minutes} min"),
        (1, 0, _) => "in 1 day".to_owned(),
        (days @ 1..3, hours, _) if hours > 0 => format!("in {days} d {hours} h"),
        (days, ..) => format!("in {days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn instants_are_read_in_the_zone() {
        // Half past eleven in the evening in Berlin.
        let now = at("2026-11-21T22:30:00Z");
        for (text, direction, expected) in [
            ("2026-11-21", Direction::Past, "2026-11-20T23:00:00Z"),
            ("2026-11-21T18:00:00Z", Direction::Past, "2026-11-21T18:00:00Z"),
            ("2026-11-21T18:00:00+02:00", Direction::Past, "2026-11-21T16:00:00Z"),
            ("2026-11-21 18:00", Direction::Past, "2026-11-21T17:00:00Z"),
            ("23:00", Direction::Past, "2026-11-21T22:00:00Z"),
            ("23:45", Direction::Past, "2026-11-20T22:45:00Z"),
            ("23:45", Direction::Future, "2026-11-21T22:45:00Z"),
            ("18:00", Direction::Future, "2026-11-22T17:00:00Z"),
            ("midnight", Direction::Future, "2026-11-21T23:00:00Z"),
            ("midnight", Direction::Past, "2026-11-20T23:00:00Z"),
            ("today", Direction::Past, "2026-11-20T23:00:00Z"),
            ("yesterday", Direction::Past, "2026-11-19T23:00:00Z"),
            ("tomorrow", Direction::Future, "2026-11-21T23:00:00Z"),
            ("7d", Direction::Past, "2026-11-14T22:30:00Z"),
            ("2h", Direction::Future, "2026-11-22T00:30:00Z"),
            // Skipped and repeated local times.
            ("2026-03-29 02:30", Direction::Past, "2026-03-29T01:00:00Z"),
            ("2026-10-25 02:30", Direction::Past, "2026-10-25T00:30:00Z"),
        ] {
            let parsed = parse(text, direction, now, Tz::Europe__Berlin);
            assert_eq!(parsed, Ok(at(expected)), "{text} {direction:?}");
        }
        for text in ["yesterweek", "", "25:00", "2026-13-01", "7", "99999999999d"] {
            let sentence = parse(text, Direction::Past, now, Tz::UTC).unwrap_err();
            assert!(sentence.contains(&format!("'{text}'")), "{sentence}");
        }
    }

    #[test]
    fn durations_lead_into_the_future() {
        let now = at("2026-11-21T22:30:00Z");
        assert_eq!(after("90m", now), Ok(at("2026-11-22T00:00:00Z")));
        for text in ["0s", "2", "soon", "99999999999d", "-1h"] {
            let sentence = after(text, now).unwrap_err();
            assert!(sentence.contains(&format!("'{text}'")), "{sentence}");
        }
    }

    #[test]
    fn instants_are_shown_for_the_eye() {
        let now = at("2026-11-21T22:30:00Z");
        for (instant, text, distance_text) in [
            ("2026-11-21T23:00:00Z", "Sun 22 Nov 00:00", "in 30 min"),
            ("2026-11-22T02:00:00Z", "Sun 22 Nov 03:00", "in 3 h 30 min"),
            ("2026-11-24T00:30:00Z", "Tue 24 Nov 01:30", "in 2 d 2 h"),
            ("2027-01-01T00:00:00Z", "1 Jan 2027 01:00", "in 40 days"),
            ("2026-11-21T22:30:00Z", "Sat 21 Nov 23:30", ""),
        ] {
            assert_eq!(shown(at(instant), now, Tz::Europe__Berlin), text);
            assert_eq!(distance(at(instant), now), distance_text, "{instant}");
        }
    }
}
