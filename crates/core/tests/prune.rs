//! Old calls are deleted, and everything that is summed stays as it was.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

mod desk;

use chrono::{DateTime, TimeDelta, Utc};
use desk::{UTC, admitted, call, entry, hard, money, noon, open, price_demo, set, settlement};
use outlay_core::budget::{BudgetUnit, Scope, Window};
use outlay_core::ledger::{BudgetChange, ImportedCall, Ledger, LedgerError, NewCall, Settlement};
use outlay_core::report::{self, By, CallQuery, CallView, UsageQuery};

/// So many days lie behind the ledger.
const DAYS: i64 = 90;

fn days_ago(days: i64) -> DateTime<Utc> {
    noon() - TimeDelta::days(days)
}

fn spend(ledger: &Ledger, project: &str, at: DateTime<Utc>) {
    let call = NewCall { project: Some(project.to_owned()), ..call(at, Some(200)) };
    let reservation = admitted(ledger.reserve(call).wait().unwrap());
    reservation.mark_sent();
    let id = Some(format!("resp-{}-{project}", at.timestamp()));
    let settlement = Settlement { response_id: id, ..settlement(ledger, 200, at) };
    reservation.settle(settlement).wait().unwrap();
}

/// Two calls a day of two projects, for ninety days, and one that failed.
fn with_a_past() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    ledger.set_balance("openai".into(), money("5"), days_ago(DAYS + 1)).wait().unwrap();
    // Never sent: it failed, and cost nothing.
    drop(admitted(ledger.reserve(call(days_ago(80), Some(1))).wait().unwrap()));
    for day in (0..DAYS).rev() {
        spend(&ledger, "shop", days_ago(day));
        spend(&ledger, "blog", days_ago(day) + TimeDelta::minutes(1));
    }
    (folder, ledger)
}

/// Everything that is summed.
fn sums(ledger: &Ledger) -> Vec<String> {
    let usage = |by| {
        let query = UsageQuery {
            since: days_ago(DAYS + 2),
            until: noon() + TimeDelta::days(1),
            by,
            timezone: UTC,
        };
        let usage = report::usage(ledger, &query).unwrap();
        serde_json::to_string(&usage).unwrap()
    };
    let mut sums: Vec<String> =
        [By::Day, By::Model, By::Project, By::Provider, By::Account, By::Client].map(usage).into();
    let balances = report::balances(ledger, noon(), UTC).unwrap();
    sums.push(serde_json::to_string(&balances).unwrap());
    sums.push(format!("{:?}", report::totals(ledger).unwrap()));
    sums.push(format!("{:?}", report::suggestion(ledger, noon(), UTC).unwrap()));
    let budgets = report::budgets(ledger, noon()).unwrap();
    sums.push(serde_json::to_string(&budgets).unwrap());
    sums
}

fn rows(ledger: &Ledger) -> Vec<CallView> {
    let mut rows = Vec::new();
    report::each_call(ledger, &CallQuery::default(), |call| {
        rows.push(call.clone());
        Ok::<(), LedgerError>(())
    })
    .unwrap();
    rows
}

#[test]
fn what_is_summed_stays() {
    let (_folder, ledger) = with_a_past();
    set(&ledger, hard("month", "10", Window::MONTH));
    let before = sums(&ledger);
    let cut = days_ago(40);
    let found = ledger.prunable(cut, noon()).unwrap();
    assert_eq!((found.until, found.held_by.as_deref()), (cut, None));
    assert_eq!(found.calls, 2 * 49 + 1, "{found:?}");
    assert_eq!(ledger.prune(cut, noon()).unwrap(), found.calls);
    assert_eq!(sums(&ledger), before);
    let left = rows(&ledger);
    assert_eq!(left.len() as i64, 2 * DAYS + 1 - i64::try_from(found.calls).unwrap());
    assert!(left.iter().all(|call| call.time >= cut));
    ledger.check_integrity().unwrap();
    assert_eq!(ledger.prune(cut, noon()).unwrap(), 0, "once");
    assert_eq!(ledger.prune(noon(), noon()).unwrap(), 40, "up to the first of the month");
    assert_eq!(sums(&ledger), before);
}

#[test]
fn what_a_budget_is_counted_from_stays() {
    for (window, project, kept_days) in [
        (Window::MONTH, None, Some(20)),
        (Window::parse("60d").unwrap(), None, Some(60)),
        (Window::Total, None, Some(DAYS - 1)),
        (Window::Total, Some("new"), None),
        (Window::Call, None, None),
    ] {
        let (_folder, ledger) = with_a_past();
        spend(&ledger, "new", days_ago(1));
        let scope = project
            .map(|project: &str| Scope { project: Some(project.to_owned()), ..Scope::default() });
        let name = format!("{window:?} {scope:?}");
        set(&ledger, BudgetChange { scope, ..hard("it", "100", window) });
        let used = |ledger: &Ledger| report::budget(ledger, "it", noon()).unwrap().unwrap().used;
        let before = used(&ledger);
        let found = ledger.prunable(days_ago(10), noon()).unwrap();
        assert_eq!(found.held_by.is_some(), kept_days.is_some(), "{name}: {found:?}");
        let first_kept = days_ago(kept_days.unwrap_or(10));
        assert!(found.until <= first_kept, "{name}: {found:?}");
        assert!(first_kept - found.until < TimeDelta::days(2), "{name}: {found:?}");
        ledger.prune(days_ago(10), noon()).unwrap();
        // Counted anew, as after any change of its rules.
        let other =
            BudgetChange { timezone: Some(chrono_tz::Europe::Lisbon), ..hard("it", "100", window) };
        set(&ledger, other);
        assert_eq!(used(&ledger), before, "{name}");
    }
}

#[test]
fn a_budget_that_is_set_later_counts_what_is_gone() {
    let units = [BudgetUnit::Usd, BudgetUnit::Calls, BudgetUnit::Tokens];
    for (window, project, unit) in [
        (Window::MONTH, None, units[0]),
        (Window::MONTH, Some("shop"), units[1]),
        (Window::parse("60d").unwrap(), None, units[0]),
        (Window::Total, None, units[2]),
        (Window::Total, Some("blog"), units[0]),
    ] {
        let (_folder, ledger) = with_a_past();
        let scope = project
            .map(|project: &str| Scope { project: Some(project.to_owned()), ..Scope::default() });
        let used = |name: &str| {
            let (unit, scope) = (Some(unit), scope.clone());
            set(&ledger, BudgetChange { unit, scope, ..hard(name, "1000000", window) });
            report::budget(&ledger, name, noon()).unwrap().unwrap().used
        };
        let before = used("before");
        ledger.remove_budget("before".into(), "cli", noon()).wait().unwrap();
        assert!(ledger.prune(days_ago(10), noon()).unwrap() > 100);
        assert_eq!(used("after"), before, "{window:?} {project:?} {unit:?}");
    }
}

#[test]
fn logs_that_tell_of_deleted_calls_tell_nothing_new() {
    let (_folder, ledger) = with_a_past();
    let told = [entry(1, 300, days_ago(50)), entry(2, 400, days_ago(5))];
    let import = |calls: &[ImportedCall]| {
        let import = ledger.import(noon()).unwrap();
        import.calls(calls.to_vec(), noon()).wait().unwrap()
    };
    assert_eq!(import(&told).new.calls, 2);
    let before = sums(&ledger);
    ledger.prune(days_ago(40), noon()).unwrap();
    // The same, a copy that was made later, the whole of one, a call that had passed the proxy.
    let again = [
        entry(1, 300, days_ago(50)),
        entry(1, 300, days_ago(3)),
        entry(1, 900, days_ago(50)),
        entry(2, 400, days_ago(5)),
        entry(3, 200, days_ago(60)),
    ];
    for call in again {
        let told = import(std::slice::from_ref(&call));
        assert_eq!((told.new.calls, told.grown, told.known), (0, 0, 1), "{call:?}");
    }
    assert_eq!(sums(&ledger), before);
    assert_eq!(import(&[entry(4, 1, days_ago(2))]).new.calls, 1, "what is new comes in");
}

#[test]
fn an_account_that_is_in_the_sums_stays() {
    let (_folder, ledger) = with_a_past();
    ledger.prune(noon(), noon()).unwrap();
    let refused = ledger.remove_account("openai".into()).wait().unwrap_err().to_string();
    assert!(refused.contains("past calls are kept"), "{refused}");
}
