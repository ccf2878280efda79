//! What is told, and that it is told once: thresholds under every sequence of spends, limits, restarts
//! and processes, and what a look around finds.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

mod desk;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use desk::{UTC, hard, money, noon, open, price_demo, set, spend};
use outlay_core::balance::WarnLevel;
use outlay_core::budget::{BudgetKind, Window};
use outlay_core::ledger::{BudgetChange, Ledger, LogFile, Surroundings};
use outlay_core::report;
use proptest::prelude::*;
use tempfile::TempDir;

/// What may happen to a budget by day, in one of two processes.
#[derive(Clone, Debug)]
enum Step {
    /// A call that generates so many tokens, at $10 per million.
    Spend {
        process: usize,
        tokens: u64,
    },
    /// In thousandths of a dollar.
    Raise {
        process: usize,
        by: u32,
    },
    Limit {
        process: usize,
        limit: u32,
    },
    Restart {
        process: usize,
    },
    Survey {
        process: usize,
    },
    Wait {
        hours: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let process = || 0..2_usize;
    let step = prop_oneof![
        8 => (process(), 1_u64..400).prop_map(|(process, tokens)| Step::Spend { process, tokens }),
        2 => (process(), 1_u32..20).prop_map(|(process, by)| Step::Raise { process, by }),
        1 => (process(), 5_u32..40).prop_map(|(process, limit)| Step::Limit { process, limit }),
        1 => process().prop_map(|process| Step::Restart { process }),
        2 => process().prop_map(|process| Step::Survey { process }),
        1 => (1_u32..30).prop_map(|hours| Step::Wait { hours }),
    ];
    prop::collection::vec(step, 1..40)
}

/// What a user would expect to be told, worked out by itself.
#[derive(Default)]
struct Expected {
    limit: i64,
    raised: BTreeMap<i64, i64>,
    spent: BTreeMap<i64, i64>,
    /// The thresholds that are reached and were told, of each day.
    known: BTreeMap<i64, BTreeSet<i64>>,
    alerts: Vec<i64>,
}

const PERCENTS: [i64; 4] = [50, 80, 95, 100];
/// A call of one token costs $0.00001; budgets are in thousandths of a dollar.
const TOKENS_A_THOUSANDTH: i64 = 100;

impl Expected {
    /// After something happened on that day by which so much was spent.
    fn look(&mut self, day: i64, spend: i64) {
        let limit = self.limit + self.raised.get(&day).copied().unwrap_or_default();
        let spent = self.spent.entry(day).or_default();
        let known = self.known.entry(day).or_default();
        let reached =
            |spent: i64, percent: i64| spent * 100 >= limit * percent * TOKENS_A_THOUSANDTH;
        known.retain(|percent| reached(*spent, *percent));
        *spent += spend;
        let news: Vec<i64> = PERCENTS
            .into_iter()
            .filter(|percent| reached(*spent, *percent) && !known.contains(percent))
            .collect();
        self.alerts.extend(news.last());
        known.extend(news);
    }
}

/// The thresholds that were told, oldest first.
fn told(ledger: &Ledger) -> Vec<i64> {
    let alerts = report::alerts(ledger, 1_000).unwrap().into_iter().rev();
    let thresholds =
        alerts.filter(|alert| alert.kind == "budget_threshold").map(|alert| {
            match alert.title.split_once("is ").map(|(_, rest)| rest) {
                Some("used up") => 100,
                Some(rest) => rest.split(' ').next().unwrap().parse().unwrap(),
                None => panic!("{}", alert.title),
            }
        });
    thresholds.collect()
}

fn live(steps: &[Step]) -> (Vec<i64>, Vec<i64>) {
    let folder = TempDir::new().unwrap();
    let mut processes = [open(&folder), open(&folder)];
    price_demo(&processes[0]);
    let limit = |limit: u32| BudgetChange {
        kind: Some(BudgetKind::Soft),
        warn_percent: Some(vec![50, 80, 95]),
        ..hard("day", &format!("0.{limit:03}"), Window::DAY)
    };
    set(&processes[0], limit(10));
    let mut expected = Expected { limit: 10, ..Expected::default() };
    let mut now = noon();
    for step in steps {
        // Each step is a moment later, as it would be.
        now += TimeDelta::milliseconds(5);
        let day = now.timestamp().div_euclid(86_400);
        match *step {
            Step::Spend { process, tokens } => {
                spend(&processes[process], tokens, now);
                expected.look(day, i64::try_from(tokens).unwrap());
            }
            Step::Raise { process, by } => {
                let by_text = format!("0.{by:03}");
                let raise =
                    processes[process].raise_budget("day".into(), by_text, None, "cli", now);
                raise.wait().unwrap();
                *expected.raised.entry(day).or_default() += i64::from(by);
            }
            Step::Limit { process, limit: new } => {
                let changed = processes[process].set_budget(limit(new), "cli", now, UTC);
                changed.wait().unwrap();
                expected.limit = i64::from(new);
            }
            Step::Restart { process } => processes[process] = open(&folder),
            Step::Survey { process } => {
                processes[process].survey(&Surroundings::default(), UTC, now).unwrap();
                expected.look(day, 0);
            }
            Step::Wait { hours } => now += TimeDelta::hours(i64::from(hours)),
        }
    }
    (told(&processes[0]), expected.alerts)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn each_threshold_is_told_once_until_it_is_left(steps in steps()) {
        let (told, expected) = live(&steps);
        prop_assert_eq!(told, expected);
    }
}

/// The titles of all alerts but thresholds, oldest first.
fn titles(ledger: &Ledger) -> Vec<String> {
    let alerts = report::alerts(ledger, 1_000).unwrap().into_iter().rev();
    let others = alerts.filter(|alert| alert.kind != "budget_threshold");
    others.map(|alert| alert.title).collect()
}

/// Two processes look, and one of them again after a restart.
fn survey(folder: &TempDir, now: DateTime<Utc>) -> Ledger {
    let (one, two) = (open(folder), open(folder));
    for ledger in [&one, &two, &one] {
        ledger.survey(&Surroundings::default(), UTC, now).unwrap();
    }
    drop(one);
    let again = open(folder);
    again.survey(&Surroundings::default(), UTC, now).unwrap();
    again
}

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-{text}:00Z").parse().unwrap()
}

/// Ten days on which two dollars go, evenly from nine to five.
fn ten_days(ledger: &Ledger) {
    for day in 10..20 {
        for hour in 9..17 {
            spend(ledger, 25_000, at(&format!("{day}T{hour:02}:05")));
        }
    }
}

#[test]
fn a_budget_that_will_not_last_is_told_once_a_day() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    ten_days(&ledger);
    set(&ledger, hard("day", "1", Window::DAY));
    // Nothing is spent yet: what every day brings is no news.
    assert!(titles(&survey(&folder, at("20T08:00"))).is_empty());
    spend(&ledger, 25_000, at("20T09:05"));
    let surveyed = survey(&folder, at("20T09:10"));
    assert_eq!(titles(&surveyed), ["Budget 'day' will not last"]);
    let body = report::alerts(&surveyed, 1).unwrap().remove(0).body;
    assert!(body.contains("it is used up between 1"), "{body}");
    assert!(body.contains("$0.25 of $1.00 is spent"), "{body}");
    // A higher limit lasts; a lower one does not, which is told again.
    set(&ledger, hard("day", "50", Window::DAY));
    assert_eq!(titles(&survey(&folder, at("20T09:11"))).len(), 1);
    set(&ledger, hard("day", "1", Window::DAY));
    assert_eq!(titles(&survey(&folder, at("20T09:12"))).len(), 2);
    spend(&ledger, 25_000, at("21T09:05"));
    assert_eq!(titles(&survey(&folder, at("21T09:10"))).len(), 3);
}

#[test]
fn a_budget_that_was_used_up_tells_that_it_has_room_again() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    set(&ledger, hard("day", "0.01", Window::DAY));
    spend(&ledger, 1_000, noon());
    assert!(titles(&survey(&folder, noon())).is_empty());
    ledger.raise_budget("day".into(), "0.02".into(), None, "cli", noon()).wait().unwrap();
    assert_eq!(titles(&survey(&folder, noon())), ["Budget 'day' has room again"]);
    // A budget that is removed is told of no more.
    set(&ledger, hard("day", "0.001", Window::DAY));
    survey(&folder, noon());
    ledger.remove_budget("day".into(), "cli", noon()).wait().unwrap();
    assert_eq!(titles(&survey(&folder, noon())).len(), 1);
}

#[test]
fn a_balance_is_told_of_by_amount_by_share_and_by_hours() {
    for (case, level, grant, expected) in [
        ("two days are left", None, "4", vec![]),
        ("a day is left", None, "2", vec!["Balance of 'openai' is nearly gone"]),
        ("an amount", Some("1.6"), "2", vec!["Balance of 'openai' is low"]),
        ("an amount that is far", Some("0.5"), "2", vec![]),
        ("a share", Some("80%"), "2", vec!["Balance of 'openai' is low"]),
        ("a share that is far", Some("70%"), "2", vec![]),
        ("two hours", Some("2h"), "2", vec![]),
        ("two days", Some("2d"), "4", vec!["Balance of 'openai' is nearly gone"]),
        ("off", Some("off"), "2", vec![]),
    ] {
        let folder = TempDir::new().unwrap();
        let ledger = open(&folder);
        price_demo(&ledger);
        ten_days(&ledger);
        let now = at("20T09:00");
        ledger.add_grant("openai".into(), money(grant), None, None, now).wait().unwrap();
        if let Some(level) = level {
            let level: WarnLevel = level.parse().unwrap();
            ledger.warn_balance("openai".into(), level, now).wait().unwrap();
        }
        for minute in [5, 6] {
            spend(&ledger, 25_000, at(&format!("20T09:{minute:02}")));
        }
        assert_eq!(titles(&survey(&folder, at("20T09:10"))), expected, "{case}");
    }
}

#[test]
fn credit_that_expires_is_told_of_twice_unless_it_will_be_used() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    let grant = |amount: &str, expires: &str| {
        let reply =
            ledger.add_grant("openai".into(), money(amount), Some(at(expires)), None, noon());
        reply.wait().unwrap()
    };
    grant("5", "29T00:00");
    for (now, expected) in [("21T12:00", 0), ("22T01:00", 1), ("27T23:00", 1), ("28T01:00", 2)] {
        let titles = titles(&survey(&folder, at(now)));
        assert_eq!(titles.len(), expected, "{now}: {titles:?}");
    }
    assert_eq!(
        titles(&ledger),
        ["Credit of 'openai' expires in 6 days", "Credit of 'openai' expires within a day"]
    );
}

#[test]
fn a_model_without_a_price_is_told_of_until_it_has_one() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    spend(&ledger, 100, noon());
    let surveyed = survey(&folder, noon());
    assert_eq!(titles(&surveyed), ["No price is known of demo"]);
    let body = report::alerts(&surveyed, 1).unwrap().remove(0).body;
    assert!(body.contains("outlay prices set 'demo' --provider openai"), "{body}");
    price_demo(&ledger);
    survey(&folder, noon());
    // Priced, it is settled; that it once had none is no news.
    assert_eq!(titles(&survey(&folder, noon() + TimeDelta::days(2))).len(), 1);
}

#[test]
fn a_dear_hour_a_full_disk_and_old_prices_are_told() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    ten_days(&ledger);
    spend(&ledger, 400_000, at("20T10:01"));
    assert_eq!(titles(&survey(&folder, at("20T10:05"))), ["Far more is spent than usual"]);

    let disk = |free: u64, now| {
        let surroundings = Surroundings {
            disk_free_bytes: Some(free),
            folder: "/data".into(),
            has_file: |_| true,
        };
        ledger.survey(&surroundings, UTC, now).unwrap();
        titles(&ledger).iter().filter(|title| title.contains("disk")).count()
    };
    for (free, expected) in
        [(500_000_000, 0), (150_000_000, 1), (100, 1), (300_000_000, 1), (500_000_000, 1), (100, 2)]
    {
        assert_eq!(disk(free, at("20T11:00") + TimeDelta::seconds(expected)), expected as usize);
    }
    let years = noon() + TimeDelta::days(800);
    assert!(titles(&survey(&folder, years)).contains(&"The price list is old".to_owned()));
}

#[test]
fn a_top_up_that_does_not_come_is_told_without_a_call() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    price_demo(&ledger);
    let recharge = outlay_core::balance::Recharge { below: money("5"), amount: money("20") };
    ledger.set_balance("openai".into(), money("4"), noon()).wait().unwrap();
    ledger.set_recharge("openai".into(), Some(recharge), noon()).wait().unwrap();
    for (minutes, expected) in [(59, 0), (61, 1), (300, 1)] {
        let surveyed = survey(&folder, noon() + TimeDelta::minutes(minutes));
        let told = titles(&surveyed);
        let missing = told.iter().filter(|title| title.starts_with("No top-up")).count();
        assert_eq!(missing, expected, "{minutes}: {told:?}");
    }
    let alert = report::alerts(&ledger, 1).unwrap().remove(0);
    assert_eq!(alert.occurrences, 1);
}

#[test]
fn logs_that_are_gone_are_told_once_until_they_are_back() {
    let folder = TempDir::new().unwrap();
    let ledger = open(&folder);
    let log = |tool: &str, path: &str| LogFile {
        path: path.into(),
        tool: tool.into(),
        size: 1,
        modified_ms: 1,
        read_bytes: 1,
        tail: None,
        state: String::new(),
        broken: 0,
    };
    let logs = vec![log("codex", "/there/a"), log("codex", "/gone/b"), log("pi", "/gone/c")];
    ledger.note_log_files(logs).wait().unwrap();
    let told = |has_file: fn(&str) -> bool, minutes| {
        let surroundings = Surroundings { has_file, ..Surroundings::default() };
        ledger.survey(&surroundings, UTC, noon() + TimeDelta::minutes(minutes)).unwrap();
        titles(&ledger).iter().filter(|title| title.contains("logs")).cloned().collect::<Vec<_>>()
    };
    let one = |path: &str| path.starts_with("/there");
    assert_eq!(told(one, 1), ["The logs of pi are gone"], "of codex one is left");
    assert_eq!(told(one, 2).len(), 1, "once");
    assert_eq!(told(|_| true, 3).len(), 1);
    assert_eq!(told(one, 4).len(), 2, "and again after it was over");
}
