//! Calls that were made elsewhere: written down as they ended, charged like our own, never refused
//! (the money is spent).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::call::NewCall;
use super::enter::insert;
use super::error::{LedgerError, OpError};
use super::settle::settle;
use super::time::{new_id, to_ms, uuid_of};
use super::writer::Writing;
use super::{account, elsewhere, price};
use crate::cost::{self, Metered};
use crate::money::Money;
use crate::usage::Usage;

/// How far ahead of our clock another machine's may be.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
/// How long the answer to a batch is kept for a request that is sent again.
const ANSWER_KEPT: TimeDelta = TimeDelta::days(30);

/// A call that was made elsewhere.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// When it was made; decides its price and its period.
    pub at: DateTime<Utc>,
    /// `api` or `import:<tool>`.
    pub source: String,
    /// Provider name as in a route.
    pub provider: String,
    /// The account that pays; `None`: the one named after the provider.
    pub account: Option<String>,
    /// The model asked for; `None`: the same as `model`.
    pub model_requested: Option<String>,
    /// The model that served it.
    pub model: String,
    /// Project, if any.
    pub project: Option<String>,
    /// The client's session, if any.
    pub session: Option<String>,
    /// The client, if known.
    pub client: Option<String>,
    /// `k=v;k=v` in order of keys; empty for none.
    pub tags: String,
    /// The service tier that served it.
    pub service_tier: Option<String>,
    /// What it consumed; `None` where unknown.
    pub usage: Option<Usage>,
    /// What the provider says that it cost.
    pub cost_stated: Option<Money>,
    /// The provider's id of the answer; a call whose id is known already is not recorded again.
    pub response_id: Option<String>,
    /// From its beginning to its end.
    pub duration: Option<TimeDelta>,
}

/// Names a request, so that sending it again does not repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The client's name for the request.
    pub key: String,
    /// A hash of what was requested.
    pub digest: String,
}

/// What became of a recorded call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its id.
    pub id: Uuid,
    /// `settled`, or `estimated` where nothing is the provider's word.
    pub status: String,
    /// `stated priced estimated unpriced`.
    pub basis: Option<String>,
    /// Its cost; `None` where unpriced.
    pub cost_usd: Option<Money>,
    /// The price it was charged at.
    pub price_id: Option<String>,
    /// Whether the ledger had it already, by its response id; nothing was charged then.
    pub duplicate: bool,
}

pub(crate) fn record(
    writing: &mut Writing<'_>,
    calls: &[RecordedCall],
    key: Option<&IdempotencyKey>,
    now: DateTime<Utc>,
) -> Result<Vec<Recorded>, OpError> {
    if let Some(key) = key
        && let Some(answer) = answered(writing, key)?
    {
        return Ok(answer);
    }
    let recorded =
        calls.iter().map(|call| one(writing, call, now)).collect::<Result<Vec<_>, OpError>>()?;
    if let Some(key) = key {
        remember(writing, key, &recorded, now)?;
    }
    Ok(recorded)
}

fn one(
    writing: &mut Writing<'_>,
    call: &RecordedCall,
    now: DateTime<Utc>,
) -> Result<Recorded, OpError> {
    if call.at > now + AHEAD_MAX {
        let at = call.at.to_rfc3339();
        return Err(LedgerError::Invalid(format!(
            "a call of {at} is in the future: give the time at which it was made"
        ))
        .into());
    }
    let account = match &call.account {
        Some(name) => account::ensure(writing, name, false)?,
        None => account::of_call(writing, &call.provider, None, false, call.at)?,
    };
    if let Some(known) = known(writing, account, call.response_id.as_deref())? {
        return Ok(known);
    }
    let entered = entered(call);
    enter(writing, &entered, account, now)?;
    let metered = Metered {
        usage: call.usage,
        model: Some(call.model.clone()),
        service_tier: call.service_tier.clone(),
        response_id: call.response_id.clone(),
        stated_cost: call.cost_stated,
        ..Metered::default()
    };
    let prices = price::list(writing)?;
    let requested = call.model_requested.as_deref().unwrap_or(&call.model);
    let bill = cost::bill(&prices, &call.provider, requested, &metered, call.at);
    let settlement =
        elsewhere::settlement(bill, metered.model, metered.response_id, call.duration, now);
    settle(writing, entered.id, &Arc::new(settlement))?;
    outcome(writing, entered.id, false)
}

fn entered(call: &RecordedCall) -> NewCall {
    NewCall {
        id: uuid_of(new_id(call.at)),
        at: call.at,
        source: call.source.clone(),
        provider: call.provider.clone(),
        model_requested: Some(call.model_requested.as_ref().unwrap_or(&call.model).clone()),
        project: call.project.clone(),
        session: call.session.clone(),
        client: call.client.clone(),
        key: None,
        tags: call.tags.clone(),
        run: None,
        plan_login: false,
        service_tier: call.service_tier.clone(),
        bounds: elsewhere::ENDED,
        is_strict: false,
    }
}

/// Writes the call down as running without a hold.
fn enter(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let shares = elsewhere::shares(writing, call, account, now)?;
    insert(writing, call, account, &elsewhere::entry(shares)).map(drop).map_err(OpError::from)
}

fn known(
    writing: &Writing<'_>,
    account: i64,
    response_id: Option<&str>,
) -> Result<Option<Recorded>, OpError> {
    let Some(response_id) = response_id else { return Ok(None) };
    let id: Option<[u8; 16]> = writing
        .connection
        .prepare_cached(
            "SELECT id FROM call WHERE account_id = ?1 AND response_id = ?2 AND response_repeats = 0",
        )?
        .query_row(params![account, response_id], |row| row.get(0))
        .optional()?;
    id.map(|id| outcome(writing, uuid_of(id), true)).transpose()
}

fn outcome(writing: &Writing<'_>, id: Uuid, duplicate: bool) -> Result<Recorded, OpError> {
    Ok(writing
        .connection
        .prepare_cached("SELECT status, basis, cost_pico, price_id FROM call WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| {
            Ok(Recorded {
                id,
                status: row.get(0)?,
                basis: row.get(1)?,
                cost_usd: row.get::<_, Option<i64>>(2)?.map(Money::from_picodollars),
                price_id: row.get(3)?,
                duplicate,
            })
        })?)
}

fn answered(writing: &Writing<'_>, key: &IdempotencyKey) -> Result<Option<Vec<Recorded>>, OpError> {
    let stored: Option<(String, String)> = writing
        .connection
        .prepare_cached("SELECT digest, answer FROM idempotency WHERE key = ?1")?
        .query_row([&key.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((digest, answer)) = stored else { return Ok(None) };
    if digest != key.digest {
        return Err(LedgerError::Invalid(format!(
            "the Idempotency-Key '{}' was used for another request: use a new one",
            key.key
        ))
        .into());
    }
    Ok(Some(serde_json::from_str(&answer).map_err(|error| {
        LedgerError::Invalid(format!("the stored answer to '{}' is unreadable: {error}", key.key))
    })?))
}

fn remember(
    writing: &Writing<'_>,
    key: &IdempotencyKey,
    recorded: &[Recorded],
    now: DateTime<Utc>,
) -> Result<(), OpError> {
    let answer = serde_json::to_string(recorded)
        .map_err(|error| LedgerError::Invalid(format!("an answer cannot be stored: {error}")))?;
    writing
        .connection
        .prepare_cached("DELETE FROM idempotency WHERE at_ms < ?1")?
        .execute([to_ms(now - ANSWER_KEPT)])?;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO idempotency (key, at_ms, digest, answer) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![key.key, to_ms(now), key.digest, answer])?;
    Ok(())
}
