//! The machine behind the local API: see [`outlay_proxy::machine`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use outlay_core::ledger::{Ledger, LedgerError};
use outlay_host::config::Config;
use outlay_host::folders::Folders;
use outlay_host::notify::Manner;
use outlay_host::service::{Activity, is_supported};
use outlay_proxy::Clock;
use outlay_proxy::machine::{
    AlertTest, BackedUp, ConnectWanted, Connection, ExportWanted, Exported, ImportWanted, Imports,
    Logs, Machine, MachineError, ServiceView, SettingsChange, SettingsView, Tools,
};

use crate::importing::{self, Importing};
use crate::notifying::{Notifying, Ways};
use crate::service::{self, Standing};
use crate::{alert_test, change, export, settings, tools};

/// This machine, for a process that answers the API.
#[derive(Debug)]
pub struct ThisMachine {
    places: Places,
    /// As it was written down when the process began.
    config: Config,
    ledger: Ledger,
    clock: Now,
    started_at: DateTime<Utc>,
    importing: Importing,
    ways: Ways,
    /// Who changes the configuration, one at a time.
    writing: Mutex<()>,
}

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folders in use.
    pub folders: Folders,
    /// Whether data folder and configuration file were named, so that a service must be told.
    pub named: (bool, bool),
}

/// The current instant.
struct Now(Clock);

impl ThisMachine {
    /// For a process that was started with this configuration, as it was written down.
    #[must_use]
    pub fn new(
        places: Places,
        config: Config,
        ledger: Ledger,
        clock: Clock,
        notifying: &Notifying,
    ) -> ThisMachine {
        ThisMachine {
            places,
            config,
            ledger,
            started_at: clock(),
            clock: Now(clock),
            importing: Importing::default(),
            ways: notifying.ways(),
            writing: Mutex::default(),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        (self.clock.0)()
    }

    /// What this process works by.
    fn in_force(&self) -> Config {
        Config { notifications: self.ways.notifications(), ..self.config.clone() }
    }

    /// As it is written down now.
    fn written(&self) -> Result<Config, MachineError> {
        Config::load(&self.places.folders)
            .map_err(|error| MachineError::Conflict(error.to_string()))
    }

    fn standing(&self, detail: Option<Vec<String>>) -> ServiceView {
        let standing = Standing::look(&self.places.folders);
        let zone = settings::zone(&self.config);
        let shown =
            |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
        let detail = detail.unwrap_or_else(|| standing.sentences(shown));
        ServiceView {
            supported: is_supported(),
            installed: standing.installed,
            running: matches!(standing.state.activity, Activity::Running | Activity::Waiting),
            answers: is_own(&standing),
            file: standing.state.file.map(|file| file.display().to_string()),
            detail: detail.join(" "),
        }
    }
}

/// Whether this process is the service's.
fn is_own(standing: &Standing) -> bool {
    standing.state.pid == Some(std::process::id())
}

impl Machine for ThisMachine {
    fn tools(&self, address: SocketAddr) -> Result<Tools, MachineError> {
        tools::list(&self.places.folders, &self.config, address, self.now())
    }

    fn connect(
        &self,
        tool: &str,
        wanted: ConnectWanted,
        address: SocketAddr,
    ) -> Result<Connection, MachineError> {
        tools::connect(&self.places.folders, &self.config, tool, wanted, address, self.now())
    }

    fn disconnect(&self, tool: &str, is_dry: bool) -> Result<Connection, MachineError> {
        tools::disconnect(&self.places.folders, tool, is_dry)
    }

    fn logs(&self) -> Result<Logs, MachineError> {
        importing::logs(&self.ledger)
    }

    fn begin_import(&self, wanted: ImportWanted) -> Result<Imports, MachineError> {
        self.importing.begin(&wanted, &self.ledger, &self.clock.0)
    }

    fn imports(&self) -> Imports {
        self.importing.view()
    }

    fn settings(&self, address: SocketAddr) -> Result<SettingsView, MachineError> {
        let folders = &self.places.folders;
        Ok(change::view(folders, &self.ledger, &self.in_force(), self.started_at, address))
    }

    fn change_settings(&self, change: SettingsChange) -> Result<(), MachineError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let config = change::write(&self.places.folders, change)?;
        if config.notifications == self.ways.notifications() {
            return Ok(());
        }
        self.ways.renew(&config).map_err(|error| {
            MachineError::Failed(format!(
                "it is written down, and alerts are told again after a restart: no thread can be had ({error})"
            ))
        })
    }

    fn service(&self) -> Result<ServiceView, MachineError> {
        Ok(self.standing(None))
    }

    fn install_service(&self) -> Result<ServiceView, MachineError> {
        let standing = Standing::look(&self.places.folders);
        if is_own(&standing) {
            // Bringing it up to date could end it before it has answered.
            return Ok(self.standing(None));
        }
        let listen = self.written()?.listen;
        let told = service::install(&self.places.folders, self.places.named, listen)
            .map_err(|error| MachineError::Conflict(error.to_string()))?;
        Ok(self.standing(Some(told)))
    }

    fn uninstall_service(&self) -> Result<ServiceView, MachineError> {
        if is_own(&Standing::look(&self.places.folders)) {
            let sentence = "the service answers this itself, and would end before it has: \
                            run outlay service uninstall";
            return Err(MachineError::Conflict(sentence.to_owned()));
        }
        let told =
            service::uninstall().map_err(|error| MachineError::Conflict(error.to_string()))?;
        Ok(self.standing(Some(told)))
    }

    fn back_up(&self) -> Result<BackedUp, MachineError> {
        let folder = self.places.folders.backups();
        std::fs::create_dir_all(&folder).map_err(|error| {
            MachineError::Conflict(format!(
                "cannot write {}: {error}. Give this user access to it",
                folder.display()
            ))
        })?;
        let day = self.now().with_timezone(&settings::zone(&self.config)).date_naive();
        let file = self.copy(export::names(&folder, &format!("outlay-{day}"), "db"))?;
        let bytes = std::fs::metadata(&file).map_or(0, |file| file.len());
        Ok(BackedUp { file: file.display().to_string(), bytes })
    }

    fn export(&self, wanted: ExportWanted) -> Result<Exported, MachineError> {
        let folder = self.places.folders.downloads();
        let zone = settings::zone(&self.config);
        export::into_folder(&self.ledger, &folder, wanted, self.now(), zone)
    }

    fn test_alerts(&self) -> Result<AlertTest, MachineError> {
        let channels = Manner::configured(&self.written()?, None).names();
        if channels.is_empty() {
            return Err(MachineError::Conflict(alert_test::NO_WAY.to_owned()));
        }
        let now = self.now();
        alert_test::fire(&self.ledger, "the dashboard", now)?;
        let ways = alert_test::outcome(&self.ledger, &channels, "the running Outlay", now)?;
        Ok(AlertTest { ways })
    }
}

impl ThisMachine {
    /// Copies the ledger to the first of these places that is free.
    fn copy(&self, places: impl Iterator<Item = PathBuf>) -> Result<PathBuf, MachineError> {
        for place in places {
            match self.ledger.back_up(&place) {
                Ok(()) => return Ok(place),
                Err(LedgerError::Invalid(_)) if place.exists() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(MachineError::Conflict("there are copies enough: move some".to_owned()))
    }
}

impl std::fmt::Debug for Now {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Now")
    }
}
