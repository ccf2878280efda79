//! A refusal as the ledger knows it: the facts behind the answer, the row and the alert.

use super::active::ActiveBudget;
use super::call::{Entry, NewCall, insert};
use super::counter::{self, Standing, credits, tightest};
use super::error::OpError;
use super::writer::Writing;
use super::{alert, grant};
use crate::admission::RefusalReason;
use crate::alert::{AlertKind, Severity, refused_text};
use crate::budget::{Quantity, Window};
use crate::money::Money;
use crate::refusal::{self, Refusal};

pub(crate) fn explain(
    writing: &Writing<'_>,
    call: &NewCall,
    account: i64,
    active: &ActiveBudget,
    standing: &Standing,
    reason: RefusalReason,
    needed: i64,
) -> Result<Refusal, OpError> {
    let budget = &active.budget;
    let quantity = |count: i64| Quantity { unit: budget.unit, count };
    let funds = standing.funds;
    let credits_left = if active.has_credits {
        let (total, used) = credits(writing.connection, active.seq)?;
        total - used
    } else {
        0
    };
    Ok(Refusal {
        call: call.id,
        reason,
        budget: budget.name.clone(),
        window: budget.window.name(),
        scope: budget.scope.clone(),
        limit: quantity(funds.limit),
        used: quantity(funds.spent),
        held: quantity(funds.held),
        needed: quantity(needed),
        remaining: quantity(
            funds.limit.saturating_sub(funds.spent).saturating_sub(funds.held).max(0),
        ),
        credits_remaining: quantity(credits_left),
        balance_remaining: grant::known_remaining(writing.connection, account, call.at)?,
        reset: standing.period.end,
        timezone: budget.timezone,
        model: call.model_requested.clone(),
        provider: call.provider.clone(),
        standing: tightest(std::iter::once((active, *standing))),
    })
}

/// Writes the refused call down, and the alert that a hard budget refuses: once a period.
pub(crate) fn write(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    active: &ActiveBudget,
    refusal: &Refusal,
    ceiling: Option<Money>,
) -> Result<(), OpError> {
    let entry = Entry {
        status: "refused",
        limit_action: None,
        output_cap: None,
        ceiling,
        refusal: Some(refusal.reason),
        refused_by: Some(active.seq),
        owner: None,
    };
    insert(writing, call, account, &entry)?;
    if refusal.reason == RefusalReason::QuotaExceeded {
        let period = active.budget.window.period(call.at, active.budget.timezone);
        if active.budget.window != Window::Call {
            counter::set_refusing(writing.connection, active.seq, period)?;
        }
        let subject = &active.budget.name;
        let fired = alert::Fired {
            kind: AlertKind::BudgetRefused,
            severity: Severity::Critical,
            subject,
            key: &format!("{}:{}", active.budget.id.0, refusal.limit.count),
            period_start: period.start,
            threshold: 0,
            text: refused_text(subject, &refusal::message(refusal)),
        };
        alert::fire(writing, &fired, call.at)?;
    }
    Ok(())
}
