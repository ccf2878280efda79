//! The service's files on the disk.

use std::io::{ErrorKind, Write};
use std::path::Path;

use super::ServiceError;

/// Writes it, whole or not at all; whether that changed anything.
pub(super) fn write(path: &Path, text: &[u8]) -> Result<bool, ServiceError> {
    if std::fs::read(path).is_ok_and(|found| found == text) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(path);
    let write = || {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".outlay-").tempfile_in(folder)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    let failed = |source| ServiceError::Access { action: "write", path: path.to_owned(), source };
    write().map(|_| true).map_err(failed)
}

/// Removes it; whether it was there.
pub(super) fn remove(path: &Path) -> Result<bool, ServiceError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => {
            Err(ServiceError::Access { action: "remove", path: path.to_owned(), source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("systemd/user/outlay.service");
        for (text, changes) in [("a", true), ("a", false), ("b", true)] {
            assert_eq!(write(&path, text.as_bytes()).unwrap(), changes, "{text}");
        }
        assert!(remove(&path).unwrap());
        assert!(!remove(&path).unwrap());
    }
}
