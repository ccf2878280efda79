//! Recovery: the calls of processes that have died are settled as estimated.

use std::collections::HashSet;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::error::OpError;
use super::process::is_dead;
use super::settle::abandon;
use super::time::uuid_of;
use super::writer::Writing;

/// Settles what dead processes left running, at its bound: whether the provider billed it, nobody
/// here can know. Returns how many calls that was.
pub(crate) fn recover(
    writing: &mut Writing<'_>,
    processes: &Path,
    now: DateTime<Utc>,
) -> Result<u64, OpError> {
    let running = writing
        .connection
        .prepare_cached("SELECT id, owner FROM call WHERE owner IS NOT NULL AND owner <> ?1")?
        .query_map([writing.process_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<([u8; 16], [u8; 16])>>>()?;
    let owners: HashSet<[u8; 16]> = running.iter().map(|(_, owner)| *owner).collect();
    let dead: HashSet<[u8; 16]> =
        owners.into_iter().filter(|owner| is_dead(processes, *owner)).collect();
    let mut settled = 0;
    for (id, _) in running.iter().filter(|(_, owner)| dead.contains(owner)) {
        settled += u64::from(abandon(writing, uuid_of(*id), true, now)?);
    }
    Ok(settled)
}
