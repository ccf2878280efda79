//! The simulator's own idea of each budget: what was set, and what counted when it was counted anew.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use outlay_core::budget::{BudgetKind, BudgetUnit, Quantity, Scope, Span, Window};
use outlay_core::ledger::BudgetChange;
use uuid::Uuid;

use crate::desk::UTC;
use crate::schedule::BudgetPlan;

/// A budget that is in force.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) seq: i64,
    pub(crate) plan: BudgetPlan,
    pub(crate) limit: i64,
    pub(crate) raises: Vec<Raise>,
    /// `Some(None)`: until it is resumed.
    pub(crate) pause: Option<Option<DateTime<Utc>>>,
    /// What each period had spent when it was last counted anew, and the calls that are in it.
    pub(crate) base: BTreeMap<i64, i64>,
    pub(crate) counted: HashSet<Uuid>,
}

#[derive(Debug)]
pub(crate) struct Raise {
    pub(crate) by: i64,
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: Option<DateTime<Utc>>,
}

impl BudgetPlan {
    /// So many of the unit that limits are drawn in.
    pub(crate) fn count(&self, figure: u64) -> i64 {
        let figure = i64::try_from(figure).unwrap();
        match self.unit {
            BudgetUnit::Usd => figure * 1_000_000_000,
            BudgetUnit::Tokens => figure * 100,
            BudgetUnit::Calls => figure,
        }
    }

    /// As a user would type it.
    pub(crate) fn typed(&self, figure: u64) -> String {
        Quantity { unit: self.unit, count: self.count(figure) }.to_string()
    }

    pub(crate) fn change(&self, name: &str) -> BudgetChange {
        let scope =
            Scope { project: self.is_of_project.then(|| "p".to_owned()), ..Scope::default() };
        BudgetChange {
            name: name.to_owned(),
            kind: Some(self.kind),
            unit: Some(self.unit),
            limit: Some(self.typed(self.limit)),
            window: Some(self.window),
            scope: Some(scope),
            may_cap: Some(self.may_cap),
            ..BudgetChange::default()
        }
    }

    /// Where a call of `at` is counted.
    pub(crate) fn period_ms(&self, at: DateTime<Utc>) -> i64 {
        self.window.period(at, UTC).start.timestamp_millis()
    }
}

impl Known {
    pub(crate) fn limit_at(&self, at: DateTime<Utc>) -> i64 {
        let in_force =
            |raise: &&Raise| raise.from <= at && raise.until.is_none_or(|until| at < until);
        self.limit + self.raises.iter().filter(in_force).map(|raise| raise.by).sum::<i64>()
    }

    /// Whether it refuses, but for a bypass.
    pub(crate) fn refuses_at(&self, at: DateTime<Utc>) -> bool {
        let is_paused = self.pause.is_some_and(|until| until.is_none_or(|until| at < until));
        self.plan.kind == BudgetKind::Hard && !is_paused
    }

    /// Whether what is counted under `period_ms` counts at `at`.
    pub(crate) fn reaches(&self, period_ms: i64, at: DateTime<Utc>) -> bool {
        match self.plan.window {
            Window::Rolling { span } => period_ms > reach_ms(span, at),
            _ => period_ms == self.plan.period_ms(at),
        }
    }

    pub(crate) fn counts(&self, is_of_project: bool) -> bool {
        is_of_project || !self.plan.is_of_project
    }
}

/// Buckets of a 120th that begin after this instant count: they leave whole, and never early.
pub(crate) fn reach_ms(span: Span, at: DateTime<Utc>) -> i64 {
    at.timestamp_millis() - span.ms() - span.ms() / 120
}
