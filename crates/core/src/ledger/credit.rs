//! What is bought, given, observed and spent of an account's prepaid credit.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};

use super::account::USD;
use super::error::{LedgerError, OpError};
use super::grant;
use super::rollup::QUARTER_MS;
use super::time::{from_ms, new_id, to_ms};
use super::writer::Writing;
use super::{account, floor, level};
use crate::money::Money;

/// How late a provider may tell what was spent.
const LATE_HOURS: i64 = 1;

/// Records bought or given credit; the account is made if it is new.
pub(crate) fn add(
    writing: &mut Writing<'_>,
    account: &str,
    amount: Money,
    expires: Option<DateTime<Utc>>,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Money, OpError> {
    if amount <= Money::ZERO {
        return Err(LedgerError::Invalid(
            "the amount of a grant is above zero; for a correction use: outlay balance set".into(),
        )
        .into());
    }
    let id = account::ensure(writing, account, false)?;
    let balance = grant::load(writing.connection, id)?;
    floor::lift(writing, id)?;
    let paid_off = amount.min(balance.debt);
    grant::insert(writing, id, amount, amount.saturating_sub(paid_off), expires, note, now)?;
    grant::set_debt(writing.connection, id, balance.debt.saturating_sub(paid_off))?;
    settle_level(writing, id, true, now)
}

/// Re-anchors the balance to what the provider's page shows. The difference is spend (or credit)
/// that did not pass here, kept in the observation. In another currency than before it begins anew;
/// without one it stays in its own.
pub(crate) fn observe(
    writing: &mut Writing<'_>,
    account: &str,
    observed: Money,
    currency: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Money, OpError> {
    let id = account::ensure(writing, account, false)?;
    let mut balance = grant::load(writing.connection, id)?;
    if let Some(currency) = currency.filter(|currency| *currency != balance.currency) {
        change_currency(writing, id, currency)?;
        balance = grant::load(writing.connection, id)?;
    }
    floor::lift(writing, id)?;
    let expected = grant::remaining(writing.connection, id, now)?;
    insert_observation(writing, id, observed, balance.known.then_some(expected), now)?;
    let difference = observed.saturating_sub(expected);
    if difference > Money::ZERO {
        let paid_off = difference.min(balance.debt);
        grant::set_debt(writing.connection, id, balance.debt.saturating_sub(paid_off))?;
        let surplus = difference.saturating_sub(paid_off);
        if surplus > Money::ZERO {
            grant::insert(writing, id, surplus, surplus, None, Some("observed balance"), now)?;
        }
    } else {
        grant::draw(writing.connection, id, Money::ZERO.saturating_sub(difference), now)?;
    }
    settle_level(writing, id, difference > Money::ZERO, now)
}

/// As [`observe`], from a provider that was asked. It may tell an hour too late: a difference that
/// is no more than what was spent since is none.
pub(crate) fn observe_told(
    writing: &mut Writing<'_>,
    account: &str,
    told: Money,
    currency: &str,
    now: DateTime<Utc>,
) -> Result<Money, OpError> {
    let id = account::ensure(writing, account, false)?;
    let balance = grant::load(writing.connection, id)?;
    if balance.known && balance.currency == currency {
        let expected = grant::remaining(writing.connection, id, now)?;
        let difference = told.saturating_sub(expected).picodollars().unsigned_abs();
        if difference <= spent_lately(writing, id, now)? {
            insert_observation(writing, id, told, None, now)?;
            return Ok(expected);
        }
    }
    observe(writing, account, told, Some(currency), now)
}

/// Takes a settled cost from the account's credit, where it has any, and warns when it falls
/// below its level.
pub(crate) fn spend(
    writing: &mut Writing<'_>,
    account_id: i64,
    cost: Money,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let kept = match writing.cache.keeps_balance(account_id) {
        Some(kept) => kept,
        None => {
            let balance = grant::load(writing.connection, account_id)?;
            // Calls are priced in dollars, and nothing is converted in silence.
            let kept = balance.known && balance.currency == USD;
            writing.cache.remember_balance(account_id, kept);
            kept
        }
    };
    if !kept || cost == Money::ZERO {
        return Ok(());
    }
    grant::draw(writing.connection, account_id, cost, now)?;
    level::check(writing, account_id, now)
}

/// As [`spend`], for a call that was made elsewhere and is told of later: what is known to be left
/// since the account was looked at last does not count what was spent before.
pub(crate) fn spend_elsewhere(
    writing: &mut Writing<'_>,
    account_id: i64,
    cost: Money,
    called: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    if cost == Money::ZERO || writing.cache.keeps_balance(account_id) == Some(false) {
        return Ok(());
    }
    if called <= known_since(writing.connection, account_id)? {
        return Ok(());
    }
    spend(writing, account_id, cost, now)
}

/// Gives back what [`spend_elsewhere`] took.
pub(crate) fn unspend(
    writing: &mut Writing<'_>,
    account_id: i64,
    cost: Money,
    called: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let balance = grant::load(writing.connection, account_id)?;
    let is_kept = balance.known && balance.currency == USD;
    if !is_kept || called <= known_since(writing.connection, account_id)? {
        return Ok(());
    }
    let paid_off = cost.min(balance.debt);
    grant::set_debt(writing.connection, account_id, balance.debt.saturating_sub(paid_off))?;
    grant::give_back(writing.connection, account_id, cost.saturating_sub(paid_off))?;
    level::check(writing, account_id, now)
}

/// When the account was looked at last, or else its first credit came.
fn known_since(connection: &Connection, account_id: i64) -> rusqlite::Result<DateTime<Utc>> {
    connection
        .prepare_cached(
            "SELECT coalesce((SELECT max(at_ms) FROM balance_observation WHERE account_id = ?1), \
             (SELECT min(at_ms) FROM credit_grant WHERE account_id = ?1), 0)",
        )?
        .query_row([account_id], |row| row.get(0).map(from_ms))
}

/// What the account's calls cost in the last hour or a little more.
fn spent_lately(
    writing: &mut Writing<'_>,
    account_id: i64,
    now: DateTime<Utc>,
) -> rusqlite::Result<u64> {
    writing.cache.rollups.flush(writing.connection)?;
    let first = to_ms(now - TimeDelta::hours(LATE_HOURS)).div_euclid(QUARTER_MS);
    writing
        .connection
        .prepare_cached(
            "SELECT coalesce(sum(cost_pico), 0) FROM rollup_quarter \
             WHERE quarter >= ?1 AND account_id = ?2",
        )?
        .query_row([first, account_id], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
}

fn insert_observation(
    writing: &Writing<'_>,
    account_id: i64,
    observed: Money,
    expected: Option<Money>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO balance_observation \
             (id, machine_id, account_id, at_ms, observed_pico, expected_pico) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            new_id(now),
            writing.machine_id,
            account_id,
            to_ms(now),
            observed.picodollars(),
            expected.map(Money::picodollars),
        ])
        .map(drop)
}

/// What was left in the old currency is no part of the new, nor is a floor.
fn change_currency(
    writing: &mut Writing<'_>,
    account_id: i64,
    currency: &str,
) -> rusqlite::Result<()> {
    let connection = writing.connection;
    connection
        .prepare_cached(
            "UPDATE credit_grant SET remaining_pico = 0, rev = rev + 1 \
             WHERE account_id = ?1 AND remaining_pico > 0",
        )?
        .execute([account_id])?;
    connection
        .prepare_cached(
            "UPDATE account SET currency = ?2, debt_pico = 0, balance_known = 0, warned = 0, \
             floor_pico = NULL WHERE id = ?1",
        )?
        .execute(params![account_id, currency])?;
    writing.cache.remember_floors(None);
    Ok(())
}

/// Marks the balance as known and re-arms or fires the warning; returns what is left.
fn settle_level(
    writing: &mut Writing<'_>,
    account_id: i64,
    is_more: bool,
    now: DateTime<Utc>,
) -> Result<Money, OpError> {
    let left = grant::remaining(writing.connection, account_id, now)?;
    // A look that finds less is no top-up: what it is a share of stays.
    writing
        .connection
        .prepare_cached(
            "UPDATE account SET balance_known = 1, rev = rev + 1, \
             full_pico = CASE WHEN ?3 THEN ?2 ELSE coalesce(full_pico, ?2) END WHERE id = ?1",
        )?
        .execute(params![account_id, left.picodollars(), is_more])?;
    writing.cache.forget_balance(account_id);
    level::check(writing, account_id, now)?;
    Ok(left)
}
