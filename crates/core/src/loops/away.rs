//! What is spent while nobody is at the keyboard.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Finding, LoopKind, LoopRules, Measure, PAUSE};
use crate::money::Money;

#[derive(Debug, Default)]
pub(super) struct Away(Option<Absence>);

#[derive(Debug)]
struct Absence {
    /// When somebody last was there.
    since: DateTime<Utc>,
    calls: u32,
    spent: Money,
    is_told: bool,
}

impl Away {
    /// A call is asked when nobody has touched anything for `idle`; `None` tells nothing new.
    pub(super) fn asked(
        &mut self,
        idle: Option<TimeDelta>,
        at: DateTime<Utc>,
        rules: &LoopRules,
    ) -> Option<Finding> {
        if idle.is_some_and(|idle| idle < rules.idle_after) || rules.idle_calls == 0 {
            self.0 = None;
        }
        if rules.idle_calls == 0 {
            return None;
        }
        if let (None, Some(idle)) = (&self.0, idle.filter(|idle| *idle >= rules.idle_after)) {
            let since = at - idle;
            self.0 = Some(Absence { since, calls: 0, spent: Money::ZERO, is_told: false });
        }
        let away = self.0.as_mut()?;
        away.calls = away.calls.saturating_add(1);
        if away.calls <= rules.idle_calls && away.spent <= rules.idle_spend {
            return None;
        }
        Some(Finding {
            kind: LoopKind::IdleSpend,
            count: away.calls,
            since: away.since,
            window: at - away.since,
            until: at + PAUSE,
            is_news: !std::mem::replace(&mut away.is_told, true),
            measure: Measure::Spent(away.spent),
        })
    }

    /// A call that was counted was not made.
    pub(super) fn uncount(&mut self) {
        if let Some(away) = &mut self.0 {
            away.calls = away.calls.saturating_sub(1);
        }
    }

    /// A call ended and cost this.
    pub(super) fn ended(&mut self, cost: Option<Money>) {
        if let (Some(away), Some(cost)) = (&mut self.0, cost) {
            away.spent = away.spent.saturating_add(cost);
        }
    }
}
