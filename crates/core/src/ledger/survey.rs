//! A look around for what no call tells: what will run out, what has room again, what is old.
//!
//! It is read on a connection of its own, and only what has changed is written.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, params};

use super::alert::NewAlert;
use super::condition::{self, Change, Finding};
use super::error::OpError;
use super::grant::{self, BalanceView};
use super::log_file;
use super::query::{self, StandingRow};
use super::rollup::QUARTER_MS;
use super::time::to_ms;
use super::writer::Writing;
use super::{charge, level};
use crate::alert::{
    self, AlertKind, AlertText, Severity, back_text, disk_text, expiring_text, logs_gone_text,
    overrun_text, runway_text, spike_text, stale_prices_text, unpriced_text,
};
use crate::budget::{BudgetKind, Quantity};
use crate::forecast::{Forecast, Outlook, between, spike};
use crate::money::Money;
use crate::price::{PRICES_STALE_AFTER_DAYS, PriceList, PriceQuery};

/// What is known of the machine.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What is left on the ledger's disk; `None` where that is not known.
    pub disk_free_bytes: Option<u64>,
    /// The ledger's folder, as shown.
    pub folder: String,
    /// Whether there is a file of that path.
    pub has_file: fn(&str) -> bool,
}

impl Default for Surroundings {
    /// Nothing is known, and nothing is missed.
    fn default() -> Surroundings {
        Surroundings { disk_free_bytes: None, folder: String::new(), has_file: |_| true }
    }
}

/// What a look found that is to be written down.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    changes: Vec<Change>,
    /// A limit that was changed has left or crossed a threshold, or a top-up is overdue.
    has_levels: bool,
}

/// A budget of which so much is spent, in percent, is told that it will not last.
const OVERRUN_FROM_PERCENT: i64 = 20;
/// A balance that lasts so many hours is nearly gone, unless the user says otherwise.
const RUNWAY_HOURS: i64 = 24;
/// How long before it expires credit is told of: once, and once more.
const EXPIRES_WITHIN_DAYS: [i64; 2] = [7, 1];
/// Calls without a price are told of for so long.
const UNPRICED_HOURS: i64 = 24;
/// Too little room on a disk, and enough again.
const DISK_LOW_BYTES: u64 = 200_000_000;
const DISK_FINE_BYTES: u64 = 400_000_000;

impl Survey {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.has_levels
    }
}

/// Looks around.
pub(crate) fn look(
    connection: &Connection,
    prices: &PriceList,
    surroundings: &Surroundings,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Survey, OpError> {
    let rows = query::standings(connection, None, now)?;
    let (forecasts, balances) = query::forecasts_and_balances(connection, &rows, now, zone)?;
    let mut findings = Vec::new();
    for (row, forecast) in rows.iter().zip(&forecasts) {
        findings.push(overrun(row, forecast, now));
        findings.push(over(row, now));
    }
    for balance in &balances {
        findings.push(runway(balance, now, zone));
        findings.extend(expiring(connection, balance, now, zone)?);
    }
    findings.extend(dear_hour(connection, now, zone)?);
    findings.extend(unpriced(connection, prices, now)?);
    findings.extend(stale_prices(prices, now));
    findings.push(disk(surroundings, now));
    findings.extend(logs_gone(connection, surroundings, now)?);
    let is_changed = |row: &StandingRow| {
        let is_rolling = row.budget.window.is_rolling();
        !is_rolling
            && alert::reached(row.spent, row.limit, &row.budget.warn_percent) != row.told_percent
    };
    let has_levels = rows.iter().any(is_changed) || level::has_overdue(connection, now)?;
    Ok(Survey { changes: condition::changes(connection, findings)?, has_levels })
}

/// Writes down what was found.
pub(crate) fn record(
    writing: &mut Writing<'_>,
    survey: &Survey,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    condition::apply(writing, &survey.changes, now)?;
    if survey.has_levels {
        charge::tell_reached(writing, now)?;
        level::tell_overdue(writing, now)?;
    }
    Ok(())
}

fn new(
    kind: AlertKind,
    severity: Severity,
    subject: &str,
    key: &str,
    text: AlertText,
    now: DateTime<Utc>,
) -> NewAlert {
    NewAlert {
        kind,
        severity,
        subject: subject.to_owned(),
        key: key.to_owned(),
        // Each time that it begins is an occasion of its own.
        period_start: now,
        text,
    }
}

/// When, as a part of a sentence; `None` where it may last.
fn when(forecast: &Forecast, now: DateTime<Utc>, zone: Tz) -> Option<String> {
    Some(between(forecast.earliest?, forecast.latest?, now, zone))
}

/// A budget that will be used up before it resets, once a period.
fn overrun(row: &StandingRow, forecast: &Forecast, now: DateTime<Utc>) -> Finding {
    let budget = &row.budget;
    let period = budget.window.period(now, budget.timezone).start;
    let key = format!("{}:{}", budget.id.0, to_ms(period));
    let quantity = |count| Quantity { unit: budget.unit, count };
    let is_early = row.spent.saturating_mul(100) < row.limit.saturating_mul(OVERRUN_FROM_PERCENT);
    let range = when(forecast, now, budget.timezone);
    let (holds, on_begin) = match (forecast.outlook, range) {
        (Outlook::Expected, Some(_)) if is_early || row.is_paused => (None, None),
        (Outlook::Expected, Some(range)) => {
            let text = overrun_text(&budget.name, quantity(row.spent), quantity(row.limit), &range);
            let severity = Severity::Warning;
            let alert = new(AlertKind::BudgetOverrun, severity, &budget.name, &key, text, now);
            (Some(true), Some(alert))
        }
        (Outlook::Lasts, _) => (Some(false), None),
        _ => (None, None),
    };
    Finding { kind: AlertKind::BudgetOverrun.as_str(), key, holds, on_begin, on_end: None }
}

/// A hard budget that is used up, which its threshold tells; that it has room again is told here.
fn over(row: &StandingRow, now: DateTime<Utc>) -> Finding {
    let budget = &row.budget;
    let quantity = |count| Quantity { unit: budget.unit, count };
    let cap = row.limit.saturating_add(row.credits_here);
    let is_over = budget.kind == BudgetKind::Hard && (row.spent >= cap || row.refusing);
    let key = budget.id.0.to_string();
    let text = back_text(&budget.name, quantity(row.spent), quantity(cap));
    let back = new(AlertKind::BackWithin, Severity::Info, &budget.name, &key, text, now);
    Finding { kind: "over", key, holds: Some(is_over), on_begin: None, on_end: Some(back) }
}

/// A balance that will be gone within hours.
fn runway(balance: &BalanceView, now: DateTime<Utc>, zone: Tz) -> Finding {
    let hours = match balance.warn_hours {
        Some(hours) => hours,
        // Who set another level is told by that.
        None if balance.warn_below.is_some() => 0,
        None => RUNWAY_HOURS,
    };
    let key = balance.account.clone();
    let lasts = balance.forecast.likely.map(|likely| likely - now);
    let range = when(&balance.forecast, now, zone);
    let holds = match (hours, lasts, &range) {
        (0, ..) => Some(false),
        (hours, Some(lasts), Some(_)) if lasts <= TimeDelta::hours(hours) => Some(true),
        // A quarter more, or it would come and go.
        (hours, Some(lasts), _) if lasts <= TimeDelta::minutes(hours * 75) => None,
        _ => Some(false),
    };
    let on_begin = range.map(|range| {
        let text = runway_text(&key, balance.remaining, &balance.currency, &range);
        new(AlertKind::BalanceRunway, Severity::Warning, &key, &key, text, now)
    });
    Finding { kind: AlertKind::BalanceRunway.as_str(), key, holds, on_begin, on_end: None }
}

/// Grants that will expire before they are used.
fn expiring(
    connection: &Connection,
    balance: &BalanceView,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<Vec<Finding>, OpError> {
    let within = TimeDelta::days(EXPIRES_WITHIN_DAYS[0]);
    let mut findings = Vec::new();
    for (id, remaining, expires) in grant::expiring(connection, &balance.account, now, within)? {
        let is_used = balance.forecast.likely.is_some_and(|empty| empty <= expires);
        for days in EXPIRES_WITHIN_DAYS {
            let key = format!("{id}:{days}");
            let left = expires - now;
            let text = expiring_text(
                &balance.account,
                remaining,
                &balance.currency,
                &expires.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string(),
                left.num_days(),
            );
            let severity = if days > 1 { Severity::Info } else { Severity::Warning };
            let kind = AlertKind::GrantExpiring;
            findings.push(Finding {
                kind: kind.as_str(),
                holds: (left <= TimeDelta::days(days) && !is_used).then_some(true),
                on_begin: Some(new(kind, severity, &balance.account, &key, text, now)),
                on_end: None,
                key,
            });
        }
    }
    Ok(findings)
}

/// The present hour, where it is far dearer than that of other days.
fn dear_hour(
    connection: &Connection,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<Option<Finding>, OpError> {
    let Some(found) = spike(&query::burn(connection, now)?, now, zone) else { return Ok(None) };
    let key = to_ms(found.hour).to_string();
    let [spent, usual] = [found.spent, found.usual].map(Money::from_picodollars);
    let text = spike_text(spent, usual);
    let kind = AlertKind::Spike;
    let alert = new(kind, Severity::Warning, "this machine", &key, text, now);
    let on_begin = Some(alert);
    Ok(Some(Finding { kind: kind.as_str(), key, holds: Some(true), on_begin, on_end: None }))
}

/// Models of which calls were made lately whose cost nobody knows.
fn unpriced(
    connection: &Connection,
    prices: &PriceList,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>, OpError> {
    let kind = AlertKind::UnpricedModel;
    let since = to_ms(now - TimeDelta::hours(UNPRICED_HOURS)).div_euclid(QUARTER_MS);
    let rows = connection
        .prepare_cached(
            "SELECT p.text, m.text, sum(r.unpriced_calls) FROM rollup_quarter r \
             JOIN dimension p ON p.id = r.provider_id JOIN dimension m ON m.id = r.model_id \
             WHERE r.quarter >= ?1 AND r.unpriced_calls > 0 GROUP BY p.text, m.text",
        )?
        .query_map(params![since], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, String, i64)>>>()?;
    let findings = rows.into_iter().map(|(provider, model, calls)| {
        let key = format!("{provider}/{model}");
        let text = unpriced_text(&provider, &model, calls);
        let asked = PriceQuery { provider: &provider, model: &model, at: now, service_tier: None };
        let is_priced = prices.find(&asked).is_some();
        Finding {
            kind: kind.as_str(),
            holds: Some(!is_priced),
            on_begin: Some(new(kind, Severity::Warning, &model, &key, text, now)),
            on_end: None,
            key,
        }
    });
    Ok(findings.collect())
}

fn stale_prices(prices: &PriceList, now: DateTime<Utc>) -> Option<Finding> {
    let newest = prices.newest()?;
    let days = (now.date_naive() - newest).num_days();
    let kind = AlertKind::StalePrices;
    let key = newest.to_string();
    let text = stale_prices_text(prices.source(), days);
    Some(Finding {
        kind: kind.as_str(),
        holds: Some(days > PRICES_STALE_AFTER_DAYS),
        on_begin: Some(new(kind, Severity::Info, "prices", &key, text, now)),
        on_end: None,
        key,
    })
}

/// Tools whose logs were imported and are gone.
fn logs_gone(
    connection: &Connection,
    surroundings: &Surroundings,
    now: DateTime<Utc>,
) -> Result<Vec<Finding>, OpError> {
    let kind = AlertKind::LogsGone;
    let finding = |(tool, newest): (String, String)| {
        // Nearly always it is there, and the others are not asked for.
        let is_there = (surroundings.has_file)(&newest)
            || log_file::paths(connection, &tool)?.iter().any(|path| (surroundings.has_file)(path));
        let text = logs_gone_text(&tool, &newest);
        Ok(Finding {
            kind: kind.as_str(),
            holds: Some(!is_there),
            on_begin: Some(new(kind, Severity::Warning, &tool, &tool, text, now)),
            on_end: None,
            key: tool,
        })
    };
    log_file::newest(connection)?.into_iter().map(finding).collect()
}

fn disk(surroundings: &Surroundings, now: DateTime<Utc>) -> Finding {
    let kind = AlertKind::DiskFull;
    let free = surroundings.disk_free_bytes;
    let holds = match free {
        Some(..DISK_LOW_BYTES) => Some(true),
        Some(DISK_FINE_BYTES..) => Some(false),
        Some(_) | None => None,
    };
    let text = disk_text(free.unwrap_or_default(), &surroundings.folder);
    let key = surroundings.folder.clone();
    let on_begin = Some(new(kind, Severity::Critical, "disk", &key, text, now));
    Finding { kind: kind.as_str(), key, holds, on_begin, on_end: None }
}
