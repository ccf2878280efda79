//! What a model charges: a rate per unit of usage, with the tiers a long prompt reaches.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::{MoneyError, Rate};

/// A kind of usage that a price list can put a rate on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Prompt tokens.
    Input,
    /// Generated tokens.
    Output,
    /// Prompt tokens read from a cache.
    CacheRead,
    /// Prompt tokens written to a cache, whatever its lifetime.
    CacheWrite,
    /// Prompt tokens written to a cache that lives 5 minutes.
    #[serde(rename = "cache_write_5m")]
    CacheWrite5m,
    /// Prompt tokens written to a cache that lives an hour.
    #[serde(rename = "cache_write_1h")]
    CacheWrite1h,
    /// Audio prompt tokens.
    InputAudio,
    /// Audio prompt tokens read from a cache.
    CacheAudioRead,
    /// Image prompt tokens.
    InputImage,
    /// Image prompt tokens read from a cache.
    CacheImageRead,
    /// Video prompt tokens.
    InputVideo,
    /// Generated audio tokens.
    OutputAudio,
    /// Generated image tokens.
    OutputImage,
    /// Generated video tokens.
    OutputVideo,
    /// Generated reasoning tokens.
    OutputReasoning,
    /// Citation tokens.
    OutputCitation,
    /// Audio by its length.
    AudioHours,
    /// Audio heard, by its length.
    InputAudioHours,
    /// Pages of documents read.
    Pages,
    /// Pages of documents read and annotated.
    AnnotatedPages,
    /// Characters of text spoken.
    Characters,
    /// Text messages in a voice session.
    TextMessages,
    /// Server-side web searches.
    WebSearches,
    /// Server-side searches in stored files.
    FileSearches,
    /// Requests: one a call.
    Requests,
}

/// The units a prompt token can be charged as, with those they fall back on.
pub(crate) const INPUT_UNITS: [Unit; 10] = [
    Unit::Input,
    Unit::CacheRead,
    Unit::CacheWrite,
    Unit::CacheWrite5m,
    Unit::CacheWrite1h,
    Unit::InputAudio,
    Unit::CacheAudioRead,
    Unit::InputImage,
    Unit::CacheImageRead,
    Unit::InputVideo,
];

/// The units a generated token can be charged as, with the one they fall back on.
pub(crate) const OUTPUT_UNITS: [Unit; 6] = [
    Unit::Output,
    Unit::OutputReasoning,
    Unit::OutputCitation,
    Unit::OutputAudio,
    Unit::OutputImage,
    Unit::OutputVideo,
];

const NAMES: [(Unit, &str); 25] = [
    (Unit::Input, "input"),
    (Unit::Output, "output"),
    (Unit::CacheRead, "cache_read"),
    (Unit::CacheWrite, "cache_write"),
    (Unit::CacheWrite5m, "cache_write_5m"),
    (Unit::CacheWrite1h, "cache_write_1h"),
    (Unit::InputAudio, "input_audio"),
    (Unit::CacheAudioRead, "cache_audio_read"),
    (Unit::InputImage, "input_image"),
    (Unit::CacheImageRead, "cache_image_read"),
    (Unit::InputVideo, "input_video"),
    (Unit::OutputAudio, "output_audio"),
    (Unit::OutputImage, "output_image"),
    (Unit::OutputVideo, "output_video"),
    (Unit::OutputReasoning, "output_reasoning"),
    (Unit::OutputCitation, "output_citation"),
    (Unit::AudioHours, "audio_hours"),
    (Unit::InputAudioHours, "input_audio_hours"),
    (Unit::Pages, "pages"),
    (Unit::AnnotatedPages, "annotated_pages"),
    (Unit::Characters, "characters"),
    (Unit::TextMessages, "text_messages"),
    (Unit::WebSearches, "web_searches"),
    (Unit::FileSearches, "file_searches"),
    (Unit::Requests, "requests"),
];

impl Unit {
    /// The name used in price lists and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(unit, _)| *unit == self).map_or("", |(_, name)| name)
    }

    fn of_name(name: &str) -> Option<Unit> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(unit, _)| *unit)
    }

    /// How many units (tokens, milliseconds, pages, calls) a listed price is for.
    #[must_use]
    pub fn per(self) -> u32 {
        match self {
            Unit::AudioHours | Unit::InputAudioHours => 3_600_000,
            Unit::Pages
            | Unit::AnnotatedPages
            | Unit::TextMessages
            | Unit::WebSearches
            | Unit::FileSearches
            | Unit::Requests => 1_000,
            _ => 1_000_000,
        }
    }

    /// Whether this counts tokens, which batch and flex discounts apply to.
    #[must_use]
    pub fn is_tokens(self) -> bool {
        INPUT_UNITS.contains(&self) || OUTPUT_UNITS.contains(&self)
    }

    /// Where to look for this unit's rate: its own, else that of the next wider unit.
    fn chain(self) -> &'static [Unit] {
        match self {
            Unit::CacheRead => &[Unit::CacheRead, Unit::Input],
            Unit::CacheWrite => &[Unit::CacheWrite, Unit::Input],
            Unit::CacheWrite5m => &[Unit::CacheWrite5m, Unit::CacheWrite, Unit::Input],
            Unit::CacheWrite1h => &[Unit::CacheWrite1h, Unit::CacheWrite, Unit::Input],
            Unit::InputAudio => &[Unit::InputAudio, Unit::Input],
            Unit::CacheAudioRead => {
                &[Unit::CacheAudioRead, Unit::CacheRead, Unit::InputAudio, Unit::Input]
            }
            Unit::InputImage => &[Unit::InputImage, Unit::Input],
            Unit::CacheImageRead => {
                &[Unit::CacheImageRead, Unit::CacheRead, Unit::InputImage, Unit::Input]
            }
            Unit::InputVideo => &[Unit::InputVideo, Unit::Input],
            Unit::OutputAudio => &[Unit::OutputAudio, Unit::Output],
            Unit::OutputImage => &[Unit::OutputImage, Unit::Output],
            Unit::OutputVideo => &[Unit::OutputVideo, Unit::Output],
            Unit::OutputReasoning => &[Unit::OutputReasoning, Unit::Output],
            Unit::OutputCitation => &[Unit::OutputCitation, Unit::Output],
            Unit::InputAudioHours => &[Unit::InputAudioHours, Unit::AudioHours],
            Unit::Input => &[Unit::Input],
            Unit::Output => &[Unit::Output],
            Unit::AudioHours => &[Unit::AudioHours],
            Unit::Pages => &[Unit::Pages],
            Unit::AnnotatedPages => &[Unit::AnnotatedPages, Unit::Pages],
            Unit::Characters => &[Unit::Characters],
            Unit::TextMessages => &[Unit::TextMessages],
            Unit::WebSearches => &[Unit::WebSearches],
            Unit::FileSearches => &[Unit::FileSearches],
            Unit::Requests => &[Unit::Requests],
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rate and the higher (or lower) ones that replace it when a turn's prompt is long.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TieredRate {
    /// The rate below the first tier.
    #[serde(flatten)]
    pub base: Rate,
    /// Ascending by `above`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
}

/// The rate of every token of a turn whose prompt has more than `above` tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tier {
    /// Prompt tokens; the tier starts with the next one.
    pub above: u64,
    /// The rate in this tier.
    #[serde(flatten)]
    pub rate: Rate,
}

impl TieredRate {
    /// The rate of a turn with this many prompt tokens.
    #[must_use]
    pub fn at(&self, turn_prompt_tokens: u64) -> Rate {
        self.tiers
            .iter()
            .rev()
            .find(|tier| turn_prompt_tokens > tier.above)
            .map_or(self.base, |tier| tier.rate)
    }

    /// Every rate that a turn with at most this many prompt tokens can meet.
    pub(crate) fn reachable(&self, turn_prompt_tokens_max: u64) -> impl Iterator<Item = Rate> + '_ {
        let tiers = self.tiers.iter().filter(move |tier| turn_prompt_tokens_max > tier.above);
        std::iter::once(self.base).chain(tiers.map(|tier| tier.rate))
    }

    fn scaled(&self, factor: Factor) -> Option<TieredRate> {
        let tiers = self
            .tiers
            .iter()
            .map(|tier| Some(Tier { above: tier.above, rate: factor.of(tier.rate)? }))
            .collect::<Option<_>>()?;
        Some(TieredRate { base: factor.of(self.base)?, tiers })
    }
}

impl From<Rate> for TieredRate {
    fn from(base: Rate) -> TieredRate {
        TieredRate { base, tiers: Vec::new() }
    }
}

/// A ratio of whole numbers, such as a discount of 1/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Factor {
    numerator: u32,
    denominator: u32,
}

impl Factor {
    /// From `7/4` or `2`.
    pub(crate) fn parse(text: &str) -> Option<Factor> {
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let denominator = denominator.parse().ok().filter(|denominator| *denominator > 0)?;
        Some(Factor { numerator: numerator.parse().ok()?, denominator })
    }

    fn of(self, rate: Rate) -> Option<Rate> {
        let product = rate.picodollars.checked_mul(i64::from(self.numerator))?;
        let denominator = i64::from(self.denominator);
        if product % denominator == 0 {
            return Some(Rate { picodollars: product / denominator, per: rate.per });
        }
        Some(Rate { picodollars: product, per: rate.per.checked_mul(self.denominator)? })
    }
}

/// Everything a model charges. Without any rate the model is free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rates {
    /// By unit; a unit that is absent is charged as the next wider one.
    pub units: BTreeMap<Unit, TieredRate>,
    /// Audio is billed as at least this long, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub audio_ms_min: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why a text of rates is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatesError {
    /// Not of the form `unit=price`.
    #[error("'{0}' is not a rate: write it like input=2.5 or input=2.5>200000:5")]
    Malformed(String),
    /// A unit that is not priced here.
    #[error("'{0}' is not a unit of usage that has a price")]
    UnknownUnit(String),
    /// The price itself.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Rates {
    /// From a price list's text: `input=3>200000:6 output=15`, in US dollars per million tokens,
    /// thousand calls or pages, or hour.
    ///
    /// # Errors
    /// Where a unit is unknown or a price is no exact amount of picodollars.
    pub fn parse(text: &str) -> Result<Rates, RatesError> {
        let mut units = BTreeMap::new();
        for part in text.split_ascii_whitespace() {
            let malformed = || RatesError::Malformed(part.to_owned());
            let (name, prices) = part.split_once('=').ok_or_else(malformed)?;
            let unit =
                Unit::of_name(name).ok_or_else(|| RatesError::UnknownUnit(name.to_owned()))?;
            let mut prices = prices.split('>');
            let base = Rate::usd_per(prices.next().unwrap_or_default(), unit.per())?;
            let mut tiers = Vec::new();
            for tier in prices {
                let (above, usd) = tier.split_once(':').ok_or_else(malformed)?;
                let above = above.parse().map_err(|_| malformed())?;
                tiers.push(Tier { above, rate: Rate::usd_per(usd, unit.per())? });
            }
            units.insert(unit, TieredRate { base, tiers });
        }
        Ok(Rates { units, audio_ms_min: 0 })
    }

    /// The rate that this unit is charged at: its own or the next wider unit's; `None` where
    /// nothing is charged for it.
    #[must_use]
    pub fn charged(&self, unit: Unit) -> Option<&TieredRate> {
        unit.chain().iter().find_map(|wider| self.units.get(wider))
    }

    /// The rates of those of these units that have one of their own.
    pub(crate) fn own(&self, units: &[Unit]) -> impl Iterator<Item = &TieredRate> {
        self.units.iter().filter(|(unit, _)| units.contains(unit)).map(|(_, rate)| rate)
    }

    /// Whether nothing at all is charged.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.units
            .values()
            .all(|rate| rate.base.is_free() && rate.tiers.iter().all(|tier| tier.rate.is_free()))
    }

    /// Whether tokens are what is charged, so that bounds in tokens bound the cost.
    #[must_use]
    pub fn is_by_tokens(&self) -> bool {
        self.is_free() || self.units.keys().any(|unit| unit.is_tokens())
    }

    /// These rates with those of `patch` in place of their own.
    pub(crate) fn patched(mut self, patch: &Rates) -> Rates {
        self.units.extend(patch.units.iter().map(|(unit, rate)| (*unit, rate.clone())));
        self
    }

    /// These rates, and those of `defaults` for units that have none.
    pub(crate) fn filled(mut self, defaults: &Rates) -> Rates {
        for (unit, rate) in &defaults.units {
            self.units.entry(*unit).or_insert_with(|| rate.clone());
        }
        self
    }

    /// These rates without their tiers.
    pub(crate) fn flat(mut self) -> Rates {
        self.units.values_mut().for_each(|rate| rate.tiers.clear());
        self
    }

    /// Every token rate times `factor`; what is billed by call, page or hour stays.
    pub(crate) fn scaled(mut self, factor: Factor) -> Rates {
        for (unit, rate) in &mut self.units {
            if let Some(scaled) = unit.is_tokens().then(|| rate.scaled(factor)).flatten() {
                *rate = scaled;
            }
        }
        self
    }

    /// A rate for `unit` of `factor` times that of `base`, where `unit` has none of its own.
    pub(crate) fn derived(mut self, unit: Unit, factor: Factor, base: Unit) -> Rates {
        let derived = self.units.get(&base).and_then(|rate| rate.scaled(factor));
        if let Some(derived) = derived {
            self.units.entry(unit).or_insert(derived);
        }
        self
    }
}

/// From `cache_write_1h=2*input`.
pub(crate) fn parse_derivation(text: &str) -> Option<(Unit, Factor, Unit)> {
    let (unit, formula) = text.split_once('=')?;
    let (factor, base) = formula.split_once('*')?;
    Some((Unit::of_name(unit)?, Factor::parse(factor)?, Unit::of_name(base)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_rates() {
        let rates = Rates::parse("input=3>200000:6 output=15 requests=12").unwrap();
        let usd = |text: &str, per| Rate::usd_per(text, per).unwrap();
        let input = &rates.units[&Unit::Input];
        assert_eq!(input.base, usd("3", 1_000_000));
        assert_eq!(input.tiers, [Tier { above: 200_000, rate: usd("6", 1_000_000) }]);
        assert_eq!(rates.units[&Unit::Requests].base, usd("12", 1_000));
        for (text, part) in [
            ("input", "is not a rate"),
            ("input=", "not an amount"),
            ("input=1>x:2", "is not a rate"),
            ("inputs=1", "not a unit"),
            ("input=0.0000000000001", "more than 12 decimals"),
        ] {
            let error = Rates::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_tier_starts_above_its_threshold() {
        let rates = Rates::parse("input=1>128000:2>256000:4").unwrap();
        for (prompt, usd) in
            [(0, "1"), (128_000, "1"), (128_001, "2"), (256_000, "2"), (256_001, "4")]
        {
            let rate = rates.units[&Unit::Input].at(prompt);
            assert_eq!(rate, Rate::usd_per(usd, 1_000_000).unwrap(), "{prompt}");
        }
    }

    #[test]
    fn units_without_a_rate_are_charged_as_the_next_wider() {
        let rates = Rates::parse("input=1 cache_read=2 cache_write=3 input_image=4").unwrap();
        for (unit, wider) in [
            (Unit::CacheWrite5m, Some(Unit::CacheWrite)),
            (Unit::CacheWrite1h, Some(Unit::CacheWrite)),
            (Unit::CacheAudioRead, Some(Unit::CacheRead)),
            (Unit::InputAudio, Some(Unit::Input)),
            (Unit::InputImage, Some(Unit::InputImage)),
            (Unit::Output, None),
            (Unit::OutputReasoning, None),
            (Unit::WebSearches, None),
        ] {
            assert_eq!(rates.charged(unit), wider.map(|wider| &rates.units[&wider]), "{unit}");
        }
    }

    #[test]
    fn factors_are_exact() {
        let rates = Rates::parse("input=0.000001>200000:0.5 web_searches=10").unwrap();
        let third = rates.clone().scaled(Factor::parse("1/3").unwrap());
        assert_eq!(third.units[&Unit::Input].base, Rate { picodollars: 1_000_000, per: 3_000_000 });
        assert_eq!(third.units[&Unit::WebSearches], rates.units[&Unit::WebSearches]);
        let (unit, factor, base) = parse_derivation("cache_write_1h=2*input").unwrap();
        let derived = rates.derived(unit, factor, base);
        assert_eq!(derived.units[&Unit::CacheWrite1h].tiers[0].rate.picodollars, 1_000_000_000_000);
    }

    #[test]
    fn rates_survive_json() {
        let rates = Rates::parse("input=3>200000:6 cache_write_1h=1").unwrap();
        let json = serde_json::to_string(&rates).unwrap();
        assert_eq!(serde_json::from_str::<Rates>(&json).unwrap(), rates);
        assert!(json.contains(r#""cache_write_1h":{"picodollars":1000000000000,"per":1000000}"#));
    }
}
