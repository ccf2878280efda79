//! Plans: named sets of hard budgets, one a window, put in use together.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::budget::{self, BudgetChange, Maker};
use super::error::{LedgerError, OpError};
use super::writer::Writing;
use crate::budget::{BudgetKind, BudgetUnit, Window};
use crate::money::{Money, PICODOLLARS_PER_USD};

/// A named set of hard limits in US dollars.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The limit of a day, if it has one; the same for the others.
    pub day: Option<Money>,
    /// Of a week.
    pub week: Option<Money>,
    /// Of a month.
    pub month: Option<Money>,
    /// In all.
    pub total: Option<Money>,
}

/// What putting a plan in use did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanUse {
    /// The budgets that it made or changed.
    pub set: Vec<String>,
    /// The earlier plan's budgets that it took away.
    pub removed: Vec<String>,
}

impl Plan {
    /// The plans that there are without configuring any.
    #[must_use]
    pub fn built_in() -> Vec<Plan> {
        let dollars = |dollars: i64| Some(Money::from_picodollars(dollars * PICODOLLARS_PER_USD));
        let plan = |name: &str, day, month| Plan {
            name: name.to_owned(),
            day,
            week: None,
            month,
            total: None,
        };
        vec![
            plan("hobby", dollars(1), dollars(20)),
            plan("solo", dollars(5), dollars(100)),
            plan("pro", dollars(25), dollars(500)),
            plan("unlimited", None, None),
        ]
    }

    /// Its budgets' names, which are those of their windows, and their limits.
    #[must_use]
    pub fn limits(&self) -> Vec<(&'static str, Money)> {
        let all =
            [("day", self.day), ("week", self.week), ("month", self.month), ("total", self.total)];
        all.into_iter().filter_map(|(window, limit)| Some((window, limit?))).collect()
    }
}

/// The name of the plan in use, if one is.
pub(crate) fn in_use(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT plan FROM ledger")?
        .query_row([], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

/// Sets the plan's budgets and removes those that an earlier plan made and this one lacks.
pub(crate) fn put_in_use(
    writing: &mut Writing<'_>,
    plan: &Plan,
    actor: &str,
    now: DateTime<Utc>,
    default_timezone: chrono_tz::Tz,
) -> Result<PlanUse, OpError> {
    let mut done = PlanUse::default();
    let limits = plan.limits();
    for name in made_by_plans(writing.connection)? {
        if !limits.iter().any(|(window, _)| *window == name) {
            budget::remove(writing, &name, actor, now)?;
            done.removed.push(name);
        }
    }
    for (name, limit) in limits {
        let is_new = is_new(writing.connection, &plan.name, name)?;
        let window = Window::parse(name).map_err(|e| LedgerError::Invalid(e.to_string()))?;
        let change = BudgetChange {
            name: name.to_owned(),
            kind: Some(BudgetKind::Hard),
            limit: Some(limit.to_string()),
            // One that is there keeps the day on which it begins.
            window: is_new.then_some(window),
            ..BudgetChange::default()
        };
        budget::set(writing, &change, Maker::Plan(&plan.name), actor, now, default_timezone)?;
        done.set.push(name.to_owned());
    }
    writing
        .connection
        .prepare_cached("UPDATE ledger SET plan = ?1")?
        .execute(params![plan.name])?;
    Ok(done)
}

fn made_by_plans(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT name FROM budget WHERE plan IS NOT NULL AND removed_ms IS NULL ORDER BY seq",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Whether there is no budget of that name yet. One of the user's own that merely has the name
/// would lose its rule without a word, and is left alone.
fn is_new(connection: &Connection, plan: &str, name: &str) -> Result<bool, OpError> {
    let budget = match budget::find(connection, name) {
        Ok(active) => active.budget,
        Err(OpError::Ledger(LedgerError::NotFound(_))) => return Ok(true),
        Err(error) => return Err(error),
    };
    let is_same_rule = budget.unit == BudgetUnit::Usd
        && budget.window.name() == name
        && budget.scope.is_everything();
    if is_same_rule {
        return Ok(false);
    }
    let period = if name == "total" { "in total".to_owned() } else { format!("a {name}") };
    Err(LedgerError::Invalid(format!(
        "plan '{plan}' sets a budget '{name}', and yours of that name is not a limit in USD {period} on every call: set yours under another name, remove this one with outlay budget rm {name}, and use the plan then"
    ))
    .into())
}
