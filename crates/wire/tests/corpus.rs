//! The meter against recorded traffic, beside what two well-known libraries made of it.
//!
//! Reads the folder in `OUTLAY_CORPUS`, by default the fixtures of this repository. Where the two
//! libraries agree, so must the meter. Where they differ, a rule says which of them is right.

// A test may stop at anything that is not as it should be.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use outlay_core::usage::Usage;
use outlay_wire::decode::decode_whole;
use outlay_wire::{Dialect, Ending, Meter, Reading, StreamGate};
use serde_json::Value;

/// Token counts in the terms that the libraries share: cached tokens are a part of `input`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

#[test]
fn usage_is_what_the_libraries_agree_on() {
    let mut tally: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for (record, expected) in corpus() {
        let dialect_name = expected["dialect"].as_str().unwrap_or("none").to_owned();
        let Some(dialect) = in_scope(&record, &dialect_name) else {
            *tally.entry((dialect_name, "out of scope")).or_default() += 1;
            continue;
        };
        let reading = read(&record, &expected, dialect, usize::MAX);
        let got = reading.metered.usage.map(|usage| total(&reading, &usage));
        let (wanted, rule) = wanted(&expected);
        if got == wanted {
            *tally.entry((dialect_name, rule)).or_default() += 1;
        } else {
            *tally.entry((dialect_name, "DIFFERENT")).or_default() += 1;
            unexplained.push(format!(
                "{} {rule}: wanted {wanted:?}, got {got:?}, ending {:?}\n   {}",
                record["id"], reading.ending, expected["final_usage"]
            ));
        }
    }
    for ((dialect, outcome), count) in &tally {
        println!("{dialect:20} {outcome:45} {count:4}");
    }
    assert!(!tally.is_empty(), "no corpus in {}", folder().display());
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
}

#[test]
fn other_facts_are_read_too() {
    let mut failures = Vec::new();
    for (record, expected) in corpus() {
        let dialect_name = expected["dialect"].as_str().unwrap_or("none");
        let Some(dialect) = in_scope(&record, dialect_name) else { continue };
        let reading = read(&record, &expected, dialect, usize::MAX);
        let metered = &reading.metered;
        let usage = metered.usage.unwrap_or_default();
        let final_usage = &expected["final_usage"];
        let mut check = |what: &str, got: &dyn std::fmt::Debug, wanted: &dyn std::fmt::Debug| {
            if format!("{got:?}") != format!("{wanted:?}") {
                failures.push(format!("{} {what}: wanted {wanted:?}, got {got:?}", record["id"]));
            }
        };
        // A fallback is served by another model than the stream began with.
        if final_usage["iterations"].is_null() {
            check("model", &metered.model.as_deref(), &expected["model_response"].as_str());
        }
        let tier = expected["service_tier"].as_str().map(str::to_ascii_lowercase);
        if tier.is_some() && !dialect.is_gemini() {
            check("tier", &metered.service_tier, &tier);
        }
        if !matches!(dialect, Dialect::OpenAiEmbeddings | Dialect::Other) {
            check("ending", &reading.ending, &Ending::Complete);
        }
        let searches = &final_usage["server_tool_use"]["web_search_requests"];
        if let Some(searches) = searches.as_u64() {
            check("searches", &usage.web_searches, &searches);
        }
        let ticks = final_usage["cost_in_usd_ticks"].as_i64();
        if let Some(ticks) = ticks {
            let stated = metered.stated_cost.map(|money| money.picodollars());
            check("stated cost", &stated, &Some(ticks * 100));
        }
        let audio = &expected["genai"]["usage"];
        if let Some(audio) = audio["input_audio_tokens"].as_u64() {
            let got = usage.audio_input_tokens + usage.audio_cache_read_tokens;
            check("audio input", &got, &audio);
        }
        if let Some(audio) = audio["output_audio_tokens"].as_u64() {
            check("audio output", &usage.audio_output_tokens, &audio);
        }
        if let Some(reasoning) = expected["genai"]["usage"]["output_reasoning_tokens"].as_u64() {
            check("reasoning", &usage.reasoning_tokens.unwrap_or(0), &reasoning);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn any_chunking_reads_the_same() {
    for (record, expected) in corpus() {
        let dialect_name = expected["dialect"].as_str().unwrap_or("none");
        let Some(dialect) = in_scope(&record, dialect_name) else { continue };
        let whole = read(&record, &expected, dialect, usize::MAX);
        for size in [1, 13, 1000] {
            let chunked = read(&record, &expected, dialect, size);
            assert_eq!(chunked, whole, "{} in chunks of {size}", record["id"]);
        }
    }
}

#[test]
fn a_cut_stream_is_not_billed_by_its_opening() {
    let mut cuts = 0;
    for (record, expected) in corpus() {
        let dialect_name = expected["dialect"].as_str().unwrap_or("none");
        let Some(dialect) = in_scope(&record, dialect_name) else { continue };
        let (body, _) = wire_body(&record);
        if record["is_stream"] != true || body.len() < 200 {
            continue;
        }
        let mut meter = meter(&record, &expected, dialect);
        meter.feed(&body[..body.len() / 4]);
        let cut = meter.finish();
        let whole = read(&record, &expected, dialect, usize::MAX);
        let tells_at_the_end =
            matches!(dialect, Dialect::AnthropicMessages | Dialect::OpenAiResponses);
        if tells_at_the_end && cut.ending == Ending::Cut {
            assert_eq!(cut.metered.usage, None, "{}", record["id"]);
            cuts += 1;
        }
        assert!(cut.output_bytes <= whole.output_bytes);
    }
    assert!(cuts > 0, "no stream was cut");
}

#[test]
fn a_gate_passes_whole_streams_and_sees_their_end() {
    let mut streams = 0;
    let mut endless = Vec::new();
    for (record, expected) in corpus() {
        let dialect_name = expected["dialect"].as_str().unwrap_or("none");
        let Some(dialect) = in_scope(&record, dialect_name) else { continue };
        let content_type = record["content_type"].as_str();
        let Some(mut gate) = StreamGate::new(dialect, content_type, true) else { continue };
        let (body, encoding) = wire_body(&record);
        let body = decode_whole(encoding.as_deref(), &body, usize::MAX).unwrap();
        let mut passed = Vec::new();
        for chunk in body.chunks(700) {
            passed.extend_from_slice(&gate.feed(chunk).pass);
        }
        // The last event may lack its blank line.
        passed.extend_from_slice(&gate.finish().pass);
        assert_eq!(passed, body, "{}", record["id"]);
        // Live sessions do not say that they end.
        let is_live = memchr::memmem::find(&body, b"\"serverContent\"").is_some();
        if expected["is_stream"] == true && !body.starts_with(b"{") && !is_live {
            streams += 1;
            endless.extend((!gate.is_ended()).then(|| format!("{} {dialect:?}", record["id"])));
        }
    }
    assert!(endless.is_empty(), "no end seen: {endless:?}");
    assert!(streams > 0, "no stream was looked at");
}

/// What the meter should say, and the rule by which this is known.
fn wanted(expected: &Value) -> (Option<Tokens>, &'static str) {
    let usage = &expected["final_usage"];
    let genai = of_genai(&expected["genai"]["usage"]);
    let litellm = of_litellm(&expected["litellm"]["usage"]);
    let differs = expected["token_diff"].as_object().is_some_and(|diff| !diff.is_empty());
    if usage["iterations"].as_array().is_some_and(|parts| !parts.is_empty()) {
        return (Some(of_iterations(&usage["iterations"])), "equal: iterations are summed");
    }
    if usage["toolUsePromptTokenCount"].as_u64().is_some_and(|count| count > 0) {
        return (of_gemini(usage), "equal: what tools feed back is input");
    }
    if usage["responseTokenCount"].is_u64() {
        return (litellm, "equal: Live sessions name the output response");
    }
    let is_duration = usage["type"] == "duration";
    if is_duration {
        return (Some(Tokens::default()), "equal: audio billed by its length");
    }
    if usage["billed_units"].is_object() || usage["meta"].is_object() {
        let billed = usage.pointer("/meta/billed_units").unwrap_or(&usage["billed_units"]);
        return (of_openai(billed), "equal: Cohere's billed units");
    }
    if differs {
        let stands_beside = expected["provider"] == "x-ai";
        assert!(stands_beside, "no rule for {}", expected["id"]);
        return (genai, "equal: reasoning stands beside completion");
    }
    if usage["total_input_tokens"].is_u64() {
        return (of_interactions(usage), "equal (provider's own words)");
    }
    match genai {
        Some(_) => (genai, "equal"),
        None if litellm.is_some() => (litellm, "equal (one library)"),
        None => (of_openai(usage).or_else(|| of_gemini(usage)), "equal (provider's own words)"),
    }
}

fn of_genai(usage: &Value) -> Option<Tokens> {
    let input = usage["input_tokens"].as_u64()?;
    Some(Tokens {
        input,
        output: usage["output_tokens"].as_u64().unwrap_or(0),
        cache_read: usage["cache_read_tokens"].as_u64().unwrap_or(0),
        cache_write: usage["cache_write_tokens"].as_u64().unwrap_or(0),
    })
}

fn of_litellm(usage: &Value) -> Option<Tokens> {
    Some(Tokens {
        input: usage["prompt"].as_u64()?,
        output: usage["completion"].as_u64()?,
        cache_read: usage["cache_read"].as_u64()?,
        cache_write: usage["cache_write"].as_u64()?,
    })
}

fn of_iterations(iterations: &Value) -> Tokens {
    let mut sum = Tokens::default();
    for part in iterations.as_array().into_iter().flatten() {
        let count = |key: &str| part[key].as_u64().unwrap_or(0);
        let (read, write) =
            (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
        sum.input += count("input_tokens") + read + write;
        sum.output += count("output_tokens");
        sum.cache_read += read;
        sum.cache_write += write;
    }
    sum
}

fn of_gemini(usage: &Value) -> Option<Tokens> {
    let count = |key: &str| usage[key].as_u64().unwrap_or(0);
    Some(Tokens {
        input: usage["promptTokenCount"].as_u64()? + count("toolUsePromptTokenCount"),
        output: count("candidatesTokenCount") + count("thoughtsTokenCount"),
        cache_read: count("cachedContentTokenCount"),
        cache_write: 0,
    })
}

fn of_interactions(usage: &Value) -> Option<Tokens> {
    let count = |key: &str| usage[key].as_u64().unwrap_or(0);
    Some(Tokens {
        input: count("total_input_tokens") + count("total_tool_use_tokens"),
        output: count("total_output_tokens") + count("total_thought_tokens"),
        cache_read: count("total_cached_tokens"),
        cache_write: 0,
    })
}

fn of_openai(usage: &Value) -> Option<Tokens> {
    let input = usage["input_tokens"].as_u64().or(usage["prompt_tokens"].as_u64())?;
    let output = usage["output_tokens"].as_u64().or(usage["completion_tokens"].as_u64());
    Some(Tokens { input, output: output.unwrap_or(0), ..Tokens::default() })
}

fn total(reading: &Reading, usage: &Usage) -> Tokens {
    let others = reading.metered.other_models.iter().map(|(_, usage)| usage);
    let mut sum = Tokens::default();
    for part in others.chain([usage]) {
        sum.input += part.prompt_tokens();
        sum.output += part.completion_tokens();
        sum.cache_read +=
            part.cache_read_tokens + part.audio_cache_read_tokens + part.image_cache_read_tokens;
        sum.cache_write += part.cache_write_5m_tokens + part.cache_write_1h_tokens;
    }
    sum
}

fn in_scope(record: &Value, dialect_name: &str) -> Option<Dialect> {
    const IN_SCOPE: [&str; 7] =
        ["chat", "responses", "embeddings", "completions", "anthropic", "gemini", "gemini-other"];
    if IN_SCOPE.contains(&dialect_name) {
        return Dialect::of_path(record["path"].as_str().unwrap_or_default());
    }
    // Binary event streams are not read yet.
    let is_text = record["content_type"].as_str().is_some_and(|kind| !kind.contains("amazon"));
    is_text.then_some(Dialect::Other)
}

fn read(record: &Value, expected: &Value, dialect: Dialect, chunk_bytes: usize) -> Reading {
    let (body, _) = wire_body(record);
    let mut meter = meter(record, expected, dialect);
    for chunk in body.chunks(chunk_bytes.min(body.len().max(1))) {
        meter.feed(chunk);
    }
    meter.finish()
}

fn meter(record: &Value, expected: &Value, dialect: Dialect) -> Meter {
    let (_, encoding) = wire_body(record);
    let provider = match expected["provider"].as_str() {
        Some("google") => "gemini",
        Some("aws") => "bedrock",
        Some("x-ai") => "xai",
        Some("moonshotai") => "moonshot",
        Some(same) => same,
        None => "work",
    };
    Meter::new(provider, dialect, record["content_type"].as_str(), encoding.as_deref())
}

/// The body as it was on the wire, and its content-encoding.
fn wire_body(record: &Value) -> (Vec<u8>, Option<String>) {
    let bytes = |key: &str| {
        let text = record[key].as_str()?;
        base64::engine::general_purpose::STANDARD.decode(text).ok()
    };
    if let Some(wire) = bytes("wire_body_b64") {
        return (wire, record["wire_encoding"].as_str().map(str::to_owned));
    }
    let text = || record["response_body"].as_str().map(|text| text.as_bytes().to_vec());
    (bytes("response_body_b64").or_else(text).unwrap_or_default(), None)
}

/// Every record that has an expectation, with it.
fn corpus() -> Vec<(Value, Value)> {
    let folder = folder();
    let mut expected: BTreeMap<String, Value> = lines(&folder.join("expected"))
        .into_iter()
        .map(|line| (line["id"].as_str().unwrap_or_default().to_owned(), line))
        .collect();
    let records = lines(&folder);
    let with_expected = |record: Value| {
        let expected = expected.remove(record["id"].as_str()?)?;
        Some((record, expected))
    };
    records.into_iter().filter_map(with_expected).collect()
}

fn folder() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/corpus");
    std::env::var_os("OUTLAY_CORPUS").map_or(default, PathBuf::from)
}

fn lines(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| {
        panic!("{}: {error}: set OUTLAY_CORPUS to a folder of exchanges", folder.display())
    });
    let mut lines = Vec::new();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "jsonl")) {
        let text = std::fs::read_to_string(path).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    lines
}
