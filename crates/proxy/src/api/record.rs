//! `POST /calls`: calls that were made elsewhere. Usage and model in, cost out; one call, or a
//! batch that is recorded whole or not at all.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use http::HeaderMap;
use outlay_core::ledger::{IdempotencyKey, Recorded, RecordedCall};
use outlay_core::money::Money;
use outlay_core::usage::Usage;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::input::{self, Amount, Body};
use crate::App;

/// More would hold up calls that wait to be admitted.
const BATCH_MAX: usize = 500;
const KEY_BYTES_MAX: usize = 255;

/// One call, or a batch, as asked.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    One(Recorded),
    Batch { calls: Vec<Recorded> },
}

/// Tells a batch from a call.
#[derive(Debug, Deserialize)]
struct Shape {
    calls: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    calls: Vec<Call>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    time: Option<String>,
    provider: String,
    account: Option<String>,
    model: String,
    model_requested: Option<String>,
    project: Option<String>,
    session: Option<String>,
    client: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    service_tier: Option<String>,
    usage: Option<Map<String, Value>>,
    cost_stated_usd: Option<Amount>,
    response_id: Option<String>,
    duration_ms: Option<u32>,
}

pub(super) async fn record(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Answer>, ApiError> {
    let is_batch = body.json::<Shape>()?.calls.is_some();
    let calls = if is_batch { body.json::<Batch>()?.calls } else { vec![body.json::<Call>()?] };
    if calls.is_empty() || calls.len() > BATCH_MAX {
        return Err(ApiError::invalid(format!(
            "'calls' has {} entries: send 1 to {BATCH_MAX} at a time",
            calls.len()
        )));
    }
    let key = idempotency_key(&headers, &body)?;
    let now = app.now();
    let timezone = app.settings().timezone;
    let calls = calls
        .into_iter()
        .enumerate()
        .map(|(nth, call)| {
            let place = if is_batch { format!("calls[{nth}].") } else { String::new() };
            call.read(&place, timezone, now)
        })
        .collect::<Result<Vec<_>, ApiError>>()?;
    let mut recorded = app.ledger().record_calls(calls, key, now).await?;
    match (is_batch, recorded.pop()) {
        (false, Some(one)) => Ok(Json(Answer::One(one))),
        (_, last) => {
            recorded.extend(last);
            Ok(Json(Answer::Batch { calls: recorded }))
        }
    }
}

fn idempotency_key(headers: &HeaderMap, body: &Body) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        ApiError::invalid(format!(
            "Idempotency-Key is 1 to {KEY_BYTES_MAX} visible characters, such as a UUID"
        ))
    })?;
    Ok(Some(IdempotencyKey { key: key.to_owned(), digest: hex::encode(Sha256::digest(&body.0)) }))
}

impl Call {
    fn read(self, place: &str, timezone: Tz, now: DateTime<Utc>) -> Result<RecordedCall, ApiError> {
        let field = |name: &str| format!("{place}{name}");
        for (name, text) in [("provider", &self.provider), ("model", &self.model)] {
            if text.trim().is_empty() {
                return Err(ApiError::invalid(format!("'{}' is empty", field(name))));
            }
        }
        let at = match self.time {
            Some(text) => input::instant(&field("time"), &text, timezone)?,
            None => now,
        };
        Ok(RecordedCall {
            at,
            source: "api".to_owned(),
            provider: self.provider,
            account: self.account,
            model_requested: self.model_requested,
            model: self.model,
            project: self.project,
            session: self.session,
            client: self.client,
            tags: tags(&field("tags"), self.tags.unwrap_or_default())?,
            service_tier: self.service_tier,
            usage: self.usage.map(|given| usage(&field("usage"), given)).transpose()?,
            cost_stated: self
                .cost_stated_usd
                .map(|amount| cost(&field("cost_stated_usd"), &amount))
                .transpose()?,
            response_id: self.response_id,
            duration: self.duration_ms.map(|ms| TimeDelta::milliseconds(i64::from(ms))),
        })
    }
}

/// Tags as the ledger writes them, in order of their keys.
fn tags(field: &str, tags: BTreeMap<String, String>) -> Result<String, ApiError> {
    let is_plain = |text: &str| !text.is_empty() && !text.contains([';', '=']);
    let pairs = tags.into_iter().map(|(key, value)| {
        if is_plain(&key) && is_plain(&value) {
            Ok(format!("{key}={value}"))
        } else {
            Err(ApiError::invalid(format!(
                "'{field}.{key}': a tag and its value are not empty and have neither ; nor ="
            )))
        }
    });
    Ok(pairs.collect::<Result<Vec<_>, _>>()?.join(";"))
}

/// A misspelt bucket must not count as zero.
fn usage(field: &str, given: Map<String, Value>) -> Result<Usage, ApiError> {
    if given.is_empty() {
        return Err(ApiError::invalid(format!(
            "'{field}' is empty: leave it out where it is not known"
        )));
    }
    let known = serde_json::to_value(Usage::default()).unwrap_or_default();
    for (name, value) in &given {
        let is_known = known.get(name).is_some();
        if !is_known {
            return Err(ApiError::invalid(format!("'{field}.{name}' is not a kind of usage")));
        }
        let is_unknown = name == "reasoning_tokens" && value.is_null();
        if !is_unknown && !value.is_u64() {
            return Err(ApiError::invalid(format!(
                "'{field}.{name}' is a whole number from 0 on, not {value}"
            )));
        }
    }
    serde_json::from_value(Value::Object(given))
        .map_err(|error| ApiError::invalid(format!("'{field}': {error}")))
}

fn cost(field: &str, amount: &Amount) -> Result<Money, ApiError> {
    let cost = Money::parse_stated(&amount.0)
        .map_err(|error| ApiError::invalid(format!("'{field}': {error}")))?;
    if cost < Money::ZERO {
        return Err(ApiError::invalid(format!("'{field}' is negative: a cost is zero or more")));
    }
    Ok(cost)
}
