//! What usage costs at a price, and the most that a call can cost.
//!
//! Every billed unit is charged once, at its own rate or, where the price has none, at that of the
//! next wider unit (a one-hour cache write as a cache write, that as input). Each line is rounded
//! once, half to even, to a picodollar.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::money::{Money, Rate};
use crate::price::{INPUT_UNITS, OUTPUT_UNITS, Price, PriceList, PriceOrigin, PriceQuery, Unit};
use crate::usage::Usage;

/// How a cost came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The provider said it.
    Stated,
    /// Usage that the provider reported, times a price.
    Priced,
    /// Usage that we estimated, times a price.
    Estimated,
    /// Not known.
    Unpriced,
}

/// A text that names no [`Basis`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a basis of a cost: it is one of stated, priced, estimated, unpriced")]
pub struct UnknownBasis(String);

impl Basis {
    /// As text, also its JSON form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Stated => "stated",
            Basis::Priced => "priced",
            Basis::Estimated => "estimated",
            Basis::Unpriced => "unpriced",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Basis {
    type Err = UnknownBasis;

    fn from_str(text: &str) -> Result<Basis, UnknownBasis> {
        [Basis::Stated, Basis::Priced, Basis::Estimated, Basis::Unpriced]
            .into_iter()
            .find(|basis| basis.as_str() == text)
            .ok_or_else(|| UnknownBasis(text.to_owned()))
    }
}

/// What the meter read off one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// What the served model consumed; `None` where the answer does not say.
    pub usage: Option<Usage>,
    /// Parts that other models consumed, each billed at its own model's price.
    pub other_models: Vec<(String, Usage)>,
    /// Prompt tokens of the longest single turn, where the call looped over server-side tools and
    /// `usage` sums several turns; `None`: one turn.
    pub turn_prompt_tokens: Option<u64>,
    /// The model that served the call, as the answer names it.
    pub model: Option<String>,
    /// The service tier that served the call, in the provider's word.
    pub service_tier: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// What the provider says the call costs.
    pub stated_cost: Option<Money>,
}

/// One bucket of usage with what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct CostLine {
    /// The usage's name for it (`cache_read_tokens`), or `requests`.
    pub bucket: &'static str,
    /// Tokens, searches, pages, milliseconds or requests, as billed.
    pub units: u64,
    /// The rate that applied. JSON: `{"usd": "2.50", "per": 1000000}`.
    #[serde(serialize_with = "in_dollars")]
    #[cfg_attr(feature = "types", ts(type = "{ usd: string; per: number }"))]
    pub rate: Rate,
    /// What the line costs, rounded to a picodollar.
    pub amount: Money,
}

fn in_dollars<S: serde::Serializer>(rate: &Rate, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct InDollars {
        usd: Money,
        per: u32,
    }
    let usd = Money::from_picodollars(rate.picodollars);
    InDollars { usd, per: rate.per }.serialize(serializer)
}

/// What each bucket of `usage` costs. Buckets without units or without a rate have no line.
///
/// `turn_prompt_tokens` is the prompt of the call's longest single turn: it chooses the tier.
#[must_use]
pub fn lines(usage: &Usage, turn_prompt_tokens: u64, price: &Price) -> Vec<CostLine> {
    each_line(usage, turn_prompt_tokens, price).collect()
}

/// What `usage` costs: the sum of its [`lines`], held at [`Money::MAX`].
#[must_use]
pub fn total(usage: &Usage, turn_prompt_tokens: u64, price: &Price) -> Money {
    let amounts = each_line(usage, turn_prompt_tokens, price).map(|line| line.amount);
    amounts.fold(Money::ZERO, Money::saturating_add)
}

fn each_line(
    usage: &Usage,
    turn_prompt_tokens: u64,
    price: &Price,
) -> impl Iterator<Item = CostLine> {
    let billed = billed_units(usage, price).into_iter().filter(|(_, _, units)| *units > 0);
    billed.filter_map(move |(bucket, unit, units)| {
        let rate = price.rates.charged(unit)?.at(turn_prompt_tokens);
        Some(CostLine { bucket, units, rate, amount: rate.amount(units) })
    })
}

fn billed_units(usage: &Usage, price: &Price) -> [(&'static str, Unit, u64); 20] {
    let has_reasoning_rate = price.rates.units.contains_key(&Unit::OutputReasoning);
    let reasoning = usage.reasoning_tokens.filter(|_| has_reasoning_rate).unwrap_or(0);
    let reasoning = reasoning.min(usage.output_tokens);
    let audio_ms = match usage.audio_ms {
        0 => 0,
        heard => heard.max(price.rates.audio_ms_min),
    };
    [
        ("input_tokens", Unit::Input, usage.input_tokens),
        ("cache_read_tokens", Unit::CacheRead, usage.cache_read_tokens),
        ("cache_write_5m_tokens", Unit::CacheWrite5m, usage.cache_write_5m_tokens),
        ("cache_write_1h_tokens", Unit::CacheWrite1h, usage.cache_write_1h_tokens),
        ("audio_input_tokens", Unit::InputAudio, usage.audio_input_tokens),
        ("audio_cache_read_tokens", Unit::CacheAudioRead, usage.audio_cache_read_tokens),
        ("image_input_tokens", Unit::InputImage, usage.image_input_tokens),
        ("image_cache_read_tokens", Unit::CacheImageRead, usage.image_cache_read_tokens),
        ("video_input_tokens", Unit::InputVideo, usage.video_input_tokens),
        ("output_tokens", Unit::Output, usage.output_tokens - reasoning),
        ("reasoning_tokens", Unit::OutputReasoning, reasoning),
        ("citation_tokens", Unit::OutputCitation, usage.citation_tokens),
        ("audio_output_tokens", Unit::OutputAudio, usage.audio_output_tokens),
        ("image_output_tokens", Unit::OutputImage, usage.image_output_tokens),
        ("video_output_tokens", Unit::OutputVideo, usage.video_output_tokens),
        ("audio_ms", Unit::InputAudioHours, audio_ms),
        ("pages", Unit::Pages, usage.pages),
        ("web_searches", Unit::WebSearches, usage.web_searches),
        ("file_searches", Unit::FileSearches, usage.file_searches),
        ("requests", Unit::Requests, 1),
    ]
}

/// The most that a call of one turn can cost: all of its prompt at the dearest rate a prompt token
/// can have, all of its answer at the dearest of an answer, in the dearest tier it can reach.
///
/// Bounds what tokens and the request itself cost; not what server-side tools, pages or hours do.
#[must_use]
pub fn ceiling(price: &Price, input_tokens_max: u64, output_tokens_max: u64) -> Money {
    input_ceiling(price, input_tokens_max).saturating_add(output_ceiling(
        price,
        input_tokens_max,
        output_tokens_max,
    ))
}

/// The longest answer whose [`ceiling`] is within `money`: `None` where not even the prompt is.
#[must_use]
pub fn output_tokens_affordable(price: &Price, input_tokens_max: u64, money: Money) -> Option<u64> {
    let left = money.checked_sub(input_ceiling(price, input_tokens_max))?;
    if left < Money::ZERO {
        return None;
    }
    let Some(Dearest { rate, rounding_slack }) = dearest(price, &OUTPUT_UNITS, input_tokens_max)
    else {
        return Some(u64::MAX);
    };
    let left = left.saturating_sub(rounding_slack);
    if left < Money::ZERO {
        return Some(0);
    }
    Some(rate.units_affordable(left).unwrap_or(u64::MAX))
}

fn input_ceiling(price: &Price, input_tokens_max: u64) -> Money {
    let request = price.rates.charged(Unit::Requests).map_or(Money::ZERO, |rate| {
        rate.reachable(input_tokens_max)
            .map(|rate| rate.amount_ceiling(1))
            .max()
            .unwrap_or(Money::ZERO)
    });
    request.saturating_add(tokens_ceiling(price, &INPUT_UNITS, input_tokens_max, input_tokens_max))
}

fn output_ceiling(price: &Price, input_tokens_max: u64, output_tokens_max: u64) -> Money {
    tokens_ceiling(price, &OUTPUT_UNITS, input_tokens_max, output_tokens_max)
}

fn tokens_ceiling(price: &Price, units: &[Unit], input_tokens_max: u64, tokens_max: u64) -> Money {
    match dearest(price, units, input_tokens_max) {
        Some(Dearest { rate, rounding_slack }) if tokens_max > 0 => {
            rate.amount_ceiling(tokens_max).saturating_add(rounding_slack)
        }
        _ => Money::ZERO,
    }
}

/// The dearest rate of some units.
struct Dearest {
    rate: Rate,
    /// What rounding each line on its own can add over rounding their sum: half a picodollar a line,
    /// and nothing where every rate is whole picodollars per token.
    rounding_slack: Money,
}

/// The dearest rate of these units in any tier that such a prompt can reach; `None` where all are
/// free.
fn dearest(price: &Price, units: &[Unit], input_tokens_max: u64) -> Option<Dearest> {
    let mut dearest: Option<Rate> = None;
    let mut is_whole = true;
    for rate in price.rates.own(units).flat_map(|rate| rate.reachable(input_tokens_max)) {
        is_whole &= rate.picodollars % i64::from(rate.per) == 0;
        if rate.picodollars > 0 && dearest.is_none_or(|dearest| is_dearer(rate, dearest)) {
            dearest = Some(rate);
        }
    }
    let slack = if is_whole { 0 } else { i64::try_from(units.len()).unwrap_or(i64::MAX) };
    dearest.map(|rate| Dearest { rate, rounding_slack: Money::from_picodollars(slack) })
}

fn is_dearer(one: Rate, other: Rate) -> bool {
    let cross = |one: Rate, other: Rate| i128::from(one.picodollars) * i128::from(other.per);
    cross(one, other) > cross(other, one)
}

/// What a call cost, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Everything consumed, all models together; `None` where the answer does not say.
    pub usage: Option<Usage>,
    /// What counts; `None` where not known.
    pub cost: Option<Money>,
    /// What the provider said.
    pub cost_stated: Option<Money>,
    /// Where `cost` comes from.
    pub basis: Basis,
    /// The price of the served model, also where the provider's word outranked it.
    pub price: Option<Arc<Price>>,
    /// The service tier that served the call.
    pub service_tier: Option<String>,
}

/// What a call cost: what the provider says, else the usage it reported at the price of the model
/// and the service tier that served it.
///
/// A cost is known whole or not at all: where one part's price is unknown, so is the cost.
#[must_use]
pub fn bill(
    list: &PriceList,
    provider: &str,
    model_requested: &str,
    metered: &Metered,
    at: DateTime<Utc>,
) -> Bill {
    let service_tier = metered.service_tier.as_deref();
    let find = |model: &str| list.find(&PriceQuery { provider, model, at, service_tier });
    let price = main_price(&find, metered.model.as_deref(), model_requested);
    let priced = price.as_ref().and_then(|price| priced(metered, price, find));
    let (cost, basis) = match (metered.stated_cost, priced) {
        (Some(stated), _) => (Some(stated), Basis::Stated),
        (None, Some(cost)) => (Some(cost), Basis::Priced),
        (None, None) => (None, Basis::Unpriced),
    };
    Bill {
        usage: usage_of_all(metered),
        cost,
        cost_stated: metered.stated_cost,
        basis,
        price,
        service_tier: metered.service_tier.clone(),
    }
}

/// The served model's price, except where the user priced the name they asked for: that is their
/// word on it. The name asked for is also used where the served one is not known.
fn main_price(
    find: &impl Fn(&str) -> Option<Arc<Price>>,
    served: Option<&str>,
    requested: &str,
) -> Option<Arc<Price>> {
    let served = served.filter(|served| !served.is_empty() && *served != requested);
    let Some(served_price) = served.and_then(find) else {
        return find(requested);
    };
    if served_price.origin == PriceOrigin::User {
        return Some(served_price);
    }
    let requested = find(requested).filter(|price| price.origin == PriceOrigin::User);
    Some(requested.unwrap_or(served_price))
}

fn priced(
    metered: &Metered,
    price: &Price,
    find: impl Fn(&str) -> Option<Arc<Price>>,
) -> Option<Money> {
    let usage = metered.usage.as_ref()?;
    let turn = metered.turn_prompt_tokens.unwrap_or_else(|| usage.prompt_tokens());
    let mut cost = priced_part(usage, turn, price)?;
    for (model, usage) in &metered.other_models {
        let price = find(model)?;
        let part = priced_part(usage, usage.prompt_tokens(), &price)?;
        cost = cost.checked_add(part)?;
    }
    Some(cost)
}

/// What a call of one turn and one model costs; `None` where the price does not tell.
pub(crate) fn of_usage(usage: &Usage, price: &Price) -> Option<Money> {
    priced_part(usage, usage.prompt_tokens(), price)
}

/// `None` where something was consumed and the price has no rate for any of it (tokens of a model
/// that is sold by the hour): that is not known to be free.
fn priced_part(usage: &Usage, turn_prompt_tokens: u64, price: &Price) -> Option<Money> {
    let is_covered = price.rates.units.is_empty()
        || (Usage { reasoning_tokens: None, ..*usage }) == Usage::default()
        || each_line(usage, turn_prompt_tokens, price).next().is_some();
    is_covered.then(|| total(usage, turn_prompt_tokens, price))
}

fn usage_of_all(metered: &Metered) -> Option<Usage> {
    let main = metered.usage?;
    Some(metered.other_models.iter().fold(main, |sum, (_, usage)| sum_of(&sum, usage)))
}

fn sum_of(one: &Usage, other: &Usage) -> Usage {
    let reasoning_tokens = match (one.reasoning_tokens, other.reasoning_tokens) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    macro_rules! sum {
        ($($field:ident),* $(,)?) => {
            Usage { reasoning_tokens, $($field: one.$field.saturating_add(other.$field)),* }
        };
    }
    sum!(
        input_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        cache_write_1h_tokens,
        output_tokens,
        audio_input_tokens,
        audio_cache_read_tokens,
        image_input_tokens,
        image_cache_read_tokens,
        video_input_tokens,
        audio_output_tokens,
        image_output_tokens,
        video_output_tokens,
        audio_ms,
        pages,
        citation_tokens,
        web_searches,
        file_searches,
        other_tool_calls,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::price::{Rates, UserPrice};

    fn price(rates: &str) -> Price {
        Price::new("p", "m", PriceOrigin::List, Rates::parse(rates).unwrap())
    }

    fn usage(json: &str) -> Usage {
        serde_json::from_str(json).unwrap()
    }

    fn assert_totals(rows: &[(&str, &str, u64, &str)]) {
        for (rates, usage_json, turn, expected) in rows {
            let total = total(&usage(usage_json), *turn, &price(rates));
            assert_eq!(total.to_string(), *expected, "{rates} {usage_json}");
        }
    }

    #[test]
    fn each_bucket_is_charged_once() {
        assert_totals(&[
            // One bucket each, in dollars per million: a token is a microdollar times the rate.
            ("input=3 output=15", r#"{"input_tokens":10,"output_tokens":20}"#, 10, "0.00033"),
            ("input=3", r#"{"input_tokens":10,"output_tokens":20}"#, 10, "0.00003"),
            // The bucket's own rate, else that of the next wider one.
            ("input=3 cache_read=0.3", r#"{"cache_read_tokens":100}"#, 100, "0.00003"),
            ("input=3", r#"{"cache_read_tokens":100}"#, 100, "0.0003"),
            ("input=3 cache_write=3.75", r#"{"cache_write_5m_tokens":100}"#, 100, "0.000375"),
            ("input=3 cache_write=3.75", r#"{"cache_write_1h_tokens":100}"#, 100, "0.000375"),
            (
                "input=3 cache_write=3.75 cache_write_1h=6",
                r#"{"cache_write_1h_tokens":100}"#,
                100,
                "0.0006",
            ),
            ("input=1 input_audio=40", r#"{"audio_input_tokens":10}"#, 10, "0.0004"),
            ("input=1", r#"{"audio_input_tokens":10}"#, 10, "0.00001"),
            (
                "input=1 cache_read=0.5 input_audio=40",
                r#"{"audio_cache_read_tokens":10}"#,
                10,
                "0.000005",
            ),
            ("output=1 output_image=30", r#"{"image_output_tokens":10}"#, 0, "0.0003"),
            // Reasoning is part of the output, unless it has a rate.
            ("output=8", r#"{"output_tokens":10,"reasoning_tokens":4}"#, 0, "0.00008"),
            (
                "output=8 output_reasoning=3",
                r#"{"output_tokens":10,"reasoning_tokens":4}"#,
                0,
                "0.00006",
            ),
            (
                "output=8 output_reasoning=3",
                r#"{"output_tokens":10,"reasoning_tokens":40}"#,
                0,
                "0.00003",
            ),
            ("output=8 output_citation=2", r#"{"citation_tokens":10}"#, 0, "0.00002"),
        ]);
    }

    #[test]
    fn a_tier_starts_above_its_threshold_and_reprices_the_whole_call() {
        assert_totals(&[
            (
                "input=1>200:2 output=4>200:6",
                r#"{"input_tokens":200,"output_tokens":10}"#,
                200,
                "0.00024",
            ),
            (
                "input=1>200:2 output=4>200:6",
                r#"{"input_tokens":201,"output_tokens":10}"#,
                201,
                "0.000462",
            ),
            (
                "input=1>200:2 output=4>200:6",
                r#"{"input_tokens":600,"output_tokens":10}"#,
                150,
                "0.00064",
            ),
        ]);
    }

    #[test]
    fn what_is_not_tokens_is_charged_too() {
        assert_totals(&[
            ("input=1 requests=12", r#"{"input_tokens":10}"#, 10, "0.01201"),
            (
                "web_searches=10 file_searches=2.5",
                r#"{"web_searches":3,"file_searches":2}"#,
                0,
                "0.035",
            ),
            ("audio_hours=0.36", r#"{"audio_ms":90500}"#, 0, "0.00905"),
            ("audio_hours=9 input_audio_hours=0.36", r#"{"audio_ms":10000}"#, 0, "0.001"),
            ("pages=4", r#"{"pages":3}"#, 0, "0.012"),
            ("", r#"{"input_tokens":1000,"output_tokens":1000,"web_searches":1}"#, 1000, "0.00"),
        ]);
    }

    #[test]
    fn lines_name_bucket_units_rate_and_amount() {
        let price = price("input=3 cache_read=0.3 output=15");
        let usage = usage(r#"{"input_tokens":7,"cache_read_tokens":2,"image_input_tokens":1}"#);
        let lines = serde_json::to_value(lines(&usage, 10, &price)).unwrap();
        let rate = |usd: &str| serde_json::json!({"usd": usd, "per": 1_000_000});
        assert_eq!(
            lines,
            serde_json::json!([
                {"bucket": "input_tokens", "units": 7, "rate": rate("3.00"), "amount": "0.000021"},
                {"bucket": "cache_read_tokens", "units": 2, "rate": rate("0.30"), "amount": "0.0000006"},
                {"bucket": "image_input_tokens", "units": 1, "rate": rate("3.00"), "amount": "0.000003"},
            ])
        );
    }

    #[test]
    fn audio_has_a_least_length() {
        let mut price = price("audio_hours=0.36");
        price.rates.audio_ms_min = 10_000;
        for (audio_ms, expected) in
            [(0, "0.00"), (1, "0.001"), (10_000, "0.001"), (20_000, "0.002")]
        {
            let usage = Usage { audio_ms, ..Usage::default() };
            assert_eq!(total(&usage, 0, &price).to_string(), expected);
        }
    }

    #[test]
    fn ceilings() {
        for (rates, input_max, output_max, expected) in [
            ("input=3 output=15", 1_000, 100, "0.0045"),
            ("input=3 cache_write=3.75 cache_write_1h=6 output=15", 1_000, 100, "0.0075"),
            ("input=3>200:6 output=15>200:22.5", 200, 100, "0.0021"),
            ("input=3>200:6 output=15>200:22.5", 201, 100, "0.003456"),
            ("input=3>200:1 output=15", 300, 0, "0.0009"),
            ("input=1 output=1 requests=5", 0, 0, "0.005"),
            ("input=1", 10, 1_000, "0.00001"),
            ("", 1_000_000, 1_000_000, "0.00"),
        ] {
            assert_eq!(
                ceiling(&price(rates), input_max, output_max).to_string(),
                expected,
                "{rates}"
            );
        }
    }

    #[test]
    fn affordable_output() {
        for (rates, input_max, money, expected) in [
            ("input=1 output=2", 10, "0.00003", Some(10)),
            ("input=1 output=2", 10, "0.000031", Some(10)),
            ("input=1 output=2", 10, "0.00001", Some(0)),
            ("input=1 output=2", 10, "0.000009", None),
            ("input=1 output=2", 10, "-1", None),
            ("input=1", 10, "0.00001", Some(u64::MAX)),
            ("", 10, "0", Some(u64::MAX)),
        ] {
            let money = money.parse().unwrap();
            assert_eq!(
                output_tokens_affordable(&price(rates), input_max, money),
                expected,
                "{rates} {money}"
            );
        }
    }

    fn metered(json: &str) -> Metered {
        Metered { usage: Some(usage(json)), ..Metered::default() }
    }

    const NOW: &str = "2026-11-18T12:00:00Z";
    const THOUSAND: &str = r#"{"input_tokens":1000}"#;

    fn bill_at_openai(requested: &str, metered: &Metered) -> Bill {
        let rate = Rate::usd_per("1", 1_000_000).unwrap();
        let list = PriceList::with_user_prices(vec![UserPrice {
            provider: None,
            model: "my-alias".to_owned(),
            input: rate,
            output: rate,
            cache_read: None,
            cache_write: None,
            set_at: NOW.parse().unwrap(),
        }]);
        bill(&list, "openai", requested, metered, NOW.parse().unwrap())
    }

    #[test]
    fn the_served_model_and_tier_are_billed() {
        for (requested, served, tier, expected) in [
            ("gpt-4.1", None, None, Some("0.002")),
            ("gpt-4.1", Some("gpt-4.1-mini-2025-04-14"), None, Some("0.0004")),
            ("gpt-4.1", Some("prod-7"), None, Some("0.002")),
            ("gpt-4.1", Some(""), None, Some("0.002")),
            ("gpt-4.1", Some("my-alias"), None, Some("0.001")),
            ("my-alias", Some("gpt-4.1"), None, Some("0.001")),
            ("gpt-5", None, Some("flex"), Some("0.000625")),
            ("prod-7", None, None, None),
            // Sold by the hour: a price for tokens is not known.
            ("whisper-1", None, None, None),
        ] {
            let metered = Metered {
                model: served.map(str::to_owned),
                service_tier: tier.map(str::to_owned),
                ..metered(THOUSAND)
            };
            let bill = bill_at_openai(requested, &metered);
            assert_eq!(
                bill.cost.map(|cost| cost.to_string()).as_deref(),
                expected,
                "{requested} {served:?}"
            );
            let basis = if expected.is_some() { Basis::Priced } else { Basis::Unpriced };
            assert_eq!(bill.basis, basis, "{requested}");
        }
    }

    #[test]
    fn parts_are_billed_at_their_own_models_price() {
        for (model, expected) in [("gpt-4.1-mini", Some("0.0036")), ("prod-7", None)] {
            let advisor = usage(r#"{"output_tokens":1000}"#);
            let metered =
                Metered { other_models: vec![(model.to_owned(), advisor)], ..metered(THOUSAND) };
            let bill = bill_at_openai("gpt-4.1", &metered);
            assert_eq!(bill.cost.map(|cost| cost.to_string()).as_deref(), expected, "{model}");
        }
    }

    #[test]
    fn a_stated_cost_outranks_ours() {
        let stated = Some(Money::from_picodollars(7));
        for (model, usage) in [("gpt-4.1", Some(usage(THOUSAND))), ("prod-7", None)] {
            let metered = Metered { stated_cost: stated, usage, ..Metered::default() };
            let bill = bill_at_openai(model, &metered);
            assert_eq!((bill.cost, bill.cost_stated, bill.basis), (stated, stated, Basis::Stated));
            assert_eq!((bill.usage, bill.price.is_some()), (usage, model == "gpt-4.1"));
        }
    }

    #[test]
    fn no_usage_is_not_free_and_a_local_model_is() {
        let bill = bill_at_openai("gpt-4.1", &Metered::default());
        assert_eq!((bill.usage, bill.cost, bill.basis), (None, None, Basis::Unpriced));
        let list = PriceList::embedded();
        let at = NOW.parse().unwrap();
        let bill = super::bill(list, "ollama", "qwen3:8b", &metered(THOUSAND), at);
        assert_eq!((bill.cost, bill.basis), (Some(Money::ZERO), Basis::Priced));
    }

    #[test]
    fn an_explicit_zero_is_a_zero() {
        let bill = bill_at_openai("gpt-4.1", &metered(r#"{"reasoning_tokens":0}"#));
        assert_eq!((bill.cost, bill.basis), (Some(Money::ZERO), Basis::Priced));
    }

    #[test]
    fn a_bill_sums_the_usage_of_all_models() {
        let mut answer = metered(r#"{"input_tokens":1,"output_tokens":2,"reasoning_tokens":1}"#);
        answer
            .other_models
            .push(("m".to_owned(), usage(r#"{"output_tokens":5,"web_searches":1}"#)));
        let sum = usage_of_all(&answer).unwrap();
        let expected =
            r#"{"input_tokens":1,"output_tokens":7,"reasoning_tokens":1,"web_searches":1}"#;
        assert_eq!(sum, usage(expected));
    }

    #[test]
    fn a_loop_over_server_tools_is_priced_by_its_longest_turn() {
        let at = "2026-01-10T12:00:00Z".parse().unwrap();
        let mut answer = metered(r#"{"input_tokens":950000}"#);
        answer.turn_prompt_tokens = Some(120_000);
        let bill = bill(PriceList::embedded(), "anthropic", "claude-sonnet-4-5", &answer, at);
        assert_eq!(bill.cost.unwrap().to_string(), "2.85");
    }

    #[test]
    fn texts_of_bases() {
        for basis in [Basis::Stated, Basis::Priced, Basis::Estimated, Basis::Unpriced] {
            assert_eq!(basis.as_str().parse(), Ok(basis));
            assert_eq!(serde_json::to_value(basis).unwrap(), basis.as_str());
        }
        assert!("free".parse::<Basis>().unwrap_err().to_string().contains("'free'"));
    }

    /// Some rates, of which some are no whole picodollars per token, and tiers that go either way.
    fn any_price() -> impl Strategy<Value = Price> {
        let rate = (0_u32..2_000_000, 0_u32..1_000_000)
            .prop_map(|(whole, fraction)| format!("{whole}.{fraction:06}{:06}", fraction / 7));
        let tiered =
            (rate.clone(), proptest::option::of((1_u64..2_000, rate))).prop_map(|(base, tier)| {
                match tier {
                    Some((above, rate)) => format!("{base}>{above}:{rate}"),
                    None => base,
                }
            });
        let units: Vec<&str> = INPUT_UNITS
            .iter()
            .chain(&OUTPUT_UNITS)
            .chain(&[Unit::Requests])
            .map(|unit| unit.as_str())
            .collect();
        proptest::collection::vec((proptest::sample::select(units), tiered), 0..12).prop_map(
            |rates| {
                let texts: Vec<_> =
                    rates.iter().map(|(unit, rate)| format!("{unit}={rate}")).collect();
                price(&texts.join(" "))
            },
        )
    }

    fn any_usage() -> impl Strategy<Value = Usage> {
        proptest::array::uniform14(0_u64..400).prop_map(|tokens| Usage {
            input_tokens: tokens[0],
            cache_read_tokens: tokens[1],
            cache_write_5m_tokens: tokens[2],
            cache_write_1h_tokens: tokens[3],
            output_tokens: tokens[4],
            reasoning_tokens: Some(tokens[5]),
            audio_input_tokens: tokens[6],
            audio_cache_read_tokens: tokens[7],
            image_input_tokens: tokens[8],
            image_cache_read_tokens: tokens[9],
            video_input_tokens: tokens[10],
            audio_output_tokens: tokens[11],
            image_output_tokens: tokens[12],
            video_output_tokens: tokens[13],
            ..Usage::default()
        })
    }

    proptest! {
        #[test]
        fn nothing_costs_more_than_its_ceiling(
            price in any_price(), usage in any_usage(), more in 0_u64..1_000, turn in 0_u64..=100
        ) {
            let prompt = usage.prompt_tokens();
            let turn = prompt * turn / 100;
            let most = ceiling(&price, prompt + more, usage.completion_tokens() + more);
            prop_assert!(total(&usage, turn, &price) <= most);
        }

        #[test]
        fn the_total_is_the_sum_of_the_lines(price in any_price(), usage in any_usage()) {
            let turn = usage.prompt_tokens();
            let sum: i64 = lines(&usage, turn, &price).iter().map(|line| line.amount.picodollars()).sum();
            prop_assert_eq!(total(&usage, turn, &price).picodollars(), sum);
        }

        #[test]
        fn the_affordable_output_is_the_longest(
            price in any_price(), input in 0_u64..3_000, money in 0_i64..9_000_000_000_000_000
        ) {
            let money = Money::from_picodollars(money);
            match output_tokens_affordable(&price, input, money) {
                None => prop_assert!(ceiling(&price, input, 0) > money),
                Some(u64::MAX) => prop_assert!(ceiling(&price, input, u64::MAX) <= money),
                Some(output) => {
                    prop_assert!(ceiling(&price, input, output) <= money);
                    prop_assert!(ceiling(&price, input, output + 1) > money);
                }
            }
        }

        #[test]
        fn a_price_survives_json(price in any_price()) {
            let json = serde_json::to_string(&price).unwrap();
            prop_assert_eq!(serde_json::from_str::<Price>(&json).unwrap(), price);
        }
    }
}
