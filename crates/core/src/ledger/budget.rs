//! Budgets as stored.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::active::ActiveBudget;
use super::budget_event::{self, BudgetEvent, record};
use super::budget_row::{COLUMNS, read_row};
use super::counter;
use super::error::{LedgerError, OpError};
use super::recount::recount;
use super::time::{new_id, to_ms, uuid_of};
use super::writer::Writing;
use crate::budget::{Budget, BudgetId, BudgetKind, BudgetUnit, Quantity, Scope, Window};

/// What to set on a budget; what is `None` stays as it is (or takes its default on creation).
#[derive(Clone, Debug, Default)]
pub struct BudgetChange {
    /// The budget's name.
    pub name: String,
    /// Warn or refuse; default hard.
    pub kind: Option<BudgetKind>,
    /// What is counted; default USD.
    pub unit: Option<BudgetUnit>,
    /// The limit as typed, in the unit; needed on creation.
    pub limit: Option<String>,
    /// The window; needed on creation.
    pub window: Option<Window>,
    /// The zone of its days.
    pub timezone: Option<chrono_tz::Tz>,
    /// Warn thresholds in percent; default 80 and 95.
    pub warn_percent: Option<Vec<u8>>,
    /// Which calls count; default all.
    pub scope: Option<Scope>,
    /// Whether unpriced models may pass; default no.
    pub allow_unpriced: Option<bool>,
    /// Whether an output cap may be set near the limit; default yes.
    pub may_cap: Option<bool>,
}

/// All budgets in force, hard ones first, in order of creation; remembered by the writer.
pub(crate) fn active(writing: &mut Writing<'_>) -> Result<Arc<[Arc<ActiveBudget>]>, OpError> {
    if let Some(budgets) = writing.cache.budgets() {
        return Ok(budgets);
    }
    let budgets: Arc<[_]> = load(writing.connection)?.into_iter().map(Arc::new).collect();
    writing.cache.remember_budgets(Arc::clone(&budgets));
    Ok(budgets)
}

pub(crate) fn load(connection: &Connection) -> Result<Vec<ActiveBudget>, OpError> {
    let sql = format!("SELECT {COLUMNS} FROM budget WHERE removed_ms IS NULL ORDER BY kind, seq");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([], read_row)?.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(|row| row.activate(connection)).collect()
}

pub(crate) fn find(connection: &Connection, name: &str) -> Result<ActiveBudget, OpError> {
    let sql = format!("SELECT {COLUMNS} FROM budget WHERE removed_ms IS NULL AND name = ?1");
    let row = connection.prepare_cached(&sql)?.query_row([name], read_row).optional()?;
    match row {
        Some(row) => row.activate(connection),
        None => Err(not_found(connection, name)?.into()),
    }
}

fn not_found(connection: &Connection, name: &str) -> rusqlite::Result<LedgerError> {
    let mut statement =
        connection.prepare_cached("SELECT name FROM budget WHERE removed_ms IS NULL")?;
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let known = if names.is_empty() {
        "there are no budgets yet: outlay budget set NAME --limit 5 --window day".to_owned()
    } else {
        format!("the budgets are: {}", names.join(", "))
    };
    Ok(LedgerError::NotFound(format!("there is no budget '{name}'; {known}")))
}

/// Who makes a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker<'a> {
    /// The user, by its name.
    User,
    /// A plan of that name: putting another in use removes it.
    Plan(&'a str),
    /// This process, for one run: it goes with it.
    Run,
}

/// Creates or changes a budget and counts what its current period has already spent.
pub(crate) fn set(
    writing: &mut Writing<'_>,
    change: &BudgetChange,
    maker: Maker<'_>,
    actor: &str,
    now: DateTime<Utc>,
    default_timezone: chrono_tz::Tz,
) -> Result<Budget, OpError> {
    let existing = match find(writing.connection, &change.name) {
        Ok(active) => Some(active),
        Err(OpError::Ledger(LedgerError::NotFound(_))) => None,
        Err(error) => return Err(error),
    };
    let old = existing.as_ref().map(|active| &active.budget);
    let budget = merged(change, old, now, default_timezone)?;
    budget.scope.matcher().map_err(|error| LedgerError::Invalid(error.to_string()))?;
    let (seq, action) = match &existing {
        Some(active) => {
            update(writing.connection, active.seq, &budget)?;
            (active.seq, "changed")
        }
        None => (insert(writing, &budget, now)?, "created"),
    };
    sign(writing, seq, maker)?;
    let has_new_unit = old.is_some_and(|old| old.unit != budget.unit);
    if has_new_unit {
        forget_additions(writing.connection, seq)?;
    }
    changed(writing, seq, actor, now, action, &describe(&budget, maker))?;
    let counts_anew = old.is_none_or(|old| {
        (old.unit, old.window, old.timezone, &old.scope)
            != (budget.unit, budget.window, budget.timezone, &budget.scope)
    });
    if counts_anew {
        let active = find(writing.connection, &budget.name)?;
        recount(writing, &active, old.map(|old| old.window), now)?;
    }
    if has_new_unit {
        let drawn = "UPDATE budget SET credits_used = 0 WHERE seq = ?1";
        writing.connection.execute(drawn, [seq])?;
    }
    Ok(budget)
}

/// Notes down who made the budget; what the user changes of a plan's budget leaves it the plan's.
fn sign(writing: &Writing<'_>, seq: i64, maker: Maker<'_>) -> rusqlite::Result<()> {
    let (sql, value) = match maker {
        Maker::User => return Ok(()),
        Maker::Plan(name) => {
            ("UPDATE budget SET plan = ?2 WHERE seq = ?1", Value::Text(name.to_owned()))
        }
        Maker::Run => {
            let process = writing.process_id.to_vec();
            ("UPDATE budget SET owner = ?2 WHERE seq = ?1", Value::Blob(process))
        }
    };
    writing.connection.prepare_cached(sql)?.execute(params![seq, value]).map(drop)
}

/// Raises and the reserve are in a unit that the budget no longer has.
fn forget_additions(connection: &Connection, seq: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM budget_raise WHERE budget_seq = ?1", [seq])?;
    connection.execute("UPDATE budget SET credits_total = 0 WHERE seq = ?1", [seq]).map(drop)
}

/// Removes a budget; its history and what calls were charged to it stay.
pub(crate) fn remove(
    writing: &mut Writing<'_>,
    name: &str,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Budget, OpError> {
    let active = find(writing.connection, name)?;
    writing
        .connection
        .prepare_cached("UPDATE budget SET removed_ms = ?2, rev = rev + 1 WHERE seq = ?1")?
        .execute(params![active.seq, to_ms(now)])?;
    changed(writing, active.seq, actor, now, "removed", &json!({}))?;
    Ok(active.budget)
}

/// Writes down what was done to the budget; what is remembered of it holds no longer.
pub(super) fn changed(
    writing: &mut Writing<'_>,
    seq: i64,
    actor: &str,
    now: DateTime<Utc>,
    action: &str,
    detail: &serde_json::Value,
) -> rusqlite::Result<()> {
    record(writing, seq, actor, now, action, detail)?;
    counter::clear_refusing(&mut writing.cache.counters, writing.connection, seq)?;
    writing.cache.forget_budgets();
    Ok(())
}

/// What was done to the budgets of that name, removed ones included, oldest first.
pub(crate) fn history(connection: &Connection, name: &str) -> Result<Vec<BudgetEvent>, OpError> {
    let events = budget_event::of(connection, name)?;
    if events.is_empty() { Err(not_found(connection, name)?.into()) } else { Ok(events) }
}

fn merged(
    change: &BudgetChange,
    old: Option<&Budget>,
    now: DateTime<Utc>,
    default_timezone: chrono_tz::Tz,
) -> Result<Budget, LedgerError> {
    let needed = |what: &str| {
        let name = &change.name;
        LedgerError::Invalid(format!(
            "budget '{name}' is new and needs {what}: outlay budget set {name} --limit 5 --window day"
        ))
    };
    if change.name.trim().is_empty() {
        return Err(LedgerError::Invalid("a budget needs a name".into()));
    }
    let unit = change.unit.or(old.map(|old| old.unit)).unwrap_or(BudgetUnit::Usd);
    if old.is_some_and(|old| old.unit != unit) && change.limit.is_none() {
        let unit = unit.as_str();
        return Err(LedgerError::Invalid(format!("--unit {unit} needs a --limit in {unit}")));
    }
    let limit = match &change.limit {
        Some(text) => {
            Quantity::parse(unit, text)
                .map_err(|error| LedgerError::Invalid(error.to_string()))?
                .count
        }
        None => old.ok_or_else(|| needed("--limit"))?.limit,
    };
    let window = change.window.or(old.map(|old| old.window)).ok_or_else(|| needed("--window"))?;
    Ok(Budget {
        id: old.map_or_else(|| BudgetId(uuid_of(new_id(now))), |old| old.id),
        name: change.name.clone(),
        kind: change.kind.or(old.map(|old| old.kind)).unwrap_or(BudgetKind::Hard),
        unit,
        limit,
        window,
        timezone: change.timezone.or(old.map(|old| old.timezone)).unwrap_or(default_timezone),
        warn_percent: change
            .warn_percent
            .clone()
            .or(old.map(|old| old.warn_percent.clone()))
            .unwrap_or_else(|| vec![80, 95]),
        scope: change.scope.clone().or(old.map(|old| old.scope.clone())).unwrap_or_default(),
        allow_unpriced: change.allow_unpriced.or(old.map(|old| old.allow_unpriced)) == Some(true),
        may_cap: change.may_cap.or(old.map(|old| old.may_cap)) != Some(false),
    })
}

fn insert(writing: &Writing<'_>, budget: &Budget, now: DateTime<Utc>) -> rusqlite::Result<i64> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO budget (id, machine_id, name, kind, unit, limit_count, window_name, \
             window_anchor, timezone, warn_percent, scope, allow_unpriced, may_cap, created_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .insert(params![
            budget.id.0.as_bytes(),
            writing.machine_id,
            budget.name,
            budget.kind.as_str(),
            budget.unit.as_str(),
            budget.limit,
            budget.window.name(),
            budget.window.anchor(),
            budget.timezone.name(),
            json!(budget.warn_percent).to_string(),
            json!(budget.scope).to_string(),
            budget.allow_unpriced,
            budget.may_cap,
            to_ms(now),
        ])
}

fn update(connection: &Connection, seq: i64, budget: &Budget) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE budget SET rev = rev + 1, kind = ?2, unit = ?3, limit_count = ?4, \
             window_name = ?5, window_anchor = ?6, timezone = ?7, warn_percent = ?8, scope = ?9, \
             allow_unpriced = ?10, may_cap = ?11 WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            budget.kind.as_str(),
            budget.unit.as_str(),
            budget.limit,
            budget.window.name(),
            budget.window.anchor(),
            budget.timezone.name(),
            json!(budget.warn_percent).to_string(),
            json!(budget.scope).to_string(),
            budget.allow_unpriced,
            budget.may_cap,
        ])
}

fn describe(budget: &Budget, maker: Maker<'_>) -> serde_json::Value {
    let mut detail = json!({
        "kind": budget.kind,
        "unit": budget.unit,
        "limit": Quantity { unit: budget.unit, count: budget.limit },
        "window": budget.window.name(),
        "anchor": budget.window.anchor(),
        "timezone": budget.timezone.name(),
        "warn": budget.warn_percent,
        "scope": budget.scope,
        "allow_unpriced": budget.allow_unpriced,
        "may_cap": budget.may_cap,
    });
    if let Maker::Plan(plan) = maker {
        detail["plan"] = json!(plan);
    }
    detail
}
