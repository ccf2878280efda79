//! `cargo xtask bench proxy`: Outlay beside nginx and the straight way, all in one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::figures::{Mark, Row, Ways, median, table};
use super::http::{Connection, get};
use super::load::{self, Door};
use super::provider::{MODEL, OUTPUT_TOKENS, SERVED_PATH};
use super::rounds::{self, Round, Way};
use super::target::{self, Nginx, Outlay, Running};
use super::usage::Processes;
use super::{account, alerts};
use crate::process::{built, cargo, program, succeed};

const ROUNDS: usize = 5;
const COLD_STARTS: usize = 7;
const PAIRS: usize = 10;
const BIG_LEDGER_CALLS: u64 = 1_000_000;
const CALLS_AT_ONCE: usize = 100;
/// At this price per million output tokens every answer costs $0.002.
const OUTPUT_USD: u64 = 10;
const BUDGET_USD: f64 = 0.02;

/// What `cargo xtask bench proxy` can be told.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// How long each row is measured on each way, in seconds, over all rounds.
    #[arg(long, default_value_t = 5.0, value_name = "N")]
    seconds: f64,
    /// One second for each: does it run, and about how does it stand?
    #[arg(long)]
    quick: bool,
    /// Put a million calls through Outlay first, which takes minutes: the marks are for that.
    #[arg(long)]
    big_ledger: bool,
    #[command(flatten)]
    measured: Measured,
    /// Write the figures to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Which Outlay is measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct Measured {
    /// Measure this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    outlay: Option<PathBuf>,
}

/// Starts everything, measures in rounds and prints the table.
///
/// # Errors
/// When nginx is missing, something does not start, or an answer is wrong.
pub(super) fn run(options: &Options) -> Result<()> {
    let outlay_program = options.measured.program()?;
    let folder = folder()?;
    let (_provider, direct) = target::provider()?;
    let nginx = Nginx::new(folder.path(), direct.address)?;
    let outlay = Outlay::new(&outlay_program, folder.path().join("outlay"), direct.address)?;
    far_from_the_limits(&outlay)?;
    println!("beside {}; load average {}", nginx.version()?, load_average());

    let mut rows = under_load(options, &direct, &nginx, &outlay)?;
    let free = Outlay::new(&outlay_program, folder.path().join("free"), direct.address)?;
    rows.push(cost_of_budgets(options, &outlay, &free)?);
    rows.push(account::check(&outlay, OUTPUT_USD)?);
    let place = folder.path();
    rows.extend(alerts::storm(&outlay_program, place, direct.address, price_model)?);
    rows.push(cold_starts(&nginx, &outlay)?);
    rows.push(overspending(&outlay_program, folder.path(), &direct)?);
    println!("\n{}", table(&rows));
    println!("load average {}: whatever else runs moves these figures", load_average());
    options.json.as_deref().map_or(Ok(()), |file| write_json(file, options, &nginx, &rows))
}

/// Measures only the alerts.
///
/// # Errors
/// As [`run`].
pub(super) fn run_alerts(measured: &Measured) -> Result<()> {
    let outlay_program = measured.program()?;
    let folder = folder()?;
    let (_provider, direct) = target::provider()?;
    let rows = alerts::storm(&outlay_program, folder.path(), direct.address, price_model)?;
    println!("\n{}", table(&rows));
    println!("load average {}: whatever else runs moves these figures", load_average());
    Ok(())
}

/// Beside the builds, on a real disk: a /tmp in memory would flatter the ledger.
fn folder() -> Result<tempfile::TempDir> {
    let place = built("bench")?;
    fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
    Ok(tempfile::tempdir_in(&place)?)
}

impl Measured {
    fn program(&self) -> Result<PathBuf> {
        if let Some(file) = &self.outlay {
            return file.canonicalize().with_context(|| format!("there is no {}", file.display()));
        }
        succeed(&mut cargo(["build", "--release", "--package", "outlay-cli"]))?;
        Ok(program(&built("release")?, "outlay"))
    }
}

/// Prices the model and sets three hard budgets that apply to every call and refuse none.
fn far_from_the_limits(outlay: &Outlay) -> Result<()> {
    price_model(outlay)?;
    outlay.run("budget set bench-day --limit 1000000 --window day --hard")?;
    outlay.run("budget set bench-month --limit 1000000 --window month --hard")?;
    outlay.run("budget set bench-project --limit 1000000 --window total --hard --project bench")
}

fn price_model(outlay: &Outlay) -> Result<()> {
    outlay.run(&format!("prices set {MODEL} --provider openai --input 0 --output {OUTPUT_USD}"))
}

fn under_load(
    options: &Options,
    direct: &Door,
    nginx: &Nginx,
    outlay: &Outlay,
) -> Result<Vec<Row>> {
    let span = span(options)?;
    let (nginx_running, outlay_running) = (nginx.start()?.0, outlay.start()?.0);
    let ways = Ways {
        direct: Way { door: direct.clone(), processes: None },
        nginx: way(nginx.door(), &nginx_running)?,
        outlay: way(outlay.door(), &outlay_running)?,
    };
    if options.big_ledger {
        fill_ledger(outlay.door())?;
    }
    let mut rounds = Vec::new();
    for number in 0..ROUNDS {
        println!("round {} of {ROUNDS}", number + 1);
        rounds.push(Round::measure(&ways, number, span)?);
    }
    let memory =
        ways.in_turn(0, |way| way.processes.as_ref().map(Processes::resident_mb).transpose());
    let mut rows = rounds::rows(&rounds);
    rows.push(Row::new("memory after load, MB", memory?, Mark::AtMost(30.0)));
    Ok(rows)
}

/// How long each row is measured on each way in one round.
fn span(options: &Options) -> Result<Duration> {
    let seconds = if options.quick { 1.0 } else { options.seconds };
    Duration::try_from_secs_f64(seconds / ROUNDS as f64)
        .context("--seconds must be a number above 0")
}

fn fill_ledger(outlay: &Door) -> Result<()> {
    while outlay.answered() < BIG_LEDGER_CALLS {
        let rate = rounds::small_calls(outlay, Duration::from_secs(10))?;
        println!("{} calls in the ledger, {:.0} more a second", outlay.answered(), rate.per_second);
    }
    // What a million calls have written the system would write to the disk while others are measured.
    succeed(&mut Command::new("sync"))
}

fn way(door: &Door, running: &Running) -> Result<Way> {
    Ok(Way { door: door.clone(), processes: Some(Processes::of(running.id())?) })
}

/// Calls a second under three budgets, over those of an Outlay that has none: in pairs, so that
/// what else the machine does falls on both.
fn cost_of_budgets(options: &Options, budgeted: &Outlay, free: &Outlay) -> Result<Row> {
    price_model(free)?;
    let span = span(options)? * ROUNDS as u32 / PAIRS as u32;
    let (_running, _) = budgeted.start()?;
    let (_also, _) = free.start()?;
    let rate = |outlay: &Outlay| anyhow::Ok(rounds::small_calls(outlay.door(), span)?.per_second);
    let ratios = (0..PAIRS)
        .map(|pair| match pair % 2 {
            0 => Ok(rate(budgeted)? / rate(free)?),
            _ => rate(free).and_then(|free| Ok(rate(budgeted)? / free)),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Row::new(
        "calls of 1 KB/s under three budgets / under none",
        Ways { direct: None, nginx: None, outlay: median(ratios) },
        Mark::AtLeast(0.95),
    ))
}

/// From the start of the program to its first answer.
fn cold_starts(nginx: &Nginx, outlay: &Outlay) -> Result<Row> {
    let milliseconds = |start: &dyn Fn() -> Result<(Running, Duration)>| {
        let starts = (0..COLD_STARTS).map(|_| Ok(start()?.1.as_secs_f64() * 1000.0));
        starts.collect::<Result<Vec<_>>>().map(median)
    };
    Ok(Row::new(
        format!("start to first answer, {} calls in the ledger, ms", outlay.door().answered()),
        Ways {
            direct: None,
            nginx: milliseconds(&|| nginx.start())?,
            outlay: milliseconds(&|| outlay.start())?,
        },
        Mark::AtMost(50.0),
    ))
}

/// Money billed over a hard budget's limit, with all calls at the same time.
fn overspending(outlay_program: &Path, folder: &Path, direct: &Door) -> Result<Row> {
    let outlay = Outlay::new(outlay_program, folder.join("overspending"), direct.address)?;
    price_model(&outlay)?;
    outlay.run(&format!("budget set bench-cap --limit {BUDGET_USD} --window day --hard"))?;
    let before = served(direct)?;
    let (_running, _) = outlay.start()?;
    let statuses = load::at_once(outlay.door(), CALLS_AT_ONCE)?;
    let billed = served(direct)? - before;
    let answered = statuses.iter().filter(|&&status| status == 200).count();
    println!("of {CALLS_AT_ONCE} calls at once {answered} were answered, the others refused");
    ensure!(answered as u64 + 1 == billed, "{billed} calls were billed, the first one with them");
    let billed_usd = (billed * OUTPUT_TOKENS * OUTPUT_USD) as f64 / 1_000_000.0;
    Ok(Row::new(
        format!("spent / hard budget, {CALLS_AT_ONCE} calls at once"),
        Ways { direct: None, nginx: None, outlay: Some(billed_usd / BUDGET_USD) },
        Mark::AtMost(1.0),
    ))
}

/// Calls that the provider has served so far.
fn served(provider: &Door) -> Result<u64> {
    let mut count = Vec::new();
    let request = get(provider.address, SERVED_PATH, "");
    Connection::open(provider.address)?.call(&request, |part| count.extend_from_slice(part))?;
    String::from_utf8_lossy(&count).parse().context("the provider gave no number")
}

fn write_json(file: &Path, options: &Options, nginx: &Nginx, rows: &[Row]) -> Result<()> {
    let written = serde_json::json!({
        "beside": nginx.version()?,
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "seconds": if options.quick { 1.0 } else { options.seconds },
        "load_average": load_average(),
        "rows": rows.iter().map(Row::written).collect::<Vec<_>>(),
    });
    fs::write(file, serde_json::to_string_pretty(&written)? + "\n")
        .with_context(|| format!("{} cannot be written", file.display()))
}

/// Over the last minute, as the kernel says it.
pub(super) fn load_average() -> String {
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').next().unwrap_or("unknown").to_owned()
}
