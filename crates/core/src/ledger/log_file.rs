//! How far tools' logs were read.

use foldhash::HashMap;
use rusqlite::{Connection, params};

use super::error::OpError;
use super::writer::Writing;

/// How far a log was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is.
    pub path: String,
    /// Whose it is.
    pub tool: String,
    /// Its size when it was read, in bytes.
    pub size: u64,
    /// When it was changed last by then, in Unix milliseconds.
    pub modified_ms: i64,
    /// Whole lines that were read, in bytes from its beginning.
    pub read_bytes: u64,
    /// A hash of the bytes before `read_bytes`; `None` where it is read as a whole.
    pub tail: Option<[u8; 16]>,
    /// What reading goes on with.
    pub state: String,
    /// Lines that nobody can read.
    pub broken: u64,
}

/// All of them, by their paths.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<HashMap<String, LogFile>> {
    let mut statement = connection.prepare_cached(
        "SELECT path, tool, size, modified_ms, read_bytes, tail, state, broken FROM log_file",
    )?;
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    let rows = statement.query_map([], |row| {
        let file = LogFile {
            path: row.get(0)?,
            tool: row.get(1)?,
            size: count(row.get(2)?),
            modified_ms: row.get(3)?,
            read_bytes: count(row.get(4)?),
            tail: row.get(5)?,
            state: row.get(6)?,
            broken: count(row.get(7)?),
        };
        Ok((file.path.clone(), file))
    })?;
    rows.collect()
}

/// Each tool that logs were read of, with the one that was written last.
pub(crate) fn newest(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare_cached("SELECT tool, path, max(modified_ms) FROM log_file GROUP BY tool")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// All logs that were read of the tool.
pub(crate) fn paths(connection: &Connection, tool: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT path FROM log_file WHERE tool = ?1")?
        .query_map([tool], |row| row.get(0))?
        .collect()
}

/// Notes how far logs were read.
pub(crate) fn note(writing: &mut Writing<'_>, files: &[LogFile]) -> Result<(), OpError> {
    let mut statement = writing.connection.prepare_cached(
        "INSERT OR REPLACE INTO log_file \
         (path, tool, size, modified_ms, read_bytes, tail, state, broken) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    for file in files {
        statement.execute(params![
            file.path,
            file.tool,
            count(file.size),
            file.modified_ms,
            count(file.read_bytes),
            file.tail,
            file.state,
            count(file.broken),
        ])?;
    }
    Ok(())
}
