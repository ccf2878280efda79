//! Ten thousand alerts: what they take from calls, and how often the user hears of them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::figures::{Mark, Row, Ways, median};
use super::rounds;
use super::target::Outlay;

const PAIRS: usize = 5;
const BUDGETS: usize = 100;
/// Every call is one percent of it: each of the first hundred crosses a threshold of each budget.
const STORM_LIMIT_USD: f64 = 0.2;
const CALM_LIMIT_USD: f64 = 1_000_000.0;
/// More notes than this are no handful.
const NOTES_MAX: usize = 20;

/// An Outlay with a hundred budgets that warn at every percent.
struct Warned {
    outlay: Outlay,
    /// Has a line for each time that the user was told.
    told: PathBuf,
}

/// Calls a second while ten thousand alerts come and are told, over those where none do: in pairs, so
/// that what else the machine does falls on both.
///
/// # Errors
/// When alerts are missing, or the user is told more than a handful of times.
pub(super) fn storm(
    program: &Path,
    folder: &Path,
    provider: SocketAddr,
    price: impl Fn(&Outlay) -> Result<()>,
    span: Duration,
) -> Result<Row> {
    let mut ratios = Vec::with_capacity(PAIRS);
    for pair in 0..PAIRS {
        let warned = |name: &str, limit| {
            Warned::new(program, folder.join(format!("{name}-{pair}")), provider, &price, limit)
        };
        let (storm, calm) = (warned("storm", STORM_LIMIT_USD)?, warned("calm", CALM_LIMIT_USD)?);
        let (stormy, quiet) = match pair % 2 {
            0 => (storm.rate(span)?, calm.rate(span)?),
            _ => {
                let quiet = calm.rate(span)?;
                (storm.rate(span)?, quiet)
            }
        };
        ratios.push(stormy / quiet);
        let (alerts, notes) = (storm.alerts()?, storm.notes());
        ensure!(alerts >= 10_000, "only {alerts} alerts were recorded");
        ensure!((1..=NOTES_MAX).contains(&notes), "{alerts} alerts were told in {notes} notes");
        println!("{alerts} alerts were told in {notes} notes");
    }
    Ok(Row {
        name: "calls of 1 KB/s with 10,000 alerts / with none".to_owned(),
        values: Ways { direct: None, nginx: None, outlay: median(ratios) },
        mark: Mark::AtLeast(0.95),
    })
}

impl Warned {
    fn new(
        program: &Path,
        folder: PathBuf,
        provider: SocketAddr,
        price: impl Fn(&Outlay) -> Result<()>,
        limit_usd: f64,
    ) -> Result<Warned> {
        let told = folder.join("told");
        let outlay = Outlay::new(program, folder, provider)?;
        outlay.notify_by(&format!("echo >> '{}'", told.display()))?;
        price(&outlay)?;
        let percents = (1..100).map(|percent| percent.to_string()).collect::<Vec<_>>().join(",");
        for number in 0..BUDGETS {
            let limit = format!("--limit {limit_usd} --window total --soft --warn {percents}");
            outlay.run(&format!("budget set bench-{number} {limit}"))?;
        }
        Ok(Warned { outlay, told })
    }

    fn rate(&self, span: Duration) -> Result<f64> {
        let (_running, _) = self.outlay.start()?;
        Ok(rounds::small_calls(self.outlay.door(), span)?.per_second)
    }

    fn alerts(&self) -> Result<usize> {
        let listed = self.outlay.json("alerts list --json --limit 20000")?;
        Ok(listed["alerts"].as_array().context("a list without alerts")?.len())
    }

    fn notes(&self) -> usize {
        fs::read_to_string(&self.told).unwrap_or_default().lines().count()
    }
}
