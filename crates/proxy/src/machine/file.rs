//! Documents of what is written for the user.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A copy of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BackedUp {
    /// Where it is.
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

/// What is to be written into a file, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportWanted {
    /// How.
    pub form: ExportForm,
    /// Calls from then on.
    pub since: Option<DateTime<Utc>>,
    /// Calls before then.
    pub until: Option<DateTime<Utc>>,
}

/// What an export is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportForm {
    /// A table.
    Csv,
    /// An object a line.
    Json,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Exported {
    /// Where it is.
    pub file: String,
    /// How many calls are in it.
    pub rows: u64,
}
