//! `outlay prices set`.

use outlay_core::money::{Money, Rate};
use outlay_core::price::{PriceList, PriceQuery, Rates, Unit, UserPrice};

use crate::ask::{ask, can_be_asked};
use crate::failure::Failure;
use crate::output::Out;
use crate::session::Session;

const MILLION: u32 = 1_000_000;
/// A figure this many times off the list's is more likely a slip than a price.
const FACTOR_MAX: i128 = 1_000;

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
    let slips = listed.map(|listed| slips(&price, &listed.rates)).unwrap_or_default();
    if !slips.is_empty() && !options.force {
        confirm(&slips, out)?;
    }
    ledger.set_price(price.clone(), session.now).wait()?;
    let whose = options.provider.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    out.line(format!(
        "Model '{}'{whose} costs ${} per million input tokens and ${} per million output tokens from now on.",
        price.model,
        usd(price.input),
        usd(price.output)
    ))
}

fn rate(text: &str) -> Result<Rate, Failure> {
    let rate = Rate::usd_per(text, MILLION).map_err(Failure::misused)?;
    if rate.picodollars < 0 {
        return Err(Failure::Misused(format!("'{text}' is negative: a price is zero or more")));
    }
    Ok(rate)
}

/// The figures that are a thousand times off the list's, each in words.
fn slips(price: &UserPrice, listed: &Rates) -> Vec<String> {
    let figures = [
        ("--input", Unit::Input, Some(price.input)),
        ("--output", Unit::Output, Some(price.output)),
        ("--cache-read", Unit::CacheRead, price.cache_read),
        ("--cache-write", Unit::CacheWrite, price.cache_write),
    ];
    figures
        .into_iter()
        .filter_map(|(option, unit, rate)| {
            let (rate, listed) = (rate?, listed.units.get(&unit)?.base);
            let given = i128::from(rate.picodollars) * i128::from(listed.per);
            let known = i128::from(listed.picodollars) * i128::from(rate.per);
            let is_off = known > 0 && (given >= known * FACTOR_MAX || given * FACTOR_MAX <= known);
            is_off.then(|| {
                format!("{option} is ${} per million, the list says ${}", usd(rate), usd(listed))
            })
        })
        .collect()
}

/// Asks on a terminal; elsewhere says what would do without asking.
fn confirm(slips: &[String], out: &mut Out) -> Result<(), Failure> {
    let slips = slips.join("; ");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found() {
        let listed = |unit, usd: &str| (unit, Rate::usd_per(usd, MILLION).unwrap().into());
        let listed = Rates {
            units: [
                listed(Unit::Input, "2.5"),
                listed(Unit::Output, "10"),
                listed(Unit::CacheRead, "0"),
            ]
            .into(),
            audio_ms_min: 0,
        };
        for (input, output, cache_read, expected) in [
            ("2.5", "10", None, &[][..]),
            ("2000", "9000", None, &[]),
            ("0.0026", "0.011", None, &[]),
            ("2500", "10", None, &["--input"]),
            ("0.0000025", "0.00001", None, &["--input", "--output"]),
            ("0", "10", None, &["--input"]),
            ("2.5", "10", Some("5"), &[]),
        ] {
            let price = UserPrice {
                provider: None,
                model: "m".to_owned(),
                input: rate(input).unwrap(),
                output: rate(output).unwrap(),
                cache_read: cache_read.map(|text| rate(text).unwrap()),
                cache_write: None,
                set_at: chrono::DateTime::UNIX_EPOCH,
            };
            let found = slips(&price, &listed);
            let options: Vec<&str> =
                found.iter().map(|slip| slip.split(' ').next().unwrap()).collect();
            assert_eq!(options, expected, "{input} {output}");
        }
        assert!(rate("-1").is_err());
    }
}
