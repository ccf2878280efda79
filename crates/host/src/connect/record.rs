//! What is remembered of a connection: enough to take it back. Kept with a copy of the file as it was,
//! readable by this user only, in `connections` in the data folder.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ConnectError;
use super::edit::{Change, Format};
use super::tool::Tool;
use super::wanted::Choices;

const FOLDER: &str = "connections";

/// One connected tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) tool: Tool,
    /// The proxy's address in what was written.
    pub(super) base: String,
    pub(super) at: DateTime<Utc>,
    pub(super) choices: Choices,
    pub(super) file: PathBuf,
    pub(super) format: Format,
    /// Whether there was a file before.
    pub(super) existed: bool,
    /// The folders that were made for it, the innermost first.
    pub(super) folders_made: Vec<PathBuf>,
    pub(super) changes: Vec<Change>,
    /// Of the file as we left it.
    pub(super) hash: String,
}

/// Where records are.
#[derive(Clone, Debug)]
pub(super) struct Records {
    folder: PathBuf,
}

impl Records {
    pub(super) fn new(data: &Path) -> Records {
        Records { folder: data.join(FOLDER) }
    }

    /// What is remembered of the tool; `None` where it is not connected.
    pub(super) fn read(&self, tool: Tool) -> Result<Option<Record>, ConnectError> {
        let path = self.record(tool);
        let unreadable = |source| ConnectError::Unreadable { path: path.clone(), source };
        match fs::read(&path) {
            Ok(json) => {
                serde_json::from_slice(&json).map(Some).map_err(|error| unreadable(error.into()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// The file as it was; `None` where there is no whole copy.
    pub(super) fn copy(&self, record: &Record) -> Option<String> {
        fs::read_to_string(self.backup(record.tool)).ok()
    }

    /// Remembers a connection, with the file as it was.
    pub(super) fn write(&self, record: &Record, before: &str) -> Result<(), ConnectError> {
        let json = serde_json::to_string_pretty(record).unwrap_or_default();
        let written = make_private(&self.folder)
            .and_then(|()| self.write_file(&self.backup(record.tool), before))
            .and_then(|()| self.write_file(&self.record(record.tool), &json));
        written
            .map_err(|source| ConnectError::Unwritable { path: self.record(record.tool), source })
    }

    /// Forgets it.
    pub(super) fn forget(&self, tool: Tool) -> Result<(), ConnectError> {
        let path = self.record(tool);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(ConnectError::Unwritable { path, source })
            }
            _ => {
                // Nobody looks at a copy without its record.
                drop(fs::remove_file(self.backup(tool)));
                drop(fs::remove_dir(&self.folder));
                Ok(())
            }
        }
    }

    fn record(&self, tool: Tool) -> PathBuf {
        self.folder.join(format!("{}.json", tool.name()))
    }

    pub(super) fn backup(&self, tool: Tool) -> PathBuf {
        self.folder.join(format!("{}.before", tool.name()))
    }

    fn write_file(&self, path: &Path, text: &str) -> io::Result<()> {
        // A temporary file is its user's alone from its beginning.
        let mut file = tempfile::Builder::new().prefix(".outlay-").tempfile_in(&self.folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// By which a file is known that nobody has changed.
pub(super) fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
