//! Reading can stop after any line and go on in another process; and no bytes, however broken, may
//! panic anything or be quoted.

use outlay_wire::log::table::{self, ColumnMap};
use outlay_wire::log::{LineReader, LogCall, Tool, llm, opencode, read_document};
use proptest::prelude::*;

use crate::{fixture, now, once};

const FILES: [(Tool, &str); 7] = [
    (Tool::ClaudeCode, "claude-code.jsonl"),
    (Tool::Codex, "codex.jsonl"),
    (Tool::GeminiCli, "gemini-cli.jsonl"),
    (Tool::Qwen, "qwen-chat.jsonl"),
    (Tool::Qwen, "qwen-token-usage.jsonl"),
    (Tool::Pi, "pi-anthropic.jsonl"),
    (Tool::Pi, "pi-openai.jsonl"),
];

/// The calls of `lines`, with a new process before each line of `stops`.
fn read_in_pieces(tool: Tool, lines: &[String], stops: &[bool]) -> Vec<LogCall> {
    let mut reader = LineReader::new(tool, now());
    let (mut all, mut found) = (Vec::new(), Vec::new());
    for (line, stop) in lines.iter().zip(stops) {
        if *stop {
            reader = LineReader::resume(tool, &reader.state(), now()).unwrap();
            all.append(&mut found);
        }
        let _ = reader.read(line.as_bytes(), &mut found);
    }
    all.append(&mut found);
    // What a subscription pays may be told later than the call.
    let known = |call: &LogCall| call.plan_login.is_some();
    all.sort_by_key(|call| std::cmp::Reverse(known(call)));
    once(all)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stop_between_any_lines_changes_nothing(
        file in prop::sample::select(FILES.to_vec()),
        order in prop::collection::vec(0..64_usize, 0..24),
        stops in prop::collection::vec(any::<bool>(), 64),
        plan in any::<bool>(),
    ) {
        let (tool, name) = file;
        let plan = if plan { "\"plan_type\":\"plus\"" } else { "\"plan_type\":null" };
        let own: Vec<String> =
            fixture(name).replace("\"plan_type\":null", plan).lines().map(str::to_owned).collect();
        // The file, and then lines of it in any order, as if it were resumed and copied.
        let lines: Vec<String> =
            own.iter().cloned().chain(order.iter().map(|at| own[at % own.len()].clone())).collect();
        let whole = read_in_pieces(tool, &lines, &[false; 64]);
        prop_assert_eq!(read_in_pieces(tool, &lines, &stops), whole);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..4000_usize) {
        for (tool, name) in FILES {
            let mut text = fixture(name).into_bytes();
            let at = cut % (text.len() + 1);
            text.splice(at..at, bytes.iter().copied());
            read_anything(tool, &text);
            read_anything(tool, &text[..at]);
        }
        for tool in Tool::ALL {
            read_anything(tool, &bytes);
        }
    }

    #[test]
    fn no_soup_of_what_is_known_panics(pieces in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "null", "-1", "1e999", "9007199254740993", "é",
        "\"usage\":", "\"type\":\"assistant\"", "\"message\":", "\"timestamp\":\"2026-11-21T20:05:41.858Z\"",
        "\"type\":\"event_msg\"", "\"payload\":", "\"type\":\"token_count\"", "\"info\":", "\"tokens\":",
        "\"total_token_usage\":", "{\"input_tokens\":1,\"output_tokens\":2}", "\"iterations\":[",
        "\"type\":\"session_meta\"", "\"id\":\"01a1ffb6-fbac-76f3-81cb-9c27ea71f29a\"", "\"messages\":",
        "\"role\":\"assistant\"", "\"metrics\":", "\"schemaVersion\":1", "\"inputTokens\":5", "$set",
        "time,model,input,output",
    ]), 0..40)) {
        let text = pieces.concat();
        for tool in Tool::ALL {
            read_anything(tool, text.as_bytes());
        }
    }
}

fn read_anything(tool: Tool, bytes: &[u8]) {
    let mut found = Vec::new();
    let mut reader = LineReader::new(tool, now());
    for line in bytes.split(|byte| *byte == b'\n') {
        let _ = reader.read(line, &mut found);
        let _ = LineReader::resume(tool, &reader.state(), now()).unwrap();
    }
    let _ = read_document(tool, bytes, now(), &mut found);
    let _ = table::read(bytes, &ColumnMap::default(), now(), &mut found);
    let text = String::from_utf8_lossy(bytes);
    let _ = LineReader::resume(tool, &text, now());
    let _ = text.parse::<ColumnMap>();
    let _ = opencode::call("s", &text, None, now());
    let turn = llm::Turn {
        id: "x",
        input_tokens: Some(1),
        output_tokens: Some(1),
        token_details: Some(&text),
        started: Some(&text),
        response_json: Some(&text),
        ..llm::Turn::default()
    };
    let _ = llm::call(&turn, now());
}

#[test]
fn a_state_of_another_tool_is_refused() {
    let states = Tool::ALL.map(|tool| (tool, LineReader::new(tool, now()).state()));
    for (tool, state) in &states {
        assert!(LineReader::resume(*tool, state, now()).is_some(), "{state}");
        assert!(state.len() < 300, "{state}");
    }
    assert!(LineReader::resume(Tool::Codex, &states[0].1, now()).is_none());
    assert!(LineReader::resume(Tool::Codex, "", now()).is_none());
}

#[test]
fn nothing_that_was_said_is_kept() {
    for (tool, name) in FILES {
        let said = fixture(name).replace("\"x\"", "\"a secret\"");
        let mut reader = LineReader::new(tool, now());
        let mut found = Vec::new();
        for line in said.lines() {
            reader.read(line.as_bytes(), &mut found).unwrap();
        }
        assert!(!format!("{found:?} {reader:?} {}", reader.state()).contains("secret"), "{name}");
    }
}
