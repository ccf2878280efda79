//! Early ends of streams: what passes, and what closes a stream at every place it can be ended.

// A test may stop at anything that is not as it should be.
#![allow(clippy::unwrap_used)]

use outlay_core::admission::RefusalReason;
use outlay_core::budget::{BudgetUnit, Quantity, Scope};
use outlay_wire::Dialect::{
    AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiCompletions, OpenAiResponses,
};
use outlay_wire::sse::SseReader;
use outlay_wire::{Dialect, RefusalFacts, StreamGate, is_cut_tool_call};
use proptest::prelude::*;
use serde_json::Value;

const NOTE: &str = "Outlay: budget 'day' is used up; this answer ends here.";

fn facts() -> RefusalFacts {
    let count = |count| Quantity { unit: BudgetUnit::Tokens, count };
    RefusalFacts {
        reason: RefusalReason::QuotaExceeded,
        message: "Outlay: budget 'day' is used up until tomorrow".to_owned(),
        docs: "http://127.0.0.1:4780/help/quota_exceeded".to_owned(),
        budget: Some("day".to_owned()),
        window: Some("day".to_owned()),
        unit: Some("tokens"),
        scope: Scope::default(),
        limit: Some(count(1_000)),
        used: Some(count(1_000)),
        held: Some(count(0)),
        needed: Some(count(20)),
        quota_remaining: Some(count(0)),
        credits_remaining: Some(count(0)),
        balance_remaining: None,
        reset_date: None,
        addon_available: false,
        options: Vec::new(),
    }
}

/// A recorded kind of stream: its events, as the provider frames them.
struct Stream {
    dialect: Dialect,
    events: Vec<String>,
}

impl Stream {
    fn text(&self) -> String {
        self.events.concat()
    }

    fn gate(&self, replaces_length_end: bool) -> StreamGate {
        StreamGate::new(self.dialect, Some("text/event-stream"), replaces_length_end).unwrap()
    }
}

fn chat(deltas: &[&str], reason: &str) -> Stream {
    let chunk = |choices: &str| {
        format!(
            "data: {{\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"gpt-5\",\"choices\":[{choices}]}}\n\n"
        )
    };
    let mut events: Vec<String> = deltas
        .iter()
        .map(|delta| chunk(&format!(r#"{{"index":0,"delta":{delta},"finish_reason":null}}"#)))
        .collect();
    events.push(chunk(&format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}"#)));
    events.push("data: {\"id\":\"c-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":8}}\n\n".to_owned());
    events.push("data: [DONE]\n\n".to_owned());
    Stream { dialect: OpenAiChat, events }
}

fn chat_with_tool(reason: &str) -> Stream {
    let call = r#"{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"run","arguments":""}}]}"#;
    let half =
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"command\": \"rm -rf /tmp"}}]}"#;
    chat(
        &[
            r#"{"role":"assistant","content":""}"#,
            r#"{"reasoning_content":"Hm."}"#,
            r#"{"content":"I will"}"#,
            call,
            half,
        ],
        reason,
    )
}

fn named(dialect: Dialect, data: &[&str]) -> Stream {
    let event = |data: &&str| {
        let value: Value = serde_json::from_str(data).unwrap();
        format!("event: {}\ndata: {data}\n\n", value["type"].as_str().unwrap())
    };
    Stream { dialect, events: data.iter().map(event).collect() }
}

fn messages_with_tool(reason: &str) -> Stream {
    let end = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}","stop_sequence":null}},"usage":{{"output_tokens":8}}}}"#
    );
    named(
        AnthropicMessages,
        &[
            r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"I will"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"run","input":{}}}"#,
            r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"command\": \"rm -rf /tmp"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            &end,
            r#"{"type":"message_stop"}"#,
        ],
    )
}

fn responses_with_tool(end: &str, status: &str) -> Stream {
    let call = |kind: &str, status: &str, number: u64| {
        format!(
            r#"{{"type":"response.output_item.{kind}","sequence_number":{number},"output_index":2,"item":{{"id":"fc_1","type":"function_call","status":"{status}","name":"run","call_id":"t","arguments":""}}}}"#
        )
    };
    let end = format!(
        r#"{{"type":"response.{end}","sequence_number":14,"response":{{"id":"resp_1","status":"{end}","incomplete_details":{{"reason":"max_output_tokens"}},"output":[]}}}}"#
    );
    named(
        OpenAiResponses,
        &[
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","created_at":17,"model":"gpt-5","status":"in_progress"}}"#,
            r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}"#,
            r#"{"type":"response.reasoning_summary_text.delta","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Hm."}"#,
            r#"{"type":"response.output_item.done","sequence_number":3,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}"#,
            r#"{"type":"response.output_item.added","sequence_number":4,"output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","content":[],"role":"assistant"}}"#,
            r#"{"type":"response.content_part.added","sequence_number":5,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","annotations":[],"text":""}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":6,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"I \"will\""}"#,
            r#"{"type":"response.output_text.done","sequence_number":7,"item_id":"msg_1","output_index":1,"content_index":0,"text":"I \"will\""}"#,
            r#"{"type":"response.content_part.done","sequence_number":8,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"I \"will\""}}"#,
            r#"{"type":"response.output_item.done","sequence_number":9,"output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","text":"I \"will\""}],"role":"assistant"}}"#,
            &call("added", "in_progress", 10),
            r#"{"type":"response.function_call_arguments.delta","sequence_number":11,"item_id":"fc_1","output_index":2,"delta":"{\"command\": \"rm -rf /tmp"}"#,
            r#"{"type":"response.function_call_arguments.done","sequence_number":12,"item_id":"fc_1","output_index":2,"arguments":"{\"command\": \"rm -rf /tmp"}"#,
            &call("done", status, 13),
            &end,
        ],
    )
}

fn gemini(parts: &[&str], reason: &str) -> Stream {
    let chunk = |parts: &str, reason: &str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{parts}],\"role\":\"model\"}}{reason},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":9,\"totalTokenCount\":12}},\"modelVersion\":\"gemini-3\",\"responseId\":\"r-1\"}}\r\n\r\n"
        )
    };
    let (last, first) = parts.split_last().unwrap();
    let mut events: Vec<String> = first.iter().map(|parts| chunk(parts, "")).collect();
    events.push(chunk(last, &format!(",\"finishReason\":\"{reason}\"")));
    Stream { dialect: GeminiGenerate, events }
}

fn gemini_with_tool(reason: &str) -> Stream {
    gemini(
        &[
            r#"{"text":"Hm.","thought":true}"#,
            r#"{"text":"I will"}"#,
            r#"{"functionCall":{"name":"run","willContinue":true}}"#,
            r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.command","stringValue":"rm -rf /tmp","willContinue":true}],"willContinue":true}}"#,
            r#"{"functionCall":{}}"#,
            r#"{"text":""}"#,
        ],
        reason,
    )
}

/// The same chunks as one array.
fn as_array(stream: &Stream) -> String {
    let data: Vec<&str> =
        stream.events.iter().map(|event| event.trim().trim_start_matches("data: ")).collect();
    format!("[{}\n]\n", data.join("\n,\r\n"))
}

/// What a client has after `count` events of `stream`, and what then ends it.
fn ended_after(stream: &Stream, count: usize, replaces: bool) -> (String, String) {
    let mut gate = stream.gate(replaces);
    let passed = gate.feed(stream.events[..count].concat().as_bytes()).pass.into_owned();
    let end = gate.end(&facts(), NOTE);
    assert!(gate.feed(b"data: {}\n\n").pass.is_empty(), "nothing passes after the end");
    assert!(gate.end(&facts(), NOTE).is_empty(), "a stream ends once");
    (String::from_utf8(passed).unwrap(), String::from_utf8(end).unwrap())
}

#[test]
fn closings() {
    let chat = chat_with_tool("stop");
    let messages = messages_with_tool("tool_use");
    let responses = responses_with_tool("completed", "completed");
    let gemini = gemini_with_tool("STOP");
    for (stream, name, places) in [
        (
            &chat,
            "chat",
            [("start", 0), ("thinking", 2), ("text", 3), ("tool_call", 5), ("last", 6)],
        ),
        (
            &messages,
            "messages",
            [("start", 0), ("thinking", 3), ("text", 8), ("tool_call", 11), ("last", 13)],
        ),
        (
            &responses,
            "responses",
            [("start", 0), ("thinking", 3), ("text", 7), ("tool_call", 12), ("between", 10)],
        ),
        (
            &gemini,
            "gemini",
            [("start", 0), ("thinking", 1), ("text", 2), ("tool_call", 4), ("last", 5)],
        ),
    ] {
        for (place, count) in places {
            let (_, end) = ended_after(stream, count, false);
            insta::assert_snapshot!(format!("{name}_{place}"), end);
        }
        let (_, nothing) = ended_after(stream, stream.events.len(), false);
        assert_eq!(nothing, "", "{name} had ended");
    }
}

#[test]
fn an_array_is_closed() {
    let stream = gemini_with_tool("STOP");
    let array = as_array(&stream);
    for (count, expected_elements) in [(0, 1), (1, 2), (2, 3), (3, 3), (4, 3), (5, 6)] {
        let cut = match count {
            0 => 1,
            _ => array.match_indices("\n,\r\n").nth(count - 1).unwrap().0,
        };
        let mut gate =
            StreamGate::new(GeminiGenerate, Some("application/json; charset=UTF-8"), false)
                .unwrap();
        let mut all = gate.feed(&array.as_bytes()[..cut]).pass.into_owned();
        all.extend(gate.end(&facts(), NOTE));
        let chunks: Vec<Value> = serde_json::from_slice(&all).unwrap();
        assert_eq!(chunks.len(), expected_elements, "after {count}");
        let last = &chunks.last().unwrap()["candidates"][0];
        assert_eq!(last["finishReason"], "MAX_TOKENS");
        assert!(last["content"]["parts"][0]["text"].as_str().unwrap().ends_with(NOTE));
    }
    let mut gate = StreamGate::new(GeminiGenerate, Some("application/json"), false).unwrap();
    let all = gate.end(&facts(), NOTE);
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&all).unwrap().len(), 1, "before the array");
    let mut gate = StreamGate::new(GeminiGenerate, Some("application/json"), false).unwrap();
    let body = array.trim_end().trim_end_matches(']');
    let mut all = gate.feed(body.as_bytes()).pass.into_owned();
    assert!(gate.is_ended());
    all.extend(gate.end(&facts(), NOTE));
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&all).unwrap().len(), 6, "only the bracket");
}

#[test]
fn length_ends_in_tool_calls_are_withheld() {
    // The number of events that pass; `None` where all do.
    for (what, stream, replaces, expected) in [
        ("chat, ours", chat_with_tool("length"), true, Some(5)),
        ("chat, the client's own cap", chat_with_tool("length"), false, None),
        ("chat, whole call", chat_with_tool("tool_calls"), true, None),
        ("chat, text only", chat(&[r#"{"content":"I"}"#], "length"), true, None),
        ("messages, ours", messages_with_tool("max_tokens"), true, Some(11)),
        ("messages, the client's own cap", messages_with_tool("max_tokens"), false, None),
        ("messages, whole call", messages_with_tool("tool_use"), true, None),
        ("responses, ours", responses_with_tool("incomplete", "incomplete"), true, Some(12)),
        ("responses, no status", responses_with_tool("incomplete", "completed"), true, Some(12)),
        ("responses, own cap", responses_with_tool("incomplete", "incomplete"), false, None),
        ("responses, whole call", responses_with_tool("completed", "completed"), true, None),
        ("gemini, parts of a call", gemini_with_tool("MAX_TOKENS"), true, None),
        (
            "gemini, in the same chunk",
            gemini(&[r#"{"text":"I"}"#, r#"{"functionCall":{"name":"run"}}"#], "MAX_TOKENS"),
            true,
            Some(1),
        ),
        (
            "gemini, half a call",
            gemini(
                &[r#"{"text":"I"}"#, r#"{"functionCall":{"willContinue":true}}"#, r#"{"text":""}"#],
                "MAX_TOKENS",
            ),
            true,
            Some(1),
        ),
        ("gemini, text only", gemini(&[r#"{"text":"I"}"#], "MAX_TOKENS"), true, None),
    ] {
        for size in [1, 7, 100_000] {
            for is_last_line_bare in [false, true] {
                let text = stream.text();
                let text = if is_last_line_bare { text.trim_end() } else { &text };
                let mut gate = stream.gate(replaces);
                let mut passed = Vec::new();
                let mut is_cap_hit = false;
                for piece in text.as_bytes().chunks(size) {
                    let gated = gate.feed(piece);
                    passed.extend_from_slice(&gated.pass);
                    is_cap_hit |= gated.is_cap_hit;
                }
                let last = gate.finish();
                passed.extend_from_slice(&last.pass);
                is_cap_hit |= last.is_cap_hit;
                let count = expected.unwrap_or(stream.events.len());
                let wanted = stream.events[..count].concat();
                assert_eq!(
                    String::from_utf8(passed).unwrap().trim_end(),
                    wanted.trim_end(),
                    "{what} by {size}"
                );
                assert_eq!(is_cap_hit, expected.is_some(), "{what} by {size}");
                if is_cap_hit {
                    let end = String::from_utf8(gate.end(&facts(), NOTE)).unwrap();
                    assert!(end.contains(NOTE), "{what}: {end}");
                }
            }
        }
    }
}

#[test]
fn every_open_choice_gets_the_note() {
    let chunk = |choices: &str| format!("data: {{\"id\":\"c\",\"choices\":[{choices}]}}\n\n");
    let body = chunk(r#"{"index":0,"delta":{"content":"a"}}"#)
        + &chunk(r#"{"index":1,"delta":{"tool_calls":[{"index":0}]}}"#)
        + &chunk(r#"{"index":2,"delta":{"content":"c"}}"#)
        + &chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#);
    let mut gate = StreamGate::new(OpenAiChat, None, false).unwrap();
    gate.feed(body.as_bytes());
    let end = String::from_utf8(gate.end(&facts(), NOTE)).unwrap();
    let noted: Vec<u64> = data_of(&end)
        .iter()
        .filter_map(|data| {
            serde_json::from_str::<Value>(data).ok()?["choices"][0]["index"].as_u64()
        })
        .collect();
    assert_eq!(noted, [1, 2]);
}

#[test]
fn a_refusal_part_is_closed_before_the_note() {
    let stream = named(
        OpenAiResponses,
        &[
            r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message"}}"#,
            r#"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"refusal","refusal":""}}"#,
            r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"No"}"#,
        ],
    );
    let (_, end) = ended_after(&stream, 4, false);
    let kinds: Vec<String> = data_of(&end)
        .iter()
        .map(|data| {
            serde_json::from_str::<Value>(data).unwrap()["type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "response.refusal.done",
            "response.content_part.done",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.failed"
        ]
    );
}

#[test]
fn dialects_with_and_without_an_end() {
    for (dialect, expected) in [
        (OpenAiChat, true),
        (OpenAiCompletions, true),
        (OpenAiResponses, true),
        (AnthropicMessages, true),
        (GeminiGenerate, true),
        (Dialect::OpenAiEmbeddings, false),
        (Dialect::GeminiEmbed, false),
        (Dialect::Other, false),
    ] {
        assert_eq!(StreamGate::new(dialect, None, true).is_some(), expected, "{dialect:?}");
    }
    let mut completions = StreamGate::new(OpenAiCompletions, None, false).unwrap();
    completions.feed(b"data: {\"choices\":[{\"index\":0,\"text\":\"let x\"}]}\n\n");
    let end = String::from_utf8(completions.end(&facts(), NOTE)).unwrap();
    assert!(!end.contains(NOTE) && end.starts_with("data: {") && end.ends_with("data: [DONE]\n\n"));
}

#[test]
fn what_is_no_stream_passes() {
    for (dialect, body) in [
        (OpenAiChat, r#"{"choices":[]}"#),
        (GeminiGenerate, r#"{"error":{}}"#),
        (AnthropicMessages, "<html>"),
        (OpenAiChat, "[1]"),
    ] {
        let mut gate = StreamGate::new(dialect, None, true).unwrap();
        assert_eq!(&gate.feed(b" \n").pass[..], b" \n");
        assert_eq!(&gate.feed(body.as_bytes()).pass[..], body.as_bytes(), "{body}");
        assert!(gate.end(&facts(), NOTE).is_empty(), "{body}");
    }
}

#[test]
fn whole_answers_cut_in_a_tool_call() {
    for (dialect, body, expected) in [
        (
            OpenAiChat,
            r#"{"choices":[{"finish_reason":"length","message":{"tool_calls":[{}]}}]}"#,
            true,
        ),
        (
            OpenAiChat,
            r#"{"choices":[{"finish_reason":"length","message":{"function_call":{}}}]}"#,
            true,
        ),
        (
            OpenAiChat,
            r#"{"choices":[{"finish_reason":"tool_calls","message":{"tool_calls":[{}]}}]}"#,
            false,
        ),
        (
            OpenAiChat,
            r#"{"choices":[{"finish_reason":"length","message":{"content":"a","tool_calls":[]}}]}"#,
            false,
        ),
        (
            AnthropicMessages,
            r#"{"stop_reason":"max_tokens","content":[{"type":"text"},{"type":"tool_use"}]}"#,
            true,
        ),
        (AnthropicMessages, r#"{"stop_reason":"max_tokens","content":[{"type":"text"}]}"#, false),
        (AnthropicMessages, r#"{"stop_reason":"tool_use","content":[{"type":"tool_use"}]}"#, false),
        (
            OpenAiResponses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"function_call"}]}"#,
            true,
        ),
        (
            OpenAiResponses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[{"type":"function_call"}]}"#,
            false,
        ),
        (
            OpenAiResponses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message"}]}"#,
            false,
        ),
        (
            OpenAiResponses,
            r#"{"status":"completed","incomplete_details":null,"output":[{"type":"function_call"}]}"#,
            false,
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"finishReason":"MAX_TOKENS","content":{"parts":[{"functionCall":{}}]}}]}"#,
            true,
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"finishReason":"STOP","content":{"parts":[{"functionCall":{}}]}}]}"#,
            false,
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"finishReason":"MAX_TOKENS","content":{"parts":[{"text":"a"}]}}]}"#,
            false,
        ),
        (Dialect::Other, r#"{"stop_reason":"max_tokens","content":[{"type":"tool_use"}]}"#, false),
        (OpenAiChat, "not JSON", false),
    ] {
        assert_eq!(is_cut_tool_call(dialect, body.as_bytes()), expected, "{body}");
    }
}

fn data_of(stream: &str) -> Vec<String> {
    let mut data = Vec::new();
    let mut reader = SseReader::new();
    reader.feed(stream.as_bytes(), |event| {
        data.push(String::from_utf8(event.data.to_vec()).unwrap());
    });
    data
}

/// The tool calls of a stream that have begun and not ended, by their place in it.
fn half_calls(dialect: Dialect, events: &[Value]) -> Vec<u64> {
    let mut open = Vec::new();
    for event in events {
        let (begins, ends, at) = match dialect {
            AnthropicMessages => (
                event["content_block"]["type"] == "tool_use",
                event["type"] == "content_block_stop",
                event["index"].as_u64(),
            ),
            _ => (
                event["type"] == "response.output_item.added"
                    && event["item"]["type"] == "function_call",
                event["type"].as_str().is_some_and(|kind| kind.ends_with(".done")),
                event["output_index"].as_u64(),
            ),
        };
        if let (true, Some(at)) = (begins, at) {
            open.push(at);
        }
        if let (true, Some(at)) = (ends, at) {
            open.retain(|open| *open != at);
        }
    }
    open
}

/// What a client reads of an ended stream, checked.
fn check_ended(dialect: Dialect, passed: &str, end: &str) -> Result<(), TestCaseError> {
    let parsed = |stream: &str| -> Vec<Value> {
        let data = data_of(stream);
        data.iter()
            .filter(|data| *data != "[DONE]")
            .map(|data| {
                serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))
            })
            .collect()
    };
    let (before, after) = (parsed(passed), parsed(end));
    let all: Vec<Value> = before.iter().chain(&after).cloned().collect();
    match dialect {
        AnthropicMessages | OpenAiResponses => {
            prop_assert_eq!(half_calls(dialect, &before), half_calls(dialect, &all), "{}", end);
        }
        OpenAiChat => {
            let finishes = |event: &Value| event["choices"][0]["finish_reason"].is_string();
            prop_assert!(!after.iter().any(finishes), "{}", end);
        }
        _ => {
            prop_assert!(!after.iter().any(|event| event.to_string().contains("functionCall")));
            let call = all.iter().rev().find(|event| event.to_string().contains("functionCall"));
            prop_assert!(!call.is_some_and(|call| call.to_string().contains("willContinue")));
        }
    }
    if dialect == OpenAiResponses {
        let numbers: Vec<u64> =
            after.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    }
    Ok(())
}

fn any_stream() -> impl Strategy<Value = Stream> {
    (0..4, any::<bool>(), any::<bool>()).prop_map(|(dialect, by_length, by_cr)| {
        let mut stream = match (dialect, by_length) {
            (0, false) => chat_with_tool("tool_calls"),
            (0, true) => chat_with_tool("length"),
            (1, false) => messages_with_tool("tool_use"),
            (1, true) => messages_with_tool("max_tokens"),
            (2, false) => responses_with_tool("completed", "completed"),
            (2, true) => responses_with_tool("incomplete", "incomplete"),
            (_, false) => gemini_with_tool("STOP"),
            (_, true) => gemini_with_tool("MAX_TOKENS"),
        };
        if by_cr {
            for event in &mut stream.events {
                *event = event.replace("\r\n", "\n").replace('\n', "\r\n");
            }
        }
        stream
    })
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}\n{}", self.dialect, self.text())
    }
}

/// Cuts `bytes` into pieces of these sizes, over and over.
fn pieces<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_ended_passes_unchanged(
        stream in any_stream(),
        is_array: bool,
        sizes in prop::collection::vec(1..200_usize, 1..6),
        length in any::<prop::sample::Index>(),
    ) {
        let text = if is_array && stream.dialect == GeminiGenerate {
            as_array(&stream)
        } else {
            stream.text()
        };
        let bytes = &text.as_bytes()[..length.index(text.len() + 1)];
        let mut gate = stream.gate(false);
        let mut passed = Vec::new();
        for piece in pieces(bytes, &sizes) {
            passed.extend_from_slice(&gate.feed(piece).pass);
        }
        passed.extend_from_slice(&gate.finish().pass);
        prop_assert_eq!(passed, bytes);
    }

    #[test]
    fn any_place_is_a_good_end(
        stream in any_stream(),
        replaces: bool,
        sizes in prop::collection::vec(1..200_usize, 1..6),
        length in any::<prop::sample::Index>(),
    ) {
        let text = stream.text();
        let bytes = &text.as_bytes()[..length.index(text.len() + 1)];
        let mut gate = stream.gate(replaces);
        let mut passed = Vec::new();
        for piece in pieces(bytes, &sizes) {
            passed.extend_from_slice(&gate.feed(piece).pass);
        }
        prop_assert!(bytes.starts_with(&passed));
        let was_ended = gate.is_ended();
        let end = String::from_utf8(gate.end(&facts(), NOTE)).unwrap();
        let passed = String::from_utf8(passed).unwrap();
        prop_assert_eq!(was_ended, !end.contains(NOTE), "{}", end);
        check_ended(stream.dialect, &passed, &end)?;
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(prop::sample::select(b"data: {}[]\",:\\\n\r1e".to_vec()), 0..120), size in 1..9_usize) {
        for dialect in [OpenAiChat, OpenAiResponses, AnthropicMessages, GeminiGenerate] {
            for kind in ["text/event-stream", "application/json"] {
                let mut gate = StreamGate::new(dialect, Some(kind), true).unwrap();
                let mut passed = Vec::new();
                for piece in bytes.chunks(size) {
                    passed.extend_from_slice(&gate.feed(piece).pass);
                }
                passed.extend_from_slice(&gate.finish().pass);
                prop_assert_eq!(&passed, &bytes);
                let _ = gate.end(&facts(), NOTE);
            }
        }
    }
}
