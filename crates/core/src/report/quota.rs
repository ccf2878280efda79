//! Today, this month, and how each budget stands.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Number;

use super::outside::OutsideView;
use crate::budget::{BudgetKind, BudgetUnit, CallFacts, Quantity, Scope, Window};
use crate::forecast::{Forecast, Hits};
use crate::ledger::query::{self, Outlook, StandingRow, SumRow};
use crate::ledger::{BalanceView, Bypass, Ledger, LedgerError, StoppedAccount};
use crate::money::Money;

/// `GET /api/v1/status`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Status {
    /// The instant of the figures.
    pub as_of: DateTime<Utc>,
    /// The zone of `today` and `month`.
    pub timezone: String,
    /// The plan in use, if any.
    pub plan: Option<String>,
    /// The time in which no limit refuses, while there is one.
    pub bypass: Option<Bypass>,
    /// Since midnight.
    pub today: Spend,
    /// Since the 1st.
    pub month: Spend,
    /// Every budget.
    pub budgets: Vec<BudgetView>,
    /// Every known balance.
    pub balances: Vec<BalanceView>,
    /// The hard budgets that refuse now.
    pub blocked: Vec<Blocked>,
    /// Of `month`, what did not pass here, as tools' logs tell; the dearest tool first.
    pub outside: Vec<OutsideView>,
    /// The accounts that refuse now.
    pub stopped_accounts: Vec<StoppedAccount>,
}

/// What fits on one line: no look ahead, so that it is told at once.
#[derive(Clone, Debug)]
pub struct Glance {
    /// When this was so.
    pub as_of: DateTime<Utc>,
    /// The time in which no limit refuses, while there is one.
    pub bypass: Option<Bypass>,
    /// Since midnight.
    pub today: Spend,
    /// Every budget, without forecasts.
    pub budgets: Vec<BudgetView>,
    /// The accounts that refuse now.
    pub stopped_accounts: Vec<StoppedAccount>,
}

/// Ended calls and their cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Spend {
    /// Billed calls.
    pub calls: i64,
    /// Money owed; calls of unknown cost are not in it.
    pub cost_usd: Money,
    /// Calls whose cost is unknown.
    pub unpriced_calls: i64,
}

/// A budget that refuses.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Blocked {
    /// Its name.
    pub budget: String,
    /// Why (`quota_exceeded`).
    pub reason: &'static str,
    /// When it lifts by itself; `None` where it does not.
    pub until: Option<DateTime<Utc>>,
}

/// How a budget stands, in its unit.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct BudgetView {
    /// Its name.
    pub name: String,
    /// `call day week month total`, or a rolling one: `5h`.
    pub window: String,
    /// `USD tokens calls`.
    pub unit: BudgetUnit,
    /// Which calls count; `{}` for all.
    pub scope: Scope,
    /// `soft hard`.
    pub kind: BudgetKind,
    /// The limit with raises.
    pub limit: Quantity,
    /// The raises of it that are in force, in order of their end; those that have none come last.
    pub raises: Vec<RaiseInForce>,
    /// Spent, without holds.
    pub used: Quantity,
    /// Held by running calls.
    pub held: Quantity,
    /// `limit - used - held`, never below zero.
    pub remaining: Quantity,
    /// The top-up reserve.
    pub credits_remaining: Quantity,
    /// `used` in percent of `limit`, one decimal.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub percent: Number,
    /// Where that stands.
    pub state: BudgetState,
    /// The end of the period; `None` where it has none.
    pub reset_date: Option<DateTime<Utc>>,
    /// When its pause ends by itself; `None` where it is not paused, or until it is resumed.
    pub paused_until: Option<DateTime<Utc>>,
    /// Calls that wait for money that running ones hold.
    pub waiting: i64,
    /// Since when the first of them waits.
    pub waiting_since: Option<DateTime<Utc>>,
    /// Warn thresholds in percent.
    pub warn: Vec<u8>,
    /// The zone of its days.
    pub timezone: String,
    /// When its limit and reserve will be used up in this period.
    pub forecast: Forecast,
    /// How the last 30 days fared under it; `None` for budgets that are not by day.
    pub last_30_days: Option<Hits>,
    #[serde(skip)]
    credits_total: i64,
    #[serde(skip)]
    credits_used: i64,
}

/// A part of a limit that is a raise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RaiseInForce {
    /// How much of the limit it is.
    pub by: Quantity,
    /// When it ends by itself; `None` where it does not.
    pub until: Option<DateTime<Utc>>,
}

/// Where a budget stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum BudgetState {
    /// Below its first warn threshold.
    Ok,
    /// At or above it.
    Warned,
    /// Calls wait for money that running ones hold.
    Waiting,
    /// Hard, and used up or too short for the last call that asked.
    Blocked,
    /// It counts and does not refuse, until it is resumed.
    Paused,
    /// Hard, and no limit refuses at the moment.
    Bypassed,
}

impl BudgetState {
    /// The state in a word, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            BudgetState::Ok => "ok",
            BudgetState::Warned => "warned",
            BudgetState::Waiting => "waiting",
            BudgetState::Blocked => "blocked",
            BudgetState::Paused => "paused",
            BudgetState::Bypassed => "bypassed",
        }
    }
}

/// `GET /api/v1/quota`: the tightest budget that applies, nulls where unlimited.
#[derive(Clone, Debug, Serialize)]
pub struct Quota {
    /// The plan in use, if any.
    pub plan: Option<String>,
    /// Its limit with raises.
    pub quota_total: Option<Quantity>,
    /// Spent in the period.
    pub quota_used: Option<Quantity>,
    /// Left in the period.
    pub quota_remaining: Option<Quantity>,
    /// All that was topped up.
    pub credits_total: Option<Quantity>,
    /// Drawn from it.
    pub credits_used: Option<Quantity>,
    /// Left of it.
    pub credits_remaining: Option<Quantity>,
    /// The end of the period.
    pub reset_date: Option<DateTime<Utc>>,
    /// The instant of the figures.
    pub as_of: DateTime<Utc>,
    /// All budgets that apply.
    pub budgets: Vec<BudgetView>,
}

/// Today, this month, budgets, balances and what is blocked.
///
/// # Errors
/// When the file cannot be read.
pub fn status(ledger: &Ledger, now: DateTime<Utc>, timezone: Tz) -> Result<Status, LedgerError> {
    ledger.read(|connection| {
        let since = |window: Window| window.period(now, timezone).start;
        let bypass = query::bypass(connection, now)?;
        let rows = query::standings(connection, None, now)?;
        let (outlooks, balances) = query::outlooks_and_balances(connection, &rows, now, timezone)?;
        let budgets = views(rows, outlooks, bypass.is_some());
        Ok(Status {
            as_of: now,
            timezone: timezone.name().to_owned(),
            plan: query::plan(connection)?,
            bypass,
            today: spend(&query::total(connection, since(Window::DAY))?),
            month: spend(&query::total(connection, since(Window::MONTH))?),
            blocked: budgets.iter().filter_map(blocked).collect(),
            budgets,
            balances,
            outside: query::outside(connection, since(Window::MONTH), now)?
                .into_iter()
                .map(OutsideView::from)
                .collect(),
            stopped_accounts: query::stopped_accounts(connection, now)?,
        })
    })
}

/// What fits on one line; the day is `timezone`'s.
///
/// # Errors
/// When the file cannot be read.
pub fn glance(ledger: &Ledger, now: DateTime<Utc>, timezone: Tz) -> Result<Glance, LedgerError> {
    ledger.read(|connection| {
        let bypass = query::bypass(connection, now)?;
        let rows = query::standings(connection, None, now)?;
        let midnight = Window::DAY.period(now, timezone).start;
        let unknown = |row| {
            let outlook = Outlook { forecast: Forecast::UNKNOWN, last_30_days: None };
            view(row, outlook, bypass.is_some())
        };
        Ok(Glance {
            as_of: now,
            today: spend(&query::total(connection, midnight)?),
            budgets: rows.into_iter().map(unknown).collect(),
            stopped_accounts: query::stopped_accounts(connection, now)?,
            bypass,
        })
    })
}

/// How every budget stands.
///
/// # Errors
/// When the file cannot be read.
pub fn budgets(ledger: &Ledger, now: DateTime<Utc>) -> Result<Vec<BudgetView>, LedgerError> {
    ledger.read(|connection| {
        let is_bypassed = query::bypass(connection, now)?.is_some();
        let rows = query::standings(connection, None, now)?;
        let outlooks = query::outlooks(connection, &rows, now)?;
        Ok(views(rows, outlooks, is_bypassed))
    })
}

/// How one budget stands; `None` where there is none of that name.
///
/// # Errors
/// When the file cannot be read.
pub fn budget(
    ledger: &Ledger,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Option<BudgetView>, LedgerError> {
    Ok(budgets(ledger, now)?.into_iter().find(|budget| budget.name == name))
}

/// What a call of `project` may still spend.
///
/// # Errors
/// When the file cannot be read.
pub fn quota(
    ledger: &Ledger,
    project: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Quota, LedgerError> {
    let facts = CallFacts { project, ..CallFacts::default() };
    let (plan, budgets) = ledger.read(|connection| {
        let is_bypassed = query::bypass(connection, now)?.is_some();
        let rows = query::standings(connection, Some(&facts), now)?;
        let outlooks = query::outlooks(connection, &rows, now)?;
        Ok((query::plan(connection)?, views(rows, outlooks, is_bypassed)))
    })?;
    let tightest = budgets.iter().min_by(|a, b| {
        let left = |view: &BudgetView, other: &BudgetView| {
            i128::from(view.remaining.count) * i128::from(other.limit.count.max(1))
        };
        left(a, b).cmp(&left(b, a))
    });
    let of = |count: fn(&BudgetView) -> i64| {
        tightest.map(|view| Quantity { unit: view.unit, count: count(view) })
    };
    Ok(Quota {
        plan,
        quota_total: of(|view| view.limit.count),
        quota_used: of(|view| view.used.count),
        quota_remaining: of(|view| view.remaining.count),
        credits_total: of(|view| view.credits_total),
        credits_used: of(|view| view.credits_used),
        credits_remaining: of(|view| view.credits_remaining.count),
        reset_date: tightest.and_then(|view| view.reset_date),
        as_of: now,
        budgets,
    })
}

fn spend(sum: &SumRow) -> Spend {
    Spend { calls: sum.calls, cost_usd: sum.cost, unpriced_calls: sum.unpriced_calls }
}

fn views(rows: Vec<StandingRow>, outlooks: Vec<Outlook>, is_bypassed: bool) -> Vec<BudgetView> {
    let rows = rows.into_iter().zip(outlooks);
    rows.map(|(row, outlook)| view(row, outlook, is_bypassed)).collect()
}

fn view(row: StandingRow, outlook: Outlook, is_bypassed: bool) -> BudgetView {
    let budget = row.budget;
    let quantity = |count: i64| Quantity { unit: budget.unit, count };
    let cap = row.limit.saturating_add(row.credits_here);
    let tenths = tenths_of_percent(row.spent, row.limit);
    let first_warning = budget.warn_percent.first().copied().unwrap_or(100);
    let is_hard = budget.kind == BudgetKind::Hard;
    let state = if row.is_paused {
        BudgetState::Paused
    } else if is_hard && is_bypassed {
        BudgetState::Bypassed
    } else if is_hard && row.spent >= cap {
        BudgetState::Blocked
    } else if row.waiting > 0 {
        BudgetState::Waiting
    } else if is_hard && row.refusing {
        BudgetState::Blocked
    } else if tenths >= i128::from(first_warning) * 10 {
        BudgetState::Warned
    } else {
        BudgetState::Ok
    };
    let mut raises = row
        .raises
        .into_iter()
        .map(|raise| RaiseInForce { by: quantity(raise.amount), until: raise.until })
        .collect::<Vec<_>>();
    raises.sort_by_key(|raise| (raise.until.is_none(), raise.until));
    BudgetView {
        window: budget.window.name().into_owned(),
        unit: budget.unit,
        kind: budget.kind,
        limit: quantity(row.limit),
        raises,
        used: quantity(row.spent),
        held: quantity(row.held),
        remaining: quantity(row.limit.saturating_sub(row.spent).saturating_sub(row.held).max(0)),
        credits_remaining: quantity(row.credits_total - row.credits_used),
        percent: decimal_tenths(tenths),
        state,
        reset_date: row.reset,
        paused_until: row.paused_until,
        waiting: row.waiting,
        waiting_since: row.waiting_since,
        warn: budget.warn_percent,
        timezone: budget.timezone.name().to_owned(),
        forecast: outlook.forecast,
        last_30_days: outlook.last_30_days,
        scope: budget.scope,
        name: budget.name,
        credits_total: row.credits_total,
        credits_used: row.credits_used,
    }
}

fn blocked(view: &BudgetView) -> Option<Blocked> {
    (view.state == BudgetState::Blocked).then(|| Blocked {
        budget: view.name.clone(),
        reason: "quota_exceeded",
        until: view.reset_date,
    })
}

/// `spent` in tenths of a percent of `limit`, rounded down so that 100 means all of it; of a limit
/// of zero all is used up.
fn tenths_of_percent(spent: i64, limit: i64) -> i128 {
    if limit <= 0 { 1_000 } else { i128::from(spent) * 1_000 / i128::from(limit) }
}

fn decimal_tenths(tenths: i128) -> Number {
    Number::from_str(&format!("{}.{}", tenths / 10, tenths % 10)).unwrap_or_else(|_| 0.into())
}
