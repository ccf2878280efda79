//! A call that asks to be sent: what the ledger knows of it before it decides.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::active::ActiveBudget;
use super::call::{Dimensions, NewCall};
use super::counter::Standing;
use super::enter;
use super::error::OpError;
use super::shares::{Share, Shares};
use super::time::to_ms;
use super::writer::Writing;
use super::{account, budget, bypass, history, price};
use crate::admission::{Demand, Expected, Visibility};
use crate::budget::{BudgetUnit, CallFacts, Window};

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
    let demand = Demand { price, bounds: call.bounds, is_strict: call.is_strict };
    let mut applying = applying(writing, call, account)?;
    if !is_bounded(&demand, &applying) {
        tell_unbounded(writing, call.at, &mut applying)?;
    }
    let dimensions = enter::dimensions(writing, call)?;
    Ok(Asker { call, account, dimensions, asking, demand, applying })
}

/// Whether the call's cost is bounded in all the budgets that count it.
pub(crate) fn is_bounded(demand: &Demand, applying: &[(Arc<ActiveBudget>, Standing)]) -> bool {
    let mut budgets = applying.iter().map(|(active, _)| &active.budget);
    budgets.all(|budget| demand.is_bounded(budget.unit, budget.may_cap))
}

/// Tells the budgets in which a call runs that nobody can bound.
fn tell_unbounded(
    writing: &Writing<'_>,
    at: DateTime<Utc>,
    applying: &mut [(Arc<ActiveBudget>, Standing)],
) -> rusqlite::Result<()> {
    let mut running = writing.connection.prepare_cached(
        "SELECT shares FROM call \
         WHERE owner IS NOT NULL AND status = 'running' AND is_unbounded = 1",
    )?;
    for shares in running.query_map([], |row| row.get::<_, Shares>(0))? {
        for share in shares?.0.iter().filter(|share| share.held > 0) {
            for (active, standing) in applying.iter_mut() {
                standing.funds.has_unbounded |= counts_at(share, active, standing, at);
            }
        }
    }
    Ok(())
}

/// Whether the share counts in the budget that stands so at `at`.
fn counts_at(share: &Share, active: &ActiveBudget, standing: &Standing, at: DateTime<Utc>) -> bool {
    let is_of_period = match active.budget.window {
        Window::Call => false,
        Window::Rolling { span } => share.period_start_ms > to_ms(span.reach(at)),
        _ => share.period_start_ms == to_ms(standing.period.start),
    };
    share.budget_seq == active.seq && is_of_period
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
            Expected {
                input_tokens: asker.call.bounds.input_tokens_max,
                output_tokens: 0,
                visibility: Visibility::Unknown,
            }
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
