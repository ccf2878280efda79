//! How calls come into the call table, one row each, refused ones included.

use uuid::Uuid;

use super::call::{Dimensions, Entry, NewCall};
use super::dimension::{Dimension, intern, intern_some};
use super::running::Running;
use super::writer::Writing;

/// Writes the call's row; returns its `seq`.
pub(crate) fn insert(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    entry: &Entry,
) -> rusqlite::Result<i64> {
    let dimensions = dimensions(writing, call)?;
    insert_with(writing, call, account, &dimensions, entry)
}

/// Interns the strings of a call.
pub(crate) fn dimensions(
    writing: &mut Writing<'_>,
    call: &NewCall,
) -> rusqlite::Result<Dimensions> {
    let tags = Some(call.tags.as_str()).filter(|tags| !tags.is_empty());
    Ok(Dimensions {
        source: intern(writing, Dimension::Source, &call.source)?,
        provider: intern(writing, Dimension::Provider, &call.provider)?,
        model: intern_some(writing, Dimension::Model, call.model_requested.as_deref())?,
        project: intern_some(writing, Dimension::Project, call.project.as_deref())?,
        session: intern_some(writing, Dimension::Session, call.session.as_deref())?,
        client: intern_some(writing, Dimension::Client, call.client.as_deref())?,
        key: intern_some(writing, Dimension::Key, call.key.as_deref())?,
        tags: intern_some(writing, Dimension::Tags, tags)?,
        run: intern_some(writing, Dimension::Run, call.run.as_deref())?,
    })
}

/// As [`insert`], with the strings interned already.
pub(crate) fn insert_with(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    dimensions: &Dimensions,
    entry: &Entry,
) -> rusqlite::Result<i64> {
    let seq = enter(writing, call, account, dimensions, entry)?;
    write_rows(writing)?;
    Ok(seq)
}

/// As [`insert_with`], for a row that nothing looks for in the file before the transaction is
/// committed but who ends the call.
pub(crate) fn enter(
    writing: &mut Writing<'_>,
    call: &NewCall,
    account: i64,
    dimensions: &Dimensions,
    entry: &Entry,
) -> rusqlite::Result<i64> {
    let rows = &mut writing.cache.rows;
    let seq =
        rows.enter(writing.connection, writing.machine_id, (call, account, dimensions), entry)?;
    if !writing.course.may_defer() {
        write_rows(writing)?;
    }
    Ok(seq)
}

/// Writes down the rows that the transaction has still to write.
pub(crate) fn write_rows(writing: &mut Writing<'_>) -> rusqlite::Result<()> {
    writing.cache.rows.write(writing.connection)
}

/// The running call of that id. It is taken out of what the writer remembers: who lets it run on
/// puts it back.
pub(crate) fn running(writing: &mut Writing<'_>, id: Uuid) -> rusqlite::Result<Option<Running>> {
    match writing.cache.take_running(*id.as_bytes()) {
        Some(call) => Ok(Some(call)),
        None => Running::read(writing.connection, id),
    }
}
