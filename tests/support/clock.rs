//! The wall clock of the processes under test, moved with libfaketime.
//!
//! Only the wall clock moves: timeouts and timers run on the monotonic clock, which stays real.

use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use tempfile::TempDir;

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// A clock that every process started with its [`Clock::environment`] reads, while they run.
#[derive(Debug)]
pub struct Clock {
    folder: TempDir,
}

impl Clock {
    /// A clock that shows `instant` (RFC 3339) now and runs on from there.
    ///
    /// # Panics
    /// Where libfaketime is not installed.
    #[must_use]
    pub fn at(instant: &str) -> Clock {
        assert!(PathBuf::from(LIBRARY).exists(), "{LIBRARY} is missing: apt-get install faketime");
        let clock = Clock { folder: tempfile::tempdir().unwrap() };
        // Readable for a child that dropped its privileges.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(clock.folder.path(), open).unwrap();
        clock.set(instant);
        clock
    }

    /// Moves the clock; running processes see it at their next look.
    pub fn set(&self, instant: &str) {
        let target: DateTime<Utc> = instant.parse().unwrap();
        let offset_s = (target - Utc::now()).num_seconds();
        let fresh = self.folder.path().join("fresh");
        fs::write(&fresh, format!("{offset_s:+}\n")).unwrap();
        fs::rename(fresh, self.file()).unwrap();
    }

    /// What a process needs in its environment to live by this clock.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME_TIMESTAMP_FILE", self.file().to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }
}
