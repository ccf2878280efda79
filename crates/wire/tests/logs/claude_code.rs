//! The traps in Claude Code's files.

use outlay_wire::log::{BrokenLine, Tool};
use serde_json::{Value, json};

use crate::{all_tokens, calls, model, read_all};

/// A line as Claude Code writes it, with `changes` laid over it.
fn line(changes: &Value) -> String {
    let mut line = json!({
        "parentUuid": "p", "isSidechain": false, "type": "assistant", "uuid": "u1",
        "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
            "content": [{"type": "text", "text": "said \"usage\" and \\"}], "stop_reason": null,
            "usage": {
                "input_tokens": 10, "cache_creation_input_tokens": 40,
                "cache_read_input_tokens": 200, "output_tokens": 5,
                "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 10},
                "service_tier": "standard",
            },
        },
        "requestId": "req_1", "timestamp": "2026-11-21T20:05:41.858Z",
        "cwd": "/w", "sessionId": "s1", "gitBranch": "main",
    });
    overlay(&mut line, changes);
    line.to_string()
}

fn overlay(onto: &mut Value, changes: &Value) {
    match (onto, changes) {
        (Value::Object(onto), Value::Object(changes)) if !changes.contains_key("=") => {
            for (key, change) in changes {
                if change == "(none)" {
                    onto.remove(key);
                } else {
                    overlay(onto.entry(key.clone()).or_insert(Value::Null), change);
                }
            }
        }
        (onto, changes) => *onto = changes.get("=").unwrap_or(changes).clone(),
    }
}

fn usage(changes: Value) -> Value {
    json!({"message": {"usage": changes}})
}

#[test]
fn which_lines_are_the_same_call() {
    let id = |id: &str, request: &str, output: u64| {
        line(
            &json!({"message": {"id": id, "usage": {"output_tokens": output}}, "requestId": request}),
        )
    };
    let other_file = |text: &str| text.replace("\"s1\"", "\"s2\"");
    for (what, files, expected) in
        [
            (
                "blocks of one message, growing",
                vec![
                    [id("msg_1", "req_1", 1), id("msg_1", "req_1", 9), id("msg_1", "req_1", 9)]
                        .join("\n"),
                ],
                vec!["10+200+30+10>9(-)"],
            ),
            (
                "blocks of one message, the last one less",
                vec![[id("msg_1", "req_1", 9), id("msg_1", "req_1", 1)].join("\n")],
                vec!["10+200+30+10>9(-)"],
            ),
            (
                "two messages of which one is written between the other's blocks",
                vec![[id("msg_1", "r", 1), id("msg_2", "r", 3), id("msg_1", "r", 9)].join("\n")],
                vec!["10+200+30+10>9(-)", "10+200+30+10>3(-)"],
            ),
            (
                "one message id, two requests",
                vec![[id("msg_1", "req_1", 1), id("msg_1", "req_2", 2)].join("\n")],
                vec!["10+200+30+10>1(-)", "10+200+30+10>2(-)"],
            ),
            (
                "a session resumed in another file, which copies the first",
                vec![
                    id("msg_1", "req_1", 9),
                    [other_file(&id("msg_1", "req_1", 9)), id("msg_2", "req_2", 2)].join("\n"),
                ],
                vec!["10+200+30+10>9(-)", "10+200+30+10>2(-)"],
            ),
            (
                "a gateway that names no request",
                vec![
                    [id("msg_1", "(none)", 1), id("msg_1", "(none)", 9), id("msg_2", "(none)", 2)]
                        .join("\n"),
                ],
                vec!["10+200+30+10>9(-)", "10+200+30+10>2(-)"],
            ),
            (
                "a block that leaves out the request which the others name",
                vec![
                    [id("msg_1", "req_1", 1), id("msg_1", "(none)", 9), id("msg_1", "req_1", 9)]
                        .join("\n"),
                ],
                vec!["10+200+30+10>9(-)"],
            ),
            (
                "no id at all: each line for itself",
                vec![[
                line(&json!({"message": {"id": "(none)"}, "requestId": "(none)"})),
                line(&json!({"message": {"id": "(none)"}, "requestId": "(none)", "uuid": "u2"})),
            ].join("\n")],
                vec!["10+200+30+10>5(-)", "10+200+30+10>5(-)"],
            ),
        ]
    {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let mut got = all_tokens(&calls(Tool::ClaudeCode, &files));
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "{what}");
    }
}

#[test]
fn what_counts() {
    let nested = json!({"=": {"type": "agent_progress", "message": serde_json::from_str::<Value>(
        &line(&json!({"sessionId": "(none)", "message": {"id": "msg_sub"}}))).unwrap()}});
    for (what, text, expected) in [
        (
            "a sub-agent's",
            line(&json!({"isSidechain": true, "agentId": "a1"})),
            vec!["10+200+30+10>5(-)"],
        ),
        (
            "of before the split",
            line(&usage(json!({"cache_creation": "(none)"}))),
            vec!["10+200+40+0>5(-)"],
        ),
        (
            "more written than split: for the default time",
            line(&usage(json!({"cache_creation_input_tokens": 50}))),
            vec!["10+200+40+10>5(-)"],
        ),
        (
            "thinking is inside the output",
            line(&usage(json!({"output_tokens_details": {"thinking_tokens": 3}}))),
            vec!["10+200+30+10>5(3)"],
        ),
        (
            "what was made up without a call",
            line(&json!({"message": {"model": "<synthetic>"}})),
            vec![],
        ),
        ("an error told as an answer", line(&json!({"isApiErrorMessage": true})), vec![]),
        ("no usage", line(&json!({"message": {"usage": null}})), vec![]),
        (
            "nothing consumed",
            line(&usage(json!({"=": {"input_tokens": 0, "output_tokens": 0}}))),
            vec![],
        ),
        (
            "a sub-agent's sum in a tool's answer",
            line(&json!({"type": "user", "toolUseResult": {"usage": {"input_tokens": 9}}})),
            vec![],
        ),
        (
            "a sub-agent's message within progress",
            line(&json!({"type": "progress", "message": "(none)", "data": nested})),
            vec!["10+200+30+10>5(-)"],
        ),
        (
            "advice of another model",
            line(&usage(json!({"iterations": [
                {"type": "message", "input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 200},
                {"type": "advisor_message", "model": "claude-fable-6", "input_tokens": 70, "output_tokens": 8},
            ]}))),
            vec!["70+0+0+0>8(-)", "10+200+0+0>5(-)"],
        ),
        ("nothing of interest", r#"{"type":"cost-state","totalCostUSD":1}"#.to_owned(), vec![]),
        ("not even JSON, but no usage either", "\u{0}\u{1}garbage".to_owned(), vec![]),
    ] {
        assert_eq!(all_tokens(&read_whole(&text)), expected, "{what}");
    }
}

fn read_whole(text: &str) -> Vec<outlay_wire::log::LogCall> {
    let (found, flaws) = read_all(Tool::ClaudeCode, text);
    assert_eq!(flaws, [], "{text}");
    found
}

#[test]
fn what_is_told_besides() {
    let call = |changes: Value| read_whole(&line(&changes)).remove(0);
    let searched = call(usage(
        json!({"server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}}),
    ));
    assert_eq!((searched.usage.web_searches, searched.usage.other_tool_calls), (2, 1));
    for (what, changes, expected) in [
        ("Anthropic's own", json!({}), "anthropic/claude-opus-5-5"),
        ("Bedrock", json!({"message": {"id": "msg_bdrk_1"}}), "bedrock/claude-opus-5-5"),
        ("Vertex", json!({"message": {"id": "msg_vrtx_1"}}), "vertex/claude-opus-5-5"),
        (
            "another model behind the protocol",
            json!({"message": {"model": "kimi-k3"}}),
            "-/kimi-k3",
        ),
        ("a gateway's id", json!({"message": {"id": "chatcmpl-1"}}), "-/claude-opus-5-5"),
    ] {
        assert_eq!(model(&call(changes)), expected, "{what}");
    }
    for (changes, expected) in [
        (json!({"costUSD": 0.0123}), Some("0.0123")),
        (json!({"costUSD": 1.05e-5}), Some("0.0000105")),
        (json!({"costUSD": 0}), None),
        (json!({}), None),
    ] {
        let cost = call(changes.clone()).cost_logged.map(|cost| cost.to_string());
        assert_eq!(cost.as_deref(), expected, "{changes}");
    }
    for (changes, expected) in [(json!({}), "standard"), (usage(json!({"speed": "fast"})), "fast")]
    {
        assert_eq!(call(changes).service_tier.as_deref(), Some(expected));
    }
}

#[test]
fn broken_lines() {
    let whole = line(&json!({}));
    for (what, text, expected) in [
        ("cut off", whole[..whole.len() - 40].to_owned(), BrokenLine::NotJson),
        ("two in one", format!("{whole}{whole}"), BrokenLine::NotJson),
        ("no time", line(&json!({"timestamp": "(none)"})), BrokenLine::NoTime),
        ("a time that is none", line(&json!({"timestamp": "soon"})), BrokenLine::NoTime),
        (
            "tomorrow's tomorrow",
            line(&json!({"timestamp": "2026-11-25T00:00:00.000Z"})),
            BrokenLine::ImplausibleTime,
        ),
        (
            "long ago",
            line(&json!({"timestamp": "1970-01-01T00:00:00.000Z"})),
            BrokenLine::ImplausibleTime,
        ),
        ("negative", line(&usage(json!({"output_tokens": -1}))), BrokenLine::ImplausibleCount),
        ("a fraction", line(&usage(json!({"input_tokens": 1.5}))), BrokenLine::ImplausibleCount),
        (
            "absurd",
            line(&usage(json!({"input_tokens": 9_007_199_254_740_993_u64}))),
            BrokenLine::ImplausibleCount,
        ),
        ("a text", line(&usage(json!({"input_tokens": "many"}))), BrokenLine::ImplausibleCount),
        (
            "negative, within",
            line(&usage(json!({"cache_creation": {"ephemeral_1h_input_tokens": -1}}))),
            BrokenLine::ImplausibleCount,
        ),
        ("half", line(&usage(json!({"output_tokens": "(none)"}))), BrokenLine::NoCount),
        (
            "without a name",
            line(&json!({"message": {"id": "(none)"}, "requestId": "(none)", "uuid": "(none)"})),
            BrokenLine::NoName,
        ),
    ] {
        let (found, flaws) = read_all(Tool::ClaudeCode, &text);
        assert_eq!((found.len(), flaws), (0, vec![expected]), "{what}");
    }
    let (found, flaws) = read_all(Tool::ClaudeCode, &format!("{}\n{whole}", &whole[..300]));
    assert_eq!((found.len(), flaws.len()), (1, 1), "what follows a broken line is read");
}
