//! `cargo xtask`: everything that is done to the project, from one command each.

mod bench;
mod bundle;
mod clients;
mod desktop;
mod icons;
mod prices;
mod process;
mod run;
mod setup;
mod test;
mod updater;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sets up, runs, tests and packages Outlay.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Set up everything and run Outlay: in its window where there is a display, else as a server.
    Run(run::Options),
    /// Set up everything and run every check and every test.
    Test(test::Options),
    /// Set up, build and run only the desktop app (a debug build).
    Desktop(desktop::Options),
    /// Build the installable packages: .deb and .rpm here, others on their own systems.
    Bundle(bundle::Options),
    /// Draw every icon anew from its SVG.
    Icons,
    /// Measure Outlay beside what others use.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Fetch the pinned price list and convert it to the embedded one.
    Prices,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Run(options) => run::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Desktop(options) => desktop::run(&options),
        Task::Bundle(options) => bundle::run(&options),
        Task::Icons => icons::draw(),
        Task::Bench(bench) => bench::run(&bench),
        Task::Prices => prices::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason:#}");
            ExitCode::FAILURE
        }
    }
}
