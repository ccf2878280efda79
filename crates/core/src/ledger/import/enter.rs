//! Writes calls that logs tell of down as they ended.

use std::sync::Arc;

use super::call::Bill;
use super::row::Row;
use super::{ImportedCall, Slice, Sum};
use crate::ledger::call::{Dimensions, NewCall};
use crate::ledger::call_row::{EndedCall, rare_json};
use crate::ledger::charge::{self, Charge};
use crate::ledger::dimension::{Dimension, intern, intern_some};
use crate::ledger::error::OpError;
use crate::ledger::rollup::RollupKey;
use crate::ledger::running::Running;
use crate::ledger::shares::Shares;
use crate::ledger::time::{id_named, to_ms};
use crate::ledger::writer::Writing;
use crate::ledger::{account, credit, elsewhere, price};
use crate::money::Money;

/// A call with what it costs, where that is known already.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) call: &'a ImportedCall,
    pub(super) bill: Option<&'a Bill>,
}

/// Writes the call down, in the place of the row `before` where there was one; what it costs. `None`:
/// its entry has a row, and nothing was done.
pub(super) fn enter(
    writing: &mut Writing<'_>,
    slice: &mut Slice<'_>,
    told: Told<'_>,
    before: Option<&Row>,
) -> Result<Option<Option<Money>>, OpError> {
    let row = row_of(writing, slice, told, before)?;
    if !writing.cache.rows.enter_ended(&mut slice.inserts, &row)? {
        return Ok(None);
    }
    sum(writing, slice, told.call, &row)?;
    Ok(Some(row.cost))
}

/// What came of trying to write calls down together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Together {
    Written,
    /// They have too little in common: nothing was done.
    TooDifferent,
    /// One of their entries has a row: nothing was done.
    SomeKnown,
}

/// Writes as many calls down as one statement takes, whose periods are all past, and counts them.
pub(super) fn enter_all(
    writing: &mut Writing<'_>,
    slice: &mut Slice<'_>,
    told: &[Told<'_>],
    new: &mut Sum,
) -> Result<Together, OpError> {
    let mut rows = Vec::with_capacity(told.len());
    for told in told {
        rows.push(row_of(writing, slice, *told, None)?);
    }
    if !rows.first().is_some_and(|first| rows.iter().all(|row| row.has_in_common(first))) {
        return Ok(Together::TooDifferent);
    }
    if !writing.cache.rows.enter_all_ended(&mut slice.inserts, &rows)? {
        return Ok(Together::SomeKnown);
    }
    for (told, row) in told.iter().zip(&rows) {
        sum(writing, slice, told.call, row)?;
        new.count(told.call.plan_login, row.cost);
    }
    Ok(Together::Written)
}

/// What its row is to say. Budgets are charged by it where it belongs to their present period.
fn row_of<'a>(
    writing: &mut Writing<'_>,
    slice: &Slice<'_>,
    told: Told<'a>,
    before: Option<&'a Row>,
) -> Result<EndedCall<'a>, OpError> {
    let call = told.call;
    let started = call.started();
    let id = before.map_or_else(|| id_named(call.key, started), |before| before.id);
    let project = call.project.as_deref();
    let project = project.or_else(|| before.and_then(|before| before.call.project.as_deref()));
    let response_id = call.response_id.as_deref();
    let response_id =
        response_id.or_else(|| before.and_then(|before| before.call.response_id.as_deref()));
    let account = account::of_call(writing, &call.provider, None, call.plan_login, started)?;
    let dimensions = dimensions(writing, call, project)?;
    let Bill { cost, basis, price } =
        told.bill.map_or_else(|| call.bill(&slice.prices), Bill::clone);
    if let Some(price) = &price {
        price::keep(writing, price)?;
    }
    let shares = match slice.is_present(call) {
        true => {
            let new = new_call(call, id, project);
            charged(writing, slice, &new, account, &dimensions, &charge_of(call, cost))?
        }
        false => Shares::default(),
    };
    Ok(EndedCall {
        id: *id.as_bytes(),
        account,
        started_ms: to_ms(started),
        duration_ms: call.duration.map(|duration| duration.num_milliseconds()),
        dimensions,
        log_key: call.key,
        response_id,
        service_tier: call.service_tier.as_deref(),
        usage: &call.usage,
        usage_json: rare_json(&call.usage)?,
        shares,
        basis,
        cost,
        cost_stated: call.cost_logged,
        price,
    })
}

/// Adds a call whose row is written to the sums, and takes it from its account's credit.
fn sum(
    writing: &mut Writing<'_>,
    slice: &mut Slice<'_>,
    call: &ImportedCall,
    row: &EndedCall<'_>,
) -> Result<(), OpError> {
    let EndedCall { account, dimensions, cost, .. } = row;
    let key = RollupKey {
        account: *account,
        provider: dimensions.provider,
        model: dimensions.model.unwrap_or(0),
        project: dimensions.project.unwrap_or(0),
        key: 0,
        client: dimensions.client.unwrap_or(0),
    };
    let (started, value) = (call.started(), call.value(*cost));
    writing.cache.rollups.add(started, key, Some(&call.usage), value);
    slice.outside.add(started, dimensions.source, value, 1);
    if call.plan_login {
        return Ok(());
    }
    credit::spend_elsewhere(writing, *account, cost.unwrap_or_default(), started, slice.now)
}

fn dimensions(
    writing: &mut Writing<'_>,
    call: &ImportedCall,
    project: Option<&str>,
) -> rusqlite::Result<Dimensions> {
    let tags = Some(&*call.tags).filter(|tags| !tags.is_empty());
    Ok(Dimensions {
        source: intern(writing, Dimension::Source, &call.source)?,
        provider: intern(writing, Dimension::Provider, &call.provider)?,
        model: intern_some(writing, Dimension::Model, call.model.as_deref())?,
        project: intern_some(writing, Dimension::Project, project)?,
        session: intern_some(writing, Dimension::Session, call.session.as_deref())?,
        client: intern_some(writing, Dimension::Client, call.client.as_deref())?,
        key: None,
        tags: intern_some(writing, Dimension::Tags, tags)?,
        run: None,
    })
}

fn charge_of(call: &ImportedCall, cost: Option<Money>) -> Charge<'_> {
    Charge { is_billed: true, usage: Some(&call.usage), cost, is_ended: false }
}

/// Charges the call in the budgets whose present period it belongs to.
fn charged(
    writing: &mut Writing<'_>,
    slice: &Slice<'_>,
    call: &NewCall,
    account: i64,
    dimensions: &Dimensions,
    charge: &Charge<'_>,
) -> Result<Shares, OpError> {
    let mut running = Running {
        id: call.id,
        // It has none yet, and is never ended because of a limit, which alone asks for it.
        seq: 0,
        account,
        started: call.at,
        provider: dimensions.provider,
        provider_name: call.provider.clone(),
        account_name: String::new(),
        plan_login: call.plan_login,
        model_requested: dimensions.model,
        model_name: None,
        project: dimensions.project,
        key: None,
        client: dimensions.client,
        input_tokens_max: 0,
        ceiling: None,
        shares: elsewhere::shares(writing, call, account, slice.now)?,
    };
    charge::charge(writing, &mut running, charge, slice.now)?;
    Ok(running.shares)
}

fn new_call(call: &ImportedCall, id: uuid::Uuid, project: Option<&str>) -> NewCall {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    NewCall {
        id,
        at: call.started(),
        source: call.source.as_ref().to_owned(),
        provider: call.provider.as_ref().to_owned(),
        model_requested: text(&call.model),
        project: project.map(str::to_owned),
        session: text(&call.session),
        client: text(&call.client),
        key: None,
        tags: call.tags.as_ref().to_owned(),
        run: None,
        plan_login: call.plan_login,
        service_tier: text(&call.service_tier),
        bounds: elsewhere::ENDED,
        is_strict: false,
    }
}
