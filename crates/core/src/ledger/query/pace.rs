//! How many calls each project's minutes had.

use rusqlite::Connection;

/// Calls that are looked at: enough for a project's usual minutes, and soon read.
const CALLS_MAX: i64 = 20_000;

/// Calls that went through the proxy in one minute of one project (`None`: of none), oldest first.
pub(crate) fn pace(connection: &Connection) -> rusqlite::Result<Vec<(Option<String>, u32)>> {
    connection
        .prepare_cached(
            "SELECT d.text, count(*) FROM (\
                 SELECT project_id, started_ms / 60000 AS minute FROM call \
                 JOIN dimension s ON s.id = source_id AND s.text = 'proxy' \
                 WHERE status <> 'refused' ORDER BY seq DESC LIMIT ?1) c \
             LEFT JOIN dimension d ON d.id = c.project_id \
             GROUP BY c.project_id, c.minute ORDER BY c.minute",
        )?
        .query_map([CALLS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
