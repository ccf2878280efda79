//! `cargo xtask bundle`: the packages that users install.

use anyhow::{Result, bail};

use crate::process::{built, npm, root, succeed};
use crate::setup::{self, Dashboard};

/// The Tauri CLI that goes with the `tauri` of Cargo.lock.
const TAURI_CLI: &str = "@tauri-apps/cli@2.12.5";

/// Builds the .deb and the .rpm with the dashboard inside.
///
/// # Errors
/// When Node is missing or a build fails.
pub(crate) fn run() -> Result<()> {
    setup::system_packages(&[setup::DESKTOP_BUILD_PACKAGES])?;
    if setup::dashboard()? == Dashboard::NoNode {
        bail!("a package without the dashboard is no use to anyone");
    }
    let mut tauri = npm(["exec", "--yes", "--package", TAURI_CLI, "--", "tauri", "build"]);
    succeed(tauri.args(["--bundles", "deb,rpm"]).current_dir(root()))?;
    println!("the packages are in {}", built("release/bundle")?.display());
    Ok(())
}
