//! The settings of other programs, changed so that their calls come to Outlay, and changed back.
//!
//! What is written is planned first: a [`Plan`] shows its difference and is then written whole, or not
//! at all. A record of each connection is kept, so that it can be taken back to the byte where nobody
//! has changed the file since, and else value by value.
//!
//! | file | knows |
//! |---|---|
//! | `tool` and a file for each | where settings are, and which of them name an address |
//! | `places` | where their programs are |
//! | `wanted` | what is to stand in settings |
//! | `target` | the proxy's address for each provider |
//! | `edit` | how single values of a text are changed; pure |
//! | `plan` | what is to be written; pure but for reading |
//! | `record`, `file` | what is remembered; how a file is replaced |
//! | `check` | what may be wrong with connections, for `doctor` |

mod aider;
mod check;
mod claude_code;
mod cline;
mod codex;
mod diff;
mod edit;
pub(crate) mod file;
mod gemini_cli;
mod opencode;
mod pi;
mod places;
mod plan;
mod provider;
mod qwen;
mod record;
mod target;
mod tool;
mod wanted;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use self::check::{check, check_tool};
pub use self::opencode::overlay as opencode_overlay;
pub use self::plan::Plan;
use self::record::Records;
pub use self::target::Target;
pub use self::tool::Tool;
pub use self::wanted::Choices;
use self::wanted::Surroundings;
use crate::folders::Folders;

/// This user's tools, and what is remembered of their connections.
#[derive(Clone, Debug)]
pub struct Connections {
    around: Surroundings,
    records: Records,
}

/// Why a tool's settings stay as they are. Its sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The platform tells of no home.
    #[error("there is no home folder to look for tools' settings in: set HOME")]
    NoHome,
    /// It has no setting for this, or nothing to set.
    #[error("{0}")]
    Unconnectable(String),
    /// An address of the user's stands there.
    #[error(
        "{} sends {title} to {address} already: give that address to Outlay ([providers.NAME] base_url = \"{address}\" in outlay.toml) and run this again, or replace it with --force",
        path.display()
    )]
    Elsewhere {
        /// The settings.
        path: PathBuf,
        /// The tool.
        title: &'static str,
        /// The address, without a password.
        address: String,
    },
    /// A setting of the user's stands where one of ours should.
    #[error("{} has its own '{key}' already: replace it with --force (--undo brings it back)", path.display())]
    Taken {
        /// The settings.
        path: PathBuf,
        /// The setting.
        key: String,
    },
    /// The file is not written as it should be.
    #[error("{} cannot be changed safely ({reason}): correct it and run this again", path.display())]
    Malformed {
        /// The settings.
        path: PathBuf,
        /// Line, column and what is wrong there.
        reason: String,
    },
    /// The file is no text.
    #[error("{} is not UTF-8 (at byte {byte}): correct it and run this again", path.display())]
    NotUtf8 {
        /// The settings.
        path: PathBuf,
        /// The first that is none.
        byte: usize,
    },
    /// A folder or a device stands where the file should be.
    #[error("{} is no file: move it away and run this again", .0.display())]
    NoFile(PathBuf),
    /// A link to nowhere.
    #[error("{} is a symbolic link to a file that is not there: make that file, or remove the link", .0.display())]
    Dangling(PathBuf),
    /// Nobody may write it.
    #[error("{} is read-only: make it writable (chmod u+w) and run this again", .0.display())]
    ReadOnly(PathBuf),
    /// Somebody wrote it while the user was asked.
    #[error("{} has changed meanwhile, so nothing was written: run this again", .0.display())]
    ChangedMeanwhile(PathBuf),
    /// It cannot be read.
    #[error("{} cannot be read ({source}): give this user access to it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("{} cannot be written ({source}): give this user access to it and its folder", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

/// How a tool stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its name.
    pub tool: Tool,
    /// Its name as its makers write it.
    pub title: &'static str,
    /// Whether its program, its settings or its folder are on this machine.
    #[serde(rename = "found")]
    pub is_found: bool,
    /// Where its program is; `None` where neither the PATH nor the usual folders have it.
    pub program: Option<PathBuf>,
    /// Whether it was connected by Outlay.
    #[serde(rename = "connected")]
    pub is_connected: bool,
    /// The proxy that it was connected to.
    pub address: Option<String>,
    /// Whether it was made to show Outlay's status line; `None` where it has none.
    pub statusline: Option<bool>,
    /// Its settings; `None` where it has none for this.
    pub file: Option<PathBuf>,
}

/// What came of one tool.
pub type Outcome = (Tool, Result<Plan, ConnectError>);

impl Connections {
    /// Those of this process's user.
    ///
    /// # Errors
    /// Where there is no home folder.
    pub fn new(folders: &Folders) -> Result<Connections, ConnectError> {
        let dirs = directories::BaseDirs::new().ok_or(ConnectError::NoHome)?;
        let variable = |name: &str| std::env::var(name).ok();
        let around = Surroundings { home: dirs.home_dir().to_owned(), variable };
        Ok(Connections { around, records: Records::new(folders.data()) })
    }

    /// How each tool stands.
    ///
    /// # Errors
    /// Where a record cannot be read.
    pub fn list(&self) -> Result<Vec<Standing>, ConnectError> {
        Tool::ALL.into_iter().map(|tool| self.standing(tool)).collect()
    }

    fn standing(&self, tool: Tool) -> Result<Standing, ConnectError> {
        let record = self.records.read(tool)?;
        let file = record
            .as_ref()
            .map(|record| record.file.clone())
            .or_else(|| tool.file(&self.around).map(|(file, _)| file));
        let has_file = file.as_ref().is_some_and(|file| file.exists());
        // Most write the file that matters here only once there is something to say in it.
        let has_folder = tool.folder(&self.around).is_some_and(|folder| folder.is_dir());
        let has_statusline = record.as_ref().is_some_and(|record| record.choices.statusline);
        let program = places::program(tool, &self.around);
        Ok(Standing {
            tool,
            title: tool.title(),
            is_found: has_file || has_folder || program.is_some(),
            program,
            is_connected: record.is_some(),
            address: record.map(|record| record.base),
            statusline: (tool == Tool::ClaudeCode).then_some(has_statusline),
            file,
        })
    }

    /// Cline as an editor's extension, whose settings only the editor changes.
    #[must_use]
    pub fn extension_of_cline(&self) -> Option<PathBuf> {
        places::extension_of_cline(&self.around.home)
    }

    /// What to write so that the tool's calls go to `target`.
    ///
    /// # Errors
    /// One sentence where its settings cannot or should not be changed.
    pub fn connect(
        &self,
        tool: Tool,
        target: &Target,
        choices: Choices,
        force: bool,
        now: DateTime<Utc>,
    ) -> Result<Plan, ConnectError> {
        Plan::connect(self, tool, target, choices, force, now)
    }

    /// What to write so that the tool's settings are again as they were.
    ///
    /// # Errors
    /// One sentence where they cannot be changed.
    pub fn undo(&self, tool: Tool) -> Result<Plan, ConnectError> {
        Plan::undo(self, tool)
    }

    /// Takes every connection back.
    ///
    /// # Errors
    /// Where records cannot be read; what befalls one tool is in its outcome.
    pub fn undo_all(&self) -> Result<Vec<Outcome>, ConnectError> {
        self.each_connected(|tool| {
            let plan = self.undo(tool)?;
            plan.write(self)?;
            Ok(plan)
        })
    }

    /// Writes another address of the proxy wherever ours is written, after its port has changed.
    ///
    /// # Errors
    /// Where records cannot be read; what befalls one tool is in its outcome.
    pub fn rewrite(
        &self,
        address: std::net::SocketAddr,
        now: DateTime<Utc>,
    ) -> Result<Vec<Outcome>, ConnectError> {
        let base = target::base(address);
        self.each_connected(|tool| {
            let plan = Plan::rewrite(self, tool, &base, now)?;
            plan.write(self)?;
            Ok(plan)
        })
    }

    /// Where the settings of a connected tool are kept as they were; `None` where there were none.
    ///
    /// # Errors
    /// Where its record cannot be read.
    pub fn kept(&self, tool: Tool) -> Result<Option<PathBuf>, ConnectError> {
        let existed = self.records.read(tool)?.is_some_and(|record| record.existed);
        Ok(existed.then(|| self.records.backup(tool)))
    }

    fn each_connected(
        &self,
        act: impl Fn(Tool) -> Result<Plan, ConnectError>,
    ) -> Result<Vec<Outcome>, ConnectError> {
        // Their records alone tell: a proxy asks at each start.
        let mut outcomes = Vec::new();
        for tool in Tool::ALL {
            if self.records.read(tool)?.is_some() {
                outcomes.push((tool, act(tool)));
            }
        }
        Ok(outcomes)
    }
}
