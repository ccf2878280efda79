//! Rows of the alert table, and those that the open transaction has still to write: no call that causes
//! one waits for it.

use std::collections::VecDeque;

use rusqlite::{Connection, Statement};

use crate::alert::{AlertKind, AlertText, Severity};
use crate::refusal::Raise;

/// So many rows are written in a fraction of a millisecond.
const SLICE: usize = 16;

/// What the transaction that is open has still to write.
#[derive(Default)]
pub(crate) struct AlertRows(VecDeque<AlertRow>);

impl AlertRows {
    pub(super) fn enter(&mut self, row: AlertRow) {
        self.0.push_back(row);
    }

    /// Whether they are too many to be written at once while calls wait.
    pub(crate) fn are_many(&self) -> bool {
        self.0.len() > SLICE
    }

    /// Writes down the first ones.
    pub(crate) fn write_slice(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let slice = SLICE.min(self.0.len());
        self.0.drain(..slice).try_for_each(|row| enter(connection, &row))
    }

    /// Writes down all: to be called before anything looks for one in the file, and before each commit.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.0.drain(..).try_for_each(|row| enter(connection, &row))
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
    let mut insert = connection.prepare_cached(&format!("{INSERT} RETURNING id = ?1"))?;
    row.bind(&mut insert)?;
    let mut rows = insert.raw_query();
    rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?.get(0)
}

/// As [`record`] without the answer, which costs as much as the rest.
fn enter(connection: &Connection, row: &AlertRow) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(INSERT)?;
    row.bind(&mut insert)?;
    insert.raw_execute().map(drop)
}

const INSERT: &str = "INSERT INTO alert (id, machine_id, at_ms, kind, severity, subject, subject_key, \
     period_start_ms, threshold, title, body, raise_by, raise_unit) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
     ON CONFLICT (kind, subject_key, period_start_ms, threshold) \
     DO UPDATE SET occurrences = occurrences + ?14";

impl AlertRow {
    fn bind(&self, insert: &mut Statement<'_>) -> rusqlite::Result<()> {
        let raise = self.raise.as_ref();
        insert.raw_bind_parameter(1, self.id)?;
        insert.raw_bind_parameter(2, self.machine_id)?;
        insert.raw_bind_parameter(3, self.at_ms)?;
        insert.raw_bind_parameter(4, self.kind.as_str())?;
        insert.raw_bind_parameter(5, self.severity.as_str())?;
        insert.raw_bind_parameter(6, &self.subject)?;
        insert.raw_bind_parameter(7, &self.key)?;
        insert.raw_bind_parameter(8, self.period_start_ms)?;
        insert.raw_bind_parameter(9, self.threshold)?;
        insert.raw_bind_parameter(10, &self.text.title)?;
        insert.raw_bind_parameter(11, &self.text.body)?;
        insert.raw_bind_parameter(12, raise.map(|raise| &raise.by))?;
        insert.raw_bind_parameter(13, raise.map(|raise| raise.unit.as_str()))?;
        insert.raw_bind_parameter(14, self.kind.is_counted())
    }
}
