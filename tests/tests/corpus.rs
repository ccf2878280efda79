//! Recorded traffic through the proxy: the client gets the recorded bytes, the ledger the right
//! figures.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::client::Request;
use support::clock::Clock;
use support::corpus::{self, Exchange, Opinion};
use support::fake_provider::FakeProvider;
use support::outlay::{Call, Home, Server};
use support::script::{REPLAY_HEADER, SCRIPT_HEADER, Script};
use support::story::usd;

/// The instant at which the expected costs are priced.
const PRICED_AT: &str = "2026-11-18T12:00:00Z";

const COUNTS: [&str; 9] = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "tool_calls",
];

#[test]
fn the_fixtures_pass_unchanged_and_are_metered_right() {
    let exchanges = corpus::load(&corpus::fixtures());
    let calls = replay(&corpus::fixtures(), &exchanges);
    let figures = corpus::figures();
    let mut wrong = Vec::new();
    for exchange in &exchanges {
        let (expected, call) = (&figures[&exchange.id], &calls[&exchange.id]);
        let mut columns = vec!["status", "basis", "error_kind"];
        columns.extend(COUNTS.iter().filter(|column| !expected[**column].is_empty()));
        if expected["status"] != "estimated" {
            columns.push("cost_usd");
        }
        if expected["status"] == "failed" {
            columns.retain(|column| *column != "basis");
        }
        for column in columns {
            if call[column] != expected[column] {
                wrong.push(format!(
                    "{} {} {column}: {:?} instead of {:?} ({})",
                    exchange.id, exchange.host, call[column], expected[column], expected["because"]
                ));
            }
        }
    }
    println!("{} fixtures, {} figures differ", exchanges.len(), wrong.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_content_encoding_passes_and_is_metered() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        for stream in [false, true] {
            let script = Script {
                encoding: Some(encoding.to_owned()),
                input_tokens: 31,
                output_tokens: 41,
                split_at_most: Some(16),
                ..Script::default()
            };
            let body = json!({"model": "claude-haiku-4-5", "max_tokens": 99, "stream": stream,
                "messages": []});
            let request = Request::post("/anthropic/v1/messages", &body)
                .header("accept-encoding", "gzip, deflate, br, zstd")
                .json_header(SCRIPT_HEADER, &script);
            let answer = request.send(server.address());
            assert_eq!(answer.header("content-encoding"), Some(encoding));
            let call = home.calls_at_rest().pop().unwrap();
            let figures = (call["input_tokens"].as_str(), call["output_tokens"].as_str());
            assert_eq!(figures, ("31", "41"), "{encoding} stream {stream}");
            assert_eq!(call["basis"], "priced");
        }
    }
}

/// Where `OUTLAY_CORPUS` names a folder: every exchange of a dialect that Outlay speaks passes
/// unchanged; where the ledger says something else than the libraries, a rule explains it.
#[test]
fn a_whole_corpus_passes_unchanged_and_is_metered_right() {
    let Some(folder) = std::env::var_os("OUTLAY_CORPUS").map(PathBuf::from) else {
        println!("OUTLAY_CORPUS names no folder: only the fixtures were tried");
        return;
    };
    let (in_scope, out_of_scope): (Vec<Exchange>, Vec<Exchange>) =
        corpus::load(&folder).into_iter().partition(is_in_scope);
    let calls = replay(&folder, &in_scope);
    let opinions = corpus::opinions(&folder);
    let (mut equal, mut unknown) = (0, 0);
    let mut differing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for exchange in &in_scope {
        let call = &calls[&exchange.id];
        let Some(opinion) = opinions.get(&exchange.id) else {
            unknown += 1;
            continue;
        };
        match difference(call, opinion) {
            None => equal += 1,
            Some(text) => {
                let rule = rule_that_explains(call, opinion).unwrap_or(UNEXPLAINED);
                let text = format!("{} {}: {text}", exchange.id, exchange.host);
                differing.entry(rule).or_default().push(text);
            }
        }
    }
    println!(
        "{equal} equal, {} different, {unknown} without an opinion, {} out of scope",
        differing.values().map(Vec::len).sum::<usize>(),
        out_of_scope.len()
    );
    for (rule, texts) in &differing {
        println!("{} different because {rule}", texts.len());
    }
    let wrong = differing.remove(UNEXPLAINED).unwrap_or_default();
    assert!(wrong.is_empty(), "no rule explains:\n{}", wrong.join("\n"));
}

const UNEXPLAINED: &str = "nobody knows why";

/// Why the ledger may say something else than genai-prices.
fn rule_that_explains(call: &Call, opinion: &Opinion) -> Option<&'static str> {
    let usage = &opinion.final_usage;
    let litellm = opinion.litellm["cost"]["total"].as_number().map(ToString::to_string);
    let ours = Some(&call["cost_usd"]).filter(|text| !text.is_empty()).map(|text| usd(text));
    if call["basis"] == "stated" {
        Some("the provider's stated cost outranks a computed one")
    } else if !usage["iterations"].is_null() {
        Some("iterations are summed, each at its own model")
    } else if !usage["prompt_audio_seconds"].is_null() {
        Some("audio is billed by its length")
    } else if call["tool_calls"].parse::<u64>().is_ok_and(|calls| calls > 0) {
        Some("server-side tools are billed by the request")
    } else if litellm.is_some_and(|litellm| Some(decimal(&litellm).round_dp(12)) == ours) {
        Some("genai-prices is silent or known to be wrong, litellm agrees")
    } else {
        None
    }
}

/// Sends every exchange through the proxy, checks what the client gets, and returns the ledger's
/// rows by the exchange's id.
fn replay(folder: &Path, exchanges: &[Exchange]) -> BTreeMap<String, Call> {
    let opinions = corpus::opinions(folder);
    let provider = FakeProvider::with_exchanges(exchanges.to_vec());
    let clock = Clock::at(PRICED_AT);
    let home = Home::new(&provider).with_clock(&clock);
    let server = home.serve();
    let mut ids = BTreeMap::new();
    for (nth, exchange) in exchanges.iter().enumerate() {
        let model = opinions.get(&exchange.id).and_then(|opinion| {
            opinion.model_request.as_deref().or(opinion.model_response.as_deref())
        });
        let call = replay_one(&server, exchange, model, nth);
        ids.insert(call, exchange.id.clone());
    }
    let calls = home.calls_at_rest();
    assert_eq!(calls.len(), exchanges.len(), "one row for each exchange");
    calls.into_iter().map(|call| (ids[&call["id"]].clone(), call)).collect()
}

fn replay_one(server: &Server, exchange: &Exchange, model: Option<&str>, nth: usize) -> String {
    let id = &exchange.id;
    // Every other one arrives in shreds, so that the meter sees events cut anywhere.
    let split_at_most = (nth % 2 == 1).then_some(48);
    let answer =
        Request::post(&exchange.target(exchange.provider().unwrap()), &exchange.request(model))
            .header("authorization", "Bearer sk-test")
            .header(REPLAY_HEADER, id)
            .json_header(SCRIPT_HEADER, &Script { split_at_most, ..Script::default() })
            .send(server.address());
    assert_eq!(answer.status, exchange.status, "{id}: {}", answer.text());
    assert!(answer.whole, "{id}");
    assert!(answer.body == exchange.wire_body(), "{id}: other bytes: {}", answer.text());
    for (name, value) in &exchange.response_headers {
        assert_eq!(answer.header(name), Some(value.as_str()), "{id}: header {name}");
    }
    let call = answer.header("x-outlay-call");
    call.unwrap_or_else(|| panic!("{id} is no call: {}", exchange.path)).to_owned()
}

fn is_in_scope(exchange: &Exchange) -> bool {
    let spoken = [
        "/chat/completions",
        "/responses",
        "/embeddings",
        "/v1/messages",
        ":generateContent",
        ":streamGenerateContent",
    ];
    let routed = exchange.provider().is_some_and(|provider| provider != "bedrock");
    exchange.method == "POST" && routed && spoken.iter().any(|end| exchange.path.ends_with(end))
}

/// What differs between the ledger's row and the libraries' figures, if anything does.
fn difference(call: &Call, opinion: &Opinion) -> Option<String> {
    let count = |columns: &[&str]| -> u64 {
        columns.iter().map(|column| call[column].parse::<u64>().unwrap_or(0)).sum()
    };
    let usage = &opinion.genai["usage"];
    let prompt = count(&[&COUNTS[..4], &["audio_input_tokens"]].concat());
    let output = count(&["output_tokens", "audio_output_tokens"]);
    for (name, ours, theirs) in
        [("input", prompt, &usage["input_tokens"]), ("output", output, &usage["output_tokens"])]
    {
        if theirs.as_u64().is_some_and(|theirs| theirs != ours) {
            return Some(format!("{name} {ours} instead of {theirs}"));
        }
    }
    let theirs = cost_of(&opinion.genai);
    let ours = Some(call["cost_usd"].as_str()).filter(|text| !text.is_empty()).map(usd);
    (theirs != ours).then(|| {
        let litellm = &opinion.litellm["cost"]["total"];
        format!("cost {ours:?} ({}), genai-prices {theirs:?}, litellm {litellm}", call["basis"])
    })
}

fn cost_of(library: &Value) -> Option<Decimal> {
    library["cost"]["total"].as_str().map(decimal)
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_scientific(text).or_else(|_| text.parse()).unwrap()
}
