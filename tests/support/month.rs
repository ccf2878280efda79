//! A home with two months of calls that look like a developer's, for what shows them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake_provider::FakeProvider;
use crate::log_tree::Dice;
use crate::outlay::{Home, Server};
use crate::story::{chat, price_the_model};

/// The present of the month: a Saturday, at noon in UTC.
pub const NOW: &str = "2026-11-21T12:00:00Z";
const DAYS: i64 = 60;
/// So many calls go to the API at once.
const AT_ONCE: usize = 500;

/// Model, provider and client, and how many of ten calls are such.
const KINDS: [(&str, &str, &str, u64); 4] = [
    ("claude-sonnet-4-5", "anthropic", "claude-code", 5),
    ("gpt-5.1", "openai", "codex", 2),
    ("gpt-5-mini", "openai", "openai-python", 2),
    ("gemini-2.5-flash", "gemini", "gemini-cli", 1),
];
const PROJECTS: [&str; 4] = ["search", "search", "site", "billing"];

/// A running server whose ledger holds two months of calls, four budgets of which one refuses, three
/// balances, alerts, a model without a price, and a refused call.
#[derive(Debug)]
pub struct Month {
    /// The home.
    pub home: Home,
    /// Its server.
    pub server: Server,
    _provider: FakeProvider,
    _clock: Clock,
}

impl Month {
    /// Lives through it; whatever is asked of the home's config stands in `config`.
    ///
    /// # Panics
    /// When something of it is refused that should not be.
    #[must_use]
    pub fn of(home: impl FnOnce(Home) -> Home) -> Month {
        let clock = Clock::at(NOW);
        let provider = FakeProvider::start();
        let home = home(Home::new(&provider).with_clock(&clock));
        price_the_model(&home);
        for budget in [
            &["day", "--limit", "12", "--window", "day"][..],
            &["month", "--limit", "150", "--window", "month", "--soft"],
            &["search", "--limit", "90", "--window", "month", "--project", "search"],
            &["ci", "--limit", "0.004", "--window", "day", "--project", "ci"],
        ] {
            home.ok(&[&["budget", "set"], budget].concat());
        }
        let server = home.serve();
        for calls in calls_until(NOW.parse().unwrap()).chunks(AT_ONCE) {
            let recorded = server.api("POST", "/calls", Some(&json!({ "calls": calls })));
            assert_eq!(recorded.status, 200, "{}", recorded.text());
        }
        let unpriced = json!({
            "provider": "openai", "model": "house-7b-chat", "project": "site",
            "usage": {"input_tokens": 1_200, "output_tokens": 300},
        });
        assert_eq!(server.api("POST", "/calls", Some(&unpriced)).status, 200);
        let in_ci = || chat().header("x-outlay-project", "ci").send(server.address()).status;
        while in_ci() == 200 {}
        home.ok(&["balance", "set", "anthropic", "18.40"]);
        home.ok(&["balance", "warn", "anthropic", "48h"]);
        home.ok(&["balance", "add", "openai", "60", "--expires", "2026-12-28"]);
        home.ok(&["balance", "warn", "openai", "20%"]);
        home.ok(&["balance", "add", "gemini", "10"]);
        Month { home, server, _provider: provider, _clock: clock }
    }
}

/// Two months of calls, oldest first, as the API takes them; the same each time.
///
/// # Panics
/// When `now` is near the end of time.
#[must_use]
pub fn calls_until(now: DateTime<Utc>) -> Vec<Value> {
    let mut dice = Dice(7);
    let mut calls = Vec::new();
    for day in (0..DAYS).rev() {
        let morning = now - TimeDelta::days(day) - TimeDelta::hours(5);
        let is_today = day == 0;
        for _ in 0..10 + dice.below(if is_today { 20 } else { 40 }) {
            let minutes = dice.below(if is_today { 295 } else { 720 });
            let at = morning + TimeDelta::minutes(i64::try_from(minutes).unwrap());
            calls.push((at, call(at, &mut dice)));
        }
    }
    calls.sort_by_key(|(at, _)| *at);
    calls.into_iter().map(|(_, call)| call).collect()
}

fn call(at: DateTime<Utc>, dice: &mut Dice) -> Value {
    let mut tenth = dice.below(10);
    let (model, provider, client, _) = KINDS
        .into_iter()
        .find(|(.., share)| {
            let is_it = tenth < *share;
            tenth = tenth.saturating_sub(*share);
            is_it
        })
        .unwrap();
    let project = PROJECTS[usize::try_from(dice.below(4)).unwrap()];
    let input = 800 + dice.below(24_000);
    json!({
        "time": at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "provider": provider, "model": model, "client": client, "project": project,
        "session": format!("{project}-{}", at.format("%d")),
        "duration_ms": 900 + dice.below(20_000),
        "usage": {
            "input_tokens": input, "cache_read_tokens": input * dice.below(4),
            "output_tokens": 80 + dice.below(1_900),
        },
    })
}
