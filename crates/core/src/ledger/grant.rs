//! Prepaid credit as stored: the grants of an account, and what is left of them.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::account::USD;
use super::floor;
use super::time::{from_ms, new_id, to_ms, uuid_of};
use super::writer::Writing;
use crate::balance::{self, Grant, Recharge, WarnLevels};
use crate::forecast::{Forecast, Funds};
use crate::money::Money;

/// An account's prepaid credit, as listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct BalanceView {
    /// The account.
    pub account: String,
    /// What is left; negative when overdrawn.
    pub remaining: Money,
    /// The currency of the credit.
    pub currency: String,
    /// The level below which an alert fires, if one is set: as an amount, or as a share of what was there
    /// after the last top-up.
    pub warn_below: Option<Money>,
    /// That share, if one is set.
    pub warn_percent: Option<u8>,
    /// An alert fires when it will be empty within so many hours; `None` for the usual 24 where no other
    /// level is set.
    pub warn_hours: Option<i64>,
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

/// An account that refuses calls before its provider does.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct StoppedAccount {
    /// Its name.
    pub account: String,
    /// When its provider said that the money is gone; `None` where its floor is why.
    pub emptied_at: Option<DateTime<Utc>>,
    /// What is left in US dollars, where that is known.
    pub remaining: Option<Money>,
    /// The level at which calls are refused, if one is set.
    pub floor: Option<Money>,
}

/// What is kept of an account beside its grants.
pub(super) struct AccountBalance {
    pub(super) name: String,
    pub(super) currency: String,
    /// Whether a grant or an observation made the balance known.
    pub(super) known: bool,
    pub(super) debt: Money,
    pub(super) warn: WarnLevels,
    /// Whether it is below its warn level, and that was told.
    pub(super) warned: bool,
    pub(super) recharge: Option<Recharge>,
    pub(super) recharge_due: Option<DateTime<Utc>>,
}

/// How old an observed balance may be.
const FRESH_DAYS: i64 = 7;
/// How far back spend elsewhere is summed.
const ELSEWHERE_DAYS: i64 = 30;

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
                warn_below: account.warn.level(),
                warn_percent: account.warn.percent,
                warn_hours: account.warn.hours,
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

/// Every account that refuses calls.
pub(crate) fn stopped(
    connection: &Connection,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<StoppedAccount>> {
    let accounts = connection
        .prepare_cached(
            "SELECT id, name FROM account WHERE floor_pico IS NOT NULL OR emptied_ms IS NOT NULL \
             ORDER BY name",
        )?
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    let mut stopped = Vec::new();
    for (id, account) in accounts {
        let Some(level) = floor::level(connection, id)? else { continue };
        let remaining = known_remaining(connection, id, now)?;
        if level.emptied.is_some() || balance::stops(remaining, level.floor) {
            let (emptied_at, floor) = (level.emptied, level.floor);
            stopped.push(StoppedAccount { account, emptied_at, remaining, floor });
        }
    }
    Ok(stopped)
}

/// The grants of which something is left that expires within this time from now: the id, what is left,
/// and when it is lost.
pub(crate) fn expiring(
    connection: &Connection,
    account: &str,
    now: DateTime<Utc>,
    within: TimeDelta,
) -> rusqlite::Result<Vec<(Uuid, Money, DateTime<Utc>)>> {
    connection
        .prepare_cached(
            "SELECT g.id, g.remaining_pico, g.expires_ms FROM credit_grant g \
             JOIN account a ON a.id = g.account_id WHERE a.name = ?1 AND g.remaining_pico > 0 \
             AND g.expires_ms > ?2 AND g.expires_ms <= ?3 ORDER BY g.expires_ms",
        )?
        .query_map(params![account, to_ms(now), to_ms(now + within)], |row| {
            let remaining = Money::from_picodollars(row.get(1)?);
            Ok((uuid_of(row.get(0)?), remaining, from_ms(row.get(2)?)))
        })?
        .collect()
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

pub(super) fn insert(
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

pub(super) fn draw(
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

pub(super) fn remaining(
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

pub(super) fn load(connection: &Connection, account_id: i64) -> rusqlite::Result<AccountBalance> {
    connection
        .prepare_cached(
            "SELECT name, balance_known, debt_pico, warn_pico, warned, currency, \
             recharge_below_pico, recharge_amount_pico, recharge_due_ms, warn_percent, warn_hours, \
             full_pico FROM account WHERE id = ?1",
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
                warn: WarnLevels {
                    below: money(3)?,
                    percent: row.get(9)?,
                    hours: row.get(10)?,
                    full: money(11)?,
                },
                warned: row.get(4)?,
                recharge: recharge.map(|(below, amount)| Recharge { below, amount }),
                recharge_due: row.get::<_, Option<i64>>(8)?.map(from_ms),
            })
        })
        .optional()?
        .ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// Gives back what [`draw`] took: to those grants that end last.
pub(super) fn give_back(
    connection: &Connection,
    account_id: i64,
    amount: Money,
) -> rusqlite::Result<()> {
    let drawn: Vec<([u8; 16], i64)> = connection
        .prepare_cached(
            "SELECT id, amount_pico - remaining_pico FROM credit_grant \
             WHERE account_id = ?1 AND remaining_pico < amount_pico \
             ORDER BY expires_ms IS NULL DESC, expires_ms DESC, id DESC",
        )?
        .query_map([account_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut left = amount.picodollars();
    for (grant, drawn) in drawn {
        let part = drawn.min(left);
        if part <= 0 {
            break;
        }
        connection
            .prepare_cached(
                "UPDATE credit_grant SET remaining_pico = remaining_pico + ?2, rev = rev + 1 \
                 WHERE id = ?1",
            )?
            .execute(params![grant, part])?;
        left -= part;
    }
    Ok(())
}

pub(super) fn set_debt(
    connection: &Connection,
    account_id: i64,
    debt: Money,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE account SET debt_pico = ?2 WHERE id = ?1")?
        .execute(params![account_id, debt.picodollars()])
        .map(drop)
}
