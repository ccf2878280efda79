//! `cargo xtask desktop`: only the desktop app.

use anyhow::{Result, bail};
use clap::Args;

use crate::process::{become_command, built, cargo, program, succeed};
use crate::setup;

/// What `cargo xtask desktop` can be told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Passed on, after `--`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Sets up, builds (for debugging) and becomes the desktop app.
///
/// # Errors
/// When there is no display, or a step of the set-up or the build fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !display_found() {
        bail!("there is no display for the window: use `cargo xtask run --headless`");
    }
    setup::system_packages(&[setup::DESKTOP_BUILD_PACKAGES, setup::DESKTOP_RUN_PACKAGES])?;
    setup::dashboard()?;
    succeed(&mut cargo(["build", "--package", "outlay-desktop", "--features", "desktop"]))?;
    let app = program(&built("debug")?, "outlay-desktop");
    become_command(std::process::Command::new(app).args(&options.arguments))
}

/// Whether a window could be shown.
pub(crate) fn display_found() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
