//! Prices that the user set.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::listed_name;
use super::moment::Moment;
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

/// A figure this many times off the list's is more likely a slip than a price.
const SLIP_FACTOR_MIN: i128 = 1_000;

/// A figure of a user's price that is a thousand times off the list's: it was likely not meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slip {
    /// What it charges for.
    pub unit: Unit,
    /// As given.
    pub given: Rate,
    /// As listed.
    pub listed: Rate,
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
    pub(super) moment: &'a Moment,
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

    /// The figures that are a thousand times off those of `listed`.
    #[must_use]
    pub fn slips(&self, listed: &Rates) -> Vec<Slip> {
        let figures = [
            (Unit::Input, Some(self.input)),
            (Unit::Output, Some(self.output)),
            (Unit::CacheRead, self.cache_read),
            (Unit::CacheWrite, self.cache_write),
        ];
        let slip = |(unit, given): (Unit, Option<Rate>)| {
            let (given, listed) = (given?, listed.units.get(&unit)?.base);
            let asked = i128::from(given.picodollars) * i128::from(listed.per);
            let known = i128::from(listed.picodollars) * i128::from(given.per);
            let is_off =
                known > 0 && (asked >= known * SLIP_FACTOR_MIN || asked * SLIP_FACTOR_MIN <= known);
            is_off.then_some(Slip { unit, given, listed })
        };
        figures.into_iter().filter_map(slip).collect()
    }

    /// The price to use: that for the name as asked outranks one for the list's model that goes
    /// by the name, a named provider outranks any; then the latest that was set by then, and for
    /// calls before all of them the first.
    pub(super) fn among<'a>(prices: &'a [UserPrice], asked: &Asked<'_>) -> Option<&'a UserPrice> {
        let rank = |price: &UserPrice| Some((price.model_fit(asked)?, price.provider_fit(asked)?));
        let best = prices.iter().filter_map(rank).max()?;
        let fitting = || prices.iter().filter(|price| rank(price) == Some(best));
        fitting()
            .filter(|price| asked.moment.is_from(price.set_at))
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
            let moment = &Moment::new(at);
            let asked = Asked { provider, listed_provider, name, listed_model, moment };
            let found = UserPrice::among(&prices, &asked).map(|price| price.input);
            let expected = expected.map(|usd| Rate::usd_per(usd, 1_000_000).unwrap());
            assert_eq!(found, expected, "{name} at {provider}, {at}");
        }
    }

    #[test]
    fn slips_are_found() {
        let million = |usd: &str| Rate::usd_per(usd, 1_000_000).unwrap();
        let listed = [(Unit::Input, "2.5"), (Unit::Output, "10"), (Unit::CacheRead, "0")];
        let listed = Rates {
            units: listed.map(|(unit, usd)| (unit, million(usd).into())).into(),
            audio_ms_min: 0,
        };
        for (input, output, cache_read, expected) in [
            ("2.5", "10", None, &[][..]),
            ("2000", "9000", None, &[]),
            ("0.0026", "0.011", None, &[]),
            ("2500", "10", None, &[Unit::Input]),
            ("0.0000025", "0.00001", None, &[Unit::Input, Unit::Output]),
            ("0", "10", None, &[Unit::Input]),
            ("2.5", "10", Some("5"), &[]),
        ] {
            let price = UserPrice {
                provider: None,
                model: "m".to_owned(),
                input: million(input),
                output: million(output),
                cache_read: cache_read.map(million),
                cache_write: None,
                set_at: DateTime::UNIX_EPOCH,
            };
            let found: Vec<Unit> = price.slips(&listed).iter().map(|slip| slip.unit).collect();
            assert_eq!(found, expected, "{input} {output}");
        }
    }
}
