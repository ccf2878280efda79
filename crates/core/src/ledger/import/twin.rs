//! The call that passed the proxy, of which a log tells too.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::ImportedCall;
use super::proxied::{Proxied, SAME_ANSWER_WITHIN};
use crate::ledger::dimension::{self, Dimension};
use crate::ledger::rollup::clamp;
use crate::ledger::time::{from_ms, to_ms};
use crate::usage::Usage;

/// How far apart a log and the proxy may see the end of a call.
const END_APART_MAX: TimeDelta = TimeDelta::seconds(10);
/// No call runs longer.
const DURATION_MAX: TimeDelta = TimeDelta::hours(1);

/// How a call that passed the proxy was found. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By the id of the answer.
    ById = 1,
    /// By model, tokens and time.
    Matched = 2,
}

/// The call that passed the proxy and is the logged one, which has none yet.
pub(crate) fn find(
    connection: &Connection,
    proxied: Proxied,
    call: &ImportedCall,
) -> rusqlite::Result<Option<(i64, How)>> {
    if !proxied.may_include(call.ended) {
        return Ok(None);
    }
    match &call.response_id {
        Some(id) => Ok(by_id(connection, proxied, call.ended, id)?.map(|seq| (seq, How::ById))),
        None => Ok(by_tokens(connection, proxied, call)?.map(|seq| (seq, How::Matched))),
    }
}

/// Whichever account paid: the log does not know.
fn by_id(
    connection: &Connection,
    proxied: Proxied,
    ended: DateTime<Utc>,
    response_id: &str,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT seq FROM call WHERE account_id IN (SELECT id FROM account) \
             AND response_id = ?1 AND response_repeats = 0 AND source_id = ?2 \
             AND started_ms BETWEEN ?3 AND ?4 \
             UNION ALL SELECT seq FROM call WHERE response_repeats = 1 AND response_id = ?1 \
             AND source_id = ?2 AND started_ms BETWEEN ?3 AND ?4 LIMIT 1",
        )?
        .query_row(
            params![
                response_id,
                proxied.source,
                to_ms(ended - SAME_ANSWER_WITHIN),
                to_ms(ended + SAME_ANSWER_WITHIN)
            ],
            |row| row.get(0),
        )
        .optional()
}

/// The one that ended nearest, of those that no other entry is.
fn by_tokens(
    connection: &Connection,
    proxied: Proxied,
    call: &ImportedCall,
) -> rusqlite::Result<Option<i64>> {
    let Some(model) = &call.model else { return Ok(None) };
    let Some(model) = dimension::find(connection, Dimension::Model, model)? else {
        return Ok(None);
    };
    let Usage { input_tokens, cache_read_tokens, output_tokens, .. } = call.usage;
    let written = call.usage.cache_write_5m_tokens.saturating_add(call.usage.cache_write_1h_tokens);
    connection
        .prepare_cached(
            "SELECT seq FROM call WHERE started_ms BETWEEN ?1 AND ?2 AND source_id = ?3 \
             AND (model_id = ?4 OR model_requested_id = ?4) \
             AND input_tokens = ?5 AND cache_read_tokens = ?6 AND output_tokens = ?7 \
             AND cache_write_5m_tokens + cache_write_1h_tokens = ?8 \
             AND abs(started_ms + duration_ms - ?9) <= ?10 \
             AND NOT EXISTS (SELECT 1 FROM logged WHERE call_seq = seq) \
             ORDER BY abs(started_ms + duration_ms - ?9), seq LIMIT 1",
        )?
        .query_row(
            params![
                to_ms(call.ended - DURATION_MAX - END_APART_MAX),
                to_ms(call.ended + END_APART_MAX),
                proxied.source,
                model,
                clamp(input_tokens),
                clamp(cache_read_tokens),
                clamp(output_tokens),
                clamp(written),
                to_ms(call.ended),
                END_APART_MAX.num_milliseconds(),
            ],
            |row| row.get(0),
        )
        .optional()
}

/// Rows that imports made lately and whose call has been seen by the proxy since: `(row, the proxy's
/// row, how it was found)`.
pub(crate) fn late(
    connection: &Connection,
    proxied: Proxied,
    since: DateTime<Utc>,
) -> rusqlite::Result<Vec<(i64, i64, How)>> {
    let mut statement = connection.prepare_cached(
        "SELECT c.seq, c.started_ms + coalesce(c.duration_ms, 0), c.response_id, m.text, \
         c.input_tokens, c.cache_read_tokens, c.output_tokens, c.cache_write_5m_tokens, \
         c.cache_write_1h_tokens FROM call c LEFT JOIN dimension m ON m.id = c.model_id \
         WHERE c.started_ms >= ?1 AND c.source_id <> ?2 \
         AND c.log_key IS NOT NULL \
         ORDER BY c.started_ms, c.seq",
    )?;
    let count = |value: Option<i64>| u64::try_from(value.unwrap_or(0)).unwrap_or(0);
    let own = statement.query_map(params![to_ms(since), proxied.source], |row| {
        let usage = Usage {
            input_tokens: count(row.get(4)?),
            cache_read_tokens: count(row.get(5)?),
            output_tokens: count(row.get(6)?),
            cache_write_5m_tokens: count(row.get(7)?),
            cache_write_1h_tokens: count(row.get(8)?),
            ..Usage::default()
        };
        let ended = from_ms(row.get(1)?);
        Ok((row.get(0)?, ImportedCall::seen(ended, row.get(2)?, row.get(3)?, usage)))
    })?;
    let mut found: Vec<(i64, i64, How)> = Vec::new();
    for own in own {
        let (seq, call): (i64, ImportedCall) = own?;
        if let Some((twin, how)) = find(connection, proxied, &call)?
            && !found.iter().any(|(_, taken, how)| *taken == twin && *how == How::Matched)
        {
            found.push((seq, twin, how));
        }
    }
    Ok(found)
}
