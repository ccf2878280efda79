//! Accounts: floors, currencies, what was spent elsewhere, top-ups that ought to come.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::admission::RefusalReason;
use outlay_core::balance::Recharge;
use outlay_core::ledger::{Admission, BalanceView, Ledger, NewCall};
use outlay_core::refusal::Refusal;
use outlay_core::report;

use desk::{UTC, call, money, noon, open, price_demo, spend};

const OPENAI: &str = "openai";

fn minutes(minutes: i64) -> DateTime<Utc> {
    noon() + TimeDelta::minutes(minutes)
}

fn balance(ledger: &Ledger, at: DateTime<Utc>) -> BalanceView {
    report::balances(ledger, at, UTC).unwrap().remove(0)
}

fn set(ledger: &Ledger, usd: &str, at: DateTime<Utc>) {
    ledger.set_balance(OPENAI.into(), money(usd), at).wait().unwrap();
}

fn floor(ledger: &Ledger, usd: Option<&str>) {
    ledger.set_floor(OPENAI.into(), usd.map(money)).wait().unwrap();
}

/// Why the call is refused, if it is.
fn refused(ledger: &Ledger, call: NewCall) -> Option<Box<Refusal>> {
    match ledger.reserve(call).wait().unwrap() {
        Admission::Refused(refusal) => Some(refusal),
        Admission::Admitted { .. } => None,
        other => panic!("{other:?}"),
    }
}

fn is_refused(ledger: &Ledger, at: DateTime<Utc>) -> bool {
    refused(ledger, call(at, Some(1_000))).is_some()
}

fn alerts(ledger: &Ledger, kind: &str) -> usize {
    report::alerts(ledger, 100).unwrap().iter().filter(|alert| alert.kind == kind).count()
}

#[test]
fn calls_are_refused_at_the_floor_until_there_is_more() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    floor(&ledger, Some("0.50"));
    assert!(!is_refused(&ledger, minutes(0)), "nobody knows what is left");
    set(&ledger, "0.51", minutes(1));
    spend(&ledger, 1_000, minutes(2));
    let refusal = refused(&ledger, call(minutes(3), Some(1_000))).unwrap();
    assert_eq!(refusal.reason, RefusalReason::BalanceEmpty);
    assert_eq!(refusal.balance_remaining, Some(money("0.50")));
    assert_eq!(refusal.credit.unwrap().floor, Some(money("0.50")));
    assert!(is_refused(&ledger, minutes(4)) && balance(&ledger, minutes(4)).refusing);
    assert_eq!(alerts(&ledger, "balance_floor"), 1);
    // What costs nothing passes, and so does what a plan pays for.
    assert!(refused(&ledger, NewCall { plan_login: true, ..call(minutes(5), Some(9)) }).is_none());
    assert!(refused(&ledger, call(minutes(5), Some(0))).is_none());
    ledger.add_grant(OPENAI.into(), money("1"), None, None, minutes(6)).wait().unwrap();
    assert!(!is_refused(&ledger, minutes(7)) && !balance(&ledger, minutes(7)).refusing);
    // The next time is another occasion.
    set(&ledger, "0.10", minutes(8));
    assert!(is_refused(&ledger, minutes(9)));
    assert_eq!(alerts(&ledger, "balance_floor"), 2);
    floor(&ledger, None);
    assert!(!is_refused(&ledger, minutes(10)));
}

#[test]
fn a_bypass_goes_below_the_floor() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    floor(&ledger, Some("0.50"));
    set(&ledger, "0", minutes(1));
    assert!(is_refused(&ledger, minutes(2)));
    ledger.bypass(minutes(10), None, "cli", minutes(3)).wait().unwrap();
    assert!(!is_refused(&ledger, minutes(4)));
    assert!(is_refused(&ledger, minutes(11)));
}

#[test]
fn a_floor_that_another_process_set_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, other) = (open(folder.path()), open(folder.path()));
    price_demo(&ledger);
    set(&ledger, "0.10", minutes(1));
    assert!(!is_refused(&ledger, minutes(2)));
    floor(&other, Some("1"));
    assert!(is_refused(&ledger, minutes(3)));
}

#[test]
fn an_account_that_its_provider_calls_empty_waits_for_news() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    for lift in [
        (|ledger: &Ledger, at| set(ledger, "3", at)) as fn(&Ledger, DateTime<Utc>),
        |ledger, at| drop(ledger.add_grant(OPENAI.into(), money("1"), None, None, at).wait()),
    ] {
        let asked = call(minutes(0), Some(1_000));
        let id = asked.id;
        assert!(refused(&ledger, asked).is_none());
        ledger.refuse_as_empty(id, minutes(1)).wait().unwrap();
        let refusal = refused(&ledger, call(minutes(2), Some(1_000))).unwrap();
        assert_eq!(refusal.reason, RefusalReason::BalanceEmpty);
        assert_eq!(refusal.credit.unwrap().floor, None);
        // Accounts elsewhere have money.
        let other = NewCall { provider: "groq".into(), ..call(minutes(2), Some(1_000)) };
        assert!(refused(&ledger, other).is_none());
        lift(&ledger, minutes(3));
        assert!(!is_refused(&ledger, minutes(4)));
    }
}

#[test]
fn another_currency_is_kept_and_never_converted() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    let yuan = |amount: &str, code: Option<&str>, at| {
        let code = code.map(str::to_owned);
        ledger.set_balance_in(OPENAI.into(), money(amount), code, at).wait().unwrap()
    };
    set(&ledger, "5", minutes(0));
    floor(&ledger, Some("1"));
    assert_eq!(yuan("88.50", Some("CNY"), minutes(1)), money("88.50"));
    spend(&ledger, 1_000, minutes(2));
    let kept = balance(&ledger, minutes(3));
    assert_eq!((kept.currency.as_str(), kept.remaining), ("CNY", money("88.50")));
    assert_eq!((kept.empty_at, kept.spent_elsewhere), (None, None), "dollars say nothing of it");
    // No floor would hold there: none is taken, and the one there was is gone.
    let refused = ledger.set_floor(OPENAI.into(), Some(money("100"))).wait().unwrap_err();
    assert!(refused.to_string().contains("is kept in CNY"), "{refused}");
    assert_eq!(kept.floor, None);
    assert!(!is_refused(&ledger, minutes(3)));
    // It stays what it is until it is given another.
    assert_eq!(yuan("80", None, minutes(4)), money("80"));
    assert_eq!(balance(&ledger, minutes(5)).currency, "CNY");
    assert_eq!(yuan("4", Some("USD"), minutes(6)), money("4"));
    let back = balance(&ledger, minutes(7));
    assert_eq!((back.currency.as_str(), back.remaining), ("USD", money("4")));
}

#[test]
fn what_was_spent_elsewhere_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    set(&ledger, "5", minutes(0));
    assert_eq!(balance(&ledger, minutes(1)).spent_elsewhere, None);
    spend(&ledger, 1_000, minutes(2));
    // A cent was spent here, a dollar elsewhere; then a top-up that nobody told us of.
    set(&ledger, "3.99", minutes(3));
    set(&ledger, "9", minutes(4));
    let seen = balance(&ledger, minutes(5));
    assert_eq!(seen.spent_elsewhere, Some(money("1")));
    assert_eq!((seen.observed_at, seen.is_stale), (Some(minutes(4)), false));
    let later = balance(&ledger, minutes(4) + TimeDelta::days(31));
    assert_eq!((later.spent_elsewhere, later.is_stale), (None, true));
}

#[test]
fn a_top_up_that_does_not_come_is_an_alert_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    let recharge = Recharge { below: money("1"), amount: money("20") };
    ledger.set_recharge(OPENAI.into(), Some(recharge), noon()).wait().unwrap();
    set(&ledger, "1", minutes(0));
    spend(&ledger, 1_000, minutes(1));
    spend(&ledger, 1_000, minutes(59));
    assert_eq!(alerts(&ledger, "recharge_missing"), 0, "it has an hour");
    spend(&ledger, 1_000, minutes(62));
    spend(&ledger, 1_000, minutes(90));
    assert_eq!(alerts(&ledger, "recharge_missing"), 1);
    // It comes late, and the next one in time.
    set(&ledger, "20", minutes(100));
    set(&ledger, "0.50", minutes(200));
    set(&ledger, "20.50", minutes(230));
    spend(&ledger, 1_000, minutes(300));
    assert_eq!(alerts(&ledger, "recharge_missing"), 1);
    assert_eq!(balance(&ledger, minutes(301)).recharge, Some(recharge));
    ledger.set_recharge(OPENAI.into(), None, minutes(302)).wait().unwrap();
    assert_eq!(balance(&ledger, minutes(303)).recharge, None);
}

#[test]
fn what_a_provider_tells_late_is_not_spent_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    price_demo(&ledger);
    let told = |usd: &str, at| {
        ledger.set_told_balance(OPENAI.into(), money(usd), "USD".into(), at).wait().unwrap()
    };
    assert_eq!(told("5", minutes(0)), money("5"));
    for minute in 1..=4 {
        spend(&ledger, 1_000, minutes(minute));
    }
    // Four cents were spent, of which it knows of one.
    assert_eq!(told("4.99", minutes(5)), money("4.96"));
    assert_eq!(balance(&ledger, minutes(6)).spent_elsewhere, None);
    assert_eq!(balance(&ledger, minutes(6)).observed_at, Some(minutes(5)));
    // A dollar more is another matter, and so is anything hours later.
    assert_eq!(told("3.96", minutes(7)), money("3.96"));
    assert_eq!(told("3.95", minutes(200)), money("3.95"));
    assert_eq!(balance(&ledger, minutes(201)).spent_elsewhere, Some(money("1.01")));
}
