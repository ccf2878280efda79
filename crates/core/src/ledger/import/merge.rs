//! A call that passed the proxy and that a log tells of: its row is the proxy's, and takes from the log
//! what the proxy did not see.

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::row::Row;
use super::twin::How;
use super::{ImportedCall, withdraw};
use crate::ledger::dimension::{Dimension, intern, intern_some};
use crate::ledger::error::OpError;
use crate::ledger::outside::Sums;
use crate::ledger::rollup::RollupKey;
use crate::ledger::writer::Writing;

/// Notes that the entry is the proxy's row `twin`.
pub(super) fn merge(
    writing: &mut Writing<'_>,
    call: &ImportedCall,
    twin: i64,
    how: How,
) -> Result<(), OpError> {
    let source = intern(writing, Dimension::Source, &call.source)?;
    note(writing, call.key, (twin, how), source)?;
    let told = Told {
        project: intern_some(writing, Dimension::Project, call.project.as_deref())?,
        session: intern_some(writing, Dimension::Session, call.session.as_deref())?,
        client: intern_some(writing, Dimension::Client, call.client.as_deref())?,
    };
    fill(writing, twin, told)
}

/// The proxy's rows take the place of those that imports made: `(import's, proxy's, how found)`.
pub(super) fn replace(
    writing: &mut Writing<'_>,
    found: &[(i64, i64, How)],
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let mut outside = Sums::default();
    for (seq, twin, how) in found {
        let Some(row) = Row::read(writing.connection, *seq)? else { continue };
        note(writing, row.call.key, (*twin, *how), row.source)?;
        withdraw::withdraw(writing, &row, &mut outside, now)?;
        // It was told to be one of two.
        writing
            .connection
            .prepare_cached("UPDATE OR IGNORE call SET response_repeats = 0 WHERE seq = ?1")?
            .execute([twin])?;
        let some = |id: i64| Some(id).filter(|id| *id != 0);
        let (project, client) = (some(row.key.project), some(row.key.client));
        fill(writing, *twin, Told { project, session: row.session, client })?;
    }
    Ok(outside.write(writing.connection)?)
}

/// What a log told of a call.
#[derive(Clone, Copy)]
struct Told {
    project: Option<i64>,
    session: Option<i64>,
    client: Option<i64>,
}

/// The row takes what it has none of; sums follow. Budgets stay as they were when it was admitted.
fn fill(writing: &mut Writing<'_>, seq: i64, told: Told) -> Result<(), OpError> {
    let Some(row) = Row::read(writing.connection, seq)? else { return Ok(()) };
    let key = RollupKey {
        project: if row.key.project == 0 { told.project.unwrap_or(0) } else { row.key.project },
        client: if row.key.client == 0 { told.client.unwrap_or(0) } else { row.key.client },
        ..row.key
    };
    if key == row.key && (row.session.is_some() || told.session.is_none()) {
        return Ok(());
    }
    if row.is_billed && key != row.key {
        let (started, usage, value) = (row.call.started(), Some(&row.call.usage), row.value());
        writing.cache.rollups.subtract(started, row.key, usage, value);
        writing.cache.rollups.add(started, key, usage, value);
    }
    writing
        .connection
        .prepare_cached(
            "UPDATE call SET rev = rev + 1, project_id = coalesce(project_id, ?2), \
             session_id = coalesce(session_id, ?3), client_id = coalesce(client_id, ?4) \
             WHERE seq = ?1",
        )?
        .execute(params![seq, told.project, told.session, told.client])?;
    Ok(())
}

fn note(
    writing: &Writing<'_>,
    key: [u8; 16],
    (twin, how): (i64, How),
    source: i64,
) -> rusqlite::Result<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO logged (key, call_seq, source_id, how) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![key, twin, source, how as i64])
        .map(drop)
}
