//! Waiting for what happens a moment later, without sleeping a fixed time.

use std::time::{Duration, Instant};

/// How long anything may take before the test gives up on it. Long, because a loaded machine is
/// slow; no test passes *because* of it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until there is an answer, and returns it.
///
/// # Panics
/// When [`PATIENCE`] runs out, naming `what` was awaited.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}
