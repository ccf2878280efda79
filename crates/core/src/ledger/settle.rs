//! Settlement: the actual cost replaces the hold, exactly once.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;
use uuid::Uuid;

use super::cache::Cache;
use super::call::running;
use super::charge::{self, Charge};
use super::dimension::{Dimension, intern_some};
use super::error::{LedgerError, OpError};
use super::rollup::{RollupKey, Value, clamp, shown_input};
use super::running::Running;
use super::writer::Writing;
use super::{grant, history, price};
use crate::admission::Sample;
use crate::budget::QuotaStanding;
use crate::cost::{Basis, Bill};
use crate::money::{Money, PICODOLLARS_PER_USD};
use crate::usage::Usage;

/// No call has used this many tokens (2^40).
const TOKENS_MAX: u64 = 1 << 40;
/// No call has cost this much (a million dollars).
const COST_MAX: Money = Money::from_picodollars(1_000_000 * PICODOLLARS_PER_USD);

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// What it consumed and costs; `None` for a call that was not billed (it failed).
    pub bill: Option<Bill>,
    /// The model that served it, where the answer says.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// The prompt tokens that chose the context tier, where they are not the sum.
    pub turn_prompt_tokens: Option<u64>,
    /// The upstream's HTTP status; `None` if it never answered.
    pub http_status: Option<u16>,
    /// The class of the upstream's error.
    pub error_kind: Option<&'static str>,
    /// From admission to the end.
    pub duration: TimeDelta,
    /// From admission to the first byte of the answer.
    pub first_byte: Option<TimeDelta>,
    /// The instant of the end.
    pub at: DateTime<Utc>,
    /// Whether it was ended because of a limit.
    pub ended: bool,
}

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
    settlement: &Settlement,
) -> Result<Settled, OpError> {
    let Some(mut call) = running(writing, id)? else {
        return Err(LedgerError::NotFound(format!("call {id} is not running")).into());
    };
    let settlement = &plausible(settlement, &call);
    let bill = settlement.bill.as_ref();
    let charge = charge_of(settlement);
    let Charge { usage, cost, .. } = charge;
    let standing = charge::charge(writing, &mut call, &charge, settlement.at)?;
    write_row(writing, &call, settlement)?;
    if let (Some(usage), Some("settled")) = (usage, bill.map(status)) {
        let sample = Sample {
            input_tokens_max: call.input_tokens_max,
            input_tokens: usage.prompt_tokens(),
            output_tokens: usage.output_tokens,
        };
        history::add(writing, call.provider, call.model_requested.unwrap_or(0), sample);
    }
    if bill.is_some() {
        let model = intern_some(writing, Dimension::Model, settlement.model.as_deref())?;
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
            grant::spend(writing, call.account, cost.unwrap_or_default(), settlement.at)?;
        }
    }
    if settlement.error_kind == Some("insufficient_quota") {
        charge::fire_upstream_empty(writing, &call, settlement.at)?;
    }
    Ok(Settled { cost, standing })
}

/// What the settlement will come to, by what is remembered and if nothing else happens before it;
/// `None` where that does not tell.
pub(crate) fn foresee(cache: &Cache, id: Uuid, settlement: &Settlement) -> Option<Settled> {
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
        http_status: None,
        error_kind: None,
        duration: (now - call.started).max(TimeDelta::zero()),
        first_byte: None,
        at: now,
        ended: false,
    };
    settle(writing, id, &settlement).map(|_| true)
}

/// The settlement, charged at the call's bound where its figures cannot be true.
fn plausible(settlement: &Settlement, call: &Running) -> Settlement {
    let is_absurd = |bill: &Bill| {
        bill.usage.is_some_and(|usage| usage.total_tokens() > TOKENS_MAX)
            || bill.cost.is_some_and(|cost| cost > COST_MAX)
    };
    let mut settlement = settlement.clone();
    if settlement.bill.as_ref().is_some_and(is_absurd) {
        settlement.bill = Some(at_bound(call.ceiling));
    }
    settlement
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

fn write_row(
    writing: &mut Writing<'_>,
    call: &Running,
    settlement: &Settlement,
) -> Result<(), OpError> {
    let bill = settlement.bill.as_ref();
    if let Some(price) = bill.and_then(|bill| bill.price.as_ref()) {
        price::keep(writing, price)?;
    }
    let model = intern_some(writing, Dimension::Model, settlement.model.as_deref())?;
    let usage = bill.and_then(|bill| bill.usage.as_ref());
    let count = |field: fn(&Usage) -> u64| usage.map(|usage| clamp(field(usage)));
    let status = bill.map_or("failed", status);
    let rows = writing
        .connection
        .prepare_cached(
            "UPDATE call SET rev = rev + 1, owner = NULL, status = ?2, model_id = ?3, \
             http_status = ?4, error_kind = ?5, basis = ?6, input_tokens = ?7, \
             cache_read_tokens = ?8, cache_write_5m_tokens = ?9, cache_write_1h_tokens = ?10, \
             output_tokens = ?11, reasoning_tokens = ?12, audio_input_tokens = ?13, \
             audio_output_tokens = ?14, tool_calls = ?15, usage_json = ?16, \
             turn_prompt_tokens = ?17, cost_pico = ?18, cost_stated_pico = ?19, \
             service_tier = ?20, price_id = ?21, response_id = ?22, response_repeats = ?23, \
             duration_ms = ?24, first_byte_ms = ?25, shares = ?26, \
             limit_action = CASE WHEN ?27 THEN 'ended' ELSE limit_action END \
             WHERE seq = ?1 AND status = 'running'",
        )?
        .execute(params![
            call.seq,
            status,
            model,
            settlement.http_status,
            settlement.error_kind,
            bill.map(|bill| bill.basis.as_str()),
            usage.map(shown_input),
            count(|usage| usage.cache_read_tokens),
            count(|usage| usage.cache_write_5m_tokens),
            count(|usage| usage.cache_write_1h_tokens),
            count(|usage| usage.output_tokens),
            usage.and_then(|usage| usage.reasoning_tokens).map(clamp),
            count(|usage| usage.audio_input_tokens),
            count(|usage| usage.audio_output_tokens),
            count(Usage::tool_calls),
            usage.filter(|usage| has_rare_buckets(usage)).map(to_json).transpose()?,
            settlement.turn_prompt_tokens.map(clamp),
            bill.and_then(|bill| bill.cost).map(Money::picodollars),
            bill.and_then(|bill| bill.cost_stated).map(Money::picodollars),
            bill.and_then(|bill| bill.service_tier.as_deref()),
            bill.and_then(|bill| bill.price.as_ref()).map(|price| price.id.as_str()),
            settlement.response_id,
            response_repeats(writing, call.account, settlement.response_id.as_deref())?,
            settlement.duration.num_milliseconds(),
            settlement.first_byte.map(|first| first.num_milliseconds()),
            call.shares,
            settlement.ended,
        ])?;
    debug_assert_eq!(rows, 1, "the row was running a moment ago, in this transaction");
    Ok(())
}

fn status(bill: &Bill) -> &'static str {
    match bill.basis {
        Basis::Estimated => "estimated",
        // Without usage or a stated cost nothing is the provider's word.
        Basis::Unpriced if bill.usage.is_none() => "estimated",
        Basis::Stated | Basis::Priced | Basis::Unpriced => "settled",
    }
}

fn response_repeats(
    writing: &Writing<'_>,
    account: i64,
    response_id: Option<&str>,
) -> rusqlite::Result<bool> {
    let Some(response_id) = response_id else { return Ok(false) };
    writing
        .connection
        .prepare_cached(
            "SELECT 1 FROM call WHERE account_id = ?1 AND response_id = ?2 AND response_repeats = 0",
        )?
        .exists(params![account, response_id])
}

fn has_rare_buckets(usage: &Usage) -> bool {
    let plain = Usage {
        input_tokens: usage.input_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_5m_tokens: usage.cache_write_5m_tokens,
        cache_write_1h_tokens: usage.cache_write_1h_tokens,
        output_tokens: usage.output_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        ..Usage::default()
    };
    plain != *usage
}

fn to_json(usage: &Usage) -> Result<String, LedgerError> {
    serde_json::to_string(usage)
        .map_err(|error| LedgerError::Invalid(format!("usage cannot be stored: {error}")))
}
