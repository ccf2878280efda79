//! Connections to one provider that wait for their next call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::line::Line;

/// The longest that a connection waits for a call.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// How often those are looked for that have waited too long, or that the provider has closed.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
const LINES_MAX: usize = 128;

/// The idle connections to one provider.
#[derive(Debug, Default)]
pub(super) struct Idle(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    /// The one that was used last is the last.
    lines: Vec<Line>,
    is_swept: bool,
}

impl Idle {
    /// The one that was used last.
    pub(super) fn take(&self) -> Option<Line> {
        let line = self.lock().lines.pop()?;
        (line.idle_since.elapsed() < IDLE_MAX).then_some(line)
    }

    /// Keeps one for the next call.
    pub(super) fn put(self: &Arc<Idle>, mut line: Line) {
        line.idle_since = Instant::now();
        let mut idle = self.lock();
        if idle.lines.len() < LINES_MAX {
            idle.lines.push(line);
        }
        if idle.is_swept {
            return;
        }
        // None while the process stops.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(sweep(Arc::downgrade(self)));
            idle.is_swept = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what nobody uses, as long as there is any.
async fn sweep(idle: Weak<Idle>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = idle.lock();
        idle.lines.retain_mut(|line| line.idle_since.elapsed() < IDLE_MAX && !line.is_closed());
        if idle.lines.is_empty() {
            idle.is_swept = false;
            return;
        }
    }
}
