//! Hours in which nothing but what is critical is told.

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;

/// Hours of every day, which may go past midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: NaiveTime,
    to: NaiveTime,
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    ///
    /// # Errors
    /// One sentence where it is none.
    pub fn parse(text: &str) -> Result<QuietHours, String> {
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
        let ends = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        match ends {
            Some((from, to)) if from != to => Ok(QuietHours { from, to }),
            Some(_) => Err(format!("'{text}' begins where it ends: write it like \"22:00-07:00\"")),
            None => Err(format!("'{text}' is no span of hours: write it like \"22:00-07:00\"")),
        }
    }

    /// Whether it is quiet at `now` in `zone`.
    #[must_use]
    pub fn is_now(&self, now: DateTime<Utc>, zone: Tz) -> bool {
        let time = now.with_timezone(&zone).time();
        match self.from < self.to {
            true => self.from <= time && time < self.to,
            false => self.from <= time || time < self.to,
        }
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from.format("%H:%M"), self.to.format("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_go_past_midnight() {
        for (hours, time, expected) in [
            ("22:00-07:00", "21:59:59", false),
            ("22:00-07:00", "22:00:00", true),
            ("22:00-07:00", "03:00:00", true),
            ("22:00-07:00", "07:00:00", false),
            ("12:00 - 14:30", "14:29:59", true),
            ("12:00 - 14:30", "11:59:59", false),
        ] {
            // Berlin is an hour ahead.
            let at: DateTime<Utc> = format!("2026-11-21T{time}+01:00").parse().unwrap();
            let hours = QuietHours::parse(hours).unwrap();
            assert_eq!(hours.is_now(at, Tz::Europe__Berlin), expected, "{hours} {time}");
        }
    }

    #[test]
    fn what_is_no_span_is_said() {
        for (text, part) in [
            ("22-7", "is no span of hours"),
            ("22:00", "is no span of hours"),
            ("25:00-07:00", "is no span of hours"),
            ("07:00-07:00", "begins where it ends"),
        ] {
            let error = QuietHours::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
