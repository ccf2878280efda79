//! A call that asks to be sent: what the ledger knows of it before it decides.

use std::sync::Arc;

use super::active::ActiveBudget;
use super::call::{Dimensions, NewCall};
use super::counter::Standing;
use super::error::OpError;
use super::writer::Writing;
use super::{account, budget, bypass, history, price};
use crate::admission::{Demand, Expected};
use crate::budget::{BudgetUnit, CallFacts};

/// Which time a call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// It has no row yet.
    First,
    /// It waits with this ticket.
    Again(i64),
    /// It has waited long enough: what would make it wait refuses it as `budget_busy`.
    Last(i64),
}

impl Asking {
    pub(crate) fn ticket(self) -> Option<i64> {
        match self {
            Asking::First => None,
            Asking::Again(ticket) | Asking::Last(ticket) => Some(ticket),
        }
    }
}

/// A call with what the ledger knows of it.
pub(crate) struct Asker<'a> {
    pub(crate) call: &'a NewCall,
    pub(crate) account: i64,
    pub(crate) dimensions: Dimensions,
    pub(crate) asking: Asking,
    pub(crate) demand: Demand,
    pub(crate) applying: Vec<(Arc<ActiveBudget>, Standing)>,
}

pub(crate) fn asker<'a>(
    writing: &mut Writing<'_>,
    call: &'a NewCall,
    asking: Asking,
) -> Result<Asker<'a>, OpError> {
    let key = call.key.as_deref();
    let account = account::of_call(writing, &call.provider, key, call.plan_login, call.at)?;
    let model = call.model_requested.as_deref().unwrap_or("");
    let tier = call.service_tier.as_deref();
    let price = price::in_force(writing, &call.provider, model, tier, call.at)?;
    Ok(Asker {
        call,
        account,
        dimensions: Dimensions::of(writing, call)?,
        asking,
        demand: Demand { price, bounds: call.bounds, is_strict: call.is_strict },
        applying: applying(writing, call, account)?,
    })
}

/// Runs `decide` with a way to ask what the call will probably consume.
pub(crate) fn expecting<T>(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    decide: impl FnOnce(&mut dyn FnMut() -> Expected) -> T,
) -> rusqlite::Result<T> {
    let provider = asker.dimensions.provider;
    let model = asker.dimensions.model.unwrap_or(0);
    let mut failure = None;
    let outcome = decide(&mut || {
        history::expected(writing, provider, model, &asker.call.bounds).unwrap_or_else(|error| {
            failure = Some(error);
            Expected { input_tokens: asker.call.bounds.input_tokens_max, output_tokens: 0 }
        })
    });
    failure.map_or(Ok(outcome), Err)
}

/// The budgets that count the call, with how they stand in the period of `call.at`.
pub(crate) fn applying(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
) -> Result<Vec<(Arc<ActiveBudget>, Standing)>, OpError> {
    let budgets = budget::active(writing)?;
    if budgets.is_empty() {
        return Ok(Vec::new());
    }
    let is_bypassed = is_bypassed(writing, call.at)?;
    let account = account::name(writing, account)?;
    let facts = CallFacts {
        provider: &call.provider,
        account: &account,
        model: call.model_requested.as_deref().unwrap_or(""),
        project: call.project.as_deref(),
        key: call.key.as_deref(),
        client: call.client.as_deref(),
        session: call.session.as_deref(),
        tags: &call.tags,
        run: call.run.as_deref(),
    };
    let counters = &mut writing.cache.counters;
    budgets
        .iter()
        .filter(|active| !(call.plan_login && active.budget.unit == BudgetUnit::Usd))
        .filter(|active| active.matcher.matches(&facts))
        .map(|active| {
            let standing = counters.standing(writing.connection, active, call.at, is_bypassed)?;
            Ok((Arc::clone(active), standing))
        })
        .collect()
}

/// Whether no limit refuses now.
pub(crate) fn is_bypassed(
    writing: &mut Writing<'_>,
    at: chrono::DateTime<chrono::Utc>,
) -> rusqlite::Result<bool> {
    if writing.cache.bypass().is_none() {
        let bypass = bypass::last(writing.connection)?;
        writing.cache.remember_bypass(bypass);
    }
    let known = writing.cache.bypass().and_then(Option::as_ref);
    Ok(known.is_some_and(|bypass| bypass.from <= at && at < bypass.until))
}
