//! What every command begins with: where things are, how they are configured, what time it is.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::ledger::{Ledger, Opening, Role};
use outlay_host::config::Config;
use outlay_host::folders::Folders;
use outlay_host::zone;

use crate::failure::Failure;

/// Options of every command.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Places {
    /// Where the ledger is [default: the platform's data folder]
    #[arg(
        long,
        global = true,
        env = "OUTLAY_DATA_DIR",
        value_name = "DIR",
        hide_env_values = true,
        help_heading = "Files"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration file [default: outlay.toml in the platform's config folder]
    #[arg(long, global = true, env = "OUTLAY_CONFIG", value_name = "FILE", hide_env_values = true)]
    #[arg(help_heading = "Files")]
    pub(crate) config: Option<PathBuf>,
}

/// A command's surroundings.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) folders: Folders,
    pub(crate) config: Config,
    /// The zone of days, unless an option says otherwise.
    pub(crate) zone: Tz,
    /// When the command began.
    pub(crate) now: DateTime<Utc>,
}

impl Session {
    pub(crate) fn new(places: &Places) -> Result<Session, Failure> {
        let folders = Folders::new(places.data_dir.clone(), places.config.clone())?;
        let config = Config::load(&folders)?;
        let zone = config.timezone.unwrap_or_else(zone::system);
        Ok(Session { folders, config, zone, now: Utc::now() })
    }

    /// The ledger, for reading and setting.
    pub(crate) fn ledger(&self) -> Result<Ledger, Failure> {
        let opening = Opening { role: Role::Use, now: self.now, changed: Arc::new(|| {}) };
        let ledger = Ledger::open(self.folders.data(), opening)?;
        tell_upgrade(&ledger);
        Ok(ledger)
    }

    /// The zone that an option names, else the session's.
    pub(crate) fn zone_or(&self, named: Option<&str>) -> Result<Tz, Failure> {
        named.map_or(Ok(self.zone), |name| zone::parse(name).map_err(Failure::Misused))
    }
}

/// Says that the ledger was brought to this version's form, and where it is as it was.
pub(crate) fn tell_upgrade(ledger: &Ledger) {
    if let Some(backup) = ledger.backup_of_upgrade() {
        eprintln!(
            "outlay: the ledger was upgraded to this version's form; {} keeps it as it was before",
            backup.display()
        );
    }
}
