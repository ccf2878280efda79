//! Forecasts in words.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::forecast::{Forecast, Hits, Outlook, between, range_ends};
use outlay_core::report::BudgetView;

use crate::words;

/// When it runs out, for a cell: `15:10 to 16:20`; `None` where that is not known.
pub(crate) fn cell(forecast: &Forecast, now: DateTime<Utc>, zone: Tz) -> Option<String> {
    match (forecast.outlook, forecast.earliest, forecast.latest) {
        (Outlook::Gone, ..) => Some("gone".to_owned()),
        (Outlook::Lasts, ..) => Some("lasts".to_owned()),
        (_, Some(earliest), Some(latest)) => {
            let (from, to) = range_ends(earliest, latest, now, zone);
            Some(if from == to { from } else { format!("{from} to {to}") })
        }
        (_, Some(earliest), None) => {
            Some(format!("from {}, maybe", range_ends(earliest, earliest, now, zone).0))
        }
        (_, None, _) => None,
    }
}

/// That a budget will or may be used up before it resets; `None` where it is not in sight.
pub(crate) fn sentence(budget: &BudgetView, now: DateTime<Utc>, zone: Tz) -> Option<String> {
    let (name, earliest) = (&budget.name, budget.forecast.earliest?);
    Some(match budget.forecast.latest {
        Some(latest) => {
            let when = between(earliest, latest, now, zone);
            format!("At this rate budget '{name}' is used up {when}.")
        }
        None => {
            let (from, _) = range_ends(earliest, earliest, now, zone);
            format!("At this rate budget '{name}' may be used up, from {from} on.")
        }
    })
}

/// How the past days fared: `reached on 9 of 30 days; about $7.00 would have covered nine in ten`.
pub(crate) fn backwards(hits: &Hits) -> String {
    let days = match hits.days {
        0 => return "no complete day yet".to_owned(),
        days => words::counted(days as u64, "day", "days"),
    };
    let reached = match hits.hit {
        0 => format!("not reached on any of {days}"),
        hit => format!("reached on {hit} of {days}"),
    };
    let Some(limit) = hits.nine_in_ten else { return reached };
    let about = if hits.is_guess { "about " } else { "" };
    format!("{reached}; {about}{} would have covered nine in ten", limit.spoken())
}

#[cfg(test)]
mod tests {
    use outlay_core::budget::{BudgetUnit, Quantity};

    use super::*;

    #[test]
    fn forecasts_are_told_as_finely_as_they_are_known() {
        let at = |text: &str| format!("2026-11-{text}:00Z").parse::<DateTime<Utc>>().unwrap();
        let now = at("21T12:04");
        for (outlook, earliest, latest, expected) in [
            (Outlook::Unknown, None, None, None),
            (Outlook::Gone, None, None, Some("gone")),
            (Outlook::Lasts, None, None, Some("lasts")),
            // Berlin is an hour ahead.
            (Outlook::Expected, Some("21T14:17"), Some("21T15:11"), Some("15:10 to 16:20")),
            (Outlook::Expected, Some("21T14:10"), Some("21T14:10"), Some("15:10")),
            (Outlook::Expected, Some("21T12:05"), Some("21T12:30"), Some("13:04 to 13:30")),
            (Outlook::Expected, Some("21T22:00"), Some("22T09:00"), Some("Sat 23:00 to Sun 10:00")),
            (
                Outlook::Expected,
                Some("24T09:00"),
                Some("30T09:00"),
                Some("Tue 24 Nov to Mon 30 Nov"),
            ),
            (Outlook::Possible, Some("21T14:17"), None, Some("from 15:10, maybe")),
        ] {
            let [earliest, latest] = [earliest, latest].map(|text: Option<&str>| text.map(at));
            let forecast = Forecast { outlook, earliest, likely: earliest, latest };
            let shown = cell(&forecast, now, Tz::Europe__Berlin);
            assert_eq!(shown.as_deref(), expected, "{forecast:?}");
        }
    }

    #[test]
    fn past_days_are_told_in_a_line() {
        let limit = Some(Quantity { unit: BudgetUnit::Usd, count: 7_000_000_000_000 });
        for (days, hit, nine_in_ten, is_guess, expected) in [
            (0, 0, None, false, "no complete day yet"),
            (1, 1, None, false, "reached on 1 of 1 day"),
            (
                30,
                0,
                limit,
                false,
                "not reached on any of 30 days; $7.00 would have covered nine in ten",
            ),
            (
                30,
                9,
                limit,
                true,
                "reached on 9 of 30 days; about $7.00 would have covered nine in ten",
            ),
        ] {
            assert_eq!(backwards(&Hits { days, hit, nine_in_ten, is_guess }), expected);
        }
    }
}
