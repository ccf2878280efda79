//! `cargo xtask test`: every check and every test, from a fresh clone on.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::process::{built, cargo, npm, program, succeed, succeed_watching};
use crate::{clients, setup};

/// Cargo's switch for the desktop app. Every step uses the same selection and features, so that
/// each dependency is compiled once.
pub(crate) const WITH_DESKTOP: [&str; 2] = ["--features", "outlay-desktop/desktop"];

/// What `cargo xtask test` can be told.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Only format, lints, the dashboard's and the unit tests.
    #[arg(long)]
    quick: bool,
    /// Leave out the desktop app and the tests of its window.
    #[arg(long)]
    no_desktop: bool,
    /// Only the stories in which coding agents and SDKs run through Outlay, and all of those.
    #[arg(long, conflicts_with_all = ["quick", "no_desktop"])]
    clients: bool,
}

/// Sets up and runs everything, stopping at the first step that fails.
///
/// # Errors
/// The sentence of the step that failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut session = Session::new(*options);
    let outcome = session.all_steps();
    println!("\nin {:.0} s:", session.started.elapsed().as_secs_f64());
    println!("{} passed, {} failed", session.tests.passed, session.tests.failed);
    outcome
}

/// One run: what was asked, and the tests counted so far.
#[derive(Debug)]
struct Session {
    options: Options,
    started: Instant,
    tests: Tests,
}

/// Tests counted from the runners' own closing lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
}

impl Session {
    fn new(options: Options) -> Session {
        Session { options, started: Instant::now(), tests: Tests::default() }
    }

    fn all_steps(&mut self) -> Result<()> {
        if self.options.clients {
            return self.clients_steps();
        }
        self.step("system packages", |session| setup::system_packages(&session.packages()))?;
        self.step("format", |_| succeed(&mut cargo(["fmt", "--all", "--check"])))?;
        self.dashboard_steps()?;
        self.step("lints", |session| {
            let mut clippy = session.cargo_workspace("clippy");
            succeed(clippy.args(["--all-targets", "--", "--deny", "warnings"]))
        })?;
        self.step("unit and property tests", |session| {
            let mut unit = session.cargo_workspace("test");
            session.count(unit.args(["--lib", "--bins", "--no-fail-fast"]))
        })?;
        self.step("documentation tests", |session| {
            let mut examples = session.cargo_workspace("test");
            session.count(examples.arg("--doc"))
        })?;
        if !self.options.quick {
            self.end_to_end_steps()?;
        }
        Ok(())
    }

    /// No dashboard is needed for them, and no desktop.
    fn clients_steps(&mut self) -> Result<()> {
        self.step("system packages", |_| setup::system_packages(&[setup::STORY_PACKAGES]))?;
        self.step("coding agents and SDKs", |_| clients::install())?;
        self.step("build the program", |_| succeed(&mut cargo(["build", "-p", "outlay-cli"])))?;
        let binary = program(&built("debug")?, "outlay");
        self.step("end-to-end tests", |session| {
            let mut stories = cargo(["test", "-p", "outlay-tests", "--test", "clients"]);
            stories.args(["--test", "tools", "--no-fail-fast"]).env("OUTLAY_CLIENTS", "all");
            session.count(stories.env("OUTLAY_BIN", binary))
        })
    }

    fn dashboard_steps(&mut self) -> Result<()> {
        self.step("dashboard: packages", |_| setup::dashboard_packages())?;
        self.step("dashboard: types", |_| succeed(&mut npm(["run", "--silent", "check"])))?;
        self.step("dashboard: tests", |session| {
            session.count(npm(["run", "--silent", "test"]).env("NO_COLOR", "1"))
        })?;
        self.step("dashboard: build", |_| succeed(&mut npm(["run", "--silent", "build"])))
    }

    /// The stories run the real programs: built here, with the dashboard inside, and handed over
    /// by path, so that none meets a stale one.
    fn end_to_end_steps(&mut self) -> Result<()> {
        self.step("build the programs", |session| {
            succeed(session.cargo_workspace("build").arg("--bins"))
        })?;
        let folder = built("debug")?;
        self.step("coding agents and SDKs", |_| clients::install())?;
        self.step("browser tests: packages", |_| setup::page_test_packages())?;
        self.step("end-to-end tests", |session| {
            let mut stories = session.cargo_workspace("test");
            stories.args(["--test", "*", "--no-fail-fast"]);
            stories.env("OUTLAY_BIN", program(&folder, "outlay"));
            if session.desktop() {
                stories.env("OUTLAY_DESKTOP_BIN", program(&folder, "outlay-desktop"));
            } else {
                stories.env_remove("OUTLAY_DESKTOP_BIN");
            }
            session.count(&mut stories)
        })
    }

    fn desktop(&self) -> bool {
        !self.options.quick && !self.options.no_desktop
    }

    fn packages(&self) -> Vec<&'static [&'static str]> {
        let mut packages = Vec::new();
        if !self.options.quick {
            packages.push(setup::STORY_PACKAGES);
        }
        if self.desktop() {
            packages.extend([
                setup::DESKTOP_BUILD_PACKAGES,
                setup::DESKTOP_RUN_PACKAGES,
                setup::DESKTOP_TEST_PACKAGES,
            ]);
        }
        packages
    }

    fn cargo_workspace(&self, subcommand: &str) -> Command {
        let mut command = cargo([subcommand, "--workspace"]);
        if self.desktop() {
            command.args(WITH_DESKTOP);
        }
        command
    }

    /// Runs one step, announcing it and saying how long it took.
    fn step(&mut self, name: &str, work: impl FnOnce(&mut Session) -> Result<()>) -> Result<()> {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = work(self).map_err(|reason| reason.context(format!("{name} failed")));
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("== {name}: {word} in {:.1} s", started.elapsed().as_secs_f64());
        outcome
    }

    /// Runs a test runner, adding up what its closing lines say.
    fn count(&mut self, runner: &mut Command) -> Result<()> {
        let tests = &mut self.tests;
        succeed_watching(runner, |line| {
            if let Some(more) = closing_line(line) {
                tests.passed += more.passed;
                tests.failed += more.failed;
            }
        })
    }
}

/// What a closing line of cargo's test runner or of Vitest counts; `None` for any other line.
fn closing_line(line: &str) -> Option<Tests> {
    let line = line.trim();
    let counts = line
        .strip_prefix("test result: ")
        .map(|rest| rest.split_once(". ").map_or(rest, |(_, counts)| counts))
        .or_else(|| line.strip_prefix("Tests "))?;
    let mut tests = Tests::default();
    for part in counts.split([';', '|']) {
        let mut words = part.split_whitespace();
        let (Some(count), Some(kind)) = (words.next(), words.next()) else { continue };
        let Ok(count) = count.parse::<u64>() else { continue };
        match kind {
            "passed" => tests.passed += count,
            "failed" => tests.failed += count,
            _ => {}
        }
    }
    Some(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        for (line, expected) in [
            (
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
                Some((12, 0)),
            ),
            (
                "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
                Some((4, 2)),
            ),
            ("      Tests  31 passed (31)", Some((31, 0))),
            ("      Tests  1 failed | 30 passed (31)", Some((30, 1))),
            (" Test Files  3 passed (3)", None),
            ("test money::sums ... ok", None),
            ("12 passed, 0 failed", None),
        ] {
            let expected = expected.map(|(passed, failed)| Tests { passed, failed });
            assert_eq!(closing_line(line), expected, "{line}");
        }
    }
}
