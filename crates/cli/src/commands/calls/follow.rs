//! `outlay calls --follow`: each call is printed once, when it has ended.

use std::collections::HashSet;
use std::time::Duration;

use outlay_core::ledger::Ledger;
use outlay_core::report::{self, CallQuery, CallView};
use uuid::Uuid;

use crate::commands::Form;
use crate::failure::Failure;
use crate::output::Out;
use crate::session::Session;

const LOOK_EVERY: Duration = Duration::from_millis(300);
const PAGE_ROWS: u32 = 200;

/// Prints the latest calls, then each further one, until nobody reads any more.
pub(super) fn run(
    ledger: &Ledger,
    latest: Vec<CallView>,
    session: &Session,
    form: Form,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut seen: HashSet<Uuid> = HashSet::new();
    let mut running: Vec<Uuid> = Vec::new();
    let mut fresh = latest;
    let mut revision = report::revision(ledger)?;
    loop {
        for call in fresh.into_iter().rev().filter(|call| seen.insert(call.id)) {
            if has_ended(&call) {
                print(&call, session, form, out)?;
            } else {
                running.push(call.id);
            }
        }
        running = ended(ledger, running, session, form, out)?;
        out.flush()?;
        revision = wait_for_change(ledger, revision)?;
        fresh = fresh_calls(ledger, &seen)?;
    }
}

/// Prints those that have ended; returns the others.
fn ended(
    ledger: &Ledger,
    running: Vec<Uuid>,
    session: &Session,
    form: Form,
    out: &mut Out,
) -> Result<Vec<Uuid>, Failure> {
    let mut still = Vec::new();
    for id in running {
        match report::call(ledger, id)? {
            Some(detail) if has_ended(&detail.call) => print(&detail.call, session, form, out)?,
            Some(_) => still.push(id),
            None => {}
        }
    }
    Ok(still)
}

fn wait_for_change(ledger: &Ledger, revision: i64) -> Result<i64, Failure> {
    loop {
        std::thread::sleep(LOOK_EVERY);
        let now = report::revision(ledger)?;
        if now != revision {
            return Ok(now);
        }
    }
}

/// The calls after those that are known, newest first.
fn fresh_calls(ledger: &Ledger, seen: &HashSet<Uuid>) -> Result<Vec<CallView>, Failure> {
    let mut fresh = Vec::new();
    let mut cursor = None;
    loop {
        let query = CallQuery { cursor, ..CallQuery::default() };
        let page = report::calls(ledger, &query, PAGE_ROWS)?;
        let unknown = page.rows.into_iter().take_while(|call| !seen.contains(&call.id));
        let before = fresh.len();
        fresh.extend(unknown);
        cursor = page.cursor;
        let is_whole_page = fresh.len() - before == PAGE_ROWS as usize;
        // On an empty ledger everything is new, however much it is.
        if !is_whole_page || cursor.is_none() {
            return Ok(fresh);
        }
    }
}

fn has_ended(call: &CallView) -> bool {
    !matches!(call.status.as_str(), "running" | "waiting")
}

fn print(call: &CallView, session: &Session, form: Form, out: &mut Out) -> Result<(), Failure> {
    if form.json { out.json(call) } else { super::line(call, session, out) }
}
