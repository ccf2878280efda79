//! What must be on the machine before anything is built: system packages and the dashboard.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::process::{npm, root, succeed};

/// Debian's packages that building the desktop app needs.
pub(crate) const DESKTOP_BUILD_PACKAGES: &[&str] = &[
    "build-essential",
    "file",
    "libayatana-appindicator3-dev",
    "librsvg2-dev",
    "libssl-dev",
    "libwebkit2gtk-4.1-dev",
    "pkg-config",
];

/// Debian's packages that running the app and its notifications needs beside those.
pub(crate) const DESKTOP_RUN_PACKAGES: &[&str] = &["dbus", "xdg-utils"];

/// Debian's packages for the end-to-end tests: simulated time, Python's SDKs, the dashboard in a
/// browser, notifications on a display of their own, what looks at packages' entries.
pub(crate) const STORY_PACKAGES: &[&str] = &[
    "appstream",
    "ca-certificates",
    "chromium",
    "chromium-driver",
    "dbus",
    "dbus-x11",
    "desktop-file-utils",
    "dunst",
    "faketime",
    "fonts-dejavu-core",
    "libglib2.0-bin",
    "python3",
    "python3-venv",
    "strace",
    "systemd",
    "xvfb",
];

/// Debian's packages for tests of the desktop window and the tray beside those.
pub(crate) const DESKTOP_TEST_PACKAGES: &[&str] =
    &["imagemagick", "webkit2gtk-driver", "x11-utils", "xauth", "xdotool"];

/// Where Node comes from, for the message when it is missing.
const NODE_ADVICE: &str = "Node.js 20.19 or newer builds the dashboard and was not found: \
     install it from https://nodejs.org (or your package manager) and run this again";

/// Debian's packages with which a package is tried in a clean root.
pub(crate) const PACKAGE_TEST_PACKAGES: &[&str] =
    &["dbus", "debootstrap", "imagemagick", "x11-utils", "xvfb"];

/// Installs those of the Debian packages that are missing, saying so.
///
/// Elsewhere than on Debian and its kin it only says what is needed.
///
/// # Errors
/// When packages are missing and may not be installed, or their installation fails.
pub(crate) fn system_packages(wanted: &[&[&str]]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let wanted: BTreeSet<&str> = wanted.iter().flat_map(|list| list.iter().copied()).collect();
    let Some(missing) = missing_packages(&wanted) else {
        println!(
            "setup: this is no Debian-like system; make sure that it has what these hold: {}",
            joined(&wanted)
        );
        return Ok(());
    };
    if missing.is_empty() {
        return Ok(());
    }
    let Some(privileged) = privileged() else {
        bail!(
            "packages are missing and only root may install them: run \
             `sudo apt-get install --no-install-recommends {}` and then this again",
            joined(&missing)
        );
    };
    println!("setup: installing Debian packages: {}", joined(&missing));
    apt(&privileged, &["update", "-qq"])?;
    let mut install = vec!["install", "-qq", "--yes", "--no-install-recommends"];
    install.extend(&missing);
    apt(&privileged, &install)
}

/// What became of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dashboard {
    /// `ui/dist` holds what the sources say.
    Built,
    /// Not built: the binary will show its placeholder page.
    NoNode,
}

/// Builds the dashboard where it is missing or older than its sources.
///
/// # Errors
/// When npm fails.
pub(crate) fn dashboard() -> Result<Dashboard> {
    let built = root().join("ui/dist/index.html");
    let icon_at = modified(&root().join("src-tauri/icons/source/app.svg"));
    let sources_at = icon_at.max(Some(newest(&root().join("ui"))?));
    if modified(&built) >= sources_at {
        return Ok(Dashboard::Built);
    }
    if !node_found() {
        println!(
            "setup: {NODE_ADVICE}. Until then Outlay shows a placeholder page instead of the dashboard"
        );
        return Ok(Dashboard::NoNode);
    }
    dashboard_packages()?;
    println!("setup: building the dashboard");
    succeed(&mut npm(["run", "--silent", "build"]))?;
    Ok(Dashboard::Built)
}

/// Installs the dashboard's npm packages exactly as locked, where they are not.
///
/// # Errors
/// When Node is missing or npm fails.
pub(crate) fn dashboard_packages() -> Result<()> {
    npm_packages("ui", "the dashboard's npm packages")
}

/// Installs what drives the dashboard's pages in a browser, where it is not.
///
/// # Errors
/// When Node is missing or npm fails.
pub(crate) fn page_test_packages() -> Result<()> {
    npm_packages("tests/pages", "the npm packages that test the dashboard's pages")
}

fn npm_packages(folder: &str, what: &str) -> Result<()> {
    if !node_found() {
        bail!(NODE_ADVICE);
    }
    let folder = root().join(folder);
    let locked_at = modified(&folder.join("package-lock.json"));
    let installed_at = modified(&folder.join("node_modules/.package-lock.json"));
    if installed_at.is_some() && installed_at >= locked_at {
        return Ok(());
    }
    println!("setup: installing {what}");
    let mut install = npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    succeed(install.current_dir(&folder))
}

/// Those not installed; `None` where there is no dpkg to ask.
fn missing_packages<'a>(wanted: &BTreeSet<&'a str>) -> Option<Vec<&'a str>> {
    let answer = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Abbrev} ${Package}\n"])
        .args(wanted)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Some(not_installed(wanted, &String::from_utf8_lossy(&answer.stdout)))
}

/// Those of `wanted` that dpkg's answer (a status and a name a line) does not call installed.
fn not_installed<'a>(wanted: &BTreeSet<&'a str>, answer: &str) -> Vec<&'a str> {
    let installed: BTreeSet<&str> = answer
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(status, _)| *status == "ii")
        .map(|(_, name)| name.trim())
        .collect();
    wanted.iter().copied().filter(|name| !installed.contains(name)).collect()
}

/// The words before `apt-get` that make it root's, or `None` where we may not.
fn privileged() -> Option<Vec<&'static str>> {
    if answers(Command::new("id").arg("-u")).is_some_and(|user| user.trim() == "0") {
        return Some(vec!["env"]);
    }
    answers(Command::new("sudo").args(["-n", "true"])).map(|_| vec!["sudo", "-n", "env"])
}

/// Its standard output, if it succeeds.
fn answers(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One run of apt-get, its chatter kept in a file beside the builds.
fn apt(privileged: &[&str], arguments: &[&str]) -> Result<()> {
    let log = root().join("target/apt.log");
    fs::create_dir_all(root().join("target")).context("target/ could not be made")?;
    let chatter = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("{} could not be opened", log.display()))?;
    let status = Command::new(privileged[0])
        .args(&privileged[1..])
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(chatter)
        .status()
        .context("apt-get could not be started")?;
    if !status.success() {
        bail!("`apt-get {}` failed: see {}", arguments.join(" "), log.display());
    }
    Ok(())
}

fn node_found() -> bool {
    answers(Command::new("node").arg("--version")).is_some_and(|version| node_is_new(&version))
        && answers(npm(["--version"]).current_dir(root())).is_some()
}

/// Whether `v20.19.0` or such is new enough for Vite.
fn node_is_new(version: &str) -> bool {
    let mut numbers = version.trim().trim_start_matches('v').split('.');
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
    (next(), next()) >= (20, 19)
}

/// When the newest source under the folder was changed, leaving out what is made from them.
fn newest(folder: &Path) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == "node_modules" || entry.file_name() == "dist" {
            continue;
        }
        let changed = if entry.file_type()?.is_dir() {
            self::newest(&entry.path())?
        } else {
            entry.metadata()?.modified()?
        };
        newest = newest.max(changed);
    }
    Ok(newest)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn joined<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> String {
    names.into_iter().copied().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dpkg_calls_installed_counts() {
        let answer = "ii  xvfb\nrc  dunst\nun  faketime\n";
        let table: &[(&[&str], &[&str])] = &[
            (&["xvfb"], &[]),
            (&["dunst"], &["dunst"]),
            (&["faketime"], &["faketime"]),
            (&["never-heard-of", "xvfb"], &["never-heard-of"]),
        ];
        for (wanted, expected) in table {
            let wanted = wanted.iter().copied().collect();
            assert_eq!(not_installed(&wanted, answer), *expected, "{wanted:?}");
        }
    }

    #[test]
    fn node_must_be_new_enough() {
        for (version, expected) in [
            ("v20.19.0\n", true),
            ("v20.18.3", false),
            ("v18.20.4", false),
            ("v22.12.0", true),
            ("", false),
        ] {
            assert_eq!(node_is_new(version), expected, "{version}");
        }
    }
}
