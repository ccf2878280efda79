//! Settlement: the actual cost replaces the hold, exactly once.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::cache::Cache;
use super::call_row::{End, status};
use super::charge::{self, Charge};
use super::dimension::{Dimension, intern_some};
use super::enter::running;
use super::error::{LedgerError, OpError};
use super::rollup::{RollupKey, Value};
use super::running::Running;
use super::settlement::Settlement;
use super::writer::Writing;
use super::{credit, history, price};
use crate::admission::Sample;
use crate::budget::QuotaStanding;
use crate::cost::{Basis, Bill};
use crate::money::{Money, PICODOLLARS_PER_USD};

/// No call has used this many tokens (2^40).
const TOKENS_MAX: u64 = 1 << 40;
/// No call has cost this much (a million dollars).
const COST_MAX: Money = Money::from_picodollars(1_000_000 * PICODOLLARS_PER_USD);

/// What a settlement came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The cost charged; `None` where unpriced or failed.
    pub cost: Option<Money>,
    /// The tightest budget afterwards.
    pub standing: Option<QuotaStanding>,
}

/// Ends a running call. A call that has ended already is left as it is and answered `NotFound`.
pub(crate) fn settle(
    writing: &mut Writing<'_>,
    id: Uuid,
    settlement: &Arc<Settlement>,
) -> Result<Settled, OpError> {
    let Some(mut call) = running(writing, id)? else {
        return Err(LedgerError::NotFound(format!("call {id} is not running")).into());
    };
    let settlement = &plausible(settlement, &call);
    let bill = settlement.bill.as_ref();
    let charge = charge_of(settlement);
    let Charge { usage, cost, .. } = charge;
    let standing = charge::charge(writing, &mut call, &charge, settlement.at)?;
    if let Some(price) = bill.and_then(|bill| bill.price.as_ref()) {
        price::keep(writing, price)?;
    }
    let model = intern_some(writing, Dimension::Model, settlement.model.as_deref())?;
    let end = End::new(Arc::clone(settlement), model, std::mem::take(&mut call.shares))?;
    writing.cache.rows.end(writing.connection, call.seq, end)?;
    if let (Some(usage), "settled") = (usage, status(settlement)) {
        let sample = Sample {
            input_tokens_max: call.input_tokens_max,
            input_tokens: usage.prompt_tokens(),
            output_tokens: usage.output_tokens,
            output_shown_tokens: settlement.output_shown_tokens,
        };
        history::add(writing, call.provider, call.model_requested.unwrap_or(0), sample);
    }
    if bill.is_some() {
        let key = RollupKey {
            account: call.account,
            provider: call.provider,
            model: model.or(call.model_requested).unwrap_or(0),
            project: call.project.unwrap_or(0),
            key: call.key.unwrap_or(0),
            client: call.client.unwrap_or(0),
        };
        let value = if call.plan_login { Value::OfPlan(cost) } else { Value::Owed(cost) };
        writing.cache.rollups.add(call.started, key, usage, value);
        if !call.plan_login {
            credit::spend(writing, call.account, cost.unwrap_or_default(), settlement.at)?;
        }
    }
    if settlement.error_kind == Some("insufficient_quota") {
        charge::fire_upstream_empty(writing, &call, settlement.at);
    }
    Ok(Settled { cost, standing })
}

/// What the settlement will come to, by what is remembered and if nothing else happens before it;
/// `None` where that does not tell.
pub(crate) fn foresee(cache: &Cache, id: Uuid, settlement: &Arc<Settlement>) -> Option<Settled> {
    let call = cache.running(*id.as_bytes())?;
    let settlement = &plausible(settlement, call);
    let charge = charge_of(settlement);
    let standing = charge::foresee(cache, call, &charge)?;
    Some(Settled { cost: charge.cost, standing })
}

fn charge_of(settlement: &Settlement) -> Charge<'_> {
    let bill = settlement.bill.as_ref();
    Charge {
        is_billed: bill.is_some(),
        usage: bill.and_then(|bill| bill.usage.as_ref()),
        cost: bill.and_then(|bill| bill.cost),
        is_ended: settlement.ended,
    }
}

/// Ends a running call whose outcome nobody knows: charged at its bound if it was sent, else
/// failed. `false` where it had ended already.
pub(crate) fn abandon(
    writing: &mut Writing<'_>,
    id: Uuid,
    sent: bool,
    now: DateTime<Utc>,
) -> Result<bool, OpError> {
    let Some(call) = running(writing, id)? else { return Ok(false) };
    let bill = sent.then(|| at_bound(call.ceiling));
    let settlement = Settlement {
        bill,
        model: None,
        response_id: None,
        turn_prompt_tokens: None,
        output_shown_tokens: None,
        http_status: None,
        error_kind: None,
        duration: Some((now - call.started).max(TimeDelta::zero())),
        first_byte: None,
        at: now,
        ended: false,
    };
    settle(writing, id, &Arc::new(settlement)).map(|_| true)
}

/// The settlement, charged at the call's bound where its figures cannot be true.
fn plausible(settlement: &Arc<Settlement>, call: &Running) -> Arc<Settlement> {
    let is_absurd = |bill: &Bill| {
        bill.usage.is_some_and(|usage| usage.total_tokens() > TOKENS_MAX)
            || bill.cost.is_some_and(|cost| cost > COST_MAX)
    };
    if settlement.bill.as_ref().is_some_and(is_absurd) {
        let bill = Some(at_bound(call.ceiling));
        return Arc::new(Settlement { bill, ..Settlement::clone(settlement) });
    }
    Arc::clone(settlement)
}

fn at_bound(ceiling: Option<Money>) -> Bill {
    Bill {
        usage: None,
        cost: ceiling,
        cost_stated: None,
        basis: if ceiling.is_some() { Basis::Estimated } else { Basis::Unpriced },
        price: None,
        service_tier: None,
    }
}
