//! By what accounts refuse calls before their provider does: a floor, or the provider's word that the
//! money is gone.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::account::{self, USD};
use super::error::{LedgerError, OpError};
use super::time::{from_ms, to_ms};
use super::writer::Writing;
use crate::money::Money;

/// Sets the level at which calls are refused; `None` for no level.
///
/// # Errors
/// Where the account is kept in another currency than calls are priced in: nothing could be refused.
pub(crate) fn set(
    writing: &mut Writing<'_>,
    account: &str,
    floor: Option<Money>,
) -> Result<(), OpError> {
    let id = account::ensure(writing, account, false)?;
    let currency = account::currency(writing.connection, id)?;
    if floor.is_some() && currency != USD {
        return Err(LedgerError::Invalid(format!(
            "the credit of '{account}' is kept in {currency}, and what calls cost is known in dollars: no floor would hold there. Limit the account by a budget: outlay budget set {account} --account {account} --window month --limit 20"
        ))
        .into());
    }
    writing
        .connection
        .prepare_cached("UPDATE account SET floor_pico = ?2, rev = rev + 1 WHERE id = ?1")?
        .execute(params![id, floor.map(Money::picodollars)])?;
    writing.cache.remember_floors(None);
    Ok(())
}

/// Refuses the calls of the account that pays for `call`, until its balance is set or added to.
pub(crate) fn empty(
    writing: &mut Writing<'_>,
    call: Uuid,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    writing
        .connection
        .prepare_cached(
            "UPDATE account SET emptied_ms = ?2, rev = rev + 1 WHERE emptied_ms IS NULL \
             AND id = (SELECT account_id FROM call WHERE id = ?1)",
        )?
        .execute(params![call.as_bytes(), to_ms(now)])?;
    writing.cache.remember_floors(None);
    Ok(())
}

/// Lets the account's calls pass again that were refused because the provider said it is empty.
pub(crate) fn lift(writing: &mut Writing<'_>, account_id: i64) -> rusqlite::Result<()> {
    writing
        .connection
        .prepare_cached(
            "UPDATE account SET emptied_ms = NULL WHERE id = ?1 AND emptied_ms IS NOT NULL",
        )?
        .execute([account_id])?;
    writing.cache.remember_floors(None);
    Ok(())
}

/// What an account refuses by.
pub(crate) struct Level {
    pub(crate) floor: Option<Money>,
    /// When its provider said that it is empty.
    pub(crate) emptied: Option<DateTime<Utc>>,
}

/// Whether any account refuses by anything; asked of the file only after a change.
pub(crate) fn has_floors(writing: &mut Writing<'_>) -> rusqlite::Result<bool> {
    if let Some(known) = writing.cache.has_floors() {
        return Ok(known);
    }
    let found = writing
        .connection
        .prepare_cached(
            "SELECT 1 FROM account WHERE floor_pico IS NOT NULL OR emptied_ms IS NOT NULL LIMIT 1",
        )?
        .exists([])?;
    writing.cache.remember_floors(Some(found));
    Ok(found)
}

/// `None` where it refuses nothing.
pub(crate) fn level(connection: &Connection, account_id: i64) -> rusqlite::Result<Option<Level>> {
    let level = connection
        .prepare_cached("SELECT floor_pico, emptied_ms FROM account WHERE id = ?1")?
        .query_row([account_id], |row| {
            Ok(Level {
                floor: row.get::<_, Option<i64>>(0)?.map(Money::from_picodollars),
                emptied: row.get::<_, Option<i64>>(1)?.map(from_ms),
            })
        })?;
    Ok(Some(level).filter(|level| level.floor.is_some() || level.emptied.is_some()))
}
