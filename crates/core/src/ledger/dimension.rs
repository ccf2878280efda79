//! Interned strings: what repeats in every call is stored once.

use rusqlite::{Connection, OptionalExtension, params};

use super::writer::Writing;

/// What a string describes. The numbers are stored; never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dimension {
    Source = 1,
    Provider = 2,
    Model = 3,
    Project = 4,
    Session = 5,
    Client = 6,
    Key = 7,
    Tags = 8,
    Run = 9,
}

/// The id of `text`, which is interned if it is new.
pub(crate) fn intern(
    writing: &mut Writing<'_>,
    kind: Dimension,
    text: &str,
) -> rusqlite::Result<i64> {
    if let Some(id) = writing.cache.dimension(kind as usize, text) {
        return Ok(id);
    }
    let id = match find(writing.connection, kind, text)? {
        Some(id) => id,
        None => writing
            .connection
            .prepare_cached("INSERT INTO dimension (kind, text) VALUES (?1, ?2)")?
            .insert(params![kind as i64, text])?,
    };
    writing.cache.remember_dimension(kind as usize, text, id);
    Ok(id)
}

/// The id of an optional string.
pub(crate) fn intern_some(
    writing: &mut Writing<'_>,
    kind: Dimension,
    text: Option<&str>,
) -> rusqlite::Result<Option<i64>> {
    text.map(|text| intern(writing, kind, text)).transpose()
}

pub(crate) fn find(
    connection: &Connection,
    kind: Dimension,
    text: &str,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM dimension WHERE kind = ?1 AND text = ?2")?
        .query_row(params![kind as i64, text], |row| row.get(0))
        .optional()
}
