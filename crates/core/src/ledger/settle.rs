//! Settlement: the actual cost replaces the hold, exactly once.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::active::ActiveBudget;
use super::call::Entry;
use super::counter::{Standing, tightest};
use super::decision::{self, DecisionView, LookView};
use super::dimension::{Dimension, intern_some};
use super::error::{LedgerError, OpError};
use super::reserve::Asker;
use super::rollup::{self, RollupKey, Value, clamp, shown_input};
use super::shares::Shares;
use super::time::from_ms;
use super::writer::Writing;
use super::{account, alert, budget, grant, history, price};
use crate::admission::{Sample, Verdict};
use crate::alert::{AlertKind, Severity, crossed, reset_text, threshold_text, upstream_empty_text};
use crate::budget::{BudgetUnit, Quantity, QuotaStanding, Window};
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

/// A call that has not ended.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) id: Uuid,
    pub(crate) seq: i64,
    pub(crate) account: i64,
    pub(crate) started: DateTime<Utc>,
    provider: i64,
    pub(crate) provider_name: String,
    account_name: String,
    plan_login: bool,
    model_requested: Option<i64>,
    pub(crate) model_name: Option<String>,
    project: Option<i64>,
    key: Option<i64>,
    client: Option<i64>,
    input_tokens_max: u64,
    pub(crate) ceiling: Option<Money>,
    pub(crate) shares: Shares,
}

impl Running {
    /// The call that was just written down.
    pub(crate) fn new(
        writing: &mut Writing<'_>,
        asker: &Asker<'_>,
        seq: i64,
        entry: &Entry,
    ) -> rusqlite::Result<Running> {
        let (call, dimensions) = (asker.call, &asker.dimensions);
        Ok(Running {
            id: call.id,
            seq,
            account: asker.account,
            // The file keeps milliseconds.
            started: from_ms(super::time::to_ms(call.at)),
            provider: dimensions.provider,
            provider_name: call.provider.clone(),
            account_name: account::name(writing, asker.account)?.to_string(),
            plan_login: call.plan_login,
            model_requested: dimensions.model,
            model_name: call.model_requested.clone(),
            project: dimensions.project,
            key: dimensions.key,
            client: dimensions.client,
            input_tokens_max: call.bounds.input_tokens_max,
            ceiling: entry.ceiling,
            shares: entry.shares.clone(),
        })
    }
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
    let usage = bill.and_then(|bill| bill.usage.as_ref());
    let cost = bill.and_then(|bill| bill.cost);
    let standing = charge(writing, &mut call, bill.is_some(), usage, cost, settlement)?;
    write_row(writing, &call, settlement)?;
    if let (Some(usage), Some("settled")) = (usage, bill.map(|bill| status(bill))) {
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
        rollup::add(writing.connection, call.started, key, usage, value)?;
        if !call.plan_login {
            grant::spend(writing, call.account, cost.unwrap_or_default(), settlement.at)?;
        }
    }
    if settlement.error_kind == Some("insufficient_quota") {
        fire_upstream_empty(writing, &call, settlement.at)?;
    }
    Ok(Settled { cost, standing })
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

/// The running call of that id. It is taken out of what the writer remembers: who lets it run on
/// puts it back.
pub(crate) fn running(writing: &mut Writing<'_>, id: Uuid) -> rusqlite::Result<Option<Running>> {
    if let Some(call) = writing.cache.take_running(*id.as_bytes()) {
        return Ok(Some(call));
    }
    writing
        .connection
        .prepare_cached(
            "SELECT c.seq, c.account_id, c.started_ms, c.provider_id, p.text, a.name, \
             a.plan_login, c.model_requested_id, c.project_id, c.key_id, c.client_id, \
             c.ceiling_pico, c.shares, coalesce(c.input_tokens_max, 0), m.text FROM call c \
             JOIN dimension p ON p.id = c.provider_id JOIN account a ON a.id = c.account_id \
             LEFT JOIN dimension m ON m.id = c.model_requested_id \
             WHERE c.id = ?1 AND c.status = 'running'",
        )?
        .query_row([id.as_bytes()], |row| {
            Ok(Running {
                id,
                seq: row.get(0)?,
                account: row.get(1)?,
                started: from_ms(row.get(2)?),
                provider: row.get(3)?,
                provider_name: row.get(4)?,
                account_name: row.get(5)?,
                plan_login: row.get(6)?,
                model_requested: row.get(7)?,
                project: row.get(8)?,
                key: row.get(9)?,
                client: row.get(10)?,
                ceiling: row.get::<_, Option<i64>>(11)?.map(Money::from_picodollars),
                shares: row.get(12)?,
                input_tokens_max: u64::try_from(row.get::<_, i64>(13)?).unwrap_or(0),
                model_name: row.get(14)?,
            })
        })
        .optional()
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

/// Replaces the call's holds by its charges and records the thresholds that this crosses.
fn charge(
    writing: &mut Writing<'_>,
    call: &mut Running,
    billed: bool,
    usage: Option<&Usage>,
    cost: Option<Money>,
    settlement: &Settlement,
) -> Result<Option<QuotaStanding>, OpError> {
    if call.shares.0.is_empty() {
        return Ok(None);
    }
    let now = settlement.at;
    let budgets = budget::active(writing)?;
    let mut standings = Vec::with_capacity(call.shares.0.len());
    for share in &mut call.shares.0 {
        let Some(active) = budgets.iter().find(|active| active.seq == share.budget_seq) else {
            continue;
        };
        let unit = active.budget.unit;
        let charged = match (billed, unit) {
            (false, _) => 0,
            (true, BudgetUnit::Usd) => cost.unwrap_or_default().picodollars(),
            // Unknown usage is charged at its bound.
            (true, BudgetUnit::Tokens) => {
                usage.map_or(share.held, |usage| clamp(usage.total_tokens()))
            }
            (true, BudgetUnit::Calls) => 1,
        };
        share.charged = Some(charged);
        let (connection, counters) = (writing.connection, &mut writing.cache.counters);
        let window = active.budget.window;
        let at = if window.is_rolling() { now.max(call.started) } else { call.started };
        let before = counters.standing(connection, active, at, false)?;
        if window == Window::Call {
            standings.push((&**active, before));
            continue;
        }
        let period = window.period(from_ms(share.period_start_ms), active.budget.timezone);
        counters.add(connection, active, period, charged, -share.held)?;
        let after = counters.standing(connection, active, at, false)?;
        // A raise made while the call ran spares the reserve.
        let last = period.end.filter(|_| !window.is_rolling());
        let last = last.map_or(now, |end| now.min(end - TimeDelta::milliseconds(1)));
        counters.draw_credits(connection, active, &after, active.limit_at(last))?;
        fire_thresholds(writing, active, &after, before.counter.spent, now)?;
        standings.push((&**active, after));
    }
    if settlement.ended {
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
        let (budget, funds) = (&active.budget, standing.funds);
        let amount = |count: i64| {
            serde_json::to_value(Quantity { unit: budget.unit, count }).unwrap_or_default()
        };
        let share = call.shares.0.iter().find(|share| share.budget_seq == active.seq);
        LookView {
            budget: budget.name.clone(),
            kind: funds.kind,
            window: budget.window.name().into_owned(),
            unit: budget.unit,
            scope: budget.scope.clone(),
            limit: amount(funds.limit),
            credits: amount(funds.credits),
            spent: amount(funds.spent),
            held: amount(funds.held),
            needed: amount(share.map_or(0, |share| share.held)),
            verdict: if funds.free() <= 0 { Verdict::Exceeded } else { Verdict::Held },
        }
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

fn fire_thresholds(
    writing: &Writing<'_>,
    active: &ActiveBudget,
    standing: &Standing,
    before: i64,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let budget = &active.budget;
    let after = standing.counter.spent;
    let limit = active.limit_at(now);
    let percents = crossed(before, after, limit, &budget.warn_percent);
    // One call may cross several at once: only the highest is worth a notification.
    let Some(percent) = percents.last().copied() else { return Ok(()) };
    let quantity = |count| Quantity { unit: budget.unit, count };
    let reset = standing.reset.map(|reset| reset_text(reset, budget.timezone));
    let period_start = match budget.window {
        Window::Rolling { span } => span.stretch(now),
        _ => standing.period.start,
    };
    let text =
        threshold_text(&budget.name, percent, quantity(after), quantity(limit), reset.as_deref());
    let fired = alert::Fired {
        kind: AlertKind::BudgetThreshold,
        severity: if percent >= 100 { Severity::Critical } else { Severity::Warning },
        subject: &budget.name,
        // A changed limit arms the thresholds anew.
        key: &format!("{}:{limit}", budget.id.0),
        period_start,
        threshold: i64::from(percent),
        text,
    };
    alert::fire(writing, &fired, now).map(drop)
}

fn fire_upstream_empty(
    writing: &Writing<'_>,
    call: &Running,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let fired = alert::Fired {
        kind: AlertKind::UpstreamEmpty,
        severity: Severity::Critical,
        subject: &call.account_name,
        key: &call.account_name,
        // A storm of them within a minute is one occasion.
        period_start: now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now),
        threshold: 0,
        text: upstream_empty_text(&call.provider_name, &call.account_name),
    };
    alert::fire(writing, &fired, now).map(drop)
}
