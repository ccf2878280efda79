//! Documents of tools' logs and their import.

use chrono::{DateTime, Utc};
use outlay_core::money::Money;
use serde::{Deserialize, Serialize};

/// `GET /logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Logs {
    /// The tools that have any.
    pub sources: Vec<LogSource>,
}

/// The logs of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LogSource {
    /// The tool.
    pub source: String,
    /// Its name as its makers write it.
    pub name: String,
    /// How many logs there are.
    pub files: usize,
    /// Of these, the ones that have changed since they were imported, or never were.
    pub files_new: usize,
    /// The size of all, in bytes.
    pub bytes: u64,
    /// When the one that was left alone longest was written.
    pub oldest: Option<DateTime<Utc>>,
    /// When one was written last.
    pub newest: Option<DateTime<Utc>>,
    /// Up to when what was written is in the ledger; `None` where nothing was imported.
    pub imported_until: Option<DateTime<Utc>>,
    /// What cannot be looked into.
    pub problems: Vec<Unread>,
}

/// Something that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Unread {
    /// Where.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The body of `POST /imports`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportWanted {
    /// The tools; `None` for every one that has logs.
    pub sources: Option<Vec<String>>,
    /// Only to say what would come in.
    #[serde(default)]
    pub dry_run: bool,
}

/// `GET /imports`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Imports {
    /// The one that goes on.
    pub running: Option<ImportProgress>,
    /// The last that ended since this process began.
    pub last: Option<ImportEnded>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ImportProgress {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Whether it only says what would come in.
    pub dry_run: bool,
    /// Bytes of logs that were read.
    pub bytes: u64,
    /// Bytes of logs that have something new; 0 while that is found out.
    pub bytes_total: u64,
    /// Calls that were found in them.
    pub calls: u64,
}

/// How an import ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ImportEnded {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// Whether it only said what would come in.
    pub dry_run: bool,
    /// What came of each tool; empty after an error.
    pub sources: Vec<ImportedSource>,
    /// Why it broke off.
    pub error: Option<String>,
}

/// What came of a tool's logs; `outlay import --json` says the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ImportedSource {
    /// The tool, or `csv`.
    pub source: String,
    /// Its name as its makers write it.
    pub name: String,
    /// Logs that there are.
    pub files: usize,
    /// Of these, the ones that had something new.
    pub files_read: usize,
    /// Calls that were new.
    pub calls: u64,
    /// Of these, the ones whose model has no price.
    pub unpriced_calls: u64,
    /// What the new ones are owed.
    pub cost_usd: Money,
    /// What the new ones would have cost that a subscription paid for.
    pub plan_value_usd: Money,
    /// Calls that were known and have more tokens now.
    pub grown: u64,
    /// Calls that were known.
    pub known: u64,
    /// Calls that passed the proxy, as the ids of their answers say.
    pub merged: u64,
    /// Calls that passed the proxy, as their model, tokens and time say.
    pub matched: u64,
    /// Calls with a time to come, which were left out.
    pub ahead: u64,
    /// Lines that nobody can read.
    pub broken_lines: u64,
    /// What cannot be read at all.
    pub problems: Vec<Unread>,
}
