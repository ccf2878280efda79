//! The service that keeps the proxy running: a systemd user unit with its socket, a launchd agent, or
//! a scheduled task.
//!
//! What is written is made by pure functions that exist on every platform; what is run stands here and
//! in [`programs`].

mod activity;
mod definition;
mod files;
mod launchd;
mod places;
mod programs;
mod sockets;
mod systemd;
mod task;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

pub use self::definition::{DRAIN, Definition, Left};
pub use self::programs::{autostart, is_supported};
pub use self::sockets::{HandedOver, announce_ready, announce_stopping, handed_over};
use crate::port;

/// How the service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// What defines it, where it is installed.
    pub file: Option<PathBuf>,
    /// Where it is defined to listen, where the definition says so.
    pub address: Option<SocketAddr>,
    /// What it does.
    pub activity: Activity,
    /// The process that the service manager runs.
    pub pid: Option<u32>,
}

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It runs.
    Running,
    /// Its process has ended, and the next connection starts it.
    Waiting,
    /// It could not be kept running.
    Failed,
    /// It is ended.
    Stopped,
    /// Nobody here keeps services.
    Unknown,
}

/// What an installation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// What was written.
    pub files: Vec<PathBuf>,
    /// `None` where it runs; else how to start it.
    pub to_start: Option<String>,
}

/// Why a service cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no place for its definition.
    #[error("there is no home folder to write the service's files to: set HOME")]
    NoHome,
    /// The program to run is not found.
    #[error("the outlay command is not found ({0}): install it, and try again")]
    NoProgram(String),
    /// A file cannot be written or removed.
    #[error("cannot {action} {}: {source}. Give this user access to it", path.display())]
    Access {
        /// `write` or `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A path or value that a service file cannot hold.
    #[error("{0} cannot be written into a service's file: move or rename it, and try again")]
    Unwritable(String),
    /// Another program has the port.
    #[error(
        "{address} is held by {holder}: end that, then run outlay service install again (or set another listen in outlay.toml)"
    )]
    Taken {
        /// The port's address.
        address: SocketAddr,
        /// Who has it.
        holder: String,
    },
    /// Others would reach it.
    #[error(
        "the service listens on this machine only, and listen is {0}: set listen = \"127.0.0.1:4780\" in outlay.toml"
    )]
    Exposed(SocketAddr),
    /// Nobody here keeps services.
    #[error(
        "no systemd of this user runs here, so nothing is restarted: outlay serve runs a proxy by hand"
    )]
    NoManager,
    /// The service manager did not do what it was told.
    #[error("`{command}` failed: {said}")]
    Manager {
        /// What was run.
        command: String,
        /// What it said.
        said: String,
    },
    /// There is nothing to work with.
    #[error("no service is installed: outlay service install")]
    Missing,
}

/// Writes the service's files, and has it run from now on and at each login.
///
/// # Errors
/// One sentence; what was written stays, and another install goes on from there.
pub fn install(definition: &Definition) -> Result<Installed, ServiceError> {
    let address = definition.listen;
    if !address.ip().is_loopback() {
        return Err(ServiceError::Exposed(address));
    }
    let before = state();
    let is_its_own = before.address == Some(address)
        && matches!(before.activity, Activity::Running | Activity::Waiting);
    if let Some(holder) = port::holder(address).filter(|_| !is_its_own) {
        return Err(ServiceError::Taken { address, holder: holder.to_string() });
    }
    let texts = places::files(definition)?;
    let mut has_changed = false;
    for (path, text) in &texts {
        has_changed |= files::write(path, text)?;
    }
    let to_start = programs::start(&texts, &before, has_changed)?;
    Ok(Installed { files: texts.into_iter().map(|(path, _)| path).collect(), to_start })
}

/// Ends the service and removes its files; what was removed.
///
/// # Errors
/// One sentence. Nothing to remove is none.
pub fn uninstall() -> Result<Vec<PathBuf>, ServiceError> {
    let all = places::all()?;
    if all.iter().all(|path| !path.exists()) {
        return Ok(Vec::new());
    }
    programs::stop();
    let mut removed = Vec::new();
    for path in all {
        if files::remove(&path)? {
            removed.push(path);
        }
    }
    programs::forget();
    Ok(removed)
}

/// Has the running calls end and a new process, of the program as it is now, go on.
///
/// # Errors
/// One sentence.
pub fn restart() -> Result<(), ServiceError> {
    if state().file.is_none() {
        return Err(ServiceError::Missing);
    }
    programs::restart()
}

/// How the service stands.
#[must_use]
pub fn state() -> State {
    let file = places::all().ok().and_then(|all| all.into_iter().find(|path| path.exists()));
    if file.is_none() {
        return State { file, address: None, activity: Activity::Stopped, pid: None };
    }
    let address = places::installed_address();
    let (activity, pid) = programs::activity();
    State { file, address, activity, pid }
}

/// Whether `address` is held by the service's socket, or meant for it.
#[must_use]
pub fn holds(address: SocketAddr) -> bool {
    let state = state();
    state.address == Some(address)
        && matches!(state.activity, Activity::Running | Activity::Waiting)
}
