//! What a row of the call table says of a call that asks to be sent.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::shares::Shares;
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
