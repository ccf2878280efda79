//! `outlay cost`: prices usage without a call.

mod document;

use std::io::{IsTerminal, Read};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use outlay_core::cost::{self, Basis, CostLine, Metered};
use outlay_core::money::Money;
use outlay_core::price::{Price, PriceList, PriceQuery};
use outlay_core::report::PriceView;
use outlay_core::usage::Usage;

use super::Form;
use super::prices::{find, unknown};
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;
use crate::table::{Cell, Column, Table};
use crate::when::{self, Direction};

/// Options of `cost`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay cost gpt-4o --input 1000 --output 100
  outlay cost < response.json
  outlay cost --provider openai < request.json")]
pub(crate) struct Arguments {
    /// The model [default: what the document on standard input names]
    model: Option<String>,
    /// Input tokens at the full rate
    #[arg(long, value_name = "N", requires = "model")]
    input: Option<u64>,
    /// Output tokens
    #[arg(long, value_name = "N", requires = "model")]
    output: Option<u64>,
    /// Tokens read from a cache
    #[arg(long, value_name = "N", requires = "model")]
    cache_read: Option<u64>,
    /// Tokens written to a cache
    #[arg(long, value_name = "N", requires = "model")]
    cache_write: Option<u64>,
    /// Tokens written to a cache that lives an hour
    #[arg(long, value_name = "N", requires = "model")]
    cache_write_1h: Option<u64>,
    /// The provider, as in routes [default: whoever makes the model]
    #[arg(long)]
    provider: Option<String>,
    /// The service tier (batch, flex, priority)
    #[arg(long, value_name = "TIER")]
    service_tier: Option<String>,
    /// At the price of then: a date or a time [default: now]
    #[arg(long, value_name = "T")]
    at: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// What it costs, and why.
#[derive(Debug, serde::Serialize)]
struct Costed {
    model: String,
    basis: Basis,
    cost_usd: Money,
    /// The most it can cost, of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling_usd: Option<Money>,
    usage: Usage,
    lines: Vec<CostLine>,
    price: Option<PriceView>,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let at = match &options.at {
        Some(text) => when::parse(text, Direction::Past, session.now, session.zone)
            .map_err(Failure::Misused)?,
        None => session.now,
    };
    // The user's own prices count where there is a ledger; none is made for this.
    let has_ledger = session.folders.data().join("outlay.db").exists();
    let list = if has_ledger {
        session.ledger()?.prices()
    } else {
        Arc::new(PriceList::with_user_prices(Vec::new()))
    };
    let costed = match options.usage() {
        Some(usage) => of_usage(&list, options, usage, at)?,
        None => of_document(&list, options, &standard_input()?, at)?,
    };
    if options.form.json {
        out.json(&costed)?;
    } else {
        print(&costed, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// The usage that the options name; `None` where they name none.
    fn usage(&self) -> Option<Usage> {
        let counts =
            [self.input, self.output, self.cache_read, self.cache_write, self.cache_write_1h];
        counts.iter().any(Option::is_some).then(|| Usage {
            input_tokens: self.input.unwrap_or(0),
            output_tokens: self.output.unwrap_or(0),
            cache_read_tokens: self.cache_read.unwrap_or(0),
            cache_write_5m_tokens: self.cache_write.unwrap_or(0),
            cache_write_1h_tokens: self.cache_write_1h.unwrap_or(0),
            ..Usage::default()
        })
    }
}

fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::misused(
            "there is nothing to price: name a model with --input and --output, or give a request or response on standard input",
        ));
    }
    let mut document = Vec::new();
    stdin
        .read_to_end(&mut document)
        .map_err(|error| Failure::Failed(format!("standard input cannot be read: {error}")))?;
    Ok(document)
}

fn of_usage(
    list: &PriceList,
    options: &Arguments,
    usage: Usage,
    at: DateTime<Utc>,
) -> Result<Costed, Failure> {
    let model = options.model.clone().unwrap_or_default();
    let price = price(list, options, &model, at)?;
    let turn = usage.prompt_tokens();
    Ok(Costed {
        model,
        basis: Basis::Priced,
        cost_usd: cost::total(&usage, turn, &price),
        ceiling_usd: None,
        usage,
        lines: cost::lines(&usage, turn, &price),
        price: Some(PriceView::from(&*price)),
    })
}

fn of_document(
    list: &PriceList,
    options: &Arguments,
    document: &[u8],
    at: DateTime<Utc>,
) -> Result<Costed, Failure> {
    let provider = options.provider.as_deref();
    match document::read(document, provider.unwrap_or_default())? {
        document::Document::Answer(metered) => of_answer(list, options, &metered, at),
        document::Document::Request { model, usage, output_tokens_max } => {
            let model = options.model.clone().or(model).ok_or_else(no_model)?;
            let price = price(list, options, &model, at)?;
            let output_tokens_max =
                output_tokens_max.or_else(|| list.limits(&price.provider, &model).output_max);
            let turn = usage.prompt_tokens();
            Ok(Costed {
                model,
                basis: Basis::Estimated,
                cost_usd: cost::total(&usage, turn, &price),
                ceiling_usd: output_tokens_max
                    .map(|output| cost::ceiling(&price, document.len() as u64, output)),
                usage,
                lines: cost::lines(&usage, turn, &price),
                price: Some(PriceView::from(&*price)),
            })
        }
    }
}

fn of_answer(
    list: &PriceList,
    options: &Arguments,
    metered: &Metered,
    at: DateTime<Utc>,
) -> Result<Costed, Failure> {
    let model = options.model.clone().or_else(|| metered.model.clone()).ok_or_else(no_model)?;
    let mut metered = metered.clone();
    if options.service_tier.is_some() {
        metered.service_tier.clone_from(&options.service_tier);
    }
    if options.model.is_some() {
        metered.model = None;
    }
    let provider = options.provider.as_deref().unwrap_or_default();
    let bill = cost::bill(list, provider, &model, &metered, at);
    let cost_usd = match bill.cost {
        Some(cost) => cost,
        None => {
            // A price of the user's for one provider counts where no provider is named.
            let price = price(list, options, &model, at)?;
            let usage = bill.usage.unwrap_or_default();
            cost::total(&usage, usage.prompt_tokens(), &price)
        }
    };
    let price = bill.price.or_else(|| price(list, options, &model, at).ok());
    let usage = bill.usage.unwrap_or_default();
    let turn = metered.turn_prompt_tokens.unwrap_or_else(|| usage.prompt_tokens());
    let lines = price.as_ref().map(|price| cost::lines(&usage, turn, price)).unwrap_or_default();
    Ok(Costed {
        model,
        basis: if bill.basis == Basis::Unpriced { Basis::Priced } else { bill.basis },
        cost_usd,
        ceiling_usd: None,
        usage,
        lines,
        price: price.as_deref().map(PriceView::from),
    })
}

fn price(
    list: &PriceList,
    options: &Arguments,
    model: &str,
    at: DateTime<Utc>,
) -> Result<Arc<Price>, Failure> {
    let provider = options.provider.as_deref();
    let first = find(list, provider, model, at).into_iter().next();
    let price = first.ok_or_else(|| unknown(list, provider, model))?;
    let Some(tier) = options.service_tier.as_deref() else { return Ok(price) };
    let provider = provider.unwrap_or(&price.provider);
    let query = PriceQuery { provider, model, at, service_tier: Some(tier) };
    list.find(&query).ok_or_else(|| unknown(list, Some(provider), model))
}

fn no_model() -> Failure {
    Failure::misused("the document names no model: name it, as in outlay cost gpt-4o < FILE")
}

fn print(costed: &Costed, out: &mut Out) -> Result<(), Failure> {
    let mut table = Table::new(&[
        Column::Text("Bucket"),
        Column::Number("Units"),
        Column::Text("Rate"),
        Column::Decimal("Cost"),
    ]);
    for line in &costed.lines {
        table.row(line_cells(line));
    }
    out.table(&table)?;
    let basis = match costed.basis {
        Basis::Stated => ", as the provider says",
        Basis::Estimated => " for what goes in, at four bytes a token",
        Basis::Priced | Basis::Unpriced => "",
    };
    out.line(format!("{} costs ${}{basis}.", costed.model, costed.cost_usd))?;
    if let Some(ceiling) = costed.ceiling_usd {
        out.line(format!("With its longest answer it costs at most ${ceiling}."))?;
    }
    Ok(())
}

/// A cost line's cells: bucket, units, rate, cost.
pub(super) fn line_cells(line: &CostLine) -> [Cell; 4] {
    let usd = Money::from_picodollars(line.rate.picodollars);
    let rate = match line.rate.per {
        1 => format!("${usd} each"),
        1_000_000 => format!("${usd} per million"),
        per => format!("${usd} per {per}"),
    };
    [
        Cell::new(line.bucket),
        Cell::new(line.units),
        Cell::new(rate),
        Cell::new(format!("${}", line.amount)),
    ]
}
