//! What was seen on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use outlay_core::ledger::LedgerError;

use crate::port::Holder;
use crate::service;

/// Everything that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: DateTime<Utc>,
    /// The zone of days.
    pub(super) zone: String,
    pub(super) data: PathBuf,
    /// Why the data folder cannot be written.
    pub(super) data_error: Option<String>,
    /// Files of ours that other users can read, and their modes.
    pub(super) readable: Vec<(PathBuf, u32)>,
    pub(super) ledger: Result<LedgerFacts, LedgerError>,
    pub(super) disk_free_bytes: Option<u64>,
    pub(super) config: PathBuf,
    pub(super) config_exists: bool,
    pub(super) config_error: Option<String>,
    /// Where the configuration has it listen.
    pub(super) listen: SocketAddr,
    pub(super) proxy: ProxyFacts,
    pub(super) service: service::State,
    /// Why a call to this machine's own address does not arrive.
    pub(super) loopback_error: Option<String>,
    /// What sends calls elsewhere, and whether those to this machine are excepted.
    pub(super) http_proxy: Option<(&'static str, bool)>,
    pub(super) ways: Vec<Way>,
    /// The price list's name, and the date of its newest price.
    pub(super) prices: (String, Option<NaiveDate>),
}

/// What was seen of the ledger.
#[derive(Clone, Debug)]
pub(super) struct LedgerFacts {
    pub(super) path: PathBuf,
    pub(super) size_bytes: u64,
    /// `false` where there was no time to look at all of it.
    pub(super) is_checked: bool,
    /// When the latest call was made.
    pub(super) latest: Option<DateTime<Utc>>,
    /// Until when no limit refuses.
    pub(super) bypassed_until: Option<DateTime<Utc>>,
}

/// What was seen where the proxy listens.
#[derive(Clone, Debug)]
pub(super) enum ProxyFacts {
    /// One of this user's.
    Runs {
        base_url: String,
        version: String,
        pid: u32,
    },
    /// Something that does not know the token, or does not answer.
    Strange(String),
    /// Nobody.
    Free,
    Held(Option<Holder>),
    Unbindable(String),
}

/// A way to the user.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// `desktop`, `command`, `webhook HOST`.
    pub(super) name: String,
    /// Who shows it, where that is known.
    pub(super) by: Option<String>,
    /// Why nothing can get there.
    pub(super) problem: Option<String>,
    /// What came of the last alert that went there: when it arrived, or why not.
    pub(super) last: Option<Result<DateTime<Utc>, String>>,
}
