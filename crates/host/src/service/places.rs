//! Where a service is defined on this machine, and in which words.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::definition::Definition;
use super::{ServiceError, launchd, systemd, task};

/// The files of the service, and what is in them.
pub(super) fn files(definition: &Definition) -> Result<Vec<(PathBuf, Vec<u8>)>, ServiceError> {
    let texts = if cfg!(target_os = "macos") {
        vec![launchd::plist(definition)?.into_bytes()]
    } else if cfg!(windows) {
        vec![task::xml(definition)?]
    } else {
        let (service, socket) = (systemd::service(definition)?, systemd::socket(definition)?);
        vec![service.into_bytes(), socket.into_bytes()]
    };
    Ok(all()?.into_iter().zip(texts).collect())
}

/// Where the service's files are, the first of them the one that its manager is told.
pub(super) fn all() -> Result<Vec<PathBuf>, ServiceError> {
    let base = directories::BaseDirs::new().ok_or(ServiceError::NoHome)?;
    Ok(if cfg!(target_os = "macos") {
        vec![base.home_dir().join("Library/LaunchAgents").join(format!("{}.plist", launchd::LABEL))]
    } else if cfg!(windows) {
        vec![base.data_local_dir().join("Outlay").join("service.xml")]
    } else {
        let folder = base.config_dir().join("systemd/user");
        vec![folder.join(systemd::SERVICE), folder.join(systemd::SOCKET)]
    })
}

/// Where the installed service is defined to listen, where its files say so.
pub(super) fn installed_address() -> Option<SocketAddr> {
    let socket = all().ok()?.into_iter().find(|path| path.ends_with(systemd::SOCKET))?;
    systemd::address(&std::fs::read_to_string(socket).ok()?)
}
