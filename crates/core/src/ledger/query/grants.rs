//! Prepaid credit as it was recorded, grant by grant.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::ledger::time::{from_ms, to_ms, uuid_of};
use crate::money::Money;

/// Credit that was bought or given, as listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct GrantView {
    /// Its id.
    pub id: Uuid,
    /// The account.
    pub account: String,
    /// How much it was, in the account's currency.
    pub amount: Money,
    /// What calls left of it; what was left when it expired stays here and is lost.
    pub remaining: Money,
    /// The currency of the account.
    pub currency: String,
    /// When it was recorded.
    pub granted_at: DateTime<Utc>,
    /// When what is left of it is lost; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether that has happened.
    pub is_expired: bool,
    /// What for.
    pub note: Option<String>,
}

/// Every grant, of one account or of all, the latest first.
pub(crate) fn grants(
    connection: &Connection,
    account: Option<&str>,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<GrantView>> {
    connection
        .prepare_cached(
            "SELECT g.id, a.name, g.amount_pico, g.remaining_pico, a.currency, g.at_ms, g.expires_ms, \
             coalesce(g.expires_ms <= ?2, 0), g.note FROM credit_grant g \
             JOIN account a ON a.id = g.account_id WHERE a.name = coalesce(?1, a.name) \
             ORDER BY g.at_ms DESC, g.id DESC",
        )?
        .query_map(params![account, to_ms(now)], |row| {
            Ok(GrantView {
                id: uuid_of(row.get(0)?),
                account: row.get(1)?,
                amount: Money::from_picodollars(row.get(2)?),
                remaining: Money::from_picodollars(row.get(3)?),
                currency: row.get(4)?,
                granted_at: from_ms(row.get(5)?),
                expires_at: row.get::<_, Option<i64>>(6)?.map(from_ms),
                is_expired: row.get(7)?,
                note: row.get(8)?,
            })
        })?
        .collect()
}
