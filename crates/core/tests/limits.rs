//! Changing limits: each change holds for the next call of every process, and is in the history.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

mod desk;

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::budget::{BudgetUnit, Scope, Window};
use outlay_core::ledger::{
    Admission, BudgetChange, Drawn, Ledger, LedgerError, NewCall, Plan, Reservation,
};
use outlay_core::report::{self, BudgetState};
use tempfile::TempDir;

use desk::{
    UTC, admitted, bounded, call, day, hard, money, noon, open, price_demo, set, settlement, spend,
};

fn is_refused(ledger: &Ledger, at: DateTime<Utc>) -> bool {
    let answer = ledger.reserve(call(at, Some(200))).wait().unwrap();
    matches!(answer, Admission::Refused(_))
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

/// What was done to the budget, by whom, and how many minutes after noon.
fn history(ledger: &Ledger, name: &str) -> Vec<(String, String, i64)> {
    let events = ledger.budget_history(name).unwrap();
    let minute = |at: DateTime<Utc>| (at - noon()).num_minutes();
    events.into_iter().map(|event| (event.action, event.actor, minute(event.at))).collect()
}

fn named(rows: &[(&str, &str, i64)]) -> Vec<(String, String, i64)> {
    let owned = |(action, actor, minute): &(&str, &str, i64)| {
        ((*action).to_owned(), (*actor).to_owned(), *minute)
    };
    rows.iter().map(owned).collect()
}

#[test]
fn each_change_holds_for_the_next_call_of_another_process() {
    let folder = TempDir::new().unwrap();
    let (proxy, user) = (open(&folder), open(&folder));
    price_demo(&user);
    set(&user, hard("day", "0.002", Window::DAY));
    spend(&proxy, 200, noon());
    let at = |minute| noon() + minutes(minute);
    let name = || "day".to_owned();
    let state = |minute| day(&proxy, at(minute)).state;
    assert!(is_refused(&proxy, at(1)));

    user.pause_budget(name(), Some(at(10)), "cli", at(2)).wait().unwrap();
    assert_eq!(state(3), BudgetState::Paused);
    assert_eq!(day(&user, at(3)).paused_until, Some(at(10)));
    assert!(!is_refused(&proxy, at(3)));
    assert!(is_refused(&proxy, at(11)), "a pause ends by itself");
    assert_eq!(day(&user, at(11)).paused_until, None);

    user.pause_budget(name(), None, "api", at(12)).wait().unwrap();
    assert!(!is_refused(&proxy, at(13)));
    user.resume_budget(name(), "desktop", at(14)).wait().unwrap();
    assert!(is_refused(&proxy, at(15)));
    user.resume_budget(name(), "desktop", at(15)).wait().unwrap();

    user.bypass(at(30), Some("a release".into()), "cli", at(16)).wait().unwrap();
    assert_eq!(state(17), BudgetState::Bypassed);
    assert!(!is_refused(&proxy, at(17)));
    assert!(is_refused(&proxy, at(31)), "a bypass ends by itself");
    user.bypass(at(60), None, "cli", at(32)).wait().unwrap();
    assert!(!is_refused(&proxy, at(33)));
    assert!(user.end_bypass("api", at(34)).wait().unwrap());
    assert!(!user.end_bypass("api", at(34)).wait().unwrap(), "there is none any more");
    assert!(is_refused(&proxy, at(35)));

    user.raise_budget(name(), "0.01".into(), Some(at(40)), "cli", at(36)).wait().unwrap();
    assert!(!is_refused(&proxy, at(37)));
    assert!(is_refused(&proxy, at(41)), "a raise ends");

    assert_eq!(
        history(&user, "day"),
        named(&[
            ("created", "cli", 0),
            ("paused", "cli", 2),
            ("paused", "api", 12),
            ("resumed", "desktop", 14),
            ("bypassed", "cli", 16),
            ("bypassed", "cli", 32),
            ("bypass_ended", "api", 34),
            ("raised", "cli", 36),
        ])
    );
}

#[test]
fn a_later_bypass_takes_the_place_of_the_one_in_force() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let bypass = |length, at| ledger.bypass(at + minutes(length), None, "cli", at).wait();
    bypass(120, noon()).unwrap();
    bypass(10, noon() + minutes(1)).unwrap();
    let in_force = |minute| report::bypass(&ledger, noon() + minutes(minute)).unwrap();
    assert_eq!(in_force(5).unwrap().until, noon() + minutes(11));
    assert_eq!(in_force(12), None);
    assert!(bypass(0, noon()).unwrap_err().to_string().contains("how long"));
}

#[test]
fn a_limit_below_what_is_spent_refuses_and_counts_on() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "1", Window::DAY));
    spend(&ledger, 400, noon());
    set(&ledger, hard("day", "0.003", Window::DAY));
    let view = day(&ledger, noon());
    assert_eq!(view.state, BudgetState::Blocked);
    assert_eq!(
        (view.used.to_string(), view.remaining.to_string()),
        ("0.004".into(), "0.00".into())
    );
    assert!(is_refused(&ledger, noon()));
    set(&ledger, hard("day", "0.006", Window::DAY));
    assert!(!is_refused(&ledger, noon()));
}

#[test]
fn a_budget_may_be_removed_and_made_anew_while_calls_run() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.002", Window::DAY));
    let running = admitted(ledger.reserve(call(noon(), Some(200))).wait().unwrap());
    running.mark_sent();
    ledger.remove_budget("day".into(), "cli", noon()).wait().unwrap();
    assert!(!is_refused(&ledger, noon()));
    set(&ledger, hard("day", "1", Window::DAY));
    assert_eq!(day(&ledger, noon()).held.to_string(), "0.002");
    running.settle(settlement(&ledger, 100, noon())).wait().unwrap();
    let view = day(&ledger, noon());
    assert_eq!((view.used.to_string(), view.held.to_string()), ("0.001".into(), "0.00".into()));
}

#[test]
fn a_raise_of_a_rolling_window_lasts_as_long_as_the_window() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    for (window, expected) in [
        ("5h", Some("2026-11-21T17:00:00Z")),
        ("30m", Some("2026-11-21T12:30:00Z")),
        ("day", Some("2026-11-22T00:00:00Z")),
        ("total", None),
        ("call", None),
    ] {
        set(&ledger, hard(window, "1", Window::parse(window).unwrap()));
        let raise = ledger.raise_budget(window.into(), "1".into(), None, "cli", noon());
        let (_, until) = raise.wait().unwrap();
        assert_eq!(until, expected.map(|text| text.parse().unwrap()), "{window}");
    }
}

#[test]
fn what_was_added_in_another_unit_is_gone_with_it() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.001", Window::DAY));
    ledger.raise_budget("day".into(), "1".into(), None, "cli", noon()).wait().unwrap();
    ledger.top_up_budget("day".into(), "5".into(), "cli", noon()).wait().unwrap();
    let calls = BudgetChange { unit: Some(BudgetUnit::Calls), ..hard("day", "3", Window::DAY) };
    set(&ledger, calls);
    let view = day(&ledger, noon());
    assert_eq!((view.limit.count, view.credits_remaining.count), (3, 0));
    ledger.top_up_budget("day".into(), "1".into(), "cli", noon()).wait().unwrap();
    for _ in 0..4 {
        spend(&ledger, 10, noon());
    }
    assert!(is_refused(&ledger, noon()));
}

#[test]
fn a_plan_sets_its_budgets_and_takes_away_those_of_the_plan_before() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let plans = Plan::built_in();
    let mut mine = plans[0].clone();
    mine.name = "mine".into();
    (mine.day, mine.month) = (None, None);
    (mine.week, mine.total) = ("7".parse().ok(), "80".parse().ok());
    let scope = Scope { project: Some("demo".into()), ..Scope::default() };
    set(&ledger, BudgetChange { scope: Some(scope), ..hard("demo", "2", Window::DAY) });
    for (plan, expected) in [
        (plans[0].clone(), "demo 2.00, day 1.00, month 20.00"),
        (plans[1].clone(), "demo 2.00, day 5.00, month 100.00"),
        (mine, "demo 2.00, week 7.00, total 80.00"),
        (plans[3].clone(), "demo 2.00"),
    ] {
        let name = plan.name.clone();
        ledger.use_plan(plan, "api", noon() + minutes(1), UTC).wait().unwrap();
        let budgets = report::budgets(&ledger, noon()).unwrap();
        let limits: Vec<String> =
            budgets.iter().map(|budget| format!("{} {}", budget.name, budget.limit)).collect();
        assert_eq!(limits.join(", "), expected, "{name}");
        assert_eq!(report::status(&ledger, noon(), UTC).unwrap().plan, Some(name.clone()));
        assert_eq!(report::quota(&ledger, None, noon()).unwrap().plan, Some(name));
    }
    assert_eq!(
        history(&ledger, "day"),
        named(&[("created", "api", 1), ("changed", "api", 1), ("removed", "api", 1)])
    );
}

#[test]
fn a_plan_takes_over_a_plain_limit_and_spares_any_other_rule() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let solo = || Plan::built_in()[1].clone();
    set(&ledger, hard("month", "7", Window::Month { anchor_day: 15 }));
    let tokens = BudgetChange { unit: Some(BudgetUnit::Tokens), ..hard("day", "9", Window::DAY) };
    set(&ledger, tokens);
    let error = ledger.use_plan(solo(), "cli", noon(), UTC).wait().unwrap_err();
    assert!(error.to_string().contains("outlay budget rm day"), "{error}");
    let limit = |name: &str| report::budget(&ledger, name, noon()).unwrap().unwrap().limit.count;
    assert_eq!(report::status(&ledger, noon(), UTC).unwrap().plan, None, "all or nothing");
    assert_eq!((limit("day"), limit("month")), (9, 7_000_000_000_000));

    ledger.remove_budget("day".into(), "cli", noon()).wait().unwrap();
    ledger.use_plan(solo(), "cli", noon(), UTC).wait().unwrap();
    let month = report::budget(&ledger, "month", noon()).unwrap().unwrap();
    assert_eq!(month.limit.to_string(), "100.00");
    assert_eq!(month.reset_date, Some("2026-12-15T00:00:00Z".parse().unwrap()), "its own anchor");
}

#[test]
fn a_runs_budget_counts_its_calls_and_goes_with_its_process() {
    let folder = TempDir::new().unwrap();
    let (proxy, run) = (open(&folder), open(&folder));
    price_demo(&proxy);
    run.limit_run("1f2e".into(), "0.002".into(), "cli", noon(), UTC).wait().unwrap();
    let of_run =
        |run: Option<&str>| NewCall { run: run.map(str::to_owned), ..call(noon(), Some(200)) };
    let refused = |run: Option<&str>| {
        let answer = proxy.reserve(of_run(run)).wait().unwrap();
        matches!(answer, Admission::Refused(_))
    };
    let first = admitted(proxy.reserve(of_run(Some("1f2e"))).wait().unwrap());
    first.mark_sent();
    first.settle(settlement(&proxy, 200, noon())).wait().unwrap();
    assert!(refused(Some("1f2e")));
    assert!(!refused(Some("other")) && !refused(None));

    proxy.recover(noon()).wait().unwrap();
    assert!(refused(Some("1f2e")), "its process lives");
    drop(run);
    proxy.recover(noon()).wait().unwrap();
    assert!(!refused(Some("1f2e")));
    let events = history(&proxy, "run-1f2e");
    assert_eq!(events, named(&[("created", "cli", 0), ("removed", "recovery", 0)]));
    let again = proxy.limit_run("2".into(), "-1".into(), "cli", noon(), UTC).wait();
    assert!(matches!(again, Err(LedgerError::Invalid(_))), "{again:?}");
}

#[test]
fn changes_that_make_no_sense_are_named() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    set(&ledger, hard("day", "1", Window::DAY));
    let day = || "day".to_owned();
    let past = noon() - minutes(1);
    for (outcome, part) in [
        (ledger.pause_budget(day(), Some(past), "cli", noon()).wait().map(drop), "in the past"),
        (
            ledger.pause_budget("x".into(), None, "cli", noon()).wait().map(drop),
            "the budgets are: day",
        ),
        (ledger.resume_budget("x".into(), "cli", noon()).wait().map(drop), "the budgets are: day"),
        (
            ledger.raise_budget(day(), "1".into(), Some(past), "cli", noon()).wait().map(drop),
            "past",
        ),
        (ledger.raise_budget(day(), "0".into(), None, "cli", noon()).wait().map(drop), "zero"),
        (ledger.bypass(past, None, "cli", noon()).wait().map(drop), "no length"),
    ] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(history(&ledger, "day").len(), 1);
}

/// A stream that nobody ends but us: it holds the whole of a budget and draws what is added to it.
fn stream(at: DateTime<Utc>) -> NewCall {
    bounded(call(at, None), |bounds| {
        bounds.output_tokens_default = 1_000;
        bounds.default_is_proven = false;
        bounds.can_cap = false;
        bounds.can_stop = true;
    })
}

fn drawn(stream: &Reservation, produced: u64, at: DateTime<Utc>) -> Option<u64> {
    match stream.draw(produced, at).wait().unwrap() {
        Drawn::Covered(covered) => Some(covered),
        Drawn::Denied(_) => None,
    }
}

#[test]
fn a_stream_that_outlives_its_bucket_draws_where_it_counts() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.04", Window::parse("5m").unwrap()));
    let first = admitted(ledger.reserve(stream(noon())).wait().unwrap());
    assert_eq!(first.covered(), Some(1_000));
    let later = noon() + minutes(6);
    let held = |at| day(&ledger, at).held.to_string();
    assert_eq!(held(later), "0.00", "its bucket has left");
    // $0.01 for what it has generated, and as much again.
    assert_eq!(first.ceiling(), Some(money("0.01")));
    assert_eq!(drawn(&first, 1_000, later), Some(2_000));
    assert_eq!(first.ceiling(), Some(money("0.02")), "what is held for it by now");
    assert_eq!(held(later), "0.02");
    let second = admitted(ledger.reserve(stream(later)).wait().unwrap());
    assert_eq!(drawn(&second, 1_000, later), Some(2_000));
    assert_eq!(drawn(&first, 2_000, later), None, "all is held");
    for stream in [first, second] {
        stream.mark_sent();
        stream.settle(settlement(&ledger, 2_000, later)).wait().unwrap();
    }
    let view = day(&ledger, later);
    assert_eq!((view.used.to_string(), view.held.to_string()), ("0.04".into(), "0.00".into()));
}

#[test]
fn two_periods_do_not_count_on_the_same_reserve() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.002", Window::DAY));
    ledger.top_up_budget("day".into(), "0.002".into(), "cli", noon()).wait().unwrap();
    let midnight = noon() + minutes(12 * 60);
    // Yesterday's call counts on all of the reserve, today's has its own limit.
    let before = admitted(ledger.reserve(call(noon(), Some(400))).wait().unwrap());
    let reserve = |tokens| {
        let asked = bounded(call(midnight, Some(tokens)), |bounds| bounds.can_cap = false);
        ledger.reserve(asked).wait().unwrap()
    };
    let today = admitted(reserve(200));
    assert!(!matches!(reserve(1), Admission::Admitted { .. }), "the reserve is spoken for");
    before.mark_sent();
    before.settle(settlement(&ledger, 250, midnight)).wait().unwrap();
    // What it left of the reserve is there for others: $0.0015.
    let rest = admitted(reserve(150));
    assert!(!matches!(reserve(1), Admission::Admitted { .. }), "and no more than that");
    drop((today, rest));
}

#[test]
fn what_nobody_can_bound_runs_beside_its_like_only_with_room_for_both() {
    let folder = TempDir::new().unwrap();
    let (one, other) = (open(&folder), open(&folder));
    price_demo(&one);
    set(&one, hard("day", "0.012", Window::DAY));
    let searching = |ledger: &Ledger| {
        let asked = bounded(call(noon(), Some(200)), |bounds| bounds.is_bounded = false);
        ledger.reserve(asked).wait().unwrap()
    };
    let held = || day(&one, noon()).held.to_string();
    let first = admitted(searching(&one));
    assert_eq!(held(), "0.002", "what is alone of its kind holds what it asks for");
    let second = admitted(searching(&other));
    assert_eq!(held(), "0.01", "what comes beside it holds four times that");
    let third = searching(&one);
    assert!(matches!(third, Admission::Wait(_)), "$0.002 would be free");
    assert!(matches!(searching(&other), Admission::Wait(_)), "behind the third");
    drop(admitted(one.reserve(call(noon(), Some(100))).wait().unwrap()));
    drop(third);
    // What was dropped there has reached the file.
    other.recover(noon()).wait().unwrap();
    for running in [first, second] {
        running.mark_sent();
        running.settle(settlement(&one, 200, noon())).wait().unwrap();
    }
    let again = admitted(searching(&one));
    assert_eq!(held(), "0.002", "nobody of its kind is left");
    drop(again);
}
