//! No bytes, however broken, may panic anything here or change with how they are cut up.

use outlay_wire::{
    Dialect, Meter, Reading, UsageChunkFilter, classify, is_free, model_of_path, read_request,
    refusal_status, with_include_usage, with_output_cap,
};
use proptest::prelude::*;

const DIALECTS: [Dialect; 8] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::OpenAiEmbeddings,
    Dialect::OpenAiCompletions,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
    Dialect::GeminiEmbed,
    Dialect::Other,
];

fn read<'a>(dialect: Dialect, chunks: impl Iterator<Item = &'a [u8]>) -> Reading {
    let mut meter = Meter::new("xai", dialect, Some("text/event-stream"), None);
    chunks.for_each(|chunk| meter.feed(chunk));
    meter.finish()
}

/// Pieces of what providers send, in any order and disorder.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "data: ",
        "event: message_delta\n",
        "\n\n",
        "\r\n",
        "\r",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"usage\":",
        "\"usageMetadata\":",
        "\"type\":\"message_start\"",
        "\"type\":\"message_delta\"",
        "\"type\":\"response.completed\"",
        "\"response\":",
        "\"message\":",
        "\"iterations\":",
        "\"input_tokens\":",
        "\"output_tokens\":",
        "\"prompt_tokens\":",
        "\"completion_tokens\":",
        "\"promptTokenCount\":",
        "\"promptTokensDetails\":",
        "\"modality\":",
        "\"tokenCount\":",
        "\"choices\":[]",
        "\"error\":",
        "\"cost\":",
        "\"cost_in_usd_ticks\":",
        "\"code\":",
        "null",
        "18446744073709551615",
        "-1",
        "1e999",
        "0.5",
        "\"12\"",
        "\\u0000",
        "é",
        "[DONE]",
        "true",
        "{\"usage\":{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":18446744073709551615,\"completion_tokens_details\":{\"reasoning_tokens\":9e15}}}",
        "{\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"cache_creation_input_tokens\":18446744073709551615}}",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        soup().prop_map(String::into_bytes),
    ], status in any::<u16>(), cap in any::<u64>()) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for dialect in DIALECTS {
            let _ = read(dialect, std::iter::once(&bytes[..]));
            let _ = classify(dialect, status, &bytes);
            let _ = read_request(dialect, &text, &bytes);
            let _ = with_output_cap(dialect, &bytes, cap);
        }
        let _ = with_include_usage(&bytes);
        let _ = (Dialect::of_path(&text), model_of_path(&text), is_free("POST", &text));
        let _ = refusal_status(Default::default(), Some(&text));
    }

    #[test]
    fn chunking_changes_nothing(body in soup(), size in 1..9_usize) {
        for dialect in DIALECTS {
            let whole = read(dialect, std::iter::once(body.as_bytes()));
            prop_assert_eq!(read(dialect, body.as_bytes().chunks(size)), whole);
        }
        let mut filter = UsageChunkFilter::new();
        let mut shown: Vec<u8> = body.as_bytes().chunks(size).flat_map(|chunk| filter.feed(chunk).into_owned()).collect();
        shown.extend(filter.finish());
        let mut whole = UsageChunkFilter::new();
        let mut expected = whole.feed(body.as_bytes()).into_owned();
        expected.extend(whole.finish());
        prop_assert_eq!(shown, expected);
    }
}
