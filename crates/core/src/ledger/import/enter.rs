//! Writes a call that a log tells of down as it ended.

use std::sync::Arc;

use super::row::Row;
use super::{ImportedCall, Slice};
use crate::ledger::call::{Dimensions, NewCall};
use crate::ledger::call_row::{End, EndedCall};
use crate::ledger::charge::{self, Charge};
use crate::ledger::dimension::{Dimension, intern, intern_some};
use crate::ledger::error::OpError;
use crate::ledger::rollup::RollupKey;
use crate::ledger::running::Running;
use crate::ledger::shares::Shares;
use crate::ledger::time::{new_id, to_ms, uuid_of};
use crate::ledger::writer::Writing;
use crate::ledger::{account, credit, elsewhere, price};
use crate::money::Money;

/// Writes the call down, in the place of the row `before` where there was one; what it costs. `None`:
/// its entry has a row, and nothing was done.
pub(super) fn enter(
    writing: &mut Writing<'_>,
    slice: &mut Slice<'_>,
    call: &ImportedCall,
    before: Option<&Row>,
) -> Result<Option<Option<Money>>, OpError> {
    let started = call.started();
    let id = before.map_or_else(|| uuid_of(new_id(started)), |before| before.id);
    let project = call.project.as_deref();
    let project = project.or_else(|| before.and_then(|before| before.call.project.as_deref()));
    let response_id = call.response_id.as_deref();
    let response_id =
        response_id.or_else(|| before.and_then(|before| before.call.response_id.as_deref()));
    let account = account::of_call(writing, &call.provider, None, call.plan_login, started)?;
    let dimensions = dimensions(writing, call, project)?;
    let bill = call.bill(&slice.prices);
    let cost = bill.cost;
    if let Some(price) = &bill.price {
        price::keep(writing, price)?;
    }
    let shares = match slice.is_present(call) {
        true => {
            let new = new_call(call, id, project);
            charged(writing, slice, &new, account, &dimensions, &charge_of(call, cost))?
        }
        false => Shares::default(),
    };
    let settlement =
        elsewhere::settlement(bill, None, response_id.map(str::to_owned), call.duration, slice.now);
    let end = End::new(Arc::new(settlement), dimensions.model, shares)?;
    let ended = EndedCall {
        id: *id.as_bytes(),
        account,
        started_ms: to_ms(started),
        dimensions: &dimensions,
        log_key: call.key,
    };
    let rows = &mut writing.cache.rows;
    if rows.enter_ended(&mut slice.inserts, writing.machine_id, &ended, end)?.is_none() {
        return Ok(None);
    }
    let key = RollupKey {
        account,
        provider: dimensions.provider,
        model: dimensions.model.unwrap_or(0),
        project: dimensions.project.unwrap_or(0),
        key: 0,
        client: dimensions.client.unwrap_or(0),
    };
    writing.cache.rollups.add(started, key, Some(&call.usage), call.value(cost));
    slice.outside.add(started, dimensions.source, call.value(cost), 1);
    if !call.plan_login {
        let owed = cost.unwrap_or_default();
        credit::spend_elsewhere(writing, account, owed, started, slice.now)?;
    }
    Ok(Some(cost))
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
