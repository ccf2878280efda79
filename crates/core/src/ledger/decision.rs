//! Why a call was refused, made to wait, capped or ended: the budgets as they stood at that instant.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::active::ActiveBudget;
use super::asker::{Asker, expecting};
use super::error::{LedgerError, OpError};
use super::time::{from_ms, to_ms};
use super::writer::Writing;
use crate::admission::{Admit, Expected, Funds, Verdict, look};
use crate::budget::{BudgetKind, BudgetUnit, Quantity, Scope};
use crate::money::Money;

/// One decision over a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct DecisionView {
    /// When.
    pub at: DateTime<Utc>,
    /// `waits admitted refused ended`.
    pub action: String,
    /// The proven bound on its prompt, in tokens.
    pub input_tokens_max: u64,
    /// What its prompt was taken for, in tokens; `None` where the bound fitted.
    pub input_tokens_expected: Option<u64>,
    /// The most it may generate by its request or its model, in tokens.
    pub output_tokens_max: u64,
    /// What it was expected to generate; `None` where the most fitted.
    pub output_tokens_expected: Option<u64>,
    /// The output cap that was set.
    pub output_cap: Option<u64>,
    /// Generated tokens that were paid for at first, where it had to draw more as it went.
    pub covered_tokens: Option<u64>,
    /// The most it could cost.
    pub ceiling_usd: Option<Money>,
    /// The budgets that were looked at, in their order.
    pub budgets: Vec<LookView>,
}

/// One budget as it stood. Amounts are in its unit: money as text, else whole numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct LookView {
    /// Its name.
    pub budget: String,
    /// `hard`, or `soft` where it did not refuse at that instant.
    pub kind: BudgetKind,
    /// Its window: `day`, `5h`.
    pub window: String,
    /// What it counts.
    pub unit: BudgetUnit,
    /// Which calls it counts.
    pub scope: Scope,
    /// The limit, with raises.
    #[cfg_attr(feature = "types", ts(type = "string | number"))]
    pub limit: Value,
    /// What a top-up reserve added to it.
    #[cfg_attr(feature = "types", ts(type = "string | number"))]
    pub credits: Value,
    /// Settled by then.
    #[cfg_attr(feature = "types", ts(type = "string | number"))]
    pub spent: Value,
    /// Held by other calls.
    #[cfg_attr(feature = "types", ts(type = "string | number"))]
    pub held: Value,
    /// What this call needed.
    #[cfg_attr(feature = "types", ts(type = "string | number"))]
    pub needed: Value,
    /// What the budget said.
    pub verdict: Verdict,
}

impl LookView {
    /// How the budget stood with these funds, and what it said.
    pub(crate) fn of(
        active: &ActiveBudget,
        funds: &Funds,
        needed: i64,
        verdict: Verdict,
    ) -> LookView {
        let budget = &active.budget;
        let amount = |count: i64| {
            serde_json::to_value(Quantity { unit: budget.unit, count }).unwrap_or_default()
        };
        LookView {
            budget: budget.name.clone(),
            kind: funds.kind,
            window: budget.window.name().into_owned(),
            unit: budget.unit,
            scope: budget.scope.clone(),
            limit: amount(funds.limit),
            credits: amount(funds.credits),
            spent: amount(funds.spent),
            held: amount(funds.held),
            needed: amount(needed),
            verdict,
        }
    }
}

/// Keeps the decision; `admit` where it was let go.
pub(crate) fn keep(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    call_seq: i64,
    action: &str,
    admit: Option<&Admit>,
) -> Result<(), OpError> {
    let mut asked: Option<Expected> = None;
    let budgets = expecting(writing, asker, |expected| {
        let mut noted = || *asked.insert(expected());
        let looks = asker.applying.iter().enumerate().map(|(index, (active, standing))| {
            let funds = &standing.funds;
            let mut look = look(&asker.demand, funds, &mut noted);
            if let Some(admit) = admit {
                look.needed = admit.holds[index];
            }
            LookView::of(active, funds, look.needed, look.verdict)
        });
        looks.collect::<Vec<_>>()
    })?;
    let bounds = &asker.call.bounds;
    let view = DecisionView {
        at: asker.call.at,
        action: action.to_owned(),
        input_tokens_max: bounds.input_tokens_max,
        input_tokens_expected: asked.map(|expected| expected.input_tokens),
        output_tokens_max: bounds.output_tokens_max.unwrap_or(bounds.output_tokens_default),
        output_tokens_expected: asked.map(|expected| expected.output_tokens),
        output_cap: admit.and_then(|admit| admit.output_cap),
        covered_tokens: admit.and_then(|admit| admit.covered),
        ceiling_usd: asker.demand.ceiling(),
        budgets,
    };
    write(writing, call_seq, &view)
}

/// Keeps a decision that is made up already.
pub(crate) fn write(
    writing: &Writing<'_>,
    call_seq: i64,
    view: &DecisionView,
) -> Result<(), OpError> {
    let json = serde_json::to_string(view)
        .map_err(|error| LedgerError::Invalid(format!("a decision cannot be stored: {error}")))?;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO decision (call_seq, turn, at_ms, json) SELECT ?1, count(*), ?2, ?3 \
             FROM decision WHERE call_seq = ?1",
        )?
        .execute(params![call_seq, to_ms(view.at), json])?;
    Ok(())
}

/// The decisions over a call, oldest first.
pub(crate) fn of(connection: &Connection, call_seq: i64) -> rusqlite::Result<Vec<DecisionView>> {
    let rows = connection
        .prepare_cached("SELECT json, at_ms FROM decision WHERE call_seq = ?1 ORDER BY turn")?
        .query_map([call_seq], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let read = |(json, at_ms): (String, i64)| {
        let view: Option<DecisionView> = serde_json::from_str(&json).ok();
        view.map(|view| DecisionView { at: from_ms(at_ms), ..view })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}
