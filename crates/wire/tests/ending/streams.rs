//! Streams of every dialect, and where they are ended.

use outlay_core::admission::RefusalReason;
use outlay_core::budget::{BudgetUnit, Quantity, Scope};
use outlay_wire::Dialect::{AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiResponses};
use outlay_wire::sse::SseReader;
use outlay_wire::{Dialect, RefusalFacts, StreamGate};

use serde_json::Value;

pub(crate) const NOTE: &str = "Outlay: budget 'day' is used up; this answer ends here.";

pub(crate) fn facts() -> RefusalFacts {
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
pub(crate) struct Stream {
    pub(crate) dialect: Dialect,
    pub(crate) events: Vec<String>,
}

impl Stream {
    pub(crate) fn text(&self) -> String {
        self.events.concat()
    }

    pub(crate) fn gate(&self, replaces_length_end: bool) -> StreamGate {
        StreamGate::new(self.dialect, Some("text/event-stream"), replaces_length_end).unwrap()
    }
}

pub(crate) fn chat(deltas: &[&str], reason: &str) -> Stream {
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

pub(crate) fn chat_with_tool(reason: &str) -> Stream {
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

pub(crate) fn named(dialect: Dialect, data: &[&str]) -> Stream {
    let event = |data: &&str| {
        let value: Value = serde_json::from_str(data).unwrap();
        format!("event: {}\ndata: {data}\n\n", value["type"].as_str().unwrap())
    };
    Stream { dialect, events: data.iter().map(event).collect() }
}

pub(crate) fn messages_with_tool(reason: &str) -> Stream {
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

pub(crate) fn responses_with_tool(end: &str, status: &str) -> Stream {
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

pub(crate) fn gemini(parts: &[&str], reason: &str) -> Stream {
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

pub(crate) fn gemini_with_tool(reason: &str) -> Stream {
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
pub(crate) fn as_array(stream: &Stream) -> String {
    let data: Vec<&str> =
        stream.events.iter().map(|event| event.trim().trim_start_matches("data: ")).collect();
    format!("[{}\n]\n", data.join("\n,\r\n"))
}

/// What a client has after `count` events of `stream`, and what then ends it.
pub(crate) fn ended_after(stream: &Stream, count: usize, replaces: bool) -> (String, String) {
    let mut gate = stream.gate(replaces);
    let passed = gate.feed(stream.events[..count].concat().as_bytes()).pass.into_owned();
    let end = gate.end(&facts(), NOTE);
    assert!(gate.feed(b"data: {}\n\n").pass.is_empty(), "nothing passes after the end");
    assert!(gate.end(&facts(), NOTE).is_empty(), "a stream ends once");
    (String::from_utf8(passed).unwrap(), String::from_utf8(end).unwrap())
}

pub(crate) fn data_of(stream: &str) -> Vec<String> {
    let mut data = Vec::new();
    let mut reader = SseReader::new();
    reader.feed(stream.as_bytes(), |event| {
        data.push(String::from_utf8(event.data.to_vec()).unwrap());
    });
    data
}

/// Text that ends so.
pub(crate) fn messages(reason: &str) -> Stream {
    let end = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}},"usage":{{"output_tokens":8}}}}"#
    );
    named(
        AnthropicMessages,
        &[
            r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I will"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            &end,
            r#"{"type":"message_stop"}"#,
        ],
    )
}

/// Text that ends so.
pub(crate) fn responses(end: &str) -> Stream {
    let with_tool = responses_with_tool(end, end);
    let is_text = |event: &&String| !event.contains("fc_1") && !event.contains("rs_1");
    Stream { events: with_tool.events.iter().filter(is_text).cloned().collect(), ..with_tool }
}
