//! A call that has not ended, as far as its end needs to know it.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::shares::Shares;
use super::time::from_ms;
use crate::money::Money;

/// A call that has not ended.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) id: Uuid,
    pub(crate) seq: i64,
    pub(crate) account: i64,
    pub(crate) started: DateTime<Utc>,
    pub(crate) provider: i64,
    pub(crate) provider_name: String,
    pub(crate) account_name: String,
    pub(crate) plan_login: bool,
    pub(crate) model_requested: Option<i64>,
    pub(crate) model_name: Option<String>,
    pub(crate) project: Option<i64>,
    pub(crate) key: Option<i64>,
    pub(crate) client: Option<i64>,
    pub(crate) input_tokens_max: u64,
    pub(crate) ceiling: Option<Money>,
    pub(crate) shares: Shares,
}

impl Running {
    /// The running call of that id, as the file has it.
    pub(crate) fn read(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<Running>> {
        connection
            .prepare_cached(
                "SELECT c.seq, c.account_id, c.started_ms, c.provider_id, p.text, a.name, \
                 a.plan_login, c.model_requested_id, c.project_id, c.key_id, c.client_id, \
                 c.ceiling_pico, c.shares, coalesce(c.input_tokens_max, 0), m.text FROM call c \
                 JOIN dimension p ON p.id = c.provider_id JOIN account a ON a.id = c.account_id \
                 LEFT JOIN dimension m ON m.id = c.model_requested_id \
                 WHERE c.id = ?1 AND c.status = 'running'",
            )?
            .query_row([id.as_bytes()], |row| {
                Ok(Running {
                    id,
                    seq: row.get(0)?,
                    account: row.get(1)?,
                    started: from_ms(row.get(2)?),
                    provider: row.get(3)?,
                    provider_name: row.get(4)?,
                    account_name: row.get(5)?,
                    plan_login: row.get(6)?,
                    model_requested: row.get(7)?,
                    project: row.get(8)?,
                    key: row.get(9)?,
                    client: row.get(10)?,
                    ceiling: row.get::<_, Option<i64>>(11)?.map(Money::from_picodollars),
                    shares: row.get(12)?,
                    input_tokens_max: u64::try_from(row.get::<_, i64>(13)?).unwrap_or(0),
                    model_name: row.get(14)?,
                })
            })
            .optional()
    }
}
