//! What `prices/override.json` says over the generated list: corrections, gaps filled, the
//! longest answers models give.

use std::sync::OnceLock;

use chrono::Weekday;
use serde::Deserialize;

use super::clause::fits;
use super::condition::{Condition, parse_date, parse_hours};
use super::moment::Moment;
use super::rates::{Factor, Rates, Unit, parse_derivation};

static FILE: &str = include_str!("../../prices/override.json");

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overrides {
    #[serde(rename = "about")]
    _about: Vec<String>,
    free_providers: Vec<String>,
    aliases: Vec<Alias>,
    prices: Vec<Patch>,
    output_max: Vec<OutputMax>,
}

/// The model and circumstances a price is asked for, as far as overrides tell them apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The list's provider asked.
    pub(crate) provider: &'a str,
    /// The list's provider whose model it is; another one where `provider` resells it.
    pub(crate) owner: &'a str,
    /// The name asked for, in lower case.
    pub(crate) name: &'a str,
    /// The list's id of the model, in lower case.
    pub(crate) model: &'a str,
    pub(crate) at: &'a Moment,
    pub(crate) tier: Option<&'a str>,
    /// Whether the list has prices of their own for this service tier.
    pub(crate) has_tier: bool,
}

impl Overrides {
    pub(crate) fn embedded() -> &'static Overrides {
        static OVERRIDES: OnceLock<Overrides> = OnceLock::new();
        OVERRIDES.get_or_init(|| {
            serde_json::from_str(FILE).expect("prices/override.json is part of the source, tested")
        })
    }

    /// Whether this provider charges nothing for anything.
    pub(crate) fn is_free(&self, provider: &str) -> bool {
        self.free_providers.iter().any(|free| free == provider)
    }

    /// The name under which to look a model up instead of this one.
    pub(crate) fn alias(&self, provider: &str, name: &str, at: &Moment) -> Option<&str> {
        let alias = self.aliases.iter().find(|alias| {
            alias.provider == provider
                && alias.models.iter().any(|pattern| fits(name, pattern))
                && at.fulfils(&alias.condition)
        })?;
        Some(&alias.to)
    }

    /// The rates with every correction that applies, in the file's order; `None` where none does.
    pub(crate) fn corrected(&self, rates: &Rates, subject: &Subject<'_>) -> Option<Rates> {
        let mut corrected = rates.clone();
        for patch in self.prices.iter().filter(|patch| patch.applies(subject)) {
            corrected = patch.apply(corrected);
        }
        (corrected != *rates).then_some(corrected)
    }

    /// The most tokens a model generates in one answer.
    pub(crate) fn output_max(&self, provider: &str, name: &str) -> Option<u64> {
        let bare = name.rsplit('/').next().unwrap_or(name);
        self.output_max
            .iter()
            .filter(|entry| entry.provider.as_deref().is_none_or(|only| only == provider))
            .find(|entry| entry.models.iter().any(|pattern| fits(bare, pattern)))
            .map(|entry| entry.tokens)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "RawAlias")]
struct Alias {
    provider: String,
    models: Vec<String>,
    condition: Condition,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "RawPatch")]
struct Patch {
    providers: Vec<String>,
    models: Vec<String>,
    direct: bool,
    tier: Option<String>,
    only_if_unlisted: bool,
    condition: Condition,
    replace: bool,
    rates: Rates,
    defaults: Rates,
    times: Option<Factor>,
    flat: bool,
    derive: Vec<(Unit, Factor, Unit)>,
    audio_ms_min: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputMax {
    #[serde(rename = "why")]
    _why: String,
    provider: Option<String>,
    models: Vec<String>,
    tokens: u64,
}

impl Patch {
    fn applies(&self, subject: &Subject<'_>) -> bool {
        (self.providers.is_empty() || self.providers.iter().any(|id| id == subject.owner))
            && (!self.direct || subject.provider == subject.owner)
            && self.tier.as_deref().is_none_or(|tier| subject.tier == Some(tier))
            && !(self.only_if_unlisted && subject.has_tier)
            && self
                .models
                .iter()
                .any(|pattern| fits(subject.name, pattern) || fits(subject.model, pattern))
            && subject.at.fulfils(&self.condition)
    }

    fn apply(&self, listed: Rates) -> Rates {
        let mut rates = if self.replace { Rates::default() } else { listed };
        rates = rates.patched(&self.rates);
        if let Some(factor) = self.times {
            rates = rates.scaled(factor);
        }
        if self.flat {
            rates = rates.flat();
        }
        rates = rates.filled(&self.defaults);
        for (unit, factor, base) in &self.derive {
            rates = rates.derived(*unit, *factor, *base);
        }
        rates.audio_ms_min = rates.audio_ms_min.max(self.audio_ms_min);
        rates
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlias {
    #[serde(rename = "why")]
    _why: String,
    provider: String,
    models: Vec<String>,
    from: Option<String>,
    until: Option<String>,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPatch {
    #[serde(rename = "why")]
    _why: String,
    #[serde(default)]
    providers: Vec<String>,
    models: Vec<String>,
    #[serde(default)]
    direct: bool,
    tier: Option<String>,
    #[serde(default)]
    only_if_unlisted: bool,
    from: Option<String>,
    until: Option<String>,
    hours: Option<String>,
    #[serde(default)]
    weekdays: Vec<String>,
    #[serde(default)]
    replace: bool,
    #[serde(default)]
    rates: String,
    #[serde(default)]
    defaults: String,
    times: Option<String>,
    #[serde(default)]
    flat: bool,
    #[serde(default)]
    derive: Vec<String>,
    #[serde(default)]
    audio_ms_min: u64,
}

impl TryFrom<RawAlias> for Alias {
    type Error = String;

    fn try_from(raw: RawAlias) -> Result<Alias, String> {
        let condition = Condition {
            from: optional(raw.from.as_deref(), parse_date)?,
            until: optional(raw.until.as_deref(), parse_date)?,
            ..Condition::default()
        };
        Ok(Alias { provider: raw.provider, models: raw.models, condition, to: raw.to })
    }
}

impl TryFrom<RawPatch> for Patch {
    type Error = String;

    fn try_from(raw: RawPatch) -> Result<Patch, String> {
        let weekday = |name: &String| name.parse::<Weekday>().map_err(|_| not_understood(name));
        let derivation = |text: &String| parse_derivation(text).ok_or_else(|| not_understood(text));
        let rates = |text: &str| Rates::parse(text).map_err(|error| error.to_string());
        Ok(Patch {
            providers: raw.providers,
            models: raw.models,
            direct: raw.direct,
            tier: raw.tier,
            only_if_unlisted: raw.only_if_unlisted,
            condition: Condition {
                from: optional(raw.from.as_deref(), parse_date)?,
                until: optional(raw.until.as_deref(), parse_date)?,
                hours: optional(raw.hours.as_deref(), parse_hours)?,
                weekdays: raw.weekdays.iter().map(weekday).collect::<Result<_, _>>()?,
            },
            replace: raw.replace,
            rates: rates(&raw.rates)?,
            defaults: rates(&raw.defaults)?,
            times: optional(raw.times.as_deref(), Factor::parse)?,
            flat: raw.flat,
            derive: raw.derive.iter().map(derivation).collect::<Result<_, _>>()?,
            audio_ms_min: raw.audio_ms_min,
        })
    }
}

fn optional<T>(text: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    text.map(|text| parse(text).ok_or_else(|| not_understood(text))).transpose()
}

fn not_understood(text: &str) -> String {
    format!("'{text}' is not understood")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_understood_and_each_entry_says_why() {
        let overrides = Overrides::embedded();
        assert!(overrides.is_free("ollama") && !overrides.is_free("openai"));
        let file: serde_json::Value = serde_json::from_str(FILE).unwrap();
        for part in ["aliases", "prices", "output_max"] {
            for entry in file[part].as_array().unwrap() {
                assert!(entry["why"].as_str().unwrap().len() > 20, "{entry}");
            }
        }
    }

    #[test]
    fn a_malformed_entry_is_refused() {
        for (json, part) in [
            (r#"{"why":"","models":[],"from":"soon"}"#, "'soon' is not understood"),
            (r#"{"why":"","models":[],"weekdays":["sunnyday"]}"#, "'sunnyday' is not"),
            (r#"{"why":"","models":[],"rates":"x=1"}"#, "'x' is not a unit"),
            (r#"{"why":"","models":[],"derive":["input=output"]}"#, "'input=output' is not"),
            (r#"{"why":"","models":[],"rate":"input=1"}"#, "unknown field"),
            (r#"{"models":[]}"#, "missing field `why`"),
        ] {
            let error = serde_json::from_str::<Patch>(json).unwrap_err().to_string();
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn longest_answers() {
        for (provider, name, expected) in [
            ("openai", "gpt-4o-mini", Some(16_384)),
            ("openai", "gpt-4.1-2025-04-14", Some(32_768)),
            ("openai", "gpt-5-pro", Some(272_000)),
            ("openai", "gpt-6-sol", Some(128_000)),
            ("anthropic", "claude-sonnet-4-5-20250929", Some(64_000)),
            ("aws", "us.anthropic.claude-opus-4-1-20250805-v1:0", Some(32_000)),
            ("openrouter", "anthropic/claude-opus-4.8", Some(128_000)),
            ("google", "gemini-2.5-pro", Some(65_536)),
            ("openai", "nothing-known", None),
        ] {
            assert_eq!(Overrides::embedded().output_max(provider, name), expected, "{name}");
        }
    }
}
