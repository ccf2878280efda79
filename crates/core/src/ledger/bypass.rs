//! Times in which no limit refuses. Everything is counted all the same.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::active::Bypass;
use super::budget_event::record;
use super::error::{LedgerError, OpError};
use super::time::{from_ms, new_id, to_ms, to_the_millisecond};
use super::writer::Writing;

/// The bypass in force at `at`, if any.
pub(crate) fn in_force(
    connection: &Connection,
    at: DateTime<Utc>,
) -> rusqlite::Result<Option<Bypass>> {
    connection
        .prepare_cached(
            "SELECT from_ms, until_ms, actor, why FROM bypass \
             WHERE until_ms > ?1 AND from_ms <= ?1 ORDER BY until_ms DESC LIMIT 1",
        )?
        .query_row([to_ms(at)], read)
        .optional()
}

/// The bypass that was begun last, whether or not it is over: none of those before it reaches
/// beyond its beginning.
pub(crate) fn last(connection: &Connection) -> rusqlite::Result<Option<Bypass>> {
    connection
        .prepare_cached(
            "SELECT from_ms, until_ms, actor, why FROM bypass \
             WHERE until_ms > from_ms ORDER BY until_ms DESC LIMIT 1",
        )?
        .query_row([], read)
        .optional()
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Bypass> {
    Ok(Bypass {
        from: from_ms(row.get(0)?),
        until: from_ms(row.get(1)?),
        actor: row.get(2)?,
        why: row.get(3)?,
    })
}

/// Lets no limit refuse until `until`; one that is in force ends with it.
pub(crate) fn start(
    writing: &mut Writing<'_>,
    until: DateTime<Utc>,
    why: Option<&str>,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Bypass, OpError> {
    let (until, now) = (to_the_millisecond(until), to_the_millisecond(now));
    if until <= now {
        return Err(LedgerError::Invalid(
            "a bypass of no length: say how long, like 10m or 2h".into(),
        )
        .into());
    }
    end_running(writing, now)?;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO bypass (id, machine_id, from_ms, until_ms, actor, why) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![new_id(now), writing.machine_id, to_ms(now), to_ms(until), actor, why])?;
    tell_budgets(writing, actor, now, "bypassed", &json!({ "until": until, "why": why }))?;
    Ok(Bypass { from: now, until, actor: actor.to_owned(), why: why.map(str::to_owned) })
}

/// Ends the bypass in force; whether there was one.
pub(crate) fn off(
    writing: &mut Writing<'_>,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<bool, OpError> {
    let ended = end_running(writing, now)?;
    if ended {
        tell_budgets(writing, actor, now, "bypass_ended", &json!({}))?;
    }
    Ok(ended)
}

fn end_running(writing: &mut Writing<'_>, now: DateTime<Utc>) -> rusqlite::Result<bool> {
    writing.cache.forget_budgets();
    writing
        .connection
        .prepare_cached("UPDATE bypass SET until_ms = max(from_ms, ?1) WHERE until_ms > ?1")?
        .execute([to_ms(now)])
        .map(|ended| ended > 0)
}

/// A bypass is a change to each hard budget, so it is in the history of each.
fn tell_budgets(
    writing: &Writing<'_>,
    actor: &str,
    now: DateTime<Utc>,
    action: &str,
    detail: &Value,
) -> rusqlite::Result<()> {
    let seqs = writing
        .connection
        .prepare_cached("SELECT seq FROM budget WHERE removed_ms IS NULL AND kind = 'hard'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    seqs.into_iter().try_for_each(|seq| record(writing, seq, actor, now, action, detail))
}
