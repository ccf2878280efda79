//! Ten thousand alerts: what they take from calls, and how often the user hears of them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::figures::{Mark, Row, Ways, median};
use super::rounds::{self, Times};
use super::target::Outlay;

const PAIRS: usize = 7;
const BUDGETS: usize = 100;
/// The lowest limit, and by how much each is above the one before: at $0.002 a call every one of some two
/// thousand crosses a handful of thresholds, of ever other budgets.
const STORM_USD: (f64, f64) = (2.0, 0.02);
/// So many calls a storm lasts, from its first alert to its last; those before are none of it.
const STORM_CALLS: usize = 1_980;
const BEFORE_CALLS: usize = 20;
const CALM_USD: (f64, f64) = (1_000_000.0, 0.0);
/// More notes than this are no handful.
const NOTES_MAX: usize = 20;

/// An Outlay with a hundred budgets that warn at every percent.
struct Warned {
    outlay: Outlay,
    /// Has a line for each time that the user was told.
    told: PathBuf,
}

/// How long calls take while ten thousand alerts come and are told, over that where none do: in pairs, so
/// that what else the machine does falls on both.
///
/// # Errors
/// When alerts are missing, or the user is told more than a handful of times.
pub(super) fn storm(
    program: &Path,
    folder: &Path,
    provider: SocketAddr,
    price: impl Fn(&Outlay) -> Result<()>,
) -> Result<[Row; 2]> {
    let mut ratios = [const { Vec::new() }; 2];
    for pair in 0..PAIRS {
        let warned = |name: &str, limits| {
            Warned::new(program, folder.join(format!("{name}-{pair}")), provider, &price, limits)
        };
        let (storm, calm) = (warned("storm", STORM_USD)?, warned("calm", CALM_USD)?);
        let (stormy, quiet) = match pair % 2 {
            0 => (storm.latencies_us()?, calm.latencies_us()?),
            _ => {
                let quiet = calm.latencies_us()?;
                (storm.latencies_us()?, quiet)
            }
        };
        ratios[0].push(stormy.p50 / quiet.p50);
        ratios[1].push(stormy.p99 / quiet.p99);
        let (alerts, notes) = (storm.alerts()?, storm.notes());
        ensure!(alerts >= 9_000, "only {alerts} alerts were recorded");
        ensure!((1..=NOTES_MAX).contains(&notes), "{alerts} alerts were told in {notes} notes");
        println!("{alerts} alerts were told in {notes} notes");
    }
    let row = |percentile, ratios, mark| {
        Row::new(
            format!("a call of 1 KB among 10,000 alerts / with none, {percentile}"),
            Ways { direct: None, nginx: None, outlay: median(ratios) },
            mark,
        )
    };
    let [middle, slow] = ratios;
    Ok([row("p50", middle, Mark::AtMost(1.05)), row("p99", slow, Mark::None)])
}

impl Warned {
    fn new(
        program: &Path,
        folder: PathBuf,
        provider: SocketAddr,
        price: impl Fn(&Outlay) -> Result<()>,
        (lowest_usd, step_usd): (f64, f64),
    ) -> Result<Warned> {
        let told = folder.join("told");
        let outlay = Outlay::new(program, folder, provider)?;
        outlay.notify_by(&format!("echo >> '{}'", told.display()))?;
        price(&outlay)?;
        let percents = (1..100).map(|percent| percent.to_string()).collect::<Vec<_>>().join(",");
        for number in 0..BUDGETS {
            let usd = lowest_usd + step_usd * number as f64;
            let limit = format!("--limit {usd:.2} --window total --soft --warn {percents}");
            outlay.run(&format!("budget set bench-{number} {limit}"))?;
        }
        Ok(Warned { outlay, told })
    }

    fn latencies_us(&self) -> Result<Times> {
        let (_running, _) = self.outlay.start()?;
        rounds::small_calls_us(self.outlay.door(), BEFORE_CALLS, STORM_CALLS)
    }

    fn alerts(&self) -> Result<usize> {
        let listed = self.outlay.json("alerts list --json --limit 20000")?;
        Ok(listed["alerts"].as_array().context("a list without alerts")?.len())
    }

    fn notes(&self) -> usize {
        fs::read_to_string(&self.told).unwrap_or_default().lines().count()
    }
}
