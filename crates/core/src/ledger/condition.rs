//! What holds for a while: an alert when it begins, perhaps one when it is over, and none in between,
//! whichever processes look and however often they are restarted.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::alert::{self, NewAlert};
use super::error::OpError;
use super::time::to_ms;
use super::writer::Writing;

/// What a look found of one thing.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) kind: &'static str,
    /// What makes two of them the same thing.
    pub(crate) key: String,
    /// `None` where it stays as it was: between two levels, or not to be told.
    pub(crate) holds: Option<bool>,
    pub(crate) on_begin: Option<NewAlert>,
    pub(crate) on_end: Option<NewAlert>,
}

/// What is to be written down.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Began(Box<Finding>),
    Ended(Box<Finding>),
    /// What it was about is gone.
    Forgotten {
        kind: String,
        key: String,
    },
}

/// What has changed since it was last written down.
pub(crate) fn changes(
    connection: &Connection,
    findings: Vec<Finding>,
) -> rusqlite::Result<Vec<Change>> {
    let mut known = connection
        .prepare_cached("SELECT kind, subject_key FROM condition")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<BTreeSet<(String, String)>>>()?;
    let mut changes = Vec::new();
    for finding in findings {
        let is_known = known.remove(&(finding.kind.to_owned(), finding.key.clone()));
        match (is_known, finding.holds) {
            (false, Some(true)) => changes.push(Change::Began(Box::new(finding))),
            (true, Some(false)) => changes.push(Change::Ended(Box::new(finding))),
            _ => {}
        }
    }
    changes.extend(known.into_iter().map(|(kind, key)| Change::Forgotten { kind, key }));
    Ok(changes)
}

/// Writes it down with its alert, unless another process was faster.
pub(crate) fn apply(
    writing: &mut Writing<'_>,
    changes: &[Change],
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let connection = writing.connection;
    let begin = |kind: &str, key: &str| {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO condition (kind, subject_key, since_ms) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![kind, key, to_ms(now)])
    };
    let end = |kind: &str, key: &str| {
        connection
            .prepare_cached("DELETE FROM condition WHERE kind = ?1 AND subject_key = ?2")?
            .execute([kind, key])
    };
    for change in changes {
        let alert = match change {
            Change::Began(finding) if begin(finding.kind, &finding.key)? == 1 => &finding.on_begin,
            Change::Ended(finding) if end(finding.kind, &finding.key)? == 1 => &finding.on_end,
            Change::Forgotten { kind, key } => {
                end(kind, key)?;
                continue;
            }
            Change::Began(_) | Change::Ended(_) => continue,
        };
        if let Some(alert) = alert {
            alert::fire_new(writing, alert, now)?;
        }
    }
    Ok(())
}
