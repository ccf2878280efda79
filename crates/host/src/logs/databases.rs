//! The databases of opencode and llm, read without touching them.
//!
//! SQLite writes beside a database that it only reads: it makes a `-shm`, and whoever closes last
//! takes away the `-wal`. So a tool's database is never opened: the file and its `-wal`, which has the
//! newest rows while the tool runs, are copied, and the copy is read. Of the copy nothing is kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Days, NaiveDate, Utc};
use outlay_wire::log::{BrokenLine, LogCall, llm, opencode};
use rusqlite::{Connection, OpenFlags, Row};
use tempfile::TempDir;

/// A tool that writes at this moment is done within so many looks, or writes all the time.
const TRIES_MAX: usize = 5;
const HEADER_BYTES: usize = 100;
/// opencode writes a row's time before it commits the row.
const COMMIT_MS_MAX: i64 = 60_000;
/// llm writes a row when the answer has ended, with the time at which it was asked for.
const ANSWER_DAYS_MAX: u64 = 1;

/// A tool's database that Outlay knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `opencode.db`.
    Opencode,
    /// llm's `logs.db`.
    Llm,
}

/// Why a tool's database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It could not be copied.
    #[error("cannot copy {path}: {error}", path = path.display())]
    Copy {
        /// The database.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It was written to during each copy.
    #[error("{path} is being written to without a pause: try again later", path = path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// The copy is no database, or not one of this tool.
    #[error("cannot read {path} as a database of this tool: {error}", path = path.display())]
    Read {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

/// What a database told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Its calls, the same one perhaps several times.
    pub calls: Vec<LogCall>,
    /// Rows that tell of a call, but not so that it can be believed.
    pub broken: Vec<BrokenLine>,
    /// To be given the next time: what is older has been told.
    pub watermark: Option<String>,
}

/// Reads the rows that are newer than `since`, the watermark of the last time; all without one. Some
/// that are a little older are told again: others like them may only now have come.
///
/// # Errors
/// When the database cannot be copied or read. One without this tool's tables tells nothing.
pub fn read(
    kind: Kind,
    path: &Path,
    since: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Told, DatabaseError> {
    let copy = copy(path)?;
    let read = || {
        let database = open(&copy.path().join("copy.db"))?;
        match kind {
            Kind::Opencode => read_messages(&database, since, now),
            Kind::Llm => read_turns(&database, since, now),
        }
    };
    read().map_err(|error| DatabaseError::Read { path: path.to_owned(), error })
}

/// Both files as they were at one moment.
fn copy(path: &Path) -> Result<TempDir, DatabaseError> {
    let failed = |error| DatabaseError::Copy { path: path.to_owned(), error };
    let folder = tempfile::tempdir().map_err(failed)?;
    let own = folder.path().join("copy.db");
    let wal = beside(path, "-wal");
    for _ in 0..TRIES_MAX {
        let before = [stamp(path), stamp(&wal)];
        fs::copy(path, &own).map_err(failed)?;
        match fs::copy(&wal, beside(&own, "-wal")) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // One of an earlier try does not belong to this copy.
                let _ = fs::remove_file(beside(&own, "-wal"));
            }
            Err(error) => return Err(failed(error)),
        }
        if before == [stamp(path), stamp(&wal)] {
            return Ok(folder);
        }
    }
    Err(DatabaseError::Busy { path: path.to_owned() })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What changes when a file is written to: also its beginning, for a checkpoint and the writes after
/// it may leave length and time as they were.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    header: Vec<u8>,
}

fn stamp(path: &Path) -> Option<Stamp> {
    let mut header = vec![0; HEADER_BYTES];
    let mut file = fs::File::open(path).ok()?;
    let length = io::Read::read(&mut file, &mut header).ok()?;
    header.truncate(length);
    let about = file.metadata().ok()?;
    Some(Stamp { bytes: about.len(), modified: about.modified().ok(), header })
}

/// Writable, for the copy's `-wal` is to be taken in.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}

fn columns(database: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut about = database.prepare("SELECT name FROM pragma_table_info(?1)")?;
    about.query_map([table], |row| row.get(0))?.collect()
}

fn read_messages(
    database: &Connection,
    since: Option<&str>,
    now: DateTime<Utc>,
) -> rusqlite::Result<Told> {
    let since: i64 = since.and_then(|since| since.parse().ok()).unwrap_or(0);
    let mut told = Told { watermark: Some(since.to_string()), ..Told::default() };
    if columns(database, "message")?.is_empty() {
        return Ok(told);
    }
    // A forked session's copies come after what they are copies of, and are the ones to be dropped.
    let mut query = database.prepare(
        "SELECT message.session_id, message.data, session.directory, message.time_updated
         FROM message LEFT JOIN session ON session.id = message.session_id
         WHERE message.time_updated >= ?1 ORDER BY message.time_updated, message.rowid",
    )?;
    let mut rows = query.query([since.saturating_sub(COMMIT_MS_MAX)])?;
    while let Some(row) = rows.next()? {
        let session: String = row.get(0)?;
        let folder: Option<String> = row.get(2)?;
        let Ok(data) = row.get_ref(1)?.as_str() else {
            told.broken.push(BrokenLine::NotJson);
            continue;
        };
        told.note(opencode::call(&session, data, folder.as_deref(), now));
        let updated: i64 = row.get(3)?;
        told.watermark = Some(updated.to_string());
    }
    Ok(told)
}

/// What is read of llm's tables: the newer one, and the one of before 0.36.
const LLM_TABLES: [(&str, &str); 2] = [("turns", "thread_id"), ("responses", "conversation_id")];

fn read_turns(
    database: &Connection,
    since: Option<&str>,
    now: DateTime<Utc>,
) -> rusqlite::Result<Told> {
    let mut told = Told { watermark: since.map(str::to_owned), ..Told::default() };
    for (table, session) in LLM_TABLES {
        let existing = columns(database, table)?;
        if existing.is_empty() {
            continue;
        }
        let wanted = [
            "id",
            session,
            "model",
            "resolved_model",
            "input_tokens",
            "output_tokens",
            "token_details",
            "duration_ms",
            "datetime_utc",
            "response_json",
        ];
        // Older databases lack some of them.
        let has = |name: &&str| existing.iter().any(|own| own == name);
        let listed = wanted.map(|name| if has(&name) { name } else { "NULL" }).join(", ");
        let order = if has(&"datetime_utc") { "datetime_utc" } else { "id" };
        let mut query = database.prepare(&format!(
            "SELECT {listed} FROM {table} WHERE ?1 IS NULL OR {order} >= ?1 ORDER BY {order}, rowid"
        ))?;
        let mut rows = query.query([since.and_then(day_before)])?;
        while let Some(row) = rows.next()? {
            let started = text(row, 8);
            told.note(llm::call(
                &llm::Turn {
                    id: text(row, 0).unwrap_or_default(),
                    session: text(row, 1),
                    model: text(row, 2),
                    resolved_model: text(row, 3),
                    input_tokens: number(row, 4),
                    output_tokens: number(row, 5),
                    token_details: text(row, 6),
                    duration_ms: number(row, 7),
                    started,
                    response_json: text(row, 9),
                },
                now,
            ));
            if started > told.watermark.as_deref() {
                told.watermark = started.map(str::to_owned);
            }
        }
    }
    Ok(told)
}

/// The day before that of a time, as text that compares with such times.
fn day_before(time: &str) -> Option<String> {
    let day: NaiveDate = time.get(..10)?.parse().ok()?;
    day.checked_sub_days(Days::new(ANSWER_DAYS_MAX)).map(|day| day.to_string())
}

/// A text, where the row has one: SQLite lets anything stand anywhere.
fn text<'a>(row: &'a Row<'_>, at: usize) -> Option<&'a str> {
    row.get_ref(at).ok()?.as_str().ok()
}

fn number(row: &Row<'_>, at: usize) -> Option<i64> {
    row.get_ref(at).ok()?.as_i64().ok()
}

impl Told {
    fn note(&mut self, read: Result<Option<LogCall>, BrokenLine>) {
        match read {
            Ok(call) => self.calls.extend(call),
            Err(error) => self.broken.push(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = "
        PRAGMA journal_mode = WAL;
        PRAGMA wal_autocheckpoint = 0;
        CREATE TABLE session (id TEXT PRIMARY KEY, directory TEXT);
        CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_updated INTEGER, data TEXT);
        INSERT INTO session VALUES ('s', '/w');";

    fn now() -> DateTime<Utc> {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn add(writer: &Connection, number: i64) {
        let at = 1_795_291_623_000 + number * 50_000;
        let data = format!(
            r#"{{"role":"assistant","modelID":"m","providerID":"openai","cost":0.5,
                "time":{{"created":{at},"completed":{at}}},"tokens":{{"input":{number},"output":1}}}}"#
        );
        let row = (format!("msg_{number}"), at, data);
        writer.execute("INSERT INTO message VALUES (?1, 's', ?2, ?3)", row).unwrap();
    }

    fn inputs(told: &Told) -> Vec<u64> {
        told.calls.iter().map(|call| call.usage.input_tokens).collect()
    }

    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_live_database_is_read_with_its_newest_rows_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opencode.db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch(MESSAGES).unwrap();
        writer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        (1..4).for_each(|number| add(&writer, number));
        let before = files(folder.path());

        let all = read(Kind::Opencode, &path, None, now()).unwrap();
        assert_eq!(inputs(&all), [1, 2, 3], "none of which is in the file itself");
        assert_eq!(all.calls[0].folder.as_deref(), Some("/w"));
        assert!(files(folder.path()) == before, "nothing was written beside it");

        add(&writer, 4);
        let newer = read(Kind::Opencode, &path, all.watermark.as_deref(), now()).unwrap();
        assert_eq!(inputs(&newer), [2, 3, 4], "what is little older comes again");
        writer.execute_batch("BEGIN").unwrap();
        add(&writer, 5);
        let same = read(Kind::Opencode, &path, newer.watermark.as_deref(), now()).unwrap();
        assert_eq!(inputs(&same), [3, 4], "what is not committed does not count");
        assert_eq!(same.watermark, newer.watermark);
        writer.execute_batch("COMMIT").unwrap();

        writer.execute_batch("PRAGMA wal_checkpoint(RESTART)").unwrap();
        add(&writer, 6);
        let last = read(Kind::Opencode, &path, same.watermark.as_deref(), now()).unwrap();
        assert_eq!(inputs(&last), [3, 4, 5, 6], "after a checkpoint, with the -wal begun anew");
    }

    #[test]
    fn while_somebody_writes_all_that_was_committed_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opencode.db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch(MESSAGES).unwrap();
        writer.execute_batch("PRAGMA wal_autocheckpoint = 4").unwrap();
        std::thread::scope(|scope| {
            let writing = scope.spawn(move || (1..400).for_each(|number| add(&writer, number)));
            let mut reads = 0;
            while !writing.is_finished() || reads == 0 {
                match read(Kind::Opencode, &path, None, now()) {
                    Ok(told) => {
                        let expected: Vec<u64> = (1..=told.calls.len() as u64).collect();
                        assert_eq!(inputs(&told), expected, "a moment that there was");
                    }
                    Err(DatabaseError::Busy { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                reads += 1;
            }
        });
        let told = read(Kind::Opencode, &path, None, now()).unwrap();
        assert_eq!(told.calls.len(), 399);
    }

    #[test]
    fn both_of_llms_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs.db");
        let writer = Connection::open(&path).unwrap();
        // An old one, without `resolved_model`.
        writer
            .execute_batch(
                "CREATE TABLE responses (id TEXT, model TEXT, conversation_id TEXT, response_json TEXT,
                    input_tokens INTEGER, output_tokens INTEGER, token_details TEXT,
                    duration_ms INTEGER, datetime_utc TEXT);
                 INSERT INTO responses VALUES ('a', 'gpt-4o', 'c', '{\"id\":\"chatcmpl-1\"}', 1, 2, NULL,
                    250, '2026-11-20T00:00:00.000001');
                 INSERT INTO responses VALUES ('b', 'gpt-4o', 'c', x'00', -1, 2, NULL, 250,
                    '2026-11-18T00:00:01');",
            )
            .unwrap();
        let told = read(Kind::Llm, &path, None, now()).unwrap();
        assert_eq!((inputs(&told), told.broken.len()), (vec![1], 1));
        assert_eq!(told.calls[0].response_id.as_deref(), Some("chatcmpl-1"));
        writer
            .execute_batch(
                "CREATE TABLE turns (id TEXT, thread_id TEXT, model TEXT, resolved_model TEXT,
                    response_json TEXT, input_tokens INTEGER, output_tokens INTEGER,
                    token_details TEXT, duration_ms INTEGER, datetime_utc TEXT);
                 INSERT INTO turns VALUES ('c', 't', 'anthropic/x', NULL, '{}', 3, 2, NULL, 250,
                    '2026-11-21T00:00:00+00:00');",
            )
            .unwrap();
        let newer = read(Kind::Llm, &path, told.watermark.as_deref(), now()).unwrap();
        assert_eq!(
            (inputs(&newer), newer.broken.len()),
            (vec![3, 1], 0),
            "and what is little older"
        );
    }

    #[test]
    fn what_is_no_database_of_the_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opencode.db");
        let missing = read(Kind::Opencode, &path, None, now());
        assert!(matches!(missing, Err(DatabaseError::Copy { .. })));
        fs::write(&path, "not a database, but long enough to look like one".repeat(40)).unwrap();
        let other = read(Kind::Opencode, &path, None, now());
        assert!(matches!(other, Err(DatabaseError::Read { .. })));
        fs::write(&path, "").unwrap();
        let empty = read(Kind::Opencode, &path, None, now()).unwrap();
        assert_eq!(empty.calls, []);
    }
}
