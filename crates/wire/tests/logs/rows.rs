//! The traps in the databases of opencode and llm.

use outlay_wire::log::llm::{self, Turn};
use outlay_wire::log::{BrokenLine, opencode};
use serde_json::{Value, json};

use crate::{model, now, once, tokens};

fn message(changes: &Value) -> String {
    let mut message = json!({
        "role": "assistant", "cost": 0.5, "modelID": "gpt-4o-mini", "providerID": "openai",
        "path": {"cwd": "/of/the/message"}, "time": {"created": 1_795_291_619_431_u64, "completed": 1_795_291_623_250_u64},
        "tokens": {"input": 969, "output": 56, "reasoning": 5, "cache": {"write": 10, "read": 64}},
    });
    for (key, value) in changes.as_object().unwrap() {
        message[key] = value.clone();
    }
    message.to_string()
}

#[test]
fn messages_of_opencode() {
    let read = |changes: Value| opencode::call("s", &message(&changes), Some("/w"), now());
    for (what, changes, expected) in [
        ("an answer", json!({}), Ok(Some("969+64+10+0>61(5)"))),
        ("a question", json!({"role": "user"}), Ok(None)),
        ("without tokens", json!({"tokens": null}), Ok(None)),
        ("still coming", json!({"time": {"created": 1_795_291_619_431_u64}}), Ok(None)),
        ("failed", json!({"tokens": {"input": 0, "output": 0, "reasoning": 0}}), Ok(None)),
        (
            "negative",
            json!({"tokens": {"input": -1, "output": 0}}),
            Err(BrokenLine::ImplausibleCount),
        ),
        ("half", json!({"tokens": {"input": 1}}), Err(BrokenLine::NoCount)),
        (
            "ahead of its time",
            json!({"time": {"created": 1_795_291_619_431_u64, "completed": 1_895_291_619_431_u64}}),
            Err(BrokenLine::ImplausibleTime),
        ),
    ] {
        let got = read(changes).map(|call| call.map(|call| tokens(&call)));
        assert_eq!(got, expected.map(|text| text.map(str::to_owned)), "{what}");
    }
    assert_eq!(opencode::call("s", "{\"role\":", None, now()), Err(BrokenLine::NotJson));
    let [one, forked] = ["s", "t"].map(|session| {
        opencode::call(session, &message(&json!({})), None, now()).unwrap().unwrap()
    });
    assert_eq!(one.folder.as_deref(), Some("/of/the/message"));
    assert_eq!(once(vec![one, forked]).len(), 1, "a forked session copies its messages");
    for (name, expected) in [
        ("google", "gemini/gpt-4o-mini"),
        ("togetherai", "together/gpt-4o-mini"),
        ("mine", "-/gpt-4o-mini"),
    ] {
        assert_eq!(model(&read(json!({"providerID": name})).unwrap().unwrap()), expected);
    }
    assert_eq!(read(json!({"cost": 0})).unwrap().unwrap().cost_logged, None);
}

#[test]
fn turns_of_llm() {
    let turn = Turn {
        id: "01m7",
        model: Some("gpt-4o-mini"),
        input_tokens: Some(100),
        output_tokens: Some(20),
        started: Some("2026-11-21T20:08:07.189550+00:00"),
        ..Turn::default()
    };
    let openai = r#"{"completion_tokens_details": {"reasoning_tokens": 5}, "prompt_tokens_details": {"cached_tokens": 64}}"#;
    let anthropic = r#"{"cache_read_input_tokens": 64, "cache_creation_input_tokens": 8, "server_tool_use": {"web_search_requests": 2}}"#;
    let gemini =
        r#"{"candidatesTokenCount": 15, "thoughtsTokenCount": 5, "cachedContentTokenCount": 64}"#;
    for (what, turn, expected) in [
        ("plain", turn, Ok(Some(("openai/gpt-4o-mini", "100+0+0+0>20(-)")))),
        (
            "OpenAI's details",
            Turn { token_details: Some(openai), ..turn },
            Ok(Some(("openai/gpt-4o-mini", "36+64+0+0>20(5)"))),
        ),
        (
            "Anthropic's",
            Turn { model: Some("anthropic/claude-x"), token_details: Some(anthropic), ..turn },
            Ok(Some(("anthropic/claude-x", "100+64+8+0>20(-)"))),
        ),
        (
            "Gemini's",
            Turn { model: Some("gemini/gemini-3"), token_details: Some(gemini), ..turn },
            Ok(Some(("gemini/gemini-3", "36+64+0+0>20(5)"))),
        ),
        (
            "behind a gateway",
            Turn { model: Some("openrouter/anthropic/claude-x"), ..turn },
            Ok(Some(("openrouter/anthropic/claude-x", "100+0+0+0>20(-)"))),
        ),
        (
            "of the user's",
            Turn { model: Some("work/x"), ..turn },
            Ok(Some(("-/work/x", "100+0+0+0>20(-)"))),
        ),
        (
            "served by another",
            Turn { resolved_model: Some("gpt-4o-mini-2024"), ..turn },
            Ok(Some(("openai/gpt-4o-mini-2024", "100+0+0+0>20(-)"))),
        ),
        ("without a model", Turn { model: None, ..turn }, Ok(Some(("-/-", "100+0+0+0>20(-)")))),
        (
            "of before times had zones",
            Turn { started: Some("2026-11-21T20:08:07.189550"), ..turn },
            Ok(Some(("openai/gpt-4o-mini", "100+0+0+0>20(-)"))),
        ),
        (
            "details that are none",
            Turn { token_details: Some("{\"a\":"), ..turn },
            Ok(Some(("openai/gpt-4o-mini", "100+0+0+0>20(-)"))),
        ),
        ("of before tokens", Turn { input_tokens: None, output_tokens: None, ..turn }, Ok(None)),
        ("half known", Turn { output_tokens: None, ..turn }, Ok(None)),
        ("negative", Turn { output_tokens: Some(-1), ..turn }, Err(BrokenLine::ImplausibleCount)),
        ("no time", Turn { started: None, ..turn }, Err(BrokenLine::NoTime)),
        ("no id", Turn { id: "", ..turn }, Err(BrokenLine::NoName)),
        ("endless", Turn { duration_ms: Some(i64::MAX), ..turn }, Err(BrokenLine::NoTime)),
    ] {
        let got =
            llm::call(&turn, now()).map(|call| call.map(|call| (model(&call), tokens(&call))));
        let expected =
            expected.map(|call| call.map(|(model, tokens)| (model.to_owned(), tokens.to_owned())));
        assert_eq!(got, expected, "{what}");
    }
}
