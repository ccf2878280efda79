//! Counts over the whole ledger, from sums and from indexes of what is rare.

use rusqlite::Connection;

use crate::ledger::rollup::{DAY_MS, QUARTER_MS, days_until};
use crate::money::Money;

/// One provider's billed calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderTotal {
    /// Its name.
    pub provider: String,
    /// Settled and estimated calls.
    pub calls: i64,
    /// Of these, the ones of unknown cost.
    pub unpriced_calls: i64,
    /// Money owed.
    pub cost: Money,
}

/// Calls that are not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedEarly {
    /// The provider's name.
    pub provider: String,
    /// `refused failed estimated`.
    pub status: String,
    /// The class of the upstream's error.
    pub error_kind: Option<String>,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// How many.
    pub calls: i64,
}

/// Billed calls by provider.
pub(crate) fn by_provider(connection: &Connection) -> rusqlite::Result<Vec<ProviderTotal>> {
    let first_quarter = days_until(connection)?.saturating_mul(DAY_MS / QUARTER_MS);
    connection
        .prepare_cached(
            "SELECT p.text, sum(calls), sum(unpriced_calls), sum(cost_pico) FROM ( \
             SELECT provider_id, calls, unpriced_calls, cost_pico FROM rollup_day WHERE by_kind = 1 \
             UNION ALL SELECT provider_id, calls, unpriced_calls, cost_pico FROM rollup_quarter \
             WHERE quarter >= ?1) JOIN dimension p ON p.id = provider_id GROUP BY 1 ORDER BY 1",
        )?
        .query_map([first_quarter], |row| {
            Ok(ProviderTotal {
                provider: row.get(0)?,
                calls: row.get(1)?,
                unpriced_calls: row.get(2)?,
                cost: Money::from_picodollars(row.get(3)?),
            })
        })?
        .collect()
}

/// Calls that are not settled, by what became of them.
pub(crate) fn ended_early(connection: &Connection) -> rusqlite::Result<Vec<EndedEarly>> {
    connection
        .prepare_cached(
            "SELECT p.text, status, error_kind, refusal, calls FROM ( \
             SELECT provider_id, status, error_kind, refusal, sum(calls) AS calls FROM ( \
             SELECT provider_id, status, error_kind, refusal, sum(1 + repeats) AS calls FROM call \
             WHERE status <> 'settled' AND status <> 'running' AND status <> 'waiting' \
             GROUP BY status, provider_id, error_kind, refusal \
             UNION ALL SELECT provider_id, status, nullif(error_kind, ''), nullif(refusal, ''), calls \
             FROM forgotten_ends WHERE status <> 'settled') \
             GROUP BY status, provider_id, error_kind, refusal) \
             JOIN dimension p ON p.id = provider_id ORDER BY 1, 2, 3, 4",
        )?
        .query_map([], |row| {
            Ok(EndedEarly {
                provider: row.get(0)?,
                status: row.get(1)?,
                error_kind: row.get(2)?,
                refusal: row.get(3)?,
                calls: row.get(4)?,
            })
        })?
        .collect()
}

/// Calls by what a limit did to them.
pub(crate) fn limited(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    connection
        .prepare_cached(
            "SELECT limit_action, sum(calls) FROM ( \
             SELECT limit_action, count(*) AS calls FROM call WHERE limit_action IS NOT NULL \
             GROUP BY limit_action \
             UNION ALL SELECT limit_action, call_rows FROM forgotten_ends WHERE limit_action <> '') \
             GROUP BY limit_action ORDER BY limit_action",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Running calls of all processes.
pub(crate) fn running(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT count(*) FROM call WHERE owner IS NOT NULL AND status = 'running'")?
        .query_row([], |row| row.get(0))
}
