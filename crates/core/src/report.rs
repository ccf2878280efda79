//! What the dashboard, the tray, the CLI and the local API show: they read this and nothing else.
//!
//! The types are the JSON documents of the API; `--json` prints the same.

mod calls;
mod explain;
mod outside;
mod plans;
mod prices;
mod quota;
mod rehearsal;
mod suggest;
mod totals;
mod usage;
mod usage_by_two;

pub use calls::{
    BudgetShare, CSV_COLUMNS, CallCount, CallDetail, CallPage, CallQuery, CallView, call,
    call_count, calls, each_call,
};
pub use explain::{Explanation, explanation, last_limited};
pub use outside::{OutsideView, outside};
pub use plans::{Plans, ReplacedLimit, plans, replaced_limits};
pub use prices::{
    PriceFilter, PriceView, Prices, RateView, TierView, UnpricedModels, UnpricedView, prices,
    unpriced_models,
};
pub use quota::{
    Blocked, BudgetState, BudgetView, Glance, Quota, Spend, Status, budget, budgets, glance, quota,
    status,
};
pub use rehearsal::{RefusedThen, RehearsalQuery, RehearsalView, rehearsal};
pub use suggest::{Suggestion, suggestion};
pub use totals::{Totals, totals};
pub use usage::{By, Usage, UsageQuery, UsageRow, usage};
pub use usage_by_two::usage_by_two;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::ledger::query;
use crate::ledger::{
    AlertView, BalanceView, Bypass, GrantView, Ledger, LedgerError, StoppedAccount,
};

/// The time in which no limit refuses, while there is one.
///
/// # Errors
/// When the file cannot be read.
pub fn bypass(ledger: &Ledger, now: DateTime<Utc>) -> Result<Option<Bypass>, LedgerError> {
    ledger.read(|connection| Ok(query::bypass(connection, now)?))
}

/// Prepaid credit of every account where it is known; days are those of `timezone`.
///
/// # Errors
/// When the file cannot be read.
pub fn balances(
    ledger: &Ledger,
    now: DateTime<Utc>,
    timezone: Tz,
) -> Result<Vec<BalanceView>, LedgerError> {
    ledger.read(|connection| query::balances(connection, now, timezone))
}

/// Prepaid credit as it was recorded, of one account or of all, the latest first.
///
/// # Errors
/// When the file cannot be read.
pub fn grants(
    ledger: &Ledger,
    account: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Vec<GrantView>, LedgerError> {
    ledger.read(|connection| Ok(query::grants(connection, account, now)?))
}

/// Every account that refuses calls.
///
/// # Errors
/// When the file cannot be read.
pub fn stopped_accounts(
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Vec<StoppedAccount>, LedgerError> {
    ledger.read(|connection| Ok(query::stopped_accounts(connection, now)?))
}

/// The latest alerts, newest first.
///
/// # Errors
/// When the file cannot be read.
pub fn alerts(ledger: &Ledger, limit: u32) -> Result<Vec<AlertView>, LedgerError> {
    ledger.read(|connection| Ok(query::alerts(connection, limit)?))
}

/// How many calls each project (`None`: no project) made in its latest minutes that had any, oldest
/// first.
///
/// # Errors
/// When the file cannot be read.
pub fn pace(ledger: &Ledger) -> Result<BTreeMap<Option<String>, Vec<u32>>, LedgerError> {
    let minutes = ledger.read(|connection| Ok(query::pace(connection)?))?;
    let mut projects = BTreeMap::<_, Vec<u32>>::new();
    for (project, calls) in minutes {
        projects.entry(project).or_default().push(calls);
    }
    Ok(projects)
}

/// A number that changes when anything shown would.
///
/// # Errors
/// When the file cannot be read.
pub fn revision(ledger: &Ledger) -> Result<i64, LedgerError> {
    ledger.revision()
}
