//! Coding agents and SDKs through the running binary: what each makes of a refusal, and of a stream
//! that is ended at the limit.
//!
//! A model that is asked for work calls for a shell command that leaves a file behind if its end is
//! missing. So a client that repairs half a call and runs it is found out.
#![allow(clippy::unwrap_used, reason = "tests")]

use support::clients::{Api, Client, Desk, Run, serve, set_prices};
use support::outlay::{Call, Home};
use support::story::usd;
use support::tool_stream::{AgentProvider, LAST_WORDS, Turn};

/// In US dollars per million tokens; input is free.
const OUTPUT_PRICE: &str = "100";
/// What 500 tokens cost: a quarter of what the model wants to say.
const LIMIT: &str = "0.05";
/// More than what a model that hesitates has said by then.
const HESITATION: &str = "0.08";

#[test]
fn claude_code() {
    try_out(Client::ClaudeCode);
}

#[test]
fn codex() {
    try_out(Client::Codex);
}

#[test]
fn gemini_cli() {
    try_out(Client::GeminiCli);
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
    it_takes_an_end_in_text(client);
    it_takes_an_end_in_a_tool_call(client);
    it_takes_a_lowered_cap_in_text(client);
    it_takes_a_lowered_cap_in_a_tool_call(client);
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
    assert!(seen.told(), "{seen}");
    assert_eq!(seen.left_behind, [""; 0], "{seen}");
}

fn it_takes_an_end_in_text(client: Client) {
    let seen = Seen::of(client, &["--limit", LIMIT, "--no-cap"], long_text);
    seen.assert_ended();
    seen.assert_ended_early();
}

fn it_takes_an_end_in_a_tool_call(client: Client) {
    let seen = Seen::of(client, &["--limit", LIMIT, "--no-cap"], Desk::command_turn);
    seen.assert_ended();
    assert_eq!(seen.left_behind, [""; 0], "{seen}");
    if !gets_calls_whole(client) {
        seen.assert_ended_early();
    }
}

/// The provider honours the cap. Text that ends by length makes some ask for the rest.
fn it_takes_a_lowered_cap_in_text(client: Client) {
    let seen = Seen::of(client, &["--limit", LIMIT], long_text);
    seen.assert_no_resend();
}

/// The provider honours the cap, so its answer ends by length with half a command in it.
fn it_takes_a_lowered_cap_in_a_tool_call(client: Client) {
    let seen = Seen::of(client, &["--limit", LIMIT], Desk::command_turn);
    seen.assert_no_resend();
    assert_eq!(seen.left_behind, [""; 0], "{seen}");
    if !gets_calls_whole(client) {
        assert!(seen.told(), "{seen}");
    }
}

/// Gemini's calls are not seen before all of their tokens have been generated, and not at all where
/// the answer ends by length before.
fn gets_calls_whole(client: Client) -> bool {
    matches!(client, Client::GeminiCli | Client::JavaScript(Api::Gemini))
}

fn long_text(_: &Desk) -> Turn {
    Turn::Text("There is a lot to be said about it. ".repeat(220))
}

/// What is there to be seen after a client's run.
#[derive(Debug)]
struct Seen {
    client: Client,
    run: Run,
    /// Main requests that reached the provider.
    requests: usize,
    /// Whether any request of its came to us.
    has_asked: bool,
    /// Whether the provider could say all that its model had to say, each time.
    finished: bool,
    /// The calls in the ledger but for those of other models: titles and the like.
    calls: Vec<Call>,
    /// Files that commands left behind.
    left_behind: Vec<String>,
}

impl Seen {
    /// Lets the client work under a day's budget with these options; without any there is none. One
    /// that hung before it asked for anything at all gets a second chance: that was not our doing.
    fn of(client: Client, budget: &[&str], turn: impl Fn(&Desk) -> Turn) -> Seen {
        let seen = Seen::once(client, budget, &turn);
        if seen.run.code.is_some() || seen.has_asked {
            return seen;
        }
        println!("{client:?} hung without a request: once more");
        Seen::once(client, budget, &turn)
    }

    fn once(client: Client, budget: &[&str], turn: &impl Fn(&Desk) -> Turn) -> Seen {
        let desk = Desk::new();
        let provider = match budget.contains(&"--no-cap") {
            true => AgentProvider::start_hesitant(turn(&desk)),
            false => AgentProvider::start(turn(&desk)),
        };
        let home = home(&provider);
        if !budget.is_empty() {
            home.ok(&[&["budget", "set", "day", "--window", "day"], budget].concat());
        }
        let server = serve(&home);
        let run = desk.run(client, &format!("http://{}", server.address()));
        let mut calls = home.calls_at_rest();
        let has_asked = !calls.is_empty();
        calls.retain(|call| call["model_requested"] == client.model());
        let main = provider.main_requests();
        let finished = main.iter().all(|arrival| arrival.finished);
        let left_behind = desk.found();
        let requests = main.len();
        let seen = Seen { client, run, requests, has_asked, finished, calls, left_behind };
        println!("{} | {}", budget.join(" "), seen.row());
        seen
    }

    fn row(&self) -> String {
        let Seen { client, run, requests, left_behind, .. } = self;
        let (refused, told, code) = (self.refused(), self.told(), run.code);
        format!("{client:?} | {requests} | {refused} | {told} | {left_behind:?} | {code:?}")
    }

    fn refused(&self) -> usize {
        self.calls.iter().filter(|call| call["status"] == "refused").count()
    }

    /// The first answer was ended at the limit.
    fn assert_ended(&self) {
        self.assert_no_resend();
        assert!(self.told(), "{self}");
        assert_eq!(self.calls[0]["limit_action"], "ended", "{self}");
    }

    /// Before the provider had said everything, and near the limit.
    fn assert_ended_early(&self) {
        let cost = usd(&self.calls[0]["cost_usd"]);
        assert!(cost > usd("0") && cost <= usd(HESITATION), "{cost}: {self}");
        assert!(!self.finished, "the provider was left to go on: {self}");
    }

    /// Nothing came after the first request but one that was refused, and the client is done.
    fn assert_no_resend(&self) {
        assert_eq!(self.requests, 1, "{self}");
        assert!(self.refused() <= 1, "{self}");
        assert!(self.run.code.is_some(), "it went on and on: {self}");
    }

    /// Whether the user can read why it ended.
    fn told(&self) -> bool {
        self.run.flat().contains("hard budget 'day'")
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seen { client, run, requests, calls, left_behind, .. } = self;
        let calls: Vec<_> = calls
            .iter()
            .map(|call| {
                ["status", "limit_action", "output_tokens", "cost_usd"].map(|column| &call[column])
            })
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
    set_prices(&home, "0", OUTPUT_PRICE);
    home
}
