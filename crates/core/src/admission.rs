//! Whether a call may be sent: a pure decision over what its budgets have left.
//!
//! Each admitted call holds its *ceiling*, the most it can be billed, in every budget that applies;
//! `spent + held` can then never pass a hard limit, whatever the concurrency. A request without an
//! output cap is given the affordable one near the limit, so that its ceiling fits.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::budget::{BudgetKind, BudgetUnit};
use crate::cost;
use crate::money::Money;
use crate::price::Price;

/// What a call may consume at the most, known from its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A proven bound on its prompt tokens.
    pub input_tokens_max: u64,
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
}

/// What a call may cost at the most: its bounds at its price.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The price the call will be charged at; `None` when the model has none.
    pub price: Option<Arc<Price>>,
    /// What it may consume.
    pub bounds: Bounds,
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
    /// Send it. `holds[i]` is set aside in budget `i`, in its unit.
    Admit {
        /// One hold a budget, in the order given.
        holds: Vec<i64>,
        /// The output cap to set where the request had none.
        output_cap: Option<u64>,
    },
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

    /// What the call needs in `unit` with `output` tokens at the most; 0 without a price.
    fn needed(&self, unit: BudgetUnit, output: u64) -> i64 {
        match unit {
            BudgetUnit::Usd => self.price.as_deref().map_or(0, |price| {
                cost::ceiling(price, self.bounds.input_tokens_max, output).picodollars()
            }),
            BudgetUnit::Tokens => clamp(self.bounds.input_tokens_max.saturating_add(output)),
            BudgetUnit::Calls => 1,
        }
    }

    /// The largest output whose need in `unit` is at most `available`; `None` when none is.
    fn output_affordable(&self, unit: BudgetUnit, available: i64) -> Option<u64> {
        match unit {
            BudgetUnit::Usd => {
                let price = self.price.as_deref()?;
                let money = Money::from_picodollars(available);
                cost::output_tokens_affordable(price, self.bounds.input_tokens_max, money)
            }
            BudgetUnit::Tokens => {
                u64::try_from(available).ok()?.checked_sub(self.bounds.input_tokens_max)
            }
            BudgetUnit::Calls => (available >= 1).then_some(u64::MAX),
        }
    }
}

/// Decides over one call. Hard budgets are asked in order; the first that cannot pay even with
/// every hold given back refuses, else the first that is short for now makes the call wait.
#[must_use]
pub fn decide(demand: &Demand, budgets: &[Funds]) -> Decision {
    let mut output_cap: Option<u64> = None;
    let mut wait: Option<(usize, i64)> = None;
    for (index, funds) in budgets.iter().enumerate() {
        if funds.kind == BudgetKind::Soft {
            continue;
        }
        match stand(demand, funds) {
            Stand::Fits => {}
            Stand::FitsCapped(cap) => output_cap = Some(output_cap.map_or(cap, |c| c.min(cap))),
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
    if let Some((budget, needed)) = wait {
        return Decision::Wait { budget, needed };
    }
    let output = output_cap.unwrap_or_else(|| demand.output_bound());
    let holds = budgets.iter().map(|funds| demand.needed(funds.unit, output)).collect();
    Decision::Admit { holds, output_cap }
}

/// How one call stands with one hard budget.
enum Stand {
    Fits,
    FitsCapped(u64),
    Held { needed: i64 },
    Exceeded { needed: i64 },
    Unpriced,
}

fn stand(demand: &Demand, funds: &Funds) -> Stand {
    if funds.unit == BudgetUnit::Usd && demand.price.is_none() {
        return if funds.allow_unpriced { Stand::Fits } else { Stand::Unpriced };
    }
    let needed = demand.needed(funds.unit, demand.output_bound());
    let is_bounded_by_tokens = funds.unit != BudgetUnit::Usd || demand.is_by_tokens();
    if needed == 0 && demand.is_free() && funds.unit == BudgetUnit::Usd {
        return Stand::Fits;
    }
    // Pages, hours and tools have no bound here: they pass while anything is left at all.
    if !is_bounded_by_tokens && funds.unspent() <= 0 {
        return Stand::Exceeded { needed };
    }
    let uncapped =
        demand.bounds.output_tokens_max.is_none() && demand.bounds.can_cap && funds.may_cap;
    if needed <= funds.free() {
        let ends_by_itself = demand.bounds.default_is_proven || funds.unit == BudgetUnit::Calls;
        return if uncapped && !ends_by_itself {
            Stand::FitsCapped(demand.bounds.output_tokens_default)
        } else {
            Stand::Fits
        };
    }
    if !uncapped {
        return if needed <= funds.unspent() {
            Stand::Held { needed }
        } else {
            Stand::Exceeded { needed }
        };
    }
    let needed = demand.needed(funds.unit, demand.bounds.output_tokens_floor);
    if needed > funds.unspent() {
        return Stand::Exceeded { needed };
    }
    // A cap cut short by money that others merely hold would make the client ask again for the
    // rest: only what is really spent may lower it.
    if funds.held > 0 {
        return Stand::Held { needed };
    }
    match demand.output_affordable(funds.unit, funds.free()) {
        Some(cap) => Stand::FitsCapped(cap.min(demand.bounds.output_tokens_default)),
        None => Stand::Exceeded { needed },
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

    /// $1 a million prompt tokens, $10 a million generated ones.
    fn price() -> Arc<Price> {
        let rate = |usd: &str| Rate::usd_per(usd, 1_000_000).unwrap().into();
        let units = [(Unit::Input, rate("1")), (Unit::Output, rate("10"))].into_iter().collect();
        Arc::new(Price::new("demo", "demo", PriceOrigin::User, Rates { units, audio_ms_min: 0 }))
    }

    /// 1,000 prompt tokens ($0.001) and up to `output` generated ones.
    fn demand(output: Option<u64>) -> Demand {
        let bounds = Bounds {
            input_tokens_max: 1_000,
            output_tokens_max: output,
            output_tokens_default: 16_384,
            default_is_proven: true,
            output_tokens_floor: 100,
            can_cap: true,
        };
        Demand { price: Some(price()), bounds }
    }

    fn cents(limit: i64, spent: i64, held: i64) -> Funds {
        Funds {
            kind: BudgetKind::Hard,
            unit: BudgetUnit::Usd,
            limit: limit * CENT,
            credits: 0,
            spent: spent * CENT,
            held: held * CENT,
            allow_unpriced: false,
            may_cap: true,
        }
    }

    fn admit(holds: &[i64], output_cap: Option<u64>) -> Decision {
        Decision::Admit { holds: holds.to_vec(), output_cap }
    }

    fn refuse(budget: usize, needed: i64) -> Decision {
        Decision::Refuse { budget, reason: RefusalReason::QuotaExceeded, needed }
    }

    #[test]
    fn capped_requests_fit_wait_or_are_refused() {
        // 900 tokens: $0.001 + $0.009, a cent in all.
        let call = demand(Some(900));
        let soft = Funds { kind: BudgetKind::Soft, ..cents(1, 5, 0) };
        let credits = Funds { credits: CENT, ..cents(5, 5, 0) };
        for (case, budgets, expected) in [
            ("no budget", vec![], admit(&[], None)),
            ("room", vec![cents(5, 3, 1)], admit(&[CENT], None)),
            ("exactly the rest", vec![cents(5, 4, 0)], admit(&[CENT], None)),
            ("used up", vec![cents(5, 5, 0)], refuse(0, CENT)),
            ("overspent", vec![cents(5, 9, 0)], refuse(0, CENT)),
            ("held by others", vec![cents(5, 3, 2)], Decision::Wait { budget: 0, needed: CENT }),
            ("soft never refuses", vec![soft], admit(&[CENT], None)),
            ("a reserve pays", vec![credits], admit(&[CENT], None)),
            ("one of two refuses", vec![cents(9, 0, 0), cents(1, 1, 0)], refuse(1, CENT)),
            ("refusal before waiting", vec![cents(1, 0, 1), cents(1, 1, 0)], refuse(1, CENT)),
            ("all hold", vec![cents(9, 0, 0), cents(8, 0, 0)], admit(&[CENT, CENT], None)),
        ] {
            assert_eq!(decide(&call, &budgets), expected, "{case}");
        }
    }

    #[test]
    fn uncapped_requests_are_bounded_by_what_is_really_left() {
        let floor = demand(Some(100)).ceiling().unwrap().picodollars();
        let never = Funds { may_cap: false, ..cents(5, 0, 0) };
        for (case, budgets, expected) in [
            // 4 cents less the prompt pay for 3,900 tokens.
            ("cap", vec![cents(5, 1, 0)], admit(&[4 * CENT], Some(3_900))),
            ("far away", vec![cents(500, 0, 0)], admit(&[164_840_000_000], None)),
            (
                "tightest cap",
                vec![cents(5, 1, 0), cents(3, 0, 0)],
                admit(&[3 * CENT, 3 * CENT], Some(2_900)),
            ),
            ("held by others", vec![cents(5, 1, 1)], Decision::Wait { budget: 0, needed: floor }),
            ("below the floor", vec![cents(5, 5, 0)], refuse(0, floor)),
            ("must not cap", vec![never], refuse(0, 164_840_000_000)),
        ] {
            assert_eq!(decide(&demand(None), &budgets), expected, "{case}");
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
            (allowed, admit(&[0], None)),
            (soft, admit(&[0], None)),
            (tokens, admit(&[1_900], None)),
            (calls, admit(&[1], None)),
            (Funds { spent: 1, ..calls }, refuse(0, 1)),
        ] {
            assert_eq!(decide(&unpriced, &[budget]), expected, "{budget:?}");
        }
    }

    #[test]
    fn a_default_that_the_model_may_pass_is_set_as_a_cap() {
        let bounds = Bounds { default_is_proven: false, ..demand(None).bounds };
        let call = Demand { bounds, ..demand(None) };
        let hold = 164_840_000_000;
        assert_eq!(decide(&call, &[cents(500, 0, 0)]), admit(&[hold], Some(16_384)));
        assert_eq!(decide(&call, &[cents(5, 1, 0)]), admit(&[4 * CENT], Some(3_900)));
        assert_eq!(decide(&call, &[]), admit(&[], None));
        let soft = Funds { kind: BudgetKind::Soft, ..cents(500, 0, 0) };
        assert_eq!(decide(&call, &[soft]), admit(&[hold], None));
    }

    #[test]
    fn what_no_token_bounds_is_refused_once_the_budget_is_used_up() {
        let pages = [(Unit::Pages, Rate::usd_per("4", 1_000).unwrap().into())];
        let rates = Rates { units: pages.into_iter().collect(), audio_ms_min: 0 };
        let price = Arc::new(Price::new("mistral", "ocr", PriceOrigin::User, rates));
        let call = Demand { price: Some(price), ..demand(None) };
        assert_eq!(decide(&call, &[cents(5, 4, 0)]), admit(&[0], None));
        assert_eq!(decide(&call, &[cents(5, 5, 0)]), refuse(0, 0));
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
        assert_eq!(decide(&call, &[cents(5, 5, 0)]), admit(&[0], None));
    }
}
