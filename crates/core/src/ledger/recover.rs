//! Recovery: the calls of processes that have died are settled as estimated.

use std::collections::HashSet;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::error::OpError;
use super::process::is_dead;
use super::settle::abandon;
use super::time::uuid_of;
use super::writer::Writing;
use super::{budget, inherit, refuse};

/// Settles what dead processes left running, at its bound: whether the provider billed it, nobody
/// here can know.
pub(crate) fn recover(
    writing: &mut Writing<'_>,
    processes: &Path,
    now: DateTime<Utc>,
) -> Result<Recovered, OpError> {
    let journals = inherit::calls_of_the_dead(writing, processes)?;
    let running = writing
        .connection
        .prepare_cached(
            "SELECT id, owner, seq, status = 'waiting' FROM call \
             WHERE owner IS NOT NULL AND owner <> ?1",
        )?
        .query_map([writing.process_id], |row| {
            Ok(Left { id: row.get(0)?, owner: row.get(1)?, seq: row.get(2)?, waits: row.get(3)? })
        })?
        .collect::<rusqlite::Result<Vec<Left>>>()?;
    let owners: HashSet<[u8; 16]> = running.iter().map(|left| left.owner).collect();
    let dead: HashSet<[u8; 16]> =
        owners.into_iter().filter(|owner| is_dead(processes, *owner)).collect();
    let mut settled = 0;
    for left in running.iter().filter(|left| dead.contains(&left.owner)) {
        if left.waits {
            refuse::cancel(writing, left.seq)?;
        } else {
            settled += u64::from(abandon(writing, uuid_of(left.id), true, now)?);
        }
    }
    end_runs(writing, processes, now)?;
    Ok(Recovered { calls: settled, journals })
}

/// What was recovered.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Calls that were settled.
    pub(crate) calls: u64,
    /// Processes whose journals tell nothing more, once this is committed.
    pub(crate) journals: Vec<[u8; 16]>,
}

/// A call that another process runs, or ran.
struct Left {
    id: [u8; 16],
    owner: [u8; 16],
    seq: i64,
    waits: bool,
}

/// Removes the budgets of runs whose process has ended.
fn end_runs(
    writing: &mut Writing<'_>,
    processes: &Path,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let runs = writing
        .connection
        .prepare_cached(
            "SELECT name, owner FROM budget \
             WHERE removed_ms IS NULL AND owner IS NOT NULL AND owner <> ?1",
        )?
        .query_map([writing.process_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, [u8; 16])>>>()?;
    for (name, _) in runs.iter().filter(|(_, owner)| is_dead(processes, *owner)) {
        budget::remove(writing, name, "recovery", now)?;
    }
    Ok(())
}
