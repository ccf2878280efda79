//! A settings file that its user writes too: read whole, and replaced whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::ConnectError;

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it is called.
    pub(crate) path: PathBuf,
    /// Where it really is, behind symbolic links.
    pub(crate) real: PathBuf,
    /// What it says; `None` where it is not there.
    pub(crate) text: Option<String>,
}

impl Found {
    /// Reads it.
    pub(crate) fn read(path: &Path) -> Result<Found, ConnectError> {
        let access = |source| ConnectError::Unreadable { path: path.to_owned(), source };
        let path_owned = path.to_owned();
        let is_link = match fs::symlink_metadata(path) {
            Ok(found) => found.is_symlink(),
            Err(error) if is_missing(&error) => {
                return Ok(Found { real: path_owned.clone(), path: path_owned, text: None });
            }
            Err(error) => return Err(access(error)),
        };
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) if is_link && is_missing(&error) => {
                return Err(ConnectError::Dangling(path_owned));
            }
            Err(error) => return Err(access(error)),
        };
        let kind = fs::metadata(&real).map_err(access)?;
        if !kind.is_file() {
            return Err(ConnectError::NoFile(path_owned));
        }
        let bytes = fs::read(&real).map_err(access)?;
        let text = String::from_utf8(bytes).map_err(|error| ConnectError::NotUtf8 {
            path: path_owned.clone(),
            byte: error.utf8_error().valid_up_to(),
        })?;
        Ok(Found { path: path_owned, real, text: Some(text) })
    }

    /// Replaces it, if it still says what it said when it was read; `None` removes it. Mode and owner
    /// stay, and a symbolic link stays one. Returns the folders that had to be made.
    pub(crate) fn replace(&self, text: Option<&str>) -> Result<Vec<PathBuf>, ConnectError> {
        if Found::read(&self.path)? != *self {
            return Err(ConnectError::ChangedMeanwhile(self.path.clone()));
        }
        let access = |source| ConnectError::Unwritable { path: self.path.clone(), source };
        let Some(text) = text else {
            return fs::remove_file(&self.real).map(|()| Vec::new()).map_err(access);
        };
        let folder = self.real.parent().unwrap_or(Path::new("."));
        let made = missing_folders(folder);
        fs::create_dir_all(folder).map_err(access)?;
        let before = fs::metadata(&self.real).ok();
        if before.as_ref().is_some_and(|before| before.permissions().readonly()) {
            return Err(ConnectError::ReadOnly(self.path.clone()));
        }
        let mut file =
            tempfile::Builder::new().prefix(".outlay-").tempfile_in(folder).map_err(access)?;
        file.write_all(text.as_bytes()).map_err(access)?;
        if let Some(before) = &before {
            keep_owner(file.as_file(), before).map_err(access)?;
            let permissions: Permissions = before.permissions();
            file.as_file().set_permissions(permissions).map_err(access)?;
        }
        file.as_file().sync_all().map_err(access)?;
        file.persist(&self.real).map_err(|error| access(error.error))?;
        sync_folder(folder);
        Ok(made)
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Those that are not there, the innermost first.
fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect()
}

/// A file that another user owns stays that user's, where we may give it away.
#[cfg(unix)]
fn keep_owner(file: &File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (before.uid(), before.gid()) {
        return Ok(());
    }
    fchown(file, Some(before.uid()), Some(before.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// After a power cut the new name is there too; where that cannot be had, the file is whole anyway.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    drop(File::open(folder).and_then(|folder| folder.sync_all()));
    #[cfg(not(unix))]
    let _ = folder;
}
