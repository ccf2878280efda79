//! Prices recorded exchanges as two other libraries do, where those agree with each other.
//!
//! The recordings are not part of the repository: `OUTLAY_CORPUS` names their folder. Their
//! `expected/*.jsonl` hold what the libraries made of each exchange.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;

use outlay_core::cost;
use outlay_core::money::Money;
use outlay_core::price::{PriceList, PriceQuery};
use outlay_core::usage::Usage;
use serde_json::Value;

#[test]
fn exchanges_on_which_two_libraries_agree_cost_the_same() {
    let Some(folder) = std::env::var_os("OUTLAY_CORPUS") else {
        eprintln!("skipped: OUTLAY_CORPUS does not name a folder of recorded exchanges");
        return;
    };
    let (mut equal, mut departures) = (0, Vec::new());
    for record in records(&Path::new(&folder).join("expected")) {
        if record["cost_agree"] != true {
            continue;
        }
        let expected = record["genai"]["cost"]["total"].as_str().unwrap();
        let ours = our_total(&record);
        if ours == Some(Money::parse_stated(expected).unwrap()) {
            equal += 1;
        } else {
            let (provider, model) = names(&record);
            let usage = &record["genai"]["usage"];
            departures.push(format!("{provider} {model} {usage}: {ours:?}, expected {expected}"));
        }
    }
    eprintln!("{equal} equal");
    assert!(equal > 400, "only {equal} exchanges were compared");
    assert!(departures.is_empty(), "{} differ:\n{}", departures.len(), departures.join("\n"));
}

fn records(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut records = Vec::new();
    for path in files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")) {
        let text = std::fs::read_to_string(path).unwrap();
        records.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    records
}

fn names(record: &Value) -> (&str, &str) {
    let text = |key: &str| record[key].as_str();
    let model = text("model_response").or_else(|| text("model_request")).unwrap();
    (text("provider").unwrap(), model)
}

fn our_total(record: &Value) -> Option<Money> {
    let (provider, model) = names(record);
    let service_tier = record["service_tier"].as_str();
    let at = "2026-11-18T12:00:00Z".parse().unwrap();
    let query = PriceQuery { provider, model, at, service_tier };
    let usage = disjoint(&record["genai"]["usage"]);
    let price = PriceList::embedded().find(&query)?;
    Some(cost::total(&usage, usage.prompt_tokens(), &price))
}

/// The libraries count inclusively: each wider count holds the narrower ones.
fn disjoint(usage: &Value) -> Usage {
    let get = |key: &str| usage[key].as_u64().unwrap_or(0);
    let write_1h = get("cache_write_1h_tokens");
    let audio = get("input_audio_tokens");
    let narrower = get("cache_read_tokens") + get("cache_write_tokens") + audio;
    Usage {
        input_tokens: get("input_tokens").saturating_sub(narrower),
        cache_read_tokens: get("cache_read_tokens"),
        cache_write_5m_tokens: get("cache_write_tokens") - write_1h,
        cache_write_1h_tokens: write_1h,
        audio_input_tokens: audio,
        output_tokens: get("output_tokens") - get("output_audio_tokens"),
        audio_output_tokens: get("output_audio_tokens"),
        reasoning_tokens: usage["output_reasoning_tokens"].as_u64(),
        web_searches: get("web_searches"),
        ..Usage::default()
    }
}
