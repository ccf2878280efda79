//! The call table: one row a call, refused ones included.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dimension::{Dimension, intern, intern_some};
use super::running::Running;
use super::shares::Shares;
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
    /// The `outlay run` it belongs to, if any.
    pub run: Option<String>,
    /// A subscription login: metered at API value, outside money budgets.
    pub plan_login: bool,
    /// The service tier asked for, if any.
    pub service_tier: Option<String>,
    /// What it may consume.
    pub bounds: Bounds,
    /// Near a limit it is refused unless what it may cost is proven.
    pub is_strict: bool,
}

/// What a new row says beside the call's own facts.
pub(crate) struct Entry {
    pub(crate) status: &'static str,
    pub(crate) limit_action: Option<&'static str>,
    pub(crate) output_cap: Option<u64>,
    pub(crate) ceiling: Option<Money>,
    pub(crate) refusal: Option<RefusalReason>,
    pub(crate) refused_by: Option<i64>,
    /// What budgets hold for it.
    pub(crate) shares: Shares,
    /// The process that runs it.
    pub(crate) owner: Option<[u8; 16]>,
    /// Whether nobody can tell the most that it may cost.
    pub(crate) is_unbounded: bool,
}

/// Writes the call's row; returns its `seq`.
pub(crate) fn insert(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    entry: &Entry,
) -> rusqlite::Result<i64> {
    let dimensions = Dimensions::of(writing, call)?;
    insert_with(writing, call, account, &dimensions, entry)
}

/// The interned strings of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dimensions {
    pub(crate) source: i64,
    pub(crate) provider: i64,
    pub(crate) model: Option<i64>,
    pub(crate) project: Option<i64>,
    pub(crate) session: Option<i64>,
    pub(crate) client: Option<i64>,
    pub(crate) key: Option<i64>,
    pub(crate) tags: Option<i64>,
    pub(crate) run: Option<i64>,
}

impl Dimensions {
    pub(crate) fn of(writing: &mut Writing<'_>, call: &NewCall) -> rusqlite::Result<Dimensions> {
        let tags = Some(call.tags.as_str()).filter(|tags| !tags.is_empty());
        Ok(Dimensions {
            source: intern(writing, Dimension::Source, &call.source)?,
            provider: intern(writing, Dimension::Provider, &call.provider)?,
            model: intern_some(writing, Dimension::Model, call.model_requested.as_deref())?,
            project: intern_some(writing, Dimension::Project, call.project.as_deref())?,
            session: intern_some(writing, Dimension::Session, call.session.as_deref())?,
            client: intern_some(writing, Dimension::Client, call.client.as_deref())?,
            key: intern_some(writing, Dimension::Key, call.key.as_deref())?,
            tags: intern_some(writing, Dimension::Tags, tags)?,
            run: intern_some(writing, Dimension::Run, call.run.as_deref())?,
        })
    }
}

/// As [`insert`], with the strings interned already.
pub(crate) fn insert_with(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    dimensions: &Dimensions,
    entry: &Entry,
) -> rusqlite::Result<i64> {
    let seq = enter(writing, call, account, dimensions, entry)?;
    write_rows(writing)?;
    Ok(seq)
}

/// As [`insert_with`], for a row that nothing looks for in the file before the transaction is
/// committed but who ends the call.
pub(crate) fn enter(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    dimensions: &Dimensions,
    entry: &Entry,
) -> rusqlite::Result<i64> {
    let rows = &mut writing.cache.rows;
    let seq =
        rows.enter(writing.connection, writing.machine_id, (call, account, dimensions), entry)?;
    if !writing.course.may_defer() {
        write_rows(writing)?;
    }
    Ok(seq)
}

/// Writes down the rows that the transaction has still to write.
pub(crate) fn write_rows(writing: &mut Writing<'_>) -> rusqlite::Result<()> {
    writing.cache.rows.write(writing.connection)
}

/// The running call of that id. It is taken out of what the writer remembers: who lets it run on
/// puts it back.
pub(crate) fn running(writing: &mut Writing<'_>, id: Uuid) -> rusqlite::Result<Option<Running>> {
    match writing.cache.take_running(*id.as_bytes()) {
        Some(call) => Ok(Some(call)),
        None => Running::read(writing.connection, id),
    }
}
