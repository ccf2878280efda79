//! A budget that is in force, ready to be asked about many calls.

use chrono::{DateTime, Utc};

use crate::budget::{Budget, ScopeMatcher};

/// A temporary addition to a budget's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raise {
    pub(crate) amount: i64,
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: Option<DateTime<Utc>>,
}

/// A budget that is in force, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct ActiveBudget {
    pub(crate) seq: i64,
    pub(crate) budget: Budget,
    pub(crate) matcher: ScopeMatcher,
    pub(crate) raises: Vec<Raise>,
    pub(crate) has_credits: bool,
}

impl ActiveBudget {
    /// The limit at `at`, with the raises that are in force.
    pub(crate) fn limit_at(&self, at: DateTime<Utc>) -> i64 {
        self.raises
            .iter()
            .filter(|raise| raise.from <= at && raise.until.is_none_or(|until| at < until))
            .fold(self.budget.limit, |limit, raise| limit.saturating_add(raise.amount))
    }
}
