//! How a budget stands towards one call.

use chrono::{DateTime, Utc};

use super::BudgetUnit;

/// How the tightest budget that applies to a call stands: what the `X-Quota-*` headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaStanding {
    /// The budget's name.
    pub budget: String,
    /// The unit of the figures.
    pub unit: BudgetUnit,
    /// All that the period may spend.
    pub cap: i64,
    /// Spent and held, at most `cap`.
    pub used: i64,
    /// The end of the period, if it has one.
    pub reset: Option<DateTime<Utc>>,
    /// Whether the first warn threshold is passed.
    pub warned: bool,
}

impl QuotaStanding {
    /// What is left: `cap - used`, never below zero.
    #[must_use]
    pub fn remaining(&self) -> i64 {
        self.cap - self.used
    }
}
