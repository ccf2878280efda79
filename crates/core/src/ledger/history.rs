//! What calls of a model consumed lately: read once from the ledger, then kept by settlements.

use rusqlite::params;

use super::enter::write_rows;
use super::writer::Writing;
use crate::admission::{Bounds, Expected, History, Sample};

/// How many of the last calls, of whatever model, are looked through.
const LOOKED_THROUGH: i64 = 2_000;

/// What a call with these bounds will probably consume.
pub(crate) fn expected(
    writing: &mut Writing<'_>,
    provider: i64,
    model: i64,
    bounds: &Bounds,
) -> rusqlite::Result<Expected> {
    if let Some(history) = writing.cache.history(provider, model) {
        return Ok(history.expected(bounds));
    }
    write_rows(writing)?;
    let history = load(writing, provider, model)?;
    let expected = history.expected(bounds);
    writing.cache.remember_history(provider, model, history);
    Ok(expected)
}

/// Adds an ended call, where its model's history is in use.
pub(crate) fn add(writing: &mut Writing<'_>, provider: i64, model: i64, sample: Sample) {
    if let Some(history) = writing.cache.history(provider, model) {
        history.add(sample);
    }
}

fn load(writing: &Writing<'_>, provider: i64, model: i64) -> rusqlite::Result<History> {
    let mut statement = writing.connection.prepare_cached(
        "SELECT coalesce(input_tokens_max, 0), coalesce(input_tokens, 0) \
         + coalesce(cache_read_tokens, 0) + coalesce(cache_write_5m_tokens, 0) \
         + coalesce(cache_write_1h_tokens, 0) + coalesce(audio_input_tokens, 0), output_tokens, \
         output_shown_tokens \
         FROM call WHERE seq > (SELECT coalesce(max(seq), 0) FROM call) - ?3 \
         AND provider_id = ?1 AND model_requested_id = ?2 AND status = 'settled' \
         AND output_tokens IS NOT NULL ORDER BY seq",
    )?;
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    let rows = statement.query_map(params![provider, model, LOOKED_THROUGH], |row| {
        Ok(Sample {
            input_tokens_max: count(row.get(0)?),
            input_tokens: count(row.get(1)?),
            output_tokens: count(row.get(2)?),
            output_shown_tokens: row.get::<_, Option<i64>>(3)?.map(count),
        })
    })?;
    let mut history = History::default();
    for sample in rows {
        history.add(sample?);
    }
    Ok(history)
}
