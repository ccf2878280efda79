//! `outlay prices show`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use outlay_core::money::{Money, Rate};
use outlay_core::price::{Price, PriceList, PriceOrigin, PriceQuery};
use outlay_core::report::{PriceView, Prices, RateView};

use crate::commands::Form;
use crate::failure::Failure;
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::when::{self, Direction};

/// Units that have a column of their own.
const COLUMNS: [&str; 4] = ["input", "output", "cache_read", "cache_write"];
const MILLION: u64 = 1_000_000;

/// Options of `prices show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  outlay prices show gpt-4o --at 2025-01-01")]
pub(crate) struct Arguments {
    /// The model, as requests name it
    model: String,
    /// The provider, as in routes [default: whoever makes the model]
    #[arg(long)]
    provider: Option<String>,
    /// What it cost then: a date or a time [default: now]
    #[arg(long, value_name = "T")]
    at: Option<String>,
    #[command(flatten)]
    form: Form,
}

pub(super) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Result<(), Failure> {
    let at = match &options.at {
        Some(text) => when::parse(text, Direction::Past, session.now, session.zone)
            .map_err(Failure::Misused)?,
        None => session.now,
    };
    let list = session.ledger()?.prices();
    let found = find(&list, options.provider.as_deref(), &options.model, at);
    if found.is_empty() {
        return Err(unknown(&list, options.provider.as_deref(), &options.model));
    }
    let prices: Vec<PriceView> = found.iter().map(|price| PriceView::from(&**price)).collect();
    if options.form.json {
        let count = prices.len();
        return out.json(&Prices { source: list.source(), prices, count, used: 0 });
    }
    out.table(&table(&prices))?;
    for price in &prices {
        details(price, out)?;
    }
    out.line(format!("US dollars per million tokens; {}.", list.source()))
}

/// The model's price; without a provider the user's own prices of that name first, then its
/// maker's.
pub(in crate::commands) fn find(
    list: &PriceList,
    provider: Option<&str>,
    model: &str,
    at: DateTime<Utc>,
) -> Vec<Arc<Price>> {
    let price = |provider: &str| list.find(&PriceQuery { provider, model, at, service_tier: None });
    if let Some(provider) = provider {
        return price(provider).into_iter().collect();
    }
    let own = list
        .entries(at)
        .take_while(|entry| entry.origin == PriceOrigin::User)
        .filter(|entry| entry.model.eq_ignore_ascii_case(model.trim()))
        .map(|entry| entry.provider);
    let mut found: Vec<Arc<Price>> = Vec::new();
    for price in own.chain([String::new()]).filter_map(|provider| price(&provider)) {
        if found.iter().all(|known| known.id != price.id) {
            found.push(price);
        }
    }
    found
}

/// Nobody knows the price.
pub(in crate::commands) fn unknown(
    list: &PriceList,
    provider: Option<&str>,
    model: &str,
) -> Failure {
    let nearest = list
        .nearest_model(provider.unwrap_or_default(), model)
        .map(|nearest| format!(" (the nearest known model is '{nearest}')"))
        .unwrap_or_default();
    let option = provider.map(|provider| format!(" --provider {provider}")).unwrap_or_default();
    Failure::Failed(format!(
        "no price is known for model '{model}'{nearest}: outlay prices set {model}{option} --input N --output N sets one"
    ))
}

/// Prices in columns, per million tokens.
pub(super) fn table(prices: &[PriceView]) -> Table {
    let mut table = Table::new(&[
        Column::Text("Provider"),
        Column::Text("Model"),
        Column::Decimal("Input"),
        Column::Decimal("Output"),
        Column::Decimal("Cache read"),
        Column::Decimal("Cache write"),
        Column::Text("From"),
    ])
    .expendable(&["From", "Cache write", "Cache read"]);
    for price in prices {
        let [input, output, cache_read, cache_write] = COLUMNS.map(|unit| {
            let rate = price.rates.iter().find(|rate| rate.unit == unit);
            Cell::known(rate.map(|rate| per_million(rate.usd, rate.per)))
        });
        let provider = if price.provider.is_empty() { "any" } else { &price.provider };
        table.row([
            Cell::new(provider),
            Cell::toned(&price.model, Tone::Strong),
            input,
            output,
            cache_read,
            cache_write,
            Cell::new(match price.origin {
                "user" => "you",
                "override" => "the list, corrected",
                _ => "the list",
            }),
        ]);
    }
    table
}

/// What the columns do not say: other units and tiers.
fn details(price: &PriceView, out: &mut Out) -> Result<(), Failure> {
    if price.rates.is_empty() {
        out.line(format!("{} is free.", price.model))?;
    }
    for rate in &price.rates {
        if !COLUMNS.contains(&rate.unit) {
            out.line(format!("  {:<18} {}", rate.unit, spoken(rate)))?;
        }
        for tier in &rate.tiers {
            let usd = per_million(tier.usd, tier.per);
            out.line(format!(
                "  {:<18} ${usd} per million for prompts over {} tokens",
                rate.unit, tier.above
            ))?;
        }
    }
    Ok(())
}

fn spoken(rate: &RateView) -> String {
    match rate.per {
        1 => format!("${} each", rate.usd),
        1_000_000 => format!("${} per million", rate.usd),
        per => format!("${} per {per}", rate.usd),
    }
}

fn per_million(usd: Money, per: u32) -> String {
    Rate { picodollars: usd.picodollars(), per: per.max(1) }.amount(MILLION).to_string()
}
