//! What only the user's machine knows, for the API: other programs' settings, their logs, the service,
//! the configuration file. Who implements it is the binaries' business (decision 0020).
//!
//! | file | documents of |
//! |---|---|
//! | `tool` | tools and their connections |
//! | `log` | tools' logs, and imports of them |
//! | `setting` | the configuration |
//! | `service` | what keeps the proxy running |
//! | `file` | what is written for the user: copies, exports |
//! | `way` | the ways of alerts |

mod file;
mod log;
mod service;
mod setting;
mod tool;
mod way;

use std::net::SocketAddr;

use outlay_core::ledger::LedgerError;

pub use self::file::{BackedUp, ExportForm, ExportWanted, Exported};
pub use self::log::{
    ImportEnded, ImportProgress, ImportWanted, ImportedSource, Imports, LogSource, Logs, Unread,
};
pub use self::service::ServiceView;
pub use self::setting::{NotificationsChange, NotificationsView, SettingsChange, SettingsView};
pub use self::tool::{ConnectWanted, Connection, FileChange, ToolLogs, ToolView, Tools};
pub use self::way::{AlertTest, TestedWay};

/// The user's machine. Each of these may take long, and is called where that holds up nobody.
pub trait Machine: Send + Sync {
    /// The tools that there are; `address` is where the proxy answers.
    ///
    /// # Errors
    /// One sentence.
    fn tools(&self, address: SocketAddr) -> Result<Tools, MachineError>;

    /// Points a tool at the proxy at `address`.
    ///
    /// # Errors
    /// Where its settings cannot or should not be changed.
    fn connect(
        &self,
        tool: &str,
        wanted: ConnectWanted,
        address: SocketAddr,
    ) -> Result<Connection, MachineError>;

    /// Takes that back, or says what it would do.
    ///
    /// # Errors
    /// Where its settings cannot be changed.
    fn disconnect(&self, tool: &str, is_dry: bool) -> Result<Connection, MachineError>;

    /// The logs that tools have written here.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn logs(&self) -> Result<Logs, MachineError>;

    /// Begins to import logs, and returns at once.
    ///
    /// # Errors
    /// Where one is going on, or a source is unknown.
    fn begin_import(&self, wanted: ImportWanted) -> Result<Imports, MachineError>;

    /// How far the import is, and how the last one ended.
    fn imports(&self) -> Imports;

    /// What is configured, and whether it is in force; `address` is where the proxy answers.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn settings(&self, address: SocketAddr) -> Result<SettingsView, MachineError>;

    /// Writes settings down, and applies those that need no restart.
    ///
    /// # Errors
    /// Where they make no sense, or the file stands in the way; it is then as it was.
    fn change_settings(&self, change: SettingsChange) -> Result<(), MachineError>;

    /// What keeps the proxy running.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn service(&self) -> Result<ServiceView, MachineError>;

    /// Has the proxy run from now on and at each login; what that did is in `detail`.
    ///
    /// # Errors
    /// Why not.
    fn install_service(&self) -> Result<ServiceView, MachineError>;

    /// Ends that; what it did is in `detail`.
    ///
    /// # Errors
    /// Why not: also where the process that is asked is the service itself.
    fn uninstall_service(&self) -> Result<ServiceView, MachineError>;

    /// Copies the ledger.
    ///
    /// # Errors
    /// Where the copy cannot be written.
    fn back_up(&self) -> Result<BackedUp, MachineError>;

    /// Writes calls into a file of the user's.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn export(&self, wanted: ExportWanted) -> Result<Exported, MachineError>;

    /// Sends a test alert each way, and says what came of it.
    ///
    /// # Errors
    /// Where there is no way.
    fn test_alerts(&self) -> Result<AlertTest, MachineError>;
}

/// Why the machine did not do it, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Something stands in the way that the user can remove.
    #[error("{0}")]
    Conflict(String),
    /// It did not work.
    #[error("{0}")]
    Failed(String),
    /// The ledger did not do it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
