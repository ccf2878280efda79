use proptest::prelude::*;

use super::*;

/// Quarter-hours of a day.
const DAY: i64 = 96;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// `days` days before Wednesday 11 March 2026, alike but for what `spent` says of the quarter-hour
/// of a day (working days only), then today's; in UTC.
fn burn(days: i64, spent: impl Fn(i64) -> i64, today: &[(i64, i64)]) -> Burn {
    let midnight = at("2026-03-11T00:00:00Z");
    let first = midnight.timestamp_millis() / QUARTER_MS;
    let past = (1..=days).rev().filter(|age| {
        let date = (midnight - TimeDelta::days(*age)).date_naive();
        !matches!(chrono::Datelike::weekday(&date), chrono::Weekday::Sat | chrono::Weekday::Sun)
    });
    let past =
        past.flat_map(|age| (0..DAY).map(move |quarter| (first - age * DAY + quarter, quarter)));
    let past =
        past.map(|(quarter, of_day)| (quarter, spent(of_day))).filter(|(_, spent)| *spent > 0);
    let today = today.iter().map(|(quarter, spent)| (first + quarter, *spent));
    Burn { since: Some(midnight - TimeDelta::days(days)), quarters: past.chain(today).collect() }
}

/// 100 an hour from nine to twelve and from one to six.
fn office(quarter: i64) -> i64 {
    i64::from((36..48).contains(&quarter) || (52..72).contains(&quarter)) * 25
}

/// The same amount in each of these quarter-hours of today.
fn today(quarters: std::ops::Range<i64>, spent: i64) -> Vec<(i64, i64)> {
    quarters.map(|quarter| (quarter, spent)).collect()
}

fn funds(left: i64) -> Funds {
    Funds { left, falls: Vec::new() }
}

/// `11T13:30`, of March 2026.
fn instant(text: &str) -> DateTime<Utc> {
    at(&format!("2026-03-{text}:00Z"))
}

/// `outlook earliest latest`.
fn shown(forecast: &Forecast) -> String {
    let at = |at: Option<DateTime<Utc>>| {
        at.map_or_else(|| "never".to_owned(), |at| at.format("%dT%H:%M").to_string())
    };
    format!("{:?} {} {}", forecast.outlook, at(forecast.earliest), at(forecast.latest))
}

#[test]
fn ranges_of_plain_days() {
    let midnight = Some("12T00:00");
    for (history, so_far, left, now, end, expected) in [
        (14, vec![], 0, "11T10:00", midnight, "Gone never never"),
        (0, vec![], 100, "11T10:00", midnight, "Unknown never never"),
        // As on other days, with a pause for lunch; at the recent rate, without.
        (14, today(36..40, 25), 250, "11T10:00", midnight, "Expected 11T12:30 11T13:30"),
        (14, today(36..40, 50), 300, "11T10:00", midnight, "Expected 11T11:30 11T14:00"),
        (14, today(36..40, 25), 900, "11T10:00", midnight, "Lasts never never"),
        // Over the night, over the weekend.
        (14, vec![], 250, "11T20:00", None, "Expected 12T11:30 12T11:30"),
        (14, vec![], 2_000, "11T20:00", None, "Expected 16T14:00 16T14:00"),
        // A loop at night: it may go on till morning, or have ended.
        (14, today(0..8, 100), 700, "11T02:00", midnight, "Expected 11T03:45 11T17:00"),
        (14, today(0..8, 100), 1_200, "11T02:00", midnight, "Possible 11T05:00 never"),
        // The first day: nothing is known of an afternoon.
        (0, today(36..40, 25), 100, "11T10:00", midnight, "Possible 11T11:00 never"),
        (0, today(36..40, 25), 9_000, "11T10:00", midnight, "Unknown never never"),
    ] {
        let burn = burn(history, office, &so_far);
        let got = forecast(&burn, &funds(left), instant(now), end.map(instant), Tz::UTC);
        assert_eq!(shown(&got), expected, "{left} left at {now}, spent {so_far:?}");
    }
}

#[test]
fn credit_that_expires_is_not_counted_on() {
    let burn = burn(14, office, &[]);
    for (left, falls, expected) in [
        (2_000, vec![], "16T14:00"),
        // Half of it is lost on Thursday morning; what was spent till then would have been lost too.
        (2_000, vec![("12T08:00", 1_000)], "13T11:00"),
        (2_000, vec![("12T08:00", 1_000), ("13T10:00", 50)], "13T10:30"),
        (2_000, vec![("12T08:00", 0)], "12T08:00"),
        (2_000, vec![("20T08:00", 0)], "16T14:00"),
    ] {
        let falls = falls.into_iter().map(|(at, left)| (instant(at), left)).collect();
        let funds = Funds { left, falls };
        let got = forecast(&burn, &funds, instant("11T20:00"), None, Tz::UTC);
        assert_eq!(got.latest, Some(instant(expected)), "{funds:?}");
    }
}

#[test]
fn days_are_those_of_the_zone() {
    // Nine o'clock in Berlin was eight in UTC until the clocks changed on 29 March.
    let zone = Tz::Europe__Berlin;
    let first = at("2026-03-16T00:00:00Z").timestamp_millis() / QUARTER_MS;
    let quarters = (0..12).flat_map(|day| (0..4).map(move |quarter| (day, quarter)));
    let quarters = quarters.map(|(day, quarter)| (first + day * DAY + 32 + quarter, 25)).collect();
    let burn = Burn { since: Some(at("2026-03-10T00:00:00Z")), quarters };
    let forecast = forecast(&burn, &funds(50), at("2026-03-30T05:00:00Z"), None, zone);
    assert_eq!(forecast.earliest, Some(at("2026-03-30T07:30:00Z")));
}

#[test]
fn amounts_at_the_end_of_the_range_are_no_trouble() {
    let burn = burn(20, |_| i64::MAX, &today(0..40, i64::MAX));
    let now = at("2026-03-11T10:07:00Z");
    assert_eq!(forecast(&burn, &funds(i64::MAX), now, None, Tz::UTC).outlook, Outlook::Expected);
    assert_eq!(forecast(&burn, &funds(1), now, Some(now), Tz::UTC).outlook, Outlook::Lasts);
}

/// `None`, which is never, is later than any instant.
fn instants(forecast: &Forecast) -> [DateTime<Utc>; 3] {
    [forecast.earliest, forecast.likely, forecast.latest]
        .map(|at| at.unwrap_or(DateTime::<Utc>::MAX_UTC))
}

proptest! {
    #[test]
    fn more_burn_never_gives_a_later_time(
        spent in prop::collection::vec((0_i64..DAY * 12, 1_i64..400), 0..120),
        more in prop::collection::vec((0_i64..DAY * 12, 1_i64..900), 1..5),
        left in 1_i64..20_000,
        minutes in 0_i64..1_440,
        has_end in any::<bool>(),
    ) {
        let begin = at("2026-03-18T00:00:00Z");
        let first = begin.timestamp_millis() / QUARTER_MS;
        let now = begin + TimeDelta::days(11) + TimeDelta::minutes(minutes);
        let burn = |parts: &[&[(i64, i64)]]| {
            let mut sums = std::collections::BTreeMap::new();
            for (quarter, spent) in parts.iter().copied().flatten() {
                *sums.entry(first + quarter).or_insert(0) += spent;
            }
            Burn { since: Some(begin), quarters: sums.into_iter().collect() }
        };
        let end = has_end.then_some(begin + TimeDelta::days(12));
        let zone = Tz::Europe__Berlin;
        let before = forecast(&burn(&[&spent]), &funds(left), now, end, zone);
        let after = forecast(&burn(&[&spent, &more]), &funds(left), now, end, zone);
        for (before, after) in instants(&before).into_iter().zip(instants(&after)) {
            prop_assert!(after <= before);
        }
        // Less that is left does not last longer.
        let less = forecast(&burn(&[&spent]), &funds(left / 2 + 1), now, end, zone);
        for (before, less) in instants(&before).into_iter().zip(instants(&less)) {
            prop_assert!(less <= before);
        }
        prop_assert!(instants(&before).is_sorted());
        prop_assert!(before.earliest.is_none_or(|earliest| earliest >= now));
    }
}
