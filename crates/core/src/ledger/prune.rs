//! Old calls are deleted, in small slices; the sums that reports read stay.
//!
//! A budget may be counted anew from the calls of its present period, so those stay. Balances are kept as
//! amounts, and need no call.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{LedgerError, OpError};
use super::handle::Ledger;

use super::time::{from_ms, to_ms};
use super::writer::{Retry, Writing};
use super::{budget, gone, recount};

/// So many calls are deleted at first in one transaction.
const FIRST_SLICE: u32 = 50;
const SLICE_MAX: u32 = 500;
/// A slice that took as long is made smaller; others wait for it.
const SLICE_TAKES_MAX: Duration = Duration::from_millis(5);
/// For so long others may write after each slice.
const ROOM: Duration = Duration::from_millis(10);
/// How far apart a log and the proxy may see the end of a call.
const ENDS_APART: TimeDelta = TimeDelta::seconds(10);

/// What may be deleted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Prunable {
    /// Calls that ended before it may be.
    pub until: DateTime<Utc>,
    /// How many those are.
    pub calls: u64,
    /// When the first of them began.
    pub oldest: Option<DateTime<Utc>>,
    /// The budget whose present period needs what is later, where that is why it is not more.
    pub held_by: Option<String>,
}

impl Ledger {
    /// What may be deleted of the calls that ended before `before`. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn prunable(
        &self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Prunable, LedgerError> {
        self.read(|connection| prunable(connection, before, now))
    }

    /// Deletes ended calls from before `before`, as far as nobody needs them; how many. Blocks, and lets
    /// others write in between.
    ///
    /// # Errors
    /// When the file cannot be read or written; what was deleted until then stays so.
    pub fn prune(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        let until = self.prunable(before, now)?.until;
        let (mut at_once, mut deleted) = (FIRST_SLICE, 0);
        loop {
            let began = Instant::now();
            let slice =
                self.submit(Retry::Never, move |writing| delete(writing, until, at_once)).wait()?;
            deleted += slice;
            if slice < u64::from(at_once) {
                return Ok(deleted);
            }
            at_once = match began.elapsed() {
                took if took > SLICE_TAKES_MAX => (at_once / 2).max(1),
                took if took < SLICE_TAKES_MAX / 3 => (at_once * 2).min(SLICE_MAX),
                _ => at_once,
            };
            std::thread::sleep(ROOM);
        }
    }
}

/// What is known of calls that are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forgotten {
    /// As [`gone::kept_since_ms`].
    kept_since_ms: Option<i64>,
}

impl Forgotten {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Forgotten> {
        Ok(Forgotten { kept_since_ms: gone::kept_since_ms(connection)? })
    }

    /// Whether the entry of a log is of a call that is gone.
    pub(crate) fn holds(
        self,
        connection: &Connection,
        key: &[u8; 16],
        ended: DateTime<Utc>,
    ) -> rusqlite::Result<bool> {
        let Some(kept_since_ms) = self.kept_since_ms else { return Ok(false) };
        if to_ms(ended - ENDS_APART) < kept_since_ms {
            return Ok(true);
        }
        connection.prepare_cached("SELECT 1 FROM forgotten WHERE key = ?1")?.exists([key])
    }
}

/// Calls that may go: they have ended, and their numbers are not to be given again.
const OLD: &str = "started_ms < ?1 AND started_ms + coalesce(duration_ms, 0) < ?1 \
     AND owner IS NULL AND status NOT IN ('running', 'waiting') \
     AND seq < (SELECT max(seq) FROM call)";

fn prunable(
    connection: &Connection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Prunable, OpError> {
    let (mut until, mut held_by) = (before.min(now), None);
    for active in budget::load(connection)? {
        match recount::needed_since(connection, &active, now)? {
            Some(since) if since < until => {
                until = since;
                held_by = Some(active.budget.name);
            }
            _ => {}
        }
    }
    let sql = format!("SELECT count(*), min(started_ms) FROM call WHERE {OLD}");
    let found = connection.query_row(&sql, [to_ms(until)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    let calls = u64::try_from(found.0).unwrap_or(0);
    Ok(Prunable { until, calls, oldest: found.1.map(from_ms), held_by })
}

/// Deletes a slice, the oldest first; how many calls.
fn delete(writing: &mut Writing<'_>, until: DateTime<Utc>, at_once: u32) -> Result<u64, OpError> {
    let connection = writing.connection;
    let until_ms = to_ms(until);
    let sql = format!("SELECT seq FROM call WHERE {OLD} ORDER BY started_ms LIMIT ?2");
    let old: Vec<i64> = connection
        .prepare_cached(&sql)?
        .query_map(params![until_ms, at_once], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if old.is_empty() {
        return Ok(0);
    }
    // Before anything is gone: an import must not take it for new.
    connection
        .prepare_cached("UPDATE ledger SET kept_since_ms = max(coalesce(kept_since_ms, ?1), ?1)")?
        .execute([until_ms])?;
    for seq in &old {
        remember(connection, *seq)?;
        for statement in [
            "DELETE FROM logged WHERE call_seq = ?1",
            "DELETE FROM decision WHERE call_seq = ?1",
            "DELETE FROM call WHERE seq = ?1",
        ] {
            connection.prepare_cached(statement)?.execute([seq])?;
        }
    }
    Ok(old.len() as u64)
}

/// Keeps of a call what is counted or compared later.
fn remember(connection: &Connection, seq: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO forgotten SELECT key FROM logged WHERE call_seq = ?1 \
             UNION SELECT log_key FROM call WHERE seq = ?1 AND log_key IS NOT NULL",
        )?
        .execute([seq])?;
    let is_usual = connection
        .prepare_cached(
            "SELECT status = 'settled' AND limit_action IS NULL FROM call WHERE seq = ?1",
        )?
        .query_row([seq], |row| row.get(0))
        .optional()?
        .unwrap_or(true);
    if is_usual {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO forgotten_ends SELECT provider_id, status, coalesce(error_kind, ''), \
             coalesce(refusal, ''), coalesce(limit_action, ''), 1 + repeats, 1 FROM call \
             WHERE seq = ?1 ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, \
             call_rows = call_rows + excluded.call_rows",
        )?
        .execute([seq])
        .map(drop)
}
