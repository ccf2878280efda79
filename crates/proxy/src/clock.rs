//! Where the time comes from: handed over, so that tests can move it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// The current instant; the binaries own the system's clock and pass it down.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;
