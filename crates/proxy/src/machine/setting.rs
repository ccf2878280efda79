//! Documents of the configuration.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

/// `GET /settings`: what is written down, and whether it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SettingsView {
    /// The configuration file, which need not be there.
    pub config_file: String,
    /// Where the ledger is.
    pub data_folder: String,
    /// The size of the ledger, in bytes.
    pub ledger_bytes: u64,
    /// Outlay's own version.
    pub version: String,
    /// Where this process answers.
    pub address: SocketAddr,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// The zone of days.
    pub timezone: String,
    /// Whether that is written down; else it is the machine's.
    pub timezone_set: bool,
    /// Where the proxy listens.
    pub listen: SocketAddr,
    /// `process` or `power`.
    pub durability: &'static str,
    /// Whether what cannot be bounded is refused near a limit.
    pub strict: bool,
    /// Whether an account refuses calls once its provider said that it is empty.
    pub block_when_empty: bool,
    /// For how many days calls are kept; `None` for ever.
    pub keep_days: Option<u32>,
    /// How alerts reach the user.
    pub notifications: NotificationsView,
    /// Whether this process still works by other values, as they take effect at a start.
    pub restart_needed: bool,
    /// Why the file cannot be read; the values are then those in force.
    pub problem: Option<String>,
}

/// How alerts reach the user, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NotificationsView {
    /// Whether they are shown on the desktop.
    pub desktop: bool,
    /// When only critical ones are told.
    pub quiet_hours: Option<String>,
    /// Whether a command is run for them.
    pub command_set: bool,
    /// The hosts that they are posted to.
    pub webhooks: Vec<String>,
}

/// The body of `PATCH /settings`: what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// The zone of days; `null` for the machine's.
    #[serde(default, deserialize_with = "given")]
    pub timezone: Option<Option<String>>,
    /// Where the proxy listens, from its next start on.
    pub listen: Option<String>,
    /// Whether what cannot be bounded is refused near a limit.
    pub strict: Option<bool>,
    /// Whether an account refuses calls once its provider said that it is empty.
    pub block_when_empty: Option<bool>,
    /// For how many days calls are kept; `null` for ever.
    #[serde(default, deserialize_with = "given")]
    pub keep_days: Option<Option<u32>>,
    /// How alerts reach the user.
    pub notifications: Option<NotificationsChange>,
}

/// How alerts reach the user: what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationsChange {
    /// Whether they are shown on the desktop.
    pub desktop: Option<bool>,
    /// When only critical ones are told; `null` for never.
    #[serde(default, deserialize_with = "given")]
    pub quiet_hours: Option<Option<String>>,
    /// What is run for them; `null` for nothing.
    #[serde(default, deserialize_with = "given")]
    pub command: Option<Option<String>>,
    /// Where they are posted: addresses, and names of those that stay.
    pub webhooks: Option<Vec<String>>,
}

/// A value that may be null, told from one that is not given.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
