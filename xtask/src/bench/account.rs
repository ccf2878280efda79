//! What the ledger says of the calls that were made: figures of a proxy that forgets some, or does
//! not decide over them, would be worth nothing.

use anyhow::{Context, Result, ensure};

use super::figures::{Mark, Row, Ways};
use super::http::{Connection, get};
use super::provider::OUTPUT_TOKENS;
use super::target::Outlay;

/// Picodollars in a US dollar.
const PICODOLLARS_PER_USD: u64 = 1_000_000_000_000;

/// Checks that every call that was answered has been reserved, priced and settled under each of its
/// budgets; `output_usd` is the price of a million generated tokens. The row is how many had to
/// wait.
///
/// # Errors
/// When one is missing, or its money is.
pub(super) fn check(outlay: &Outlay, output_usd: u64) -> Result<Row> {
    let (_running, _) = outlay.start()?;
    let answered = outlay.door().answered();
    let metrics = metrics(outlay)?;
    let settled = sum(&metrics, "outlay_calls_total", "status=\"settled\"");
    let all = sum(&metrics, "outlay_calls_total", "");
    ensure!(
        settled == answered && all == answered,
        "{answered} calls were answered, the ledger has {all} and {settled} of them settled"
    );
    let cost = sum(&metrics, "outlay_cost_picodollars_total", "");
    let expected = answered * OUTPUT_TOKENS * output_usd * (PICODOLLARS_PER_USD / 1_000_000);
    ensure!(cost == expected, "{answered} calls cost {cost} picodollars and not {expected}");

    let status = outlay.json("status --json")?;
    let budgets = status["budgets"].as_array().context("a status without budgets")?;
    for budget in budgets {
        let (name, held) = (&budget["name"], &budget["held"]);
        ensure!(held == "0.00", "{held} USD are held under {name} when no call runs");
    }
    let total = budgets.iter().find(|budget| budget["window"] == "total");
    let used = total.context("the budget for all time is gone")?["used"].as_str();
    let used: f64 = used.context("a budget without used")?.parse()?;
    let spent = cost as f64 / PICODOLLARS_PER_USD as f64;
    ensure!((used - spent).abs() < 1e-6, "of {spent} USD a budget has counted {used}");
    println!(
        "all {answered} calls are in the ledger, under {} budgets: {spent} USD",
        budgets.len()
    );
    Ok(Row::new(
        "calls that had to wait",
        Ways {
            direct: None,
            nginx: None,
            outlay: Some(sum(&metrics, "outlay_limit_actions_total", "action=\"waited\"") as f64),
        },
        Mark::AtMost(0.0),
    ))
}

fn metrics(outlay: &Outlay) -> Result<String> {
    let header = format!("X-API-Key: {}\r\n", outlay.token()?);
    let address = outlay.door().address;
    let mut text = Vec::new();
    let request = get(address, "/metrics", &header);
    let status = Connection::open(address)?.call(&request, |part| text.extend_from_slice(part))?;
    ensure!(status == 200, "/metrics answered {status}");
    String::from_utf8(text).context("/metrics is no text")
}

/// The sum of a counter over all that has `label`.
fn sum(metrics: &str, name: &str, label: &str) -> u64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'))
        .filter(|line| line.contains(label))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_by_label() {
        let metrics = "# HELP calls_total Calls.\n\
                       calls_total{provider=\"a\",status=\"settled\"} 5\n\
                       calls_total{provider=\"a\",status=\"refused\"} 2\n\
                       calls_total{provider=\"b\",status=\"settled\"} 3\n\
                       calls_total_of_others{status=\"settled\"} 9\n";
        for (label, expected) in
            [("", 10), ("status=\"settled\"", 8), ("provider=\"a\"", 7), ("status=\"failed\"", 0)]
        {
            assert_eq!(sum(metrics, "calls_total", label), expected, "{label}");
        }
    }
}
