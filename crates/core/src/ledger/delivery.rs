//! What came of each way by which an alert goes to the user.

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use uuid::Uuid;

use super::time::from_ms;

/// One way of one alert.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct DeliveryView {
    /// `desktop`, `command`, `webhook HOST`.
    pub channel: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it arrived; `None` if it has not.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed; `None` where none did.
    pub error: Option<String>,
    /// When it is tried (again); `None` once it has arrived or is given up.
    pub next_try_at: Option<DateTime<Utc>>,
}

/// The ways of this alert.
pub(super) fn of(connection: &Connection, alert: Uuid) -> rusqlite::Result<Vec<DeliveryView>> {
    connection
        .prepare_cached(
            "SELECT channel, attempts, delivered_ms, error, due_ms FROM delivery \
             WHERE alert_id = ?1 ORDER BY channel",
        )?
        .query_map([alert.as_bytes()], |row| {
            Ok(DeliveryView {
                channel: row.get(0)?,
                attempts: row.get(1)?,
                delivered_at: row.get::<_, Option<i64>>(2)?.map(from_ms),
                error: row.get(3)?,
                next_try_at: row.get::<_, Option<i64>>(4)?.map(from_ms),
            })
        })?
        .collect()
}
