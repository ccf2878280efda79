//! Early ends of streams: what passes, and what closes a stream at every place it can be ended.

// A test may stop at anything that is not as it should be.
#![allow(clippy::unwrap_used)]

mod anywhere;
mod streams;

use outlay_wire::Dialect::{
    AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiCompletions, OpenAiResponses,
};
use outlay_wire::{Dialect, StreamGate, is_cut_tool_call, with_note};
use serde_json::Value;

use streams::*;

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
fn length_ends_of_ours_are_withheld() {
    // The number of events that pass; `None` where all do.
    for (what, stream, replaces, expected) in [
        ("chat, ours", chat_with_tool("length"), true, Some(5)),
        ("chat, the client's own cap", chat_with_tool("length"), false, None),
        ("chat, whole call", chat_with_tool("tool_calls"), true, None),
        ("chat, text only", chat(&[r#"{"content":"I"}"#], "length"), true, Some(1)),
        ("chat, the client's own text", chat(&[r#"{"content":"I"}"#], "length"), false, None),
        ("messages, text only", messages("max_tokens"), true, Some(4)),
        ("responses, text only", responses("incomplete"), true, Some(7)),
        ("responses, whole text", responses("completed"), true, None),
        ("messages, ours", messages_with_tool("max_tokens"), true, Some(11)),
        ("messages, the client's own cap", messages_with_tool("max_tokens"), false, None),
        ("messages, whole call", messages_with_tool("tool_use"), true, None),
        ("responses, ours", responses_with_tool("incomplete", "incomplete"), true, Some(12)),
        ("responses, no status", responses_with_tool("incomplete", "completed"), true, Some(12)),
        ("responses, own cap", responses_with_tool("incomplete", "incomplete"), false, None),
        ("responses, whole call", responses_with_tool("completed", "completed"), true, None),
        ("gemini, parts of a call", gemini_with_tool("MAX_TOKENS"), true, Some(5)),
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
        ("gemini, text only", gemini(&[r#"{"text":"I"}"#], "MAX_TOKENS"), true, Some(0)),
        ("gemini, own text", gemini(&[r#"{"text":"I"}"#], "MAX_TOKENS"), false, None),
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

#[test]
fn text_that_came_with_the_length_end_is_not_lost() {
    let chat_end = r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"the end"},"finish_reason":"length"}]}"#;
    let chat = Stream { dialect: OpenAiChat, events: vec![format!("{chat_end}\n\n")] };
    let gemini = gemini(&[r#"{"text":"the end"}"#], "MAX_TOKENS");
    for stream in [chat, gemini] {
        let (passed, end) = ended_after(&stream, 1, true);
        assert_eq!(passed, "");
        let text = end.find("the end").unwrap();
        assert!(end.find(NOTE).unwrap() > text, "{end}");
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table, an answer a row")]
fn notes_in_whole_answers() {
    let note = r#"Budget "day" is used up."#;
    let part = r#"{"text":"\n\nBudget \"day\" is used up."}"#;
    let first_part = part.replace(r"\n\n", "");
    let block = r#"{"text":"Budget \"day\" is used up.","type":"text"}"#;
    let output = r#"{"annotations":[],"logprobs":[],"text":"\n\nBudget \"day\" is used up.","type":"output_text"}"#;
    let message = format!(
        r#"{{"content":[{}],"id":"msg_outlay","role":"assistant","status":"completed","type":"message"}}"#,
        output.replace(r"\n\n", "")
    );
    // What the answer is, `@` for where the note comes; `None`: it stays as it is.
    for (dialect, body, added) in [
        (
            OpenAiChat,
            r#"{"id": "c", "choices": [{"finish_reason": "length", "message": {"content": "I \"will\"@"}}], "x": 1}"#,
            Some(r#"\n\nBudget \"day\" is used up."#),
        ),
        (
            OpenAiChat,
            r#"{"choices": [{"finish_reason": "length", "message": {"content": "@", "a": 1}}]}"#,
            Some(r#"Budget \"day\" is used up."#),
        ),
        (
            OpenAiChat,
            r#"{"choices": [{"finish_reason": "length", "message": {"role": "assistant"@}}]}"#,
            Some(r#","content":"Budget \"day\" is used up.""#),
        ),
        (
            OpenAiChat,
            r#"{"choices": [{"finish_reason": "stop", "message": {"content": "I"}}]}"#,
            None,
        ),
        (
            OpenAiCompletions,
            r#"{"choices": [{"text": "I@", "logprobs": null, "finish_reason": "length"}]}"#,
            Some(r#"\n\nBudget \"day\" is used up."#),
        ),
        (
            OpenAiCompletions,
            r#"{"choices": [{"text": "A", "finish_reason": "stop"}, {"finish_reason": "length", "text": "@"}]}"#,
            Some(r#"Budget \"day\" is used up."#),
        ),
        (OpenAiCompletions, r#"{"choices": [{"finish_reason": "stop", "text": "I"}]}"#, None),
        (OpenAiCompletions, r#"{"choices": [{"finish_reason": "length", "text": []}]}"#, None),
        (
            AnthropicMessages,
            r#"{"content": [{"type": "text", "text": "I"}@], "stop_reason": "max_tokens"}"#,
            Some(&*format!(",{block}")),
        ),
        (AnthropicMessages, r#"{"content": [@],"stop_reason":"max_tokens"}"#, Some(block)),
        (AnthropicMessages, r#"{"content": [], "stop_reason": "end_turn"}"#, None),
        (
            OpenAiResponses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message","content":[{"type":"output_text","text":"I"}@]}]}"#,
            Some(&*format!(",{output}")),
        ),
        (
            OpenAiResponses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"reasoning"}@]}"#,
            Some(&*format!(",{message}")),
        ),
        (OpenAiResponses, r#"{"status":"completed","output":[]}"#, None),
        (
            GeminiGenerate,
            r#"{"candidates":[{"content":{"parts":[{"text":"I"}@]},"finishReason":"MAX_TOKENS"}]}"#,
            Some(&*format!(",{part}")),
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"content":{"parts":[@],"role":"model"},"finishReason":"MAX_TOKENS"}]}"#,
            Some(&*first_part),
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"content":{"role":"model"@},"finishReason":"MAX_TOKENS"}],"x":1}"#,
            Some(&*format!(r#","parts":[{first_part}]"#)),
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"content":{ @},"finishReason":"MAX_TOKENS"}]}"#,
            Some(&*format!(r#""parts":[{first_part}]"#)),
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"finishReason":"MAX_TOKENS","index":0@}]}"#,
            Some(&*format!(r#","content":{{"parts":[{first_part}],"role":"model"}}"#)),
        ),
        (GeminiGenerate, r#"{"candidates":[{"content":{},"finishReason":"STOP"}]}"#, None),
        (GeminiGenerate, r#"{"candidates":[]}"#, None),
        (GeminiGenerate, r#"{"candidates":[{"finishReason":"MAX_TOKENS","content":[]}]}"#, None),
        (Dialect::Other, r#"{"choices": [{"finish_reason": "length"}]}"#, None),
    ] {
        let noted = with_note(dialect, body.replace('@', "").as_bytes(), note);
        let noted = noted.map(|noted| String::from_utf8(noted).unwrap());
        assert_eq!(noted, added.map(|added| body.replace('@', added)), "{body}");
        if let Some(noted) = noted {
            serde_json::from_str::<Value>(&noted).unwrap();
        }
    }
}

#[test]
fn notes_in_the_stead_of_null() {
    for (dialect, body, noted) in [
        (
            OpenAiChat,
            r#"{"choices":[{"finish_reason":"length","message":{"content":null,"x":1}}]}"#,
            r#"{"choices":[{"finish_reason":"length","message":{"content":"Used up.","x":1}}]}"#,
        ),
        (
            OpenAiCompletions,
            r#"{"choices":[{"text":null,"finish_reason":"length"}]}"#,
            r#"{"choices":[{"text":"Used up.","finish_reason":"length"}]}"#,
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"content":null,"finishReason":"MAX_TOKENS"}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"Used up."}],"role":"model"},"finishReason":"MAX_TOKENS"}]}"#,
        ),
        (
            GeminiGenerate,
            r#"{"candidates":[{"content":{"parts":null},"finishReason":"MAX_TOKENS"}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"Used up."}]},"finishReason":"MAX_TOKENS"}]}"#,
        ),
    ] {
        let said = with_note(dialect, body.as_bytes(), "Used up.");
        assert_eq!(said.map(|said| String::from_utf8(said).unwrap()).as_deref(), Some(noted));
    }
}
