//! What is done to budgets: set, given relief, bypassed, removed.

use chrono::{DateTime, Utc};

use super::Ledger;
use crate::budget::{Budget, Quantity};
use crate::ledger::active::Bypass;
use crate::ledger::budget::{self, BudgetChange, Maker};
use crate::ledger::budget_event::BudgetEvent;
use crate::ledger::error::LedgerError;
use crate::ledger::plan::{self, Plan, PlanUse};
use crate::ledger::reply::Reply;
use crate::ledger::writer::Retry;
use crate::ledger::{bypass, relief, run};

impl Ledger {
    /// Creates or changes a budget. `actor` is `cli`, `api` or `desktop`.
    pub fn set_budget(
        &self,
        change: BudgetChange,
        actor: &'static str,
        now: DateTime<Utc>,
        default_timezone: chrono_tz::Tz,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| {
            budget::set(writing, &change, Maker::User, actor, now, default_timezone)
        })
    }

    /// Limits what the calls of one `outlay run` cost in all (as typed, in US dollars). The budget is
    /// `run-` and the run's name; it is removed when this process has died, if not before.
    pub fn limit_run(
        &self,
        run: String,
        limit: String,
        actor: &'static str,
        now: DateTime<Utc>,
        default_timezone: chrono_tz::Tz,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| {
            run::limit(writing, &run, &limit, actor, now, default_timezone)
        })
    }

    /// Raises a budget's limit by `by` (as typed, in its unit) until `until` or its period's end;
    /// the reply has the end.
    pub fn raise_budget(
        &self,
        name: String,
        by: String,
        until: Option<DateTime<Utc>>,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<(Budget, Option<DateTime<Utc>>)> {
        self.submit(Retry::Never, move |writing| {
            relief::raise(writing, &name, &by, until, actor, now)
        })
    }

    /// Takes back a budget's raises that are not over; the reply has how much they were.
    pub fn lower_budget(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<(Budget, Quantity)> {
        self.submit(Retry::Never, move |writing| relief::lower(writing, &name, actor, now))
    }

    /// Adds `by` (as typed) to a budget's reserve.
    pub fn top_up_budget(
        &self,
        name: String,
        by: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| relief::top_up(writing, &name, &by, actor, now))
    }

    /// Takes back what is left of a budget's reserve; the reply has how much that was.
    pub fn empty_budget_reserve(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<(Budget, Quantity)> {
        self.submit(Retry::Never, move |writing| relief::empty_reserve(writing, &name, actor, now))
    }

    /// Lets a budget count without refusing, until `until` or until it is resumed.
    pub fn pause_budget(
        &self,
        name: String,
        until: Option<DateTime<Utc>>,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| relief::pause(writing, &name, until, actor, now))
    }

    /// Lets a paused budget refuse again.
    pub fn resume_budget(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| relief::resume(writing, &name, actor, now))
    }

    /// Lets no limit refuse until `until`; a bypass in force ends with it.
    pub fn bypass(
        &self,
        until: DateTime<Utc>,
        why: Option<String>,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Bypass> {
        self.submit(Retry::Never, move |writing| {
            bypass::start(writing, until, why.as_deref(), actor, now)
        })
    }

    /// Ends the bypass in force; the reply says whether there was one.
    pub fn end_bypass(&self, actor: &'static str, now: DateTime<Utc>) -> Reply<bool> {
        self.submit(Retry::Never, move |writing| bypass::off(writing, actor, now))
    }

    /// Sets a plan's budgets, and removes those of the plan before it that it lacks; all or nothing.
    pub fn use_plan(
        &self,
        plan: Plan,
        actor: &'static str,
        now: DateTime<Utc>,
        default_timezone: chrono_tz::Tz,
    ) -> Reply<PlanUse> {
        self.submit(Retry::Never, move |writing| {
            plan::put_in_use(writing, &plan, actor, now, default_timezone)
        })
    }

    /// Removes a budget; its history stays.
    pub fn remove_budget(
        &self,
        name: String,
        actor: &'static str,
        now: DateTime<Utc>,
    ) -> Reply<Budget> {
        self.submit(Retry::Never, move |writing| budget::remove(writing, &name, actor, now))
    }

    /// What was done to the budgets of that name, oldest first.
    ///
    /// # Errors
    /// `NotFound` where there never was one.
    pub fn budget_history(&self, name: &str) -> Result<Vec<BudgetEvent>, LedgerError> {
        self.read(|connection| budget::history(connection, name))
    }
}
