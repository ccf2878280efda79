//! Alerts: each is recorded in the transaction that caused it. How they reach the user is
//! `delivery`'s.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::alert_row::{AlertRow, record};
use super::delivery::{self, DeliveryView};
use super::error::{LedgerError, OpError};
use super::time::{from_ms, new_id, to_ms, uuid_of};
use super::writer::Writing;
use crate::alert::{AlertKind, AlertText, Severity};
use crate::budget::BudgetUnit;
use crate::refusal::Raise;

/// An alert as recorded and delivered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct AlertView {
    /// Its id.
    pub id: Uuid,
    /// When it fired.
    pub time: DateTime<Utc>,
    /// `info warning critical`.
    #[cfg_attr(feature = "types", ts(type = "'info' | 'warning' | 'critical'"))]
    pub severity: String,
    /// [`AlertKind`] as text.
    pub kind: String,
    /// The budget, account, project or client it is about.
    pub subject: String,
    /// One short line.
    pub title: String,
    /// The figures, and what to do.
    pub body: String,
    /// How often it happened in its period.
    pub occurrences: u32,
    /// By how much its budget may be raised with one press; `None` where that helps nobody.
    pub raise: Option<Raise>,
    /// When it first reached the user, on whichever way; `None` if it has not.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Why it reached the user on no way.
    pub error: Option<String>,
    /// When the user said that it is seen to.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// What came of each way.
    pub deliveries: Vec<DeliveryView>,
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
    /// By how much the budget that it is about may be raised with one press.
    pub(crate) raise: Option<Raise>,
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

/// Records the alert at once, or one more occurrence of it; `true` if it is new.
pub(crate) fn fire_new(
    writing: &mut Writing<'_>,
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
        raise: None,
    };
    // Whether it is new depends on those before it.
    writing.cache.alerts.write(writing.connection)?;
    record(writing.connection, &row_of(writing, fired, now))
}

/// Records the alert with its transaction, or one more occurrence where the same was recorded before and
/// such are counted.
pub(crate) fn fire(writing: &mut Writing<'_>, fired: Fired<'_>, now: DateTime<Utc>) {
    let row = row_of(writing, fired, now);
    writing.cache.alerts.enter(row);
}

fn row_of(writing: &Writing<'_>, fired: Fired<'_>, now: DateTime<Utc>) -> AlertRow {
    AlertRow {
        id: new_id(now),
        machine_id: writing.machine_id,
        at_ms: to_ms(now),
        kind: fired.kind,
        severity: fired.severity,
        subject: fired.subject.to_owned(),
        key: fired.key.to_owned(),
        period_start_ms: to_ms(fired.period_start),
        threshold: fired.threshold,
        text: fired.text,
        raise: fired.raise,
    }
}

/// What [`read_row`] reads.
pub(super) const COLUMNS: &str = "id, at_ms, severity, kind, subject, title, body, occurrences, \
     raise_by, raise_unit, delivered_ms, error, acknowledged_ms";

/// Marks these as seen to, or all; how many were not before.
pub(crate) fn acknowledge(
    writing: &Writing<'_>,
    ids: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, OpError> {
    let connection = writing.connection;
    let now_ms = to_ms(now);
    let Some(ids) = ids else {
        let rows = connection
            .prepare_cached("UPDATE alert SET acknowledged_ms = ?1 WHERE acknowledged_ms IS NULL")?
            .execute([now_ms])?;
        return Ok(rows as u64);
    };
    let mut update = connection.prepare_cached(
        "UPDATE alert SET acknowledged_ms = coalesce(acknowledged_ms, ?2) WHERE id = ?1 \
         RETURNING acknowledged_ms = ?2",
    )?;
    ids.iter().try_fold(0, |sum, id| {
        let is_new = update.query_row(params![id.as_bytes(), now_ms], |row| row.get::<_, bool>(0));
        match is_new {
            Ok(is_new) => Ok(sum + u64::from(is_new)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Err(OpError::from(LedgerError::NotFound(
                format!("there is no alert {id}: see outlay alerts"),
            ))),
            Err(error) => Err(error.into()),
        }
    })
}

/// The latest alerts, newest first.
pub(crate) fn list(connection: &Connection, limit: u32) -> rusqlite::Result<Vec<AlertView>> {
    let sql = format!("SELECT {COLUMNS} FROM alert ORDER BY at_ms DESC, id DESC LIMIT ?1");
    let mut alerts = connection
        .prepare_cached(&sql)?
        .query_map([limit], read_row)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for alert in &mut alerts {
        alert.deliveries = delivery::of(connection, alert.id)?;
    }
    Ok(alerts)
}

/// An alert by [`COLUMNS`], its deliveries left out.
pub(super) fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<AlertView> {
    let instant = |index| -> rusqlite::Result<Option<DateTime<Utc>>> {
        Ok(row.get::<_, Option<i64>>(index)?.map(from_ms))
    };
    let by: Option<String> = row.get(8)?;
    let unit: Option<String> = row.get(9)?;
    let unit = unit.and_then(|unit| unit.parse::<BudgetUnit>().ok());
    Ok(AlertView {
        id: uuid_of(row.get(0)?),
        time: from_ms(row.get(1)?),
        severity: row.get(2)?,
        kind: row.get(3)?,
        subject: row.get(4)?,
        title: row.get(5)?,
        body: row.get(6)?,
        occurrences: row.get(7)?,
        raise: by.zip(unit).map(|(by, unit)| Raise { by, unit }),
        delivered_at: instant(10)?,
        error: row.get(11)?,
        acknowledged_at: instant(12)?,
        deliveries: Vec::new(),
    })
}
