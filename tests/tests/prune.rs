//! Old calls are deleted: reports stay as they were, and logs that tell of them tell nothing new.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use support::clock::Clock;
use support::log_tree;
use support::outlay::Home;
use support::wait::eventually;

const CUT: &str = "2026-11-01T08:40:00Z";

/// A home at `now` with what eight tools logged in November 2026, imported.
fn with_calls(now: &str) -> (Home, usize, Clock) {
    let clock = Clock::at(now);
    let home = Home::bare().with_clock(&clock);
    let truth = log_tree::write(home.path(), 3);
    home.ok(&["balance", "set", "openai", "50"]);
    home.ok(&["import", "--all"]);
    (home, truth.calls.len(), clock)
}

fn reports(home: &Home) -> Vec<Value> {
    let range = ["--since", "2026-10-01", "--until", "2026-12-01"];
    let by = |by: &str| home.json(&[&["report", "--by", by][..], &range].concat());
    let mut reports: Vec<Value> =
        ["day", "model", "project", "provider", "account", "client"].map(by).into();
    reports.push(home.json(&[&["report", "--by", "day", "--by", "model"][..], &range].concat()));
    reports.push(home.json(&["budget", "list"]));
    reports.push(home.json(&["balance", "list"])["balances"][0]["remaining"].clone());
    reports
}

#[test]
fn reports_and_budgets_are_as_before() {
    let (home, all, _clock) = with_calls("2027-01-15T12:00:00Z");
    home.ok(&["budget", "set", "month", "--limit", "20", "--window", "month"]);
    let before = reports(&home);
    let prune = ["prune", "--before", CUT];
    let dry = home.json(&[&prune[..], &["--dry-run"]].concat());
    let old = home.calls().iter().filter(|call| call["time"].as_str() < CUT).count();
    assert!(old > 10 && old < all, "{old} of {all}");
    assert_eq!((dry["calls"].as_u64(), dry["deleted"].as_u64()), (Some(old as u64), Some(0)));
    assert_eq!(home.calls().len(), all, "a dry run deletes nothing");

    let said = home.ok(&prune);
    assert!(said.contains(&format!("{old} calls")) && said.contains("deleted"), "{said}");
    let left = home.calls();
    assert_eq!(left.len(), all - old);
    assert!(left.iter().all(|call| call["time"].as_str() >= CUT));
    assert!(reports(&home) == before, "a sum has changed");
    assert_eq!(home.integrity(), "ok");

    // As if nobody remembered what was read.
    for log in ["codex", "claude-code"] {
        let folder = if log == "codex" { ".codex/sessions" } else { ".claude/projects" };
        let again = home.json(&["import", log, folder, "--billing", "auto"]);
        assert_eq!(again["sources"][0]["calls"], 0, "{again}");
    }
    assert!(reports(&home) == before, "a sum has changed");
    assert!(home.ok(&prune).contains("No call is from before"), "once");
}

#[test]
fn what_a_limit_counts_from_stays() {
    let (home, all, _clock) = with_calls("2026-11-22T12:00:00Z");
    home.ok(&["budget", "set", "all", "--limit", "1000", "--window", "total"]);
    let said = home.ok(&["prune", "--before", "2026-11-20"]);
    assert!(said.contains("the budget 'all' is counted from them"), "{said}");
    assert_eq!(home.calls().len(), all);
    let wrong = home.cli(&["prune", "--before", "whenever"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
}

#[test]
fn the_proxy_deletes_what_is_older_than_is_kept() {
    let (home, all, _clock) = with_calls("2026-12-02T08:40:00Z");
    let before = reports(&home);
    home.write_config("[ledger]\nkeep_days = 31\n");
    let server = home.serve();
    assert_eq!(server.read("/settings")["keep_days"], 31);
    let left = eventually("old calls are gone", || {
        let left = home.calls();
        (left.len() < all).then_some(left)
    });
    assert!(!left.is_empty());
    eventually("all of them", || {
        let oldest = home.calls()[0]["time"].clone();
        (oldest.as_str() >= "2026-11-01T08:40:00Z").then_some(())
    });
    assert!(reports(&home) == before, "a sum has changed");
}
