//! Coding agents and SDKs through the running binary: what each makes of a refusal, and of a stream
//! that is ended at the limit.
//!
//! A model that is asked for work calls for a shell command that leaves a file behind if its end is
//! missing. So a client that repairs half a call and runs it is found out.
#![allow(clippy::unwrap_used, reason = "tests")]

use support::clients::{ANTHROPIC_MODEL, Api, Client, Desk, GEMINI_MODEL, OPENAI_MODEL, Run};
use support::outlay::{Call, Home};
use support::tool_stream::{AgentProvider, LAST_WORDS, Turn};

/// In US dollars per million tokens; input is free.
const OUTPUT_PRICE: &str = "100";

#[test]
fn claude_code() {
    try_out(Client::ClaudeCode);
}

#[test]
fn codex() {
    try_out(Client::Codex);
}

#[test]
fn opencode() {
    try_out(Client::Opencode(Api::Chat));
    try_out(Client::Opencode(Api::Messages));
}

#[test]
fn pi() {
    for api in [Api::Chat, Api::Messages, Api::Responses] {
        try_out(Client::Pi(api));
    }
}

#[test]
fn sdks_for_javascript() {
    for api in [Api::Chat, Api::Messages, Api::Responses, Api::Gemini] {
        try_out(Client::JavaScript(api));
    }
}

#[test]
fn ai_sdk() {
    try_out(Client::AiSdk);
}

#[test]
fn sdks_for_python() {
    for api in [Api::Chat, Api::Messages, Api::Responses] {
        try_out(Client::Python(api));
    }
}

/// Why the other stories would notice half a command that is run: pi does so after an end by length.
#[test]
fn half_a_command_that_is_run_leaves_a_file() {
    for api in [Api::Chat, Api::Messages, Api::Responses] {
        let desk = Desk::new();
        let provider =
            AgentProvider::start_with_longest_answer(Turn::Command(desk.command()), 1_000);
        let home = home(&provider);
        let server = home.serve();
        let run = desk.run(Client::Pi(api), &format!("http://{}", server.address()));
        assert_eq!(desk.found(), ["cut"], "{api:?}: {}", run.said);
    }
}

fn try_out(client: Client) {
    it_runs_commands(client);
    it_shows_a_refusal(client);
}

fn it_runs_commands(client: Client) {
    let seen = Seen::of(client, &[], Desk::command_turn);
    assert_eq!(seen.left_behind, ["whole"], "{seen}");
    assert_eq!(seen.requests, 2, "the work, and what came of it: {seen}");
    assert!(seen.run.flat().contains(LAST_WORDS), "{seen}");
    assert_eq!(seen.run.code, Some(0), "{seen}");
}

fn it_shows_a_refusal(client: Client) {
    let seen = Seen::of(client, &["--limit", "0"], Desk::command_turn);
    assert_eq!((seen.requests, seen.refused()), (0, 1), "{seen}");
    seen.assert_told();
    assert_eq!(seen.left_behind, [""; 0], "{seen}");
}

/// What is there to be seen after a client's run.
#[derive(Debug)]
struct Seen {
    client: Client,
    run: Run,
    /// Main requests that reached the provider.
    requests: usize,
    /// The calls in the ledger but for those of other models: titles and the like.
    calls: Vec<Call>,
    /// Files that commands left behind.
    left_behind: Vec<String>,
}

impl Seen {
    /// Lets the client work under a day's budget with these options; without any there is none.
    fn of(client: Client, budget: &[&str], turn: impl FnOnce(&Desk) -> Turn) -> Seen {
        let desk = Desk::new();
        let provider = AgentProvider::start(turn(&desk));
        let home = home(&provider);
        if !budget.is_empty() {
            home.ok(&[&["budget", "set", "day", "--window", "day"], budget].concat());
        }
        let server = home.serve();
        let run = desk.run(client, &format!("http://{}", server.address()));
        let mut calls = home.calls_at_rest();
        calls.retain(|call| call["model_requested"] == client.model());
        let requests = provider.main_requests();
        Seen { client, run, requests, calls, left_behind: desk.found() }
    }

    fn refused(&self) -> usize {
        self.calls.iter().filter(|call| call["status"] == "refused").count()
    }

    /// The user reads why, and the client is done.
    fn assert_told(&self) {
        assert!(self.run.flat().contains("hard budget 'day'"), "{self}");
        assert!(self.run.code.is_some(), "it went on and on: {self}");
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seen { client, run, requests, calls, left_behind } = self;
        let calls: Vec<_> = calls
            .iter()
            .map(|call| ["status", "limit_action", "output_tokens"].map(|column| &call[column]))
            .collect();
        write!(
            f,
            "{client:?} sent {requests} main requests, made the calls {calls:?}, left \
             {left_behind:?} behind, ended with {:?} after {:?}, and said: {}",
            run.code,
            run.took,
            run.flat()
        )
    }
}

fn home(provider: &AgentProvider) -> Home {
    let upstream = format!("http://{}", provider.address());
    let home = ["OPENAI", "ANTHROPIC", "GEMINI"].iter().fold(Home::bare(), |home, name| {
        home.with_env(&format!("OUTLAY_UPSTREAM_{name}"), &upstream)
    });
    for (provider, model) in
        [("openai", OPENAI_MODEL), ("anthropic", ANTHROPIC_MODEL), ("gemini", GEMINI_MODEL)]
    {
        let price = ["--input", "0", "--output", OUTPUT_PRICE, "--force"];
        home.ok(&[&["prices", "set", model, "--provider", provider][..], &price].concat());
    }
    home
}
