//! The models that one call may run: the one it names, and those a gateway falls back to.

use std::sync::Arc;

use outlay_core::admission::Bounds;
use outlay_core::cost;
use outlay_core::price::{Price, PriceList};
use outlay_wire::RequestFacts;

use crate::caller;
use crate::estimate::Limits;
use crate::route::Route;

/// The model whose price bounds a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dearest<'m> {
    /// Its name. One without a price outranks all others, for nothing bounds it.
    pub(crate) model: &'m str,
    /// Whether none of the others costs more with a shorter answer. Where one does, an affordable
    /// output cap would not bound the call.
    pub(crate) at_any_length: bool,
}

/// The models that may be billed, the one asked for first, by the names that prices know; none
/// where the endpoint's usage cannot be read, so that no price bounds the call.
pub(crate) fn billable(route: &Route, facts: &RequestFacts) -> Vec<String> {
    if !route.is_metered() {
        return Vec::new();
    }
    let named = facts.model.iter().chain(&facts.fallback_models);
    let deployed = named.map(|name| route.deployments.get(name).unwrap_or(name));
    deployed.map(|name| caller::label(name).unwrap_or_default()).collect()
}

/// Chooses among `models`; `None` where there are none.
pub(crate) fn dearest<'m>(
    models: &[&'m str],
    bounds: &Bounds,
    find: impl Fn(&str) -> Option<Arc<Price>>,
) -> Option<Dearest<'m>> {
    if let [model] = models {
        return Some(Dearest { model, at_any_length: true });
    }
    let longest = bounds.output_tokens_max.unwrap_or(bounds.output_tokens_default);
    let mut ceilings = Vec::with_capacity(models.len());
    for model in models {
        let Some(price) = find(model) else {
            return Some(Dearest { model, at_any_length: true });
        };
        let ceiling = |output| cost::ceiling(&price, bounds.input_tokens_max, output);
        ceilings.push((ceiling(longest), ceiling(0), *model));
    }
    let (_, prompt, model) =
        ceilings.iter().copied().max_by_key(|(whole, prompt, _)| (*whole, *prompt))?;
    // A ceiling is a straight line over the answer's length: who leads at both ends always leads.
    let at_any_length = ceilings.iter().all(|(_, other, _)| *other <= prompt);
    Some(Dearest { model, at_any_length })
}

/// The widest limits of `models`.
pub(crate) fn limits(prices: &PriceList, provider: &str, models: &[&str]) -> Limits {
    let mut all = models.iter().map(|model| limits_of(prices, provider, model));
    let first = all.next().unwrap_or_default();
    all.fold(first, |widest, other| Limits {
        context_window: wider(widest.context_window, other.context_window),
        output_max: wider(widest.output_max, other.output_max),
        is_output_proven: widest.is_output_proven && other.is_output_proven,
    })
}

fn limits_of(prices: &PriceList, provider: &str, model: &str) -> Limits {
    let own = prices.limits(provider, model);
    let vendor = match (own.output_max, model.split_once('/')) {
        (None, Some((vendor, name))) => prices.limits(vendor, name),
        _ => own,
    };
    Limits {
        context_window: own.context_window.or(vendor.context_window),
        output_max: vendor.output_max,
        // What the vendor's own servers stop at need not stop others that serve the model.
        is_output_proven: own.output_max.is_some(),
    }
}

fn wider(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    Some(one?.max(other?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route;
    use crate::settings::Settings;
    use outlay_core::money::Rate;
    use outlay_core::price::{PriceQuery, UserPrice};

    #[test]
    fn models_that_may_be_billed() {
        let mut upstreams = Settings::builtin_upstreams();
        let openai = upstreams.get_mut("openai").unwrap();
        openai.deployments = [("prod".to_owned(), "gpt-5".to_owned())].into();
        let body = br#"{"model":"gpt-5-nano","models":["prod","gpt-4.1"]}"#;
        for (path, expected) in [
            ("/openai/v1/chat/completions", &["gpt-5-nano", "gpt-5", "gpt-4.1"][..]),
            ("/openai/deployments/prod/chat/completions", &["gpt-5", "gpt-5", "gpt-4.1"]),
            ("/openai/deployments/test/chat/completions", &["test", "gpt-5", "gpt-4.1"]),
            ("/openai/v1/whatever", &[]),
        ] {
            let route = route::find(&upstreams, "POST", path, false).unwrap();
            let facts =
                outlay_wire::read_request(route.dialect, route.path_and_query(), body).unwrap();
            assert_eq!(billable(&route, &facts), expected, "{path}");
        }
    }

    fn find(model: &str) -> Option<Arc<Price>> {
        let at = "2026-11-21T12:00:00Z".parse().unwrap();
        let rate = |usd: &str| Rate::usd_per(usd, 1_000_000).unwrap();
        let user = [("small", "1", "2"), ("large", "5", "9"), ("prompts", "8", "1")];
        let user = user.map(|(model, input, output)| UserPrice {
            provider: None,
            model: model.to_owned(),
            input: rate(input),
            output: rate(output),
            cache_read: None,
            cache_write: None,
            set_at: at,
        });
        let query = PriceQuery { provider: "nobody", model, at, service_tier: None };
        PriceList::with_user_prices(user.to_vec()).find(&query)
    }

    #[test]
    fn the_dearest_model_bounds_a_call() {
        for (models, output, model, at_any_length) in [
            (&["unknown-to-all"][..], 1_000, "unknown-to-all", true),
            (&["small", "large"], 1_000, "large", true),
            (&["large", "small"], 1_000, "large", true),
            (&["large", "prompts"], 1_000, "large", false),
            (&["large", "prompts"], 10, "prompts", true),
            (&["large", "unknown-to-all", "small"], 10, "unknown-to-all", true),
        ] {
            let bounds = Bounds {
                input_tokens_max: 1_000,
                input_tokens_usual: 1_000 / 2,
                output_tokens_max: Some(output),
                output_tokens_default: 0,
                default_is_proven: true,
                output_tokens_floor: 0,
                can_cap: true,
                can_stop: false,
                is_bounded: true,
            };
            let expected = Dearest { model, at_any_length };
            assert_eq!(dearest(models, &bounds, find), Some(expected), "{models:?}");
        }
    }

    #[test]
    fn limits_through_gateways() {
        let prices = PriceList::embedded();
        for (provider, models, output_max, is_output_proven) in [
            ("openai", &["gpt-4.1"][..], Some(32_768), true),
            ("openrouter", &["openai/gpt-4.1"], Some(32_768), true),
            ("openrouter", &["moonshotai/kimi-k2"], Some(262_144), false),
            ("openrouter", &["nobody/prod-7"], None, false),
            ("openrouter", &["openai/gpt-4.1", "openai/gpt-5"], Some(128_000), true),
            ("openrouter", &["openai/gpt-4.1", "nobody/prod-7"], None, false),
            ("nobody", &[], None, false),
        ] {
            let limits = limits(prices, provider, models);
            assert_eq!(
                (limits.output_max, limits.is_output_proven),
                (output_max, is_output_proven),
                "{models:?}"
            );
        }
    }
}
