//! `cargo xtask bundle`: the packages that users install.

mod depends;
mod papers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::process::{answer, built, cargo, program, succeed, tauri};
use crate::setup::{self, Dashboard};
use crate::test::WITH_DESKTOP;
use crate::{icons, updater};

/// What `cargo xtask bundle` can be told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// From the programs that the tests run: quick to make, for a look and for --check
    #[arg(long)]
    debug: bool,
    /// Which packages, instead of those that the platform's configuration names
    #[arg(long, value_delimiter = ',', value_name = "deb|rpm|appimage|app|dmg|nsis|msi")]
    formats: Vec<String>,
    /// Then install the .deb in a clean Debian root, use it and remove it (on Linux, as root)
    #[arg(long)]
    check: bool,
    /// With the updater compiled in and its files beside the packages (docs/releasing.md)
    #[arg(long, conflicts_with = "debug")]
    updater: bool,
    /// Passed on to the Tauri CLI, after `--`
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Options {
    fn profile(&self) -> &'static str {
        if self.debug { "debug" } else { "release" }
    }

    /// `tauri build` or `tauri bundle`, told the same.
    fn tauri(&self, subcommand: &str) -> Command {
        let mut command = tauri([subcommand]);
        if self.debug {
            command.arg("--debug");
        }
        command.args(&self.arguments);
        command
    }
}

/// Builds the packages: the app with the dashboard inside, and the `outlay` command with its manual
/// pages and completions.
///
/// # Errors
/// When Node is missing, a build fails, or the check does.
pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = if options.check { setup::PACKAGE_TEST_PACKAGES } else { &[] };
    setup::system_packages(&[setup::DESKTOP_BUILD_PACKAGES, wanted])?;
    if setup::dashboard()? == Dashboard::NoNode {
        bail!("a package without the dashboard is no use to anyone");
    }
    icons::draw()?;
    let updater = if options.updater { Some(updater::config()?) } else { None };
    build(options, updater.as_ref())?;
    let staged = Staged::fresh(options.profile())?;
    let mut bundle = options.tauri("bundle");
    bundle.args(["--features", "desktop", "--config", &staged.config()?.to_string()]);
    if let Some(config) = &updater {
        bundle.args(["--config", &config.to_string()]);
    }
    if !options.formats.is_empty() {
        bundle.args(["--bundles", &options.formats.join(",")]);
    }
    succeed(&mut bundle)?;
    let folder = built(options.profile())?.join("bundle");
    println!("the packages are in {}", folder.display());
    if options.check { check(&folder.join("deb")) } else { Ok(()) }
}

/// Both programs. For a debug build those that the tests run, so that nothing is compiled a second time.
fn build(options: &Options, updater: Option<&Value>) -> Result<()> {
    if options.debug {
        let mut programs = cargo(["build", "--workspace", "--bins"]);
        return succeed(programs.args(WITH_DESKTOP));
    }
    succeed(&mut cargo(["build", "--release", "--package", "outlay-cli"]))?;
    let mut desktop = options.tauri("build");
    desktop.arg("--no-bundle");
    if let Some(config) = updater {
        desktop.args(["--features", updater::FEATURE, "--config", &config.to_string()]);
    }
    succeed(&mut desktop)
}

/// Installs the newest .deb of the folder in a clean Debian root, as `tests/tests/packages.rs` says.
fn check(folder: &Path) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let named = format!("Outlay_{version}_");
    let package = fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with(&named) && name.ends_with(".deb")
        });
    let Some(package) = package else {
        bail!("there is no .deb of version {version} in {}", folder.display());
    };
    let mut story = cargo(["test", "--package", "outlay-tests", "--test", "packages"]);
    story.args(["--", "--nocapture", "--test-threads", "1"]);
    succeed(story.env("OUTLAY_DEB", package))
}

/// What goes into packages beside the app, put together in a folder of its own.
struct Staged {
    cli: PathBuf,
    desktop: PathBuf,
    /// Where it is installed, and where it is now.
    papers: BTreeMap<String, PathBuf>,
}

impl Staged {
    fn fresh(profile: &str) -> Result<Staged> {
        let built = built(profile)?;
        let folder = built.join("packaging");
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let cli = program(&built, "outlay");
        let papers =
            if cfg!(target_os = "linux") { papers::write(&cli, &folder)? } else { BTreeMap::new() };
        Ok(Staged { cli: beside_the_app(&cli, &folder)?, desktop: built, papers })
    }

    /// What `tauri bundle` is told beside the project's configuration.
    fn config(&self) -> Result<Value> {
        let mut bundle = json!({ "externalBin": [self.cli] });
        if cfg!(target_os = "linux") {
            let of = |family| papers::installed(&self.papers, family);
            let mut deb = json!({ "files": of(papers::Family::Debian) });
            let programs =
                [program(&self.desktop, "outlay"), program(&self.desktop, "outlay-desktop")];
            if let Some(depends) = depends::of(&programs)? {
                deb["depends"] = json!(depends);
            }
            bundle["linux"] = json!({ "deb": deb, "rpm": { "files": of(papers::Family::Fedora) } });
        }
        Ok(json!({ "bundle": bundle }))
    }
}

/// The command where the bundler looks for it: with the target in its name, which it takes off again.
fn beside_the_app(cli: &Path, folder: &Path) -> Result<PathBuf> {
    let version = answer(Command::new("rustc").arg("-vV"))?;
    let target = host(&version).context("rustc does not say what it builds for")?;
    let named = program(folder, &format!("outlay-{target}"));
    fs::copy(cli, &named).with_context(|| format!("{} cannot be copied", cli.display()))?;
    Ok(folder.join("outlay"))
}

/// The target in what `rustc -vV` says.
fn host(version: &str) -> Option<&str> {
    version.lines().find_map(|line| line.strip_prefix("host: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustc_says_what_it_builds_for() {
        let said = "rustc 1.95.0\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(host(said), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host("rustc 1.95.0"), None);
    }
}
