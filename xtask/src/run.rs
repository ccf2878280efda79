//! `cargo xtask run`: from a fresh clone to a running Outlay.

use anyhow::Result;
use clap::Args;

use crate::process::{become_command, built, cargo, program, succeed};
use crate::{desktop, setup};

/// What `cargo xtask run` can be told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run without a window even where there is a display.
    #[arg(long)]
    headless: bool,
    /// Passed on, after `--`: `cargo xtask run -- --listen 127.0.0.1:4790`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Sets up, builds and becomes Outlay.
///
/// # Errors
/// When a step of the set-up or the build fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    let window = !options.headless && desktop::display_found() && window_can_be_built();
    setup::dashboard()?;
    println!("building Outlay (optimised: the first time takes some minutes)");
    let mut build = cargo(["build", "--release", "--package", "outlay-cli"]);
    if window {
        build.args(["--package", "outlay-desktop", "--features", "outlay-desktop/desktop"]);
    }
    succeed(&mut build)?;
    let folder = built("release")?;
    let cli = program(&folder, "outlay");
    println!("the command is {}", cli.display());
    if window {
        let mut app = std::process::Command::new(program(&folder, "outlay-desktop"));
        return become_command(app.args(&options.arguments));
    }
    println!("no window: open the dashboard with `{} dashboard`", cli.display());
    become_command(std::process::Command::new(cli).arg("serve").args(&options.arguments))
}

/// Whether the desktop app's system packages are there; without them Outlay still runs headless.
fn window_can_be_built() -> bool {
    let needed = [setup::DESKTOP_BUILD_PACKAGES, setup::DESKTOP_RUN_PACKAGES];
    match setup::system_packages(&needed) {
        Ok(()) => true,
        Err(reason) => {
            eprintln!("xtask: {reason:#}. Going on without a window");
            false
        }
    }
}
