//! What was done to budgets, when and by whom: append-only.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde_json::Value;

use super::time::{from_ms, new_id, to_ms};
use super::writer::Writing;

/// One entry of a budget's history.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct BudgetEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom: `cli`, `api`, `desktop`; `outlay` where nobody did it.
    pub actor: String,
    /// `created changed raised lowered topped_up reserve_emptied paused resumed bypassed bypass_ended removed`.
    pub action: String,
    /// The values that were set.
    pub detail: Value,
}

impl BudgetEvent {
    /// Whether it says all that the budget is, rather than what became of it.
    #[must_use]
    pub fn is_definition(&self) -> bool {
        matches!(self.action.as_str(), "created" | "changed")
    }

    /// The limit that it set, if it set one, in the budget's unit. Money is kept as text, counts as numbers.
    #[must_use]
    pub fn limit(&self) -> Option<String> {
        let limit = self.detail.get("limit")?;
        Some(limit.as_str().map_or_else(|| limit.to_string(), str::to_owned))
    }
}

pub(crate) fn record(
    writing: &Writing<'_>,
    budget_seq: i64,
    actor: &str,
    now: DateTime<Utc>,
    action: &str,
    detail: &Value,
) -> rusqlite::Result<()> {
    writing
        .connection
        .prepare_cached(
            "INSERT INTO budget_event (id, machine_id, budget_seq, at_ms, actor, action, detail) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            new_id(now),
            writing.machine_id,
            budget_seq,
            to_ms(now),
            actor,
            action,
            detail.to_string(),
        ])
        .map(drop)
}

/// What was done to the budgets of that name, removed ones included, oldest first.
pub(crate) fn of(connection: &Connection, name: &str) -> rusqlite::Result<Vec<BudgetEvent>> {
    connection
        .prepare_cached(
            "SELECT e.at_ms, e.actor, e.action, e.detail FROM budget_event e \
             JOIN budget b ON b.seq = e.budget_seq WHERE b.name = ?1 ORDER BY e.at_ms, e.id",
        )?
        .query_map([name], |row| {
            Ok(BudgetEvent {
                at: from_ms(row.get(0)?),
                actor: row.get(1)?,
                action: row.get(2)?,
                detail: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
            })
        })?
        .collect()
}
