//! Real coding agents and SDKs, started by `outlay run` or after `outlay connect`: what the ledger has
//! of their calls is what the provider served.
//!
//! `OUTLAY_CLIENTS=all` (which `cargo xtask test --clients` sets) runs also what takes long: upstream
//! errors that agents send again for minutes, compressed answers, and what is built on the vendors' SDKs.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use support::clients::{ANTHROPIC_MODEL, GEMINI_MODEL, OPENAI_MODEL};
use support::dialect::Dialect;
use support::fake_provider::FakeProvider;
use support::outlay::{Call, Home, Server};
use support::script::{Act, Script};
use support::tools::Asker;

const PATIENCE: Duration = Duration::from_secs(60);
/// Clients that send a failed call again do so for minutes: enough is seen of it by then.
const PATIENCE_WITH_ERRORS: Duration = Duration::from_secs(40);

#[test]
fn claude_code() {
    try_out(Asker::ClaudeCode);
}

#[test]
fn codex() {
    try_out(Asker::Codex);
}

#[test]
fn gemini_cli() {
    try_out(Asker::GeminiCli);
}

#[test]
fn opencode() {
    for provider in usual(&["openai", "anthropic"]) {
        try_out(Asker::Opencode(provider));
    }
}

#[test]
fn qwen() {
    try_out(Asker::Qwen);
}

#[test]
fn pi() {
    for provider in usual(&["openai", "anthropic", "google"]) {
        try_out(Asker::Pi(provider));
    }
}

#[test]
fn cline() {
    for provider in usual(&["anthropic", "openai-native"]) {
        try_out(Asker::Cline(provider));
    }
}

#[test]
fn sdks_for_javascript() {
    for how in ["messages", "chat", "responses", "gemini", "ai-sdk"] {
        try_out(Asker::JavaScript(how));
    }
}

#[test]
fn sdks_for_python() {
    for how in ["messages", "chat", "responses"] {
        try_out(Asker::Python(how));
    }
}

#[test]
fn google_genai_for_python() {
    try_out_in_time(Asker::Framework("gemini"));
}

#[test]
fn litellm() {
    try_out_in_time(Asker::Framework("litellm"));
    try_out_in_time(Asker::Framework("litellm-claude"));
}

#[test]
fn langchain() {
    try_out_in_time(Asker::Framework("langchain"));
}

#[test]
fn pydantic_ai() {
    try_out_in_time(Asker::Framework("pydantic-ai"));
}

#[test]
fn llm() {
    try_out_in_time(Asker::Llm);
}

fn try_out_in_time(asker: Asker) {
    if all() {
        try_out(asker);
    }
}

/// Settings that were connected once must not take a run's calls away from it, nor from its budget.
#[test]
fn a_run_outranks_what_connect_wrote() {
    let askers = [Asker::ClaudeCode, Asker::Codex, Asker::Opencode("openai"), Asker::Qwen];
    for asker in askers.into_iter().take(if all() { 4 } else { 2 }) {
        let provider = FakeProvider::start();
        let (home, _server) = set_up(asker, &provider, false);
        let said = asker.ask(&home, true, true, PATIENCE);
        let calls = home.calls_at_rest();
        assert!(!calls.is_empty(), "{asker:?}: {said}");
        let are_its = calls.iter().all(|call| call["tags"] == "branch=trunk");
        assert!(are_its, "{asker:?}: {calls:?} {said}");
    }
}

/// The first of them, where time is short.
fn usual(providers: &[&'static str]) -> Vec<&'static str> {
    providers.iter().copied().take(if all() { providers.len() } else { 1 }).collect()
}

fn all() -> bool {
    std::env::var("OUTLAY_CLIENTS").is_ok_and(|which| which == "all")
}

fn try_out(asker: Asker) {
    let (by_run, is_sdk) = (asker.runs(), asker.has_plain());
    the_ledger_has_what_was_served(asker, by_run, true, None);
    a_refusal_is_seen_after_one_request(asker, by_run);
    if by_run && asker.connects().is_some() {
        the_ledger_has_what_was_served(asker, false, true, None);
    }
    if is_sdk {
        the_ledger_has_what_was_served(asker, by_run, false, None);
    }
    if !all() {
        return;
    }
    // Codex asks for no encoding, and cannot read any.
    if asker != Asker::Codex {
        the_ledger_has_what_was_served(asker, by_run, true, Some("gzip"));
    }
    for act in [Act::RateLimit, Act::ServerError] {
        failures_cost_nothing(asker, by_run, act);
    }
}

fn the_ledger_has_what_was_served(
    asker: Asker,
    by_run: bool,
    stream: bool,
    encoding: Option<&str>,
) {
    let provider = FakeProvider::start();
    let encoding = encoding.map(str::to_owned);
    provider.set_default(Script { encoding, output_tokens: 37, ..Script::default() });
    let (home, _server) = set_up(asker, &provider, by_run);
    let said = asker.ask(&home, by_run, stream, PATIENCE);
    let what = format!("{asker:?} by run {by_run}, stream {stream}: {said}");
    let served = served(&provider);
    assert!(!served.is_empty(), "nothing came: {what}");
    let mut ledger: Vec<(u64, u64)> = home
        .calls_at_rest()
        .iter()
        .filter(|call| call["status"] == "settled")
        .map(|call| (tokens(call, "input_tokens"), tokens(call, "output_tokens")))
        .collect();
    ledger.sort_unstable();
    assert_eq!(ledger, served, "{what}");
    assert!(said.contains("Certainly.") || asker.has_plain(), "{what}");
    if by_run {
        let calls = home.calls_at_rest();
        assert!(calls.iter().all(|call| call["tags"] == "branch=trunk"), "{calls:?}");
        assert!(calls.iter().all(|call| call["project"] == "work"), "{calls:?}");
    }
}

fn a_refusal_is_seen_after_one_request(asker: Asker, by_run: bool) {
    let provider = FakeProvider::start();
    let (home, _server) = set_up(asker, &provider, by_run);
    home.ok(&["budget", "set", "day", "--window", "day", "--limit", "0"]);
    let said = asker.ask(&home, by_run, true, PATIENCE);
    let calls = home.calls_at_rest();
    let what = format!("{asker:?}: {said}");
    assert!(served(&provider).is_empty(), "{what}");
    let main: Vec<&Call> =
        calls.iter().filter(|call| call["model_requested"] == asker.model()).collect();
    assert_eq!(main.len(), 1, "{calls:?} {what}");
    // LiteLLM shows the body as Python would write it.
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\'", "'");
    assert!(flat.contains("hard budget 'day'"), "{what}");
}

fn failures_cost_nothing(asker: Asker, by_run: bool, act: Act) {
    let provider = FakeProvider::start();
    provider.set_default(Script { act, ..Script::default() });
    let (home, _server) = set_up(asker, &provider, by_run);
    let said = asker.ask(&home, by_run, true, PATIENCE_WITH_ERRORS);
    let calls = home.calls_at_rest();
    assert!(!calls.is_empty(), "{asker:?} {act:?}: {said}");
    for call in &calls {
        // One that was stopped while it waited for the provider is no failure of the provider's.
        let is_failed = call["status"] == "failed" && call["cost_usd"].is_empty();
        assert!(is_failed || call["status"] == "estimated", "{asker:?} {act:?}: {call:?}");
    }
}

/// Generation requests that were answered whole: their tokens, in order.
fn served(provider: &FakeProvider) -> Vec<(u64, u64)> {
    let is_generation = |target: &str| {
        let path = target.split('?').next().unwrap_or_default();
        Dialect::of_path(path) != Dialect::Other
    };
    let served = provider.served();
    let whole = served.iter().filter(|request| request.finished && request.method == "POST");
    let whole = whole.filter(|request| is_generation(&request.target));
    let mut tokens: Vec<(u64, u64)> =
        whole.map(|request| (request.input_tokens, request.output_tokens)).collect();
    tokens.sort_unstable();
    tokens
}

fn tokens(call: &Call, column: &str) -> u64 {
    call[column].parse().unwrap_or(0)
}

/// A home with the tool's own settings, connected where it is not started by `outlay run`, and a
/// proxy; it works in a repository named `work`.
fn set_up(asker: Asker, provider: &FakeProvider, by_run: bool) -> (Home, Server) {
    let home = Home::new(provider);
    for (provider, model) in [
        ("openai", OPENAI_MODEL),
        ("openai", "gpt-4o"),
        ("anthropic", ANTHROPIC_MODEL),
        ("gemini", GEMINI_MODEL),
    ] {
        let price = ["--input", "1", "--output", "100", "--force"];
        home.ok(&[&["prices", "set", model, "--provider", provider][..], &price].concat());
    }
    let git = home.path().join("work/.git");
    std::fs::create_dir_all(&git).unwrap();
    std::fs::write(git.join("HEAD"), "ref: refs/heads/trunk\n").unwrap();
    asker.set_up(&home);
    let server = serve(&home);
    if !by_run {
        home.ok(&["connect", asker.connects().unwrap(), "--yes"]);
    }
    (home, server)
}

/// On a port without the digits of an HTTP error: opencode sends again what is refused with them
/// anywhere in the body.
fn serve(home: &Home) -> Server {
    loop {
        let server = home.serve();
        let port = server.address().port().to_string();
        if !["429", "500", "502", "503", "504", "524"].iter().any(|code| port.contains(code)) {
            return server;
        }
    }
}
