//! What the ledger has of a call that a log tells of.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension};

use super::ImportedCall;
use super::proxied::Proxied;
use super::row::Row;
use super::twin::{self, How};
use crate::ledger::prune::Forgotten;
use crate::price::PriceList;

/// How far ahead of our clock a log's may be.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
/// What is later by this is a copy: logs tell one moment in seconds here and in milliseconds there.
const COPIED_AFTER_MIN: TimeDelta = TimeDelta::seconds(1);

/// What the ledger has of a call that a log tells of.
pub(super) enum Found {
    New,
    Known,
    /// An entry that is not the whole one made this row.
    Grown(Box<Row>),
    /// It passed the proxy: this row.
    Twin(i64, How),
    /// Its time is to come.
    Ahead,
}

pub(super) fn look(
    connection: &Connection,
    prices: &PriceList,
    proxied: Option<Proxied>,
    forgotten: Forgotten,
    call: &ImportedCall,
    now: DateTime<Utc>,
) -> rusqlite::Result<Found> {
    if is_ahead(call, now) {
        return Ok(Found::Ahead);
    }
    let made: Option<i64> = connection
        .prepare_cached("SELECT seq FROM call WHERE log_key = ?1")?
        .query_row([call.key], |row| row.get(0))
        .optional()?;
    let made = made.map(|seq| Row::read(connection, seq)).transpose()?.flatten();
    if let Some(row) = made {
        let is_more = is_more(&row, prices, call);
        return Ok(if is_more { Found::Grown(Box::new(row)) } else { Found::Known });
    }
    if is_proxied(connection, proxied, call)?
        || forgotten.holds(connection, &call.key, call.ended)?
    {
        return Ok(Found::Known);
    }
    let Some(proxied) = proxied else { return Ok(Found::New) };
    let twin = twin::find(connection, proxied, call)?;
    Ok(twin.map_or(Found::New, |(seq, how)| Found::Twin(seq, how)))
}

pub(super) fn is_ahead(call: &ImportedCall, now: DateTime<Utc>) -> bool {
    call.ended > now + AHEAD_MAX
}

/// Whether the entry is known to be a call that passed the proxy.
pub(super) fn is_proxied(
    connection: &Connection,
    proxied: Option<Proxied>,
    call: &ImportedCall,
) -> rusqlite::Result<bool> {
    if proxied.is_none() {
        return Ok(false);
    }
    connection.prepare_cached("SELECT 1 FROM logged WHERE key = ?1")?.exists([call.key])
}

/// Whether the entry tells more than the one that made the row: more tokens; of as many the id of the
/// answer, the project, an earlier time (copies are made later), who paid as the user says; or its cost
/// is known by now.
fn is_more(row: &Row, prices: &PriceList, call: &ImportedCall) -> bool {
    let made = &row.call;
    match call.usage.total_tokens().cmp(&made.usage.total_tokens()) {
        std::cmp::Ordering::Equal => {
            (made.response_id.is_none() && call.response_id.is_some())
                || (made.project.is_none() && call.project.is_some())
                || made.ended > call.ended + COPIED_AFTER_MIN
                || (call.is_billing_told && made.plan_login != call.plan_login)
                || (row.cost.is_none() && call.bill(prices).cost.is_some())
        }
        order => order.is_gt(),
    }
}
