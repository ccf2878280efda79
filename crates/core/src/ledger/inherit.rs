//! Calls that a dead process had admitted and not committed: entered as if it had, so that they are
//! settled with the others that it left running.

use std::path::Path;

use super::call::Entry;
use super::enter::{self, insert_with};
use super::error::OpError;
use super::note::Note;
use super::process::is_dead;
use super::shares::Shares;
use super::time::from_ms;
use super::writer::Writing;
use super::{account, budget, journal};
use crate::budget::Window;

/// Enters them; returns the processes whose journals may be removed once that is committed.
pub(crate) fn calls_of_the_dead(
    writing: &mut Writing<'_>,
    processes: &Path,
) -> Result<Vec<[u8; 16]>, OpError> {
    let own = writing.process_id;
    let is_left = |process: &[u8; 16]| *process != own && is_dead(processes, *process);
    let dead: Vec<[u8; 16]> = journal::owners(processes).into_iter().filter(is_left).collect();
    for process in &dead {
        for text in journal::left_by(processes, *process) {
            if let Some(note) = Note::of_text(&text) {
                enter(writing, &note, *process)?;
            }
        }
    }
    Ok(dead)
}

fn enter(writing: &mut Writing<'_>, note: &Note<'_>, owner: [u8; 16]) -> Result<(), OpError> {
    let call = note.call();
    let is_there = writing
        .connection
        .prepare_cached("SELECT 1 FROM call WHERE id = ?1")?
        .exists([call.id.as_bytes()])?;
    if is_there {
        return Ok(());
    }
    let key = call.key.as_deref();
    let account = account::of_call(writing, &call.provider, key, call.plan_login, call.at)?;
    let dimensions = enter::dimensions(writing, &call)?;
    let shares = note.shares();
    let budgets = budget::active(writing)?;
    for share in &shares {
        let active = budgets.iter().find(|active| active.seq == share.budget_seq);
        if let Some(active) = active.filter(|active| active.budget.window != Window::Call) {
            let counters = &mut writing.cache.counters;
            let period = counters.period(active, from_ms(share.period_start_ms));
            counters.add(writing.connection, active, period, 0, share.held)?;
        }
    }
    let entry = Entry {
        status: "running",
        limit_action: note.output_cap.map(|_| "capped"),
        output_cap: note.output_cap,
        ceiling: note.ceiling(),
        refusal: None,
        refused_by: None,
        shares: Shares(shares),
        owner: Some(owner),
        is_unbounded: false,
    };
    insert_with(writing, &call, account, &dimensions, &entry)?;
    Ok(())
}
