//! How a process that finds the ledger locked asks the one that keeps it so to let others in: a
//! file that is there while somebody waits.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process;

/// What is older was left behind by a process that died.
const AGE_MAX: Duration = Duration::from_secs(6);

/// Somebody waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Knock(PathBuf);

impl Knock {
    /// Knocks. Where that fails, one has to be lucky.
    pub(crate) fn at(ledger: &Path) -> Knock {
        let door = door(ledger);
        drop(File::create(&door));
        Knock(door)
    }
}

impl Drop for Knock {
    fn drop(&mut self) {
        // Of several that wait the first one may have done so.
        drop(std::fs::remove_file(&self.0));
    }
}

/// Whether somebody waits.
pub(crate) fn is_heard(door: &Path) -> bool {
    let changed = std::fs::metadata(door).and_then(|found| found.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age < AGE_MAX))
}

/// Where it is knocked.
pub(crate) fn door(ledger: &Path) -> PathBuf {
    ledger.with_file_name(process::FOLDER).join("knock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_knock_is_heard_while_somebody_waits() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("outlay.db");
        std::fs::create_dir(folder.path().join(process::FOLDER)).unwrap();
        assert!(!is_heard(&door(&ledger)));
        let knock = Knock::at(&ledger);
        assert!(is_heard(&door(&ledger)));
        let long_ago = std::time::SystemTime::now() - AGE_MAX;
        File::options().write(true).open(door(&ledger)).unwrap().set_modified(long_ago).unwrap();
        assert!(!is_heard(&door(&ledger)), "it was left behind");
        drop(knock);
        assert!(!door(&ledger).exists());
    }
}
