//! The call table: one row a call, refused ones included.

use chrono::{DateTime, Utc};
use rusqlite::params;
use uuid::Uuid;

use super::dimension::{Dimension, intern, intern_some};
use super::time::to_ms;
use super::writer::Writing;
use crate::admission::{Bounds, RefusalReason};
use crate::money::Money;

/// A call that asks to be sent.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// Its id: a UUIDv7 of `at`.
    pub id: Uuid,
    /// The instant that decides its period and its price.
    pub at: DateTime<Utc>,
    /// `proxy`, `api` or `import:<tool>`.
    pub source: String,
    /// Provider name as in the route.
    pub provider: String,
    /// The model asked for; `None` where the request names none.
    pub model_requested: Option<String>,
    /// Project, if any.
    pub project: Option<String>,
    /// The client's session id, if any.
    pub session: Option<String>,
    /// The client's name, if known.
    pub client: Option<String>,
    /// Fingerprint of the key, if any.
    pub key: Option<String>,
    /// `k=v;k=v` in order of keys; empty for none.
    pub tags: String,
    /// A subscription login: metered at API value, outside money budgets.
    pub plan_login: bool,
    /// The service tier asked for, if any.
    pub service_tier: Option<String>,
    /// What it may consume.
    pub bounds: Bounds,
}

/// What a new row says beside the call's own facts.
pub(crate) struct Entry {
    pub(crate) status: &'static str,
    pub(crate) limit_action: Option<&'static str>,
    pub(crate) output_cap: Option<u64>,
    pub(crate) ceiling: Option<Money>,
    pub(crate) refusal: Option<RefusalReason>,
    pub(crate) refused_by: Option<i64>,
    /// The process that runs it.
    pub(crate) owner: Option<[u8; 16]>,
}

/// Writes the call's row; returns its `seq`.
pub(crate) fn insert(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    entry: &Entry,
) -> rusqlite::Result<i64> {
    let source = intern(writing, Dimension::Source, &call.source)?;
    let provider = intern(writing, Dimension::Provider, &call.provider)?;
    let model = intern_some(writing, Dimension::Model, call.model_requested.as_deref())?;
    let project = intern_some(writing, Dimension::Project, call.project.as_deref())?;
    let session = intern_some(writing, Dimension::Session, call.session.as_deref())?;
    let client = intern_some(writing, Dimension::Client, call.client.as_deref())?;
    let key = intern_some(writing, Dimension::Key, call.key.as_deref())?;
    let tags = Some(call.tags.as_str()).filter(|tags| !tags.is_empty());
    let tags = intern_some(writing, Dimension::Tags, tags)?;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO call (id, machine_id, account_id, started_ms, source_id, provider_id, \
             model_requested_id, project_id, session_id, client_id, key_id, tags_id, status, \
             limit_action, output_cap, ceiling_pico, refusal, refused_by, owner) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
             ?18, ?19)",
        )?
        .insert(params![
            call.id.as_bytes(),
            writing.machine_id,
            account,
            to_ms(call.at),
            source,
            provider,
            model,
            project,
            session,
            client,
            key,
            tags,
            entry.status,
            entry.limit_action,
            entry.output_cap.map(super::rollup::clamp),
            entry.ceiling.map(Money::picodollars),
            entry.refusal.map(RefusalReason::as_str),
            entry.refused_by,
            entry.owner,
        ])
}
