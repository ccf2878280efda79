//! The plans there are, and which of the user's own limits one of them would replace.

use chrono::{DateTime, Utc};

use crate::budget::{BudgetKind, BudgetUnit, Quantity};
use crate::ledger::{Ledger, LedgerError, Plan, query};

use super::budget;

/// `GET /api/v1/plans`: the plans there are.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Plans {
    /// The name of the one in use, if one is.
    pub plan: Option<String>,
    /// The plans.
    pub plans: Vec<Plan>,
}

/// A limit that a plan puts another in the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedLimit {
    /// The budget's name, which is that of its window.
    pub name: &'static str,
    /// What it is now; without a raise that ends by itself.
    pub before: Quantity,
    /// What it is under the plan, where it refuses calls.
    pub after: Quantity,
    /// Whether it only warns now.
    pub was_soft: bool,
    /// Whether the user, and no plan, said last what it is.
    pub is_own: bool,
}

impl ReplacedLimit {
    /// `'day' ($3.00 → $5.00)`.
    #[must_use]
    pub fn spoken(&self) -> String {
        let soft = if self.was_soft { "soft, " } else { "" };
        format!("'{}' ({soft}{} → {})", self.name, self.before.spoken(), self.after.spoken())
    }
}

/// These plans, and which is in use.
///
/// # Errors
/// When the file cannot be read.
pub fn plans(ledger: &Ledger, plans: Vec<Plan>) -> Result<Plans, LedgerError> {
    let plan = ledger.read(|connection| Ok(query::plan(connection)?))?;
    Ok(Plans { plan, plans })
}

/// The limits that the plan would change, in the order of its windows; those that it would set to
/// what they are, and those that are not there yet, are none.
///
/// # Errors
/// When the file cannot be read.
pub fn replaced_limits(
    ledger: &Ledger,
    plan: &Plan,
    now: DateTime<Utc>,
) -> Result<Vec<ReplacedLimit>, LedgerError> {
    let mut replaced = Vec::new();
    for (name, limit) in plan.limits() {
        let Some(budget) = budget(ledger, name, now)? else { continue };
        let (own, is_own) = written(ledger, name, budget.unit)?;
        let before = own.unwrap_or(budget.limit);
        let after = Quantity { unit: BudgetUnit::Usd, count: limit.picodollars() };
        let was_soft = budget.kind != BudgetKind::Hard;
        if before != after || was_soft {
            replaced.push(ReplacedLimit { name, before, after, was_soft, is_own });
        }
    }
    Ok(replaced)
}

/// The limit as it was last written, and whether no plan wrote it.
fn written(
    ledger: &Ledger,
    name: &str,
    unit: BudgetUnit,
) -> Result<(Option<Quantity>, bool), LedgerError> {
    let events = ledger.budget_history(name)?;
    let written = events.iter().rev().find(|event| event.is_definition());
    let Some(event) = written else { return Ok((None, true)) };
    let limit = event.limit().and_then(|limit| Quantity::parse(unit, &limit).ok());
    Ok((limit, event.detail.get("plan").is_none_or(serde_json::Value::is_null)))
}
