//! Reservation: the decision over a call and its row, in one transaction.

use std::sync::Arc;

use rusqlite::params;

use super::active::ActiveBudget;
use super::call::{Entry, NewCall, insert};
use super::counter::{self, Standing, tightest};
use super::error::OpError;
use super::time::to_ms;
use super::writer::Writing;
use super::{account, budget, price, refuse};
use crate::admission::{Bounds, Decision, Demand, RefusalReason, decide};
use crate::budget::{BudgetUnit, CallFacts, QuotaStanding, Window};
use crate::money::Money;
use crate::refusal::Refusal;

/// The answer to a reservation.
#[derive(Debug)]
pub(crate) enum Reserved {
    Admitted { output_cap: Option<u64>, ceiling: Option<Money>, standing: Option<QuotaStanding> },
    Wait(Box<Refusal>),
    Refused(Box<Refusal>),
}

/// What becomes of a call whose money running calls hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfHeld {
    /// It may ask again; nothing is written.
    Wait,
    /// It has waited long enough: refused as `budget_busy`.
    Refuse,
}

/// Decides over the call and writes it down: running with its holds, or refused.
pub(crate) fn reserve(
    writing: &mut Writing<'_>,
    call: &NewCall,
    if_held: IfHeld,
) -> Result<Reserved, OpError> {
    let key = call.key.as_deref();
    let account = account::of_call(writing, &call.provider, key, call.plan_login, call.at)?;
    let applying = applying(writing, call, account)?;
    let funds: Vec<_> = applying.iter().map(|(_, standing)| standing.funds).collect();
    let demand = demand(writing, call)?;
    match decide(&demand, &funds) {
        Decision::Admit { holds, output_cap } => {
            let capped = Bounds {
                output_tokens_max: output_cap.or(call.bounds.output_tokens_max),
                ..call.bounds
            };
            let ceiling = Demand { bounds: capped, ..demand }.ceiling();
            admit(writing, call, account, &applying, &holds, output_cap, ceiling)?;
            let standing =
                tightest(applying.iter().zip(&holds).map(|((active, standing), hold)| {
                    let mut standing = *standing;
                    standing.funds.held = standing.funds.held.saturating_add(*hold);
                    (&**active, standing)
                }));
            Ok(Reserved::Admitted { output_cap, ceiling, standing })
        }
        Decision::Wait { budget, needed } => {
            let (active, standing) = &applying[budget];
            let reason = RefusalReason::BudgetBusy;
            let refusal =
                refuse::explain(writing, call, account, active, standing, reason, needed)?;
            if if_held == IfHeld::Wait {
                return Ok(Reserved::Wait(Box::new(refusal)));
            }
            refuse::write(writing, call, account, active, &refusal, demand.ceiling())?;
            Ok(Reserved::Refused(Box::new(refusal)))
        }
        Decision::Refuse { budget, reason, needed } => {
            let (active, standing) = &applying[budget];
            let refusal =
                refuse::explain(writing, call, account, active, standing, reason, needed)?;
            refuse::write(writing, call, account, active, &refusal, demand.ceiling())?;
            Ok(Reserved::Refused(Box::new(refusal)))
        }
    }
}

/// The tightest standing for a call that is not one: a free endpoint, a failed request.
pub(crate) fn look(
    writing: &mut Writing<'_>,
    call: &NewCall,
) -> Result<Option<QuotaStanding>, OpError> {
    let key = call.key.as_deref();
    let account = account::of_call(writing, &call.provider, key, call.plan_login, call.at)?;
    let applying = applying(writing, call, account)?;
    Ok(tightest(applying.iter().map(|(active, standing)| (&**active, *standing))))
}

fn demand(writing: &mut Writing<'_>, call: &NewCall) -> Result<Demand, OpError> {
    let model = call.model_requested.as_deref().unwrap_or("");
    let tier = call.service_tier.as_deref();
    let price = price::in_force(writing, &call.provider, model, tier, call.at)?;
    Ok(Demand { price, bounds: call.bounds })
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
    let account = account_name(writing, account)?;
    let facts = CallFacts {
        provider: &call.provider,
        account: &account,
        model: call.model_requested.as_deref().unwrap_or(""),
        project: call.project.as_deref(),
        key: call.key.as_deref(),
        client: call.client.as_deref(),
        session: call.session.as_deref(),
        tags: &call.tags,
    };
    budgets
        .iter()
        .filter(|active| !(call.plan_login && active.budget.unit == BudgetUnit::Usd))
        .filter(|active| active.matcher.matches(&facts))
        .map(|active| {
            let standing = counter::standing(writing.connection, active, call.at)?;
            Ok((Arc::clone(active), standing))
        })
        .collect()
}

fn account_name(writing: &Writing<'_>, account: i64) -> rusqlite::Result<String> {
    writing
        .connection
        .prepare_cached("SELECT name FROM account WHERE id = ?1")?
        .query_row([account], |row| row.get(0))
}

fn admit(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    applying: &[(Arc<ActiveBudget>, Standing)],
    holds: &[i64],
    output_cap: Option<u64>,
    ceiling: Option<Money>,
) -> Result<(), OpError> {
    let owner = Some(writing.process_id);
    let seq = insert(
        writing,
        call,
        account,
        &Entry {
            status: "running",
            limit_action: output_cap.map(|_| "capped"),
            output_cap,
            ceiling,
            refusal: None,
            refused_by: None,
            owner,
        },
    )?;
    for ((active, standing), hold) in applying.iter().zip(holds) {
        writing
            .connection
            .prepare_cached(
                "INSERT INTO call_budget (call_seq, budget_seq, period_start_ms, held) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![seq, active.seq, to_ms(standing.period.start), hold])?;
        if active.budget.window != Window::Call {
            counter::add(writing.connection, active.seq, standing.period, 0, *hold)?;
        }
    }
    Ok(())
}
