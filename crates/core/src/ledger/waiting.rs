//! The queue before a budget: who waits for money that running calls hold, first come first served.
//! A ticket is the `seq` of the call's own row.

use rusqlite::{Connection, params};

use super::time::to_ms;
use super::writer::Writing;

/// Whether somebody who came earlier waits before one of the budgets; their index in `budgets`.
/// `ticket`: the call's own, if it has one. Each budget comes with whether what the call costs there
/// is bounded: such a call passes those that only wait for their like.
pub(crate) fn queued_before(
    writing: &mut Writing<'_>,
    budgets: impl Iterator<Item = (i64, bool)>,
    ticket: Option<i64>,
) -> rusqlite::Result<Option<usize>> {
    if writing.cache.queue_is_empty() {
        return Ok(None);
    }
    let is_empty =
        !writing.connection.prepare_cached("SELECT 1 FROM waiting LIMIT 1")?.exists([])?;
    writing.cache.remember_queue(is_empty);
    if is_empty {
        return Ok(None);
    }
    let mut earlier = writing.connection.prepare_cached(
        "SELECT 1 FROM waiting \
         WHERE budget_seq = ?1 AND call_seq < ?2 AND for_its_like <= ?3 LIMIT 1",
    )?;
    for (index, (budget, is_bounded)) in budgets.enumerate() {
        if earlier.exists(params![budget, ticket.unwrap_or(i64::MAX), !is_bounded])? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Puts the call into the queue before the budget, where it keeps its place. `for_its_like`: it waits
/// for others that nobody can bound, not for money.
pub(crate) fn enter(
    writing: &mut Writing<'_>,
    budget_seq: i64,
    call_seq: i64,
    for_its_like: bool,
    at: chrono::DateTime<chrono::Utc>,
) -> rusqlite::Result<()> {
    writing.cache.remember_queue(false);
    writing
        .connection
        .prepare_cached(
            "INSERT INTO waiting (budget_seq, call_seq, since_ms, for_its_like) \
             VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET for_its_like = excluded.for_its_like \
             WHERE for_its_like <> excluded.for_its_like",
        )?
        .execute(params![budget_seq, call_seq, to_ms(at), for_its_like])
        .map(drop)
}

/// Takes the call out of every queue; whether it was in one.
pub(crate) fn leave(writing: &Writing<'_>, call_seq: i64) -> rusqlite::Result<bool> {
    writing
        .connection
        .prepare_cached("DELETE FROM waiting WHERE call_seq = ?1")?
        .execute([call_seq])
        .map(|left| left > 0)
}

/// How many calls wait before the budget, and since when the first of them.
pub(crate) fn queue(
    connection: &Connection,
    budget_seq: i64,
) -> rusqlite::Result<(i64, Option<i64>)> {
    connection
        .prepare_cached("SELECT count(*), min(since_ms) FROM waiting WHERE budget_seq = ?1")?
        .query_row([budget_seq], |row| Ok((row.get(0)?, row.get(1)?)))
}
