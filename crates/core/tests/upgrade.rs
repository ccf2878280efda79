//! A ledger of the first version, brought to this one.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions, not what they share")]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use outlay_core::ledger::{Ledger, LedgerError, Opening, Role};
use outlay_core::report;
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

const FIRST: &str = include_str!("../src/ledger/migrations/0001_ledger.sql");
/// A call that spent $0.002 in a budget of $5.
const ROWS: &str = "
    INSERT INTO machine VALUES (zeroblob(16), 'this machine', 0);
    INSERT INTO ledger (only_row, machine_id, fingerprint_secret, revision)
        VALUES (1, zeroblob(16), zeroblob(32), 7);
    INSERT INTO dimension VALUES (1, 1, 'proxy'), (2, 2, 'openai');
    INSERT INTO account (id, name) VALUES (1, 'openai');
    INSERT INTO call (seq, id, machine_id, account_id, started_ms, source_id, provider_id, status,
        basis, input_tokens, output_tokens, cost_pico)
        VALUES (1, x'019a0000000070008000000000000001', zeroblob(16), 1, 1763726400000, 1, 2,
        'settled', 'priced', 10, 200, 2000000000);
    INSERT INTO budget (seq, id, machine_id, name, kind, unit, limit_count, window_name,
        window_anchor, timezone, warn_percent, scope, allow_unpriced, may_cap, created_ms)
        VALUES (1, x'019a0000000070008000000000000002', zeroblob(16), 'all', 'hard', 'USD',
        5000000000000, 'total', 0, 'UTC', '[80]', '{}', 0, 1, 0);
    INSERT INTO counter (budget_seq, period_start_ms, spent, held) VALUES (1, 0, 2000000000, 0);
    INSERT INTO call_budget VALUES (1, 1, 0, 3000000000, 2000000000);
    PRAGMA user_version = 1;";

fn first_version(folder: &Path) {
    let connection = Connection::open(folder.join("outlay.db")).unwrap();
    connection.execute_batch(FIRST).unwrap();
    connection.execute_batch(ROWS).unwrap();
}

fn open(folder: &Path) -> Result<Ledger, LedgerError> {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    Ledger::open(folder, Opening { role: Role::Forward, now, changed: Arc::new(|| {}) })
}

#[test]
fn what_was_spent_and_held_is_still_there() {
    let folder = TempDir::new().unwrap();
    first_version(folder.path());
    // A copy that was begun and not finished, and one of an earlier attempt.
    std::fs::write(folder.path().join("outlay.db.copying"), "half").unwrap();
    std::fs::write(folder.path().join("outlay.db.before-migration-from-1"), "earlier").unwrap();
    let ledger = open(folder.path()).unwrap();
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let budget = report::budget(&ledger, "all", now).unwrap().unwrap();
    assert_eq!((budget.used.to_string(), budget.held.to_string()), ("0.002".into(), "0.00".into()));
    let id: Uuid = "019a0000-0000-7000-8000-000000000001".parse().unwrap();
    let call = report::call(&ledger, id).unwrap().unwrap();
    let share = &call.budgets[0];
    assert_eq!((share.budget.as_str(), share.held.to_string()), ("all", "0.003".into()));
    assert_eq!(share.charged.unwrap().to_string(), "0.002");
    ledger.check_integrity().unwrap();
    let copy = Connection::open(folder.path().join("outlay.db.before-migration-from-1-2")).unwrap();
    let shares: i64 =
        copy.query_row("SELECT count(*) FROM call_budget", [], |row| row.get(0)).unwrap();
    assert_eq!(shares, 1);
}

#[test]
fn a_process_of_the_earlier_version_is_not_pulled_the_rug_from_under() {
    let folder = TempDir::new().unwrap();
    first_version(folder.path());
    let processes = folder.path().join("processes");
    std::fs::create_dir(&processes).unwrap();
    let alive = File::create(processes.join("one.lock")).unwrap();
    alive.lock().unwrap();
    let error = open(folder.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains("earlier version of Outlay: stop that first"), "{error}");
    drop(alive);
    open(folder.path()).unwrap();
}
