//! What is configured, as the API tells it and changes it.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use outlay_core::ledger::{Durability, Ledger};
use outlay_host::config::{Config, Notifications, Setting, WriteError, Written};
use outlay_host::folders::Folders;
use outlay_host::port;
use outlay_proxy::machine::{
    MachineError, NotificationsChange, NotificationsView, SettingsChange, SettingsView,
};

use crate::settings;

const ADMISSION: Option<&str> = Some("admission");
const LEDGER: Option<&str> = Some("ledger");
const NOTIFICATIONS: Option<&str> = Some("notifications");

/// What is written down; `in_force` is what this process works by.
pub(crate) fn view(
    folders: &Folders,
    ledger: &Ledger,
    in_force: &Config,
    started_at: DateTime<Utc>,
    address: SocketAddr,
) -> SettingsView {
    let (config, problem) = match Config::load(folders) {
        Ok(config) => (config, None),
        Err(error) => (in_force.clone(), Some(error.to_string())),
    };
    SettingsView {
        config_file: folders.config().display().to_string(),
        data_folder: folders.data().display().to_string(),
        ledger_bytes: ledger_bytes(ledger),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        address,
        started_at,
        timezone: settings::zone(&config).name().to_owned(),
        timezone_set: config.timezone.is_some(),
        listen: config.listen,
        durability: match config.durability {
            Durability::Process => "process",
            Durability::Power => "power",
        },
        strict: config.strict,
        block_when_empty: config.block_when_empty,
        keep_days: config.keep_days,
        notifications: without_secrets(&config.notifications),
        restart_needed: config != *in_force,
        problem,
    }
}

fn without_secrets(notifications: &Notifications) -> NotificationsView {
    NotificationsView {
        desktop: notifications.desktop,
        quiet_hours: notifications.quiet_hours.map(|hours| hours.to_string()),
        command_set: notifications.command.is_some(),
        webhooks: notifications.webhook_names(),
    }
}

/// The ledger with what is still in its journal.
fn ledger_bytes(ledger: &Ledger) -> u64 {
    let mut journal = ledger.path().as_os_str().to_owned();
    journal.push("-wal");
    [ledger.path(), journal.as_ref()]
        .iter()
        .filter_map(|path| std::fs::metadata(path).ok())
        .map(|file| file.len())
        .sum()
}

/// Writes settings into the configuration file; what it says then.
pub(crate) fn write(folders: &Folders, change: SettingsChange) -> Result<Config, MachineError> {
    let SettingsChange { timezone, listen, strict, block_when_empty, keep_days, notifications } =
        change;
    let mut written = Written::read(folders).map_err(|error| refused(&error))?;
    match timezone {
        Some(Some(zone)) => written.set(None, "timezone", Setting::Text(zone)),
        Some(None) => written.remove(None, "timezone"),
        None => {}
    }
    if let Some(listen) = listen {
        refuse_exposure(&listen)?;
        written.set(None, "listen", Setting::Text(listen));
    }
    if let Some(strict) = strict {
        written.set(ADMISSION, "strict", Setting::Flag(strict));
    }
    if let Some(block) = block_when_empty {
        written.set(ADMISSION, "block_when_empty", Setting::Flag(block));
    }
    match keep_days {
        Some(Some(days)) => written.set(LEDGER, "keep_days", Setting::Count(days)),
        Some(None) => written.remove(LEDGER, "keep_days"),
        None => {}
    }
    if let Some(notifications) = notifications {
        set_notifications(&mut written, notifications)?;
    }
    written.write(&folders.config_before()).map_err(|error| refused(&error))
}

fn set_notifications(
    written: &mut Written,
    change: NotificationsChange,
) -> Result<(), MachineError> {
    let NotificationsChange { desktop, quiet_hours, command, webhooks } = change;
    if let Some(desktop) = desktop {
        written.set(NOTIFICATIONS, "desktop", Setting::Flag(desktop));
    }
    for (key, text) in [("quiet_hours", quiet_hours), ("command", command)] {
        match text {
            Some(Some(text)) => written.set(NOTIFICATIONS, key, Setting::Text(text)),
            Some(None) => written.remove(NOTIFICATIONS, key),
            None => {}
        }
    }
    webhooks.map_or(Ok(()), |wanted| written.set_webhooks(&wanted).map_err(|error| refused(&error)))
}

/// The next start would refuse such an address, as nobody said there that it is meant.
fn refuse_exposure(listen: &str) -> Result<(), MachineError> {
    match port::parse_listen(listen) {
        Ok(address) if !address.ip().to_canonical().is_loopback() => {
            Err(MachineError::Invalid(format!(
                "{address} can be reached from other machines, which outlay serve --listen {address} --expose alone allows: write an address like 127.0.0.1:{}",
                address.port()
            )))
        }
        // What is no address the parser says better.
        _ => Ok(()),
    }
}

fn refused(error: &WriteError) -> MachineError {
    match error {
        WriteError::File(_) | WriteError::Broken(_) => MachineError::Conflict(error.to_string()),
        WriteError::Refused(_) | WriteError::NoWebhook(_) => {
            MachineError::Invalid(error.to_string())
        }
    }
}
