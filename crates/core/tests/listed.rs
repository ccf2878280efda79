//! Calls are found whatever they are asked for by, and however many others there are.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::ledger::{ImportedCall, Ledger, Matching};
use outlay_core::report::{self, CallQuery};

use crate::desk::{entry, noon, open};

mod desk;

/// More than are looked through one by one for some that match.
const CALLS: i64 = 24_000;

/// One call a second until now, of a session for each hundred; every tenth is of a project of its own.
fn import_many(ledger: &Ledger) {
    let import = ledger.import(noon()).unwrap();
    let calls = (0..CALLS).map(|number| {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&number.to_be_bytes());
        ImportedCall {
            key,
            project: Some(if is_rare(number) { "rare" } else { "shop" }.into()),
            session: Some(format!("session {}", number / 100).into()),
            response_id: Some(format!("answer {number}").into()),
            ..entry(1, 1, at(number))
        }
    });
    let calls: Vec<ImportedCall> = calls.collect();
    for some in calls.chunks(4_000) {
        import.calls(some.to_vec(), noon()).wait().unwrap();
    }
}

fn is_rare(number: i64) -> bool {
    number % 10 == 3
}

fn at(number: i64) -> DateTime<Utc> {
    noon() - TimeDelta::seconds(CALLS - number)
}

fn listed(ledger: &Ledger, query: &CallQuery, limit: u32) -> Vec<i64> {
    let calls = report::calls(ledger, query, limit).unwrap().rows;
    calls.iter().map(|call| CALLS - (noon() - call.time).num_seconds()).collect()
}

fn search(text: &str) -> Matching {
    Matching { search: Some(text.into()), ..Matching::default() }
}

#[test]
fn rare_calls_are_found_among_many() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder);
    import_many(&ledger);
    let rare = Matching { project: Some("rare".into()), ..Matching::default() };
    let session = |session: &str| Matching { session: Some(session.into()), ..Matching::default() };
    let no_session = Matching { status: Some("refused".into()), ..session("session 7") };
    type Has = fn(i64) -> bool;
    let cases: [(Matching, Has); 9] = [
        (Matching::default(), |_| true),
        (rare.clone(), is_rare),
        (session("session 7"), |number| number / 100 == 7),
        (session("session"), |_| false),
        (no_session, |_| false),
        (search("RAR"), is_rare),
        (search("session 23"), |number| number / 100 == 23 || number / 1_000 == 23),
        (search("answer 42"), |number| number == 42),
        (search("nowhere"), |_| false),
    ];
    for (matching, has) in cases {
        let all: Vec<i64> = (0..CALLS).rev().filter(|number| has(*number)).collect();
        let whole = CallQuery { matching: matching.clone(), ..CallQuery::default() };
        assert_eq!(report::call_count(&ledger, &whole).unwrap().calls, all.len() as i64);
        for (offset, limit) in [(0, 10), (35, 100), (1_950, 100), (2_399, 9), (22_000, 50)] {
            let query = CallQuery { offset, ..whole.clone() };
            let offset = usize::try_from(offset).unwrap();
            let expected: Vec<i64> = all.iter().copied().skip(offset).take(limit).collect();
            let found = listed(&ledger, &query, u32::try_from(limit).unwrap());
            assert_eq!(found, expected, "{matching:?} from {offset}");
        }
        // Page by page, and within a time.
        let first = report::calls(&ledger, &whole, 60).unwrap();
        let query = CallQuery { cursor: first.cursor, ..whole.clone() };
        if first.cursor.is_some() {
            assert_eq!(listed(&ledger, &query, 60), all[60..all.len().min(120)]);
        }
        let (since, until) = (Some(at(700)), Some(at(2_400)));
        let part = all.iter().copied().filter(|number| (700..2_400).contains(number));
        let query = CallQuery { since, until, ..whole };
        assert_eq!(listed(&ledger, &query, 20), part.take(20).collect::<Vec<_>>());
    }
}
