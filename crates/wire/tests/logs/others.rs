//! The traps in the files of Gemini CLI, Qwen Code, pi and Cline.

use outlay_wire::log::{BrokenLine, LogCall, Tool, read_document};
use serde_json::{Value, json};

use crate::{all_tokens, calls, model, now, once, read_all};

fn lines(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

fn with(base: &Value, path: &[&str], value: &Value) -> Value {
    let mut base = base.clone();
    let (last, before) = path.split_last().unwrap();
    let at = before.iter().fold(&mut base, |at, key| &mut at[*key]);
    at[*last] = value.clone();
    base
}

fn gemini(id: &str, tokens: Value) -> Value {
    json!({"id": id, "timestamp": "2026-11-21T20:09:05.080Z", "type": "gemini",
           "content": "said", "tokens": tokens, "model": "gemini-3.8-flash"})
}

#[test]
fn gemini_cli() {
    let header = json!({"sessionId": "s", "kind": "main"});
    let [few, all] = [json!({"input": 10, "output": 0}), json!({"input": 10, "output": 7})];
    for (what, values, expected) in [
        (
            "thoughts are output, what tools fed back is input, what was cached is inside",
            vec![gemini(
                "a",
                json!({"input": 100, "output": 7, "cached": 60, "thoughts": 5, "tool": 20, "total": 132}),
            )],
            vec!["60+60+0+0>12(5)"],
        ),
        (
            "a message written again, and all of them set again",
            vec![
                gemini("a", Value::Null),
                gemini("a", few.clone()),
                gemini("a", all.clone()),
                json!({"$set": {"messages": [gemini("a", all.clone()), gemini("b", few.clone())]}}),
            ],
            vec!["10+0+0+0>7(-)", "10+0+0+0>0(-)"],
        ),
        (
            "what was taken back was paid",
            vec![gemini("a", all.clone()), json!({"$rewindTo": "a"})],
            vec!["10+0+0+0>7(-)"],
        ),
        ("nothing consumed", vec![gemini("a", json!({"input": 0, "output": 0}))], vec![]),
        (
            "a user's message that says tokens",
            vec![
                json!({"id": "u", "type": "user", "content": {"tokens": 1}, "tokens": {"input": 5}}),
            ],
            vec![],
        ),
    ] {
        let text = lines(&[vec![header.clone()], values.clone()].concat());
        let mut got = all_tokens(&calls(Tool::GeminiCli, &[&text]));
        got.sort_by_key(|text| std::cmp::Reverse(text.clone()));
        assert_eq!(got, expected, "{what}");
        let messages: Vec<Value> =
            values.into_iter().filter(|value| value.get("id").is_some()).collect();
        let document = json!({"sessionId": "s", "messages": messages}).to_string();
        let mut found = Vec::new();
        read_document(Tool::GeminiCli, document.as_bytes(), now(), &mut found).unwrap();
        assert!(found.iter().all(|call| call.session.as_deref() == Some("s")), "{what}");
        let sessions = calls(Tool::GeminiCli, &[&text]);
        assert!(sessions.iter().all(|call| call.session.as_deref() == Some("s")), "{what}");
    }
}

#[test]
fn qwen() {
    let chat = |counts: [u64; 5]| {
        let [input, output, cached, thoughts, total] = counts;
        json!({"sessionId": "s", "cwd": "/w", "gitBranch": "main", "type": "system",
            "timestamp": "2026-11-21T20:07:48.478Z", "subtype": "ui_telemetry",
            "systemPayload": {"uiEvent": {
                "event.name": "qwen-code.api_response", "event.timestamp": "2026-11-21T20:07:48.477Z",
                "response_id": "r1", "model": "m", "duration_ms": 876, "auth_type": "openai",
                "input_token_count": input, "output_token_count": output,
                "cached_content_token_count": cached, "thoughts_token_count": thoughts,
                "total_token_count": total, "response_text": "said"}}})
    };
    let file = |counts: [u64; 5], auth: &str| {
        let [input, output, cached, thoughts, total] = counts;
        json!({"schemaVersion": 1, "id": "u1", "timestamp": "2026-11-21T20:07:48.477Z", "sessionId": "s",
            "model": "m", "authType": auth, "source": "main", "inputTokens": input,
            "outputTokens": output, "cachedTokens": cached, "thoughtsTokens": thoughts,
            "totalTokens": total, "apiDurationMs": 876})
    };
    let (inside, beside) = ([100, 20, 60, 5, 120], [100, 20, 60, 5, 125]);
    for (what, files, expected) in [
        ("both files tell of it", vec![chat(inside), file(inside, "openai")], "40+60+0+0>20(5)"),
        ("only the usage file", vec![file(inside, "openai")], "40+60+0+0>20(5)"),
        (
            "thoughts beside the output",
            vec![chat(beside), file(beside, "openai")],
            "40+60+0+0>25(5)",
        ),
    ] {
        let files: Vec<String> = files.iter().map(Value::to_string).collect();
        let texts: Vec<&str> = files.iter().map(String::as_str).collect();
        assert_eq!(all_tokens(&calls(Tool::Qwen, &texts)), [expected], "{what}");
    }
    for (auth, route, plan) in [
        ("openai", "-/m", None),
        ("gemini", "gemini/m", None),
        ("vertex-ai", "vertex/m", None),
        ("qwen-oauth", "-/m", Some(true)),
    ] {
        let found = calls(Tool::Qwen, &[&file(inside, auth).to_string()]);
        assert_eq!((model(&found[0]), found[0].plan_login), (route.to_owned(), plan), "{auth}");
    }
    let two = [
        file(inside, "openai"),
        with(&file(inside, "openai"), &["timestamp"], &json!("2026-11-21T20:07:48.478Z")),
    ];
    assert_eq!(calls(Tool::Qwen, &[&lines(&two)]).len(), 2, "two calls that look alike");
}

fn pi(changes: &[(&[&str], Value)]) -> Value {
    let base = json!({"type": "message", "id": "2971ebe2", "timestamp": "2026-11-21T20:07:58.344Z",
        "message": {"role": "assistant", "content": "said", "provider": "anthropic",
            "model": "claude-sonnet-4-5", "timestamp": 1_795_291_678_301_u64, "responseId": "msg_1",
            "usage": {"input": 10, "output": 7, "cacheRead": 200, "cacheWrite": 40,
                "cost": {"input": 0.00003, "total": 0.000315}}}});
    changes.iter().fold(base, |base, (path, value)| with(&base, path, value))
}

#[test]
fn pis() {
    let header = |id: &str| json!({"type": "session", "id": id, "cwd": "/w"});
    let no_id: (&[&str], Value) = (&["message", "responseId"], Value::Null);
    let later: (&[&str], Value) = (&["message", "timestamp"], json!(1_795_291_678_302_u64));
    for (what, files, expected) in [
        (
            "a fork copies it",
            vec![lines(&[header("a"), pi(&[])]), lines(&[header("b"), pi(&[])])],
            1,
        ),
        (
            "a fork copies one without an id",
            vec![
                lines(&[header("a"), pi(&[no_id.clone()])]),
                lines(&[header("b"), pi(&[no_id.clone()])]),
            ],
            1,
        ),
        ("two without an id", vec![lines(&[pi(&[no_id.clone()]), pi(&[no_id.clone(), later])])], 2),
        ("a user's", vec![lines(&[pi(&[(&["message", "role"], json!("user"))])])], 0),
        (
            "one that failed",
            vec![lines(&[pi(&[(&["message", "usage"], json!({"input": 0, "output": 0}))])])],
            0,
        ),
    ] {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        assert_eq!(calls(Tool::Pi, &files).len(), expected, "{what}");
    }
    let provider = |name: &str| pi(&[(&["message", "provider"], json!(name))]).to_string();
    for (name, route, plan) in [
        ("anthropic", "anthropic/claude-sonnet-4-5", None),
        ("google", "gemini/claude-sonnet-4-5", None),
        ("openai-codex", "openai/claude-sonnet-4-5", Some(true)),
        ("github-copilot", "-/claude-sonnet-4-5", Some(true)),
        ("mine", "-/claude-sonnet-4-5", None),
    ] {
        let found = calls(Tool::Pi, &[&provider(name)]);
        assert_eq!((model(&found[0]), found[0].plan_login), (route.to_owned(), plan), "{name}");
        assert_eq!(found[0].cost_logged.unwrap().to_string(), "0.000315");
    }
}

fn cline(messages: &Value) -> (Vec<LogCall>, Result<(), BrokenLine>) {
    let document = json!({"sessionId": "s", "messages": messages}).to_string();
    let mut found = Vec::new();
    let read = read_document(Tool::Cline, document.as_bytes(), now(), &mut found);
    (found, read)
}

#[test]
fn clines() {
    let message = |id: &str, metrics: Value| {
        json!({"id": id, "role": "assistant", "content": "said", "ts": 1_795_292_550_388_u64,
            "modelInfo": {"id": "m", "provider": "openrouter"}, "metrics": metrics})
    };
    let whole = json!({"inputTokens": 300, "outputTokens": 7, "cacheReadTokens": 200, "cacheWriteTokens": 40, "cost": 0.5});
    let (found, read) = cline(&json!([
        message("a", whole.clone()),
        message("b", json!({"inputTokens": -3, "outputTokens": 7})),
        message("c", json!({"inputTokens": 3, "outputTokens": 7})),
        message("a", whole),
        {"id": "d", "role": "assistant"},
    ]));
    assert_eq!(read, Err(BrokenLine::ImplausibleCount), "the rest is read");
    let found = once(found);
    let mut tokens = all_tokens(&found);
    tokens.sort();
    assert_eq!(tokens, ["3+0+0+0>7(-)", "60+200+40+0>7(-)"]);
    assert!(found.iter().all(|call| model(call) == "openrouter/m"));
    let mut found = Vec::new();
    let cut = read_document(Tool::Cline, b"{\"messages\":[{\"id\":\"a\"", now(), &mut found);
    assert_eq!(cut, Err(BrokenLine::NotJson));
}

#[test]
fn broken_lines() {
    let gemini = gemini("a", json!({"input": 10, "output": 7})).to_string();
    let pi = pi(&[]).to_string();
    let usage = r#"{"schemaVersion":1,"timestamp":"2026-11-21T20:07:48.477Z","inputTokens":1,"outputTokens":1}"#;
    for (tool, text, expected) in [
        (Tool::GeminiCli, gemini.replace(":10", ":-10"), BrokenLine::ImplausibleCount),
        (Tool::GeminiCli, gemini.replace("2026-11-21", "2027-11-21"), BrokenLine::ImplausibleTime),
        (Tool::GeminiCli, gemini.replace("\"output\"", "\"x\""), BrokenLine::NoCount),
        (Tool::GeminiCli, gemini.replace("\"id\"", "\"x\""), BrokenLine::NoName),
        (Tool::GeminiCli, gemini[..gemini.len() - 2].to_owned(), BrokenLine::NotJson),
        (Tool::Pi, pi.replace(":200", ":2.5"), BrokenLine::ImplausibleCount),
        (Tool::Pi, pi.replace("2026-11-21T", "2026-11-41T"), BrokenLine::NoTime),
        (Tool::Pi, pi[..pi.len() - 2].to_owned(), BrokenLine::NotJson),
        (Tool::Qwen, usage.replace("ns\":1", "ns\":-1"), BrokenLine::ImplausibleCount),
        (Tool::Qwen, usage.replace("timestamp", "x"), BrokenLine::NoTime),
        (Tool::Qwen, usage.replace("outputTokens", "x"), BrokenLine::NoCount),
        (Tool::Qwen, usage[..usage.len() - 2].to_owned(), BrokenLine::NotJson),
    ] {
        let (found, flaws) = read_all(tool, &text);
        assert_eq!((found.len(), flaws), (0, vec![expected]), "{text}");
    }
}
