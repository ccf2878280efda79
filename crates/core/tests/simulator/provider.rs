//! A simulated provider: it knows what each call really consumes, and ends it at its cap, at our
//! end or by itself.

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::admission::Bounds;
use outlay_core::budget::BudgetUnit;
use outlay_core::cost::{Metered, bill};
use outlay_core::ledger::{Drawn, Ledger, Reservation, Settlement};
use outlay_core::usage::Usage;

use crate::schedule::{BELIEVED_PERCENT, BudgetPlan, CallPlan};

/// Tokens that an answer is taken to have at the most where nobody says.
pub(crate) const OUTPUT_DEFAULT: u64 = 1_000;
/// Picodollars of a prompt token: $2 a million.
pub(crate) const INPUT_PICO: i64 = 2_000_000;
/// Picodollars of a generated token: $10 a million.
pub(crate) const OUTPUT_PICO: i64 = 10_000_000;

/// A call that the provider serves.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) plan: CallPlan,
    pub(crate) reservation: Reservation,
    /// Where the provider ends it; `None`: nowhere.
    pub(crate) cap: Option<u64>,
    /// Whether its holds pay for all up to there: nothing is told by what shows.
    is_paid_to_its_cap: bool,
    /// What it has generated so far, where it is a stream.
    pub(crate) generated: u64,
    /// How much of what it generates shows.
    pub(crate) shown_percent: u64,
    /// How much of that came after it was last paid for.
    pub(crate) unpaid: u64,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consumed {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl CallPlan {
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            input_tokens_max: self.input_max,
            input_tokens_usual: self.input_max / 2,
            output_tokens_max: self.own_cap,
            output_tokens_default: OUTPUT_DEFAULT,
            default_is_proven: self.default_is_proven,
            output_tokens_floor: self.floor,
            can_cap: self.can_cap,
            can_stop: self.can_stop,
            is_bounded: self.is_bounded,
        }
    }

    /// Whether anything bounds what such a budget is charged for it: its own end, our cap or ours.
    pub(crate) fn is_bounded_in(&self, budget: &BudgetPlan) -> bool {
        let is_ended = self.default_is_proven || self.is_ended_in(budget);
        budget.unit == BudgetUnit::Calls || (self.is_bounded && is_ended)
    }

    /// Whether such a budget can keep it from generating what its model can.
    pub(crate) fn is_ended_in(&self, budget: &BudgetPlan) -> bool {
        self.own_cap.is_some() || self.can_stop || (self.can_cap && budget.may_cap)
    }

    pub(crate) fn output_bound(&self) -> u64 {
        self.own_cap.unwrap_or(OUTPUT_DEFAULT)
    }
}

impl Consumed {
    pub(crate) fn count(self, unit: BudgetUnit) -> i64 {
        let (input, output) = (count(self.input), count(self.output));
        match unit {
            BudgetUnit::Usd => input * INPUT_PICO + output * OUTPUT_PICO,
            BudgetUnit::Tokens => input + output,
            BudgetUnit::Calls => 1,
        }
    }
}

impl Served {
    pub(crate) fn new(
        plan: CallPlan,
        reservation: Reservation,
        output_cap: Option<u64>,
        shown_percent: u64,
    ) -> Served {
        let proven = plan.default_is_proven.then_some(OUTPUT_DEFAULT);
        let cap = output_cap.or(plan.own_cap).or(proven);
        let covered = reservation.covered();
        Served {
            plan,
            reservation,
            cap,
            is_paid_to_its_cap: covered.is_none_or(|covered| cap.is_some_and(|cap| covered >= cap)),
            generated: 0,
            shown_percent,
            unpaid: 0,
        }
    }

    /// All that it generates if we let it.
    fn longest(&self) -> u64 {
        match self.cap {
            Some(cap) if self.plan.is_bounded => self.plan.wants.min(cap),
            // What nobody can bound costs more than is held for one, but not for two.
            _ => self.plan.wants.min(self.plan.output_bound() * 4),
        }
    }

    /// Generates on, paying as it goes. Whether it has come to its own end, or to ours.
    pub(crate) fn generate(
        &mut self,
        tokens: u64,
        now: DateTime<Utc>,
    ) -> Result<Generated, String> {
        let tokens = tokens.min(self.longest() - self.generated);
        self.generated += tokens;
        let counted = self.reservation.billed_tokens(shown(self.generated, self.shown_percent));
        let Some(mut covered) = self.reservation.covered() else {
            return Ok(self.goes_on());
        };
        while counted >= covered - covered / 4 {
            match self.reservation.draw(counted, now).wait() {
                Ok(Drawn::Covered(more)) if more > covered => covered = more,
                // Up to the cap, where the provider ends it.
                Ok(Drawn::Covered(_)) => return Ok(self.goes_on()),
                Ok(Drawn::Denied(_)) if counted >= covered => {
                    self.unpaid = self.generated.saturating_sub(covered).min(tokens);
                    return Ok(Generated::OurEnd);
                }
                Ok(Drawn::Denied(_)) => break,
                Err(error) => return Err(format!("a draw failed: {error}")),
            }
        }
        Ok(self.goes_on())
    }

    fn goes_on(&self) -> Generated {
        if self.generated == self.longest() { Generated::OwnEnd } else { Generated::GoesOn }
    }

    /// What it comes to when it has said all, or this part of it in percent.
    pub(crate) fn consumed(&self, percent: u64) -> Consumed {
        let output = match self.plan.can_stop {
            true => self.generated,
            false => self.longest() * percent / 100,
        };
        Consumed { input: self.plan.input, output }
    }

    /// How much more than its hold it may be charged, by the promise for calls of its class.
    pub(crate) fn may_exceed(&self, unit: BudgetUnit) -> i64 {
        if unit == BudgetUnit::Calls {
            return 0;
        }
        let plan = &self.plan;
        let is_shown = self.shown_percent >= BELIEVED_PERCENT;
        let is_visible = plan.can_stop && plan.is_bounded && !plan.is_strict && is_shown;
        let is_capped = self.is_paid_to_its_cap
            && self.cap.is_some_and(|cap| plan.own_cap.is_some() || cap < OUTPUT_DEFAULT);
        if !plan.is_bounded || (!is_capped && !is_visible) {
            // One call's cost.
            return i64::MAX / 2;
        }
        let of_estimate = match plan.is_strict || plan.is_dense {
            true => 0,
            false => Consumed { input: plan.input, output: 0 }.count(unit),
        };
        of_estimate + Consumed { input: 0, output: self.unpaid }.count(unit)
    }

    pub(crate) fn settlement(
        &self,
        ledger: &Ledger,
        consumed: Option<Consumed>,
        ended: bool,
        now: DateTime<Utc>,
    ) -> Settlement {
        let bill = consumed.map(|Consumed { input, output }| {
            let usage = Usage { input_tokens: input, output_tokens: output, ..Usage::default() };
            let metered = Metered { usage: Some(usage), ..Metered::default() };
            bill(&ledger.prices(), "openai", "demo", &metered, self.reservation.at())
        });
        Settlement {
            bill,
            model: None,
            response_id: None,
            turn_prompt_tokens: None,
            output_shown_tokens: consumed
                .map(|consumed| shown(consumed.output, self.shown_percent)),
            http_status: Some(200),
            error_kind: None,
            duration: Some(TimeDelta::milliseconds(1_234)),
            first_byte: None,
            at: now,
            ended,
        }
    }
}

/// What shows of so many generated tokens.
pub(crate) fn shown(generated: u64, shown_percent: u64) -> u64 {
    generated * shown_percent / 100
}

/// What became of a stream that generated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    GoesOn,
    /// It has said all, or has come to its cap.
    OwnEnd,
    /// It is paid for no further.
    OurEnd,
}

pub(crate) fn count(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap()
}

/// What the checks need of a call that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) plan: CallPlan,
    /// How much more than its hold it may be charged: dollars and tokens.
    exceeds: (i64, i64),
    /// What it has consumed by now.
    pub(crate) consumed: Consumed,
}

impl Facts {
    pub(crate) fn may_exceed(&self, unit: BudgetUnit) -> i64 {
        match unit {
            BudgetUnit::Usd => self.exceeds.0,
            BudgetUnit::Tokens => self.exceeds.1,
            BudgetUnit::Calls => 0,
        }
    }
}

impl Served {
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            plan: self.plan,
            exceeds: (self.may_exceed(BudgetUnit::Usd), self.may_exceed(BudgetUnit::Tokens)),
            consumed: self.consumed(100),
        }
    }
}
