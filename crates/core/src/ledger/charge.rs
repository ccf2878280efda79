//! What an ended call is charged in its budgets, and the thresholds that this crosses.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use super::active::ActiveBudget;
use super::cache::Cache;
use super::counter::{Standing, tightest};
use super::decision::{self, DecisionView, LookView};
use super::enter::write_rows;
use super::error::OpError;
use super::rollup::clamp;
use super::running::Running;
use super::time::{from_ms, to_ms};
use super::writer::Writing;
use super::{alert, budget};
use crate::admission::Verdict;
use crate::alert::{
    AlertKind, Severity, reached, reset_text, threshold_text, to_tell, upstream_empty_text,
};
use crate::budget::{BudgetKind, BudgetUnit, Quantity, QuotaStanding, Window};
use crate::money::Money;
use crate::refusal::Raise;
use crate::usage::Usage;

/// What an ended call came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'a> {
    /// Whether the provider bills it.
    pub(crate) is_billed: bool,
    /// What it consumed; `None` where unknown.
    pub(crate) usage: Option<&'a Usage>,
    /// What it cost; `None` where unknown.
    pub(crate) cost: Option<Money>,
    /// Whether it was ended because of a limit.
    pub(crate) is_ended: bool,
}

impl Charge<'_> {
    /// What it is in a budget of `unit` that held `held` for it.
    fn amount(&self, unit: BudgetUnit, held: i64) -> i64 {
        match (self.is_billed, unit) {
            (false, _) => 0,
            (true, BudgetUnit::Usd) => self.cost.unwrap_or_default().picodollars(),
            // Unknown usage is charged at its bound.
            (true, BudgetUnit::Tokens) => {
                self.usage.map_or(held, |usage| clamp(usage.total_tokens()))
            }
            (true, BudgetUnit::Calls) => 1,
        }
    }
}

/// The tightest budget once the call is charged, by what is remembered: `None` where the file would
/// have to be asked.
pub(crate) fn foresee(
    cache: &Cache,
    call: &Running,
    charge: &Charge<'_>,
) -> Option<Option<QuotaStanding>> {
    let budgets = cache.budgets()?;
    let mut standings = Vec::with_capacity(call.shares.0.len());
    for share in &call.shares.0 {
        let Some(active) = budgets.iter().find(|active| active.seq == share.budget_seq) else {
            continue;
        };
        let mut standing = cache.counters.known(active, call.started)?;
        if active.budget.window != Window::Call {
            let funds = &mut standing.funds;
            let charged = charge.amount(funds.unit, share.held);
            funds.spent = funds.spent.saturating_add(charged);
            funds.held = funds.held.saturating_sub(share.held);
        }
        standings.push((&**active, standing));
    }
    Some(tightest(standings.into_iter()))
}

/// Replaces the call's holds by its charges and records the thresholds that this crosses.
pub(crate) fn charge(
    writing: &mut Writing<'_>,
    call: &mut Running,
    charge: &Charge<'_>,
    now: DateTime<Utc>,
) -> Result<Option<QuotaStanding>, OpError> {
    if call.shares.0.is_empty() {
        return Ok(None);
    }
    let budgets = budget::active(writing)?;
    let mut standings = Vec::with_capacity(call.shares.0.len());
    for share in &mut call.shares.0 {
        let Some(active) = budgets.iter().find(|active| active.seq == share.budget_seq) else {
            continue;
        };
        let charged = charge.amount(active.budget.unit, share.held);
        share.charged = Some(charged);
        let (connection, counters) = (writing.connection, &mut writing.cache.counters);
        let window = active.budget.window;
        let at = if window.is_rolling() { now.max(call.started) } else { call.started };
        let before = counters.standing(connection, active, at, false)?;
        if window == Window::Call {
            standings.push((&**active, before));
            continue;
        }
        let period = counters.period(active, from_ms(share.period_start_ms));
        counters.add(connection, active, period, charged, -share.held)?;
        let after = counters.standing(connection, active, at, false)?;
        // A raise made while the call ran spares the reserve.
        let last = period.end.filter(|_| !window.is_rolling());
        let last = last.map_or(now, |end| now.min(end - TimeDelta::milliseconds(1)));
        counters.draw_credits(connection, active, &after, active.limit_at(last))?;
        fire_thresholds(writing, active, &before, &after, now)?;
        standings.push((&**active, after));
    }
    if charge.is_ended {
        write_rows(writing)?;
        tell_ended(writing, call, &standings, now)?;
    }
    Ok(tightest(standings.into_iter()))
}

/// Keeps how the budgets stood when the call was ended.
fn tell_ended(
    writing: &Writing<'_>,
    call: &Running,
    standings: &[(&ActiveBudget, Standing)],
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let budgets = standings.iter().map(|(active, standing)| {
        let funds = &standing.funds;
        let share = call.shares.0.iter().find(|share| share.budget_seq == active.seq);
        let verdict = if funds.free() <= 0 { Verdict::Exceeded } else { Verdict::Held };
        LookView::of(active, funds, share.map_or(0, |share| share.held), verdict)
    });
    let view = DecisionView {
        at: now,
        action: "ended".to_owned(),
        input_tokens_max: call.input_tokens_max,
        input_tokens_expected: None,
        output_tokens_max: 0,
        output_tokens_expected: None,
        output_cap: None,
        covered_tokens: None,
        ceiling_usd: call.ceiling,
        budgets: budgets.collect(),
    };
    decision::write(writing, call.seq, &view)
}

/// Tells what a limit that fell has crossed without a call.
pub(crate) fn tell_reached(writing: &mut Writing<'_>, now: DateTime<Utc>) -> Result<(), OpError> {
    for active in budget::active(writing)?.iter() {
        let standing = writing.cache.counters.standing(writing.connection, active, now, false)?;
        fire_thresholds(writing, active, &standing, &standing, now)?;
    }
    Ok(())
}

fn fire_thresholds(
    writing: &mut Writing<'_>,
    active: &ActiveBudget,
    before: &Standing,
    after: &Standing,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let budget = &active.budget;
    let limit = active.limit_at(now);
    let reach = |spent| reached(spent, limit, &budget.warn_percent);
    let [was, is] = [before, after].map(|standing| reach(standing.counter.spent));
    let (tells, period_start) = match budget.window {
        // What leaves such a window makes room all the time: each stretch of it tells once.
        Window::Rolling { span } => ((is > was).then_some(is), span.stretch(now)),
        _ => {
            let told_before = after.counter.told_percent;
            let (tells, told) = to_tell(was, is, told_before);
            if told != told_before {
                let (connection, counters) = (writing.connection, &mut writing.cache.counters);
                counters.set_told(connection, active.seq, after.period, told)?;
            }
            (tells, after.period.start)
        }
    };
    let Some(percent) = tells else { return Ok(()) };
    let spent = after.counter.spent;
    let quantity = |count| Quantity { unit: budget.unit, count };
    let reset = after.reset.map(|reset| reset_text(reset, budget.timezone));
    // What was left is told again: an occasion of its own. A changed limit is one anyway.
    let occasion = if budget.window.is_rolling() { 0 } else { to_ms(now) };
    let text =
        threshold_text(&budget.name, percent, quantity(spent), quantity(limit), reset.as_deref());
    let fired = alert::Fired {
        kind: AlertKind::BudgetThreshold,
        severity: if percent >= 100 { Severity::Critical } else { Severity::Warning },
        subject: &budget.name,
        key: &format!("{}:{limit}:{occasion}", budget.id.0),
        period_start,
        threshold: i64::from(percent),
        text,
        raise: (active.kind_at(now) == BudgetKind::Hard).then(|| Raise::of(quantity(limit), spent)),
    };
    alert::fire(writing, fired, now);
    Ok(())
}

/// The alert that the provider says the money is gone.
pub(crate) fn fire_upstream_empty(writing: &mut Writing<'_>, call: &Running, now: DateTime<Utc>) {
    let fired = alert::Fired {
        kind: AlertKind::UpstreamEmpty,
        severity: Severity::Critical,
        subject: &call.account_name,
        key: &call.account_name,
        // A storm of them within a minute is one occasion.
        period_start: now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now),
        threshold: 0,
        text: upstream_empty_text(&call.provider_name, &call.account_name),
        raise: None,
    };
    alert::fire(writing, fired, now);
}
