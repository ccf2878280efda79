//! Prepaid credit as stored: grants, observed balances, and what spend does to them.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{LedgerError, OpError};
use super::rollup::QUARTER_MS;
use super::time::{from_ms, new_id, to_ms};
use super::writer::Writing;
use super::{account, alert, floor};
use crate::alert::{AlertKind, Severity, balance_text, recharge_text};
use crate::balance::{self, Grant, Recharge};
use crate::forecast::{Forecast, Funds};
use crate::money::Money;

/// An account's prepaid credit, as listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BalanceView {
    /// The account.
    pub account: String,
    /// What is left; negative when overdrawn.
    pub remaining: Money,
    /// The currency of the credit.
    pub currency: String,
    /// The level below which an alert fires, if one is set.
    pub warn_below: Option<Money>,
    /// The level at which calls are refused, if one is set.
    pub floor: Option<Money>,
    /// Whether calls are refused: at the floor, or since the provider said that it is empty.
    pub refusing: bool,
    /// The top-up that the provider makes by itself, if one is noted.
    pub recharge: Option<Recharge>,
    /// When the balance was last looked at; `None` if it never was.
    pub observed_at: Option<DateTime<Utc>>,
    /// Whether that is more than a week ago: what is spent elsewhere is not seen here.
    pub is_stale: bool,
    /// By how much the balances of the last 30 days were below what was expected: spend that did not
    /// pass here. `None` where nothing was expected.
    pub spent_elsewhere: Option<Money>,
    /// When it will likely be empty; `None` where that is not known, or not for two months.
    pub empty_at: Option<DateTime<Utc>>,
    /// The range of that instant.
    pub forecast: Forecast,
    /// When part of it expires next.
    pub next_expiry: Option<DateTime<Utc>>,
    /// What is left, and at most left after each expiry.
    #[serde(skip)]
    pub(crate) funds: Funds,
}

struct AccountBalance {
    name: String,
    currency: String,
    known: bool,
    debt: Money,
    warn: Option<Money>,
    warned: bool,
    recharge: Option<Recharge>,
    recharge_due: Option<DateTime<Utc>>,
}

/// The currency of an account that nobody gave another.
pub(crate) const USD: &str = "USD";
/// How old an observed balance may be.
const FRESH_DAYS: i64 = 7;
/// How far back spend elsewhere is summed.
const ELSEWHERE_DAYS: i64 = 30;
/// How late a provider may tell what was spent.
const LATE_HOURS: i64 = 1;
/// How long a provider may take to top up.
const RECHARGE_HOURS: i64 = 1;

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
    let balance = load(writing.connection, id)?;
    floor::lift(writing, id)?;
    let paid_off = amount.min(balance.debt);
    insert(writing, id, amount, amount.saturating_sub(paid_off), expires, note, now)?;
    set_debt(writing.connection, id, balance.debt.saturating_sub(paid_off))?;
    settle_level(writing, id, now)
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
    let mut balance = load(writing.connection, id)?;
    if let Some(currency) = currency.filter(|currency| *currency != balance.currency) {
        change_currency(writing, id, currency)?;
        balance = load(writing.connection, id)?;
    }
    floor::lift(writing, id)?;
    let expected = remaining(writing.connection, id, now)?;
    insert_observation(writing, id, observed, balance.known.then_some(expected), now)?;
    let difference = observed.saturating_sub(expected);
    if difference > Money::ZERO {
        let paid_off = difference.min(balance.debt);
        set_debt(writing.connection, id, balance.debt.saturating_sub(paid_off))?;
        let surplus = difference.saturating_sub(paid_off);
        if surplus > Money::ZERO {
            insert(writing, id, surplus, surplus, None, Some("observed balance"), now)?;
        }
    } else {
        draw(writing.connection, id, Money::ZERO.saturating_sub(difference), now)?;
    }
    settle_level(writing, id, now)
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
    let balance = load(writing.connection, id)?;
    if balance.known && balance.currency == currency {
        let expected = remaining(writing.connection, id, now)?;
        let difference = told.saturating_sub(expected).picodollars().unsigned_abs();
        if difference <= spent_lately(writing, id, now)? {
            insert_observation(writing, id, told, None, now)?;
            return Ok(expected);
        }
    }
    observe(writing, account, told, Some(currency), now)
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

/// Sets the level below which an alert fires.
pub(crate) fn warn_below(
    writing: &mut Writing<'_>,
    account: &str,
    level: Money,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let id = account::ensure(writing, account, false)?;
    writing
        .connection
        .prepare_cached(
            "UPDATE account SET warn_pico = ?2, warned = 0, rev = rev + 1 WHERE id = ?1",
        )?
        .execute(params![id, level.picodollars()])?;
    if load(writing.connection, id)?.known {
        check_level(writing, id, now)?;
    }
    Ok(())
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
            let balance = load(writing.connection, account_id)?;
            // Calls are priced in dollars, and nothing is converted in silence.
            let kept = balance.known && balance.currency == USD;
            writing.cache.remember_balance(account_id, kept);
            kept
        }
    };
    if !kept || cost == Money::ZERO {
        return Ok(());
    }
    draw(writing.connection, account_id, cost, now)?;
    check_level(writing, account_id, now)
}

/// What is left in the account in US dollars, `None` where no grant or observation made it known, or
/// where it is kept in another currency.
pub(crate) fn known_remaining(
    connection: &Connection,
    account_id: i64,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<Money>> {
    let balance = load(connection, account_id)?;
    let is_known = balance.known && balance.currency == USD;
    Ok(if is_known { Some(remaining(connection, account_id, now)?) } else { None })
}

/// When the balance was last set or added to.
pub(crate) fn last_told(
    connection: &Connection,
    account_id: i64,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    connection
        .prepare_cached(
            "SELECT max(at_ms) FROM (SELECT at_ms FROM credit_grant WHERE account_id = ?1 \
             UNION ALL SELECT at_ms FROM balance_observation WHERE account_id = ?1)",
        )?
        .query_row([account_id], |row| Ok(row.get::<_, Option<i64>>(0)?.map(from_ms)))
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
    if load(writing.connection, id)?.known {
        check_level(writing, id, now)?;
    }
    Ok(())
}

/// Every account with a known balance.
pub(crate) fn list(
    connection: &Connection,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<BalanceView>> {
    let accounts = connection
        .prepare_cached("SELECT id FROM account WHERE balance_known = 1 ORDER BY name")?
        .query_map([], |row| row.get::<_, i64>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    accounts
        .into_iter()
        .map(|id| {
            let account = load(connection, id)?;
            let level = floor::level(connection, id)?;
            let (floor, emptied) = level.map_or((None, None), |level| (level.floor, level.emptied));
            let (observed_at, spent_elsewhere) = observations(connection, id, now)?;
            let open: Vec<Grant> =
                grants(connection, id)?.into_iter().map(|(_, grant)| grant).collect();
            let debt = account.debt;
            let remaining = balance::remaining(&open, debt, now);
            let falls = balance::falls(&open, debt, now).into_iter();
            Ok(BalanceView {
                account: account.name,
                remaining,
                funds: Funds {
                    left: remaining.picodollars(),
                    falls: falls.map(|(at, left)| (at, left.picodollars())).collect(),
                },
                warn_below: account.warn,
                floor,
                refusing: emptied.is_some()
                    || balance::stops(Some(remaining).filter(|_| account.currency == USD), floor),
                recharge: account.recharge,
                observed_at,
                is_stale: observed_at.is_some_and(|at| now - at > TimeDelta::days(FRESH_DAYS)),
                spent_elsewhere,
                currency: account.currency,
                empty_at: None,
                forecast: Forecast::UNKNOWN,
                next_expiry: open
                    .iter()
                    .filter_map(|grant| grant.expires.filter(|expires| *expires > now))
                    .min(),
            })
        })
        .collect()
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

/// When the balance was last looked at, and what the looks of late say was spent elsewhere.
fn observations(
    connection: &Connection,
    account_id: i64,
    now: DateTime<Utc>,
) -> rusqlite::Result<(Option<DateTime<Utc>>, Option<Money>)> {
    connection
        .prepare_cached(
            "SELECT max(at_ms), sum(CASE WHEN at_ms >= ?2 THEN max(0, expected_pico - observed_pico) \
             END) FROM balance_observation WHERE account_id = ?1",
        )?
        .query_row(params![account_id, to_ms(now - TimeDelta::days(ELSEWHERE_DAYS))], |row| {
            let [at, elsewhere]: [Option<i64>; 2] = [row.get(0)?, row.get(1)?];
            Ok((at.map(from_ms), elsewhere.map(Money::from_picodollars)))
        })
}

/// What was left in the old currency is no part of the new.
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
            "UPDATE account SET currency = ?2, debt_pico = 0, balance_known = 0, warned = 0 \
             WHERE id = ?1",
        )?
        .execute(params![account_id, currency])?;
    Ok(())
}

fn insert(
    writing: &Writing<'_>,
    account_id: i64,
    amount: Money,
    remaining: Money,
    expires: Option<DateTime<Utc>>,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO credit_grant (id, machine_id, account_id, amount_pico, remaining_pico, \
             at_ms, expires_ms, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            new_id(now),
            writing.machine_id,
            account_id,
            amount.picodollars(),
            remaining.picodollars(),
            to_ms(now),
            expires.map(to_ms),
            note,
        ])
        .map(drop)
}

/// Marks the balance as known and re-arms or fires the warning; returns what is left.
fn settle_level(
    writing: &mut Writing<'_>,
    account_id: i64,
    now: DateTime<Utc>,
) -> Result<Money, OpError> {
    writing
        .connection
        .prepare_cached("UPDATE account SET balance_known = 1, rev = rev + 1 WHERE id = ?1")?
        .execute([account_id])?;
    writing.cache.forget_balance(account_id);
    check_level(writing, account_id, now)?;
    Ok(remaining(writing.connection, account_id, now)?)
}

fn check_level(
    writing: &mut Writing<'_>,
    account_id: i64,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let balance = load(writing.connection, account_id)?;
    if balance.warn.is_none() && balance.recharge.is_none() {
        return Ok(());
    }
    let left = remaining(writing.connection, account_id, now)?;
    check_recharge(writing, account_id, &balance, left, now)?;
    let Some(warn) = balance.warn else { return Ok(()) };
    let low = left < warn;
    if low == balance.warned {
        return Ok(());
    }
    writing
        .connection
        .prepare_cached("UPDATE account SET warned = ?2 WHERE id = ?1")?
        .execute(params![account_id, low])?;
    if low {
        let fired = alert::Fired {
            kind: AlertKind::BalanceLow,
            severity: Severity::Warning,
            subject: &balance.name,
            key: &balance.name,
            // Each fall below the level is an occasion of its own.
            period_start: now,
            threshold: 0,
            text: balance_text(&balance.name, left, warn, &balance.currency),
            raise: None,
        };
        alert::fire(writing, &fired, now)?;
    }
    Ok(())
}

/// Expects a top-up once the balance is low enough, and warns where it does not come.
fn check_recharge(
    writing: &Writing<'_>,
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
            let fired = alert::Fired {
                kind: AlertKind::RechargeMissing,
                severity: Severity::Warning,
                subject: &balance.name,
                key: &balance.name,
                period_start: due,
                threshold: 0,
                text: recharge_text(&balance.name, left, recharge, &balance.currency),
                raise: None,
            };
            alert::fire(writing, &fired, now)?;
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

fn draw(
    connection: &Connection,
    account_id: i64,
    amount: Money,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let open = grants(connection, account_id)?;
    let plain: Vec<Grant> = open.iter().map(|(_, grant)| *grant).collect();
    let (draws, rest) = balance::draw(&plain, amount, now);
    for draw in draws {
        connection
            .prepare_cached(
                "UPDATE credit_grant SET remaining_pico = remaining_pico - ?2, rev = rev + 1 \
                 WHERE id = ?1",
            )?
            .execute(params![open[draw.grant].0, draw.amount.picodollars()])?;
    }
    if rest > Money::ZERO {
        let debt = load(connection, account_id)?.debt;
        set_debt(connection, account_id, debt.saturating_add(rest))?;
    }
    Ok(())
}

fn remaining(
    connection: &Connection,
    account_id: i64,
    now: DateTime<Utc>,
) -> rusqlite::Result<Money> {
    let open: Vec<Grant> =
        grants(connection, account_id)?.iter().map(|(_, grant)| *grant).collect();
    Ok(balance::remaining(&open, load(connection, account_id)?.debt, now))
}

fn grants(connection: &Connection, account_id: i64) -> rusqlite::Result<Vec<([u8; 16], Grant)>> {
    connection
        .prepare_cached(
            "SELECT id, remaining_pico, expires_ms FROM credit_grant \
             WHERE account_id = ?1 AND remaining_pico > 0 ORDER BY id",
        )?
        .query_map([account_id], |row| {
            let grant = Grant {
                remaining: Money::from_picodollars(row.get(1)?),
                expires: row.get::<_, Option<i64>>(2)?.map(from_ms),
            };
            Ok((row.get(0)?, grant))
        })?
        .collect()
}

fn load(connection: &Connection, account_id: i64) -> rusqlite::Result<AccountBalance> {
    connection
        .prepare_cached(
            "SELECT name, balance_known, debt_pico, warn_pico, warned, currency, \
             recharge_below_pico, recharge_amount_pico, recharge_due_ms FROM account WHERE id = ?1",
        )?
        .query_row([account_id], |row| {
            let money = |index: usize| -> rusqlite::Result<Option<Money>> {
                Ok(row.get::<_, Option<i64>>(index)?.map(Money::from_picodollars))
            };
            let recharge = money(6)?.zip(money(7)?);
            Ok(AccountBalance {
                name: row.get(0)?,
                currency: row.get(5)?,
                known: row.get(1)?,
                debt: Money::from_picodollars(row.get(2)?),
                warn: money(3)?,
                warned: row.get(4)?,
                recharge: recharge.map(|(below, amount)| Recharge { below, amount }),
                recharge_due: row.get::<_, Option<i64>>(8)?.map(from_ms),
            })
        })
        .optional()?
        .ok_or(rusqlite::Error::QueryReturnedNoRows)
}

fn set_debt(connection: &Connection, account_id: i64, debt: Money) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE account SET debt_pico = ?2 WHERE id = ?1")?
        .execute(params![account_id, debt.picodollars()])
        .map(drop)
}
