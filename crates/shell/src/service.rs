//! What keeps the proxy running: how it stands, and what is said of that.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use outlay_host::folders::{Folders, Running};
use outlay_host::running;
use outlay_host::service::{self, Activity, Definition, Left, ServiceError, State};
use serde::Serialize;

/// The command that a service runs.
const PROGRAM: &str = "outlay";

/// How the service stands, and the proxy.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// Whether it is installed.
    pub installed: bool,
    /// What the service manager says.
    #[serde(flatten)]
    pub state: State,
    /// The proxy that runs, whoever started it.
    pub proxy: Option<Running>,
    /// Whether the service started that proxy.
    pub is_service: bool,
    /// Whether it is another build than this program.
    pub is_outdated: bool,
}

impl Standing {
    /// Looks.
    #[must_use]
    pub fn look(folders: &Folders) -> Standing {
        let state = service::state();
        // A stranger where ours should be is doctor's business.
        let proxy = running::find(folders).ok().flatten();
        let proxy = proxy.map(|proxy| proxy.running().clone());
        let is_service = proxy.as_ref().is_some_and(|proxy| state.pid == Some(proxy.pid));
        let is_outdated = proxy.as_ref().is_some_and(|proxy| is_outdated(proxy, replaced_at()));
        Standing { installed: state.file.is_some(), state, proxy, is_service, is_outdated }
    }

    /// What there is to say of it; `shown` words an instant.
    #[must_use]
    pub fn sentences(&self, shown: impl Fn(DateTime<Utc>) -> String) -> Vec<String> {
        let Standing { state, proxy, is_service, is_outdated, .. } = self;
        let own = proxy.as_ref().filter(|_| *is_service);
        let mut sentences = Vec::new();
        match (&state.file, state.activity) {
        (None, _) => sentences.push("No service is installed, so the proxy runs only while you start it: outlay service install".to_owned()),
        (Some(_), Activity::Running) => sentences.push(match own {
            Some(proxy) => format!(
                "The service runs at http://{} since {} (version {}, process {}).",
                proxy.address,
                shown(proxy.started_at),
                proxy.version,
                proxy.pid
            ),
            None => "The service is started, but no proxy of this data folder answers: it is just starting or ending, or has another folder.".to_owned(),
        }),
        (Some(_), Activity::Waiting) => sentences.push(
            "The service's port is open and its process has ended: the next call starts it."
                .to_owned(),
        ),
        (Some(_), Activity::Failed) => sentences.push(
            "The service cannot be kept running: journalctl --user -u outlay says why; then outlay service restart"
                .to_owned(),
        ),
        (Some(_), Activity::Stopped) => {
            sentences.push("The service is installed, but stopped: outlay service restart starts it".to_owned());
        }
        (Some(_), Activity::Unknown) => sentences.push(
            "The service is installed, but your service manager does not answer here, so whether it runs is unknown.".to_owned(),
        ),
    }
        if let Some(file) = &state.file {
            let address =
                state.address.map(|address| format!(" for {address}")).unwrap_or_default();
            sentences.push(format!("It is defined in {}{address}.", file.display()));
        }
        if let Some(proxy) = proxy.as_ref().filter(|_| !is_service) {
            sentences.push(format!(
                "A proxy that the service did not start runs at http://{} (process {}).",
                proxy.address, proxy.pid
            ));
        }
        if *is_outdated {
            let again = if *is_service { "outlay service restart" } else { "restart it" };
            sentences.push(format!("It is an older build than this program: {again}"));
        }
        sentences
    }
}

/// Has the service run the outlay command from now on and at each login; what is to be said of that.
/// `named` says whether data folder and configuration were named.
///
/// # Errors
/// One sentence.
pub fn install(
    folders: &Folders,
    named: (bool, bool),
    listen: SocketAddr,
) -> Result<Vec<String>, ServiceError> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (definition, left) = Definition::new(program()?, listen, folders, named, variables);
    let installed = service::install(&definition)?;
    let mut told: Vec<String> =
        installed.files.iter().map(|file| format!("Wrote {}.", file.display())).collect();
    told.extend(not_told(&left));
    told.push(installed.to_start.unwrap_or_else(|| {
        format!("The service runs at http://{listen}, now and at each login: outlay service status")
    }));
    Ok(told)
}

/// Ends the service and removes its files; what is to be said of that.
///
/// # Errors
/// One sentence.
pub fn uninstall() -> Result<Vec<String>, ServiceError> {
    let activity = service::state().activity;
    let removed = service::uninstall()?;
    Ok(vec![uninstalled(activity, &removed)])
}

/// What came of the service that did this, and of its files.
fn uninstalled(activity: Activity, removed: &[PathBuf]) -> String {
    let files: Vec<String> = removed.iter().map(|file| file.display().to_string()).collect();
    let files = files.join(" and ");
    match activity {
        _ if removed.is_empty() => "No service was installed.".to_owned(),
        Activity::Running | Activity::Waiting => format!("Ended the service and removed {files}."),
        Activity::Failed | Activity::Stopped => {
            format!("Removed {files}; the service was not running.")
        }
        Activity::Unknown => format!("Removed {files}."),
    }
}

fn not_told(left: &[Left]) -> Option<String> {
    let names: Vec<&str> = left.iter().map(|Left(name)| name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} may hold a password and is not written down: set it for the service yourself (systemctl --user edit outlay).",
            names.join(", ")
        )
    })
}

/// Whether it is another version than this program, or was started before the program was replaced.
fn is_outdated(proxy: &Running, replaced_at: Option<DateTime<Utc>>) -> bool {
    proxy.version != env!("CARGO_PKG_VERSION")
        || replaced_at.is_some_and(|replaced| replaced > proxy.started_at)
}

/// When this program came to its place; the file's own date may be the one on which it was built.
fn replaced_at() -> Option<DateTime<Utc>> {
    let file = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        DateTime::from_timestamp(file.ctime(), u32::try_from(file.ctime_nsec()).ok()?)
    }
    #[cfg(not(unix))]
    file.modified().ok().map(DateTime::from)
}

/// The outlay command, by the path by which it will be found after an upgrade too: the one on the PATH
/// where that leads to it, as package managers change what it leads to.
fn program() -> Result<PathBuf, ServiceError> {
    let unknown = |reason: String| ServiceError::NoProgram(reason);
    let own = std::env::current_exe().map_err(|error| unknown(error.to_string()))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = || std::env::split_paths(&path);
    if own.file_stem().is_some_and(|name| name == PROGRAM) {
        return Ok(lasting(&own, folders()).unwrap_or(own));
    }
    // The desktop app: the command is beside it, or on the PATH.
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let beside = own.parent().map(|folder| folder.join(&name)).filter(|file| file.is_file());
    let found =
        beside.or_else(|| folders().map(|folder| folder.join(&name)).find(|file| file.is_file()));
    let found = found.ok_or_else(|| unknown(format!("'{PROGRAM}' is not on the PATH")))?;
    Ok(lasting(&found, folders()).unwrap_or(found))
}

fn lasting(program: &Path, folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = program.file_name()?;
    let real = program.canonicalize().ok()?;
    folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|found| found.canonicalize().is_ok_and(|found| found == real))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(version: &str, started: &str) -> Running {
        Running {
            address: "127.0.0.1:4780".parse().unwrap(),
            pid: 7,
            started_at: started.parse().unwrap(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn a_proxy_of_an_older_build_is_told() {
        let own = env!("CARGO_PKG_VERSION");
        let replaced = "2026-11-21T12:00:00Z".parse().ok();
        for (version, started, replaced, expected) in [
            (own, "2026-11-21T11:00:00Z", replaced, true),
            (own, "2026-11-21T13:00:00Z", replaced, false),
            (own, "2026-11-21T11:00:00Z", None, false),
            ("0.0.1", "2026-11-21T13:00:00Z", replaced, true),
        ] {
            let found = is_outdated(&proxy(version, started), replaced);
            assert_eq!(found, expected, "{version} {started}");
        }
    }

    #[test]
    fn it_is_ended_only_where_it_ran() {
        let both = [PathBuf::from("/u/outlay.socket"), PathBuf::from("/u/outlay.service")];
        for (activity, removed, expected) in [
            (Activity::Stopped, &both[..0], "No service was installed."),
            (
                Activity::Running,
                &both,
                "Ended the service and removed /u/outlay.socket and /u/outlay.service.",
            ),
            (Activity::Waiting, &both[..1], "Ended the service and removed /u/outlay.socket."),
            (
                Activity::Stopped,
                &both[..1],
                "Removed /u/outlay.socket; the service was not running.",
            ),
            (Activity::Unknown, &both[..1], "Removed /u/outlay.socket."),
        ] {
            assert_eq!(uninstalled(activity, removed), expected);
        }
    }

    #[test]
    fn each_state_has_its_sentence() {
        let file = || Some(PathBuf::from("/u/outlay.service"));
        let by = |pid| (Some(proxy("0.1.0", "2026-11-21T11:00:00Z")), pid);
        for (file, activity, (proxy, pid), parts) in [
            (None, Activity::Stopped, (None, None), &["No service is installed"][..]),
            (file(), Activity::Running, by(Some(7)), &["runs at http://127.0.0.1:4780", "defined"]),
            (file(), Activity::Running, (None, Some(7)), &["just starting or ending"]),
            (file(), Activity::Waiting, (None, None), &["the next call starts it"]),
            (file(), Activity::Failed, by(None), &["cannot be kept", "did not start"]),
            (file(), Activity::Unknown, (None, None), &["whether it runs is unknown"]),
        ] {
            let is_service = pid.is_some() && proxy.is_some();
            let state = State { file, address: None, activity, pid };
            let installed = state.file.is_some();
            let standing = Standing { installed, state, proxy, is_service, is_outdated: false };
            let text = standing.sentences(|at| at.to_string()).join("\n");
            for part in parts {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_on_the_path_outlives_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (cellar, bin) = (folder.path().join("cellar-0.1"), folder.path().join("bin"));
        std::fs::create_dir_all(&cellar).unwrap();
        std::fs::create_dir_all(&bin).unwrap();
        let program = cellar.join("outlay");
        std::fs::write(&program, "").unwrap();
        std::os::unix::fs::symlink(&program, bin.join("outlay")).unwrap();
        let other = folder.path().join("other");
        for (folders, expected) in [
            (vec![other.clone(), bin.clone()], Some(bin.join("outlay"))),
            (vec![other], None),
            (vec![PathBuf::from("relative")], None),
        ] {
            assert_eq!(lasting(&program, folders.into_iter()), expected);
        }
    }
}
