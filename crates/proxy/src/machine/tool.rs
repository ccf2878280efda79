//! Documents of tools.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// `GET /tools`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tools {
    /// Where connected tools are to send their calls.
    pub address: String,
    /// Every tool that is known, found or not.
    pub tools: Vec<ToolView>,
}

/// How a tool stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ToolView {
    /// Its name here.
    pub tool: String,
    /// Its name as its makers write it.
    pub name: String,
    /// Whether its program, settings or logs are on this machine.
    pub found: bool,
    /// Whether it has settings that can be pointed here.
    pub connectable: bool,
    /// Whether Outlay has pointed it here.
    pub connected: bool,
    /// Its settings.
    pub config_file: Option<String>,
    /// The proxy that it was pointed at.
    pub address: Option<String>,
    /// What is wrong with its connection, or what stands in the way of one.
    pub problem: Option<String>,
    /// What to do about that, or instead.
    pub hint: Option<String>,
    /// Whether it shows Outlay's status line; `None` where it has none.
    pub statusline: Option<bool>,
    /// What it has logged; `None` where no logs of it can be read.
    pub logs: Option<ToolLogs>,
}

/// A tool's logs in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ToolLogs {
    /// How many there are.
    pub files: usize,
    /// When one was written last.
    pub last_modified: Option<DateTime<Utc>>,
}

/// The body of `POST /tools/{tool}/connection`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectWanted {
    /// Whether it shows Outlay's status line, for a tool that has one.
    #[serde(default)]
    pub statusline: bool,
    /// Only to say what would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was, or would be, changed for a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Connection {
    /// The tool.
    pub tool: String,
    /// Whether only what would change is told.
    pub dry_run: bool,
    /// What changed; empty where all was so already.
    pub changes: Vec<FileChange>,
    /// What its user should know.
    pub note: Option<String>,
}

/// A change of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FileChange {
    /// The file.
    pub file: String,
    /// The difference, keys masked.
    pub diff: String,
    /// A copy of the file as it was before it was first changed; `None` where there was none.
    pub backup: Option<String>,
}
