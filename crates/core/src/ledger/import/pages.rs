//! What an import lets SQLite keep in memory and in its log, and how that was before.

use rusqlite::Connection;

/// The pages that an import keeps in memory: what it writes is spread over its indexes.
const CACHE_KIB: i64 = 16 << 10;
/// The pages that it writes to the log before it is begun anew, all of them being in the file: 128 MiB, for
/// whoever writes waits meanwhile.
const LOG_PAGES: i64 = 32_000;

/// How it was before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    cache: i64,
    log_pages: i64,
}

/// Keeps more; how it was.
pub(super) fn keep_more(connection: &Connection) -> rusqlite::Result<Usual> {
    let usual = Usual {
        cache: connection.pragma_query_value(None, "cache_size", |row| row.get(0))?,
        log_pages: connection.pragma_query_value(None, "wal_autocheckpoint", |row| row.get(0))?,
    };
    // Where somebody else moves the pages into the file, that stays so.
    let log_pages = if usual.log_pages == 0 { 0 } else { LOG_PAGES };
    set(connection, Usual { cache: -CACHE_KIB, log_pages })?;
    Ok(usual)
}

impl Usual {
    /// Whether who writes also moves what is in the log into the file, and nobody else.
    pub(super) fn copies_itself(self) -> bool {
        self.log_pages != 0
    }

    pub(super) fn restore(self, connection: &Connection) -> rusqlite::Result<()> {
        set(connection, self)
    }
}

fn set(connection: &Connection, to: Usual) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", to.cache)?;
    connection.pragma_update(None, "wal_autocheckpoint", to.log_pages)
}
