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
    /// Write what the updater reads, beside signed packages.
    Manifest(updater::Options),
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
        Task::Manifest(options) => updater::manifest(&options),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use saphyr_parser::Parser as YamlParser;

    use super::*;

    /// Every workflow: its name and text.
    fn workflows() -> Vec<(String, String)> {
        let folder = process::root().join(".github/workflows");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap())).collect()
    }

    #[test]
    fn workflows_are_sound_yaml() {
        let workflows = workflows();
        assert!(workflows.len() >= 2);
        for (name, text) in workflows {
            let wrong = YamlParser::new_from_str(&text).find_map(Result::err);
            assert!(wrong.is_none(), "{name}: {wrong:?}");
        }
    }

    #[test]
    fn workflows_call_tasks_that_exist() {
        let mut calls = 0;
        for (name, text) in workflows() {
            for (_, call) in text.lines().filter_map(|line| line.split_once("cargo xtask ")) {
                let words = call.split_whitespace().map(|word| word.trim_matches('"'));
                let words = words.filter(|word| !["$UPDATER", "${more[@]}"].contains(word));
                let parsed = Cli::try_parse_from(std::iter::once("xtask").chain(words));
                assert!(parsed.is_ok(), "{name}: cargo xtask {call}: {parsed:?}");
                calls += 1;
            }
        }
        assert!(calls >= 4, "{calls}");
    }
}
