//! What the stories share.
//!
//! | module | what it is |
//! |---|---|
//! | [`fake_provider`] | an HTTP server that replays recorded exchanges or plays a [`script::Script`] |
//! | [`outlay`] | a home folder and the real `outlay` binary running in it |
//! | [`listener`] | a port, and each connection to it on a thread of its own |
//! | [`client`] | a raw HTTP/1.1 client that shows the exact bytes and when they came |
//! | [`tool_stream`] | a provider for coding agents: text, or a shell command in small pieces |
//! | [`clients`] | coding agents and SDKs, pinned, each in a home of its own |
//! | [`log_tree`] | home folders full of tools' logs, and the truth about them |
//! | [`tools`] | the same as their users start them: by `outlay run`, or connected |
//! | [`corpus`] | the recorded exchanges and the figures expected of them |
//! | [`clock`] | the wall clock of the processes under test, moved with libfaketime |
//! | [`desktop`], [`webdriver`], [`hands`] | a display, a session bus, a notification daemon, a browser, and who uses it |
//! | [`service`] | a service manager, played or real |
//! | [`clean_root`] | a Debian on which nothing was ever installed |
//! | [`tray`], [`clipboard`] | a panel that shows the tray's icons and presses their items, and who pastes |
//!
//! Everything blocks: a test that needs a hundred calls at once starts a hundred threads.
#![allow(clippy::unwrap_used, reason = "test support stops at the first surprise")]

#[cfg(target_os = "linux")]
pub mod clean_root;
pub mod client;
pub mod clients;
#[cfg(target_os = "linux")]
pub mod clipboard;
pub mod clock;
pub mod corpus;
pub mod desktop;
pub mod dialect;
pub mod fake_provider;
pub mod hands;
pub mod listener;
pub mod log_tree;
pub mod month;
pub mod outlay;
pub mod script;
#[cfg(target_os = "linux")]
pub mod service;
pub mod story;
pub mod tool_stream;
pub mod tools;
#[cfg(target_os = "linux")]
pub mod tray;
pub mod wait;
pub mod webdriver;
