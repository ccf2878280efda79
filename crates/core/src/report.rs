//! What the dashboard, the tray, the CLI and the local API show: they read this and nothing else.
//!
//! The types are the JSON documents of the API; `--json` prints the same.

mod calls;
mod prices;
mod quota;
mod totals;
mod usage;
mod usage_by_two;

pub use calls::{
    BudgetShare, CSV_COLUMNS, CallDetail, CallPage, CallQuery, CallView, call, calls, each_call,
};
pub use prices::{PriceFilter, PriceView, Prices, RateView, TierView, prices};
pub use quota::{
    Blocked, BudgetState, BudgetView, Quota, Spend, Status, budget, budgets, quota, status,
};
pub use totals::{Totals, totals};
pub use usage::{By, Usage, UsageQuery, UsageRow, usage};
pub use usage_by_two::usage_by_two;

use chrono::{DateTime, Utc};

use crate::ledger::query;
use crate::ledger::{AlertView, BalanceView, Ledger, LedgerError};

/// Prepaid credit of every account where it is known.
///
/// # Errors
/// When the file cannot be read.
pub fn balances(ledger: &Ledger, now: DateTime<Utc>) -> Result<Vec<BalanceView>, LedgerError> {
    ledger.read(|connection| Ok(query::balances(connection, now)?))
}

/// The latest alerts, newest first.
///
/// # Errors
/// When the file cannot be read.
pub fn alerts(ledger: &Ledger, limit: u32) -> Result<Vec<AlertView>, LedgerError> {
    ledger.read(|connection| Ok(query::alerts(connection, limit)?))
}

/// A number that changes when anything shown would.
///
/// # Errors
/// When the file cannot be read.
pub fn revision(ledger: &Ledger) -> Result<i64, LedgerError> {
    ledger.read(|connection| Ok(query::revision(connection)?))
}
