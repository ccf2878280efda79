//! Sums of ended calls, kept in the transaction that ends them.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params_from_iter};

use super::time::to_ms;
use crate::money::Money;
use crate::usage::Usage;

/// Milliseconds in a quarter-hour, the finest sum.
pub(crate) const QUARTER_MS: i64 = 15 * 60 * 1000;
/// Milliseconds in a UTC day, the coarse sum.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a coarse sum is by. The numbers are stored; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoarseBy {
    Model = 1,
    Project = 2,
}

/// The dimensions of one call; 0 stands for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RollupKey {
    pub(crate) account: i64,
    pub(crate) provider: i64,
    pub(crate) model: i64,
    pub(crate) project: i64,
    pub(crate) key: i64,
    pub(crate) client: i64,
}

/// What one ended call is worth; `None` where unpriced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// Money owed to the provider.
    Owed(Option<Money>),
    /// A subscription's use at API prices, which owes nothing.
    OfPlan(Option<Money>),
}

const COUNTS: &str = "calls, unpriced_calls, input_tokens, cache_read_tokens, \
     cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, cost_pico, \
     plan_value_pico";
const ADD: &str = "calls = calls + 1, unpriced_calls = unpriced_calls + excluded.unpriced_calls, \
     input_tokens = input_tokens + excluded.input_tokens, \
     cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens, \
     cache_write_5m_tokens = cache_write_5m_tokens + excluded.cache_write_5m_tokens, \
     cache_write_1h_tokens = cache_write_1h_tokens + excluded.cache_write_1h_tokens, \
     output_tokens = output_tokens + excluded.output_tokens, \
     reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, \
     cost_pico = cost_pico + excluded.cost_pico, \
     plan_value_pico = plan_value_pico + excluded.plan_value_pico";

/// Adds one ended call to the sums of the instant it was admitted at.
pub(crate) fn add(
    connection: &Connection,
    started: DateTime<Utc>,
    key: RollupKey,
    usage: Option<&Usage>,
    value: Value,
) -> rusqlite::Result<()> {
    let started_ms = to_ms(started);
    let counts = counts(usage, value);
    static QUARTER: LazyLock<String> = LazyLock::new(|| {
        format!(
            "INSERT INTO rollup_quarter (quarter, account_id, provider_id, model_id, project_id, \
             key_id, client_id, {COUNTS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11, \
             ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO UPDATE SET {ADD}"
        )
    });
    static DAY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "INSERT INTO rollup_day (by_kind, day, provider_id, dimension_id, {COUNTS}) \
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT DO UPDATE SET {ADD}"
        )
    });
    let quarter = started_ms.div_euclid(QUARTER_MS);
    let dimensions = [key.account, key.provider, key.model, key.project, key.key, key.client];
    let values = std::iter::once(quarter).chain(dimensions).chain(counts);
    connection.prepare_cached(&QUARTER)?.execute(params_from_iter(values))?;
    let day = started_ms.div_euclid(DAY_MS);
    for (by, dimension) in [(CoarseBy::Model, key.model), (CoarseBy::Project, key.project)] {
        let values = [by as i64, day, key.provider, dimension].into_iter().chain(counts);
        connection.prepare_cached(&DAY)?.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// All but `calls`, in the order of `COUNTS`.
fn counts(usage: Option<&Usage>, value: Value) -> [i64; 9] {
    let usage = usage.copied().unwrap_or_default();
    let picodollars = |cost: Option<Money>| cost.unwrap_or_default().picodollars();
    let (unpriced, cost, plan_value) = match value {
        Value::Owed(cost) => (cost.is_none(), picodollars(cost), 0),
        Value::OfPlan(cost) => (cost.is_none(), 0, picodollars(cost)),
    };
    [
        i64::from(unpriced),
        shown_input(&usage),
        clamp(usage.cache_read_tokens),
        clamp(usage.cache_write_5m_tokens),
        clamp(usage.cache_write_1h_tokens),
        clamp(usage.output_tokens),
        clamp(usage.reasoning_tokens.unwrap_or(0)),
        cost,
        plan_value,
    ]
}

/// The prompt tokens shown as input: image and video tokens have no column of their own.
pub(crate) fn shown_input(usage: &Usage) -> i64 {
    clamp(
        usage
            .input_tokens
            .saturating_add(usage.image_input_tokens)
            .saturating_add(usage.video_input_tokens),
    )
}

/// A count as SQLite stores it.
pub(crate) fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
