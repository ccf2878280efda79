//! Since when calls pass the proxy.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use crate::ledger::dimension::{self, Dimension};
use crate::ledger::time::to_ms;

/// The id of an answer is looked for among calls that began so near.
pub(super) const SAME_ANSWER_WITHIN: TimeDelta = TimeDelta::hours(24);
/// So many rows may be looked at again by the next import, before how far they were is written down.
const LOOKED_AGAIN_MAX: i64 = 1_000;

/// Since when calls pass the proxy, so that those before are not looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proxied {
    pub(super) source: i64,
    since_ms: i64,
}

/// How far the rows were looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    since_ms: Option<i64>,
    seq: i64,
    id: [u8; 16],
}

/// How far they were by the last import.
struct Before {
    since_ms: Option<i64>,
    seq: i64,
}

impl Proxied {
    /// `None` where none did. Only rows that came since the last look are looked at; how far, where it
    /// is worth writing down.
    pub(super) fn load(
        connection: &Connection,
    ) -> rusqlite::Result<(Option<Proxied>, Option<Seen>)> {
        let Some(source) = dimension::find(connection, Dimension::Source, "proxy")? else {
            return Ok((None, None));
        };
        let before = connection
            .prepare_cached("SELECT proxied_ms, proxied_seq FROM ledger")?
            .query_row([], |row| Ok(Before { since_ms: row.get(0)?, seq: row.get(1)? }))?;
        let newer_ms: Option<i64> = connection
            .prepare_cached("SELECT min(started_ms) FROM call WHERE seq > ?1 AND source_id = ?2")?
            .query_row([before.seq, source], |row| row.get(0))?;
        let since_ms = before.since_ms.into_iter().chain(newer_ms).min();
        let newest = connection
            .prepare_cached("SELECT seq, id FROM call ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok(Seen { since_ms, seq: row.get(0)?, id: row.get(1)? }))
            .optional()?;
        let seen = newest.filter(|seen| seen.seq - before.seq > LOOKED_AGAIN_MAX);
        let proxied = since_ms.map(|since_ms| Proxied { source, since_ms });
        Ok((proxied, seen))
    }

    pub(super) fn may_include(&self, ended: DateTime<Utc>) -> bool {
        to_ms(ended) >= self.since_ms - SAME_ANSWER_WITHIN.num_milliseconds()
    }
}

impl Seen {
    /// Writes down how far the rows were looked at, unless the last was taken out meanwhile: its number
    /// may be another's.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE ledger SET proxied_ms = ?1, proxied_seq = ?2 \
                 WHERE EXISTS (SELECT 1 FROM call WHERE seq = ?2 AND id = ?3)",
            )?
            .execute(params![self.since_ms, self.seq, self.id])
            .map(drop)
    }
}
