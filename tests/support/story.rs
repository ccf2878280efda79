//! What many stories begin with: a home with a priced model, and calls that cost a known amount.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::clock::Clock;
use crate::fake_provider::FakeProvider;
use crate::outlay::{Home, Server};
use crate::script::{SCRIPT_HEADER, Script};

/// A model no price list knows; [`price_the_model`] makes its output cost $10 per million.
pub const MODEL: &str = "story-model";
/// Where OpenAI chat calls go.
pub const CHAT: &str = "/openai/v1/chat/completions";

/// Input free, output $10 per million tokens: 200 tokens cost $0.002.
pub fn price_the_model(home: &Home) {
    home.ok(&["prices", "set", MODEL, "--provider", "openai", "--input", "0", "--output", "10"]);
}

/// A chat call that uses all of its 200 output tokens: $0.002.
#[must_use]
pub fn chat() -> Request {
    chat_with(&json!({"max_tokens": 200}))
}

/// Like [`chat`], as a stream.
#[must_use]
pub fn chat_stream() -> Request {
    chat_with(&json!({"max_tokens": 200, "stream": true}))
}

/// A chat call with these fields in its body; the model would like to say 500 tokens.
#[must_use]
pub fn chat_with(fields: &Value) -> Request {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Request::post(CHAT, &body)
        .header("authorization", "Bearer sk-test")
        .json_header(SCRIPT_HEADER, &Script { output_tokens: 500, ..Script::default() })
}

/// A running server on 2026-11-21 (noon UTC) with a used-up budget of $0.004, a balance of $12.40,
/// two settled calls, one of them attributed and tagged, and a refused one.
#[derive(Debug)]
pub struct Day {
    /// The home.
    pub home: Home,
    /// Its server.
    pub server: Server,
    _provider: FakeProvider,
    _clock: Clock,
}

impl Day {
    /// Lives through it.
    ///
    /// # Panics
    /// When a call is not answered as it should be.
    #[must_use]
    pub fn with_a_refusal() -> Day {
        let clock = Clock::at("2026-11-21T12:00:00Z");
        let provider = FakeProvider::start();
        let home = Home::new(&provider).with_clock(&clock);
        price_the_model(&home);
        home.ok(&["budget", "set", "day", "--limit", "0.004", "--window", "day"]);
        home.ok(&["balance", "add", "openai", "12.40"]);
        let server = home.serve();
        let tagged = chat()
            .header("x-outlay-project", "demo")
            .header("x-outlay-tags", "team=a;run=7")
            .header("user-agent", "curl/8.1");
        assert_eq!(tagged.send(server.address()).status, 200);
        assert_eq!(chat().send(server.address()).status, 200);
        assert_eq!(chat().send(server.address()).status, 402);
        assert_eq!(home.calls_at_rest().len(), 3);
        Day { home, server, _provider: provider, _clock: clock }
    }
}

/// Sends a hundred such calls at once and returns the answers.
#[must_use]
pub fn hundred_at_once(server: &Server, request: &Request) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..100).map(|_| scope.spawn(|| request.send(server.address()))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

/// An amount of money as a number that can be compared and summed exactly.
///
/// # Panics
/// On text that is no money.
#[must_use]
pub fn usd(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|error| panic!("{text:?} is no amount of money: {error}"))
}
