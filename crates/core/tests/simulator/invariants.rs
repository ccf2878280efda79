//! What has to be true after every step, and when all is over.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use outlay_core::budget::{BudgetKind, Window};
use outlay_core::report::{self, By, UsageQuery};

use crate::budgets::Known;
use crate::desk::{UTC, noon};
use crate::sight::{Counter, Sight};
use crate::world::{Checked, World};

impl World {
    /// What is true whatever happened.
    pub(crate) fn check_all(&self, sight: &Sight) -> Checked {
        for known in self.budgets.iter().filter(|known| known.plan.window != Window::Call) {
            self.check_sums(known, sight)?;
        }
        for row in &sight.rows {
            let is_open = matches!(row.status.as_str(), "running" | "waiting");
            if row.is_owned != is_open {
                return Err(format!("{} is {} and owned: {}", row.id, row.status, row.is_owned));
            }
        }
        for (budget, seq) in &sight.waiting {
            let row = sight.rows.iter().find(|row| row.seq == *seq);
            if row.is_none_or(|row| row.status != "waiting") {
                return Err(format!("a call that does not wait is queued before {budget}"));
            }
        }
        for (seq, (total, used)) in &sight.credits {
            if !(0..=*total).contains(used) {
                return Err(format!("budget {seq} has used {used} of a reserve of {total}"));
            }
        }
        self.check_views(sight)
    }

    /// Each period's counter is the sum of its calls' shares.
    fn check_sums(&self, known: &Known, sight: &Sight) -> Checked {
        let mut sums: BTreeMap<i64, Counter> = BTreeMap::new();
        for (period_ms, spent) in &known.base {
            sums.entry(*period_ms).or_default().spent += spent;
        }
        for row in &sight.rows {
            let Some(share) = row.share(known.seq) else { continue };
            let sum = sums.entry(share.period_ms).or_default();
            match share.charged {
                _ if known.counted.contains(&row.id) => {}
                Some(charged) => sum.spent += charged,
                None => sum.held += share.held,
            }
        }
        let periods = sums.keys().copied().collect::<Vec<_>>();
        let counted = sight.counters.keys().filter(|(seq, _)| *seq == known.seq);
        for period_ms in counted.map(|(_, period_ms)| *period_ms).chain(periods) {
            let counter = sight.counters.get(&(known.seq, period_ms)).copied().unwrap_or_default();
            let sum = sums.get(&period_ms).copied().unwrap_or_default();
            if (counter.spent, counter.held) != (sum.spent, sum.held) {
                let name = &known.name;
                return Err(format!("{name} has {counter:?}, its calls {sum:?}, from {period_ms}"));
            }
        }
        Ok(())
    }

    /// What users are shown: spent and held and what is left are together the limit.
    fn check_views(&self, sight: &Sight) -> Checked {
        let views = report::budgets(self.ledger(), self.now).map_err(|error| error.to_string())?;
        if views.len() != self.budgets.len() {
            return Err(format!("{} budgets are shown", views.len()));
        }
        for known in &self.budgets {
            let view = views.iter().find(|view| view.name == known.name);
            let view = view.ok_or_else(|| format!("{} is not shown", known.name))?;
            let stand = known.stand(sight, self.now);
            let limit = known.limit_at(self.now);
            let shown = (view.limit.count, view.used.count, view.held.count, view.remaining.count);
            let left = (limit - stand.spent - stand.held).max(0);
            if shown != (limit, stand.spent, stand.held, left) {
                return Err(format!("{} is shown as {shown:?}: {limit} {stand:?}", known.name));
            }
        }
        Ok(())
    }

    /// Nothing runs, nothing waits, and every report is the sum of the calls.
    pub(crate) fn check_at_rest(&self, sight: &Sight) -> Checked {
        let is_known = |seq: &i64| self.budgets.iter().any(|known| known.seq == *seq);
        let left = sight.counters.iter().find(|((seq, _), sum)| is_known(seq) && sum.held != 0);
        if let Some(left) = left {
            return Err(format!("a hold outlived its call: {left:?}"));
        }
        if let Some(row) = sight.rows.iter().find(|row| row.is_owned) {
            return Err(format!("{} is still {}", row.id, row.status));
        }
        for known in self.budgets.iter().filter(|_| !self.has_changed) {
            known.check_spans(sight)?;
        }
        let billed: i64 = sight.rows.iter().filter_map(|row| row.cost).sum();
        if billed != self.billed {
            return Err(format!("{} were billed and {billed} are in the ledger", self.billed));
        }
        let since = noon() - TimeDelta::days(40);
        let until = self.now.max(noon()) + TimeDelta::days(40);
        for by in [By::Day, By::Month, By::Model, By::Project] {
            let query = UsageQuery { since, until, by, timezone: UTC };
            let usage = report::usage(self.ledger(), &query).map_err(|error| error.to_string())?;
            let total = usage.total.cost_usd.picodollars();
            if total != billed {
                return Err(format!("the report by {by:?} says {total}, the calls {billed}"));
            }
        }
        Ok(())
    }
}

impl Known {
    /// Of a rolling budget that nobody changed: no stretch as long as its window was charged more
    /// than the limit, but for what calls may cost beyond their holds.
    fn check_spans(&self, sight: &Sight) -> Checked {
        if !self.plan.window.is_rolling() || self.plan.kind == BudgetKind::Soft {
            return Ok(());
        }
        let shares = sight.rows.iter().filter_map(|row| row.share(self.seq));
        let charges: Vec<(i64, i64)> = shares
            .filter_map(|share| Some((share.period_ms, share.charged?.min(share.held))))
            .collect();
        for (last_ms, _) in &charges {
            let last = DateTime::from_timestamp_millis(*last_ms).unwrap();
            let of_span =
                charges.iter().filter(|(at_ms, _)| at_ms <= last_ms && self.reaches(*at_ms, last));
            let charged: i64 = of_span.map(|(_, charged)| charged).sum();
            if charged > self.limit {
                let name = &self.name;
                return Err(format!("{name} was charged {charged} until {last}: {charges:?}"));
            }
        }
        Ok(())
    }
}
