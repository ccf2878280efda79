//! `cargo xtask bundle`: the packages that users install.

use anyhow::{Result, bail};

use serde_json::json;

use crate::process::{built, cargo, npm, program, root, succeed};
use crate::setup::{self, Dashboard};

/// The Tauri CLI that goes with the `tauri` of Cargo.lock.
const TAURI_CLI: &str = "@tauri-apps/cli@2.12.5";

/// Builds the .deb and the .rpm: the app with the dashboard inside, and the `outlay` command.
///
/// # Errors
/// When Node is missing or a build fails.
pub(crate) fn run() -> Result<()> {
    setup::system_packages(&[setup::DESKTOP_BUILD_PACKAGES])?;
    if setup::dashboard()? == Dashboard::NoNode {
        bail!("a package without the dashboard is no use to anyone");
    }
    succeed(&mut cargo(["build", "--release", "--package", "outlay-cli"]))?;
    let files = json!({ "files": { "/usr/bin/outlay": program(&built("release")?, "outlay") } });
    let config = json!({ "bundle": { "linux": { "deb": files, "rpm": files } } }).to_string();
    let mut tauri = npm(["exec", "--yes", "--package", TAURI_CLI, "--", "tauri", "build"]);
    tauri.args(["--bundles", "deb,rpm", "--config", &config]).current_dir(root());
    succeed(&mut tauri)?;
    println!("the packages are in {}", built("release/bundle")?.display());
    Ok(())
}
