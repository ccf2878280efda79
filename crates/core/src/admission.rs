//! Whether a call may be sent: a pure decision over what its budgets have left.
//!
//! Far from a limit (*green*) a call holds its *ceiling*, the most it can be billed, in every budget
//! that applies: `spent + held` can then never pass a hard limit, whatever the concurrency. Where
//! ceilings do not fit, most calls would still cost little (*amber*): what can be stopped or capped
//! holds less, and is stopped or capped. Where not even that fits (*red*), a call waits for what
//! running calls give back, or is refused because nothing they give back would do.
//!
//! `docs/decisions/0008-green-amber-red.md` has the cases that led to these rules.

mod expected;
mod near;

use std::cell::Cell;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use expected::FRAME_TOKENS;
pub use expected::{Expected, History, Sample, Visibility};

use crate::budget::{BudgetKind, BudgetUnit};
use crate::cost;
use crate::money::Money;
use crate::price::Price;
use near::{Near, Stand, stand};

/// What a call may consume at the most, known from its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A proven bound on its prompt tokens.
    pub input_tokens_max: u64,
    /// What its prompt is taken for before anything is known of its model, in tokens.
    pub input_tokens_usual: u64,
    /// The output cap of the request over all its choices; `None` when it has none.
    pub output_tokens_max: Option<u64>,
    /// The bound where the request has none: the model's own maximum, else a usual one.
    pub output_tokens_default: u64,
    /// Whether the model itself ends at `output_tokens_default`. Where it may not, a cap is set
    /// under any hard budget.
    pub default_is_proven: bool,
    /// The least output cap that is still useful (above a thinking budget).
    pub output_tokens_floor: u64,
    /// Whether a cap can be set: the dialect has a field for it and the request has one choice.
    pub can_cap: bool,
    /// Whether its answer is seen as it is generated and can be ended in its dialect's form.
    pub can_stop: bool,
    /// Whether tokens bound what it is billed: no server-side tools, media or work out of sight.
    pub is_bounded: bool,
}

/// What a call may cost at the most: its bounds at its price.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The price the call will be charged at; `None` when the model has none.
    pub price: Option<Arc<Price>>,
    /// What it may consume.
    pub bounds: Bounds,
    /// Near a limit nothing passes that has no proven bound.
    pub is_strict: bool,
}

/// One budget that applies, with its current period's counters. Counts are in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// Soft budgets never refuse, but hold and count like hard ones.
    pub kind: BudgetKind,
    /// The unit of the counts.
    pub unit: BudgetUnit,
    /// The period's limit, with raises.
    pub limit: i64,
    /// What a top-up reserve adds to the limit in this period.
    pub credits: i64,
    /// Settled in this period.
    pub spent: i64,
    /// Held by calls that are running.
    pub held: i64,
    /// Whether one of those is a call whose cost nobody can bound.
    pub has_unbounded: bool,
    /// Whether a model without a price may pass.
    pub allow_unpriced: bool,
    /// Whether an output cap may be set for this budget's sake.
    pub may_cap: bool,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// A hard budget cannot pay for it.
    QuotaExceeded,
    /// The account's prepaid credit is gone.
    BalanceEmpty,
    /// A hard budget applies and the model has no price.
    UnpricedModel,
    /// The same work again and again.
    LoopDetected,
    /// The money is held by running calls and none came back in time.
    BudgetBusy,
}

/// What is done with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send it.
    Admit(Admit),
    /// Running calls hold what it needs in budget `budget` and may give it back.
    Wait {
        /// Index of the budget.
        budget: usize,
        /// What it needs there, in the budget's unit.
        needed: i64,
    },
    /// Do not send it.
    Refuse {
        /// Index of the budget that stops it.
        budget: usize,
        /// Why.
        reason: RefusalReason,
        /// What it needs there, in the budget's unit; 0 where unknown.
        needed: i64,
    },
}

/// The terms on which a call is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admit {
    /// What is set aside, one hold a budget, in the order given and in its unit.
    pub holds: Vec<i64>,
    /// The output cap to set on the request.
    pub output_cap: Option<u64>,
    /// Whether a limit set that cap, and not merely the lack of one: who hits it has no money left.
    pub is_cap_lowered: bool,
    /// The prompt tokens that the holds pay for.
    pub input_tokens: u64,
    /// The generated tokens that the holds pay for, where it may generate more: it has to draw
    /// more money as it goes, or be ended. `None`: the holds cover all it may do.
    pub covered: Option<u64>,
    /// Tokens that it is taken to be billed for each hundred that show as it goes.
    pub billed_percent: u64,
}

/// How one budget looked at one call, for explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// What the call needs there at the least, in the budget's unit.
    pub needed: i64,
    /// What the budget said.
    pub verdict: Verdict,
}

/// What one budget says to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It counts and never refuses: soft, paused or bypassed.
    NeverRefuses,
    /// The most the call can cost fits.
    Fits,
    /// What the call is expected to cost fits; it is capped or watched.
    FitsWatched,
    /// Running calls hold what it needs.
    Held,
    /// What is left would not do even if every hold came back.
    Exceeded,
    /// The model has no price.
    Unpriced,
}

impl RefusalReason {
    /// The text in `reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RefusalReason::QuotaExceeded => "quota_exceeded",
            RefusalReason::BalanceEmpty => "balance_empty",
            RefusalReason::UnpricedModel => "unpriced_model",
            RefusalReason::LoopDetected => "loop_detected",
            RefusalReason::BudgetBusy => "budget_busy",
        }
    }

    /// The text in `error.code`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            RefusalReason::QuotaExceeded => "budget_exceeded",
            other => other.as_str(),
        }
    }
}

impl Funds {
    /// All that the period may spend.
    #[must_use]
    pub fn cap(&self) -> i64 {
        self.limit.saturating_add(self.credits)
    }

    /// What is left when every hold is used up; may be negative.
    #[must_use]
    pub fn free(&self) -> i64 {
        self.unspent().saturating_sub(self.held)
    }

    /// What would be left if every running call gave its hold back; may be negative.
    #[must_use]
    pub fn unspent(&self) -> i64 {
        self.cap().saturating_sub(self.spent)
    }
}

impl Demand {
    /// The most the call can be billed with the output cap it came with, in US dollars; `None`
    /// without a price.
    #[must_use]
    pub fn ceiling(&self) -> Option<Money> {
        let price = self.price.as_deref()?;
        Some(cost::ceiling(price, self.bounds.input_tokens_max, self.output_bound()))
    }

    /// What the call needs in `unit` for `input` prompt tokens and `output` generated ones; 0
    /// without a price.
    #[must_use]
    pub fn needed(&self, unit: BudgetUnit, input: u64, output: u64) -> i64 {
        match unit {
            BudgetUnit::Usd => self
                .price
                .as_deref()
                .map_or(0, |price| cost::ceiling(price, input, output).picodollars()),
            BudgetUnit::Tokens => clamp(input.saturating_add(output)),
            BudgetUnit::Calls => 1,
        }
    }

    /// Whether what the call needs in a budget of `unit` is the most that it can be charged there, or
    /// can be made so. `may_cap`: whether an output cap may be set for that budget's sake.
    #[must_use]
    pub fn is_bounded(&self, unit: BudgetUnit, may_cap: bool) -> bool {
        let Bounds { can_cap, can_stop, .. } = self.bounds;
        let is_ended = self.ends_by_itself() || can_stop || (can_cap && may_cap);
        unit == BudgetUnit::Calls || (is_ended && self.is_told_by_tokens(unit))
    }

    /// Whether tokens tell what the call is charged in a budget of `unit`.
    fn is_told_by_tokens(&self, unit: BudgetUnit) -> bool {
        match unit {
            BudgetUnit::Usd => self.bounds.is_bounded && self.is_by_tokens(),
            BudgetUnit::Tokens => self.bounds.is_bounded,
            BudgetUnit::Calls => true,
        }
    }

    /// Whether the call, where it has to wait, waits for others that nobody can bound and not for
    /// money: the most that it is thought to cost is free.
    #[must_use]
    pub fn waits_for_its_like(&self, funds: &Funds) -> bool {
        let needed = self.needed_at_most(funds.unit, self.output_bound());
        !self.is_bounded(funds.unit, funds.may_cap) && needed <= funds.free()
    }

    /// Whether nothing at all is charged.
    fn is_free(&self) -> bool {
        self.price.as_deref().is_some_and(|price| price.rates.is_free())
    }

    /// Whether bounds in tokens bound the cost.
    fn is_by_tokens(&self) -> bool {
        self.price.as_deref().is_none_or(|price| price.rates.is_by_tokens())
    }

    fn output_bound(&self) -> u64 {
        self.bounds.output_tokens_max.unwrap_or(self.bounds.output_tokens_default)
    }

    /// The least output that is still useful; a request that asks for less gets that.
    fn output_floor(&self) -> u64 {
        self.bounds.output_tokens_floor.min(self.output_bound())
    }

    fn needed_at_most(&self, unit: BudgetUnit, output: u64) -> i64 {
        self.needed(unit, self.bounds.input_tokens_max, output)
    }

    /// The largest output whose need in `unit` is at most `available`; `None` when none is.
    pub(crate) fn output_affordable(
        &self,
        unit: BudgetUnit,
        input: u64,
        available: i64,
    ) -> Option<u64> {
        match unit {
            BudgetUnit::Usd => {
                let price = self.price.as_deref()?;
                let money = Money::from_picodollars(available);
                cost::output_tokens_affordable(price, input, money)
            }
            BudgetUnit::Tokens => u64::try_from(available).ok()?.checked_sub(input),
            BudgetUnit::Calls => (available >= 1).then_some(u64::MAX),
        }
    }
}

/// Decides over one call. Hard budgets are asked in order; the first that cannot pay even with
/// every hold given back refuses, else the first that is short for now makes the call wait.
/// `expected` is asked only where a ceiling does not fit, or nobody ends the call but us.
#[must_use]
pub fn decide(
    demand: &Demand,
    budgets: &[Funds],
    expected: &mut dyn FnMut() -> Expected,
) -> Decision {
    let mut wait: Option<(usize, i64)> = None;
    let mut terms = Terms::default();
    let most = Most::new(demand);
    for (index, funds) in budgets.iter().enumerate() {
        match stand(demand, funds, &most, expected) {
            Stand::NeverRefuses => {}
            Stand::Fits => terms.is_bounded |= funds.unit != BudgetUnit::Calls,
            Stand::FitsCapped(cap) => terms.caps(cap, false),
            Stand::Near(near) | Stand::FitsBeside(near) => terms.take(index, near),
            Stand::Held { needed } => wait = wait.or(Some((index, needed))),
            Stand::Unpriced => {
                let reason = RefusalReason::UnpricedModel;
                return Decision::Refuse { budget: index, reason, needed: 0 };
            }
            Stand::Exceeded { needed } => {
                let reason = RefusalReason::QuotaExceeded;
                return Decision::Refuse { budget: index, reason, needed };
            }
        }
    }
    match wait {
        Some((budget, needed)) => Decision::Wait { budget, needed },
        None => Decision::Admit(terms.admit(demand, budgets, &most, expected)),
    }
}

/// How one budget looks at the call, for explanations.
#[must_use]
pub fn look(demand: &Demand, funds: &Funds, expected: &mut dyn FnMut() -> Expected) -> Look {
    let most = demand.needed_at_most(funds.unit, demand.output_bound());
    let (needed, verdict) = match stand(demand, funds, &Most::new(demand), expected) {
        Stand::NeverRefuses => (most, Verdict::NeverRefuses),
        Stand::Fits => (most, Verdict::Fits),
        Stand::FitsCapped(cap) => (demand.needed_at_most(funds.unit, cap), Verdict::Fits),
        Stand::FitsBeside(near) => (near.hold(demand, funds, near.cap), Verdict::Fits),
        Stand::Near(near) => (near.hold(demand, funds, near.cap), Verdict::FitsWatched),
        Stand::Held { needed } => (needed, Verdict::Held),
        Stand::Exceeded { needed } => (needed, Verdict::Exceeded),
        Stand::Unpriced => (0, Verdict::Unpriced),
    };
    Look { needed, verdict }
}

/// What a call needs at the most. Its budgets ask the same, and ceilings are much of what a decision
/// costs.
struct Most<'a> {
    demand: &'a Demand,
    /// Generated tokens, and picodollars for them.
    known: Cell<Option<(u64, i64)>>,
}

impl Most<'_> {
    fn new(demand: &Demand) -> Most<'_> {
        Most { demand, known: Cell::new(None) }
    }

    fn needed(&self, unit: BudgetUnit, output: u64) -> i64 {
        match self.known.get() {
            Some((known, needed)) if known == output && unit == BudgetUnit::Usd => needed,
            _ => {
                let needed = self.demand.needed_at_most(unit, output);
                if unit == BudgetUnit::Usd {
                    self.known.set(Some((output, needed)));
                }
                needed
            }
        }
    }
}

/// What all budgets together ask of the call.
#[derive(Default)]
struct Terms {
    cap: Option<u64>,
    is_cap_lowered: bool,
    near: Vec<(usize, Near)>,
    /// Whether a hard budget's hold relies on what the call may generate at the most.
    is_bounded: bool,
}

impl Terms {
    fn caps(&mut self, cap: u64, by_limit: bool) {
        if self.cap.is_none_or(|known| cap < known) {
            self.cap = Some(cap);
            self.is_cap_lowered = by_limit;
        }
    }

    fn take(&mut self, index: usize, near: Near) {
        if let Some(cap) = near.cap {
            self.caps(cap, near.is_cap_lowered);
        }
        self.near.push((index, near));
    }

    fn admit(
        self,
        demand: &Demand,
        budgets: &[Funds],
        most: &Most<'_>,
        expected: &mut dyn FnMut() -> Expected,
    ) -> Admit {
        let output = self.cap.unwrap_or_else(|| demand.output_bound());
        let hold = |(index, funds): (usize, &Funds)| match self
            .near
            .iter()
            .find(|(near, _)| *near == index)
        {
            Some((_, near)) => near.hold(demand, funds, self.cap),
            None => most.needed(funds.unit, output),
        };
        let is_ended_by_provider = self.cap.is_some() || demand.ends_by_itself();
        let covered = self.near.iter().filter_map(|(_, near)| near.covered).min();
        // A stream that nobody else ends is watched even where all that is usual fits.
        let is_open = self.is_bounded && demand.bounds.can_stop && !is_ended_by_provider;
        let covered = covered.or(is_open.then_some(output));
        Admit {
            holds: budgets.iter().enumerate().map(hold).collect(),
            output_cap: self.cap,
            is_cap_lowered: self.is_cap_lowered,
            input_tokens: self
                .near
                .iter()
                .map(|(_, near)| near.input)
                .min()
                .unwrap_or(demand.bounds.input_tokens_max),
            covered,
            billed_percent: self
                .near
                .iter()
                .map(|(_, near)| near.billed_percent)
                .chain(is_open.then(|| expected().visibility.billed_percent()))
                .max()
                .unwrap_or(100),
        }
    }
}

impl Demand {
    /// Whether the provider ends the answer at its bound without our doing.
    fn ends_by_itself(&self) -> bool {
        self.bounds.output_tokens_max.is_some() || self.bounds.default_is_proven
    }
}

fn clamp(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Rate;
    use crate::price::{PriceOrigin, Rates, Unit};

    /// Picodollars in a cent.
    const CENT: i64 = 10_000_000_000;
    /// Picodollars of a thousand prompt tokens, and of a hundred generated ones.
    const TENTH: i64 = CENT / 10;

    /// Half the prompt's bound ($0.0005) and 300 tokens ($0.003): a stream holds 464 tokens.
    const EXPECTED: Expected = Expected {
        input_tokens: 500,
        output_tokens: 300,
        visibility: Visibility::Clear { billed_percent: 100 },
    };

    /// $1 a million prompt tokens, $10 a million generated ones.
    fn price() -> Arc<Price> {
        let rate = |usd: &str| Rate::usd_per(usd, 1_000_000).unwrap().into();
        let units = [(Unit::Input, rate("1")), (Unit::Output, rate("10"))].into_iter().collect();
        Arc::new(Price::new("demo", "demo", PriceOrigin::User, Rates { units, audio_ms_min: 0 }))
    }

    /// Up to 1,000 prompt tokens ($0.001) and up to `output` generated ones, in one document.
    fn demand(output: Option<u64>) -> Demand {
        let bounds = Bounds {
            input_tokens_max: 1_000,
            input_tokens_usual: 500,
            output_tokens_max: output,
            output_tokens_default: 16_384,
            default_is_proven: true,
            output_tokens_floor: 100,
            can_cap: true,
            can_stop: false,
            is_bounded: true,
        };
        Demand { price: Some(price()), bounds, is_strict: false }
    }

    fn with(demand: &Demand, change: impl FnOnce(&mut Bounds)) -> Demand {
        let mut bounds = demand.bounds;
        change(&mut bounds);
        Demand { bounds, ..demand.clone() }
    }

    fn cents(limit: i64, spent: i64, held: i64) -> Funds {
        Funds {
            kind: BudgetKind::Hard,
            unit: BudgetUnit::Usd,
            limit: limit * CENT,
            credits: 0,
            spent: spent * CENT,
            held: held * CENT,
            has_unbounded: false,
            allow_unpriced: false,
            may_cap: true,
        }
    }

    fn asked(demand: &Demand, budgets: &[Funds]) -> Decision {
        decide(demand, budgets, &mut || EXPECTED)
    }

    fn green(holds: &[i64], output_cap: Option<u64>) -> Decision {
        Decision::Admit(Admit {
            holds: holds.to_vec(),
            output_cap,
            is_cap_lowered: false,
            input_tokens: 1_000,
            covered: None,
            billed_percent: 100,
        })
    }

    fn amber(holds: &[i64], cap: Option<u64>, covered: Option<u64>) -> Decision {
        Decision::Admit(Admit {
            holds: holds.to_vec(),
            output_cap: cap,
            is_cap_lowered: cap.is_some(),
            input_tokens: 500,
            covered,
            billed_percent: 100,
        })
    }

    fn wait(budget: usize, needed: i64) -> Decision {
        Decision::Wait { budget, needed }
    }

    fn refuse(budget: usize, needed: i64) -> Decision {
        Decision::Refuse { budget, reason: RefusalReason::QuotaExceeded, needed }
    }

    #[test]
    fn what_fits_at_its_most_is_held_at_its_most() {
        // 900 tokens: $0.001 + $0.009, a cent in all.
        let call = demand(Some(900));
        let soft = Funds { kind: BudgetKind::Soft, ..cents(1, 5, 0) };
        let credits = Funds { credits: CENT, ..cents(5, 5, 0) };
        for (case, budgets, expected) in [
            ("no budget", vec![], green(&[], None)),
            ("room", vec![cents(5, 3, 1)], green(&[CENT], None)),
            ("exactly the rest", vec![cents(5, 4, 0)], green(&[CENT], None)),
            ("used up exactly", vec![cents(5, 5, 0)], refuse(0, CENT)),
            ("overspent", vec![cents(5, 9, 0)], refuse(0, CENT)),
            ("soft never refuses", vec![soft], green(&[CENT], None)),
            ("a reserve pays", vec![credits], green(&[CENT], None)),
            ("one of two refuses", vec![cents(9, 0, 0), cents(1, 1, 0)], refuse(1, CENT)),
            ("refusal before waiting", vec![cents(1, 0, 1), cents(1, 1, 0)], refuse(1, CENT)),
            ("all hold", vec![cents(9, 0, 0), cents(8, 0, 0)], green(&[CENT, CENT], None)),
        ] {
            assert_eq!(asked(&call, &budgets), expected, "{case}");
        }
    }

    #[test]
    fn documents_near_a_limit_hold_prompt_and_cap() {
        let call = demand(Some(900));
        let half = Funds { spent: 4 * CENT + TENTH, ..cents(5, 0, 0) };
        let fixed = with(&call, |bounds| bounds.can_cap = false);
        let never = |funds: Funds| Funds { may_cap: false, ..funds };
        let strict = Demand { is_strict: true, ..call.clone() };
        // The prompt's estimate and the floor of 100 tokens: $0.0015.
        let short = demand(Some(50));
        let floor = TENTH + TENTH / 2;
        for (case, call, budget, expected) in [
            ("held by others", &call, cents(5, 3, 2), wait(0, floor)),
            // 0.9 cents are left: $0.0005 and 850 tokens.
            ("the cap is lowered", &call, half, amber(&[9 * TENTH], Some(850), None)),
            ("not while others hold", &call, Funds { held: 1, ..half }, wait(0, floor)),
            ("not in a signed body", &fixed, half, refuse(0, 95 * TENTH / 10)),
            ("not where it is forbidden", &call, never(half), refuse(0, 95 * TENTH / 10)),
            (
                "strict insists on the prompt's bound",
                &strict,
                half,
                Decision::Admit(Admit {
                    holds: vec![9 * TENTH],
                    output_cap: Some(800),
                    is_cap_lowered: true,
                    input_tokens: 1_000,
                    covered: None,
                    billed_percent: 100,
                }),
            ),
            ("below the floor", &call, Funds { limit: TENTH, ..cents(0, 0, 0) }, refuse(0, floor)),
            (
                "a request that asks for less than the floor",
                &short,
                Funds { limit: 12 * TENTH / 10, held: TENTH / 2, ..cents(0, 0, 0) },
                wait(0, TENTH),
            ),
            (
                "the estimate fits, the bound does not",
                &fixed,
                Funds { limit: 96 * TENTH / 10, ..cents(0, 0, 0) },
                amber(&[95 * TENTH / 10], None, None),
            ),
        ] {
            assert_eq!(asked(call, &[budget]), expected, "{case}");
        }
    }

    #[test]
    fn streams_near_a_limit_hold_what_is_expected_and_are_watched() {
        let stream = with(&demand(Some(900)), |bounds| bounds.can_stop = true);
        let open = with(&demand(None), |bounds| bounds.can_stop = true);
        let fixed = with(&stream, |bounds| bounds.can_cap = false);
        let unproven = with(&open, |bounds| bounds.default_is_proven = false);
        // $0.0005 and 464 tokens.
        let hold = TENTH / 2 + 464 * TENTH / 100;
        let floor = TENTH + TENTH / 2;
        let left = |tenths: i64| Funds { limit: tenths * TENTH, ..cents(0, 0, 0) };
        for (case, call, budget, expected) in [
            ("others hold the rest", &stream, cents(5, 0, 5), wait(0, hold)),
            (
                "far more is unspent",
                &stream,
                Funds { held: 44 * TENTH, ..cents(5, 0, 0) },
                amber(&[hold], None, Some(464)),
            ),
            (
                "its cap follows what is spent",
                &stream,
                left(9),
                amber(&[hold], Some(850), Some(464)),
            ),
            ("it gets a cap", &open, cents(5, 1, 0), amber(&[hold], Some(3_950), Some(464))),
            (
                "one that the model would pass is no limit's doing",
                &unproven,
                Funds { held: 495 * CENT, ..cents(500, 0, 0) },
                Decision::Admit(Admit {
                    holds: vec![hold],
                    output_cap: Some(16_384),
                    is_cap_lowered: false,
                    input_tokens: 500,
                    covered: Some(464),
                    billed_percent: 100,
                }),
            ),
            (
                "less than expected is left",
                &stream,
                left(4),
                amber(&[4 * TENTH], Some(350), Some(350)),
            ),
            ("and its cap is fixed", &fixed, left(4), amber(&[4 * TENTH], None, Some(350))),
            ("and others hold of it", &fixed, Funds { held: 1, ..left(4) }, wait(0, floor)),
            ("nothing useful is left", &fixed, left(1), refuse(0, floor)),
        ] {
            assert_eq!(asked(call, &[budget]), expected, "{case}");
        }
    }

    #[test]
    fn streams_are_believed_as_far_as_their_model_showed_what_it_was_billed_for() {
        let stream = with(&demand(Some(900)), |bounds| bounds.can_stop = true);
        let open = with(&demand(None), |bounds| bounds.can_stop = true);
        let fixed = with(&stream, |bounds| bounds.can_cap = false);
        let uncapped = with(&open, |bounds| {
            (bounds.can_cap, bounds.default_is_proven) = (false, false);
        });
        let dense = Visibility::Clear { billed_percent: 150 };
        let (unknown, hidden) = (Visibility::Unknown, Visibility::Hidden);
        let (tranche, whole) = (TENTH / 2 + 464 * TENTH / 100, TENTH / 2 + 9 * TENTH);
        let floor = TENTH + TENTH / 2;
        let left = |limit: i64| Funds { limit, ..cents(0, 0, 0) };
        let nine = left(9 * TENTH);
        let others_hold = Funds { held: 1, ..nine };
        let watched = |hold: i64, cap, covered, billed_percent| {
            Decision::Admit(Admit {
                holds: vec![hold],
                output_cap: cap,
                is_cap_lowered: cap.is_some(),
                input_tokens: 500,
                covered: Some(covered),
                billed_percent,
            })
        };
        let all = 9 * TENTH;
        for (case, call, budget, visibility, expected) in [
            ("dense text", &stream, nine, dense, watched(tranche, Some(850), 464, 150)),
            ("hidden", &stream, nine, hidden, watched(all, Some(850), 850, 100)),
            ("unknown", &stream, nine, unknown, watched(all, Some(850), 850, 100)),
            ("and others hold", &stream, others_hold, hidden, wait(0, floor)),
            ("its own cap fits", &fixed, left(CENT), hidden, green(&[CENT], None)),
            ("by the estimate", &fixed, left(whole), hidden, watched(whole, None, 900, 100)),
            ("it does not", &fixed, nine, unknown, watched(all, None, 850, 100)),
            ("it does not, and is hidden", &fixed, nine, hidden, watched(all, None, 850, 200)),
            ("without a cap", &open, others_hold, hidden, wait(0, floor)),
            ("only we end it", &uncapped, nine, hidden, watched(all, None, 850, 200)),
        ] {
            let expecting = Expected { visibility, ..EXPECTED };
            assert_eq!(decide(call, &[budget], &mut || expecting), expected, "{case}");
        }
    }

    #[test]
    fn what_can_be_neither_bounded_nor_stopped_goes_alone() {
        let searches = with(&demand(None), |bounds| bounds.is_bounded = false);
        let open = with(&demand(None), |bounds| {
            (bounds.can_cap, bounds.default_is_proven) = (false, false);
        });
        let visible = with(&open, |bounds| bounds.can_stop = true);
        let expected_cost = TENTH / 2 + 3 * TENTH;
        let most = 164_840_000_000;
        let strict = Demand { is_strict: true, ..searches.clone() };
        for (case, call, budget, expected) in [
            ("with room", &searches, cents(50, 0, 0), green(&[most], None)),
            ("near", &searches, cents(5, 1, 0), amber(&[4 * CENT], None, None)),
            ("behind others", &searches, cents(5, 1, 1), wait(0, expected_cost)),
            (
                "too little",
                &searches,
                Funds { limit: TENTH, ..cents(0, 0, 0) },
                refuse(0, expected_cost),
            ),
            ("strict", &strict, cents(5, 1, 0), refuse(0, most)),
            ("strict, and others hold what it needs", &strict, cents(17, 0, 1), wait(0, most)),
            ("no cap can be set", &open, cents(5, 1, 0), amber(&[4 * CENT], None, None)),
            (
                "but it can be stopped",
                &visible,
                Funds { limit: 4 * TENTH, ..cents(0, 0, 0) },
                amber(&[4 * TENTH], None, Some(350)),
            ),
            (
                "and is watched where its bound has room",
                &visible,
                cents(50, 0, 0),
                Decision::Admit(Admit {
                    holds: vec![most],
                    output_cap: None,
                    is_cap_lowered: false,
                    input_tokens: 1_000,
                    covered: Some(16_384),
                    billed_percent: 100,
                }),
            ),
        ] {
            assert_eq!(asked(call, &[budget]), expected, "{case}");
        }
    }

    #[test]
    fn what_nobody_can_bound_goes_beside_its_like_with_room_for_more_than_it_may_cost() {
        let searches = with(&demand(Some(900)), |bounds| bounds.is_bounded = false);
        let uncapped = with(&searches, |bounds| {
            (bounds.output_tokens_max, bounds.output_tokens_default) = (None, 900);
            bounds.default_is_proven = false;
        });
        let text = demand(Some(900));
        let beside = |funds: Funds| Funds { has_unbounded: true, ..funds };
        let calls = Funds { unit: BudgetUnit::Calls, limit: 9, held: 1, ..cents(0, 0, 0) };
        let tokens = Funds { unit: BudgetUnit::Tokens, limit: 9_000, held: 1, ..cents(0, 0, 0) };
        for (case, call, budget, expected) in [
            ("the first one", &searches, cents(2, 0, 1), green(&[CENT], None)),
            ("room for four", &searches, beside(cents(5, 0, 1)), green(&[4 * CENT], None)),
            ("and a cap", &uncapped, beside(cents(5, 0, 1)), green(&[4 * CENT], Some(900))),
            ("room for less", &searches, beside(cents(5, 1, 1)), wait(0, CENT)),
            ("no room", &searches, beside(cents(5, 0, 5)), wait(0, TENTH / 2 + 3 * TENTH)),
            ("what is bounded", &text, beside(cents(5, 1, 3)), green(&[CENT], None)),
            ("a call is a call", &searches, beside(calls), green(&[1], None)),
            ("in tokens", &searches, beside(tokens), green(&[7_600], None)),
        ] {
            assert_eq!(asked(call, &[budget]), expected, "{case}");
        }
    }

    #[test]
    fn several_budgets_agree_on_one_cap_and_hold_by_it() {
        let tokens =
            Funds { unit: BudgetUnit::Tokens, limit: 3_000, spent: 0, held: 0, ..cents(0, 0, 0) };
        let calls =
            Funds { unit: BudgetUnit::Calls, limit: 1, spent: 0, held: 0, ..cents(0, 0, 0) };
        for (case, budgets, expected) in [
            (
                "the tightest cap",
                vec![cents(5, 1, 0), cents(3, 0, 0)],
                amber(&[2_950 * TENTH / 100 + TENTH / 2, 3 * CENT], Some(2_950), None),
            ),
            (
                "money and tokens",
                vec![cents(5, 1, 0), tokens],
                amber(&[2_500 * TENTH / 100 + TENTH / 2, 3_000], Some(2_500), None),
            ),
            ("a call is a call", vec![calls], green(&[1], None)),
            ("the only one is held", vec![Funds { held: 1, ..calls }], wait(0, 1)),
            ("there is none", vec![Funds { spent: 1, ..calls }], refuse(0, 1)),
        ] {
            assert_eq!(asked(&demand(None), &budgets), expected, "{case}");
        }
    }

    #[test]
    fn models_without_a_price_are_refused_by_hard_money_budgets_only() {
        let unpriced = Demand { price: None, ..demand(Some(900)) };
        let reason = RefusalReason::UnpricedModel;
        let tokens = Funds { unit: BudgetUnit::Tokens, limit: 2_000, ..cents(0, 0, 0) };
        let calls = Funds { unit: BudgetUnit::Calls, limit: 1, ..cents(0, 0, 0) };
        let allowed = Funds { allow_unpriced: true, ..cents(5, 0, 0) };
        let soft = Funds { kind: BudgetKind::Soft, ..cents(5, 0, 0) };
        for (budget, expected) in [
            (cents(5, 0, 0), Decision::Refuse { budget: 0, reason, needed: 0 }),
            (allowed, green(&[0], None)),
            (soft, green(&[0], None)),
            (tokens, green(&[1_900], None)),
            (calls, green(&[1], None)),
            (Funds { spent: 1, ..calls }, refuse(0, 1)),
        ] {
            assert_eq!(asked(&unpriced, &[budget]), expected, "{budget:?}");
        }
    }

    #[test]
    fn a_default_that_the_model_may_pass_is_set_as_a_cap() {
        let call = with(&demand(None), |bounds| bounds.default_is_proven = false);
        let hold = 164_840_000_000;
        assert_eq!(asked(&call, &[cents(500, 0, 0)]), green(&[hold], Some(16_384)));
        assert_eq!(asked(&call, &[cents(5, 1, 0)]), amber(&[4 * CENT], Some(3_950), None));
        assert_eq!(asked(&call, &[]), green(&[], None));
        let soft = Funds { kind: BudgetKind::Soft, ..cents(500, 0, 0) };
        assert_eq!(asked(&call, &[soft]), green(&[hold], None));
    }

    #[test]
    fn what_no_token_bounds_goes_alone_until_the_budget_is_used_up() {
        let pages = [(Unit::Pages, Rate::usd_per("4", 1_000).unwrap().into())];
        let rates = Rates { units: pages.into_iter().collect(), audio_ms_min: 0 };
        let price = Arc::new(Price::new("mistral", "ocr", PriceOrigin::User, rates));
        let call = Demand { price: Some(price), ..demand(None) };
        assert_eq!(asked(&call, &[cents(5, 4, 0)]), green(&[0], None));
        assert_eq!(asked(&call, &[cents(5, 5, 0)]), refuse(0, 0));
    }

    #[test]
    fn what_costs_nothing_passes_a_budget_that_is_used_up() {
        let free = Arc::new(Price::new(
            "ollama",
            "llama",
            PriceOrigin::User,
            Rates {
                units: [(Unit::Input, Rate::FREE.into())].into_iter().collect(),
                audio_ms_min: 0,
            },
        ));
        let call = Demand { price: Some(free), ..demand(None) };
        assert_eq!(asked(&call, &[cents(5, 5, 0)]), green(&[0], None));
    }
}
