//! Real coding agents and SDKs, started by `outlay run` or after `outlay connect`: what the ledger has
//! of their calls is what the provider served, and what the tools log of them adds nothing.
//!
//! `OUTLAY_CLIENTS=all` (which `cargo xtask test --clients` sets) runs also what takes long: each provider
//! and each error of tools that wait before they send again, and what is built on the vendors' SDKs.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use serde_json::json;
use support::clients::{self, serve, set_prices};
use support::fake_provider::{FakeProvider, Served};
use support::outlay::{Call, Home, Server};
use support::script::{Act, Script};
use support::tools::{Asker, ask_opencode};

const PATIENCE: Duration = Duration::from_secs(90);
/// So many answers in a row are errors, before the provider has recovered.
const FAILURES: usize = 2;
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

/// Providers of opencode's own list, each connected by the key that is in its environment.
#[test]
fn other_providers_of_opencode() {
    for (provider, model, key, path) in [
        ("cerebras", "gpt-oss-120b", "CEREBRAS_API_KEY", "/v1/chat/completions"),
        (
            "togetherai",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "TOGETHER_API_KEY",
            "/v1/chat/completions",
        ),
        (
            "fireworks-ai",
            "accounts/fireworks/models/kimi-k3",
            "FIREWORKS_API_KEY",
            "/inference/v1/chat/completions",
        ),
        ("cohere", "command-r-08-2024", "COHERE_API_KEY", "/v2/chat"),
        ("moonshotai", "kimi-k2.6", "MOONSHOT_API_KEY", "/v1/chat/completions"),
        ("zai", "glm-4.6", "ZHIPU_API_KEY", "/api/paas/v4/chat/completions"),
        ("perplexity", "sonar", "PERPLEXITY_API_KEY", "/chat/completions"),
    ]
    .into_iter()
    .take(if all() { 7 } else { 1 })
    {
        let fake = FakeProvider::start();
        let home = Home::new(&fake).with_env(key, "test");
        Asker::Opencode(provider).set_up(&home);
        let _server = serve(&home);
        home.ok(&["connect", "opencode", "--yes"]);
        // It sends again what the fake provider answers in another way than this one.
        let patience = Duration::from_secs(30);
        let said = ask_opencode(&format!("{provider}/{model}"), &home, patience);
        let asked = fake.served();
        assert!(asked.iter().any(|request| request.target == path), "{provider}: {asked:?} {said}");
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

#[test]
fn aider() {
    if all() && clients::aider().is_none() {
        println!("aider is left out: it wants Python 3.10 to 3.12, and none is here");
        return;
    }
    try_out_in_time(Asker::Aider("openai"));
    try_out_in_time(Asker::Aider("anthropic"));
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
        // As the tool asks for it: Codex asks for none.
        the_ledger_has_what_was_served(asker, false, true, Some("asked"));
    } else {
        the_ledger_has_what_was_served(asker, by_run, true, Some("asked"));
    }
    if is_sdk {
        the_ledger_has_what_was_served(asker, by_run, false, None);
    }
    for act in [Act::RateLimit, Act::ServerError] {
        if is_agent(asker) {
            it_goes_on_after_failures(asker, by_run, act);
        }
        if all() {
            failures_cost_nothing(asker, by_run, act);
        }
    }
}

/// Agents send a failed request again; of SDKs only some do.
fn is_agent(asker: Asker) -> bool {
    asker.connects().is_some()
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
    let calls = home.calls_at_rest();
    assert_are_served(&calls, &provider, &what);
    assert!(said.contains("Certainly.") || asker.has_plain(), "{what}");
    if by_run {
        assert!(calls.iter().all(|call| call["tags"] == "branch=trunk"), "{calls:?}");
        assert!(calls.iter().all(|call| call["project"] == "work"), "{calls:?}");
    }
    its_logs_add_nothing(asker, &home, &what);
}

fn a_refusal_is_seen_after_one_request(asker: Asker, by_run: bool) {
    let provider = FakeProvider::start();
    let (home, _server) = set_up(asker, &provider, by_run);
    home.ok(&["budget", "set", "day", "--window", "day", "--limit", "0"]);
    let said = asker.ask(&home, by_run, true, PATIENCE);
    let calls = home.calls_at_rest();
    let what = format!("{asker:?}: {said}");
    assert_eq!(served(&provider).len(), 0, "{what}");
    let main: Vec<&Call> =
        calls.iter().filter(|call| call["model_requested"] == asker.model()).collect();
    assert_eq!(main.len(), 1, "{calls:?} {what}");
    // LiteLLM shows the body as Python would write it.
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\'", "'");
    assert!(flat.contains("hard budget 'day'"), "{what}");
}

/// What a provider answers while it is in trouble passes as it is, is a row each, and costs nothing;
/// once the provider is well again, so is the tool.
fn it_goes_on_after_failures(asker: Asker, by_run: bool, act: Act) {
    let (status, kind) = match act {
        Act::RateLimit => (429, "rate_limit"),
        _ => (500, "overloaded"),
    };
    let provider = FakeProvider::start();
    // Without it some wait for half a minute.
    let failure = Script { act, retry_after: Some("1".to_owned()), ..Script::default() };
    provider.set_first(vec![failure; FAILURES]);
    let (home, _server) = set_up(asker, &provider, by_run);
    let said = asker.ask(&home, by_run, true, PATIENCE);
    let calls = home.calls_at_rest();
    let what = format!("{asker:?} {act:?}: {said} {calls:?}");
    let failed: Vec<&Call> = calls.iter().filter(|call| call["status"] == "failed").collect();
    for call in &failed {
        assert_eq!(call["http_status"], status.to_string(), "{what}");
        assert_eq!(call["error_kind"], kind, "{what}");
        assert_eq!(call["cost_usd"], "", "{what}");
    }
    let answered = provider.served();
    let sent = answered.iter().filter(|request| request.status == status).count();
    assert_eq!(failed.len(), sent, "{what}");
    if asker.repeats(status) {
        assert_eq!(sent, FAILURES, "{what}");
        assert!(said.contains("Certainly.") || asker.has_plain(), "{what}");
        assert_are_served(&calls, &provider, &what);
    }
    its_logs_add_nothing(asker, &home, &what);
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
    its_logs_add_nothing(asker, &home, &said);
}

/// The ledger's calls that were answered have the tokens that the provider says it served.
fn assert_are_served(calls: &[Call], provider: &FakeProvider, what: &str) {
    let mut expected: Vec<(u64, u64)> = served(provider)
        .iter()
        .map(|request| (request.input_tokens, request.output_tokens))
        .collect();
    assert!(!expected.is_empty(), "nothing came: {what}");
    let mut ledger: Vec<(u64, u64)> = calls
        .iter()
        .filter(|call| call["status"] == "settled")
        .map(|call| (tokens(call, "input_tokens"), tokens(call, "output_tokens")))
        .collect();
    ledger.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ledger, expected, "{what}");
}

/// What the tool has written down of the same calls is known already: nothing comes in by it.
fn its_logs_add_nothing(asker: Asker, home: &Home, what: &str) {
    let Some(name) = asker.logs() else { return };
    let before = home.calls();
    let report = home.json(&["import", "--all"]);
    let what = format!("{report} {what}");
    let sources = report["sources"].as_array().unwrap();
    for source in sources {
        assert_eq!(source["calls"], 0, "{what}");
        assert_eq!(source["broken_lines"], 0, "{what}");
        assert_eq!(source["problems"], json!([]), "{what}");
    }
    let after = home.calls();
    assert_eq!(costs(&after), costs(&before), "{what}");
    assert_eq!(home.json(&["status"])["outside"], json!([]), "{what}");
    for call in after.iter().filter(|call| call["status"] == "settled") {
        let shown = home.json(&["calls", "show", &call["id"]]);
        let logged = shown["logged"].as_array().unwrap();
        let is_told = logged.iter().any(|logged| logged["source"] == format!("import:{name}"));
        // Titles and the like are not always written down.
        assert!(is_told || call["model_requested"] != asker.model(), "{shown} {what}");
    }
}

/// What is counted of each call.
fn costs(calls: &[Call]) -> Vec<[String; 5]> {
    const COUNTED: [&str; 5] = ["id", "status", "input_tokens", "output_tokens", "cost_usd"];
    calls.iter().map(|call| COUNTED.map(|column| call[column].clone())).collect()
}

/// Requests for a model's answer that were answered whole.
fn served(provider: &FakeProvider) -> Vec<Served> {
    let served = provider.served().into_iter();
    served
        .filter(|served| served.is_generation() && served.finished && served.status == 200)
        .collect()
}

fn tokens(call: &Call, column: &str) -> u64 {
    call[column].parse().unwrap_or(0)
}

/// A home with the tool's own settings, connected where it is not started by `outlay run`, and a
/// proxy; it works in a repository named `work`.
fn set_up(asker: Asker, provider: &FakeProvider, by_run: bool) -> (Home, Server) {
    let home = Home::new(provider);
    set_prices(&home, "1", "100");
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
