//! What is around a client: prices of its models, and a proxy.

use super::{ANTHROPIC_MODEL, GEMINI_MODEL, OPENAI_MODEL};
use crate::outlay::{Home, Server};

/// Sets what a million tokens of each model cost, in US dollars.
pub fn set_prices(home: &Home, input: &str, output: &str) {
    for (provider, model) in [
        ("openai", OPENAI_MODEL),
        ("openai", "gpt-4o"),
        ("anthropic", ANTHROPIC_MODEL),
        ("gemini", GEMINI_MODEL),
    ] {
        let price = ["--input", input, "--output", output, "--force"];
        home.ok(&[&["prices", "set", model, "--provider", provider][..], &price].concat());
    }
}

/// Serves on a port without the digits of an HTTP error: our refusals name the port, and opencode
/// sends again what is refused with `500` or the like anywhere in the body.
#[must_use]
pub fn serve(home: &Home) -> Server {
    loop {
        let server = home.serve();
        let port = server.address().port().to_string();
        if !["429", "500", "502", "503", "504", "524"].iter().any(|code| port.contains(code)) {
            return server;
        }
    }
}
