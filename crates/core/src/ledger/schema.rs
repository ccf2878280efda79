//! Opening the file: its checks, its settings, its migrations.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit};
use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use rusqlite_migration::{M, Migrations};
use sha2::Sha256;

use super::error::LedgerError;
use super::process;
use super::time::{new_id, to_ms};

/// Never edited once landed: a change is a new file.
const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("migrations/0001_ledger.sql")),
    M::up(include_str!("migrations/0002_admission.sql")),
    M::up(include_str!("migrations/0003_fewer_writes.sql")),
    M::up(include_str!("migrations/0004_unbounded.sql")),
    M::up(include_str!("migrations/0005_balances.sql")),
    M::up(include_str!("migrations/0006_shown.sql")),
    M::up(include_str!("migrations/0007_delivery.sql")),
    M::up(include_str!("migrations/0008_conditions.sql")),
    M::up(include_str!("migrations/0009_imports.sql")),
    M::up(include_str!("migrations/0010_prune.sql")),
    M::up(include_str!("migrations/0011_lighter_imports.sql")),
];
/// How long to wait for another process's commit.
pub(crate) const BUSY_MAX: Duration = Duration::from_secs(5);

/// What identifies this ledger.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) machine_id: [u8; 16],
    /// Keyed with this ledger's secret.
    pub(crate) fingerprints: Hmac<Sha256>,
}

/// An open ledger.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) identity: Identity,
    /// The file as it was, where it has just been migrated.
    pub(crate) backup: Option<PathBuf>,
}

/// Opens the file, made or migrated as needed; a file that is newer or damaged is left untouched.
pub(crate) fn open(path: &Path, now: DateTime<Utc>) -> Result<Opened, LedgerError> {
    let sqlite = |error: &rusqlite::Error| LedgerError::sqlite(path, error);
    create_private(path)?;
    let mut connection = connect(path)?;
    // A file that is not ours to change must not even be checkpointed when we close it.
    let closes_untouched = |connection: &Connection, untouched: bool| {
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, untouched)
            .map_err(|error| sqlite(&error))
    };
    closes_untouched(&connection, true)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| sqlite(&error))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(LedgerError::NewerFormat { path: path.to_owned(), found, known });
    }
    closes_untouched(&connection, false)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(|error| sqlite(&error))?;
    let backup = if found < known { upgrade(path, &mut connection)? } else { None };
    let identity = identity(&connection, now).map_err(|error| sqlite(&error))?;
    Ok(Opened { connection, identity, backup })
}

/// The pages that a connection keeps in memory: calls touch the ends of a few trees.
const CACHE_KB: i64 = 500;

/// Another connection to the same file, with the same settings.
pub(crate) fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let connect = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_MAX)?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "cache_size", -CACHE_KB)?;
        // What the code before them has to keep, and tests try: in a release they would cost every
        // call a third more. `check_integrity` looks at all of them.
        connection.pragma_update(None, "foreign_keys", cfg!(debug_assertions))?;
        connection.pragma_update(None, "ignore_check_constraints", !cfg!(debug_assertions))?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    };
    connect().map_err(|error: rusqlite::Error| LedgerError::sqlite(path, &error))
}

/// Checks the whole file: its pages, and what its tables promise.
pub(crate) fn check(path: &Path) -> Result<(), LedgerError> {
    verdict(&connect(path)?, "PRAGMA integrity_check(1)", path)
}

/// As [`check`], without the contents of indexes, for as long as there is time; whether there was enough.
pub(crate) fn check_within(path: &Path, time_max: Duration) -> Result<bool, LedgerError> {
    let connection = connect(path)?;
    let (done, is_done) = mpsc::channel::<()>();
    let handle = connection.get_interrupt_handle();
    let watch = std::thread::spawn(move || {
        let is_late = is_done.recv_timeout(time_max) == Err(mpsc::RecvTimeoutError::Timeout);
        if is_late {
            handle.interrupt();
        }
        is_late
    });
    let outcome = verdict(&connection, "PRAGMA quick_check(1)", path);
    drop(done);
    match (outcome, watch.join()) {
        // What was interrupted has found nothing yet.
        (Err(LedgerError::Corrupt { path, reason }), _) => {
            Err(LedgerError::Corrupt { path, reason })
        }
        (Err(_), Ok(true)) => Ok(false),
        (outcome, _) => outcome.map(|()| true),
    }
}

fn verdict(connection: &Connection, check: &str, path: &Path) -> Result<(), LedgerError> {
    let verdict = || {
        connection.pragma_update(None, "ignore_check_constraints", false)?;
        let found: String = connection.query_row(check, [], |row| row.get(0))?;
        let is_whole = !connection.prepare("PRAGMA foreign_key_check")?.exists([])?;
        Ok(if is_whole || found != "ok" {
            found
        } else {
            "a row refers to another that is missing".to_owned()
        })
    };
    match verdict().map_err(|error: rusqlite::Error| LedgerError::sqlite(path, &error))? {
        found if found == "ok" => Ok(()),
        reason => Err(LedgerError::Corrupt { path: path.to_owned(), reason }),
    }
}

/// A consistent copy of the whole ledger, while it is in use.
pub(crate) fn back_up(connection: &Connection, target: &Path) -> Result<(), LedgerError> {
    if target.exists() {
        return Err(LedgerError::Invalid(format!(
            "{} exists already: choose another name, or remove it first",
            target.display()
        )));
    }
    let text = target.to_string_lossy();
    connection
        .execute("VACUUM INTO ?1", [text.as_ref()])
        .map_err(|error| LedgerError::sqlite(target, &error))?;
    restrict(target)
}

/// Brings the file to this version, with a copy of it as it was; one process at a time.
fn upgrade(path: &Path, connection: &mut Connection) -> Result<Option<PathBuf>, LedgerError> {
    let failed = |error: &std::io::Error| LedgerError::io(path, error);
    let folder = path.parent().unwrap_or(path).join(process::FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("migration"))
        .map_err(|error| failed(&error))?;
    lock.lock().map_err(|error| failed(&error))?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| LedgerError::sqlite(path, &error))?;
    let mut backup = None;
    if found > 0 && found < MIGRATIONS.len() as i64 {
        if process::any_is_alive(&folder) {
            return Err(LedgerError::Invalid(format!(
                "{} is in use by an earlier version of Outlay: stop that first, and start it anew afterwards",
                path.display()
            )));
        }
        backup = keep_copy(path, connection, found)?;
    }
    migrate(path, connection)?;
    Ok(backup)
}

/// A copy that is whole or not there, under a name that is free.
fn keep_copy(
    path: &Path,
    connection: &Connection,
    version: i64,
) -> Result<Option<PathBuf>, LedgerError> {
    let failed = |error: &std::io::Error| LedgerError::io(path, error);
    let unfinished = beside(path, "copying");
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(|error| failed(&error))?;
    }
    back_up(connection, &unfinished)?;
    let name = format!("before-migration-from-{version}");
    let free = (1..)
        .map(|count| if count == 1 { name.clone() } else { format!("{name}-{count}") })
        .map(|name| beside(path, &name))
        .find(|target| !target.exists());
    let Some(target) = free else { return Ok(None) };
    std::fs::rename(&unfinished, &target).map_err(|error| failed(&error))?;
    Ok(Some(target))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    path.with_file_name(name)
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), LedgerError> {
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => LedgerError::sqlite(path, &err),
        other => LedgerError::Failed { path: path.to_owned(), reason: other.to_string() },
    })
}

fn identity(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<Identity> {
    // Who only looks must not wait for who writes.
    if let Some(identity) = known_identity(connection)? {
        return Ok(identity);
    }
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let machine = new_id(now);
    // Another process may be here for the first time as well: the first one to write wins.
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
    if !transaction.prepare("SELECT 1 FROM ledger")?.exists([])? {
        transaction.execute(
            "INSERT INTO machine (id, name, first_seen_ms) VALUES (?1, ?2, ?3)",
            params![machine, "this machine", to_ms(now)],
        )?;
        transaction.execute(
            "INSERT INTO ledger (only_row, machine_id, fingerprint_secret) VALUES (1, ?1, ?2)",
            params![machine, secret],
        )?;
    }
    let identity = known_identity(&transaction)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    transaction.commit()?;
    Ok(identity)
}

fn known_identity(connection: &Connection) -> rusqlite::Result<Option<Identity>> {
    connection
        .query_row("SELECT machine_id, fingerprint_secret FROM ledger", [], |row| {
            let secret: [u8; 32] = row.get(1)?;
            let fingerprints = Hmac::new_from_slice(&secret).map_err(|_| {
                rusqlite::Error::InvalidColumnType(1, "fingerprint_secret".into(), Type::Blob)
            })?;
            Ok(Identity { machine_id: row.get(0)?, fingerprints })
        })
        .optional()
}

/// Makes the folder and the file readable by this user only, before SQLite creates them otherwise.
fn create_private(path: &Path) -> Result<(), LedgerError> {
    let failed = |error: &std::io::Error| LedgerError::io(path, error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| failed(&error))
}

fn restrict(path: &Path) -> Result<(), LedgerError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| LedgerError::io(path, &error))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
