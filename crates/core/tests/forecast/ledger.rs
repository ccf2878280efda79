//! Forecasts of what a ledger holds.

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::budget::{Scope, Window};
use outlay_core::forecast::{Forecast, Hits, Outlook};
use outlay_core::ledger::{Admission, BudgetChange, Ledger};
use outlay_core::report::{self, BudgetView};

use crate::desk::{UTC, call, hard, money, noon, open, price_demo, set, spend};

/// A cent at nine, ten and eleven of each of the past days, and of today, a Saturday.
fn ten_days(ledger: &Ledger) {
    price_demo(ledger);
    for ago in (0..=10).rev() {
        for hour in [9, 10, 11] {
            spend(ledger, 1_000, at(ago, hour));
        }
    }
}

fn at(days_ago: i64, hour: i64) -> DateTime<Utc> {
    noon() - TimeDelta::days(days_ago) + TimeDelta::hours(hour - 12)
}

fn budget(ledger: &Ledger, name: &str) -> BudgetView {
    report::budget(ledger, name, noon()).unwrap().unwrap()
}

#[test]
fn budgets_say_when_they_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    ten_days(&ledger);
    set(&ledger, hard("day", "0.10", Window::DAY));
    set(&ledger, hard("month", "0.36", Window::MONTH));
    set(&ledger, hard("five", "0.10", Window::parse("5h").unwrap()));
    let scope = Scope { tag: Some("team=a".into()), ..Scope::default() };
    set(&ledger, BudgetChange { scope: Some(scope), ..hard("tag", "1", Window::DAY) });
    let other = Scope { project: Some("other".into()), ..Scope::default() };
    set(&ledger, BudgetChange { scope: Some(other), ..hard("other", "1", Window::DAY) });
    // Three cents of ten are gone, and no day spent more.
    assert_eq!(budget(&ledger, "day").forecast.outlook, Outlook::Possible);
    // 33 cents are gone: tomorrow's first three use it up, or the rate of this morning does today.
    let month = budget(&ledger, "month").forecast;
    assert_eq!(month.outlook, Outlook::Expected);
    assert!(month.earliest.unwrap() > noon() && month.earliest.unwrap() < at(0, 24), "{month:?}");
    assert_eq!(month.latest, Some(at(-1, 11) + TimeDelta::minutes(15)));
    assert_eq!(budget(&ledger, "five").forecast, Forecast::UNKNOWN);
    assert_eq!(budget(&ledger, "tag").forecast, Forecast::UNKNOWN);
    assert_eq!(budget(&ledger, "other").forecast.outlook, Outlook::Lasts);
}

#[test]
fn balances_say_when_they_are_empty() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    ten_days(&ledger);
    let forecast = |amount: &str, expires: Option<DateTime<Utc>>| {
        ledger.set_balance("openai".into(), money("0"), noon()).wait().unwrap();
        ledger.add_grant("openai".into(), money(amount), expires, None, noon()).wait().unwrap();
        let balances = report::balances(&ledger, noon(), UTC).unwrap();
        assert_eq!(balances[0].empty_at, balances[0].forecast.likely);
        balances[0].forecast
    };
    let lasting = forecast("0.06", None);
    assert_eq!(lasting.latest, Some(at(-2, 11) + TimeDelta::minutes(15)));
    let expiring = forecast("9.00", Some(at(-1, 10)));
    assert_eq!(expiring.latest, Some(at(-1, 10)));
    // What pays for other accounts' calls does not count.
    ledger.add_grant("groq".into(), money("1"), None, None, noon()).wait().unwrap();
    let balances = report::balances(&ledger, noon(), UTC).unwrap();
    assert_eq!(balances[0].forecast.outlook, Outlook::Lasts);
}

#[test]
fn days_that_were_stopped_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    for ago in (1..=9).rev() {
        for hour in [9, 14] {
            spend(&ledger, 1_000, at(ago, hour));
        }
        if ago == 5 {
            set(&ledger, hard("day", "0.02", Window::DAY));
        }
        if ago <= 2 {
            let admission = ledger.reserve(call(at(ago, 15), Some(1_000))).wait().unwrap();
            assert!(matches!(admission, Admission::Refused(_)));
        }
    }
    let Some(Hits { days, hit, nine_in_ten, is_guess }) = budget(&ledger, "day").last_30_days
    else {
        panic!("a daily budget looks back");
    };
    // The first day is not whole. The limit was spent on all others, before it was one too.
    assert_eq!((days, hit, is_guess), (8, 8, true));
    assert_eq!(nine_in_ten.unwrap().to_string(), "0.02");
}
