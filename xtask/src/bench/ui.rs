//! `cargo xtask bench ui`: the desktop window on a ledger of a million calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::figures::{median, percentile};
use crate::process::{built, cargo, program, root, succeed};
use crate::setup;

const CALLS: u64 = 1_000_000;
/// The marks.
const PAINT_MS_MAX: f64 = 300.0;
const OPEN_MS_MAX: f64 = 1000.0;
const VIEW_MS_MAX: f64 = 200.0;
const SLOW_FRAME_MS: f64 = 50.0;
const MEMORY_MB_MAX: f64 = 150.0;
const IDLE_PERCENT_MAX: f64 = 1.0;
const JAVASCRIPT_KB_MAX: f64 = 120.0;
/// The process that holds the page, as the kernel shortens its name.
const PAGE_PROCESS: &str = "WebKitWebProces";

/// What `cargo xtask bench ui` can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// So many calls in the ledger; the marks are for a million.
    #[arg(long, default_value_t = CALLS, value_name = "N")]
    calls: u64,
    /// Measure these programs, in a folder, instead of building them.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Keep the ledger in this folder, and use it where it is there.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

/// What was measured in the window.
#[derive(Debug, Deserialize)]
struct Measured {
    starts: Vec<Start>,
    views: Vec<View>,
    scrolled: Scrolled,
    idle: Vec<Idle>,
    memory_fresh: Vec<Memory>,
    memory_busy: Vec<Memory>,
    memory: Vec<Memory>,
    javascript_bytes: u32,
}

#[derive(Debug, Deserialize)]
struct Start {
    page_paint_ms: f64,
    page_figures_ms: f64,
    paint_ms: f64,
    figures_ms: f64,
}

#[derive(Debug, Deserialize)]
struct View {
    name: String,
    /// `None` where it did not come in time.
    ms: Vec<Option<f64>>,
}

#[derive(Debug, Deserialize)]
struct Scrolled {
    frames_ms: Vec<f64>,
    blank: u64,
}

#[derive(Debug, Deserialize)]
struct Idle {
    name: String,
    percent: f64,
}

#[derive(Debug, Deserialize)]
struct Memory {
    name: String,
    rss_mb: f64,
    pss_mb: f64,
}

/// Makes the ledger, measures and prints.
///
/// # Errors
/// When something cannot be built or run, or the ledger does not have each call.
pub(super) fn run(options: &Options) -> Result<()> {
    setup::system_packages(&[
        setup::DESKTOP_BUILD_PACKAGES,
        setup::DESKTOP_RUN_PACKAGES,
        setup::DESKTOP_TEST_PACKAGES,
        &["xvfb"],
    ])?;
    let programs = programs(options)?;
    let tools = ["--bin", "many-calls", "--bin", "window-figures"];
    succeed(cargo(["build", "--package", "outlay-tests"]).args(tools))?;
    let place = built("bench")?;
    fs::create_dir_all(&place)?;
    let folder = tempfile::tempdir_in(&place)?;
    let data = options.ledger.clone().unwrap_or_else(|| folder.path().join("data"));
    let config = folder.path().join("outlay.toml");
    fs::write(&config, "listen = \"127.0.0.1:0\"\n[notifications]\ndesktop = false\n")?;
    let outlay = Outlay { program: program(&programs, "outlay"), data: &data, config: &config };
    fill(&outlay, folder.path(), options.calls)?;

    let mut command = Command::new(program(&built("debug")?, "window-figures"));
    command.arg(program(&programs, "outlay-desktop")).args([&data, &config]);
    let measured: Measured = told(command.arg(root().join("ui/dist/assets")))?;
    print(&measured, options.calls);
    Ok(())
}

fn programs(options: &Options) -> Result<PathBuf> {
    if let Some(folder) = &options.programs {
        return folder.canonicalize().with_context(|| format!("no {}", folder.display()));
    }
    setup::dashboard()?;
    let packages = ["--package", "outlay-cli", "--package", "outlay-desktop"];
    let mut build = cargo(["build", "--release", "--features", "outlay-desktop/desktop"]);
    succeed(build.args(packages))?;
    built("release")
}

/// The command on the ledger to be measured.
struct Outlay<'a> {
    program: PathBuf,
    data: &'a Path,
    config: &'a Path,
}

impl Outlay<'_> {
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words.split(' ')).env("OUTLAY_DATA_DIR", self.data);
        command.env("OUTLAY_CONFIG", self.config);
        command
    }

    fn calls(&self) -> Result<u64> {
        let report: serde_json::Value =
            told(&mut self.command("report --since 2000-01-01 --json"))?;
        report["total"]["calls"].as_u64().context("the report has no calls")
    }
}

/// Imports a table of two years, and gives the dashboard a budget and a balance to show.
fn fill(outlay: &Outlay<'_>, folder: &Path, calls: u64) -> Result<()> {
    if outlay.data.join("outlay.db").exists() && outlay.calls()? == calls {
        return Ok(());
    }
    let table = folder.join("calls.csv");
    let generator = program(&built("debug")?, "many-calls");
    let mut many = Command::new(generator);
    many.arg(&table).arg(calls.to_string());
    let output: u64 = told(&mut many)?;
    let began = Instant::now();
    succeed(outlay.command("import csv").arg(&table))?;
    fs::remove_file(&table)?;
    println!(
        "{calls} calls, {output} tokens of output, imported in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let found = outlay.calls()?;
    ensure!(found == calls, "the ledger has {found} calls of {calls}");
    succeed(&mut outlay.command("budget set bench --limit 100000 --window month"))?;
    succeed(&mut outlay.command("balance set openai 250"))
}

/// What a program prints as JSON.
fn told<T: DeserializeOwned>(command: &mut Command) -> Result<T> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("{name} could not be started"))?;
    ensure!(output.status.success(), "{name} failed ({})", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed no JSON"))
}

fn print(measured: &Measured, calls: u64) {
    println!(
        "\nthe window on {calls} calls, under Xvfb without a GPU; load average {}\n",
        super::proxy::load_average()
    );
    let of_starts = |of: fn(&Start) -> f64| median(measured.starts.iter().map(of).collect());
    let starts = measured.starts.len();
    println!("opening, median of {starts} starts");
    line("  page: first paint, ms", of_starts(|start| start.page_paint_ms), Some(PAINT_MS_MAX));
    line("  page: first figures, ms", of_starts(|start| start.page_figures_ms), None);
    line("  program: first paint, ms", of_starts(|start| start.paint_ms), None);
    line("  program: first figures, ms", of_starts(|start| start.figures_ms), Some(OPEN_MS_MAX));
    println!("a view with its data, median (and slowest) of {}", measured.views[0].ms.len());
    for View { name, ms } in &measured.views {
        let came: Vec<f64> = ms.iter().flatten().copied().collect();
        let slowest = came.iter().copied().fold(0.0, f64::max);
        // One that did not come is no figure, and misses the mark.
        let middle = median(came).filter(|_| ms.iter().all(Option::is_some));
        line(&format!("  {name} ({slowest:.0}), ms"), middle, Some(VIEW_MS_MAX));
    }
    println!("scrolling the calls for {} frames", measured.scrolled.frames_ms.len());
    let frames = &measured.scrolled.frames_ms;
    let slow = frames.iter().filter(|&&took| took > SLOW_FRAME_MS).count();
    let mut microseconds: Vec<u64> = frames.iter().map(|took| (took * 1000.0) as u64).collect();
    let p95 = percentile(&mut microseconds, 95) as f64 / 1000.0;
    line("  frame p95, ms", Some(p95), Some(SLOW_FRAME_MS));
    line("  frames over 50 ms", Some(slow as f64), None);
    line("  frames in which a row was still empty", Some(measured.scrolled.blank as f64), None);
    println!("memory, MB (shared pages by their part; in brackets each counted whole)");
    for (when, held) in [
        ("after opening", &measured.memory_fresh),
        ("after every view five times", &measured.memory_busy),
        ("left open", &measured.memory),
    ] {
        memory(when, held);
    }
    println!("CPU while nothing happens, percent of one");
    for Idle { name, percent } in &measured.idle {
        line(&format!("  {name}"), Some(*percent), Some(IDLE_PERCENT_MAX));
    }
    println!("size");
    let kilobytes = f64::from(measured.javascript_bytes) / 1000.0;
    line("  JavaScript, compressed, KB", Some(kilobytes), Some(JAVASCRIPT_KB_MAX));
    println!(
        "\nload average {}: whatever else runs moves these figures",
        super::proxy::load_average()
    );
}

fn memory(when: &str, held: &[Memory]) {
    for Memory { name, rss_mb, pss_mb } in held {
        let mark = (name == PAGE_PROCESS).then_some(MEMORY_MB_MAX);
        line(&format!("  {when}: {name} ({rss_mb:.0})"), Some(*pss_mb), mark);
    }
    let all = held.iter().map(|each| each.pss_mb).sum();
    line(&format!("  {when}: all of them"), Some(all), None);
}

fn line(name: &str, value: Option<f64>, mark: Option<f64>) {
    let figure = value.map_or("-".to_owned(), |value| format!("{value:.1}"));
    let told = match (value, mark) {
        (_, None) => String::new(),
        (Some(value), Some(mark)) if value <= mark => format!("mark {mark}: met"),
        (_, Some(mark)) => format!("mark {mark}: missed"),
    };
    println!("{}", format!("{name:<58} {figure:>9}   {told}").trim_end());
}
