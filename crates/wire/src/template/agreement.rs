//! What is read by a template is what is read in full: recorded streams, damaged and cut up.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use crate::dialect::Dialect::{
    AnthropicMessages, OpenAiChat, OpenAiCompletions, OpenAiResponses, Other,
};
use crate::ending::StreamGate;
use crate::meter::Meter;
use crate::refusal::tests::facts;

/// So much of a stream has all kinds of its events.
const BODY_BYTES_MAX: usize = 4000;

/// The streams of the corpus.
static STREAMS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/corpus");
    let mut streams = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|end| end != "jsonl") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for record in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            if let (true, Some(body)) =
                (record["is_stream"] == true, record["response_body"].as_str())
            {
                streams.push(body.chars().take(BODY_BYTES_MAX).collect());
            }
        }
    }
    assert!(!streams.is_empty());
    streams
});

/// One thing done to a stream.
#[derive(Clone, Debug)]
enum Damage {
    Insert(&'static str),
    Drop(usize),
    /// So many bytes, once more.
    Repeat(usize),
    Byte(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    const TOKENS: [&str; 24] = [
        "\"",
        "\\",
        "\\\"",
        "\\\\",
        "{",
        "}",
        "]",
        ",",
        "\n",
        "\r",
        "\n\n",
        "7",
        "\\u00e9",
        "é",
        "data: ",
        "event: x\n",
        "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4},",
        "\"error\":{\"message\":\"x\"},",
        "\"finish_reason\":\"length\",",
        "\"choices\":[[{\"text\":\"x\"}]],",
        "\"tool_calls\":[{\"function\":{\"arguments\":\"{\\\"a\\\": 1\"}}],",
        "\"type\":\"content_block_delta\",",
        "\"content\":\"abc\",",
        "\"obfuscation\":\"ab\",",
    ];
    prop_oneof![
        3 => prop::sample::select(&TOKENS[..]).prop_map(Damage::Insert),
        1 => (1..30_usize).prop_map(Damage::Drop),
        2 => (1..400_usize).prop_map(Damage::Repeat),
        1 => any::<u8>().prop_map(Damage::Byte),
    ]
}

fn damaged(body: &str, damages: &[(prop::sample::Index, Damage)]) -> Vec<u8> {
    let mut bytes = body.as_bytes().to_vec();
    for (at, damage) in damages {
        let at = at.index(bytes.len() + 1);
        let until = |length: usize| (at + length).min(bytes.len());
        match damage {
            Damage::Insert(token) => drop(bytes.splice(at..at, token.bytes())),
            Damage::Drop(length) => drop(bytes.drain(at..until(*length))),
            Damage::Repeat(length) => {
                let again = bytes[at..until(*length)].to_vec();
                bytes.splice(at..at, again);
            }
            Damage::Byte(byte) => drop(bytes.splice(at..until(1), [*byte])),
        }
    }
    bytes
}

fn pieces<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let cut = |size: &usize| {
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    };
    sizes.iter().cycle().map_while(cut).collect()
}

const EVENT_STREAM: Option<&str> = Some("text/event-stream");

/// All that a meter says, step by step.
fn metered(mut meter: Meter, pieces: &[&[u8]]) -> String {
    let mut said = String::new();
    for piece in pieces {
        meter.feed(piece);
        said.push_str(&format!("{} {}\n", meter.output_tokens_so_far(), meter.has_ended()));
    }
    format!("{said}{:?}", meter.finish())
}

/// All that a gate says and lets pass, and how it ends the stream.
fn gated(mut gate: StreamGate, pieces: &[&[u8]]) -> String {
    let mut said = String::new();
    for piece in pieces {
        let gated = gate.feed(piece);
        said.push_str(&format!("{gated:?} {}\n", gate.is_ended()));
    }
    format!("{said}{}", String::from_utf8_lossy(&gate.end(&facts(), "note")))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_ways_of_reading_agree(
        stream in any::<prop::sample::Index>(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), damage()), 0..5),
        sizes in prop::collection::vec(prop_oneof![1..40_usize, 100..2000_usize], 1..6),
        replaces: bool,
    ) {
        let body = damaged(&STREAMS[stream.index(STREAMS.len())], &damages);
        let pieces = pieces(&body, &sizes);
        for dialect in [OpenAiChat, OpenAiCompletions, OpenAiResponses, AnthropicMessages, Other] {
            let meter = || Meter::new("openrouter", dialect, EVENT_STREAM, None);
            prop_assert_eq!(metered(meter(), &pieces), metered(meter().in_full(), &pieces));
            let gate = || StreamGate::new(dialect, EVENT_STREAM, replaces);
            if let (Some(fast), Some(full)) = (gate(), gate()) {
                prop_assert_eq!(gated(fast, &pieces), gated(full.in_full(), &pieces));
            }
        }
    }
}

#[test]
fn text_is_read_by_template() {
    let chat = |text: &str| {
        format!("data: {{\"id\":\"a\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let messages = |text: &str| {
        format!(
            "data: {{\"type\":\"content_block_delta\",\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let responses = |text: &str| {
        format!("data: {{\"type\":\"response.output_text.delta\",\"delta\":\"{text}\"}}\n\n")
    };
    const TEXTS: [&str; 3] = ["a", "bc", "d\\n"];
    for (dialect, events, has_gate) in [
        (OpenAiChat, TEXTS.map(chat), true),
        (AnthropicMessages, TEXTS.map(messages), true),
        (OpenAiResponses, TEXTS.map(responses), false),
    ] {
        let mut meter = Meter::new("work", dialect, EVENT_STREAM, None);
        let mut gate = StreamGate::new(dialect, EVENT_STREAM, true).unwrap();
        for (at, event) in events.iter().enumerate() {
            meter.feed(event.as_bytes());
            gate.feed(event.as_bytes());
            assert_eq!(meter.template().has_fitted(), at > 0, "{event}");
            assert_eq!(gate.template().has_fitted(), at > 0 && has_gate, "{event}");
        }
        assert_eq!(meter.finish().output_bytes, 5);
    }
}
