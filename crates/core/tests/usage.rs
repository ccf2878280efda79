//! Reports by dates say the same, whatever else they are by.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::ledger::{ImportedCall, Ledger};
use outlay_core::report::{self, By, UsageQuery};

use crate::desk::{entry, noon, open};

mod desk;

/// Calls of two sessions: in the evening of 31 October, around midnight, and three weeks later.
fn ledger(folder: &tempfile::TempDir) -> Ledger {
    let ledger = open(folder);
    let calls = [
        ("2026-10-31T21:00:00Z", "one"),
        ("2026-10-31T23:50:00Z", "two"),
        ("2026-11-01T00:05:00Z", "one"),
        ("2026-11-20T10:00:00Z", "two"),
    ];
    let calls = calls.iter().enumerate().map(|(number, (at, session))| ImportedCall {
        session: Some((*session).into()),
        key: [u8::try_from(number).unwrap(); 16],
        response_id: Some(format!("answer {number}").into()),
        ..entry(1, 1, at.parse().unwrap())
    });
    ledger.import(noon()).unwrap().calls(calls.collect(), noon()).wait().unwrap();
    ledger
}

fn query(by: By, timezone: &str) -> UsageQuery {
    let timezone = timezone.parse().unwrap();
    UsageQuery { since: noon() - TimeDelta::days(60), until: noon(), by, timezone }
}

/// Each row as its key and its calls.
fn by_one(ledger: &Ledger, by: By, timezone: &str) -> Vec<String> {
    let usage = report::usage(ledger, &query(by, timezone)).unwrap();
    usage.rows.iter().map(|row| format!("{} {}", row.key.as_deref().unwrap(), row.calls)).collect()
}

fn by_two(ledger: &Ledger, by: [By; 2], timezone: &str) -> Vec<String> {
    let usage = report::usage_by_two(ledger, &query(by[0], timezone), by[1]).unwrap();
    let shown = |keys: &[Option<String>; 2]| keys.each_ref().map(|key| key.clone().unwrap());
    usage.rows.iter().map(|row| format!("{} {}", shown(&row.key).join(" "), row.calls)).collect()
}

#[test]
fn dates_are_those_of_the_zone() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    for (by, timezone, expected) in [
        (By::Day, "UTC", &["2026-10-31 2", "2026-11-01 1", "2026-11-20 1"][..]),
        (By::Day, "Asia/Tokyo", &["2026-11-01 3", "2026-11-20 1"]),
        (By::Week, "UTC", &["2026-10-26 3", "2026-11-16 1"]),
        (By::Month, "UTC", &["2026-10 2", "2026-11 2"]),
        (By::Month, "Europe/Berlin", &["2026-10 1", "2026-11 3"]),
    ] {
        assert_eq!(by_one(&ledger, by, timezone), expected, "{by:?} {timezone}");
    }
}

#[test]
fn what_sums_by_quarter_hour_lack_is_cut_at_the_same_dates() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    for (by, timezone, expected) in [
        (
            [By::Day, By::Session],
            "UTC",
            &["2026-10-31 one 1", "2026-10-31 two 1", "2026-11-01 one 1", "2026-11-20 two 1"][..],
        ),
        (
            [By::Session, By::Month],
            "Europe/Berlin",
            &["one 2026-10 1", "one 2026-11 1", "two 2026-11 2"],
        ),
        (
            [By::Month, By::Week],
            "UTC",
            &["2026-10 2026-10-26 2", "2026-11 2026-10-26 1", "2026-11 2026-11-16 1"],
        ),
        ([By::Provider, By::Session], "UTC", &["openai one 2", "openai two 2"]),
    ] {
        let mut found = by_two(&ledger, by, timezone);
        found.sort();
        assert_eq!(found, expected, "{by:?} {timezone}");
    }
}

#[test]
fn without_calls_there_are_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    assert!(by_one(&ledger, By::Day, "UTC").is_empty());
    assert!(by_two(&ledger, [By::Day, By::Model], "UTC").is_empty());
    assert!(by_two(&ledger, [By::Model, By::Session], "UTC").is_empty());
}

#[test]
fn a_range_ends_before_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    for (since, until, calls) in [
        ("2026-10-31T21:00:00Z", "2026-10-31T23:45:00Z", 1),
        ("2026-10-31T21:15:00Z", "2026-11-01T00:15:00Z", 2),
        ("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 0),
    ] {
        let range = UsageQuery { since: at(since), until: at(until), ..query(By::Day, "UTC") };
        let days = report::usage(&ledger, &range).unwrap().total.calls;
        let pairs = report::usage_by_two(&ledger, &range, By::Session).unwrap().total.calls;
        assert_eq!((days, pairs), (calls, calls), "{since} to {until}");
    }
}
