//! Prices that the user set.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::listed_name;
use super::rates::{Rates, Unit};
use crate::money::Rate;

/// A price that the user set for a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPrice {
    /// Our name for the provider; `None` is any.
    pub provider: Option<String>,
    /// The model's name; a last `*` stands for any ending.
    pub model: String,
    /// Prompt tokens.
    pub input: Rate,
    /// Generated tokens.
    pub output: Rate,
    /// Prompt tokens read from a cache; `None`: as `input`.
    pub cache_read: Option<Rate>,
    /// Prompt tokens written to a cache; `None`: as `input`.
    pub cache_write: Option<Rate>,
    /// When it was set: a later price for the same model holds for calls from then on.
    pub set_at: DateTime<Utc>,
}

/// What a user's price must fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The provider as asked, and as the list calls it.
    pub(super) provider: &'a str,
    pub(super) listed_provider: Option<&'a str>,
    /// The model as asked, in lower case, and the list's id of it.
    pub(super) name: &'a str,
    pub(super) listed_model: Option<&'a str>,
    pub(super) at: DateTime<Utc>,
}

impl UserPrice {
    /// What it charges.
    #[must_use]
    pub fn rates(&self) -> Rates {
        let optional = [(Unit::CacheRead, self.cache_read), (Unit::CacheWrite, self.cache_write)];
        let units = [(Unit::Input, Some(self.input)), (Unit::Output, Some(self.output))]
            .into_iter()
            .chain(optional)
            .filter_map(|(unit, rate)| Some((unit, rate?.into())))
            .collect();
        Rates { units, audio_ms_min: 0 }
    }

    /// The price to use: that for the name as asked outranks one for the list's model that goes
    /// by the name, a named provider outranks any; then the latest that was set by then, and for
    /// calls before all of them the first.
    pub(super) fn among<'a>(prices: &'a [UserPrice], asked: &Asked<'_>) -> Option<&'a UserPrice> {
        let rank = |price: &UserPrice| Some((price.model_fit(asked)?, price.provider_fit(asked)?));
        let best = prices.iter().filter_map(rank).max()?;
        let fitting = || prices.iter().filter(|price| rank(price) == Some(best));
        fitting()
            .filter(|price| price.set_at <= asked.at)
            .max_by_key(|price| price.set_at)
            .or_else(|| fitting().min_by_key(|price| price.set_at))
    }

    fn provider_fit(&self, asked: &Asked<'_>) -> Option<u8> {
        let Some(provider) = &self.provider else {
            return Some(0);
        };
        let provider = provider.to_ascii_lowercase();
        let fits = provider == asked.provider
            || asked.listed_provider.is_some_and(|listed| listed == listed_name(&provider));
        fits.then_some(1)
    }

    fn model_fit(&self, asked: &Asked<'_>) -> Option<u8> {
        let model = self.model.trim().to_ascii_lowercase();
        if model == asked.name {
            return Some(2);
        }
        if model.strip_suffix('*').is_some_and(|start| asked.name.starts_with(start)) {
            return Some(1);
        }
        asked.listed_model.is_some_and(|listed| listed.eq_ignore_ascii_case(&model)).then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(provider: Option<&str>, model: &str, input: &str, set_at: &str) -> UserPrice {
        let rate = |usd| Rate::usd_per(usd, 1_000_000).unwrap();
        UserPrice {
            provider: provider.map(str::to_owned),
            model: model.to_owned(),
            input: rate(input),
            output: rate("9"),
            cache_read: None,
            cache_write: None,
            set_at: set_at.parse().unwrap(),
        }
    }

    #[test]
    fn the_closest_and_latest_price_is_used() {
        let prices = [
            price(None, "gpt-4.1", "1", "2026-01-01T00:00:00Z"),
            price(Some("openai"), "GPT-4.1", "2", "2026-01-01T00:00:00Z"),
            price(Some("openai"), "gpt-4.1", "3", "2026-06-01T00:00:00Z"),
            price(None, "gpt-4.1-2025*", "4", "2026-01-01T00:00:00Z"),
            price(Some("gemini"), "mine", "5", "2026-01-01T00:00:00Z"),
        ];
        let early = "2025-01-01T00:00:00Z";
        let may = "2026-05-01T00:00:00Z";
        let july = "2026-07-01T00:00:00Z";
        for (provider, listed_provider, name, listed_model, at, expected) in [
            ("openai", Some("openai"), "gpt-4.1", Some("gpt-4.1"), may, Some("2")),
            ("openai", Some("openai"), "gpt-4.1", Some("gpt-4.1"), july, Some("3")),
            ("openai", Some("openai"), "gpt-4.1", Some("gpt-4.1"), early, Some("2")),
            ("work", None, "gpt-4.1", None, july, Some("1")),
            ("openai", Some("openai"), "gpt-4.1-2025-04-14", Some("gpt-4.1"), july, Some("4")),
            ("openai", Some("openai"), "gpt-4.1-latest", Some("gpt-4.1"), july, Some("3")),
            ("vertex", Some("google"), "mine", None, july, Some("5")),
            ("openai", Some("openai"), "mine", None, july, None),
            ("openai", Some("openai"), "gpt-4o", Some("gpt-4o"), july, None),
        ] {
            let at = at.parse().unwrap();
            let asked = Asked { provider, listed_provider, name, listed_model, at };
            let found = UserPrice::among(&prices, &asked).map(|price| price.input);
            let expected = expected.map(|usd| Rate::usd_per(usd, 1_000_000).unwrap());
            assert_eq!(found, expected, "{name} at {provider}, {at}");
        }
    }
}
