//! Outlay's HTTP: the proxy, the local API and the embedded dashboard.

pub mod api;
mod app;
pub mod guard;
mod login;
mod settings;
mod upstream;

pub use app::{App, Changes, Clock, Stats, StatsView};
pub use login::LoginCodes;
pub use settings::{Family, Parts, ProviderPart, Settings, SettingsError, UpstreamSetting};
pub use upstream::UpstreamError;
