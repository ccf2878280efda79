//! What touches the user's machine: its folders, its configuration file, its clock's zone, its
//! notifications, and what may be wrong with it.
//!
//! | module | knows |
//! |---|---|
//! | [`folders`] | where the ledger, the token and the configuration are |
//! | [`config`] | the configuration file and its variables |
//! | [`idle`] | how long nobody has touched keyboard or mouse |
//! | [`zone`] | the time zone of this machine |
//! | [`logs`] | tools' logs: where they are, what is new, their way into the ledger |
//! | [`notify`] | the delivery of alerts: to the desktop, webhooks, a command |
//! | [`machine`] | its disk, and how long it has run |
//! | [`running`] | the proxy that runs already, proved to be ours |
//! | [`project`] | the repository that one works in |
//! | [`port`] | which program holds a port |
//! | [`service`] | what keeps the proxy running: systemd, launchd, Windows' scheduler |
//! | [`connect`] | the settings of tools, changed so that their calls come to Outlay |
//! | [`finding`] | what a look at this machine finds |
//! | [`doctor`] | what may be wrong, and how to mend it |

pub mod config;
pub mod connect;
pub mod doctor;
pub mod finding;
pub mod folders;
pub mod idle;
pub mod logs;
pub mod machine;
pub mod notify;
pub mod port;
pub mod project;
pub mod quiet;
pub mod running;
pub mod service;
pub mod zone;
