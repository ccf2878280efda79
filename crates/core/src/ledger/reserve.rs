//! Reservation: the decision over a call and its row, in one transaction.

use std::sync::Arc;

use rusqlite::params;

use super::active::ActiveBudget;
use super::asker::{Asker, Asking, applying, asker, expecting, is_bounded};
use super::call::{Entry, NewCall};
use super::counter::{Standing, tightest};
use super::draw::Watch;
use super::enter::{self, insert_with, write_rows};
use super::error::{LedgerError, OpError};
use super::note::Note;
use super::refuse::Refusing;
use super::running::Running;
use super::shares::{Share, Shares};
use super::time::{from_ms, to_ms};
use super::writer::{Course, Writing};
use super::{account, decision, empty, refuse, waiting};
use crate::admission::{Admit, Bounds, Decision, Demand, RefusalReason, decide};
use crate::budget::{BudgetKind, QuotaStanding, Window};
use crate::money::Money;
use crate::refusal::Refusal;

/// The answer to a reservation.
#[derive(Debug)]
pub(crate) enum Reserved {
    Admitted(Box<Terms>),
    /// It has a place in the queue: its row's `seq`.
    Waits {
        ticket: i64,
        /// It waits for others that nobody can bound, not for money.
        for_its_like: bool,
        refusal: Box<Refusal>,
    },
    Refused(Box<Refusal>),
}

impl Reserved {
    /// Whether it may be told before it is committed: an admission that had room, and that nothing
    /// will take back.
    pub(crate) fn is_firm(&self) -> bool {
        matches!(self, Reserved::Admitted(terms) if terms.watch.is_none() && !terms.is_cap_lowered)
    }
}

/// An admission as it was told, for the case that it has to be written once more.
#[derive(Debug)]
pub(crate) struct Told {
    admit: Admit,
    /// The budgets of its holds.
    budgets: Vec<i64>,
}

impl Told {
    fn new(asker: &Asker<'_>, admit: &Admit) -> Told {
        let budgets = asker.applying.iter().map(|(active, _)| active.seq).collect();
        Told { admit: admit.clone(), budgets }
    }

    /// What was told, over the budgets of now. One that is new holds nothing for it.
    fn over(&self, asker: &Asker<'_>) -> Admit {
        let held = |seq: i64| {
            let known = self.budgets.iter().position(|&budget| budget == seq);
            known.map_or(0, |index| self.admit.holds[index])
        };
        let holds = asker.applying.iter().map(|(active, _)| held(active.seq)).collect();
        Admit { holds, ..self.admit.clone() }
    }
}

/// The terms on which a call was admitted.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) output_cap: Option<u64>,
    pub(crate) is_cap_lowered: bool,
    pub(crate) ceiling: Option<Money>,
    pub(crate) standing: Option<QuotaStanding>,
    /// Tokens that it is taken to be billed for each hundred that show.
    pub(crate) billed_percent: u64,
    /// Set where it has to draw more money as it goes.
    pub(crate) watch: Option<Watch>,
}

/// Decides over the call and writes it down: running with its holds, waiting, or refused. `told`
/// keeps an admission, which stands when it has to be redone.
pub(crate) fn reserve(
    writing: &mut Writing<'_>,
    call: &NewCall,
    asking: Asking,
    told: &mut Option<Told>,
) -> Result<Reserved, OpError> {
    let asker = asker(writing, call, asking)?;
    if let Some(told) = told.as_ref().filter(|_| writing.course == Course::Redone) {
        return admitted(writing, &asker, &told.over(&asker));
    }
    if let Some(ticket) = asking.ticket() {
        is_waiting(writing, ticket)?;
    }
    if let Some(refusal) = empty::stop(writing, &asker)? {
        return Ok(Reserved::Refused(refusal));
    }
    let funds: Vec<_> = asker.applying.iter().map(|(_, standing)| standing.funds).collect();
    let decision = expecting(writing, &asker, |expected| decide(&asker.demand, &funds, expected))?;
    match decision {
        Decision::Admit(admit) => match queued(writing, &asker, &admit)? {
            None => {
                *told = Some(Told::new(&asker, &admit));
                admitted(writing, &asker, &admit)
            }
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
    let asked = asker.applying.iter().zip(&admit.holds).map(|((active, standing), hold)| {
        let is_asked = standing.funds.kind == BudgetKind::Hard && *hold > 0;
        // A budget that does not refuse has no queue.
        let seq = if is_asked { active.seq } else { -1 };
        (seq, asker.demand.is_bounded(active.budget.unit, active.budget.may_cap))
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
                is_unbounded: false,
            };
            let (call, account) = (asker.call, asker.account);
            let ticket = insert_with(writing, call, account, &asker.dimensions, &entry)?;
            decision::keep(writing, asker, ticket, "waits", None)?;
            ticket
        }
    };
    let (active, standing) = &asker.applying[budget];
    let for_its_like = asker.demand.waits_for_its_like(&standing.funds);
    waiting::enter(writing, active.seq, ticket, for_its_like, asker.call.at)?;
    let refusal = Box::new(refuse::explain(writing, asker, &refusing)?);
    Ok(Reserved::Waits { ticket, for_its_like, refusal })
}

fn admitted(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    admit: &Admit,
) -> Result<Reserved, OpError> {
    let asked = asker.call.bounds;
    let capped = Bounds {
        output_tokens_max: admit.output_cap.or(asked.output_tokens_max),
        // Where nobody will know what it consumed it is charged what was held for it.
        input_tokens_max: match asked.is_bounded {
            true => admit.input_tokens,
            false => asked.input_tokens_max,
        },
        ..asked
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
        write_rows(writing)?;
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
        billed_percent: admit.billed_percent,
        watch,
    })))
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
        is_unbounded: !is_bounded(&asker.demand, &asker.applying),
    };
    let note = Note::new(asker.call, admit.output_cap, ceiling, &entry.shares.0);
    writing.notes.push(note.text()?);
    let seq = match asker.asking.ticket() {
        None => enter::enter(writing, asker.call, asker.account, &asker.dimensions, &entry)?,
        Some(ticket) => {
            begin(writing, asker, ticket, &entry)?;
            ticket
        }
    };
    if entry.is_unbounded {
        // Its like look for it in the file.
        write_rows(writing)?;
    }
    for ((active, standing), hold) in asker.applying.iter().zip(&admit.holds) {
        if active.budget.window != Window::Call {
            let counters = &mut writing.cache.counters;
            counters.add(writing.connection, active, standing.period, 0, *hold)?;
        }
    }
    let running = running(writing, asker, seq, entry)?;
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
             limit_action = ?3, output_cap = ?4, ceiling_pico = ?5, shares = ?6, \
             is_unbounded = ?7 WHERE seq = ?1",
        )?
        .execute(params![
            ticket,
            to_ms(asker.call.at),
            entry.limit_action,
            entry.output_cap.map(super::rollup::clamp),
            entry.ceiling.map(Money::picodollars),
            entry.shares,
            entry.is_unbounded,
        ])
        .map(drop)
}

fn running(
    writing: &mut Writing<'_>,
    asker: &Asker<'_>,
    seq: i64,
    entry: Entry,
) -> rusqlite::Result<Running> {
    let (call, dimensions) = (asker.call, &asker.dimensions);
    Ok(Running {
        id: call.id,
        seq,
        account: asker.account,
        // The file keeps milliseconds.
        started: from_ms(to_ms(call.at)),
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
        shares: entry.shares,
    })
}
