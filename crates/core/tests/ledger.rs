//! The ledger as its callers see it: real SQLite in a temporary folder, time as an argument.

mod desk;

use std::sync::Arc;

use chrono::TimeDelta;
use desk::{
    UTC, admitted, call, day, hard, money, noon, open, price_demo, set, settlement, spend, told,
};
use outlay_core::balance::WarnLevel;
use outlay_core::budget::{BudgetKind, Scope, Window};
use outlay_core::ledger::{
    Admission, Attempt, BudgetChange, Ledger, LedgerError, NewCall, Opening, Role,
};
use outlay_core::money::Money;
use outlay_core::price::PriceQuery;
use outlay_core::refusal;
use outlay_core::report::{self, By, CallQuery, UsageQuery};
use tempfile::TempDir;

#[test]
fn ten_calls_use_up_the_day_and_the_eleventh_is_refused_until_midnight() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.02", Window::DAY));
    for n in 0..10 {
        spend(&ledger, 200, noon() + TimeDelta::seconds(n));
    }
    let view = day(&ledger, noon());
    assert_eq!((view.used.to_string(), view.held.count), ("0.02".into(), 0));
    assert_eq!(view.percent.to_string(), "100.0");

    let Admission::Refused(refused) = ledger.reserve(call(noon(), Some(200))).wait().unwrap()
    else {
        panic!("the eleventh call was not refused");
    };
    insta::assert_snapshot!(refusal::message(&refused));
    insta::assert_json_snapshot!(refusal::options(&refused));

    let status = report::status(&ledger, noon(), UTC).unwrap();
    assert_eq!((status.today.calls, status.today.cost_usd), (10, money("0.02")));
    assert_eq!(status.blocked.len(), 1);

    spend(&ledger, 200, "2026-11-22T00:00:00Z".parse().unwrap());
    let calls = report::calls(&ledger, &CallQuery::default(), 100).unwrap().rows;
    let refused = calls.iter().filter(|call| call.status == "refused").count();
    assert_eq!((calls.len(), refused), (12, 1));
}

#[test]
fn holds_keep_concurrent_calls_within_the_limit() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.02", Window::DAY));
    let answers: Vec<Admission> =
        (0..100).map(|_| ledger.reserve(call(noon(), Some(200))).wait().unwrap()).collect();
    let (running, waiting): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| matches!(answer, Admission::Admitted { .. }));
    assert_eq!((running.len(), waiting.len()), (10, 90));

    // Half of what was held comes back: five more calls fit, those that came first.
    for answer in running {
        admitted(answer).settle(settlement(&ledger, 100, noon())).wait().unwrap();
    }
    // Who comes now stands behind those who wait, though there is room.
    let newcomer = ledger.reserve(call(noon(), Some(200))).wait().unwrap();
    assert!(matches!(newcomer, Admission::Wait(_)), "{newcomer:?}");
    let mut waiting = waiting.into_iter().map(|answer| match answer {
        Admission::Wait(ticket) => ticket,
        other => panic!("{other:?}"),
    });
    let second: Vec<_> = waiting
        .by_ref()
        .take(5)
        .map(|ticket| ledger.ask_again(ticket, noon()).wait().unwrap())
        .collect();
    assert!(second.iter().all(|answer| matches!(answer, Admission::Admitted { .. })));
    let sixth = ledger.ask_again(waiting.next().unwrap(), noon()).wait().unwrap();
    let Admission::Wait(ticket) = sixth else { panic!("{sixth:?}") };
    let late = ledger.ask_last(ticket, noon()).wait().unwrap();
    let Admission::Refused(busy) = late else { panic!("{late:?}") };
    assert_eq!(busy.reason.as_str(), "budget_busy");
    assert_eq!(busy.budget.unwrap().held.to_string(), "0.01");
}

#[test]
fn a_request_without_a_cap_gets_the_affordable_one_near_the_limit() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.02", Window::DAY));
    for (spent_before, expected_cap) in [(0_u64, 2_000), (1_500, 500)] {
        if spent_before > 0 {
            spend(&ledger, spent_before, noon());
        }
        let answer = ledger.reserve(call(noon(), None)).wait().unwrap();
        let Admission::Admitted { output_cap, reservation, .. } = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(output_cap, Some(expected_cap));
        drop(reservation);
    }
    // Far from the limit nothing is touched.
    set(&ledger, hard("day", "5", Window::DAY));
    let answer = ledger.reserve(call(noon(), None)).wait().unwrap();
    assert!(matches!(answer, Admission::Admitted { output_cap: None, .. }), "{answer:?}");
}

#[test]
fn a_budget_that_is_too_short_for_what_is_asked_is_blocked() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.02", Window::DAY));
    spend(&ledger, 1_990, noon());
    assert_eq!(day(&ledger, noon()).state, report::BudgetState::Warned);
    let answer = ledger.reserve(call(noon(), Some(200))).wait().unwrap();
    assert!(matches!(answer, Admission::Refused(_)), "{answer:?}");
    assert_eq!(day(&ledger, noon()).state, report::BudgetState::Blocked);
    // A smaller call still fits, and shows that not all are refused.
    spend(&ledger, 5, noon());
    assert_eq!(day(&ledger, noon()).state, report::BudgetState::Warned);
}

#[test]
fn a_dropped_reservation_costs_nothing_unless_it_was_sent() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "1", Window::DAY));
    drop(admitted(ledger.reserve(call(noon(), Some(200))).wait().unwrap()));
    let sent = admitted(ledger.reserve(call(noon(), Some(200))).wait().unwrap());
    sent.mark_sent();
    drop(sent);
    // The queue is in order: this answer means that both abandons are committed.
    ledger.acknowledge_alerts(None, noon()).wait().unwrap();
    let rows = report::calls(&ledger, &CallQuery::default(), 10).unwrap().rows;
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.status.as_str(), row.cost_usd.map(|cost| cost.to_string())))
        .collect();
    assert_eq!(shown, [("estimated", Some("0.002".into())), ("failed", None)]);
    let view = day(&ledger, noon());
    assert_eq!((view.used.to_string(), view.held.to_string()), ("0.002".into(), "0.00".into()));
}

#[test]
fn an_unpriced_model_is_refused_under_a_hard_budget_only() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let unknown =
        || NewCall { model_requested: Some("no-such-model".into()), ..call(noon(), Some(200)) };
    drop(admitted(ledger.reserve(unknown()).wait().unwrap()));
    set(&ledger, BudgetChange { kind: Some(BudgetKind::Soft), ..hard("day", "1", Window::DAY) });
    drop(admitted(ledger.reserve(unknown()).wait().unwrap()));
    set(
        &ledger,
        BudgetChange {
            name: "day".into(),
            kind: Some(BudgetKind::Hard),
            ..BudgetChange::default()
        },
    );
    let Admission::Refused(refused) = ledger.reserve(unknown()).wait().unwrap() else {
        panic!("an unpriced model passed a hard budget");
    };
    insta::assert_snapshot!(refusal::message(&refused));
    let allow =
        BudgetChange { name: "day".into(), allow_unpriced: Some(true), ..BudgetChange::default() };
    set(&ledger, allow);
    drop(admitted(ledger.reserve(unknown()).wait().unwrap()));
}

#[test]
fn raises_end_top_ups_stay_and_both_are_in_the_history() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.002", Window::DAY));
    spend(&ledger, 200, noon());
    let refused = |at| {
        let answer = ledger.reserve(call(at, Some(200))).wait().unwrap();
        matches!(answer, Admission::Refused(_))
    };
    assert!(refused(noon()));
    assert_eq!(day(&ledger, noon()).state, report::BudgetState::Blocked);
    ledger.raise_budget("day".into(), "0.002".into(), None, "cli", noon()).wait().unwrap();
    assert_ne!(day(&ledger, noon()).state, report::BudgetState::Blocked);
    spend(&ledger, 200, noon());
    assert!(refused(noon()));
    ledger.top_up_budget("day".into(), "0.004".into(), "api", noon()).wait().unwrap();
    spend(&ledger, 200, noon());
    assert_eq!(day(&ledger, noon()).credits_remaining.to_string(), "0.002");

    // The next day the raise is over, the rest of the reserve is not.
    let tomorrow = noon() + TimeDelta::days(1);
    let view = day(&ledger, tomorrow);
    assert_eq!((view.limit.to_string(), view.used.to_string()), ("0.002".into(), "0.00".into()));
    spend(&ledger, 200, tomorrow);
    spend(&ledger, 200, tomorrow);
    assert!(refused(tomorrow));

    let history = ledger.budget_history("day").unwrap();
    let actions: Vec<_> = history.iter().map(|e| (e.actor.as_str(), e.action.as_str())).collect();
    assert_eq!(actions, [("cli", "created"), ("cli", "raised"), ("api", "topped_up")]);
    ledger.remove_budget("day".into(), "cli", tomorrow).wait().unwrap();
    assert!(!refused(tomorrow));
    assert_eq!(ledger.budget_history("day").unwrap().len(), 4);
}

#[test]
fn a_new_budget_counts_what_its_period_has_spent_and_what_runs() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    spend(&ledger, 200, noon());
    spend(&ledger, 200, noon() - TimeDelta::days(1));
    let running = admitted(ledger.reserve(call(noon(), Some(300))).wait().unwrap());
    set(&ledger, hard("day", "1", Window::DAY));
    let view = day(&ledger, noon());
    assert_eq!((view.used.to_string(), view.held.to_string()), ("0.002".into(), "0.003".into()));
    running.settle(settlement(&ledger, 100, noon())).wait().unwrap();
    let view = day(&ledger, noon());
    assert_eq!((view.used.to_string(), view.held.to_string()), ("0.003".into(), "0.00".into()));

    // A narrower scope counts anew.
    let scope = Scope { project: Some("other".into()), ..Scope::default() };
    set(&ledger, BudgetChange { scope: Some(scope), ..hard("day", "1", Window::DAY) });
    assert_eq!(day(&ledger, noon()).used.to_string(), "0.00");
}

#[test]
fn a_budget_in_use_cannot_be_made_without_what_it_needs() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let incomplete = BudgetChange { name: "day".into(), ..BudgetChange::default() };
    for (change, part) in [
        (incomplete, "needs --limit"),
        (BudgetChange { window: None, ..hard("day", "1", Window::DAY) }, "needs --window"),
        (hard("day", "-1", Window::DAY), "negative"),
        (hard("", "1", Window::DAY), "needs a name"),
    ] {
        let error = ledger.set_budget(change, "cli", noon(), UTC).wait().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = ledger.raise_budget("x".into(), "1".into(), None, "cli", noon()).wait();
    assert!(matches!(error, Err(LedgerError::NotFound(_))), "{error:?}");
}

#[test]
fn alerts_fire_once_a_threshold_and_are_delivered_by_one_process() {
    let folder = TempDir::new().unwrap();
    let (one, two) = (open(&folder), open(&folder));
    price_demo(&one);
    set(&one, hard("day", "0.01", Window::DAY));
    for _ in 0..5 {
        spend(&one, 200, noon());
    }
    drop(one.reserve(call(noon(), Some(200))).wait().unwrap());
    drop(two.reserve(call(noon(), Some(200))).wait().unwrap());
    let claimed = told(&two, noon());
    assert!(told(&one, noon()).is_empty());
    let titles: Vec<_> = claimed.iter().map(|due| due.alert.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Budget 'day' is 80 % used",
            "Budget 'day' is used up",
            "Calls are refused by budget 'day'"
        ]
    );
    // Who took them died: somebody else takes over.
    let later = noon() + TimeDelta::minutes(1);
    let taken_over = told(&one, later);
    assert_eq!(taken_over.iter().map(|due| due.attempts).collect::<Vec<_>>(), [2, 2, 2]);
    let alerts = taken_over.iter().map(|due| (due.alert.id, 1)).collect();
    one.alerts_attempted("desktop".into(), alerts, Attempt::Delivered, later).wait().unwrap();
    assert!(told(&two, later + TimeDelta::minutes(5)).is_empty());
}

#[test]
fn a_balance_follows_spend_and_warns_once_a_fall() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    let remaining = || report::balances(&ledger, noon(), UTC).unwrap()[0].remaining.to_string();
    let alerts = || told(&ledger, noon()).len();
    ledger.add_grant("openai".into(), money("0.01"), None, None, noon()).wait().unwrap();
    ledger.warn_balance("openai".into(), WarnLevel::Below(money("0.005")), noon()).wait().unwrap();
    spend(&ledger, 400, noon());
    assert_eq!((remaining(), alerts()), ("0.006".into(), 0));
    spend(&ledger, 200, noon());
    assert_eq!((remaining(), alerts()), ("0.004".into(), 1));
    spend(&ledger, 200, noon());
    assert_eq!((remaining(), alerts()), ("0.002".into(), 0));
    // Spend that did not pass here, then a top-up, then the next fall.
    ledger.set_balance("openai".into(), money("-0.5"), noon()).wait().unwrap();
    assert_eq!((remaining(), alerts()), ("-0.50".into(), 0));
    ledger.add_grant("openai".into(), money("0.51"), None, None, noon()).wait().unwrap();
    // It is above its level again.
    assert_eq!((remaining(), alerts()), ("0.01".into(), 1));
    let later = noon() + TimeDelta::seconds(1);
    spend(&ledger, 600, later);
    assert_eq!((remaining(), alerts()), ("0.004".into(), 1));
}

#[test]
fn figures_that_cannot_be_true_are_charged_at_the_bound() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "1", Window::DAY));
    spend(&ledger, 200, noon());
    let reservation = admitted(ledger.reserve(call(noon(), Some(200))).wait().unwrap());
    reservation.mark_sent();
    let settled = reservation.settle(settlement(&ledger, u64::MAX, noon())).wait().unwrap();
    assert_eq!(settled.cost, Some(money("0.002")));
    let view = day(&ledger, noon());
    assert_eq!((view.used.to_string(), view.held.count), ("0.004".into(), 0));
}

#[test]
fn a_changed_scope_does_not_draw_the_reserve_twice() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.005", Window::DAY));
    ledger.top_up_budget("day".into(), "0.005".into(), "cli", noon()).wait().unwrap();
    spend(&ledger, 400, noon());
    spend(&ledger, 400, noon());
    assert_eq!(day(&ledger, noon()).credits_remaining.to_string(), "0.002");
    let scope = Scope { model: Some("demo".into()), ..Scope::default() };
    set(
        &ledger,
        BudgetChange { scope: Some(scope), name: "day".into(), ..BudgetChange::default() },
    );
    assert_eq!(day(&ledger, noon()).credits_remaining.to_string(), "0.002");
    spend(&ledger, 100, noon());
    assert_eq!(day(&ledger, noon()).credits_remaining.to_string(), "0.001");
}

#[test]
fn a_raised_limit_arms_its_thresholds_anew() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    let fired = || told(&ledger, noon()).len();
    set(&ledger, hard("all", "0.01", Window::Total));
    spend(&ledger, 900, noon());
    assert_eq!(fired(), 1);
    set(
        &ledger,
        BudgetChange { name: "all".into(), limit: Some("0.1".into()), ..BudgetChange::default() },
    );
    spend(&ledger, 8_000, noon());
    assert_eq!(fired(), 1);
}

#[test]
fn suggested_commands_survive_a_shell() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("my day", "0", Window::DAY));
    let Admission::Refused(refused) = ledger.reserve(call(noon(), Some(200))).wait().unwrap()
    else {
        panic!("not refused");
    };
    let raise = refusal::options(&refused)[0].command.clone().unwrap();
    assert_eq!(raise, "outlay budget raise 'my day' --by 0.002");
    let hostile = NewCall { model_requested: Some("x'; rm -rf ~".into()), ..call(noon(), Some(1)) };
    let Admission::Refused(refused) = ledger.reserve(hostile).wait().unwrap() else {
        panic!("not refused");
    };
    let price = refusal::options(&refused)[0].command.clone().unwrap();
    assert!(price.starts_with(r"outlay prices set 'x'\''; rm -rf ~' --provider openai"), "{price}");
    let nothing = NewCall { model_requested: None, ..call(noon(), Some(1)) };
    let Admission::Refused(refused) = ledger.reserve(nothing).wait().unwrap() else {
        panic!("not refused");
    };
    let message = refusal::message(&refused);
    assert!(message.contains("outlay budget set 'my day' --allow-unpriced"), "{message}");
}

#[test]
fn keys_draw_on_the_account_they_are_linked_to() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    let key = ledger.fingerprint("sk-secret");
    assert_eq!(key.len(), 16);
    let with_key = || NewCall { key: Some(key.clone()), ..call(noon(), Some(200)) };
    drop(admitted(ledger.reserve(with_key()).wait().unwrap()));
    assert!(ledger.link_key("zzz".into(), "work".into()).wait().is_err());
    assert_eq!(ledger.link_key(key[..6].into(), "work".into()).wait().unwrap(), key);
    // The same text at another provider is another provider's key.
    let elsewhere = NewCall { provider: "groq".into(), ..with_key() };
    drop(admitted(ledger.reserve(elsewhere).wait().unwrap()));
    let accounts = ledger.accounts().unwrap();
    let names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["groq", "openai", "work"]);
    let scope = Scope { account: Some("work".into()), ..Scope::default() };
    set(&ledger, BudgetChange { scope: Some(scope), ..hard("day", "0", Window::DAY) });
    let answer = ledger.reserve(with_key()).wait().unwrap();
    assert!(matches!(answer, Admission::Refused(_)), "{answer:?}");
}

#[test]
fn a_subscription_login_is_metered_but_owes_nothing() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0", Window::DAY));
    let plan = NewCall { plan_login: true, ..call(noon(), Some(200)) };
    let reservation = admitted(ledger.reserve(plan).wait().unwrap());
    reservation.settle(settlement(&ledger, 200, noon())).wait().unwrap();
    let status = report::status(&ledger, noon(), UTC).unwrap();
    assert_eq!((status.today.calls, status.today.cost_usd), (1, Money::ZERO));
    let query = UsageQuery {
        since: noon() - TimeDelta::days(1),
        until: noon() + TimeDelta::days(1),
        by: By::Model,
        timezone: UTC,
    };
    let usage = report::usage(&ledger, &query).unwrap();
    assert_eq!(usage.total.plan_value_usd, money("0.002"));
}

#[test]
fn a_newer_or_damaged_file_is_refused_and_left_untouched() {
    let opening = || Opening { role: Role::Use, now: noon(), changed: Arc::new(|| {}) };
    let newer = TempDir::new().unwrap();
    drop(open(&newer));
    let file = newer.path().join("outlay.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let before = std::fs::read(&file).unwrap();
    let error = Ledger::open(newer.path(), opening()).unwrap_err();
    assert!(matches!(error, LedgerError::NewerFormat { found: 999, .. }), "{error}");
    assert!(std::fs::read(&file).unwrap() == before, "the file was touched");

    let damaged = TempDir::new().unwrap();
    let file = damaged.path().join("outlay.db");
    std::fs::write(
        &file,
        "this is no database, but it is longer than a header would be\n".repeat(99),
    )
    .unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = Ledger::open(damaged.path(), opening()).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
    assert!(std::fs::read(&file).unwrap() == before, "the file was touched");
}

#[test]
fn the_pace_of_projects_is_known_by_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    for (minute, project, calls) in
        [(0, Some("demo"), 3), (1, None, 2), (5, Some("demo"), 1), (5, Some("other"), 4)]
    {
        for second in 0..calls {
            let at = noon() + TimeDelta::minutes(minute) + TimeDelta::seconds(second);
            let call = NewCall { project: project.map(str::to_owned), ..call(at, Some(10)) };
            let reservation = admitted(ledger.reserve(call).wait().unwrap());
            reservation.settle(settlement(&ledger, 10, at)).wait().unwrap();
        }
    }
    let pace = report::pace(&ledger).unwrap();
    let of = |project: Option<&str>| pace[&project.map(str::to_owned)].clone();
    assert_eq!((of(Some("demo")), of(Some("other")), of(None)), (vec![3, 1], vec![4], vec![2]));
}

#[test]
fn what_fails_beside_it_takes_nothing_from_an_admitted_call() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "5", Window::DAY));
    // Queued together they share a transaction, which fails and is run again one by one.
    for _ in 0..200 {
        let admission = ledger.reserve(call(noon(), Some(200)));
        let failing = ledger.raise_budget("nowhere".into(), "1".into(), None, "cli", noon());
        let reservation = admitted(admission.wait().unwrap());
        assert!(failing.wait().is_err());
        reservation.mark_sent();
        reservation.settle(settlement(&ledger, 200, noon())).wait().unwrap();
    }
    let day = day(&ledger, noon());
    assert_eq!((day.used.to_string(), day.held.to_string()), ("0.40".into(), "0.00".into()));
}

#[test]
fn a_price_that_could_not_be_committed_is_in_force_for_nobody() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    // Breaks no rule before the commit.
    let beside = rusqlite::Connection::open(folder.path().join("outlay.db")).unwrap();
    let breaks = "CREATE TABLE other (id REFERENCES machine (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER breaks AFTER UPDATE OF prices_revision ON ledger
        BEGIN INSERT INTO other VALUES (x'00'); END;";
    beside.execute_batch(breaks).unwrap();
    let rate = outlay_core::money::Rate::FREE;
    let price = outlay_core::price::UserPrice {
        provider: None,
        model: "demo".into(),
        input: rate,
        output: rate,
        cache_read: None,
        cache_write: None,
        set_at: noon(),
    };
    let query = PriceQuery { provider: "openai", model: "demo", at: noon(), service_tier: None };
    let is_priced = || ledger.prices().find(&query).is_some();
    ledger.set_price(price.clone(), noon()).wait().unwrap_err();
    assert!(!is_priced());
    beside.execute_batch("DROP TRIGGER breaks").unwrap();
    ledger.set_price(price, noon()).wait().unwrap();
    assert!(is_priced());
}
