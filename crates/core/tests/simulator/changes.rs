//! Steps that change budgets.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use outlay_core::budget::{BudgetUnit, Window};
use outlay_core::ledger::BudgetChange;

use crate::budgets::{Known, Raise, reach_ms};
use crate::desk::UTC;
use crate::schedule::{BudgetPlan, Step};
use crate::world::{Checked, World};

impl World {
    pub(crate) fn change_budget(&mut self, step: &Step) -> Checked {
        let at = |which: &usize| which % self.budgets.len().max(1);
        match step {
            Step::Make(plan) => self.make(plan.clone()),
            Step::Bypass { for_ms } => self.bypass(*for_ms),
            Step::EndBypass => {
                let ended = self.ledger().end_bypass("cli", self.now).wait();
                self.end_bypass();
                ended.map(drop).map_err(|error| format!("end bypass: {error}"))
            }
            _ if self.budgets.is_empty() => Ok(()),
            Step::Limit { which, limit } => self.set_limit(at(which), *limit),
            Step::Rewindow { which, window } => self.set_window(at(which), *window),
            Step::Raise { which, by, for_ms } => self.raise(at(which), *by, *for_ms),
            Step::Lower { which } => self.lower(at(which)),
            Step::TopUp { which, by } => {
                let known = &self.budgets[at(which)];
                let (name, by) = (known.name.clone(), known.plan.typed(*by));
                let done = self.ledger().top_up_budget(name, by, "cli", self.now).wait();
                done.map(drop).map_err(|error| format!("top up: {error}"))
            }
            Step::Pause { which, for_ms } => {
                let place = at(which);
                let name = self.budgets[place].name.clone();
                let until = for_ms.map(|ms| self.now + TimeDelta::milliseconds(ms));
                let done = self.ledger().pause_budget(name, until, "cli", self.now).wait();
                self.budgets[place].pause = Some(until);
                done.map(drop).map_err(|error| format!("pause: {error}"))
            }
            Step::Resume { which } => {
                let place = at(which);
                let name = self.budgets[place].name.clone();
                let done = self.ledger().resume_budget(name, "cli", self.now).wait();
                let now = self.now;
                let known = &mut self.budgets[place];
                if known.pause.is_some_and(|until| until.is_none_or(|until| now < until)) {
                    known.pause = None;
                }
                done.map(drop).map_err(|error| format!("resume: {error}"))
            }
            Step::Remove { which } => {
                let known = self.budgets.remove(at(which));
                let done = self.ledger().remove_budget(known.name, "cli", self.now).wait();
                done.map(drop).map_err(|error| format!("remove: {error}"))
            }
            other => Err(format!("no change of a budget: {other:?}")),
        }
    }

    fn bypass(&mut self, for_ms: i64) -> Checked {
        let until = self.now + TimeDelta::milliseconds(for_ms);
        let bypass = self.ledger().bypass(until, None, "cli", self.now).wait();
        self.end_bypass();
        self.bypasses.push((self.now, until));
        bypass.map(drop).map_err(|error| format!("bypass: {error}"))
    }

    fn end_bypass(&mut self) {
        for (from, until) in &mut self.bypasses {
            if *until > self.now {
                *until = self.now.max(*from);
            }
        }
    }

    fn set(&self, change: BudgetChange) -> Checked {
        let done = self.ledger().set_budget(change, "cli", self.now, UTC).wait();
        done.map(drop).map_err(|error| format!("set: {error}"))
    }

    pub(crate) fn make(&mut self, plan: BudgetPlan) -> Checked {
        self.made += 1;
        let name = format!("b{}", self.made);
        self.set(plan.change(&name))?;
        let seq = self
            .file
            .query_row("SELECT seq FROM budget WHERE name = ?1", [&name], |row| row.get(0))
            .unwrap();
        self.budgets.push(Known {
            name,
            seq,
            limit: plan.count(plan.limit),
            plan,
            raises: Vec::new(),
            pause: None,
            base: BTreeMap::new(),
            counted: std::collections::HashSet::new(),
        });
        self.counted_anew(self.budgets.len() - 1);
        Ok(())
    }

    fn set_limit(&mut self, place: usize, limit: u64) -> Checked {
        let known = &self.budgets[place];
        let (name, typed) = (known.name.clone(), known.plan.typed(limit));
        let count = known.plan.count(limit);
        self.set(BudgetChange { name, limit: Some(typed), ..BudgetChange::default() })?;
        self.budgets[place].limit = count;
        Ok(())
    }

    fn set_window(&mut self, place: usize, window: Window) -> Checked {
        let name = self.budgets[place].name.clone();
        let is_new = self.budgets[place].plan.window != window;
        self.set(BudgetChange { name, window: Some(window), ..BudgetChange::default() })?;
        self.budgets[place].plan.window = window;
        if is_new {
            self.counted_anew(place);
        }
        Ok(())
    }

    fn raise(&mut self, place: usize, by: u64, for_ms: Option<i64>) -> Checked {
        let known = &self.budgets[place];
        let until = for_ms.map(|ms| self.now + TimeDelta::milliseconds(ms));
        let (name, typed) = (known.name.clone(), known.plan.typed(by));
        let raised = self.ledger().raise_budget(name, typed, until, "cli", self.now).wait();
        let (_, until) = raised.map_err(|error| format!("raise: {error}"))?;
        let raise = Raise { by: known.plan.count(by), from: self.now, until };
        self.budgets[place].raises.push(raise);
        Ok(())
    }

    fn lower(&mut self, place: usize) -> Checked {
        let now = self.now;
        let known = &mut self.budgets[place];
        for raise in &mut known.raises {
            if raise.until.is_none_or(|until| until > now) {
                raise.until = Some(now);
            }
        }
        let done = self.ledger().lower_budget(self.budgets[place].name.clone(), "cli", now).wait();
        done.map(drop).map_err(|error| format!("lower: {error}"))
    }

    /// The budget's current period now consists of the calls that have ended, by their rows.
    fn counted_anew(&mut self, place: usize) {
        let sight = self.sight();
        let now = self.now;
        let known = &mut self.budgets[place];
        known.base.clear();
        known.counted = sight.rows.iter().filter(|row| row.is_ended()).map(|row| row.id).collect();
        let first_ms = match known.plan.window {
            Window::Rolling { span } => reach_ms(span, now),
            _ => known.plan.period_ms(now),
        };
        for row in &sight.rows {
            let is_recent = row.started.timestamp_millis() >= first_ms;
            if !row.is_ended() || !is_recent || !known.counts(row.is_of_project) {
                continue;
            }
            let amount = match known.plan.unit {
                BudgetUnit::Usd => row.cost.unwrap_or(0),
                BudgetUnit::Tokens => row.tokens,
                BudgetUnit::Calls => 1,
            };
            *known.base.entry(known.plan.period_ms(row.started)).or_default() += amount;
        }
        // It holds for running calls what they may cost from now on, not what was promised.
        let seq = known.seq;
        for running in self.running.iter_mut().chain(&mut self.orphans) {
            running.promised.retain(|promised| *promised != seq);
        }
    }
}
