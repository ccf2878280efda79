//! `cargo xtask bench`: how fast it is, beside what others use, in one run on one machine.

mod account;
mod alerts;
mod figures;
mod http;
mod import;
mod load;
mod provider;
mod proxy;
mod rounds;
mod target;
mod ui;
mod usage;

use anyhow::{Result, bail};
use clap::Subcommand;

use crate::process::{become_command, built, cargo, program, succeed};

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The proxy: added latency, throughput, streams, start, memory and CPU, beside nginx.
    Proxy(proxy::Options),
    /// Only what ten thousand alerts take from the calls that cause them.
    Alerts(proxy::Measured),
    /// The import of logs: a year of Claude Code's, beside `cat`.
    Import(import::Options),
    /// The desktop window on a ledger of a million calls: opening, views, scrolling, memory, CPU.
    Ui(ui::Options),
    /// Only the load, to whoever listens: for a profiler that watches a program under it.
    Load(rounds::LoadOptions),
    /// The fake provider that the load is sent to, until its standard input ends.
    #[command(hide = true)]
    Provider,
}

/// Measures and prints.
///
/// # Errors
/// As the measurement's own.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the bench reads CPU time and memory from Linux's /proc: run it on Linux");
    }
    if cfg!(debug_assertions) {
        return run_optimized();
    }
    match bench {
        Bench::Proxy(options) => proxy::run(options),
        Bench::Alerts(measured) => proxy::run_alerts(measured),
        Bench::Import(options) => import::run(options),
        Bench::Ui(options) => ui::run(options),
        Bench::Load(options) => rounds::load_only(options),
        Bench::Provider => provider::run(),
    }
}

/// Becomes the release build of this program: a slow load generator would measure itself.
fn run_optimized() -> Result<()> {
    succeed(&mut cargo(["build", "--release", "--quiet", "--package", "xtask"]))?;
    let optimized = program(&built("release")?, "xtask");
    become_command(std::process::Command::new(optimized).args(std::env::args_os().skip(1)))
}
