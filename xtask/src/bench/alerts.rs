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
/// On so many connections where calls come together.
const TOGETHER: usize = 198;
const CALM_USD: (f64, f64) = (1_000_000.0, 0.0);
/// More notes than this are no handful.
const NOTES_MAX: usize = 20;

/// An Outlay with a hundred budgets that warn at every percent.
struct Warned {
    outlay: Outlay,
    /// Has a line for each time that the user was told.
    told: PathBuf,
}

/// How calls come.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// One after another, to a provider that answers at once: what Outlay itself takes.
    Alone,
    /// Many at once, to a provider that thinks for 100 ms: what people wait.
    Together,
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
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (pace, calls, mark_p99) in [
        (Pace::Alone, "a call of 1 KB", Mark::None),
        (Pace::Together, "a call answered after 100 ms", Mark::AtMost(1.05)),
    ] {
        let mut ratios = [const { Vec::new() }; 2];
        for number in 0..PAIRS {
            let warned = |name: &str, limits| {
                let folder = folder.join(format!("{name}-{pace:?}-{number}"));
                Warned::new(program, folder, provider, &price, limits)
            };
            let (storm, calm) = (warned("storm", STORM_USD)?, warned("calm", CALM_USD)?);
            let (stormy, quiet) = pair(number, &storm, &calm, pace)?;
            ratios[0].push(stormy.p50 / quiet.p50);
            ratios[1].push(stormy.p99 / quiet.p99);
        }
        let row = |percentile, ratios, mark| {
            let name = format!("{calls} among 10,000 alerts / with none, {percentile}");
            Row::new(name, Ways { direct: None, nginx: None, outlay: median(ratios) }, mark)
        };
        let [middle, slow] = ratios;
        rows.extend([row("p50", middle, Mark::AtMost(1.05)), row("p99", slow, mark_p99)]);
    }
    Ok(rows)
}

/// Both, each time in the other order.
fn pair(number: usize, storm: &Warned, calm: &Warned, pace: Pace) -> Result<(Times, Times)> {
    let (stormy, quiet) = match number % 2 {
        0 => (storm.latencies_us(pace)?, calm.latencies_us(pace)?),
        _ => {
            let quiet = calm.latencies_us(pace)?;
            (storm.latencies_us(pace)?, quiet)
        }
    };
    let (alerts, notes) = (storm.alerts()?, storm.notes());
    ensure!(alerts >= 9_000, "only {alerts} alerts were recorded");
    ensure!((1..=NOTES_MAX).contains(&notes), "{alerts} alerts were told in {notes} notes");
    println!("{alerts} alerts were told in {notes} notes");
    Ok((stormy, quiet))
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

    fn latencies_us(&self, pace: Pace) -> Result<Times> {
        let (_running, _) = self.outlay.start()?;
        let door = self.outlay.door();
        match pace {
            Pace::Alone => rounds::small_calls_us(door, BEFORE_CALLS, STORM_CALLS),
            Pace::Together => rounds::slow_calls_us(door, TOGETHER, STORM_CALLS / TOGETHER),
        }
    }

    fn alerts(&self) -> Result<usize> {
        let listed = self.outlay.json("alerts list --json --limit 20000")?;
        Ok(listed["alerts"].as_array().context("a list without alerts")?.len())
    }

    fn notes(&self) -> usize {
        fs::read_to_string(&self.told).unwrap_or_default().lines().count()
    }
}
