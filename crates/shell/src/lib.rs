//! What the command and the desktop app share: between the proxy, which knows nothing of the machine,
//! and the machine, which knows nothing of the proxy.
//!
//! | module | knows |
//! |---|---|
//! | [`settings`] | the configuration as the proxy's settings |
//! | [`machine`] | the machine behind the local API |
//! | [`tools`] | tools' settings, as the API tells of them |
//! | [`importing`] | tools' logs, found and imported in the background |
//! | `change` | what is configured, told and changed |
//! | [`service`] | how the service stands, and what is said of that |
//! | [`notifying`], [`alert_test`] | delivery of alerts that takes on other ways; a test of them |
//! | [`export`] | calls as a file |

pub mod alert_test;
mod change;
pub mod export;
pub mod importing;
pub mod machine;
pub mod notifying;
pub mod service;
pub mod settings;
pub mod tools;
