//! A budget that is in force, ready to be asked about many calls.

use chrono::{DateTime, Utc};

use crate::budget::{Budget, BudgetKind, ScopeMatcher};

/// A temporary addition to a budget's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raise {
    pub(crate) amount: i64,
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: Option<DateTime<Utc>>,
}

/// A time in which a budget counts and does not refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    /// `None`: until it is resumed.
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
    pub(crate) pause: Option<Pause>,
}

impl ActiveBudget {
    /// Whether it is paused at `at`.
    pub(crate) fn is_paused(&self, at: DateTime<Utc>) -> bool {
        self.pause.is_some_and(|pause| pause.until.is_none_or(|until| at < until))
    }

    /// What it does at `at` where a limit is crossed.
    pub(crate) fn kind_at(&self, at: DateTime<Utc>) -> BudgetKind {
        if self.is_paused(at) { BudgetKind::Soft } else { self.budget.kind }
    }

    /// The limit at `at`, with the raises that are in force.
    pub(crate) fn limit_at(&self, at: DateTime<Utc>) -> i64 {
        self.raises_at(at)
            .fold(self.budget.limit, |limit, raise| limit.saturating_add(raise.amount))
    }

    /// The raises that are in force at `at`.
    pub(crate) fn raises_at(&self, at: DateTime<Utc>) -> impl Iterator<Item = Raise> {
        let is_in_force =
            move |raise: &Raise| raise.from <= at && raise.until.is_none_or(|until| at < until);
        self.raises.iter().copied().filter(is_in_force)
    }
}

/// A time in which no limit refuses.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Bypass {
    /// Since when.
    pub from: DateTime<Utc>,
    /// When limits refuse again.
    pub until: DateTime<Utc>,
    /// Who wanted it: `cli`, `api`, `desktop`.
    pub actor: String,
    /// What for, as the user said it.
    pub why: Option<String>,
}
