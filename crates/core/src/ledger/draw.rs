//! A watched call draws the next tranche: it holds twice as much, or what is left.

use std::sync::Arc;

use uuid::Uuid;

use super::active::ActiveBudget;
use super::asker::is_bypassed;
use super::counter::{Standing, tightest};
use super::enter::{running, write_rows};
use super::error::{LedgerError, OpError};
use super::refuse::stop_of;
use super::running::Running;
use super::shares::Share;
use super::time::{from_ms, to_ms};
use super::writer::Writing;
use super::{budget, grant};
use crate::admission::{Demand, RefusalReason};
use crate::budget::{BudgetKind, BudgetUnit, Period, Window};
use crate::money::Money;
use crate::refusal::Refusal;

/// What a watched call draws by.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) demand: Demand,
    /// Prompt tokens that its holds pay for.
    pub(crate) input_tokens: u64,
    /// Generated tokens that they pay for.
    pub(crate) covered: u64,
    /// More than this it cannot generate.
    pub(crate) output_max: u64,
}

/// The answer to a draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// The holds pay for so many generated tokens now.
    Covered(u64),
    /// They pay for no more than before: the call goes on until that is used up, and may ask again.
    Denied(Box<Refusal>),
}

/// Tokens below which a tranche is not worth a write.
const TRANCHE_MIN: u64 = 16;

impl Watch {
    /// What the holds pay for, in US dollars.
    pub(crate) fn cost(&self) -> Option<Money> {
        self.demand.price.as_ref()?;
        let unit = BudgetUnit::Usd;
        let picodollars = self.demand.needed(unit, self.input_tokens, self.covered);
        Some(Money::from_picodollars(picodollars))
    }
}

/// Draws for the running call `id`, of which `produced` tokens have been seen.
pub(crate) fn draw(
    writing: &mut Writing<'_>,
    id: Uuid,
    watch: &mut Watch,
    produced: u64,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Drawn, OpError> {
    let Some(mut call) = running(writing, id)? else {
        return Err(LedgerError::NotFound(format!("call {id} is not running")).into());
    };
    let drawn = extend(writing, &mut call, watch, produced, now)?;
    if matches!(drawn, Drawn::Covered(_)) {
        call.ceiling = watch.cost();
        write_rows(writing)?;
        writing
            .connection
            .prepare_cached("UPDATE call SET shares = ?2, ceiling_pico = ?3 WHERE seq = ?1")?
            .execute(rusqlite::params![
                call.seq,
                call.shares,
                call.ceiling.map(Money::picodollars)
            ])?;
    }
    writing.cache.remember_running(*id.as_bytes(), call);
    Ok(drawn)
}

/// Why the running call `id` may generate no more than it has: the tightest of its hard budgets.
/// `None` where it has none any more.
pub(crate) fn stop(
    writing: &mut Writing<'_>,
    id: Uuid,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Option<Box<Refusal>>, OpError> {
    let Some(call) = running(writing, id)? else {
        return Err(LedgerError::NotFound(format!("call {id} is not running")).into());
    };
    let budgets = budget::active(writing)?;
    let is_bypassed = is_bypassed(writing, now)?;
    let mut hard = Vec::new();
    for share in &call.shares.0 {
        let active = budgets.iter().find(|active| active.seq == share.budget_seq);
        let Some(active) = active else { continue };
        let at = asked_at(active, share, &call, now);
        let counters = &mut writing.cache.counters;
        let standing = counters.standing(writing.connection, active, at, is_bypassed)?;
        if standing.funds.kind == BudgetKind::Hard {
            hard.push((active, standing, share.held));
        }
    }
    let first = tightest(hard.iter().map(|(active, standing, _)| (&***active, *standing)));
    let found = hard.iter().find(|(active, ..)| {
        first.as_ref().is_some_and(|standing| standing.budget == active.budget.name)
    });
    let refusal = match found {
        Some((active, standing, held)) => {
            Some(Box::new(refusal(writing, &call, active, standing, *held, now)?))
        }
        None => None,
    };
    writing.cache.remember_running(*id.as_bytes(), call);
    Ok(refusal)
}

/// The instant as of which a budget is asked for more: the calendar period that admitted the call
/// pays for all of it, by what raises and pauses there are by now.
fn asked_at(
    active: &ActiveBudget,
    share: &Share,
    call: &Running,
    now: chrono::DateTime<chrono::Utc>,
) -> chrono::DateTime<chrono::Utc> {
    let window = active.budget.window;
    let last = period_of(active, share).end.filter(|_| !window.is_rolling());
    let at = last.map_or(now, |end| now.min(end - chrono::TimeDelta::milliseconds(1)));
    at.max(call.started)
}

/// A share that has to grow.
struct Short {
    index: usize,
    active: Arc<ActiveBudget>,
    standing: Standing,
}

fn extend(
    writing: &mut Writing<'_>,
    call: &mut Running,
    watch: &mut Watch,
    produced: u64,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Drawn, OpError> {
    let wanted = watch.covered.max(produced).saturating_mul(2).min(watch.output_max);
    let budgets = budget::active(writing)?;
    let is_bypassed = is_bypassed(writing, now)?;
    let mut granted = wanted;
    let mut short: Vec<Short> = Vec::new();
    let mut denied = None;
    for (index, share) in call.shares.0.iter().enumerate() {
        let Some(active) = budgets.iter().find(|active| active.seq == share.budget_seq) else {
            continue;
        };
        let at = asked_at(active, share, call, now);
        let counters = &mut writing.cache.counters;
        let standing = counters.standing(writing.connection, active, at, is_bypassed)?;
        let funds = standing.funds;
        let has_left = match active.budget.window {
            Window::Rolling { span } => share.period_start_ms <= to_ms(span.reach(at)),
            _ => false,
        };
        let is_counted = active.budget.window != Window::Call && !has_left;
        let own = if is_counted { share.held } else { 0 };
        let available = funds.free().saturating_add(own);
        let needed = watch.demand.needed(funds.unit, watch.input_tokens, wanted);
        if needed <= share.held {
            continue;
        }
        if funds.kind == BudgetKind::Hard && needed > available {
            let affordable =
                watch.demand.output_affordable(funds.unit, watch.input_tokens, available);
            let affordable = affordable.unwrap_or(0);
            if affordable < granted {
                granted = affordable;
                denied = Some((Arc::clone(active), standing, needed));
            }
        }
        short.push(Short { index, active: Arc::clone(active), standing });
    }
    if let Some((active, standing, needed)) = denied
        && granted < watch.covered.saturating_add(TRANCHE_MIN)
    {
        let refusal = refusal(writing, call, &active, &standing, needed, now)?;
        return Ok(Drawn::Denied(Box::new(refusal)));
    }
    for short in short {
        let unit = short.standing.funds.unit;
        let held = watch.demand.needed(unit, watch.input_tokens, granted);
        grow(writing, &mut call.shares.0[short.index], &short, held)?;
    }
    watch.covered = granted;
    Ok(Drawn::Covered(granted))
}

/// Lets a share hold `held`, if that is more than it does.
fn grow(
    writing: &mut Writing<'_>,
    share: &mut Share,
    short: &Short,
    held: i64,
) -> rusqlite::Result<()> {
    let Short { active, standing, .. } = short;
    let held = held.max(share.held);
    let (connection, counters) = (writing.connection, &mut writing.cache.counters);
    let period = period_of(active, share);
    if active.budget.window == Window::Call {
        // Nothing is counted.
    } else if active.budget.window.is_rolling() && period != standing.period {
        // All of it goes where it is asked for, and will be charged there: the stretch that ended with
        // its old bucket may have no room for more, and one that has left counts nowhere.
        counters.add(connection, active, period, 0, -share.held)?;
        counters.add(connection, active, standing.period, 0, held)?;
        share.period_start_ms = to_ms(standing.period.start);
    } else {
        counters.add(connection, active, period, 0, held - share.held)?;
    }
    share.held = held;
    Ok(())
}

fn period_of(active: &ActiveBudget, share: &Share) -> Period {
    active.budget.window.period(from_ms(share.period_start_ms), active.budget.timezone)
}

fn refusal(
    writing: &mut Writing<'_>,
    call: &Running,
    active: &ActiveBudget,
    standing: &Standing,
    needed: i64,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Refusal, OpError> {
    let stop = stop_of(writing.connection, active, standing, needed, standing.reset)?;
    Ok(Refusal {
        call: call.id,
        reason: RefusalReason::QuotaExceeded,
        budget: Some(stop),
        repetition: None,
        credit: None,
        balance_remaining: grant::known_remaining(writing.connection, call.account, now)?,
        model: call.model_name.clone(),
        provider: call.provider_name.clone(),
        standing: tightest(std::iter::once((active, *standing))),
    })
}
