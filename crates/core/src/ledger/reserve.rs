//! Reservation: the decision over a call and its row, in one transaction.

use std::sync::Arc;

use rusqlite::params;

use super::active::ActiveBudget;
use super::call::{Dimensions, Entry, NewCall, insert_with};
use super::counter::{Standing, tightest};
use super::error::{LedgerError, OpError};
use super::refuse::Refusing;
use super::settle::Running;
use super::shares::{Share, Shares};
use super::time::to_ms;
use super::writer::Writing;
use super::{account, budget, bypass, decision, history, price, refuse, waiting};
use crate::admission::{Admit, Bounds, Decision, Demand, Expected, RefusalReason, decide};
use crate::budget::{BudgetKind, BudgetUnit, CallFacts, QuotaStanding, Window};
use crate::money::Money;
use crate::refusal::Refusal;

/// The answer to a reservation.
#[derive(Debug)]
pub(crate) enum Reserved {
    Admitted(Box<Terms>),
    /// It has a place in the queue: its row's `seq`.
    Waits {
        ticket: i64,
        refusal: Box<Refusal>,
    },
    Refused(Box<Refusal>),
}

/// The terms on which a call was admitted.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) output_cap: Option<u64>,
    pub(crate) is_cap_lowered: bool,
    pub(crate) ceiling: Option<Money>,
    pub(crate) standing: Option<QuotaStanding>,
    /// Set where it has to draw more money as it goes.
    pub(crate) watch: Option<Watch>,
}

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

/// Which time a call asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// It has no row yet.
    First,
    /// It waits with this ticket.
    Again(i64),
    /// It has waited long enough: what would make it wait refuses it as `budget_busy`.
    Last(i64),
}

impl Asking {
    pub(crate) fn ticket(self) -> Option<i64> {
        match self {
            Asking::First => None,
            Asking::Again(ticket) | Asking::Last(ticket) => Some(ticket),
        }
    }
}

/// A call with what the ledger knows of it.
pub(crate) struct Asker<'a> {
    pub(crate) call: &'a NewCall,
    pub(crate) account: i64,
    pub(crate) dimensions: Dimensions,
    pub(crate) asking: Asking,
    pub(crate) demand: Demand,
    pub(crate) applying: Vec<(Arc<ActiveBudget>, Standing)>,
}

/// Decides over the call and writes it down: running with its holds, waiting, or refused.
pub(crate) fn reserve(
    writing: &mut Writing<'_>,
    call: &NewCall,
    asking: Asking,
) -> Result<Reserved, OpError> {
    let asker = asker(writing, call, asking)?;
    if let Some(ticket) = asking.ticket() {
        is_waiting(writing, ticket)?;
    }
    let funds: Vec<_> = asker.applying.iter().map(|(_, standing)| standing.funds).collect();
    let decision = expecting(writing, &asker, |expected| decide(&asker.demand, &funds, expected))?;
    match decision {
        Decision::Admit(admit) => match queued(writing, &asker, &admit)? {
            None => admitted(writing, &asker, &admit),
            Some(budget) => wait(writing, &asker, budget, admit.holds[budget]),
        },
        Decision::Wait { budget, needed } => wait(writing, &asker, budget, needed),
        Decision::Refuse { budget, reason, needed } => {
            let refusing = Refusing { budget, reason, needed };
            refuse::refuse(writing, &asker, &refusing).map(Reserved::Refused)
        }
    }
}

/// The tightest standing for a call that is not one: a free endpoint, a failed request.
pub(crate) fn look(
    writing: &mut Writing<'_>,
    call: &NewCall,
) -> Result<Option<QuotaStanding>, OpError> {
    let key = call.key.as_deref();
    let account = account::of_call(writing, &call.provider, key, call.plan_login, call.at)?;
    let applying = applying(writing, call, account)?;
    Ok(tightest(applying.iter().map(|(active, standing)| (&**active, *standing))))
}

pub(crate) fn asker<'a>(
    writing: &mut Writing<'_>,
    call: &'a NewCall,
    asking: Asking,
) -> Result<Asker<'a>, OpError> {
    let key = call.key.as_deref();
    let account = account::of_call(writing, &call.provider, key, call.plan_login, call.at)?;
    let model = call.model_requested.as_deref().unwrap_or("");
    let tier = call.service_tier.as_deref();
    let price = price::in_force(writing, &call.provider, model, tier, call.at)?;
    Ok(Asker {
        call,
        account,
        dimensions: Dimensions::of(writing, call)?,
        asking,
        demand: Demand { price, bounds: call.bounds, is_strict: call.is_strict },
        applying: applying(writing, call, account)?,
    })
}

/// Runs `decide` with a way to ask what the call will probably consume.
pub(crate) fn expecting<T>(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    decide: impl FnOnce(&mut dyn FnMut() -> Expected) -> T,
) -> rusqlite::Result<T> {
    let provider = asker.dimensions.provider;
    let model = asker.dimensions.model.unwrap_or(0);
    let mut failure = None;
    let outcome = decide(&mut || {
        history::expected(writing, provider, model, &asker.call.bounds).unwrap_or_else(|error| {
            failure = Some(error);
            Expected { input_tokens: asker.call.bounds.input_tokens_max, output_tokens: 0 }
        })
    });
    failure.map_or(Ok(outcome), Err)
}

/// The budgets that count the call, with how they stand in the period of `call.at`.
pub(crate) fn applying(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
) -> Result<Vec<(Arc<ActiveBudget>, Standing)>, OpError> {
    let budgets = budget::active(writing)?;
    if budgets.is_empty() {
        return Ok(Vec::new());
    }
    let is_bypassed = is_bypassed(writing, call.at)?;
    let account = account::name(writing, account)?;
    let facts = CallFacts {
        provider: &call.provider,
        account: &account,
        model: call.model_requested.as_deref().unwrap_or(""),
        project: call.project.as_deref(),
        key: call.key.as_deref(),
        client: call.client.as_deref(),
        session: call.session.as_deref(),
        tags: &call.tags,
        run: call.run.as_deref(),
    };
    let counters = &mut writing.cache.counters;
    budgets
        .iter()
        .filter(|active| !(call.plan_login && active.budget.unit == BudgetUnit::Usd))
        .filter(|active| active.matcher.matches(&facts))
        .map(|active| {
            let standing = counters.standing(writing.connection, active, call.at, is_bypassed)?;
            Ok((Arc::clone(active), standing))
        })
        .collect()
}

/// Whether no limit refuses now.
pub(crate) fn is_bypassed(
    writing: &mut Writing<'_>,
    at: chrono::DateTime<chrono::Utc>,
) -> rusqlite::Result<bool> {
    if writing.cache.bypass().is_none() {
        let bypass = bypass::in_force(writing.connection, at)?;
        writing.cache.remember_bypass(bypass);
    }
    let known = writing.cache.bypass().and_then(Option::as_ref);
    Ok(known.is_some_and(|bypass| bypass.from <= at && at < bypass.until))
}

fn is_waiting(writing: &Writing<'_>, ticket: i64) -> Result<(), OpError> {
    let waits = writing
        .connection
        .prepare_cached("SELECT 1 FROM call WHERE seq = ?1 AND status = 'waiting'")?
        .exists([ticket])?;
    match waits {
        true => Ok(()),
        // Another process held this one for dead.
        false => Err(LedgerError::NotFound("the call no longer waits: ask again".into()).into()),
    }
}

/// Whether the call has to stand behind somebody: the index of that budget.
fn queued(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    admit: &Admit,
) -> rusqlite::Result<Option<usize>> {
    let is_asked = |(active, standing): &(Arc<ActiveBudget>, Standing), hold: i64| {
        (standing.funds.kind == BudgetKind::Hard && hold > 0).then_some(active.seq)
    };
    let asked = asker.applying.iter().zip(&admit.holds).map(|(applying, hold)| {
        // A budget that does not refuse has no queue.
        is_asked(applying, *hold).unwrap_or(-1)
    });
    waiting::queued_before(writing, asked, asker.asking.ticket())
}

fn wait(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    budget: usize,
    needed: i64,
) -> Result<Reserved, OpError> {
    let refusing = Refusing { budget, reason: RefusalReason::BudgetBusy, needed };
    let ticket = match asker.asking {
        Asking::Last(_) => {
            return refuse::refuse(writing, asker, &refusing).map(Reserved::Refused);
        }
        Asking::Again(ticket) => ticket,
        Asking::First => {
            let entry = Entry {
                status: "waiting",
                limit_action: Some("waited"),
                output_cap: None,
                ceiling: asker.demand.ceiling(),
                refusal: None,
                refused_by: None,
                shares: Shares::default(),
                owner: Some(writing.process_id),
            };
            let (call, account) = (asker.call, asker.account);
            let ticket = insert_with(writing, call, account, &asker.dimensions, &entry)?;
            decision::keep(writing, asker, ticket, "waits", None)?;
            ticket
        }
    };
    waiting::enter(writing, asker.applying[budget].0.seq, ticket, asker.call.at)?;
    let refusal = refuse::explain(writing, asker, &refusing)?;
    Ok(Reserved::Waits { ticket, refusal: Box::new(refusal) })
}

fn admitted(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    admit: &Admit,
) -> Result<Reserved, OpError> {
    let capped = Bounds {
        output_tokens_max: admit.output_cap.or(asker.call.bounds.output_tokens_max),
        ..asker.call.bounds
    };
    let demand = Demand { bounds: capped, ..asker.demand.clone() };
    let watch = admit.covered.map(|covered| Watch {
        input_tokens: admit.input_tokens,
        covered,
        output_max: capped.output_tokens_max.unwrap_or(u64::MAX),
        demand: demand.clone(),
    });
    let ceiling = match &watch {
        Some(watch) => watch.cost(),
        None => demand.ceiling(),
    };
    let seq = enter(writing, asker, admit, ceiling)?;
    let is_near = admit.is_cap_lowered || admit.covered.is_some();
    if is_near || asker.asking != Asking::First {
        decision::keep(writing, asker, seq, "admitted", Some(admit))?;
    }
    let standing =
        tightest(asker.applying.iter().zip(&admit.holds).map(|((active, standing), hold)| {
            let mut standing = *standing;
            standing.funds.held = standing.funds.held.saturating_add(*hold);
            (&**active, standing)
        }));
    Ok(Reserved::Admitted(Box::new(Terms {
        output_cap: admit.output_cap,
        is_cap_lowered: admit.is_cap_lowered,
        ceiling,
        standing,
        watch,
    })))
}

impl Watch {
    /// What the holds pay for, in US dollars.
    pub(crate) fn cost(&self) -> Option<Money> {
        self.demand.price.as_ref()?;
        let unit = BudgetUnit::Usd;
        let picodollars = self.demand.needed(unit, self.input_tokens, self.covered);
        Some(Money::from_picodollars(picodollars))
    }
}

/// Writes the running call with its holds.
fn enter(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    admit: &Admit,
    ceiling: Option<Money>,
) -> Result<i64, OpError> {
    let share = |((active, standing), held): (&(Arc<ActiveBudget>, Standing), &i64)| Share {
        budget_seq: active.seq,
        period_start_ms: to_ms(standing.period.start),
        held: *held,
        charged: None,
    };
    let shares = Shares(asker.applying.iter().zip(&admit.holds).map(share).collect());
    let limit_action = match (admit.output_cap, asker.asking) {
        (Some(_), _) => Some("capped"),
        (None, Asking::First) => None,
        (None, _) => Some("waited"),
    };
    let entry = Entry {
        status: "running",
        limit_action,
        output_cap: admit.output_cap,
        ceiling,
        refusal: None,
        refused_by: None,
        shares,
        owner: Some(writing.process_id),
    };
    let seq = match asker.asking.ticket() {
        None => insert_with(writing, asker.call, asker.account, &asker.dimensions, &entry)?,
        Some(ticket) => {
            begin(writing, asker, ticket, &entry)?;
            ticket
        }
    };
    for ((active, standing), hold) in asker.applying.iter().zip(&admit.holds) {
        if active.budget.window != Window::Call {
            let counters = &mut writing.cache.counters;
            counters.add(writing.connection, active, standing.period, 0, *hold)?;
        }
    }
    let running = Running::new(writing, asker, seq, &entry)?;
    writing.cache.remember_running(*asker.call.id.as_bytes(), running);
    Ok(seq)
}

/// A waiting call runs: it belongs to the instant at which it is sent.
fn begin(
    writing: &Writing<'_>,
    asker: &Asker<'_>,
    ticket: i64,
    entry: &Entry,
) -> rusqlite::Result<()> {
    waiting::leave(writing, ticket)?;
    writing
        .connection
        .prepare_cached(
            "UPDATE call SET rev = rev + 1, status = 'running', started_ms = ?2, \
             limit_action = ?3, output_cap = ?4, ceiling_pico = ?5, shares = ?6 WHERE seq = ?1",
        )?
        .execute(params![
            ticket,
            to_ms(asker.call.at),
            entry.limit_action,
            entry.output_cap.map(super::rollup::clamp),
            entry.ceiling.map(Money::picodollars),
            entry.shares,
        ])
        .map(drop)
}
