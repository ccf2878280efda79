//! Models that were used without a price.

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use crate::ledger::rollup::{DAY_MS, QUARTER_MS, days_until};
use crate::ledger::time::from_ms;

/// A model that had calls without a price.
#[derive(Clone, Debug)]
pub(crate) struct UnpricedModel {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) calls: i64,
    /// The beginning of the last UTC day with such a call.
    pub(crate) last_day: DateTime<Utc>,
}

/// All of them, those with the most calls first.
pub(crate) fn unpriced(connection: &Connection) -> rusqlite::Result<Vec<UnpricedModel>> {
    // A day has coarse sums once it is over.
    let since = days_until(connection)? * (DAY_MS / QUARTER_MS);
    connection
        .prepare_cached(
            "SELECT p.text, m.text, sum(used.calls) AS calls, max(used.day) FROM ( \
             SELECT provider_id, dimension_id AS model_id, unpriced_calls AS calls, day \
             FROM rollup_day WHERE by_kind = 1 AND unpriced_calls > 0 UNION ALL \
             SELECT provider_id, model_id, unpriced_calls, quarter / ?2 FROM rollup_quarter \
             WHERE quarter >= ?1 AND unpriced_calls > 0) used \
             JOIN dimension p ON p.id = used.provider_id \
             JOIN dimension m ON m.id = used.model_id GROUP BY 1, 2 ORDER BY calls DESC, 1, 2",
        )?
        .query_map([since, DAY_MS / QUARTER_MS], |row| {
            Ok(UnpricedModel {
                provider: row.get(0)?,
                model: row.get(1)?,
                calls: row.get(2)?,
                last_day: from_ms(row.get::<_, i64>(3)? * DAY_MS),
            })
        })?
        .collect()
}
