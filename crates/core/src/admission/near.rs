//! How one call stands with one hard budget, and what becomes of it where its ceiling does not fit.

use super::{Demand, Expected, Funds, Most, Visibility};
use crate::budget::{BudgetKind, BudgetUnit};

/// How one call stands with one budget.
pub(super) enum Stand {
    /// The budget counts and never refuses.
    NeverRefuses,
    /// The ceiling fits.
    Fits,
    /// The ceiling fits with a cap that the request should have had.
    FitsCapped(u64),
    /// Nobody can bound it, and there is room for far more than it needs.
    FitsBeside(Near),
    /// Less than the ceiling fits: the terms on which it may go.
    Near(Near),
    /// Others hold what it needs.
    Held { needed: i64 },
    /// It would not fit an empty system.
    Exceeded { needed: i64 },
    /// Nobody knows what it costs.
    Unpriced,
}

/// The terms on which a call may go near a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    /// Prompt tokens that the hold pays for.
    pub(super) input: u64,
    /// The output cap to set.
    pub(super) cap: Option<u64>,
    /// Whether the limit made it lower than the request's own or the model's.
    pub(super) is_cap_lowered: bool,
    /// Generated tokens that the hold pays for, where the call is watched; `None`: up to the cap.
    pub(super) covered: Option<u64>,
    /// It goes alone and holds all there is: what it may cost nobody can bound.
    pub(super) is_alone: bool,
    /// It holds so many times what it needs.
    pub(super) times: i64,
    /// Tokens that are billed to each hundred that show.
    pub(super) billed_percent: u64,
}

/// How many times its ceiling a call holds that nobody can bound, where one such call runs already.
const TIMES_BESIDE: i64 = 4;

impl Near {
    /// Its prompt and all that it may generate.
    const fn whole(input: u64) -> Near {
        let cap = None;
        Near {
            input,
            cap,
            is_cap_lowered: false,
            covered: None,
            is_alone: false,
            times: 1,
            billed_percent: 100,
        }
    }

    /// What it holds, with the `cap` that all its budgets agreed on.
    pub(super) fn hold(&self, demand: &Demand, funds: &Funds, cap: Option<u64>) -> i64 {
        if self.is_alone {
            return funds.free().max(0);
        }
        let bound = cap.unwrap_or_else(|| demand.output_bound());
        let output = self.covered.map_or(bound, |covered| covered.min(bound));
        demand.needed(funds.unit, self.input, output).saturating_mul(self.times)
    }
}

pub(super) fn stand(
    demand: &Demand,
    funds: &Funds,
    most: &Most<'_>,
    expected: &mut dyn FnMut() -> Expected,
) -> Stand {
    if funds.kind == BudgetKind::Soft {
        return Stand::NeverRefuses;
    }
    if funds.unit == BudgetUnit::Usd {
        if demand.price.is_none() {
            return if funds.allow_unpriced { Stand::Fits } else { Stand::Unpriced };
        }
        if demand.is_free() {
            return Stand::Fits;
        }
    }
    let needed = most.needed(funds.unit, demand.output_bound());
    if funds.unspent() <= 0 {
        return Stand::Exceeded { needed };
    }
    if needed > funds.free() {
        return near(demand, funds, &expected());
    }
    let may_set = demand.bounds.can_cap && funds.may_cap && funds.unit != BudgetUnit::Calls;
    let cap = (may_set && !demand.ends_by_itself()).then_some(demand.bounds.output_tokens_default);
    if funds.has_unbounded && !demand.is_bounded(funds.unit, funds.may_cap) {
        return beside(demand, funds, needed, cap);
    }
    cap.map_or(Stand::Fits, Stand::FitsCapped)
}

/// What nobody can bound, while another such call runs: one of them may cost more than it holds, but
/// not both.
fn beside(demand: &Demand, funds: &Funds, needed: i64, cap: Option<u64>) -> Stand {
    if needed.saturating_mul(TIMES_BESIDE) > funds.free() {
        return Stand::Held { needed };
    }
    let whole = Near::whole(demand.bounds.input_tokens_max);
    Stand::FitsBeside(Near { cap, times: TIMES_BESIDE, ..whole })
}

/// What becomes of a call whose ceiling does not fit what is free.
fn near(demand: &Demand, funds: &Funds, expected: &Expected) -> Stand {
    if !demand.is_told_by_tokens(funds.unit) {
        let can_stop = demand.bounds.can_stop && !demand.is_strict;
        return match can_stop {
            true => watched_alone(demand, funds, expected, Near::whole(expected.input_tokens)),
            false => alone(demand, funds, expected),
        };
    }
    if demand.bounds.can_stop
        && !demand.is_strict
        && let Some(stand) = watched(demand, funds, expected)
    {
        return stand;
    }
    let may_cap = demand.bounds.can_cap && funds.may_cap;
    if may_cap || demand.ends_by_itself() {
        return looked_after(demand, capped(demand, funds, expected, may_cap));
    }
    if demand.bounds.can_stop && !demand.is_strict {
        return watched_alone(demand, funds, expected, Near::whole(expected.input_tokens));
    }
    alone(demand, funds, expected)
}

/// A stream holds what it is expected to generate, and draws more as it goes. `None` where its text
/// would not tell what it is billed for, or what is really left would not pay for that: it may still go
/// alone, or with a lower cap.
fn watched(demand: &Demand, funds: &Funds, expected: &Expected) -> Option<Stand> {
    let Visibility::Clear { billed_percent } = expected.visibility else { return None };
    let bound = demand.output_bound();
    let covered = expected.first_tranche().min(bound);
    let needed = demand.needed(funds.unit, expected.input_tokens, covered);
    if needed > funds.unspent() {
        return None;
    }
    if needed > funds.free() {
        return Some(Stand::Held { needed });
    }
    // Only what is really spent lowers the cap: a client that hits it would ask for the rest.
    let affordable =
        demand.output_affordable(funds.unit, expected.input_tokens, funds.unspent())?;
    let may_cap = demand.bounds.can_cap && funds.may_cap;
    let is_cap_lowered = may_cap && affordable < bound && affordable >= demand.output_floor();
    let cap = match (is_cap_lowered, may_cap && !demand.ends_by_itself()) {
        (true, _) => Some(affordable),
        (false, true) => Some(bound),
        (false, false) => None,
    };
    Some(Stand::Near(Near {
        cap,
        is_cap_lowered,
        covered: Some(covered),
        billed_percent,
        ..Near::whole(expected.input_tokens)
    }))
}

/// A stream that its provider ends at a cap is seen to the end all the same: not every one keeps to it.
fn looked_after(demand: &Demand, stand: Stand) -> Stand {
    match stand {
        Stand::Near(near) if demand.bounds.can_stop && !near.is_alone => {
            let covered = near.covered.or(near.cap).unwrap_or_else(|| demand.output_bound());
            Stand::Near(Near { covered: Some(covered), ..near })
        }
        other => other,
    }
}

/// The provider ends the answer at a cap, so the hold needs no more than prompt and cap.
fn capped(demand: &Demand, funds: &Funds, expected: &Expected, may_cap: bool) -> Stand {
    let input = match demand.is_strict {
        true => demand.bounds.input_tokens_max,
        false => expected.input_tokens,
    };
    let bound = demand.output_bound();
    let whole = Near::whole(input);
    let needed = demand.needed(funds.unit, input, bound);
    if needed <= funds.free() {
        let cap = (may_cap && !demand.ends_by_itself()).then_some(bound);
        return Stand::Near(Near { cap, ..whole });
    }
    if may_cap {
        return lowered(demand, funds, whole);
    }
    if needed <= funds.unspent() {
        return Stand::Held { needed };
    }
    if demand.bounds.can_stop && !demand.is_strict {
        return watched_alone(demand, funds, expected, whole);
    }
    match demand.bounds.output_tokens_max {
        // Its cap holds and may not be lowered: it would pass the limit.
        Some(_) => Stand::Exceeded { needed },
        None => alone(demand, funds, expected),
    }
}

/// With all that is really left, and nobody else there.
fn lowered(demand: &Demand, funds: &Funds, whole: Near) -> Stand {
    let bound = demand.output_bound();
    with_all_left(demand, funds, whole, |cap| Near {
        cap: Some(cap.min(bound)),
        is_cap_lowered: cap < bound,
        ..whole
    })
}

/// A stream whose cap may not be lowered goes alone, and is ended where the money does.
fn watched_alone(demand: &Demand, funds: &Funds, expected: &Expected, whole: Near) -> Stand {
    let bound = demand.output_bound();
    // No more than what it holds; beyond its usual bound it draws.
    let billed_percent = expected.visibility.billed_percent();
    let covering =
        |covered: u64| Near { covered: Some(covered.min(bound)), billed_percent, ..whole };
    with_all_left(demand, funds, whole, covering)
}

/// On the terms of what is left for its answer, where that is worth having and nobody else holds
/// anything.
fn with_all_left(
    demand: &Demand,
    funds: &Funds,
    whole: Near,
    terms: impl FnOnce(u64) -> Near,
) -> Stand {
    let needed = demand.needed(funds.unit, whole.input, demand.output_floor());
    if needed > funds.unspent() {
        return Stand::Exceeded { needed };
    }
    if funds.held > 0 {
        return Stand::Held { needed };
    }
    match demand.output_affordable(funds.unit, whole.input, funds.free()) {
        Some(output) => Stand::Near(terms(output)),
        None => Stand::Exceeded { needed },
    }
}

/// What can neither be bounded nor stopped goes one at a time: over by at most its own cost.
fn alone(demand: &Demand, funds: &Funds, expected: &Expected) -> Stand {
    let input = expected.input_tokens;
    let needed = match demand.is_strict {
        true => demand.needed_at_most(funds.unit, demand.output_bound()),
        false => demand.needed(funds.unit, input, expected.output_tokens),
    };
    if needed > funds.unspent() {
        return Stand::Exceeded { needed };
    }
    if funds.held > 0 {
        return Stand::Held { needed };
    }
    let cap = (demand.bounds.can_cap && funds.may_cap && !demand.ends_by_itself())
        .then_some(demand.bounds.output_tokens_default);
    Stand::Near(Near { cap, is_alone: true, ..Near::whole(input) })
}
