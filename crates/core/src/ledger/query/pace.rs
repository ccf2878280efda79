//! How many calls each project's minutes had.

use rusqlite::Connection;

/// Calls that are looked at: enough for a project's usual minutes, and soon read.
const CALLS_MAX: i64 = 20_000;
/// They are among so many of the newest: the proxy waits for this, and an import may have brought a million others.
const NEWEST: i64 = 50_000;

/// Calls that went through the proxy in one minute of one project (`None`: of none), oldest first.
pub(crate) fn pace(connection: &Connection) -> rusqlite::Result<Vec<(Option<String>, u32)>> {
    connection
        .prepare_cached(
            "SELECT d.text, count(*) FROM (\
                 SELECT project_id, started_ms / 60000 AS minute FROM call \
                 WHERE source_id = (SELECT id FROM dimension WHERE kind = 1 AND text = 'proxy') \
                 AND status <> 'refused' AND seq > (SELECT coalesce(max(seq), 0) FROM call) - ?2 \
                 ORDER BY seq DESC LIMIT ?1) c \
             LEFT JOIN dimension d ON d.id = c.project_id \
             GROUP BY c.project_id, c.minute ORDER BY c.minute",
        )?
        .query_map([CALLS_MAX, NEWEST], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
