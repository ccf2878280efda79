//! Prices calls as the genai-prices package does, except where our corrections say otherwise.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use outlay_core::cost;
use outlay_core::money::Money;
use outlay_core::price::{Price, PriceList, PriceOrigin, PriceQuery};
use outlay_core::usage::Usage;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Row(String, String, DateTime<Utc>, Option<String>, Usage, Option<String>);

fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("fixtures/price_oracle.json")).unwrap()
}

fn find(Row(provider, model, at, tier, _, _): &Row) -> Option<Arc<Price>> {
    let query = PriceQuery { provider, model, at: *at, service_tier: tier.as_deref() };
    PriceList::embedded().find(&query)
}

#[test]
fn totals_are_those_of_the_package() {
    let (mut compared, mut corrected) = (0, 0);
    for row in rows() {
        let Row(_, _, _, _, usage, expected) = &row;
        let price = find(&row);
        let Some(expected) = expected else {
            assert_eq!(price, None, "{row:?}");
            continue;
        };
        let price = price.unwrap_or_else(|| panic!("no price: {row:?}"));
        if is_corrected(&row) {
            assert_eq!(price.origin, PriceOrigin::Override, "{row:?}");
            corrected += 1;
            continue;
        }
        let total = cost::total(usage, usage.prompt_tokens(), &price);
        assert_close(
            total,
            expected,
            cost::lines(usage, usage.prompt_tokens(), &price).len(),
            &row,
        );
        compared += 1;
    }
    assert!(compared > 700, "{compared} rows compared, {corrected} corrected");
}

/// Exactly equal; where the package's total is finer than a picodollar, within our rounding of
/// each line.
fn assert_close(total: Money, expected: &str, lines: usize, row: &Row) {
    let exact = expected.trim_end_matches('0').parse::<Money>();
    if let Ok(exact) = exact {
        assert_eq!(total, exact, "{row:?}");
        return;
    }
    let rounded = Money::parse_stated(expected).unwrap();
    let apart = (total.picodollars() - rounded.picodollars()).unsigned_abs();
    assert!(apart <= u64::try_from(lines).unwrap(), "{total} is not {expected}: {row:?}");
}

/// The rules by which `override.json` departs from the list, stated apart from it. Everything else
/// must cost the same, also where an override touched a rate that the usage does not meet.
fn is_corrected(Row(provider, model, at, _, usage, _): &Row) -> bool {
    let before = |date: &str| *at < format!("{date}T00:00:00Z").parse::<DateTime<Utc>>().unwrap();
    match (provider.as_str(), model.as_str()) {
        ("deepseek", "deepseek-chat" | "deepseek-reasoner") => !before("2025-09-05"),
        ("deepseek", model) if model.starts_with("deepseek-v4") => before("2026-08-17"),
        ("x-ai", "grok-code-fast-1") => !before("2026-05-15"),
        ("together", model) => model.contains("Llama-3.3-70B-Instruct-Turbo"),
        ("openai", model) if model.contains("audio-preview") => {
            usage.audio_input_tokens + usage.audio_output_tokens > 0
        }
        ("anthropic", "claude-sonnet-4-5") => {
            !before("2026-04-30") && usage.prompt_tokens() > 200_000
        }
        // These once had no price for a one-hour cache.
        ("google", "claude-opus-4-6") | ("openrouter", "~anthropic/claude-haiku-latest") => {
            usage.cache_write_1h_tokens > 0
        }
        // This entry charges a cache write as input.
        ("anthropic", "claude-2") => usage.cache_write_5m_tokens > 0,
        _ => false,
    }
}

#[test]
fn our_names_of_providers_find_the_same_prices() {
    for (ours, listed) in [
        ("gemini", "google"),
        ("vertex", "google"),
        ("bedrock", "aws"),
        ("xai", "x-ai"),
        ("moonshot", "moonshotai"),
    ] {
        let mut found = 0;
        for row in rows().into_iter().filter(|row| row.0 == listed) {
            let price = find(&row);
            found += usize::from(price.is_some());
            assert_eq!(find(&Row(ours.to_owned(), row.1, row.2, row.3, row.4, row.5)), price);
        }
        assert!(found > 3, "{ours}");
    }
}
