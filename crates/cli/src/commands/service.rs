//! `outlay service`: the proxy runs at each login, and again where it ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use outlay_host::folders::Running;
use outlay_host::running;
use outlay_host::service::{self, Activity, Definition, Left, ServiceError, State};

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::{Places, Session};
use crate::when;

/// Exit codes of `service status`, as systemctl has them.
const NOT_RUNNING: u8 = 3;
const NOT_INSTALLED: u8 = 1;

/// The commands about the service.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  outlay service install         a systemd user unit, a launchd agent or a Windows task
  outlay service status          exit code 0 where it runs, 3 where not, 1 where there is none
  outlay service restart         running calls end first; with systemd new ones wait meanwhile
  outlay service uninstall")]
pub(crate) enum Command {
    /// Run the proxy from now on and at each login
    Install,
    /// End the service and remove its files; what it recorded stays
    Uninstall,
    /// Say whether it is installed and runs, where, and since when
    Status {
        #[command(flatten)]
        form: Form,
    },
    /// Let running calls end, and go on with the program as it is now
    Restart,
}

/// `service status --json`.
#[derive(Debug, serde::Serialize)]
struct Document {
    installed: bool,
    #[serde(flatten)]
    state: State,
    /// The proxy that runs, whoever started it.
    proxy: Option<Running>,
    /// Whether the service started that proxy.
    is_service: bool,
    /// Whether it is another build than this program.
    is_outdated: bool,
}

pub(crate) fn run(session: &Session, places: &Places, command: &Command, out: &mut Out) -> Outcome {
    match command {
        Command::Install => install(session, places, out)?,
        Command::Uninstall => uninstall(out)?,
        Command::Restart => {
            service::restart()?;
            out.line("The service runs anew.")?;
        }
        Command::Status { form } => return status(session, *form, out),
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn install(session: &Session, places: &Places, out: &mut Out) -> Result<(), Failure> {
    let named = (places.data_dir.is_some(), places.config.is_some());
    let (listen, folders) = (session.config.listen, &session.folders);
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (definition, left) = Definition::new(program()?, listen, folders, named, variables);
    let installed = service::install(&definition)?;
    for file in &installed.files {
        out.line(format!("Wrote {}.", file.display()))?;
    }
    if let Some(sentence) = not_told(&left) {
        out.line(sentence)?;
    }
    out.line(installed.to_start.unwrap_or_else(|| {
        format!("The service runs at http://{listen}, now and at each login: outlay service status")
    }))
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

pub(super) fn uninstall(out: &mut Out) -> Result<(), Failure> {
    let removed = service::uninstall()?;
    if removed.is_empty() {
        return out.line("No service was installed.");
    }
    for file in removed {
        out.line(format!("Ended the service and removed {}.", file.display()))?;
    }
    Ok(())
}

fn status(session: &Session, form: Form, out: &mut Out) -> Outcome {
    let state = service::state();
    // A stranger where ours should be is doctor's business.
    let proxy = running::find(&session.folders).ok().flatten();
    let proxy = proxy.map(|proxy| proxy.running().clone());
    let is_service = proxy.as_ref().is_some_and(|proxy| state.pid == Some(proxy.pid));
    let is_outdated = proxy.as_ref().is_some_and(|proxy| is_outdated(proxy, replaced_at()));
    let installed = state.file.is_some();
    let document = Document { installed, state, proxy, is_service, is_outdated };
    let code = match (installed, document.state.activity) {
        (false, _) => NOT_INSTALLED,
        (true, Activity::Running) => 0,
        (true, _) => NOT_RUNNING,
    };
    if form.json {
        out.json(&document)?;
    } else {
        for sentence in sentences(&document, |at| when::shown(at, session.now, session.zone)) {
            out.line(sentence)?;
        }
    }
    Ok(ExitCode::from(code))
}

fn sentences(document: &Document, shown: impl Fn(DateTime<Utc>) -> String) -> Vec<String> {
    let Document { state, proxy, is_service, is_outdated, .. } = document;
    let own = proxy.as_ref().filter(|_| *is_service);
    let mut sentences = Vec::new();
    match (&state.file, state.activity) {
        (None, _) => sentences.push("No service is installed: outlay service install".to_owned()),
        (Some(_), Activity::Running) => sentences.push(match own {
            Some(proxy) => format!(
                "The service runs at http://{} since {} (version {}, process {}).",
                proxy.address,
                shown(proxy.started_at),
                proxy.version,
                proxy.pid
            ),
            None => "The service starts or ends just now, or runs on another data folder.".to_owned(),
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
            sentences.push("The service is ended: outlay service restart starts it".to_owned());
        }
        (Some(_), Activity::Unknown) => sentences.push(
            "The service is installed, and nobody who could run it answers here.".to_owned(),
        ),
    }
    if let Some(file) = &state.file {
        let address = state.address.map(|address| format!(" for {address}")).unwrap_or_default();
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

/// The path by which this program will be found after an upgrade too: the one on the PATH where that
/// leads here, as package managers change what it leads to.
fn program() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::failed(format!("the path of this program is unknown: {error}"))
    })?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(lasting(&program, std::env::split_paths(&path)).unwrap_or(program))
}

fn lasting(program: &Path, folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = program.file_name()?;
    let real = program.canonicalize().ok()?;
    folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|found| found.canonicalize().is_ok_and(|found| found == real))
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Failure {
        Failure::failed(error)
    }
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
    fn each_state_has_its_sentence() {
        let file = || Some(PathBuf::from("/u/outlay.service"));
        let by = |pid| (Some(proxy("0.1.0", "2026-11-21T11:00:00Z")), pid);
        for (file, activity, (proxy, pid), parts) in [
            (None, Activity::Stopped, (None, None), &["No service is installed"][..]),
            (file(), Activity::Running, by(Some(7)), &["runs at http://127.0.0.1:4780", "defined"]),
            (file(), Activity::Running, (None, Some(7)), &["starts or ends"]),
            (file(), Activity::Waiting, (None, None), &["the next call starts it"]),
            (file(), Activity::Failed, by(None), &["cannot be kept", "did not start"]),
            (file(), Activity::Unknown, (None, None), &["nobody who could run it"]),
        ] {
            let is_service = pid.is_some() && proxy.is_some();
            let state = State { file, address: None, activity, pid };
            let installed = state.file.is_some();
            let document = Document { installed, state, proxy, is_service, is_outdated: false };
            let text = sentences(&document, |at| at.to_string()).join("\n");
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
