//! `/prices`: what models charge, and the user's own prices.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use outlay_core::money::Rate;
use outlay_core::price::{PriceList, PriceQuery, Slip, UserPrice};
use outlay_core::report::{self, PriceFilter, Prices, UnpricedModels};
use serde::Deserialize;

use super::error::ApiError;
use super::input::{Amount, Body, Query, read};
use crate::App;

const MILLION: u32 = 1_000_000;
/// In a path, the provider of a price that holds for any.
const ANY: &str = "any";

/// What a model costs, in US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    input: Amount,
    output: Amount,
    cache_read: Option<Amount>,
    cache_write: Option<Amount>,
    /// Whether a figure may be a thousand times off the list's.
    #[serde(default)]
    force: bool,
}

pub(super) async fn list(
    State(app): State<App>,
    mut query: Query,
) -> Result<Json<Prices>, ApiError> {
    let filter = PriceFilter {
        provider: query.one("provider")?,
        search: query.one("search")?,
        used_since: query.instant("used_since", app.settings().timezone)?,
        limit: query.number("limit")?.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
    };
    query.finish()?;
    let now = app.now();
    read(&app, move |ledger| report::prices(ledger, &filter, now)).await.map(Json)
}

pub(super) async fn unpriced(
    State(app): State<App>,
    query: Query,
) -> Result<Json<UnpricedModels>, ApiError> {
    query.finish()?;
    let now = app.now();
    read(&app, move |ledger| report::unpriced_models(ledger, now)).await.map(Json)
}

pub(super) async fn set(
    State(app): State<App>,
    Path((provider, model)): Path<(String, String)>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let asked: Change = body.json()?;
    let price = UserPrice {
        provider: named(provider),
        model: model.trim().to_owned(),
        input: rate("input", &asked.input)?,
        output: rate("output", &asked.output)?,
        cache_read: asked.cache_read.map(|text| rate("cache_read", &text)).transpose()?,
        cache_write: asked.cache_write.map(|text| rate("cache_write", &text)).transpose()?,
        set_at: app.now(),
    };
    if price.model.is_empty() {
        return Err(ApiError::invalid("the model's name is empty: give it as requests name it"));
    }
    let listed = PriceList::embedded().find(&PriceQuery {
        provider: price.provider.as_deref().unwrap_or_default(),
        model: &price.model,
        at: price.set_at,
        service_tier: None,
    });
    let slips = listed.map(|listed| price.slips(&listed.rates)).unwrap_or_default();
    if !slips.is_empty() && !asked.force {
        return Err(ApiError::new(StatusCode::CONFLICT, "unlikely_price", doubted(&slips)));
    }
    app.ledger().set_price(price, app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((provider, model)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    app.ledger().remove_price(named(provider), model).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(provider: String) -> Option<String> {
    Some(provider).filter(|provider| provider != ANY)
}

fn rate(field: &str, amount: &Amount) -> Result<Rate, ApiError> {
    let rate = Rate::usd_per(&amount.0, MILLION)
        .map_err(|error| ApiError::invalid(format!("'{field}' of the price: {error}")))?;
    if rate.picodollars < 0 {
        return Err(ApiError::invalid(format!("'{field}' is negative: a price is zero or more")));
    }
    Ok(rate)
}

/// Why a price was not set: its figures were likely not meant.
fn doubted(slips: &[Slip]) -> String {
    let usd = |rate: Rate| rate.amount(u64::from(MILLION));
    let words = |slip: &Slip| {
        let (unit, given, listed) = (slip.unit.as_str(), usd(slip.given), usd(slip.listed));
        format!("'{unit}' is ${given} per million, the list says ${listed}")
    };
    let figures = slips.iter().map(words).collect::<Vec<_>>().join("; ");
    format!("{figures}: figures are per million tokens, so this is likely a slip")
}
