//! `cargo xtask bench import`: a year of Claude Code's logs into an empty ledger, beside `cat`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;

use super::figures::median;
use crate::process::{built, cargo, program, succeed};

const ROUNDS: usize = 5;
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// The marks, on the machine where `cat` took `CAT_S_THERE`.
const IMPORT_S_MAX: f64 = 1.5;
const NOTHING_NEW_S_MAX: f64 = 0.1;
const MEMORY_MB_MAX: f64 = 100.0;
const CAT_S_THERE: f64 = 0.26;

/// What `cargo xtask bench import` can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Measure this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    outlay: Option<PathBuf>,
}

/// What is in the tree, as its generator says.
#[derive(Debug, Deserialize)]
struct Tree {
    files: u64,
    usage_lines: u64,
    calls: u64,
    bytes: u64,
}

/// One run of a program.
#[derive(Clone, Copy, Debug)]
struct Run {
    wall_s: f64,
    memory_mb: f64,
}

/// Generates the tree, imports it again and again, and prints the table.
///
/// # Errors
/// When something cannot be built or run, or the ledger does not have each call once.
pub(super) fn run(options: &Options) -> Result<()> {
    let outlay = match &options.outlay {
        Some(file) => {
            file.canonicalize().with_context(|| format!("there is no {}", file.display()))?
        }
        None => {
            succeed(&mut cargo(["build", "--release", "--package", "outlay-cli"]))?;
            program(&built("release")?, "outlay")
        }
    };
    succeed(&mut cargo(["build", "--package", "outlay-tests", "--bin", "log-tree"]))?;
    let place = built("bench")?;
    fs::create_dir_all(&place)?;
    let folder = tempfile::tempdir_in(&place)?;
    let home = folder.path().join("home");
    let generator = program(&built("debug")?, "log-tree");
    let told = Command::new(generator).arg(&home).arg("--big").output()?;
    ensure!(told.status.success(), "the logs could not be made");
    let tree: Tree = serde_json::from_slice(&told.stdout)?;
    println!(
        "{} MB in {} files, {} lines of usage, {} calls; load average {}",
        tree.bytes / 1_000_000,
        tree.files,
        tree.usage_lines,
        tree.calls,
        super::proxy::load_average()
    );
    let (mut cats, mut fresh, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        cats.push(measure(&mut read_all(&home))?);
        let data = folder.path().join(format!("data-{round}"));
        fresh.push(measure(&mut import(&outlay, &home, &data))?);
        let calls = calls_in(&outlay, &home, &data)?;
        ensure!(calls == tree.calls, "the ledger has {calls} calls of {}", tree.calls);
        again.push(measure(&mut import(&outlay, &home, &data))?);
        fs::remove_dir_all(&data)?;
    }
    print(&cats, &fresh, &again);
    Ok(())
}

fn print(cats: &[Run], fresh: &[Run], again: &[Run]) {
    let wall = |runs: &[Run]| median(runs.iter().map(|run| run.wall_s).collect()).unwrap_or(0.0);
    let memory = fresh.iter().map(|run| run.memory_mb).fold(0.0, f64::max);
    let (cat, into, nothing) = (wall(cats), wall(fresh), wall(again));
    let met = |is_met: bool| if is_met { "met" } else { "missed" };
    println!("medians of {ROUNDS} runs, warm; cat is the baseline\n");
    println!("cat all logs              {cat:8.3} s");
    println!(
        "into an empty ledger      {into:8.3} s   {:5.2}x cat   mark {IMPORT_S_MAX} s: {}; {:.2}x, as there: {}",
        into / cat,
        met(into <= IMPORT_S_MAX),
        IMPORT_S_MAX / CAT_S_THERE,
        met(into / cat <= IMPORT_S_MAX / CAT_S_THERE)
    );
    println!(
        "again, nothing new        {nothing:8.3} s   {:5.2}x cat   mark {NOTHING_NEW_S_MAX} s: {}",
        nothing / cat,
        met(nothing <= NOTHING_NEW_S_MAX)
    );
    println!(
        "memory at most            {memory:8.1} MB               mark {MEMORY_MB_MAX} MB: {}",
        met(memory <= MEMORY_MB_MAX)
    );
    println!(
        "\nload average {}: whatever else runs moves these figures",
        super::proxy::load_average()
    );
}

fn read_all(home: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "find \"$0\" -name '*.jsonl' -exec cat {} +"]).arg(home);
    command
}

fn import(outlay: &Path, home: &Path, data: &Path) -> Command {
    let mut command = with_home(outlay, home, data);
    command.args(["import", "claude-code"]);
    command
}

fn with_home(outlay: &Path, home: &Path, data: &Path) -> Command {
    let mut command = Command::new(outlay);
    command.env("HOME", home).env("OUTLAY_DATA_DIR", data).env_remove("OUTLAY_CONFIG");
    command.env_remove("CLAUDE_CONFIG_DIR");
    command
}

fn calls_in(outlay: &Path, home: &Path, data: &Path) -> Result<u64> {
    let mut command = with_home(outlay, home, data);
    let told = command.args(["report", "--since", "2000-01-01", "--json"]).output()?;
    let report: serde_json::Value = serde_json::from_slice(&told.stdout)?;
    report["total"]["calls"].as_u64().context("the report has no calls")
}

/// Runs the program to its end.
fn measure(command: &mut Command) -> Result<Run> {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory_kb = 0;
    loop {
        // The most it has had so far; gone with the process.
        if let Ok(text) = fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            memory_kb = kb.unwrap_or(memory_kb).max(memory_kb);
        }
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{command:?} failed");
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let wall_s = started.elapsed().as_secs_f64();
    Ok(Run { wall_s, memory_mb: f64::from(memory_kb) / 1_000.0 })
}
