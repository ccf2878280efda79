//! Where things are: the data folder with its ledger, token and address of the running proxy, and
//! the configuration file.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

const TOKEN: &str = "token";
const RUNNING: &str = "proxy.json";
const CONFIG: &str = "outlay.toml";
const CONFIG_BEFORE: &str = "outlay.toml.before";
const WINDOW: &str = "window.json";
const BACKUPS: &str = "backups";
const EXPORTS: &str = "exports";
const TOKEN_BYTES: usize = 32;

/// The places that this user's Outlay keeps things in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    data: PathBuf,
    config: PathBuf,
    config_is_named: bool,
}

/// What `proxy.json` says of a running proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process id.
    pub pid: u32,
    /// When it began to accept.
    pub started_at: DateTime<Utc>,
    /// Its version.
    pub version: String,
}

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The platform tells of no home.
    #[error("there is no home folder to keep data in: name one with --data-dir")]
    NoHome,
    /// A file stands where the data folder should be.
    #[error("{} is a file, and no folder to keep data in: name another with --data-dir", .0.display())]
    NoFolder(PathBuf),
    /// A file of ours cannot be read or written.
    #[error("cannot {action} {}: {source}. Give this user access, or choose another folder with --data-dir", path.display())]
    Access {
        /// `read`, `write` or `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The token file holds no token.
    #[error("{} holds no token: remove it, and a new one is made", .0.display())]
    Token(PathBuf),
    /// The system has no randomness to make a token of.
    #[error("the system gave no random bytes for a token: {0}")]
    Random(getrandom::Error),
}

impl Folders {
    /// The named places, else the platform's.
    ///
    /// # Errors
    /// Where a place is not named and the platform has none.
    pub fn new(data: Option<PathBuf>, config: Option<PathBuf>) -> Result<Folders, FolderError> {
        let platform = directories::ProjectDirs::from("dev", "Outlay", "Outlay");
        let config_is_named = config.is_some();
        let data = data.or_else(|| Some(platform.as_ref()?.data_dir().to_owned()));
        let config = config.or_else(|| Some(platform.as_ref()?.config_dir().join(CONFIG)));
        if let Some(file) = data.as_ref().filter(|data| data.is_file()) {
            return Err(FolderError::NoFolder(file.clone()));
        }
        match (data, config) {
            (Some(data), Some(config)) => Ok(Folders { data, config, config_is_named }),
            _ => Err(FolderError::NoHome),
        }
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Where the configuration is kept as it was before it was changed.
    #[must_use]
    pub fn config_before(&self) -> PathBuf {
        self.data.join(CONFIG_BEFORE)
    }

    /// Where the desktop window is found again: its size and place.
    #[must_use]
    pub fn window(&self) -> PathBuf {
        self.data.join(WINDOW)
    }

    /// Where copies of the ledger are put.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.data.join(BACKUPS)
    }

    /// Where the user looks for what programs made for them: the platform's folder of downloads, else
    /// one of ours.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        let named = directories::UserDirs::new();
        let usual = named.as_ref().map(|user| user.home_dir().join("Downloads"));
        let named = named.as_ref().and_then(|user| user.download_dir().map(Path::to_owned));
        let found = [named, usual].into_iter().flatten().find(|folder| folder.is_dir());
        found.unwrap_or_else(|| self.data.join(EXPORTS))
    }

    /// Whether the user named the configuration file, so that it must be there.
    #[must_use]
    pub fn config_is_named(&self) -> bool {
        self.config_is_named
    }

    /// The local API's token: 64 hex digits, made on first need, readable by this user only.
    ///
    /// # Errors
    /// When the file cannot be read, written or understood.
    pub fn token(&self) -> Result<String, FolderError> {
        let path = self.data.join(TOKEN);
        let is_missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        let read = match std::fs::read_to_string(&path) {
            Err(error) if is_missing(&error) => {
                self.make_token(&path)?;
                // Another process may have been first: what the file says is what counts.
                std::fs::read_to_string(&path)
            }
            read => read,
        };
        let text = read.map_err(|source| access("read", &path, source))?;
        let token = text.trim();
        let is_token = token.len() >= TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_graphic());
        if is_token { Ok(token.to_owned()) } else { Err(FolderError::Token(path)) }
    }

    /// What the last started proxy wrote of itself; `None` where none runs (or did not tidy up
    /// what it wrote: whether it lives is for [`crate::running`] to find out).
    #[must_use]
    pub fn running(&self) -> Option<Running> {
        let text = std::fs::read_to_string(self.data.join(RUNNING)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes down that a proxy runs.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_running(&self, running: &Running) -> Result<(), FolderError> {
        let path = self.data.join(RUNNING);
        let json = serde_json::to_string(running).unwrap_or_default();
        self.private_file(&json)
            .and_then(|file| file.persist(&path).map_err(|error| error.error))
            .map(drop)
            .map_err(|source| access("write", &path, source))
    }

    /// Removes what [`Folders::set_running`] wrote, unless another proxy has since taken its place.
    pub fn clear_running(&self, running: &Running) {
        if self.running().as_ref() == Some(running) {
            // A file left behind is found to be stale by whoever reads it.
            drop(std::fs::remove_file(self.data.join(RUNNING)));
        }
    }

    /// Removes what Outlay made in the data folder, and the folder where that leaves it empty; what
    /// stays, as somebody else put it there.
    ///
    /// # Errors
    /// When something of ours cannot be removed.
    pub fn remove_data(&self) -> Result<Vec<PathBuf>, FolderError> {
        let entries = match std::fs::read_dir(&self.data) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(access("read", &self.data, source)),
        };
        let mut kept = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            if !is_ours(&entry.file_name().to_string_lossy()) {
                kept.push(path);
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            removed.map_err(|source| access("remove", &path, source))?;
        }
        if kept.is_empty() {
            let removed = std::fs::remove_dir(&self.data);
            removed.map_err(|source| access("remove", &self.data, source))?;
        }
        kept.sort();
        Ok(kept)
    }

    /// Removes the configuration file, and its folder where that leaves it empty; whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_config(&self) -> Result<bool, FolderError> {
        match std::fs::remove_file(&self.config) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(access("remove", &self.config, source)),
        }
        if let Some(folder) = self.config.parent().filter(|_| !self.config_is_named) {
            // Not empty: somebody else's.
            drop(std::fs::remove_dir(folder));
        }
        Ok(true)
    }

    fn make_token(&self, path: &Path) -> Result<(), FolderError> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(FolderError::Random)?;
        let made = std::fs::create_dir_all(&self.data)
            .and_then(|()| self.private_file(&hex::encode(bytes)))
            .map_err(|source| access("write", path, source))?;
        match made.persist_noclobber(path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(access("write", path, error.error)),
        }
    }

    /// A file with one line that only this user can read, under a name of its own until it is
    /// whole.
    fn private_file(&self, line: &str) -> std::io::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::Builder::new().prefix(".outlay-").tempfile_in(&self.data)?;
        writeln!(file, "{line}")?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

/// Whether Outlay made what has this name in the data folder.
fn is_ours(name: &str) -> bool {
    matches!(name, TOKEN | RUNNING | CONFIG_BEFORE | WINDOW | "processes" | "connections")
        || name.starts_with("outlay.db")
        || name.starts_with(".outlay-")
}

fn access(action: &'static str, path: &Path, source: std::io::Error) -> FolderError {
    FolderError::Access { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(data: &Path) -> Folders {
        Folders::new(Some(data.to_owned()), Some(data.join("outlay.toml"))).unwrap()
    }

    #[test]
    fn the_token_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(&folder.path().join("new"));
        let token = folders.token().unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(folders.token().unwrap(), token);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folders.data().join("token")).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        std::fs::write(folders.data().join("token"), "\n").unwrap();
        assert!(folders.token().unwrap_err().to_string().contains("remove it"));
    }

    #[test]
    fn only_what_is_ours_is_removed() {
        for (others, kept) in [(&["notes.txt"][..], 1), (&[], 0)] {
            let folder = tempfile::tempdir().unwrap();
            let folders = folders(&folder.path().join("data"));
            folders.token().unwrap();
            for name in ["outlay.db", "outlay.db-wal", "outlay.db.before-migration-from-1", WINDOW]
            {
                std::fs::write(folders.data().join(name), "").unwrap();
            }
            std::fs::create_dir(folders.data().join("processes")).unwrap();
            for name in others {
                std::fs::write(folders.data().join(name), "").unwrap();
            }
            assert_eq!(folders.remove_data().unwrap().len(), kept);
            assert_eq!(folders.data().exists(), kept > 0);
            assert!(folders.remove_data().is_ok());
            assert!(!folders.remove_config().unwrap());
        }
    }

    #[test]
    fn a_proxy_removes_only_its_own_mark() {
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(folder.path());
        let running = |pid| Running {
            address: "127.0.0.1:4780".parse().unwrap(),
            pid,
            started_at: DateTime::UNIX_EPOCH,
            version: "0.1.0".to_owned(),
        };
        assert_eq!(folders.running(), None);
        folders.set_running(&running(1)).unwrap();
        folders.set_running(&running(2)).unwrap();
        folders.clear_running(&running(1));
        assert_eq!(folders.running(), Some(running(2)));
        folders.clear_running(&running(2));
        assert_eq!(folders.running(), None);
    }
}
