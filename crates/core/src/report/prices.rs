//! The prices in force, as listed.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::ledger::query::{self, SumBy, UnpricedModel};
use crate::ledger::{Ledger, LedgerError};
use crate::money::{Money, Rate};
use crate::price::{Price, PriceList, PriceOrigin, PriceQuery, Tier, listed_name};

/// Which prices to list.
#[derive(Clone, Debug, Default)]
pub struct PriceFilter {
    /// Only this provider's, by our name for it or the price list's.
    pub provider: Option<String>,
    /// Only models whose name contains this, in any case.
    pub search: Option<String>,
    /// Models that were used since come before others.
    pub used_since: Option<DateTime<Utc>>,
    /// No more than so many.
    pub limit: Option<u32>,
}

/// `GET /api/v1/prices`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Prices {
    /// Which list is embedded.
    pub source: &'static str,
    /// The user's prices first, then those of models that were used lately, then the others.
    pub prices: Vec<PriceView>,
    /// How many there are of those that were asked for, also where not all are told.
    pub count: usize,
    /// Of how many of them the model was used lately, where that was asked.
    pub used: usize,
}

/// What a model charges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct PriceView {
    /// A hash of its content.
    pub id: String,
    /// The price list's name of the provider; empty where the user's price is for any.
    pub provider: String,
    /// The model.
    pub model: String,
    /// `list override user`.
    #[cfg_attr(feature = "types", ts(type = "'list' | 'override' | 'user'"))]
    pub origin: &'static str,
    /// What is charged; nothing where the model is free.
    pub rates: Vec<RateView>,
}

/// What is charged for one kind of usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RateView {
    /// `input output cache_read web_searches` and so on.
    pub unit: &'static str,
    /// US dollars for `per` units.
    pub usd: Money,
    /// How many units that buys.
    pub per: u32,
    /// What replaces it when a prompt is long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<Vec<TierView>>"))]
    pub tiers: Vec<TierView>,
}

/// A rate for long prompts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct TierView {
    /// For prompts with more tokens than this.
    pub above: u64,
    /// US dollars for `per` units.
    pub usd: Money,
    /// How many units that buys.
    pub per: u32,
}

/// The prices in force at `at`, the user's included.
///
/// # Errors
/// When the file cannot be read.
pub fn prices(
    ledger: &Ledger,
    filter: &PriceFilter,
    at: DateTime<Utc>,
) -> Result<Prices, LedgerError> {
    let list = ledger.prices();
    let entries: Vec<Price> = list.entries(at).collect();
    let used = match filter.used_since {
        Some(since) => used(ledger, &list, &entries, since, at)?,
        None => HashSet::new(),
    };
    let search = filter.search.as_deref().unwrap_or_default().to_lowercase();
    let wanted = |price: &Price| {
        filter.provider.as_deref().is_none_or(|provider| {
            provider == price.provider || listed_name(provider) == price.provider
        }) && price.model.to_lowercase().contains(&search)
    };
    let mut found: Vec<&Price> = entries.iter().filter(|price| wanted(price)).collect();
    found.sort_by_key(|price| (price.origin != PriceOrigin::User, !used.contains(&price.model)));
    let limit = filter.limit.map_or(usize::MAX, |limit| limit as usize);
    Ok(Prices {
        source: list.source(),
        prices: found.iter().take(limit).copied().map(PriceView::from).collect(),
        count: found.len(),
        used: found.iter().filter(|price| used.contains(&price.model)).count(),
    })
}

/// Models of calls that ended since then, as the list names them: an answer often has a dated name.
fn used(
    ledger: &Ledger,
    list: &PriceList,
    entries: &[Price],
    since: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Result<HashSet<String>, LedgerError> {
    let rows = ledger.read(|connection| Ok(query::sums(connection, SumBy::Model, since, at)?))?;
    let providers: HashSet<&str> = entries.iter().map(|price| price.provider.as_str()).collect();
    let of_model = |model: &str| {
        let find =
            |provider: &&str| list.find(&PriceQuery { provider, model, at, service_tier: None });
        providers.iter().filter_map(find).map(|price| price.model.clone()).collect::<Vec<_>>()
    };
    Ok(rows.into_iter().filter_map(|row| row.key).flat_map(|model| of_model(&model)).collect())
}

/// `GET /api/v1/prices/unpriced`: models that were used and have no price yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct UnpricedModels {
    /// Those with the most calls first.
    pub models: Vec<UnpricedView>,
}

/// A model that was used and has no price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct UnpricedView {
    /// The provider, as in routes.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Calls without a price.
    pub calls: i64,
    /// The UTC day of the last one.
    pub last_used: NaiveDate,
    /// The listed model whose name is most like it.
    pub nearest: Option<String>,
}

/// Models that were used and have no price at `at` either.
///
/// # Errors
/// When the file cannot be read.
pub fn unpriced_models(ledger: &Ledger, at: DateTime<Utc>) -> Result<UnpricedModels, LedgerError> {
    let list = ledger.prices();
    let has_price = |used: &query::UnpricedModel| {
        let UnpricedModel { provider, model, .. } = used;
        list.find(&PriceQuery { provider, model, at, service_tier: None }).is_some()
    };
    let models = ledger.read(|connection| Ok(query::unpriced(connection)?))?;
    let models = models.into_iter().filter(|used| !has_price(used)).map(|used| UnpricedView {
        nearest: list.nearest_model(&used.provider, &used.model),
        provider: used.provider,
        model: used.model,
        calls: used.calls,
        last_used: used.last_day.date_naive(),
    });
    Ok(UnpricedModels { models: models.collect() })
}

impl From<&Price> for PriceView {
    fn from(price: &Price) -> PriceView {
        let rates = price.rates.units.iter().map(|(unit, rate)| RateView {
            unit: unit.as_str(),
            usd: usd(rate.base),
            per: rate.base.per,
            tiers: rate.tiers.iter().map(TierView::from).collect(),
        });
        PriceView {
            id: price.id.to_string(),
            provider: price.provider.clone(),
            model: price.model.clone(),
            origin: price.origin.as_str(),
            rates: rates.collect(),
        }
    }
}

impl From<&Tier> for TierView {
    fn from(tier: &Tier) -> TierView {
        TierView { above: tier.above, usd: usd(tier.rate), per: tier.rate.per }
    }
}

fn usd(rate: Rate) -> Money {
    Money::from_picodollars(rate.picodollars)
}
