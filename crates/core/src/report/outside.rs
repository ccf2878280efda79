//! What tools spent without passing here, as their logs tell.

use chrono::{DateTime, Utc};

use crate::ledger::query;
use crate::ledger::{Ledger, LedgerError, Outside};
use crate::money::Money;

/// What a tool spent without passing here.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct OutsideView {
    /// The tool: `claude-code`.
    pub tool: String,
    /// How many calls.
    pub calls: i64,
    /// Of these, the ones of unknown cost.
    pub unpriced_calls: i64,
    /// Money owed.
    pub cost_usd: Money,
    /// What subscriptions used, at API prices: not owed.
    pub plan_value_usd: Money,
}

/// What did not pass here in a time, the dearest tool first.
///
/// # Errors
/// When the file cannot be read.
pub fn outside(
    ledger: &Ledger,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<OutsideView>, LedgerError> {
    let sums = ledger.read(|connection| Ok(query::outside(connection, since, until)?))?;
    Ok(sums.into_iter().map(OutsideView::from).collect())
}

impl From<Outside> for OutsideView {
    fn from(sum: Outside) -> OutsideView {
        OutsideView {
            tool: sum.source.strip_prefix("import:").unwrap_or(&sum.source).to_owned(),
            calls: sum.calls,
            unpriced_calls: sum.unpriced_calls,
            cost_usd: sum.cost,
            plan_value_usd: sum.plan_value,
        }
    }
}
