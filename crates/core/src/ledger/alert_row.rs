//! Rows of the alert table, and those that the open transaction has still to write: no call that causes
//! one waits for it.

use rusqlite::{Connection, params};

use crate::alert::{AlertKind, AlertText, Severity};
use crate::refusal::Raise;

/// What the transaction that is open has still to write.
#[derive(Default)]
pub(crate) struct AlertRows(Vec<AlertRow>);

impl AlertRows {
    pub(super) fn enter(&mut self, row: AlertRow) {
        self.0.push(row);
    }

    /// Writes down all: to be called before anything looks for one in the file, and before each commit.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.0.drain(..).try_for_each(|row| record(connection, &row).map(drop))
    }
}

/// An alert about to be recorded: as its columns.
pub(crate) struct AlertRow {
    pub(super) id: [u8; 16],
    pub(super) machine_id: [u8; 16],
    pub(super) at_ms: i64,
    pub(super) kind: AlertKind,
    pub(super) severity: Severity,
    pub(super) subject: String,
    pub(super) key: String,
    pub(super) period_start_ms: i64,
    pub(super) threshold: i64,
    pub(super) text: AlertText,
    pub(super) raise: Option<Raise>,
}

/// Records the alert, or one more occurrence where the same was recorded before and such are counted;
/// `true` if it is new.
pub(super) fn record(connection: &Connection, row: &AlertRow) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "INSERT INTO alert (id, machine_id, at_ms, kind, severity, subject, subject_key, \
             period_start_ms, threshold, title, body, raise_by, raise_unit) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT (kind, subject_key, period_start_ms, threshold) \
             DO UPDATE SET occurrences = occurrences + ?14 RETURNING id = ?1",
        )?
        .query_row(
            params![
                row.id,
                row.machine_id,
                row.at_ms,
                row.kind.as_str(),
                row.severity.as_str(),
                row.subject,
                row.key,
                row.period_start_ms,
                row.threshold,
                row.text.title,
                row.text.body,
                row.raise.as_ref().map(|raise| &raise.by),
                row.raise.as_ref().map(|raise| raise.unit.as_str()),
                row.kind.is_counted(),
            ],
            |row| row.get(0),
        )
}
