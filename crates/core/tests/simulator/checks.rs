//! What has to be true of each answer to a call, and of each end of one.

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::admission::{
    Decision, Demand, Expected, Funds, RefusalReason, Visibility, decide,
};
use outlay_core::budget::{BudgetKind, BudgetUnit, Window};
use outlay_core::ledger::Ticket;
use outlay_core::price::PriceQuery;
use outlay_core::refusal::Refusal;
use outlay_core::report;
use uuid::Uuid;

use crate::budgets::Known;
use crate::desk::UTC;
use crate::provider::{Consumed, Facts, Served, count};
use crate::schedule::{BELIEVED_PERCENT, CallPlan};
use crate::sight::{Row, Sight};
use crate::world::{Asking, Checked, Running, World};

/// How many times its ceiling a call holds that nobody can bound and that runs beside another.
const TIMES_BESIDE: i64 = 4;
/// Tokens below which nothing more is drawn.
const TRANCHE_MIN: u64 = 16;

/// What a budget has spent, holds and may spend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stand {
    pub(crate) spent: i64,
    pub(crate) held: i64,
    pub(crate) cap: i64,
}

impl Known {
    pub(crate) fn stand(&self, sight: &Sight, at: DateTime<Utc>) -> Stand {
        let (total, used) = sight.credits[&self.seq];
        let free = (total - used - self.claimed_elsewhere(sight, at)).max(0);
        if self.plan.window == Window::Call {
            return Stand { spent: 0, held: 0, cap: self.limit_at(at) + free };
        }
        let reached = sight
            .counters
            .iter()
            .filter(|((seq, period_ms), _)| *seq == self.seq && self.reaches(*period_ms, at))
            .map(|(_, counter)| counter);
        let mut stand = Stand { spent: 0, held: 0, cap: self.limit_at(at) + free };
        for counter in reached {
            stand.spent += counter.spent;
            stand.held += counter.held;
            stand.cap += counter.credits_used;
        }
        stand
    }

    /// What running calls of other periods count on of the reserve.
    fn claimed_elsewhere(&self, sight: &Sight, at: DateTime<Utc>) -> i64 {
        if matches!(self.plan.window, Window::Rolling { .. } | Window::Call) {
            return 0;
        }
        let now_ms = self.plan.period_ms(at);
        let others = sight.counters.iter().filter(|((seq, period_ms), counter)| {
            *seq == self.seq && *period_ms != now_ms && counter.held > 0
        });
        let claims = others.map(|((_, period_ms), counter)| {
            let begin = DateTime::from_timestamp_millis(*period_ms).unwrap();
            let end = self.plan.window.period(begin, UTC).end.unwrap_or(begin);
            let limit = self.limit_at(end - TimeDelta::milliseconds(1));
            (counter.spent + counter.held - limit - counter.credits_used).max(0)
        });
        claims.sum()
    }
}

impl World {
    /// The budgets that count such a call and refuse at that instant.
    pub(crate) fn refusing(
        &self,
        is_of_project: bool,
        at: DateTime<Utc>,
    ) -> impl Iterator<Item = &Known> {
        let is_bypassed = self.bypasses.iter().any(|(from, until)| *from <= at && at < *until);
        self.budgets.iter().filter(move |known| {
            !is_bypassed && known.counts(is_of_project) && known.refuses_at(at)
        })
    }

    /// Whether somebody waits before the budget whom the call must not pass.
    fn waits_before(&self, known: &Known, asking: &Asking<'_>) -> bool {
        let is_bounded = asking.plan.is_bounded_in(&known.plan);
        let earlier = self.waiting.iter().filter(|other| other.order < asking.order);
        earlier.into_iter().any(|other| {
            let mut places = other.budgets.iter();
            places.any(|place| place.budget == known.seq && !(is_bounded && place.for_its_like))
        })
    }

    /// Whether a call that nobody can bound holds in the budget's period of `at`.
    fn runs_unbounded(&self, known: &Known, sight: &Sight, at: DateTime<Utc>) -> bool {
        let running = self.running.iter().chain(&self.orphans);
        let mut open = running.filter(|running| running.is_unbounded);
        known.plan.window != Window::Call
            && open.any(|running| {
                let share = sight.row(running.id).and_then(|row| row.share(known.seq));
                share.is_some_and(|share| share.held > 0 && known.reaches(share.period_ms, at))
            })
    }

    pub(crate) fn check_admitted(
        &self,
        asking: &Asking<'_>,
        served: &Served,
        sight: &Sight,
    ) -> Checked {
        let row = sight.row(served.reservation.call()).ok_or("an admitted call has no row")?;
        for known in &self.budgets {
            if row.share(known.seq).is_some() != known.counts(asking.plan.is_of_project) {
                return Err(format!("{} and the shares {:?} disagree", known.name, row.shares));
            }
        }
        let plan = asking.plan;
        for known in self.refusing(plan.is_of_project, asking.at) {
            let held = row.share(known.seq).map_or(0, |share| share.held);
            let stand = known.stand(sight, asking.at);
            let carried = if known.plan.window == Window::Call { held } else { 0 };
            let most = Consumed { input: plan.input_max, output: plan.output_bound() };
            let all = most.count(known.plan.unit) * TIMES_BESIDE;
            let is_open = !plan.is_bounded_in(&known.plan);
            if is_open && self.runs_unbounded(known, sight, asking.at) && held < all {
                return Err(format!("{held} of {all} are held beside another: {plan:?}"));
            }
            if held > 0 && stand.spent + stand.held + carried > stand.cap {
                return Err(format!("{} is passed by holding {held}: {stand:?}", known.name));
            }
            if held > 0 && self.waits_before(known, asking) {
                return Err(format!("an earlier call waits before {}", known.name));
            }
        }
        let cap = served.cap.unwrap_or(u64::MAX);
        match cap < plan.output_bound().min(plan.floor) {
            true => Err(format!("a cap of {cap} is below the floor: {plan:?}")),
            false => Ok(()),
        }
    }

    pub(crate) fn check_waits(
        &self,
        asking: &Asking<'_>,
        ticket: &Ticket,
        sight: &Sight,
    ) -> Checked {
        if asking.is_last {
            return Err("a call that asked for the last time waits on".into());
        }
        let plan = asking.plan;
        let most = Consumed { input: plan.input_max, output: plan.output_bound() };
        let has_cause = self.refusing(plan.is_of_project, asking.at).any(|known| {
            let stand = known.stand(sight, asking.at);
            let (most, free) = (most.count(known.plan.unit), stand.cap - stand.spent - stand.held);
            let is_beside = !plan.is_bounded_in(&known.plan)
                && self.runs_unbounded(known, sight, asking.at)
                && most * TIMES_BESIDE > free;
            (most > free && stand.held > 0) || is_beside || self.waits_before(known, asking)
        });
        let stops = ticket.refusal().budget.as_ref().map(|stop| stop.name.as_str());
        let known = self.budgets.iter().find(|known| Some(known.name.as_str()) == stops);
        if let Some(known) = known.filter(|_| ticket.is_for_its_like()) {
            let stand = known.stand(sight, asking.at);
            let free = stand.cap - stand.spent - stand.held;
            if plan.is_bounded_in(&known.plan) || most.count(known.plan.unit) > free {
                return Err(format!("it waits for money, and others pass it: {plan:?} {stand:?}"));
            }
        }
        match has_cause {
            true => Ok(()),
            false => Err(format!("it waits without a cause: {:?}", ticket.refusal())),
        }
    }

    /// A final refusal is right only where an empty system could not have afforded the call.
    pub(crate) fn check_refused(
        &self,
        asking: &Asking<'_>,
        refusal: &Refusal,
        sight: &Sight,
    ) -> Checked {
        match refusal.reason {
            RefusalReason::BudgetBusy if asking.is_last => return Ok(()),
            RefusalReason::QuotaExceeded => {}
            other => return Err(format!("refused for {other:?}")),
        }
        let plan = asking.plan;
        let explained = report::explanation(self.ledger(), refusal.call)
            .map_err(|error| error.to_string())?
            .ok_or("a refusal without an explanation")?;
        let decision = explained.decisions.last().ok_or("a refusal without a decision")?;
        let expected = Expected {
            input_tokens: decision.input_tokens_expected.unwrap_or(plan.input_max),
            output_tokens: decision.output_tokens_expected.unwrap_or(plan.output_bound()),
            visibility: match self.shown_percent {
                ..BELIEVED_PERCENT => Visibility::Hidden,
                _ => Visibility::Clear { billed_percent: 100 },
            },
        };
        let stands: Vec<(&Known, Stand)> = self
            .refusing(plan.is_of_project, asking.at)
            .map(|known| (known, known.stand(sight, asking.at)))
            .collect();
        let is_short = stands.iter().any(|(known, stand)| {
            let unspent = stand.cap - stand.spent;
            unspent <= 0 || least(&plan, known, &expected).count(known.plan.unit) > unspent
        });
        if !is_short {
            return Err(format!("refused though all could pay: {plan:?} {expected:?} {stands:?}"));
        }
        let empty: Vec<Funds> = stands.iter().map(|(known, stand)| known.funds(*stand)).collect();
        let at = asking.at;
        let query = PriceQuery { provider: "openai", model: "demo", at, service_tier: None };
        let price = self.ledger().prices().find(&query);
        let demand = Demand { price, bounds: plan.bounds(), is_strict: plan.is_strict };
        match decide(&demand, &empty, &mut || expected) {
            Decision::Refuse { .. } => Ok(()),
            other => Err(format!("refused, and an empty system says {other:?}: {plan:?}")),
        }
    }

    pub(crate) fn check_drawn(&self, running: &Running, before: &Sight, after: &Sight) -> Checked {
        let (Some(old), Some(new)) = (before.row(running.id), after.row(running.id)) else {
            return Err("a running call has no row".into());
        };
        for known in self.refusing(running.served.plan.is_of_project, self.now) {
            let (Some(old), Some(share)) = (old.share(known.seq), new.share(known.seq)) else {
                continue;
            };
            let at = self.asked_at(known, running);
            if share.held > old.held && !known.reaches(share.period_ms, at) {
                return Err(format!("what is drawn from {} counts nowhere: {share:?}", known.name));
            }
            let stand = known.stand(after, at);
            let is_call = known.plan.window == Window::Call;
            let all = if is_call { share.held } else { stand.spent + stand.held };
            if share.held > old.held && known.refuses_at(at) && all > stand.cap {
                return Err(format!("{} is passed by a draw: {stand:?} {share:?}", known.name));
            }
        }
        Ok(())
    }

    /// A stream is ended by us only where some budget cannot pay for a few tokens more.
    pub(crate) fn check_ended(&self, running: &Running, sight: &Sight) -> Checked {
        let row = sight.row(running.id).ok_or("a running call has no row")?;
        let is_of_project = running.served.plan.is_of_project;
        // By a clock that was set back a pause may begin before the call did.
        let latest = self.now.max(running.served.reservation.at());
        let is_short = self
            .refusing(is_of_project, self.now)
            .chain(self.refusing(is_of_project, latest))
            .filter_map(|known| Some((known, row.share(known.seq)?)))
            .any(|(known, share)| {
                let at = self.asked_at(known, running);
                let stand = known.stand(sight, at);
                let is_call = known.plan.window == Window::Call;
                let all = if is_call { share.held } else { stand.spent + stand.held };
                let more = Consumed { input: 0, output: TRANCHE_MIN }.count(known.plan.unit);
                // One whose bucket has left the window has to pay for all of it again.
                let again = if known.reaches(share.period_ms, at) { 0 } else { share.held };
                // So has one that the budget has not held for since the beginning.
                !running.promised.contains(&known.seq) || stand.cap - all < more + again
            });
        match is_short {
            true => Ok(()),
            false => Err(format!("ended, and every budget could pay: {:?}", row.shares)),
        }
    }

    /// The instant as of which a budget is asked for more: the calendar period that admitted the
    /// call, by what was raised since.
    fn asked_at(&self, known: &Known, running: &Running) -> DateTime<Utc> {
        let started = running.served.reservation.at();
        let end = known.plan.window.period(started, UTC).end;
        let last = end.filter(|_| !known.plan.window.is_rolling());
        let at = last.map_or(self.now, |end| self.now.min(end - TimeDelta::milliseconds(1)));
        at.max(started)
    }

    pub(crate) fn check_settled(
        &mut self,
        id: Uuid,
        facts: &Facts,
        promised: &[i64],
        consumed: Option<Consumed>,
    ) -> Checked {
        let sight = self.sight();
        let row = sight.row(id).ok_or("a settled call has no row")?;
        let cost = consumed.map(|consumed| consumed.count(BudgetUnit::Usd));
        if row.cost != cost {
            return Err(format!("it cost {cost:?} and is written down as {:?}", row.cost));
        }
        self.billed += cost.unwrap_or(0);
        self.check_charges(row, facts, promised)?;
        for known in self.budgets.iter().filter(|known| row.share(known.seq).is_some()) {
            let charged = row.share(known.seq).and_then(|share| share.charged);
            let expected = consumed.map_or(0, |consumed| consumed.count(known.plan.unit));
            if charged != Some(expected) {
                return Err(format!("{} was charged {charged:?}, not {expected}", known.name));
            }
        }
        Ok(())
    }

    /// A call of which nobody knows what became: charged what is sure to be enough, if it was sent.
    pub(crate) fn check_abandoned(
        &mut self,
        id: Uuid,
        facts: &Facts,
        promised: &[i64],
        was_sent: bool,
    ) -> Checked {
        let sight = self.sight();
        let row = sight.row(id).ok_or("an abandoned call has no row")?;
        let status = if was_sent { "estimated" } else { "failed" };
        if row.status != status || row.is_owned {
            return Err(format!("{id} is {} and not {status}", row.status));
        }
        let really = facts.consumed.count(BudgetUnit::Usd);
        let charged = row.cost.unwrap_or(0);
        if was_sent && really > charged.saturating_add(facts.may_exceed(BudgetUnit::Usd)) {
            return Err(format!("{really} may be billed and {charged} are written down"));
        }
        self.billed += charged;
        self.check_charges(row, facts, promised)
    }

    /// The promise to calls of each class: no more than what was held, but for what the class may.
    fn check_charges(&self, row: &Row, facts: &Facts, promised: &[i64]) -> Checked {
        for share in &row.shares {
            let Some(known) = self.budgets.iter().find(|known| known.seq == share.budget) else {
                continue;
            };
            if !facts.plan.is_ended_in(&known.plan) {
                // One call's cost, whatever cap another budget set.
                continue;
            }
            let more = facts.may_exceed(known.plan.unit);
            let charged = share.charged.ok_or("an ended call has an open share")?;
            if promised.contains(&known.seq) && charged > share.held.saturating_add(more) {
                let plan = facts.plan;
                return Err(format!("{} promised {share:?} and {more}: {plan:?}", known.name));
            }
        }
        Ok(())
    }
}

impl Known {
    fn funds(&self, stand: Stand) -> Funds {
        Funds {
            kind: BudgetKind::Hard,
            unit: self.plan.unit,
            limit: stand.cap,
            credits: 0,
            spent: stand.spent,
            held: 0,
            has_unbounded: false,
            allow_unpriced: false,
            may_cap: self.plan.may_cap,
        }
    }
}

/// The least that lets the call go where nobody else holds anything.
fn least(plan: &CallPlan, known: &Known, expected: &Expected) -> Consumed {
    let bound = plan.output_bound();
    let floor = plan.floor.min(bound);
    let input = if plan.is_strict { plan.input_max } else { expected.input_tokens };
    let can_cap = plan.can_cap && known.plan.may_cap;
    let can_stop = plan.can_stop && !plan.is_strict;
    let output = match plan.is_bounded {
        _ if can_stop => floor,
        true if can_cap => floor,
        true if plan.own_cap.is_some() => bound,
        _ if plan.is_strict => bound,
        _ => expected.output_tokens,
    };
    debug_assert!(count(input) >= 0);
    Consumed { input, output }
}
