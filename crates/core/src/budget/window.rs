//! Windows and their periods, in the budget's own time zone.

use std::borrow::Cow;

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;

/// The rule by which a budget's spend starts again from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Each call on its own.
    Call,
    /// A day, from `reset_at` (midnight unless said otherwise).
    Day {
        /// Local time of day at which the day begins.
        reset_at: NaiveTime,
    },
    /// A week, from midnight of `start`.
    Week {
        /// The first day of the week.
        start: Weekday,
    },
    /// A month, from midnight of `anchor_day`; the last day of a shorter month stands in for it.
    Month {
        /// 1 to 31.
        anchor_day: u8,
    },
    /// The last so many minutes, whenever one looks.
    Rolling {
        /// How far back it reaches, and in which unit that is written.
        span: Span,
    },
    /// Never starts again.
    Total,
}

/// The length of a rolling window, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// How many of the unit, at least 1.
    pub count: u32,
    /// What is counted.
    pub unit: SpanUnit,
}

/// The unit of a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanUnit {
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`: 24 hours each, whatever the clocks do.
    Days,
}

/// One turn of a window: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first instant; the Unix epoch for `call` and `total`.
    pub start: DateTime<Utc>,
    /// The instant of the reset; `None` where there is none.
    pub end: Option<DateTime<Utc>>,
}

/// Why a text names no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No known name.
    #[error(
        "'{0}' is not a window: use call, day, week, month, total, or a rolling one like 30m, 5h or 30d"
    )]
    Unknown(String),
    /// A rolling window of no length, or of more than ten years.
    #[error("'{0}' is no length for a rolling window: use 1m to 3650d")]
    Rolling(String),
    /// The anchor day is outside a month.
    #[error("'{0}' is not a day of the month: use 1 to 31")]
    AnchorDay(String),
    /// Not a day of the week.
    #[error("'{0}' is not a day of the week: use monday to sunday")]
    WeekStart(String),
    /// Not a time of day.
    #[error("'{0}' is not a time of day: write it like 04:00")]
    ResetAt(String),
    /// An option that does not go with the window.
    #[error("{0} goes with a {1} window only")]
    Misplaced(&'static str, &'static str),
}

/// Where in the calendar a window turns, as typed; `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor<'a> {
    /// The day a month begins on, 1 to 31.
    pub anchor_day: Option<&'a str>,
    /// The day a week begins on, by its English name or the first three letters of it.
    pub week_start: Option<&'a str>,
    /// The local time a day begins at, `HH:MM`.
    pub reset_at: Option<&'a str>,
}

impl Window {
    /// A calendar day from midnight.
    pub const DAY: Window = Window::Day { reset_at: NaiveTime::MIN };
    /// A calendar month from the 1st.
    pub const MONTH: Window = Window::Month { anchor_day: 1 };

    /// The window of that name with its usual anchor.
    ///
    /// # Errors
    /// When the name is unknown.
    pub fn parse(name: &str) -> Result<Window, WindowError> {
        match name {
            "call" => Ok(Window::Call),
            "day" => Ok(Window::DAY),
            "week" => Ok(Window::Week { start: Weekday::Mon }),
            "month" => Ok(Window::MONTH),
            "total" => Ok(Window::Total),
            _ => Span::parse(name).map(|span| Window::Rolling { span }),
        }
    }

    /// The name, as in JSON: `day`, `5h`.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Window::Call => "call".into(),
            Window::Day { .. } => "day".into(),
            Window::Week { .. } => "week".into(),
            Window::Month { .. } => "month".into(),
            Window::Rolling { span } => span.to_string().into(),
            Window::Total => "total".into(),
        }
    }

    /// Whether it moves on with every instant instead of turning.
    #[must_use]
    pub const fn is_rolling(self) -> bool {
        matches!(self, Window::Rolling { .. })
    }

    /// Where in the calendar the window turns: minutes after midnight, days after Monday, or the
    /// day of the month; 0 where it has no anchor. What the ledger stores beside the name.
    #[must_use]
    pub fn anchor(self) -> i64 {
        match self {
            Window::Day { reset_at } => (reset_at - NaiveTime::MIN).num_minutes(),
            Window::Week { start } => i64::from(start.num_days_from_monday()),
            Window::Month { anchor_day } => i64::from(anchor_day),
            Window::Call | Window::Rolling { .. } | Window::Total => 0,
        }
    }

    /// The window with the anchor that [`Window::anchor`] gave.
    #[must_use]
    pub fn with_anchor(self, anchor: i64) -> Window {
        match self {
            Window::Day { .. } => Window::Day {
                reset_at: NaiveTime::MIN + TimeDelta::minutes(anchor.rem_euclid(24 * 60)),
            },
            Window::Week { .. } => Window::Week {
                start: Weekday::try_from(u8::try_from(anchor.rem_euclid(7)).unwrap_or(0))
                    .unwrap_or(Weekday::Mon),
            },
            Window::Month { .. } => {
                Window::Month { anchor_day: u8::try_from(anchor.clamp(1, 31)).unwrap_or(1) }
            }
            Window::Call | Window::Rolling { .. } | Window::Total => self,
        }
    }

    /// The window with what is set of `anchor`.
    ///
    /// # Errors
    /// When a value makes no sense or does not go with the window.
    pub fn anchored(self, anchor: &Anchor<'_>) -> Result<Window, WindowError> {
        let mut window = self;
        if let Some(text) = anchor.anchor_day {
            let Window::Month { anchor_day } = &mut window else {
                return Err(WindowError::Misplaced("anchor_day", "month"));
            };
            let day = text.parse().ok().filter(|day| (1..=31).contains(day));
            *anchor_day = day.ok_or_else(|| WindowError::AnchorDay(text.to_owned()))?;
        }
        if let Some(text) = anchor.week_start {
            let Window::Week { start } = &mut window else {
                return Err(WindowError::Misplaced("week_start", "week"));
            };
            *start = text.parse().map_err(|_| WindowError::WeekStart(text.to_owned()))?;
        }
        if let Some(text) = anchor.reset_at {
            let Window::Day { reset_at } = &mut window else {
                return Err(WindowError::Misplaced("reset_at", "day"));
            };
            *reset_at = NaiveTime::parse_from_str(text, "%H:%M")
                .map_err(|_| WindowError::ResetAt(text.to_owned()))?;
        }
        Ok(window)
    }

    /// The period that `at` belongs to; of a rolling window the bucket, which counts for as long as
    /// any instant of it is within reach ([`Span::reach`]). A skipped local midnight (daylight saving) is the first
    /// instant after the gap; a repeated one is its first pass.
    #[must_use]
    pub fn period(self, at: DateTime<Utc>, timezone: Tz) -> Period {
        let today = at.with_timezone(&timezone).date_naive();
        let (begin, next, time): (NaiveDate, fn(NaiveDate, u8) -> NaiveDate, NaiveTime) = match self
        {
            Window::Call | Window::Total => {
                return Period { start: DateTime::UNIX_EPOCH, end: None };
            }
            Window::Rolling { span } => return span.bucket(at),
            Window::Day { reset_at } => (today, |day, _| day + Days::new(1), reset_at),
            Window::Week { start } => {
                let back = today.weekday().days_since(start);
                (today - Days::new(u64::from(back)), |day, _| day + Days::new(7), NaiveTime::MIN)
            }
            Window::Month { anchor_day } => {
                (month_anchor(today, anchor_day), next_month_anchor, NaiveTime::MIN)
            }
        };
        let anchor_day = u8::try_from(self.anchor()).unwrap_or(1);
        let begin =
            if at < local_instant(begin, time, timezone) { self.previous(begin) } else { begin };
        Period {
            start: local_instant(begin, time, timezone),
            end: Some(local_instant(next(begin, anchor_day), time, timezone)),
        }
    }

    fn previous(self, begin: NaiveDate) -> NaiveDate {
        match self {
            Window::Month { anchor_day } => {
                let earlier = begin.with_day(1).unwrap_or(begin) - Months::new(1);
                clamp_day(earlier, anchor_day)
            }
            Window::Week { .. } => begin - Days::new(7),
            _ => begin - Days::new(1),
        }
    }
}

/// Into how many buckets a rolling window is cut: what is spent leaves it at most this part of the
/// window too late, and never too early.
const BUCKETS: i64 = 120;
const SPAN_MS_MAX: i64 = 3_650 * 24 * 60 * 60 * 1_000;

impl Span {
    fn parse(text: &str) -> Result<Span, WindowError> {
        let unknown = || WindowError::Unknown(text.to_owned());
        let unit = match text.chars().last() {
            Some('m') => SpanUnit::Minutes,
            Some('h') => SpanUnit::Hours,
            Some('d') => SpanUnit::Days,
            _ => return Err(unknown()),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(unknown());
        }
        let span = digits.parse().ok().map(|count| Span { count, unit });
        span.filter(|span| (1..=SPAN_MS_MAX).contains(&span.ms()))
            .ok_or_else(|| WindowError::Rolling(text.to_owned()))
    }

    /// The length in milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        let unit_ms = match self.unit {
            SpanUnit::Minutes => 60_000,
            SpanUnit::Hours => 3_600_000,
            SpanUnit::Days => 86_400_000,
        };
        i64::from(self.count).saturating_mul(unit_ms)
    }

    /// The length of a bucket in milliseconds.
    #[must_use]
    pub fn bucket_ms(self) -> i64 {
        self.ms() / BUCKETS
    }

    /// The bucket that `at` falls into.
    #[must_use]
    pub fn bucket(self, at: DateTime<Utc>) -> Period {
        let start = at.timestamp_millis().div_euclid(self.bucket_ms()) * self.bucket_ms();
        Period { start: instant(start), end: Some(instant(start + self.bucket_ms())) }
    }

    /// Buckets that begin after this instant still count at `at`.
    #[must_use]
    pub fn reach(self, at: DateTime<Utc>) -> DateTime<Utc> {
        instant(at.timestamp_millis() - self.ms() - self.bucket_ms())
    }

    /// When the bucket that begins at `start` no longer counts.
    #[must_use]
    pub fn leaves_at(self, start: DateTime<Utc>) -> DateTime<Utc> {
        instant(start.timestamp_millis() + self.bucket_ms() + self.ms())
    }

    /// What alerts of one stretch of the window have in common: the beginning of a stretch of its
    /// own length.
    #[must_use]
    pub fn stretch(self, at: DateTime<Utc>) -> DateTime<Utc> {
        instant(at.timestamp_millis().div_euclid(self.ms()) * self.ms())
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            SpanUnit::Minutes => 'm',
            SpanUnit::Hours => 'h',
            SpanUnit::Days => 'd',
        };
        write!(f, "{}{unit}", self.count)
    }
}

fn instant(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

fn month_anchor(today: NaiveDate, anchor_day: u8) -> NaiveDate {
    clamp_day(today, anchor_day)
}

fn next_month_anchor(begin: NaiveDate, anchor_day: u8) -> NaiveDate {
    clamp_day(begin.with_day(1).unwrap_or(begin) + Months::new(1), anchor_day)
}

/// `day` of the month that `date` is in, or that month's last day where it is shorter.
fn clamp_day(date: NaiveDate, day: u8) -> NaiveDate {
    let last = date.num_days_in_month();
    date.with_day(u32::from(day.min(last))).unwrap_or(date)
}

/// The instant at which a local date and time first comes to be.
fn local_instant(date: NaiveDate, time: NaiveTime, timezone: Tz) -> DateTime<Utc> {
    let mut local = date.and_time(time);
    // The longest gap on record is a whole skipped day (Pacific/Apia, 2011).
    for _ in 0..=(25 * 4) {
        if let Some(instant) = timezone.from_local_datetime(&local).earliest() {
            return instant.with_timezone(&Utc);
        }
        local += TimeDelta::minutes(15);
    }
    Utc.from_utc_datetime(&date.and_time(time))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table, a row a case")]
    fn periods_begin_and_end_in_the_budgets_zone() {
        let week = Window::Week { start: Weekday::Mon };
        let sunday_week = Window::Week { start: Weekday::Sun };
        let month15 = Window::Month { anchor_day: 15 };
        let month31 = Window::Month { anchor_day: 31 };
        let day4 = Window::Day { reset_at: NaiveTime::from_hms_opt(4, 0, 0).unwrap() };
        for (window, zone, at, start, end) in [
            (
                Window::DAY,
                "UTC",
                "2026-11-21T00:00:00Z",
                "2026-11-21T00:00:00Z",
                "2026-11-22T00:00:00Z",
            ),
            (
                Window::DAY,
                "Europe/Berlin",
                "2026-11-21T22:59:59Z",
                "2026-11-20T23:00:00Z",
                "2026-11-21T23:00:00Z",
            ),
            (
                Window::DAY,
                "Europe/Berlin",
                "2026-11-21T23:00:00Z",
                "2026-11-21T23:00:00Z",
                "2026-11-22T23:00:00Z",
            ),
            // 23-hour and 25-hour days
            (
                Window::DAY,
                "Europe/Berlin",
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                Window::DAY,
                "Europe/Berlin",
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            // midnight itself is skipped in Beirut, repeated in Havana
            (
                Window::DAY,
                "Asia/Beirut",
                "2026-03-29T12:00:00Z",
                "2026-03-28T22:00:00Z",
                "2026-03-29T21:00:00Z",
            ),
            (
                Window::DAY,
                "America/Havana",
                "2026-11-01T12:00:00Z",
                "2026-11-01T04:00:00Z",
                "2026-11-02T05:00:00Z",
            ),
            // a whole day was skipped
            (
                Window::DAY,
                "Pacific/Apia",
                "2011-12-31T12:00:00Z",
                "2011-12-31T10:00:00Z",
                "2012-01-01T10:00:00Z",
            ),
            (day4, "UTC", "2026-11-21T03:59:00Z", "2026-11-20T04:00:00Z", "2026-11-21T04:00:00Z"),
            (week, "UTC", "2026-11-22T23:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            (
                sunday_week,
                "UTC",
                "2026-11-22T23:00:00Z",
                "2026-11-22T00:00:00Z",
                "2026-11-29T00:00:00Z",
            ),
            (
                Window::MONTH,
                "Asia/Kolkata",
                "2026-11-30T18:30:00Z",
                "2026-11-30T18:30:00Z",
                "2026-12-31T18:30:00Z",
            ),
            (
                month15,
                "UTC",
                "2026-11-14T23:59:00Z",
                "2026-10-15T00:00:00Z",
                "2026-11-15T00:00:00Z",
            ),
            (
                month31,
                "UTC",
                "2026-02-28T00:00:00Z",
                "2026-02-28T00:00:00Z",
                "2026-03-31T00:00:00Z",
            ),
            (
                month31,
                "UTC",
                "2026-03-30T00:00:00Z",
                "2026-02-28T00:00:00Z",
                "2026-03-31T00:00:00Z",
            ),
        ] {
            let period = window.period(instant(at), zone.parse().unwrap());
            assert_eq!(period.start, instant(start), "{window:?} {zone} {at}");
            assert_eq!(period.end, Some(instant(end)), "{window:?} {zone} {at}");
        }
        let total = Window::Total.period(instant("2026-11-21T00:00:00Z"), Tz::UTC);
        assert_eq!((total.start, total.end), (DateTime::UNIX_EPOCH, None));
    }

    #[test]
    fn names_that_are_no_window_say_what_is() {
        assert!(Window::parse("fortnight").unwrap_err().to_string().contains("not a window"));
        for length in ["0m", "4000d", "99999999999h"] {
            assert!(Window::parse(length).unwrap_err().to_string().contains("3650d"), "{length}");
        }
        for nonsense in ["h", "-5h", "5 h", "5w", "1.5h", "é"] {
            assert!(Window::parse(nonsense).unwrap_err().to_string().contains("not a window"));
        }
    }

    #[test]
    fn rolling_windows_let_buckets_go_whole_and_never_early() {
        for (name, at, start, leaves) in [
            // buckets of half a second, two and a half minutes, and six hours
            ("1m", "2026-11-21T12:00:00.700Z", "12:00:00.500", "2026-11-21T12:01:01Z"),
            ("5h", "2026-11-21T12:04:00Z", "12:02:30", "2026-11-21T17:05:00Z"),
            ("30d", "2026-11-21T12:04:00Z", "12:00:00", "2026-12-21T18:00:00Z"),
        ] {
            let window = Window::parse(name).unwrap();
            assert_eq!(window.name(), name);
            let Window::Rolling { span } = window else { panic!("{name}") };
            let bucket = window.period(instant(at), "Europe/Berlin".parse().unwrap());
            assert_eq!(bucket.start, instant(&format!("2026-11-21T{start}Z")), "{name}");
            let leaves = instant(leaves);
            assert_eq!(span.leaves_at(bucket.start), leaves, "{name}");
            assert!(bucket.start > span.reach(leaves - TimeDelta::milliseconds(1)), "{name}");
            assert!(bucket.start <= span.reach(leaves), "{name}");
            assert!(leaves - bucket.end.unwrap() >= TimeDelta::milliseconds(span.ms()), "{name}");
        }
    }

    #[test]
    fn anchors_go_with_their_window() {
        let week = Window::Week { start: Weekday::Mon };
        let day = |text| Anchor { anchor_day: Some(text), ..Anchor::default() };
        let start = |text| Anchor { week_start: Some(text), ..Anchor::default() };
        let reset = |text| Anchor { reset_at: Some(text), ..Anchor::default() };
        for (window, anchor, expected) in [
            (Window::MONTH, day("15"), Ok(15)),
            (Window::MONTH, day("0"), Err("1 to 31")),
            (Window::MONTH, day("32"), Err("1 to 31")),
            (Window::DAY, day("15"), Err("month window only")),
            (week, start("sunday"), Ok(6)),
            (week, start("Wed"), Ok(2)),
            (week, start("2"), Err("monday to sunday")),
            (Window::Total, start("sunday"), Err("week window only")),
            (Window::DAY, reset("04:30"), Ok(270)),
            (Window::DAY, reset("24:00"), Err("04:00")),
            (week, reset("04:00"), Err("day window only")),
            (Window::MONTH, Anchor::default(), Ok(1)),
        ] {
            match (window.anchored(&anchor), expected) {
                (Ok(window), Ok(expected)) => assert_eq!(window.anchor(), expected, "{anchor:?}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{anchor:?}: {got:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn every_instant_is_in_its_own_period_and_periods_touch(
            seconds in 0_i64..4_000_000_000, zone in 0..chrono_tz::TZ_VARIANTS.len(),
            kind in 0..3_usize, anchor in 0_i64..1440
        ) {
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let base = [Window::DAY, Window::Week { start: Weekday::Mon }, Window::MONTH][kind];
            let window = base.with_anchor(anchor);
            prop_assert_eq!(window.with_anchor(window.anchor()), window);
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let period = window.period(at, zone);
            let end = period.end.unwrap();
            prop_assert!(period.start <= at && at < end, "{period:?} {at}");
            prop_assert_eq!(window.period(end, zone).start, end);
            prop_assert_eq!(window.period(period.start, zone), period);
        }
    }
}
