//! The service managers' own programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Activity, ServiceError, State, activity, files, launchd, systemd, task};

const UNITS: [&str; 2] = [systemd::SOCKET, systemd::SERVICE];

/// Has the service run from now on; how to start it, where nobody here keeps services.
pub(super) fn start(
    texts: &[(PathBuf, Vec<u8>)],
    before: &State,
    has_changed: bool,
) -> Result<Option<String>, ServiceError> {
    let file = texts.first().map(|(path, _)| path.display().to_string()).unwrap_or_default();
    if cfg!(target_os = "macos") {
        if has_changed {
            // One that is not loaded cannot be unloaded.
            drop(run("launchctl", &["bootout", &agent()]));
        }
        let loaded = run("launchctl", &["print", &agent()]).is_ok();
        if !loaded {
            run("launchctl", &["bootstrap", &domain(), &file])?;
        }
        return Ok(None);
    }
    if cfg!(windows) {
        run("schtasks", &["/create", "/tn", task::NAME, "/xml", &file, "/f"])?;
        run("schtasks", &["/run", "/tn", task::NAME])?;
        return Ok(None);
    }
    let [socket, service] = UNITS;
    if !manager_runs() {
        return Ok(Some(format!(
            "No systemd of this user runs here; where one does, start it with: systemctl --user daemon-reload && systemctl --user enable --now {socket} {service}"
        )));
    }
    systemctl(&["daemon-reload"])?;
    systemctl(&["reset-failed", socket, service]).ok();
    systemctl(&["enable", "--quiet", socket, service])?;
    let was_on = matches!(before.activity, Activity::Running | Activity::Waiting);
    let verb = if was_on && has_changed { "restart" } else { "start" };
    systemctl(&[verb, socket, service])?;
    Ok(None)
}

/// Ends the service and keeps it from starting; as well as that goes.
pub(super) fn stop() {
    let [socket, service] = UNITS;
    let outcome = if cfg!(target_os = "macos") {
        run("launchctl", &["bootout", &agent()])
    } else if cfg!(windows) {
        drop(run("schtasks", &["/end", "/tn", task::NAME]));
        run("schtasks", &["/delete", "/tn", task::NAME, "/f"])
    } else if manager_runs() {
        systemctl(&["disable", "--quiet", "--now", socket, service])
    } else {
        Ok(String::new())
    };
    if let Err(error) = outcome {
        tracing::warn!("{error}");
    }
}

/// Has the manager see that the files are gone.
pub(super) fn forget() {
    if cfg!(target_os = "linux") && manager_runs() {
        let [socket, service] = UNITS;
        systemctl(&["daemon-reload"]).ok();
        systemctl(&["reset-failed", socket, service]).ok();
    }
}

pub(super) fn restart() -> Result<(), ServiceError> {
    let [socket, service] = UNITS;
    let outcome = if cfg!(target_os = "macos") {
        run("launchctl", &["kickstart", "-k", &agent()])
    } else if cfg!(windows) {
        drop(run("schtasks", &["/end", "/tn", task::NAME]));
        run("schtasks", &["/run", "/tn", task::NAME])
    } else if !manager_runs() {
        Err(ServiceError::NoManager)
    } else {
        systemctl(&["reset-failed", socket, service]).ok();
        systemctl(&["start", socket]).and_then(|_| systemctl(&["restart", service]))
    };
    outcome.map(drop)
}

/// What the service does, and its process.
pub(super) fn activity() -> (Activity, Option<u32>) {
    let [socket, service] = UNITS;
    if cfg!(target_os = "macos") {
        let printed = run("launchctl", &["print", &agent()]).unwrap_or_default();
        return activity::of_launchd(&printed);
    }
    if cfg!(windows) {
        let line = run("schtasks", &["/query", "/tn", task::NAME, "/fo", "csv", "/nh"]);
        return activity::of_task(&line.unwrap_or_default());
    }
    let shown = systemctl(&["show", "-p", "Id,ActiveState,MainPID", service, socket]);
    activity::of_systemd(&shown.unwrap_or_default())
}

/// Removes what starts the desktop app at login; what was removed.
///
/// # Errors
/// Where a file cannot be removed.
pub fn autostart() -> Result<Option<PathBuf>, ServiceError> {
    let base = directories::BaseDirs::new().ok_or(ServiceError::NoHome)?;
    if cfg!(windows) {
        const RUN: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";
        let removed = run("reg", &["delete", RUN, "/v", "Outlay", "/f"]).is_ok();
        return Ok(removed.then(|| PathBuf::from(RUN).join("Outlay")));
    }
    let path = if cfg!(target_os = "macos") {
        base.home_dir().join("Library/LaunchAgents/Outlay.plist")
    } else {
        base.config_dir().join("autostart/Outlay.desktop")
    };
    Ok(files::remove(&path)?.then_some(path))
}

/// Whether anybody here keeps services.
#[must_use]
pub fn is_supported() -> bool {
    cfg!(any(target_os = "macos", windows)) || manager_runs()
}

/// Whether a systemd of this user's answers.
fn manager_runs() -> bool {
    systemctl(&["show-environment"]).is_ok()
}

fn systemctl(arguments: &[&str]) -> Result<String, ServiceError> {
    run("systemctl", &[&["--user", "--no-pager"], arguments].concat())
}

fn domain() -> String {
    #[cfg(unix)]
    let user = rustix::process::getuid().as_raw();
    #[cfg(not(unix))]
    let user = 0;
    format!("gui/{user}")
}

fn agent() -> String {
    format!("{}/{}", domain(), launchd::LABEL)
}

/// Runs it to its end; what it printed.
fn run(program: &str, arguments: &[&str]) -> Result<String, ServiceError> {
    let failed = |said: String| {
        let command = format!("{program} {}", arguments.join(" "));
        ServiceError::Manager { command, said }
    };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(failed(if said.is_empty() { output.status.to_string() } else { said }))
}
