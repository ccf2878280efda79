//! A refusal as the ledger knows it: the facts behind the answer, the row and the alert.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::active::ActiveBudget;
use super::asker::{Asker, Asking, asker, is_bypassed};
use super::cache::Refused;
use super::call::{Entry, NewCall};
use super::counter::{Standing, credits, tightest};
use super::enter::insert_with;
use super::error::OpError;
use super::shares::Shares;
use super::time::{to_ms, uuid_of};
use super::writer::Writing;
use super::{alert, decision, grant, waiting};
use crate::admission::RefusalReason;
use crate::alert::{AlertKind, Severity, refused_text};
use crate::budget::{Quantity, Window};
use crate::refusal::{self, BudgetStop, Refusal, Repetition};

/// Refusals of the same call within a minute that have a row each; more are counted in the last.
const ROWS_A_MINUTE: u32 = 10;

/// What stops a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusing {
    /// Index of the budget.
    pub(crate) budget: usize,
    pub(crate) reason: RefusalReason,
    /// What the call needs there, in the budget's unit; 0 where unknown.
    pub(crate) needed: i64,
}

/// The facts of a refusal; nothing is written.
pub(crate) fn explain(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    refusing: &Refusing,
) -> Result<Refusal, OpError> {
    let (active, standing) = &asker.applying[refusing.budget];
    let (connection, counters) = (writing.connection, &mut writing.cache.counters);
    let at = asker.call.at;
    let reset = counters.fits_at(connection, active, standing, refusing.needed, at)?;
    Ok(Refusal {
        call: asker.call.id,
        reason: refusing.reason,
        budget: Some(stop_of(connection, active, standing, refusing.needed, reset)?),
        repetition: None,
        credit: None,
        balance_remaining: grant::known_remaining(connection, asker.account, at)?,
        model: asker.call.model_requested.clone(),
        provider: asker.call.provider.clone(),
        standing: tightest(std::iter::once((&**active, *standing))),
    })
}

/// The budget that stops a call, as it stands. `reset`: when the call would fit by itself.
pub(crate) fn stop_of(
    connection: &Connection,
    active: &ActiveBudget,
    standing: &Standing,
    needed: i64,
    reset: Option<DateTime<Utc>>,
) -> rusqlite::Result<BudgetStop> {
    let (budget, funds) = (&active.budget, standing.funds);
    let quantity = |count: i64| Quantity { unit: budget.unit, count };
    let credits_left = match active.has_credits {
        true => credits(connection, active.seq).map(|(total, used)| total - used)?,
        false => 0,
    };
    let remaining = funds.limit.saturating_sub(funds.spent).saturating_sub(funds.held).max(0);
    Ok(BudgetStop {
        name: budget.name.clone(),
        window: budget.window.name().into_owned(),
        scope: budget.scope.clone(),
        limit: quantity(funds.limit),
        used: quantity(funds.spent),
        held: quantity(funds.held),
        needed: quantity(needed),
        remaining: quantity(remaining),
        credits_remaining: quantity(credits_left),
        reset,
        timezone: budget.timezone,
    })
}

/// Writes the refused call down, and the alert that a hard budget refuses: once a period.
pub(crate) fn refuse(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    refusing: &Refusing,
) -> Result<Box<Refusal>, OpError> {
    let mut refusal = explain(writing, asker, refusing)?;
    let (active, standing) = &asker.applying[refusing.budget];
    refusal.call = uuid_of(write(writing, asker, refusing.reason, Some(active.seq))?);
    if refusing.reason == RefusalReason::QuotaExceeded {
        let mut period_start = standing.period.start;
        if let Window::Rolling { span } = active.budget.window {
            period_start = span.stretch(asker.call.at);
        }
        // A call that is too large for the whole limit tells nothing of others.
        let would_fit =
            refusing.needed <= standing.funds.limit.saturating_add(standing.funds.credits);
        if active.budget.window != Window::Call
            && (would_fit || standing.funds.spent >= standing.funds.limit)
        {
            let counters = &mut writing.cache.counters;
            counters.set_refusing(writing.connection, active.seq, standing.period)?;
        }
        let subject = &active.budget.name;
        let fired = alert::Fired {
            kind: AlertKind::BudgetRefused,
            severity: Severity::Critical,
            subject,
            key: &format!("{}:{}", active.budget.id.0, standing.funds.limit),
            period_start,
            threshold: 0,
            text: refused_text(subject, &refusal::message(&refusal)),
            raise: refusal::offered_raise(&refusal),
        };
        alert::fire(writing, fired, asker.call.at);
    }
    Ok(Box::new(refusal))
}

/// Refuses a call for what it repeats, whatever its budgets say; `None` where a bypass is in force.
pub(crate) fn refuse_repetition(
    writing: &mut Writing<'_>,
    call: &NewCall,
    repetition: &Repetition,
) -> Result<Option<Box<Refusal>>, OpError> {
    if is_bypassed(writing, call.at)? {
        return Ok(None);
    }
    let asker = asker(writing, call, Asking::First)?;
    let reason = RefusalReason::LoopDetected;
    let call_id = write(writing, &asker, reason, None)?;
    Ok(Some(Box::new(Refusal {
        call: uuid_of(call_id),
        reason,
        budget: None,
        repetition: Some(repetition.clone()),
        credit: None,
        balance_remaining: grant::known_remaining(writing.connection, asker.account, call.at)?,
        model: call.model_requested.clone(),
        provider: call.provider.clone(),
        standing: tightest(asker.applying.iter().map(|(active, standing)| (&**active, *standing))),
    })))
}

/// The row of a refused call; the id of the one that counts it.
pub(crate) fn write(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    reason: RefusalReason,
    refused_by: Option<i64>,
) -> Result<[u8; 16], OpError> {
    let call_id = *asker.call.id.as_bytes();
    if let Some(ticket) = asker.asking.ticket() {
        decision::keep(writing, asker, ticket, "refused", None)?;
        end_waiting(writing, ticket, reason, refused_by)?;
        return Ok(call_id);
    }
    let alike = alike(asker, reason, refused_by);
    let minute = to_ms(asker.call.at).div_euclid(60_000);
    let known = writing.cache.refused(alike).filter(|known| known.minute == minute);
    if let Some(known) = known.filter(|known| known.count >= ROWS_A_MINUTE) {
        writing
            .connection
            .prepare_cached("UPDATE call SET rev = rev + 1, repeats = repeats + 1 WHERE seq = ?1")?
            .execute([known.call_seq])?;
        return Ok(known.call_id);
    }
    let entry = Entry {
        status: "refused",
        limit_action: None,
        output_cap: None,
        ceiling: asker.demand.ceiling(),
        refusal: Some(reason),
        refused_by,
        shares: Shares::default(),
        owner: None,
        is_unbounded: false,
    };
    let call_seq = insert_with(writing, asker.call, asker.account, &asker.dimensions, &entry)?;
    decision::keep(writing, asker, call_seq, "refused", None)?;
    let count = known.map_or(0, |known| known.count) + 1;
    writing.cache.remember_refused(alike, Refused { minute, count, call_seq, call_id });
    Ok(call_id)
}

/// A waiting call ends as refused.
fn end_waiting(
    writing: &Writing<'_>,
    ticket: i64,
    reason: RefusalReason,
    refused_by: Option<i64>,
) -> rusqlite::Result<()> {
    waiting::leave(writing, ticket)?;
    writing
        .connection
        .prepare_cached(
            "UPDATE call SET rev = rev + 1, status = 'refused', owner = NULL, refusal = ?2, \
             refused_by = ?3 WHERE seq = ?1",
        )?
        .execute(params![ticket, reason.as_str(), refused_by])
        .map(drop)
}

/// A waiting call whose client has gone: nothing was sent.
pub(crate) fn cancel(writing: &Writing<'_>, ticket: i64) -> Result<(), OpError> {
    waiting::leave(writing, ticket)?;
    writing
        .connection
        .prepare_cached(
            "UPDATE call SET rev = rev + 1, status = 'failed', owner = NULL \
             WHERE seq = ?1 AND status = 'waiting'",
        )?
        .execute([ticket])?;
    Ok(())
}

/// What refusals have in common that are counted together.
fn alike(asker: &Asker<'_>, reason: RefusalReason, refused_by: Option<i64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let facts = &asker.dimensions;
    (reason, refused_by, asker.account).hash(&mut hasher);
    // Not by session or tags: a client may have new ones for each call.
    (facts.provider, facts.model, facts.project).hash(&mut hasher);
    (facts.client, facts.key, facts.run).hash(&mut hasher);
    hasher.finish()
}
