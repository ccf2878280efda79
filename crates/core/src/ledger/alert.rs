//! The alert outbox: an alert is recorded in the transaction that caused it, and delivered by
//! exactly one process.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::error::OpError;
use super::time::{from_ms, new_id, to_ms, uuid_of};
use super::writer::Writing;
use crate::alert::{AlertKind, AlertText, Severity};

/// How long a claim lasts before another process may take the alert over.
const CLAIM_SECONDS: i64 = 60;

/// An alert as recorded and delivered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AlertView {
    /// Its id.
    pub id: Uuid,
    /// When it fired.
    pub time: DateTime<Utc>,
    /// `info warning critical`.
    pub severity: String,
    /// `budget_threshold budget_refused balance_low balance_floor recharge_missing upstream_empty loop burst idle_spend test`.
    pub kind: String,
    /// The budget, account, project or client it is about.
    pub subject: String,
    /// One short line.
    pub title: String,
    /// The figures, and what to do.
    pub body: String,
    /// When it reached the user; `None` if it has not.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Why it could not be delivered.
    pub error: Option<String>,
}

/// An alert about to be recorded: once per (kind, key, period, threshold).
#[derive(Debug)]
pub(crate) struct Fired<'a> {
    pub(crate) kind: AlertKind,
    pub(crate) severity: Severity,
    pub(crate) subject: &'a str,
    /// What makes two alerts the same, beside their kind, period and threshold.
    pub(crate) key: &'a str,
    pub(crate) period_start: DateTime<Utc>,
    pub(crate) threshold: i64,
    pub(crate) text: AlertText,
}

/// An alert that no change of the ledger caused.
#[derive(Clone, Debug)]
pub struct NewAlert {
    /// What happened.
    pub kind: AlertKind,
    /// How much it matters.
    pub severity: Severity,
    /// The project or client it is about, as shown.
    pub subject: String,
    /// What makes two of them the same, beside their kind and period.
    pub key: String,
    /// The beginning of the time in which it fires once.
    pub period_start: DateTime<Utc>,
    /// Its words.
    pub text: AlertText,
}

/// As [`fire`].
pub(crate) fn fire_new(
    writing: &Writing<'_>,
    alert: &NewAlert,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let fired = Fired {
        kind: alert.kind,
        severity: alert.severity,
        subject: &alert.subject,
        key: &alert.key,
        period_start: alert.period_start,
        threshold: 0,
        text: alert.text.clone(),
    };
    fire(writing, &fired, now)
}

/// Records the alert unless the same was recorded before; `true` if it is new.
pub(crate) fn fire(
    writing: &Writing<'_>,
    fired: &Fired<'_>,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let rows = writing
        .connection
        .prepare_cached(
            "INSERT OR IGNORE INTO alert (id, machine_id, at_ms, kind, severity, subject, \
             subject_key, period_start_ms, threshold, title, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            new_id(now),
            writing.machine_id,
            to_ms(now),
            fired.kind.as_str(),
            fired.severity.as_str(),
            fired.subject,
            fired.key,
            to_ms(fired.period_start),
            fired.threshold,
            fired.text.title,
            fired.text.body,
        ])?;
    Ok(rows == 1)
}

const COLUMNS: &str = "id, at_ms, severity, kind, subject, title, body, delivered_ms, error";

/// Takes the undelivered alerts for this process, all or those of one severity, oldest first.
pub(crate) fn claim(
    writing: &Writing<'_>,
    only: Option<Severity>,
    now: DateTime<Utc>,
) -> Result<Vec<AlertView>, OpError> {
    let stale = to_ms(now - TimeDelta::seconds(CLAIM_SECONDS));
    let sql = format!(
        "UPDATE alert SET claimed_by = ?1, claimed_ms = ?2 \
         WHERE delivered_ms IS NULL AND error IS NULL \
         AND (claimed_ms IS NULL OR claimed_ms < ?3 OR claimed_ms > ?2) \
         AND severity = coalesce(?4, severity) \
         RETURNING {COLUMNS}"
    );
    let mut claimed = writing
        .connection
        .prepare_cached(&sql)?
        .query_map(
            params![writing.process_id, to_ms(now), stale, only.map(Severity::as_str)],
            read_row,
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    claimed.sort_by_key(|alert| alert.id);
    Ok(claimed)
}

/// Records how the delivery went: `Ok` or why not.
pub(crate) fn delivered(
    writing: &Writing<'_>,
    id: Uuid,
    outcome: Result<(), &str>,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let (delivered_ms, error) = match outcome {
        Ok(()) => (Some(to_ms(now)), None),
        Err(error) => (None, Some(error)),
    };
    writing
        .connection
        .prepare_cached("UPDATE alert SET delivered_ms = ?2, error = ?3 WHERE id = ?1")?
        .execute(params![id.as_bytes(), delivered_ms, error])?;
    Ok(())
}

/// The latest alerts, newest first.
pub(crate) fn list(connection: &Connection, limit: u32) -> rusqlite::Result<Vec<AlertView>> {
    let sql = format!("SELECT {COLUMNS} FROM alert ORDER BY at_ms DESC, id DESC LIMIT ?1");
    connection.prepare_cached(&sql)?.query_map([limit], read_row)?.collect()
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<AlertView> {
    Ok(AlertView {
        id: uuid_of(row.get(0)?),
        time: from_ms(row.get(1)?),
        severity: row.get(2)?,
        kind: row.get(3)?,
        subject: row.get(4)?,
        title: row.get(5)?,
        body: row.get(6)?,
        delivered_at: row.get::<_, Option<i64>>(7)?.map(from_ms),
        error: row.get(8)?,
    })
}
