//! Logs as they grow.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// What comes in quick succession is looked at together.
const TOGETHER: Duration = Duration::from_millis(300);
/// No later than this after the first of it.
const LATEST: Duration = Duration::from_secs(2);
/// A look at all of it, whatever the system told: folders come and go, and some tell nothing.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Calls `look` at once, and whenever something changes in the folders that it names, until it says so.
///
/// # Errors
/// What `look` says, or `failed` with one sentence where the system cannot watch at all.
pub fn watch<E>(
    mut look: impl FnMut() -> Result<Option<Vec<PathBuf>>, E>,
    failed: impl FnOnce(String) -> E,
) -> Result<(), E> {
    let (sender, changes) = channel();
    let tell = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // Nobody listens any more: the watch is over.
            let _ = sender.send(());
        }
    };
    let mut watcher = notify::recommended_watcher(tell)
        .map_err(|error| failed(format!("changes of files cannot be watched here: {error}")))?;
    let mut watched: Vec<PathBuf> = Vec::new();
    while let Some(roots) = look()? {
        // Of what was written after the look and before the watch nobody tells.
        let is_watched_anew = follow(&mut watcher, &mut watched, roots);
        if !is_watched_anew {
            wait(&changes);
        }
    }
    Ok(())
}

/// Whether there are folders that were not watched before.
fn follow(
    watcher: &mut RecommendedWatcher,
    watched: &mut Vec<PathBuf>,
    roots: Vec<PathBuf>,
) -> bool {
    watched.retain(|root| roots.contains(root) && root.exists());
    let before = watched.len();
    for root in roots {
        // A file is replaced by another of its name: its folder tells.
        let folder = if root.is_dir() { Some(root.as_path()) } else { root.parent() };
        if watched.contains(&root) {
            continue;
        }
        let is_watched =
            folder.is_some_and(|folder| watcher.watch(folder, RecursiveMode::Recursive).is_ok());
        if is_watched {
            watched.push(root);
        }
    }
    watched.len() > before
}

/// Returns when something has changed and it is quiet again, or after a while.
fn wait(changes: &Receiver<()>) {
    if changes.recv_timeout(LOOK_EVERY).is_err() {
        return;
    }
    let first = Instant::now();
    while first.elapsed() < LATEST {
        match changes.recv_timeout(TOGETHER) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}
