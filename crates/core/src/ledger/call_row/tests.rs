//! A call that ends within the transaction that admitted it leaves the row that it would have left
//! otherwise.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::types::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::admission::Bounds;
use crate::ledger::asker::Asking;
use crate::ledger::cache::Cache;
use crate::ledger::error::OpError;
use crate::ledger::reserve::reserve;
use crate::ledger::settle::settle;
use crate::ledger::writer::{Course, Writing};
use crate::ledger::{process, schema};

const OWNER: [u8; 16] = [7; 16];

fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn call(number: u8) -> NewCall {
    NewCall {
        id: Uuid::from_bytes([number; 16]),
        at: noon() + TimeDelta::seconds(i64::from(number)),
        source: "proxy".into(),
        provider: "openai".into(),
        model_requested: Some("gpt-5".into()),
        project: Some("demo".into()),
        session: Some(format!("session {number}")),
        client: None,
        key: None,
        tags: "team=a".into(),
        run: None,
        plan_login: false,
        service_tier: None,
        bounds: Bounds {
            input_tokens_max: 100,
            input_tokens_usual: 50,
            output_tokens_max: Some(10),
            output_tokens_default: 16_384,
            default_is_proven: true,
            output_tokens_floor: 16,
            can_cap: true,
            can_stop: false,
            is_bounded: true,
        },
        is_strict: false,
    }
}

fn bill(usage: Option<Usage>, basis: Basis) -> Bill {
    let cost = Some(Money::from_picodollars(1_234));
    let service_tier = Some("flex".to_owned());
    Bill { usage, cost, cost_stated: cost, basis, price: None, service_tier }
}

fn settlement(bill: Option<Bill>, response_id: Option<&str>, ended: bool) -> Settlement {
    Settlement {
        bill,
        model: Some("gpt-5-2026".into()),
        response_id: response_id.map(str::to_owned),
        turn_prompt_tokens: Some(9),
        output_shown_tokens: None,
        http_status: Some(200),
        error_kind: Some("other"),
        duration: Some(TimeDelta::milliseconds(1_234)),
        first_byte: Some(TimeDelta::milliseconds(200)),
        at: noon() + TimeDelta::minutes(1),
        ended,
    }
}

/// All rows when the calls have been admitted and then settled, by `course`, in one transaction.
fn rows(course: Course, settlements: &[Settlement]) -> Vec<BTreeMap<String, Value>> {
    let folder = TempDir::new().unwrap();
    let opened = schema::open(&folder.path().join("outlay.db"), noon()).unwrap();
    let (connection, identity) = (opened.connection, opened.identity);
    let processes = folder.path().join(process::FOLDER);
    let _alive = process::Liveness::take(&processes, OWNER, &connection, noon()).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut cache, mut notes) = (Cache::default(), Vec::new());
    let writing = &mut Writing {
        connection: &connection,
        cache: &mut cache,
        machine_id: identity.machine_id,
        process_id: OWNER,
        notes: &mut notes,
        course,
    };
    let mut run = || -> Result<(), OpError> {
        for number in 1..=settlements.len() {
            reserve(writing, &call(number as u8), Asking::First, &mut None)?;
        }
        for (index, settlement) in settlements.iter().enumerate() {
            let id = Uuid::from_bytes([index as u8 + 1; 16]);
            settle(writing, id, &Arc::new(settlement.clone()))?;
        }
        // One runs on.
        reserve(writing, &call(100), Asking::First, &mut None)?;
        Ok(())
    };
    assert!(run().is_ok());
    cache.flush(&connection).unwrap();
    connection.execute_batch("COMMIT").unwrap();
    let mut statement = connection.prepare("SELECT * FROM call ORDER BY seq").unwrap();
    let names: Vec<_> = statement.column_names().into_iter().map(str::to_owned).collect();
    let row = |row: &rusqlite::Row<'_>| {
        let cells = names.iter().map(|name| Ok((name.clone(), row.get(name.as_str())?)));
        cells.collect::<rusqlite::Result<BTreeMap<_, _>>>()
    };
    let rows = statement.query_map([], row).unwrap().collect::<rusqlite::Result<Vec<_>>>();
    // How often a row was written is what differs, and the machine.
    let uncounted = |mut row: BTreeMap<String, Value>| {
        row.retain(|name, _| !matches!(name.as_str(), "rev" | "machine_id"));
        row
    };
    rows.unwrap().into_iter().map(uncounted).collect()
}

#[test]
fn a_row_that_is_written_once_says_what_one_says_that_was_changed() {
    let plain = Usage { input_tokens: 3, output_tokens: 5, ..Usage::default() };
    let rare = Usage { pages: 2, reasoning_tokens: Some(1), ..plain };
    let settlements = [
        settlement(Some(bill(Some(plain), Basis::Priced)), Some("a"), false),
        settlement(Some(bill(Some(rare), Basis::Stated)), Some("a"), false),
        settlement(Some(bill(None, Basis::Estimated)), Some("a"), true),
        settlement(Some(bill(None, Basis::Unpriced)), None, false),
        settlement(None, None, false),
    ];
    let at_once = rows(Course::Open, &settlements);
    assert_eq!(at_once, rows(Course::Closed, &settlements));
    let cells = |name: &str| at_once.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    let texts =
        |texts: &[&str]| texts.iter().map(|&text| Value::Text(text.into())).collect::<Vec<_>>();
    let expected = ["settled", "settled", "estimated", "estimated", "failed", "running"];
    assert_eq!(cells("status"), texts(&expected));
    let repeats = [0, 1, 1, 0, 0, 0].map(Value::Integer);
    assert_eq!(cells("response_repeats"), repeats);
    assert_eq!(cells("seq"), [1, 2, 3, 4, 5, 6].map(Value::Integer));
    assert_eq!(cells("limit_action")[2], Value::Text("ended".into()));
    assert_eq!(cells("owner").iter().filter(|owner| **owner != Value::Null).count(), 1);
}
