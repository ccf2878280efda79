//! Which logs tell of a call.

use rusqlite::Connection;

/// A log that tells of a call.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Logged {
    /// Whose it is: `import:<tool>`.
    pub source: String,
    /// `imported`: the call is known by it; `answer_id`, `matched`: it passed the proxy, and was found by the
    /// id of its answer, or by model, tokens and time.
    #[cfg_attr(feature = "types", ts(type = "'imported' | 'answer_id' | 'matched'"))]
    pub how: &'static str,
}

/// The logs that tell of the call with the row `seq`.
pub(crate) fn of(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<Logged>> {
    connection
        .prepare_cached(
            "SELECT d.text, 0 FROM call JOIN dimension d ON d.id = source_id \
             WHERE seq = ?1 AND log_key IS NOT NULL \
             UNION SELECT d.text, how FROM logged JOIN dimension d ON d.id = source_id \
             WHERE call_seq = ?1 ORDER BY 1, 2",
        )?
        .query_map([seq], |row| {
            let how = match row.get(1)? {
                0 => "imported",
                1 => "answer_id",
                _ => "matched",
            };
            Ok(Logged { source: row.get(0)?, how })
        })?
        .collect()
}
