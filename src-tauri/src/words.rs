//! Amounts, instants and names for narrow places.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::money::{Money, PICODOLLARS_PER_USD};

const PICODOLLARS_PER_CENT: i64 = PICODOLLARS_PER_USD / 100;

/// An amount in whole cents, half to even, never nothing for something.
pub(crate) fn cents(amount: Money) -> String {
    let (sign, figure) = rounded(amount);
    match figure {
        Some(figure) => format!("{sign}${figure}"),
        None => format!("{sign}<$0.01"),
    }
}

/// An amount of an account's own currency.
pub(crate) fn cents_of(amount: Money, currency: &str) -> String {
    if currency == "USD" {
        return cents(amount);
    }
    let (sign, figure) = rounded(amount);
    match figure {
        Some(figure) => format!("{sign}{figure} {currency}"),
        None => format!("{sign}<0.01 {currency}"),
    }
}

/// The sign and the figure; `None` where that would be nothing for something.
fn rounded(amount: Money) -> (&'static str, Option<String>) {
    let picodollars = amount.picodollars().unsigned_abs();
    let cent = PICODOLLARS_PER_CENT.unsigned_abs();
    let (whole, rest) = (picodollars / cent, picodollars % cent);
    let up = rest * 2 > cent || (rest * 2 == cent && whole % 2 == 1);
    let rounded = whole + u64::from(up);
    let sign = if amount < Money::ZERO { "-" } else { "" };
    let is_lost = rounded == 0 && picodollars > 0;
    (sign, (!is_lost).then(|| format!("{}.{:02}", rounded / 100, rounded % 100)))
}

/// A later instant: its time within a day, its weekday within six, else its date.
pub(crate) fn when(instant: DateTime<Utc>, now: DateTime<Utc>, timezone: Tz) -> String {
    let ahead = instant - now;
    let format = if ahead <= TimeDelta::hours(24) {
        "%H:%M"
    } else if ahead <= TimeDelta::days(6) {
        "%a %H:%M"
    } else {
        "%-d %b"
    };
    instant.with_timezone(&timezone).format(format).to_string()
}

/// The first two names, and how many more.
pub(crate) fn named(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, two, more @ ..] => format!("{one}, {two} and {} more", more.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_to_cents() {
        for (amount, usd, yuan) in [
            ("0", "$0.00", "0.00 CNY"),
            ("4.98", "$4.98", "4.98 CNY"),
            ("4.984999999999", "$4.98", "4.98 CNY"),
            ("4.985", "$4.98", "4.98 CNY"),
            ("4.995", "$5.00", "5.00 CNY"),
            ("0.000201", "<$0.01", "<0.01 CNY"),
            ("0.005", "<$0.01", "<0.01 CNY"),
            ("0.0051", "$0.01", "0.01 CNY"),
            ("1234.5", "$1234.50", "1234.50 CNY"),
            ("-0.25", "-$0.25", "-0.25 CNY"),
        ] {
            let amount: Money = amount.parse().unwrap();
            assert_eq!((cents(amount), cents_of(amount, "CNY")), (usd.into(), yuan.into()));
            assert_eq!(cents_of(amount, "USD"), usd);
        }
    }

    #[test]
    fn instants_say_no_more_than_is_needed() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        for (instant, expected) in [
            ("2026-11-21T13:05:00Z", "14:05"),
            ("2026-11-21T23:00:00Z", "00:00"),
            ("2026-11-22T12:00:00Z", "13:00"),
            ("2026-11-24T13:00:00Z", "Tue 14:00"),
            ("2026-11-30T23:00:00Z", "1 Dec"),
        ] {
            assert_eq!(when(instant.parse().unwrap(), now, berlin), expected, "{instant}");
        }
    }

    #[test]
    fn many_names_are_shortened() {
        for (names, expected) in [
            (&["day"][..], "day"),
            (&["day", "month"], "day and month"),
            (&["a", "b", "c", "d"], "a, b and 2 more"),
        ] {
            assert_eq!(named(names), expected);
        }
    }
}
