//! What this machine says of itself.

use std::path::Path;
use std::time::Duration;

use outlay_core::ledger::Surroundings;

/// What is known of this machine to whoever keeps a ledger in `folder`.
#[must_use]
pub fn surroundings(folder: &Path) -> Surroundings {
    Surroundings {
        disk_free_bytes: disk_free_bytes(folder),
        folder: folder.display().to_string(),
        has_file: |path| Path::new(path).exists(),
    }
}

/// How many bytes are left on the disk that `folder` is on; `None` where it does not tell.
fn disk_free_bytes(folder: &Path) -> Option<u64> {
    fs4::available_space(folder).ok()
}

/// How long the machine has run, the time in which it slept counted; `None` where it does not tell.
#[cfg(target_os = "linux")]
#[must_use]
pub fn uptime() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanoseconds))
}

/// How long the machine has run, the time in which it slept counted; `None` where it does not tell.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn uptime() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells() {
        let folder = tempfile::tempdir().unwrap();
        assert!(disk_free_bytes(folder.path()).unwrap() > 0);
        assert_eq!(disk_free_bytes(&folder.path().join("nothing")), None);
        if cfg!(target_os = "linux") {
            assert!(uptime().unwrap() > Duration::ZERO);
        }
    }
}
