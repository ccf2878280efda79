//! The levels of an account's balance at which something is told.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};

use super::error::OpError;
use super::grant::{self, AccountBalance};
use super::time::to_ms;
use super::writer::Writing;
use super::{account, alert};
use crate::alert::{
    AlertKind, AlertText, Severity, balance_back_text, balance_text, recharge_text,
};
use crate::balance::{Recharge, WarnLevel};
use crate::money::Money;

/// How long a provider may take to top up.
const RECHARGE_HOURS: i64 = 1;

/// Sets a level at which an alert fires. An amount and a share take each other's place.
pub(crate) fn warn(
    writing: &mut Writing<'_>,
    account: &str,
    level: WarnLevel,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let id = account::ensure(writing, account, false)?;
    let connection = writing.connection;
    let below = "UPDATE account SET warn_pico = ?2, warn_percent = ?3, warned = 0, rev = rev + 1 \
                 WHERE id = ?1";
    match level {
        WarnLevel::Below(amount) => connection.prepare_cached(below)?.execute(params![
            id,
            amount.picodollars(),
            None::<u8>
        ])?,
        WarnLevel::Percent(percent) => {
            connection.prepare_cached(below)?.execute(params![id, None::<i64>, percent])?
        }
        WarnLevel::Hours(hours) => connection
            .prepare_cached("UPDATE account SET warn_hours = ?2, rev = rev + 1 WHERE id = ?1")?
            .execute(params![id, hours])?,
        WarnLevel::Off => connection
            .prepare_cached(
                "UPDATE account SET warn_pico = NULL, warn_percent = NULL, warn_hours = 0, \
                 warned = 0, rev = rev + 1 WHERE id = ?1",
            )?
            .execute([id])?,
    };
    check_known(writing, id, now)
}

/// Notes the top-up that the provider makes by itself; `None` for none.
pub(crate) fn recharge(
    writing: &mut Writing<'_>,
    account: &str,
    recharge: Option<Recharge>,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let id = account::ensure(writing, account, false)?;
    writing
        .connection
        .prepare_cached(
            "UPDATE account SET recharge_below_pico = ?2, recharge_amount_pico = ?3, \
             recharge_due_ms = NULL, rev = rev + 1 WHERE id = ?1",
        )?
        .execute(params![
            id,
            recharge.map(|recharge| recharge.below.picodollars()),
            recharge.map(|recharge| recharge.amount.picodollars()),
        ])?;
    check_known(writing, id, now)
}

/// Tells where the balance has fallen below its level, or is above it again, or where a top-up has not come.
pub(crate) fn check(
    writing: &mut Writing<'_>,
    account_id: i64,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let balance = grant::load(writing.connection, account_id)?;
    let level = balance.warn.level();
    if level.is_none() && balance.recharge.is_none() {
        return Ok(());
    }
    let left = grant::remaining(writing.connection, account_id, now)?;
    check_recharge(writing, account_id, &balance, left, now)?;
    let Some(warn) = level else { return Ok(()) };
    let low = left < warn;
    if low == balance.warned {
        return Ok(());
    }
    writing
        .connection
        .prepare_cached("UPDATE account SET warned = ?2 WHERE id = ?1")?
        .execute(params![account_id, low])?;
    let (kind, severity, text) = match low {
        true => {
            let text = balance_text(&balance.name, left, warn, &balance.currency);
            (AlertKind::BalanceLow, Severity::Warning, text)
        }
        false => {
            let text = balance_back_text(&balance.name, left, &balance.currency);
            (AlertKind::BackWithin, Severity::Info, text)
        }
    };
    // Each fall below the level is an occasion of its own.
    fire(writing, &balance, (kind, severity), now, text, now);
    Ok(())
}

/// Whether a top-up ought to have come by now, and that was not told.
pub(crate) fn has_overdue(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<bool> {
    Ok(!overdue(connection, now)?.is_empty())
}

/// Tells of the top-ups that ought to have come by now.
pub(crate) fn tell_overdue(writing: &mut Writing<'_>, now: DateTime<Utc>) -> Result<(), OpError> {
    let accounts = overdue(writing.connection, now)?;
    accounts.into_iter().try_for_each(|account| check(writing, account, now))
}

fn overdue(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM account WHERE recharge_due_ms <= ?1 AND NOT EXISTS (SELECT 1 FROM alert \
             WHERE kind = ?2 AND subject_key = account.name AND period_start_ms = recharge_due_ms)",
        )?
        .query_map(params![to_ms(now), AlertKind::RechargeMissing.as_str()], |row| row.get(0))?
        .collect()
}

/// Expects a top-up once the balance is low enough, and warns where it does not come.
fn check_recharge(
    writing: &mut Writing<'_>,
    account_id: i64,
    balance: &AccountBalance,
    left: Money,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let Some(recharge) = balance.recharge else { return Ok(()) };
    let is_low = left < recharge.below;
    let due = match (is_low, balance.recharge_due) {
        (true, None) => Some(now + TimeDelta::hours(RECHARGE_HOURS)),
        (false, Some(_)) => None,
        (true, Some(due)) if due <= now => {
            let text = recharge_text(&balance.name, left, recharge, &balance.currency);
            let told = (AlertKind::RechargeMissing, Severity::Warning);
            fire(writing, balance, told, due, text, now);
            return Ok(());
        }
        (true, Some(_)) | (false, None) => return Ok(()),
    };
    writing
        .connection
        .prepare_cached("UPDATE account SET recharge_due_ms = ?2 WHERE id = ?1")?
        .execute(params![account_id, due.map(to_ms)])?;
    Ok(())
}

fn check_known(
    writing: &mut Writing<'_>,
    account_id: i64,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    match grant::load(writing.connection, account_id)?.known {
        true => check(writing, account_id, now),
        false => Ok(()),
    }
}

fn fire(
    writing: &mut Writing<'_>,
    balance: &AccountBalance,
    (kind, severity): (AlertKind, Severity),
    occasion: DateTime<Utc>,
    text: AlertText,
    now: DateTime<Utc>,
) {
    let fired = alert::Fired {
        kind,
        severity,
        subject: &balance.name,
        key: &balance.name,
        period_start: occasion,
        threshold: 0,
        text,
        raise: None,
    };
    alert::fire(writing, fired, now);
}
