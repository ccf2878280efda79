//! `outlay prices set`.

use outlay_core::money::{Money, Rate};
use outlay_core::price::{PriceList, PriceQuery, Slip, Unit, UserPrice};
use outlay_core::report::{self, UnpricedView};

use crate::ask::{ask, can_be_asked};
use crate::failure::Failure;
use crate::output::Out;
use crate::session::Session;
use crate::words;

const MILLION: u32 = 1_000_000;

/// Options of `prices set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay prices set my-model --input 0.50 --output 2
  outlay prices set 'my-model-*' --provider work --input 1 --output 4 --cache-read 0.1")]
pub(crate) struct Arguments {
    /// The model, as requests name it; a last * stands for any ending
    model: String,
    /// US dollars per million input tokens
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    input: String,
    /// US dollars per million output tokens
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    output: String,
    /// US dollars per million tokens read from a cache [default: as input]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cache_read: Option<String>,
    /// US dollars per million tokens written to a cache [default: as input]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cache_write: Option<String>,
    /// Only for this provider, as in routes [default: any]
    #[arg(long)]
    provider: Option<String>,
    /// Do not ask when a figure is a thousand times off the price list's
    #[arg(long)]
    force: bool,
}

pub(super) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Result<(), Failure> {
    let rate = |text: &String| rate(text);
    let price = UserPrice {
        provider: options.provider.clone(),
        model: options.model.trim().to_owned(),
        input: rate(&options.input)?,
        output: rate(&options.output)?,
        cache_read: options.cache_read.as_ref().map(rate).transpose()?,
        cache_write: options.cache_write.as_ref().map(rate).transpose()?,
        set_at: session.now,
    };
    if price.model.is_empty() {
        return Err(Failure::misused("the model's name is empty: give it as requests name it"));
    }
    let ledger = session.ledger()?;
    let provider = options.provider.as_deref().unwrap_or_default();
    let listed = PriceList::embedded().find(&PriceQuery {
        provider,
        model: &price.model,
        at: session.now,
        service_tier: None,
    });
    let slips = listed.map(|listed| price.slips(&listed.rates)).unwrap_or_default();
    if !slips.is_empty() && !options.force {
        confirm(&slips, out)?;
    }
    let unpriced = report::unpriced_models(&ledger, session.now)?.models;
    let of_it = |used: &&UnpricedView| {
        used.model == price.model && (provider.is_empty() || used.provider == provider)
    };
    let calls: i64 = unpriced.iter().filter(of_it).map(|used| used.calls).sum();
    ledger.set_price(price.clone(), session.now).wait()?;
    let whose = options.provider.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    out.line(format!(
        "Model '{}'{whose} costs ${} per million input tokens and ${} per million output tokens from now on.",
        price.model,
        usd(price.input),
        usd(price.output)
    ))?;
    if calls == 0 {
        return Ok(());
    }
    out.line(format!(
        "{} so far had no price; what was imported of it is booked by the next outlay import --all.",
        words::counted(calls.unsigned_abs(), "call", "calls")
    ))
}

fn rate(text: &str) -> Result<Rate, Failure> {
    let usd = Money::typed(text).map_err(Failure::misused)?;
    let rate = Rate { picodollars: usd.picodollars(), per: MILLION };
    if rate.picodollars < 0 {
        return Err(Failure::Misused(format!("'{text}' is negative: a price is zero or more")));
    }
    Ok(rate)
}

/// A figure that is a thousand times off the list's, in words.
fn words(slip: &Slip) -> String {
    let option = match slip.unit {
        Unit::Output => "--output",
        Unit::CacheRead => "--cache-read",
        Unit::CacheWrite => "--cache-write",
        _ => "--input",
    };
    format!("{option} is ${} per million, the list says ${}", usd(slip.given), usd(slip.listed))
}

/// Asks on a terminal; elsewhere says what would do without asking.
fn confirm(slips: &[Slip], out: &mut Out) -> Result<(), Failure> {
    let slips = slips.iter().map(words).collect::<Vec<_>>().join("; ");
    if !can_be_asked() {
        return Err(Failure::Misused(format!(
            "{slips}: figures are per million tokens; add --force if that is right"
        )));
    }
    match ask(&format!("{slips}. Figures are per million tokens. Set it?"), false, out)? {
        true => Ok(()),
        false => Err(Failure::failed("nothing was set")),
    }
}

fn usd(rate: Rate) -> Money {
    rate.amount(u64::from(MILLION))
}
