//! Documents of the service.

use serde::Serialize;

/// `GET /service`: what keeps the proxy running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServiceView {
    /// Whether anybody here keeps services.
    pub supported: bool,
    /// Whether ours is installed.
    pub installed: bool,
    /// Whether it runs, or its port is open and the next call starts it.
    pub running: bool,
    /// Whether the process that answers is the service's own.
    pub answers: bool,
    /// What defines it.
    pub file: Option<String>,
    /// What there is to say, in sentences.
    pub detail: String,
}
