//! Documents of the ways of alerts.

use serde::Serialize;

/// What came of a test alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AlertTest {
    /// Each way to the user.
    pub ways: Vec<TestedWay>,
}

/// What came of it one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TestedWay {
    /// `desktop`, `command`, or `webhook` and its host.
    pub channel: String,
    /// Whether it arrived.
    pub delivered: bool,
    /// Why not.
    pub error: Option<String>,
    /// What to do about that.
    pub fix: Option<String>,
}
