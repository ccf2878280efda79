//! The dashboard in the user's browser.

use std::process::{Command, Stdio};

use outlay_host::folders::Folders;
use outlay_host::running;

use crate::failure::Failure;

/// The running proxy's dashboard, with a login code that is good once, for a minute.
pub(crate) fn address(folders: &Folders) -> Result<String, Failure> {
    let proxy = running::find(folders)?.ok_or_else(|| {
        Failure::failed("no proxy is running that could show it: start one with outlay serve")
    })?;
    Ok(format!("{}/#code={}", proxy.base_url(), proxy.login_code()?))
}

/// Opens it.
pub(crate) fn show(folders: &Folders) -> Result<(), Failure> {
    match open(&address(folders)?) {
        true => Ok(()),
        false => Err(Failure::failed("no browser could be started: run outlay dashboard --print")),
    }
}

/// Whether a browser took it.
pub(crate) fn open(address: &str) -> bool {
    let opener: &[&str] = if cfg!(target_os = "macos") {
        &["open"]
    } else if cfg!(windows) {
        &["rundll32", "url.dll,FileProtocolHandler"]
    } else if std::env::var_os("NOTIFY_SOCKET").is_some() {
        // The service may not do what a browser's own sandbox needs; the login code stays out of logs.
        &["systemd-run", "--user", "--quiet", "--collect", "--description=Outlay", "xdg-open"]
    } else {
        &["xdg-open"]
    };
    Command::new(opener[0])
        .args(&opener[1..])
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
