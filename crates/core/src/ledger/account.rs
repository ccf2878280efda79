//! Accounts (pools of money at a provider) and the keys that draw on them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{LedgerError, OpError};
use super::time::to_ms;
use super::writer::Writing;

/// An account with its keys, as listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AccountView {
    /// Its name: the provider's until keys are linked to another.
    pub name: String,
    /// `true` for a subscription login, which owes nothing per call.
    pub plan_login: bool,
    /// Fingerprints of the keys linked to it.
    pub keys: Vec<String>,
}

/// The currency of an account that nobody gave another: what calls are priced in.
pub(crate) const USD: &str = "USD";

/// The account that pays for a call: the key's, else the one named after the provider.
pub(crate) fn of_call(
    writing: &mut Writing<'_>,
    provider: &str,
    key: Option<&str>,
    plan_login: bool,
    now: DateTime<Utc>,
) -> rusqlite::Result<i64> {
    if plan_login {
        return ensure(writing, &format!("{provider}-plan"), true);
    }
    let Some(key) = key else { return ensure(writing, provider, false) };
    if let Some(id) = writing.cache.key_account(provider, key) {
        return Ok(id);
    }
    let known = writing
        .connection
        .prepare_cached("SELECT account_id FROM api_key WHERE fingerprint = ?1 AND provider = ?2")?
        .query_row([key, provider], |row| row.get(0))
        .optional()?;
    let id = match known {
        Some(id) => id,
        None => {
            let id = ensure(writing, provider, false)?;
            writing
                .connection
                .prepare_cached(
                    "INSERT INTO api_key (fingerprint, account_id, provider, first_seen_ms) \
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![key, id, provider, to_ms(now)])?;
            id
        }
    };
    writing.cache.remember_key(provider, key, id);
    Ok(id)
}

/// The account of that name, made if it is new.
pub(crate) fn ensure(
    writing: &mut Writing<'_>,
    name: &str,
    plan_login: bool,
) -> rusqlite::Result<i64> {
    if let Some(id) = writing.cache.account(name) {
        return Ok(id);
    }
    let id = match find(writing.connection, name)? {
        Some(id) => id,
        None => writing
            .connection
            .prepare_cached("INSERT INTO account (name, plan_login) VALUES (?1, ?2)")?
            .insert(params![name, plan_login])?,
    };
    writing.cache.remember_account(name, id);
    Ok(id)
}

/// The name of an account.
pub(crate) fn name(writing: &mut Writing<'_>, account: i64) -> rusqlite::Result<Arc<str>> {
    if let Some(name) = writing.cache.account_name(account) {
        return Ok(name);
    }
    let name: Arc<str> = writing
        .connection
        .prepare_cached("SELECT name FROM account WHERE id = ?1")?
        .query_row([account], |row| row.get::<_, String>(0))?
        .into();
    writing.cache.remember_account_name(account, Arc::clone(&name));
    Ok(name)
}

pub(crate) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM account WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Lets a key draw on `account`, which is made if it is new. `key` is a fingerprint or its unique
/// beginning; only calls from now on are affected.
pub(crate) fn link(writing: &mut Writing<'_>, key: &str, account: &str) -> Result<String, OpError> {
    let matching = writing
        .connection
        .prepare_cached(
            "SELECT DISTINCT fingerprint FROM api_key WHERE substr(fingerprint, 1, length(?1)) = ?1",
        )?
        .query_map([key], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let fingerprint = match matching.as_slice() {
        [one] => one.clone(),
        [] => {
            return Err(LedgerError::NotFound(format!(
                "no key '{key}' has made a call yet: outlay account list shows the keys seen so far"
            ))
            .into());
        }
        _ => {
            return Err(LedgerError::Invalid(format!(
                "'{key}' is the beginning of {} keys: give more of it",
                matching.len()
            ))
            .into());
        }
    };
    let id = ensure(writing, account, false)?;
    writing
        .connection
        .prepare_cached("UPDATE api_key SET account_id = ?2 WHERE fingerprint = ?1")?
        .execute(params![fingerprint, id])?;
    writing.cache.forget_keys();
    Ok(fingerprint)
}

/// Removes an account that no call was ever made on, with what was noted of its credit.
pub(crate) fn remove(writing: &mut Writing<'_>, name: &str) -> Result<(), OpError> {
    let connection = writing.connection;
    let Some(id) = find(connection, name)? else {
        return Err(LedgerError::NotFound(format!(
            "there is no account '{name}': outlay account list shows them"
        ))
        .into());
    };
    for (query, stays) in [
        ("SELECT 1 FROM call WHERE account_id = ?1 LIMIT 1", "has calls, and past calls are kept"),
        (
            // Its calls may be gone, and are in the sums.
            "SELECT 1 FROM rollup_quarter WHERE account_id = ?1 LIMIT 1",
            "has calls, and past calls are kept",
        ),
        (
            "SELECT 1 FROM api_key WHERE account_id = ?1 LIMIT 1",
            "has keys that draw on it: outlay account link KEY ACCOUNT gives them another",
        ),
    ] {
        if connection.prepare_cached(query)?.exists([id])? {
            return Err(LedgerError::Invalid(format!("account '{name}' stays: it {stays}")).into());
        }
    }
    for table in ["credit_grant", "balance_observation"] {
        connection.execute(&format!("DELETE FROM {table} WHERE account_id = ?1"), [id])?;
    }
    connection.prepare_cached("DELETE FROM account WHERE id = ?1")?.execute([id])?;
    writing.cache.forget_accounts();
    Ok(())
}

pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<AccountView>> {
    let mut accounts = connection
        .prepare_cached("SELECT id, name, plan_login FROM account ORDER BY name")?
        .query_map([], |row| {
            let view = AccountView { name: row.get(1)?, plan_login: row.get(2)?, keys: Vec::new() };
            Ok((row.get::<_, i64>(0)?, view))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (id, view) in &mut accounts {
        view.keys = connection
            .prepare_cached(
                "SELECT DISTINCT fingerprint FROM api_key WHERE account_id = ?1 ORDER BY fingerprint",
            )?
            .query_map([*id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
    }
    Ok(accounts.into_iter().map(|(_, view)| view).collect())
}

/// The currency that the account's credit is kept in.
pub(crate) fn currency(connection: &Connection, id: i64) -> rusqlite::Result<String> {
    connection
        .prepare_cached("SELECT currency FROM account WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
}
