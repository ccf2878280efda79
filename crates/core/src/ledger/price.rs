//! Prices as stored: those that calls were charged at, and those that the user set.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{LedgerError, OpError};
use super::time::to_ms;
use super::writer::Writing;
use crate::price::{Price, PriceList, PriceQuery, UserPrice};

/// The price in force for a call; the user's own prices first.
pub(crate) fn in_force(
    writing: &mut Writing<'_>,
    provider: &str,
    model: &str,
    service_tier: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Option<Arc<Price>>, OpError> {
    Ok(list(writing)?.find(&PriceQuery { provider, model, at, service_tier }))
}

/// The price list with the user's prices, read anew when another process has set one.
pub(crate) fn list(writing: &mut Writing<'_>) -> Result<Arc<PriceList>, OpError> {
    if let Some(list) = writing.cache.price_list() {
        return Ok(list);
    }
    let revision: i64 = writing
        .connection
        .prepare_cached("SELECT prices_revision FROM ledger")?
        .query_row([], |row| row.get(0))?;
    let list = match writing.cache.price_list_at(revision) {
        Some(list) => list,
        None => Arc::new(PriceList::with_user_prices(user_prices(writing.connection)?)),
    };
    // Readers find it once it is committed.
    writing.cache.remember_price_list(revision, Arc::clone(&list));
    Ok(list)
}

/// Keeps the price that a call was charged at, so that its cost can be explained for ever.
pub(crate) fn keep(writing: &mut Writing<'_>, price: &Price) -> Result<(), OpError> {
    let id = price.id.as_str();
    if writing.cache.has_price(id) {
        return Ok(());
    }
    let json = to_json(price)?;
    writing
        .connection
        .prepare_cached("INSERT OR IGNORE INTO price (id, json) VALUES (?1, ?2)")?
        .execute(params![id, json])?;
    writing.cache.remember_price(id);
    Ok(())
}

pub(crate) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Price>> {
    let json: Option<String> = connection
        .prepare_cached("SELECT json FROM price WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
}

/// Records a price of the user's, in force from its `set_at` on.
pub(crate) fn set(
    writing: &mut Writing<'_>,
    price: &UserPrice,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let json = to_json(price)?;
    writing
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO user_price (provider, model, set_ms, json) \
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![price.provider.as_deref().unwrap_or(""), price.model, to_ms(now), json])?;
    changed(writing)
}

/// Forgets the user's prices for a model: from now on the list's holds. Calls keep what they were charged.
pub(crate) fn remove(
    writing: &mut Writing<'_>,
    provider: Option<&str>,
    model: &str,
) -> Result<(), OpError> {
    let removed = writing
        .connection
        .prepare_cached("DELETE FROM user_price WHERE provider = ?1 AND model = ?2")?
        .execute(params![provider.unwrap_or(""), model])?;
    if removed == 0 {
        let whose = provider.map(|name| format!(" of {name}")).unwrap_or_default();
        return Err(LedgerError::NotFound(format!(
            "there is no price of your own for '{model}'{whose}: outlay prices list shows all"
        ))
        .into());
    }
    changed(writing)
}

fn changed(writing: &mut Writing<'_>) -> Result<(), OpError> {
    writing
        .connection
        .prepare_cached("UPDATE ledger SET prices_revision = prices_revision + 1")?
        .execute([])?;
    writing.cache.forget_price_list();
    list(writing).map(drop)
}

/// The user's prices, oldest first.
pub(crate) fn user_prices(connection: &Connection) -> rusqlite::Result<Vec<UserPrice>> {
    let rows = connection
        .prepare_cached("SELECT json FROM user_price ORDER BY set_ms")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(rows.iter().filter_map(|json| serde_json::from_str(json).ok()).collect())
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value)
        .map_err(|error| LedgerError::Invalid(format!("a price cannot be stored: {error}")))
}
