//! The way of alerts to the user: each is handed once to every channel there is, and on each exactly
//! one process tries it at a time.
//!
//! All of it goes in slices, so that a storm of alerts keeps no call waiting.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::alert::{AlertView, COLUMNS, read_row};
use super::error::OpError;
use super::time::to_ms;
use super::writer::Writing;
use crate::alert::{AlertKind, Severity};

/// So many alerts are handed over, taken or recorded at once: about a millisecond's work.
pub const ALERTS_AT_ONCE: usize = 50;
/// How long who takes an alert may try it before another process does.
const CLAIM: TimeDelta = TimeDelta::seconds(60);
/// Nothing is due later than this, unless the clock was set back.
const DUE_WITHIN: TimeDelta = TimeDelta::hours(2);
/// For so long what happens again is one alert; then its number is told.
const STORM: TimeDelta = TimeDelta::minutes(1);
/// An older number is no news.
const RECOUNT_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// An alert to be tried on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The alert; its deliveries are left out.
    pub alert: AlertView,
    /// How often it was tried on this channel, this time included.
    pub attempts: u32,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It arrived.
    Delivered,
    /// It did not.
    Failed {
        /// One sentence: why.
        reason: String,
        /// When to try again; `None` to give up.
        retry_at: Option<DateTime<Utc>>,
    },
}

/// Whether [`dispatch`] would find anything.
pub(crate) fn has_new(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<bool> {
    let sql =
        format!("SELECT EXISTS (SELECT 1 FROM alert WHERE {UNDISPATCHED}) OR EXISTS ({RECOUNTED})");
    let (after, until, kind) = recounted(now);
    connection.prepare_cached(&sql)?.query_row(params![after, until, kind], |row| row.get(0))
}

/// Whether [`claim`] would find anything on the channel.
pub(crate) fn is_due(
    connection: &Connection,
    channel: &str,
    least: Severity,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {DUE})");
    let (by, unless_after) = due(now);
    connection
        .prepare_cached(&sql)?
        .query_row(params![by, unless_after, least.rank(), channel], |row| row.get(0))
}

const UNDISPATCHED: &str = "delivered_ms IS NULL AND error IS NULL AND claimed_ms IS NULL";

/// What is to be tried: takes [`due`], the least rank and the channel.
const DUE: &str = "delivery d JOIN alert a ON a.id = d.alert_id \
     WHERE d.channel = ?4 AND d.due_ms IS NOT NULL AND (d.due_ms <= ?1 OR d.due_ms > ?2) \
     AND a.acknowledged_ms IS NULL \
     AND CASE a.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END >= ?3";

fn due(now: DateTime<Utc>) -> (i64, i64) {
    (to_ms(now), to_ms(now + DUE_WITHIN))
}

/// What went on after it was told, so that its number is not known to the user: takes [`recounted`].
const RECOUNTED: &str = "SELECT d.alert_id, d.channel FROM alert a \
     JOIN delivery d ON d.alert_id = a.id WHERE a.at_ms > ?1 AND a.at_ms <= ?2 AND a.kind = ?3 \
     AND a.acknowledged_ms IS NULL AND d.delivered_ms IS NOT NULL AND d.due_ms IS NULL \
     AND d.told < a.occurrences";

fn recounted(now: DateTime<Utc>) -> (i64, i64, &'static str) {
    (to_ms(now - RECOUNT_WITHIN), to_ms(now - STORM), AlertKind::UpstreamEmpty.as_str())
}

/// Hands alerts that have not been handed over to these channels; with none of them they are given up for
/// that. Whether there may be more.
pub(crate) fn dispatch(
    writing: &Writing<'_>,
    channels: &[String],
    now: DateTime<Utc>,
) -> Result<bool, OpError> {
    let connection = writing.connection;
    let now_ms = to_ms(now);
    let reason = channels.is_empty().then_some(NO_CHANNEL);
    let sql = format!(
        "UPDATE alert SET claimed_by = ?1, claimed_ms = ?2, error = ?3 WHERE id IN \
         (SELECT id FROM alert WHERE {UNDISPATCHED} ORDER BY at_ms LIMIT {ALERTS_AT_ONCE}) RETURNING id"
    );
    let alerts = connection
        .prepare_cached(&sql)?
        .query_map(params![writing.process_id, now_ms, reason], |row| row.get::<_, [u8; 16]>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO delivery (alert_id, channel, due_ms) VALUES (?1, ?2, ?3)",
    )?;
    for alert in &alerts {
        for channel in channels {
            insert.execute(params![alert, channel, now_ms])?;
        }
    }
    let has_more = alerts.len() == ALERTS_AT_ONCE;
    if !has_more {
        recount(connection, now)?;
    }
    Ok(has_more)
}

const NO_CHANNEL: &str =
    "desktop notifications are turned off in outlay.toml, and no webhook or command is set";

/// Lets what went on after it was told be told once more, with its number.
fn recount(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let sql = format!("UPDATE delivery SET due_ms = ?4 WHERE (alert_id, channel) IN ({RECOUNTED})");
    let (after, until, kind) = recounted(now);
    connection.prepare_cached(&sql)?.execute(params![after, until, kind, to_ms(now)]).map(drop)
}

/// Takes alerts for this process that are to be tried on the channel and matter at least so much, oldest
/// first: a slice of them.
pub(crate) fn claim(
    writing: &Writing<'_>,
    channel: &str,
    least: Severity,
    now: DateTime<Utc>,
) -> Result<Vec<Due>, OpError> {
    let connection = writing.connection;
    let (by, unless_after) = due(now);
    let sql = format!(
        "SELECT {} FROM {DUE} ORDER BY a.at_ms, a.id LIMIT {ALERTS_AT_ONCE}",
        COLUMNS.split(", ").map(|column| format!("a.{column}")).collect::<Vec<_>>().join(", ")
    );
    let alerts = connection
        .prepare_cached(&sql)?
        .query_map(params![by, unless_after, least.rank(), channel], read_row)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut take = connection.prepare_cached(
        "UPDATE delivery SET due_ms = ?3, attempts = attempts + 1 \
         WHERE alert_id = ?1 AND channel = ?2 RETURNING attempts",
    )?;
    let due = alerts.into_iter().map(|alert| {
        let of_channel = params![alert.id.as_bytes(), channel, to_ms(now + CLAIM)];
        let attempts = take.query_row(of_channel, |row| row.get(0))?;
        Ok(Due { alert, attempts })
    });
    due.collect()
}

/// Records what came of an attempt to tell these, each with the number of occurrences that was told.
pub(crate) fn attempted(
    writing: &Writing<'_>,
    channel: &str,
    alerts: &[(Uuid, u32)],
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let (delivered_ms, error, due_ms) = match attempt {
        Attempt::Delivered => (Some(to_ms(now)), None, None),
        Attempt::Failed { reason, retry_at } => (None, Some(reason), retry_at.map(to_ms)),
    };
    let connection = writing.connection;
    let mut delivery = connection.prepare_cached(
        "UPDATE delivery SET delivered_ms = coalesce(delivered_ms, ?3), error = ?4, due_ms = ?5, \
         told = ?6 WHERE alert_id = ?1 AND channel = ?2",
    )?;
    // It has not arrived where all ways are at their end and none led there.
    let mut alert = connection.prepare_cached(
        "UPDATE alert SET delivered_ms = coalesce(delivered_ms, ?2), \
         error = CASE WHEN coalesce(delivered_ms, ?2) IS NOT NULL THEN NULL \
         WHEN EXISTS (SELECT 1 FROM delivery WHERE alert_id = ?1 AND due_ms IS NOT NULL) THEN NULL \
         ELSE (SELECT group_concat(error, '; ') FROM delivery WHERE alert_id = ?1) END \
         WHERE id = ?1",
    )?;
    for (id, told) in alerts {
        delivery.execute(params![id.as_bytes(), channel, delivered_ms, error, due_ms, told])?;
        alert.execute(params![id.as_bytes(), delivered_ms])?;
    }
    Ok(())
}
