//! Outlay's HTTP: the proxy, the local API and the embedded dashboard.
//!
//! Read [`call`] first: one call, from top to bottom.

pub mod api;
mod app;
mod asked;
pub mod balance;
mod bill;
pub mod call;
mod caller;
mod clock;
mod dispatch;
mod ending;
mod estimate;
mod forwarded;
pub mod guard;
mod headers;
mod holder;
mod login;
mod loops;
pub mod machine;
mod models;
mod passing;
mod relay;
mod reply;
mod route;
mod safety;
mod server;
mod settings;
mod shape;
mod transfer;
mod unseen;
mod upkeep;
mod upstream;
mod wait;
mod watch;

pub use app::{App, Changes, Stats, StatsView};
pub use clock::Clock;
pub use login::LoginCodes;
pub use loops::LoopSetting;
pub use server::{BindError, Server};
pub use settings::{Family, Parts, ProviderPart, Settings, SettingsError, UpstreamSetting};
pub use upkeep::{Watched, upkeep};
pub use upstream::UpstreamError;
