//! One file per command: its options, and `run`.

pub(crate) mod account;
pub(crate) mod alerts;
pub(crate) mod backup;
pub(crate) mod balance;
pub(crate) mod budget;
pub(crate) mod bypass;
pub(crate) mod calls;
pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod cost;
pub(crate) mod dashboard;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod prices;
pub(crate) mod prune;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod statusline;
pub(crate) mod uninstall;
pub(crate) mod wait;

/// How a reading command prints.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Form {
    /// Print the API's JSON document instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}
