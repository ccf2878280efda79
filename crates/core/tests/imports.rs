//! Calls that logs tell of: one call is one call, in whatever order and however often it is told.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

mod desk;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use desk::{UTC, admitted, call, day, entry, hard, money, noon, open, price_demo, set, settlement};
use outlay_core::budget::Window;
use outlay_core::ledger::{Imported, ImportedCall, Ledger, NewCall, Settlement};
use outlay_core::money::Money;
use outlay_core::report::{self, By, CallQuery, CallView, UsageQuery};
use proptest::prelude::*;

fn with_id(entry: ImportedCall, id: &str) -> ImportedCall {
    ImportedCall { response_id: Some(id.into()), ..entry }
}

fn import(ledger: &Ledger, calls: &[ImportedCall], now: DateTime<Utc>) -> Imported {
    let import = ledger.import(now).unwrap();
    let preview = import.preview(calls, now).unwrap();
    let imported = import.calls(calls.to_vec(), now).wait().unwrap();
    if calls.len() == 1 {
        assert_eq!(preview, imported, "a dry run says what the import does");
    }
    imported
}

/// Lets a call pass the proxy that ends at `ended`, of a tool that tells no project.
fn proxied(ledger: &Ledger, output: u64, ended: DateTime<Utc>, id: Option<&str>) {
    pass(ledger, None, output, ended, id);
}

/// As [`proxied`], of a tool that does.
fn proxied_of_desk(ledger: &Ledger, output: u64, ended: DateTime<Utc>, id: Option<&str>) {
    pass(ledger, Some("desk"), output, ended, id);
}

fn pass(
    ledger: &Ledger,
    project: Option<&str>,
    output: u64,
    ended: DateTime<Utc>,
    id: Option<&str>,
) {
    let call = call(ended - TimeDelta::milliseconds(1_234), Some(output));
    let call = NewCall { project: project.map(str::to_owned), ..call };
    let reservation = admitted(ledger.reserve(call).wait().unwrap());
    reservation.mark_sent();
    let settlement =
        Settlement { response_id: id.map(str::to_owned), ..settlement(ledger, output, ended) };
    reservation.settle(settlement).wait().unwrap();
}

fn total(ledger: &Ledger) -> (i64, Money) {
    let query = UsageQuery {
        since: noon() - TimeDelta::days(40),
        until: noon() + TimeDelta::days(2),
        by: By::Model,
        timezone: UTC,
    };
    let total = report::usage(ledger, &query).unwrap().total;
    (total.calls, total.cost_usd)
}

fn rows(ledger: &Ledger) -> Vec<CallView> {
    let mut rows = Vec::new();
    let each = report::each_call(ledger, &CallQuery::default(), |call| {
        rows.push(call.clone());
        Ok::<(), outlay_core::ledger::LedgerError>(())
    });
    each.unwrap();
    rows
}

/// What the log told of each row, in the order of time.
fn rows_as_told(ledger: &Ledger) -> Vec<(DateTime<Utc>, Option<i64>, Option<Money>)> {
    rows(ledger).iter().map(|row| (row.time, row.output_tokens, row.cost_usd)).collect()
}

/// Calls and money of each project, as sums have them.
fn projects(ledger: &Ledger) -> BTreeMap<Option<String>, (i64, Money)> {
    let query = UsageQuery {
        since: noon() - TimeDelta::days(40),
        until: noon() + TimeDelta::days(2),
        by: By::Project,
        timezone: UTC,
    };
    let usage = report::usage(ledger, &query).unwrap();
    usage.rows.into_iter().map(|row| (row.key, (row.calls, row.cost_usd))).collect()
}

/// The same, as rows have them.
fn projects_in_rows(ledger: &Ledger) -> BTreeMap<Option<String>, (i64, Money)> {
    let mut sums: BTreeMap<_, (i64, Money)> = BTreeMap::new();
    for row in rows(ledger) {
        let (calls, cost) = sums.entry(row.project).or_default();
        *calls += 1;
        *cost = cost.saturating_add(row.cost_usd.unwrap_or_default());
    }
    sums
}

fn outside(ledger: &Ledger) -> (i64, Money) {
    let since = noon() - TimeDelta::days(40);
    let sums = report::outside(ledger, since, noon() + TimeDelta::days(2)).unwrap();
    sums.iter().fold((0, Money::ZERO), |(calls, cost), sum| {
        (calls + sum.calls, cost.saturating_add(sum.cost_usd))
    })
}

fn newly_priced(ledger: &Ledger) -> Vec<i64> {
    ledger.newly_priced(noon()).unwrap()
}

fn desk() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    (folder, ledger)
}

#[test]
fn an_entry_is_one_call_however_often_it_is_told() {
    let (_folder, ledger) = desk();
    let ended = noon() - TimeDelta::days(3);
    let logged = ImportedCall { cost_logged: Some(money("7.5")), ..entry(1, 200, ended) };
    let first = import(&ledger, std::slice::from_ref(&logged), noon());
    assert_eq!((first.new.calls, first.new.cost, first.known), (1, money("0.002"), 0));
    let again = import(&ledger, &[logged.clone(), logged], noon());
    assert_eq!((again.new.calls, again.known), (0, 2));
    let row = rows(&ledger).remove(0);
    assert_eq!(row.source, "import:codex");
    assert_eq!(row.status, "settled");
    assert_eq!(row.cost_usd, Some(money("0.002")), "as the ledger prices it");
    assert_eq!(row.cost_stated_usd, Some(money("7.5")), "and the log's own beside");
    assert_eq!(row.time, ended);
    assert_eq!((total(&ledger), outside(&ledger)), ((1, money("0.002")), (1, money("0.002"))));
}

#[test]
fn the_entry_with_the_most_tokens_is_the_whole_one() {
    let (_folder, ledger) = desk();
    set(&ledger, hard("day", "1", Window::DAY));
    let ended = noon() - TimeDelta::hours(1);
    for (output, calls, cost) in
        [(100, 1, "0.001"), (300, 1, "0.003"), (200, 1, "0.003"), (300, 1, "0.003")]
    {
        import(&ledger, &[entry(1, output, ended)], noon());
        assert_eq!(total(&ledger), (calls, money(cost)), "{output}");
        assert_eq!(outside(&ledger), (calls, money(cost)), "{output}");
        assert_eq!(day(&ledger, noon()).used.to_string(), cost, "{output}");
    }
}

#[test]
fn what_passed_the_proxy_is_the_proxys() {
    let ended = noon() - TimeDelta::minutes(5);
    for (case, id, apart_s, output, expected) in [
        ("by the id of the answer", Some("resp-1"), 600, 200, (0, 1, 0)),
        ("though the log counts less", Some("resp-1"), 0, 100, (0, 1, 0)),
        ("another answer", Some("resp-2"), 0, 200, (1, 0, 0)),
        ("by model, tokens and time", None, 10, 200, (0, 0, 1)),
        ("too late", None, 11, 200, (1, 0, 0)),
        ("too early", None, -11, 200, (1, 0, 0)),
        ("other tokens", None, 0, 201, (1, 0, 0)),
    ] {
        let logged = entry(1, output, ended + TimeDelta::seconds(apart_s));
        let logged = id.map_or(logged.clone(), |id| with_id(logged, id));
        let (_folder, ledger) = desk();
        proxied(&ledger, 200, ended, Some("resp-1"));
        let imported = import(&ledger, std::slice::from_ref(&logged), noon());
        assert_eq!((imported.new.calls, imported.merged, imported.matched), expected, "{case}");
        let calls = 1 + i64::try_from(expected.0).unwrap();
        assert_eq!(total(&ledger).0, calls, "{case}");
        // The other way round: the log first, and the proxy when it ended.
        let (_folder, ledger) = desk();
        import(&ledger, &[logged], noon());
        proxied(&ledger, 200, ended, Some("resp-1"));
        import(&ledger, &[], noon());
        assert_eq!(total(&ledger).0, calls, "{case}, the log first");
        assert_eq!(outside(&ledger).0, calls - 1, "{case}, the log first");
        assert_eq!(rows(&ledger).len(), usize::try_from(calls).unwrap(), "{case}");
    }
}

#[test]
fn a_merged_call_takes_what_only_its_log_tells() {
    let shop = || Some("shop".to_owned());
    for (case, id, days, log_first) in [
        ("by its id", Some("resp-1"), 0, false),
        ("by its id, the log first", Some("resp-1"), 0, true),
        ("by its tokens", None, 0, false),
        ("of a day that is summed already", Some("resp-1"), 3, false),
    ] {
        let (_folder, ledger) = desk();
        let ended = noon() - TimeDelta::days(days);
        let logged = ImportedCall { session: Some("s-1".into()), ..entry(1, 200, ended) };
        let logged = id.map_or(logged.clone(), |id| with_id(logged, id));
        if log_first {
            import(&ledger, std::slice::from_ref(&logged), noon());
        }
        proxied(&ledger, 200, ended, Some("resp-1"));
        // Another one, which no log tells of.
        proxied(&ledger, 300, ended, Some("resp-2"));
        // The days before it are summed from now on.
        proxied(&ledger, 400, noon(), Some("resp-3"));
        import(&ledger, std::slice::from_ref(&logged), noon());
        let row = rows(&ledger).into_iter().find(|row| row.output_tokens == Some(200)).unwrap();
        assert_eq!((row.project, row.session.as_deref()), (shop(), Some("s-1")), "{case}");
        let sums = BTreeMap::from([(None, (2, money("0.007"))), (shop(), (1, money("0.002")))]);
        assert_eq!(projects(&ledger), sums, "{case}");
        assert_eq!(projects_in_rows(&ledger), sums, "{case}");
        // What it told is not told again.
        import(&ledger, &[logged], noon());
        assert_eq!(projects(&ledger), sums, "{case}");
    }
}

#[test]
fn a_merged_call_keeps_what_the_proxy_saw() {
    let (_folder, ledger) = desk();
    let ended = noon() - TimeDelta::minutes(5);
    proxied_of_desk(&ledger, 200, ended, Some("resp-1"));
    let saw = Some("desk".to_owned());
    let logged = ImportedCall { project: Some("elsewhere".into()), ..entry(1, 200, ended) };
    import(&ledger, &[with_id(logged, "resp-1")], noon());
    assert_eq!(rows(&ledger).remove(0).project, saw);
    assert_eq!(projects(&ledger), BTreeMap::from([(saw, (1, money("0.002")))]));
}

#[test]
fn equal_calls_are_matched_one_to_one() {
    let (_folder, ledger) = desk();
    let ended = noon() - TimeDelta::minutes(5);
    proxied(&ledger, 200, ended, Some("a"));
    proxied(&ledger, 200, ended + TimeDelta::seconds(2), Some("b"));
    let at = |key, seconds| entry(key, 200, ended + TimeDelta::seconds(seconds));
    let imported = import(&ledger, &[at(1, 0), at(2, 2), at(3, 3)], noon());
    assert_eq!((imported.matched, imported.new.calls), (2, 1), "the third went elsewhere");
    assert_eq!(total(&ledger), (3, money("0.006")));
}

#[test]
fn only_the_present_is_charged_to_budgets_and_credit() {
    let (_folder, ledger) = desk();
    set(&ledger, hard("day", "1", Window::DAY));
    let looked = noon() - TimeDelta::hours(2);
    ledger.set_balance("openai".into(), money("20"), looked).wait().unwrap();
    import(
        &ledger,
        &[
            entry(1, 100_000, noon() - TimeDelta::days(2)),
            entry(2, 10_000, noon() - TimeDelta::hours(3)),
            entry(3, 1_000, noon() - TimeDelta::hours(1)),
        ],
        noon(),
    );
    assert_eq!(total(&ledger), (3, money("1.11")));
    assert_eq!(day(&ledger, noon()).used.to_string(), "0.11", "today's");
    let balance = report::balances(&ledger, noon(), UTC).unwrap().remove(0);
    assert_eq!(balance.remaining, money("19.99"), "since the user looked");
    // It passed the proxy after all: what the import took is given back, and the proxy's is taken.
    proxied(&ledger, 1_000, noon() - TimeDelta::hours(1), None);
    import(&ledger, &[], noon());
    let balance = report::balances(&ledger, noon(), UTC).unwrap().remove(0);
    assert_eq!(balance.remaining, money("19.99"));
    assert_eq!(day(&ledger, noon()).used.to_string(), "0.11");
}

#[test]
fn a_subscription_owes_nothing() {
    let (_folder, ledger) = desk();
    set(&ledger, hard("day", "1", Window::DAY));
    let plan = ImportedCall { plan_login: true, ..entry(1, 1_000, noon()) };
    let imported = import(&ledger, &[plan], noon());
    assert_eq!((imported.new.cost, imported.new.plan_value), (Money::ZERO, money("0.01")));
    assert_eq!(total(&ledger), (1, Money::ZERO));
    assert_eq!(day(&ledger, noon()).used.to_string(), "0.00");
}

#[test]
fn who_paid_is_booked_anew_where_the_user_says_so() {
    let (_folder, ledger) = desk();
    let plan = |plan_login, is_billing_told| ImportedCall {
        plan_login,
        is_billing_told,
        ..entry(1, 1_000, noon() - TimeDelta::hours(1))
    };
    import(&ledger, &[plan(true, false)], noon());
    assert_eq!(total(&ledger).1, Money::ZERO);
    assert_eq!(import(&ledger, &[plan(false, false)], noon()).known, 1, "a login that changed");
    assert_eq!(import(&ledger, &[plan(false, true)], noon()).grown, 1);
    assert_eq!((total(&ledger), outside(&ledger)), ((1, money("0.01")), (1, money("0.01"))));
}

#[test]
fn an_unknown_model_costs_what_its_log_says_or_what_its_price_says_later() {
    let (_folder, ledger) = desk();
    let unknown = |key, cost: Option<&str>| ImportedCall {
        model: Some("no-such-model".into()),
        cost_logged: cost.map(money),
        ..entry(key, 1_000, noon() - TimeDelta::hours(1))
    };
    let imported = import(&ledger, &[unknown(1, None)], noon());
    assert_eq!((imported.new.unpriced, imported.new.cost), (1, Money::ZERO));
    import(&ledger, &[unknown(2, Some("0.5"))], noon());
    assert_eq!(total(&ledger), (2, money("0.5")));
    assert!(newly_priced(&ledger).is_empty());
    let price = outlay_core::price::UserPrice {
        provider: None,
        model: "no-such-model".into(),
        input: outlay_core::money::Rate::FREE,
        output: outlay_core::money::Rate::usd_per("20", 1_000_000).unwrap(),
        cache_read: None,
        cache_write: None,
        set_at: noon() - TimeDelta::days(1),
    };
    ledger.set_price(price, noon()).wait().unwrap();
    let booking = ledger.import(noon()).unwrap();
    let booked = booking.book(newly_priced(&ledger), noon()).wait().unwrap();
    let booked = booked["import:codex"];
    assert_eq!((booked.grown, booked.new.calls, booked.new.cost), (1, 0, money("0.02")));
    assert_eq!(total(&ledger), (2, money("0.52")), "a cost that was stated stays");
    assert_eq!(outside(&ledger), (2, money("0.52")));
    assert!(newly_priced(&ledger).is_empty());
    let again = import(&ledger, &[unknown(1, None), unknown(2, Some("0.5"))], noon());
    assert_eq!((again.known, total(&ledger)), (2, (2, money("0.52"))));
}

#[test]
fn the_future_is_not_imported() {
    let (_folder, ledger) = desk();
    let ahead =
        [4, 6].map(|minutes| entry(minutes, 1, noon() + TimeDelta::minutes(minutes.into())));
    let imported = import(&ledger, &ahead, noon());
    assert_eq!((imported.new.calls, imported.refused), (1, 1));
}

/// What happens to a ledger in the property test.
#[derive(Clone, Debug)]
enum Step {
    /// The log tells of call `n`, so far.
    Logged {
        n: u8,
        percent: u8,
    },
    /// Call `n` passes the proxy, which sees its project or not.
    Proxied {
        n: u8,
        has_project: bool,
    },
    Look,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6u8, 1..=2u8).prop_map(|(n, half)| Step::Logged { n, percent: half * 50 }),
        2 => (0..6u8, any::<bool>()).prop_map(|(n, has_project)| Step::Proxied { n, has_project }),
        1 => Just(Step::Look),
    ];
    proptest::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_the_order_each_call_counts_once(steps in steps()) {
        let (_folder, ledger) = desk();
        set(&ledger, hard("day", "100", Window::DAY));
        // Of each call what counts: the proxy's word, else the most that the log told.
        let mut truth: BTreeMap<u8, u64> = BTreeMap::new();
        let mut passed: BTreeMap<u8, u64> = BTreeMap::new();
        for step in &steps {
            match step {
                Step::Logged { n, percent } => {
                    let output = u64::from(*n + 1) * u64::from(*percent) * 10;
                    let ended = noon() - TimeDelta::minutes(i64::from(*n) * 7);
                    let told = with_id(entry(*n, output, ended), &format!("resp-{n}"));
                    import(&ledger, &[told], noon());
                    let most = truth.entry(*n).or_default();
                    *most = output.max(*most);
                }
                Step::Proxied { n, has_project } if !passed.contains_key(n) => {
                    let output = u64::from(*n + 1) * 1_000;
                    let ended = noon() - TimeDelta::minutes(i64::from(*n) * 7);
                    let pass = if *has_project { proxied_of_desk } else { proxied };
                    pass(&ledger, output, ended, Some(&format!("resp-{n}")));
                    passed.insert(*n, output);
                }
                Step::Proxied { .. } | Step::Look => drop(import(&ledger, &[], noon())),
            }
        }
        import(&ledger, &[], noon());
        let outside_truth: Vec<u64> =
            truth.iter().filter(|(n, _)| !passed.contains_key(n)).map(|(_, output)| *output).collect();
        let all: u64 = passed.values().chain(&outside_truth).sum();
        let cost = |tokens: u64| Money::from_picodollars(i64::try_from(tokens).unwrap() * 10_000_000);
        let calls = i64::try_from(passed.len() + outside_truth.len()).unwrap();
        prop_assert_eq!(total(&ledger), (calls, cost(all)));
        let outside_calls = i64::try_from(outside_truth.len()).unwrap();
        prop_assert_eq!(outside(&ledger), (outside_calls, cost(outside_truth.iter().sum())));
        prop_assert_eq!(day(&ledger, noon()).used.to_string(), cost(all).to_string());
        let in_rows = rows(&ledger).iter().filter_map(|row| row.cost_usd).fold(Money::ZERO, Money::saturating_add);
        prop_assert_eq!(in_rows, cost(all));
        prop_assert_eq!(projects(&ledger), projects_in_rows(&ledger));
        for row in rows(&ledger) {
            let n = (noon() - row.time).num_minutes() / 7;
            let is_logged = truth.contains_key(&u8::try_from(n).unwrap());
            prop_assert!(row.project.is_some() || !is_logged, "the log told its project");
        }
    }

    #[test]
    fn many_entries_at_once_are_what_they_are_one_by_one(
        told in proptest::collection::vec((0..200_u8, 1..=2_u64, 0..60_u8), 1..160),
        pruned in any::<bool>(),
    ) {
        let entries: Vec<ImportedCall> = told.iter().map(|(n, half, id)| {
            let ended = noon() - TimeDelta::days(3) - TimeDelta::minutes(i64::from(*n) * 7);
            // Some tell the same answer as others, and some none.
            let logged = entry(*n, u64::from(*n + 1) * half * 10, ended);
            // One has too little in common with the others to be written together with them.
            let logged = ImportedCall { plan_login: *n == 7, ..logged };
            if *id < 20 { with_id(logged, &format!("resp-{id}")) } else { logged }
        }).collect();
        let (_together, at_once) = desk();
        let (_apart, one_by_one) = desk();
        let mut outcomes = [Imported::default(); 2];
        for half in [&entries[..entries.len() / 2], &entries[entries.len() / 2..]] {
            outcomes[0].add(&import(&at_once, half, noon()));
            for entry in half {
                outcomes[1].add(&import(&one_by_one, std::slice::from_ref(entry), noon()));
            }
            if pruned {
                for ledger in [&at_once, &one_by_one] {
                    ledger.prune(noon() - TimeDelta::days(3) - TimeDelta::hours(3), noon()).unwrap();
                }
            }
        }
        prop_assert_eq!(outcomes[0], outcomes[1]);
        prop_assert_eq!(rows_as_told(&at_once), rows_as_told(&one_by_one));
        prop_assert_eq!(total(&at_once), total(&one_by_one));
        prop_assert_eq!(outside(&at_once), outside(&one_by_one));
        prop_assert_eq!(projects(&at_once), projects(&one_by_one));
        at_once.check_integrity().unwrap();
    }
}
