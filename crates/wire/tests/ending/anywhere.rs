//! However a stream is cut into pieces, and wherever it is ended.

use outlay_wire::Dialect::{AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiResponses};
use outlay_wire::{Dialect, StreamGate};
use proptest::prelude::*;
use serde_json::Value;

use crate::streams::*;

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
