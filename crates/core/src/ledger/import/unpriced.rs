//! Imported calls whose cost nobody knew when they came: they are booked once their model has a price,
//! by what the ledger has of them. The log may be gone.

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use rusqlite::Connection;

use super::row::Row;
use super::{Imported, Slice};
use crate::ledger::error::OpError;
use crate::ledger::rollup::QUARTER_MS;
use crate::ledger::time::from_ms;
use crate::ledger::writer::Writing;
use crate::price::{PriceList, PriceQuery};

/// A provider's model with calls of unknown cost.
struct Unpriced {
    provider_id: i64,
    model_id: i64,
    provider: String,
    model: String,
    /// The last quarter-hour in which there are some.
    latest: i64,
}

/// The numbers of the calls that can be booked now.
pub(super) fn newly_priced(
    connection: &Connection,
    prices: &PriceList,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<i64>> {
    let mut found = Vec::new();
    for of in unpriced(connection)? {
        let at = from_ms(of.latest.saturating_mul(QUARTER_MS)).min(now);
        let (provider, model) = (of.provider.as_str(), of.model.as_str());
        if prices.find(&PriceQuery { provider, model, at, service_tier: None }).is_none() {
            continue;
        }
        for seq in calls_of(connection, &of)? {
            let row = Row::read(connection, seq)?;
            if row.is_some_and(|row| row.call.bill(prices).cost.is_some()) {
                found.push(seq);
            }
        }
    }
    Ok(found)
}

/// By the sums, for calls are many.
fn unpriced(connection: &Connection) -> rusqlite::Result<Vec<Unpriced>> {
    connection
        .prepare_cached(
            "SELECT r.provider_id, r.model_id, p.text, m.text, max(r.quarter) \
             FROM rollup_quarter r JOIN dimension p ON p.id = r.provider_id \
             JOIN dimension m ON m.id = r.model_id WHERE r.unpriced_calls > 0 \
             AND EXISTS (SELECT 1 FROM outside_quarter WHERE unpriced_calls > 0) GROUP BY 1, 2",
        )?
        .query_map([], |row| {
            Ok(Unpriced {
                provider_id: row.get(0)?,
                model_id: row.get(1)?,
                provider: row.get(2)?,
                model: row.get(3)?,
                latest: row.get(4)?,
            })
        })?
        .collect()
}

/// Imported calls of the model whose cost nobody knows.
fn calls_of(connection: &Connection, of: &Unpriced) -> rusqlite::Result<Vec<i64>> {
    let sql = format!(
        "SELECT c.seq FROM (SELECT DISTINCT quarter FROM rollup_quarter \
         WHERE provider_id = ?1 AND model_id = ?2 AND unpriced_calls > 0) q \
         CROSS JOIN call c ON c.started_ms >= q.quarter * {QUARTER_MS} \
         AND c.started_ms < (q.quarter + 1) * {QUARTER_MS} \
         WHERE c.provider_id = ?1 AND c.model_id = ?2 AND c.cost_pico IS NULL \
         AND c.log_key IS NOT NULL ORDER BY c.seq"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([of.provider_id, of.model_id], |row| row.get(0))?.collect()
}

/// Books them; by the tool whose log told of them.
pub(super) fn book(
    writing: &mut Writing<'_>,
    calls: &[i64],
    now: DateTime<Utc>,
) -> Result<HashMap<String, Imported>, OpError> {
    let mut outcomes: HashMap<String, Imported> = HashMap::default();
    let mut slice = Slice::begin(writing, now)?;
    for seq in calls {
        // Others may have been here in between.
        let Some(row) = Row::read(writing.connection, *seq)? else { continue };
        if row.cost.is_some() || row.call.key == <[u8; 16]>::default() {
            continue;
        }
        let outcome = outcomes.entry(row.call.source.as_ref().to_owned()).or_default();
        slice.replace(writing, &row.call, &row, outcome)?;
        outcome.grown += 1;
    }
    slice.end(writing.connection)?;
    Ok(outcomes)
}
