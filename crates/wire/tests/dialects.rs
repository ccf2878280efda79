//! What the meter reads off answers of each dialect, a case a row.

use outlay_core::usage::Usage;
use outlay_wire::{Dialect, Ending, ErrorKind, Meter, Reading};

fn read(provider: &str, dialect: Dialect, body: &str) -> Reading {
    let mut meter = Meter::new(provider, dialect, None, None);
    meter.feed(body.as_bytes());
    meter.finish()
}

/// `data:` lines of these events.
fn events(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// Input, cache read, cache write 5m, cache write 1h, output.
fn tokens(usage: &Usage) -> [u64; 5] {
    [
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.output_tokens,
    ]
}

#[test]
fn chat() {
    let text = r#"{"id":"c1","model":"m-2024","service_tier":"default","choices":[{"delta":{"content":"hello"},"finish_reason":null}],"usage":null}"#;
    let stop = r#"{"id":"c1","model":"m-2024","choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let usage = r#"{"id":"c1","model":"m-2024","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
    let grown = r#"{"id":"c1","choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
    let groq = r#"{"id":"c1","choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":9,"completion_tokens":2}}}"#;
    let kimi = r#"{"id":"c1","choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":9,"completion_tokens":2}}]}"#;
    let error = r#"{"error":{"code":"insufficient_quota","message":"x"}}"#;
    let whole = r#"{"id":"c1","model":"m-2024","choices":[{"message":{"content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
    for (what, body, expected, ending, output_bytes) in [
        (
            "usage chunk",
            events(&[text, stop, usage, "[DONE]"]),
            Some([9, 0, 0, 0, 2]),
            Ending::Complete,
            5,
        ),
        ("no usage", events(&[text, text, stop, "[DONE]"]), None, Ending::Complete, 10),
        ("cut", events(&[text, text]), None, Ending::Cut, 10),
        (
            "last of cumulative",
            events(&[grown, grown, usage]),
            Some([9, 0, 0, 0, 2]),
            Ending::Complete,
            2,
        ),
        ("old groq", events(&[text, groq]), Some([9, 0, 0, 0, 2]), Ending::Complete, 5),
        ("moonshot", events(&[text, kimi]), Some([9, 0, 0, 0, 2]), Ending::Complete, 5),
        (
            "error in stream",
            events(&[text, error]),
            None,
            Ending::Failed(ErrorKind::InsufficientQuota),
            5,
        ),
        ("document", whole.to_owned(), Some([9, 0, 0, 0, 2]), Ending::Complete, 5),
        (
            "keep-alive spaces first",
            format!("\n   \n{whole}"),
            Some([9, 0, 0, 0, 2]),
            Ending::Complete,
            5,
        ),
        ("cut document", whole[..whole.len() - 60].to_owned(), None, Ending::Cut, 5),
        ("error document", error.to_owned(), None, Ending::Failed(ErrorKind::InsufficientQuota), 0),
        ("nothing", String::new(), None, Ending::Cut, 0),
    ] {
        let reading = read("openai", Dialect::OpenAiChat, &body);
        assert_eq!(reading.metered.usage.as_ref().map(tokens), expected, "{what}");
        assert_eq!((reading.ending, reading.output_bytes), (ending, output_bytes), "{what}");
    }
    let reading = read("openai", Dialect::OpenAiChat, &events(&[text, stop, usage]));
    let metered = reading.metered;
    assert_eq!(metered.response_id.as_deref(), Some("c1"));
    assert_eq!(metered.model.as_deref(), Some("m-2024"));
    assert_eq!(metered.service_tier.as_deref(), Some("default"));
}

#[test]
fn responses() {
    let created = r#"{"type":"response.created","response":{"id":"r1","model":"m","status":"in_progress","usage":null}}"#;
    let delta = r#"{"type":"response.output_text.delta","delta":"hello","obfuscation":"zzzz"}"#;
    let done = r#"{"type":"response.output_text.done","text":"hello"}"#;
    let usage = r#""usage":{"input_tokens":90,"input_tokens_details":{"cached_tokens":40},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":4}}"#;
    let tools = r#""output":[{"type":"reasoning"},{"type":"web_search_call","action":{"type":"search"}},{"type":"web_search_call","action":{"type":"open_page"}},{"type":"reasoning"},{"type":"file_search_call"},{"type":"code_interpreter_call"},{"type":"message","content":[{"type":"output_text","text":"hello"}]}]"#;
    let end = |kind: &str| {
        format!(
            r#"{{"type":"response.{kind}","response":{{"id":"r1","status":"{kind}",{tools},{usage}}}}}"#
        )
    };
    let queued = r#"{"id":"r1","object":"response","background":true,"status":"queued","usage":null,"output":[]}"#;
    let counted = Some([50, 40, 0, 0, 6]);
    for (what, body, expected, ending) in [
        (
            "completed",
            events(&[created, delta, done, &end("completed")]),
            counted,
            Ending::Complete,
        ),
        ("incomplete", events(&[created, delta, &end("incomplete")]), counted, Ending::Complete),
        ("failed", events(&[created, &end("failed")]), counted, Ending::Failed(ErrorKind::Other)),
        ("cut", events(&[created, delta]), None, Ending::Cut),
        (
            "document",
            format!(r#"{{"id":"r1","status":"completed",{tools},{usage}}}"#),
            counted,
            Ending::Complete,
        ),
        ("background", queued.to_owned(), None, Ending::Complete),
        (
            "error event",
            events(&[created, r#"{"type":"error","code":"rate_limit_exceeded","message":"x"}"#]),
            None,
            Ending::Failed(ErrorKind::RateLimit),
        ),
    ] {
        let reading = read("openai", Dialect::OpenAiResponses, &body);
        assert_eq!(reading.metered.usage.as_ref().map(tokens), expected, "{what}");
        assert_eq!(reading.ending, ending, "{what}");
        assert_eq!(reading.metered.response_id.as_deref(), Some("r1"), "{what}");
        if let Some(usage) = reading.metered.usage {
            let tools = (usage.web_searches, usage.file_searches, usage.other_tool_calls);
            assert_eq!(tools, (1, 1, 1), "{what}");
            assert_eq!(reading.metered.turn_prompt_tokens, Some(30), "three turns of 90 in all");
        }
    }
    let reading = read(
        "openai",
        Dialect::OpenAiResponses,
        &events(&[created, delta, done, &end("completed")]),
    );
    assert_eq!(reading.output_bytes, 5, "text is counted once");
}

#[test]
fn anthropic() {
    let start = r#"{"type":"message_start","message":{"id":"m1","model":"claude-x","usage":{"input_tokens":20,"cache_read_input_tokens":7,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":5},"output_tokens":1,"service_tier":"standard"}}}"#;
    let delta = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"hello"}}"#;
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":30}}"#;
    let late_input = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":50,"output_tokens":30}}"#;
    let between =
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":12}}"#;
    let stop = r#"{"type":"message_stop"}"#;
    let overloaded =
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let zeros =
        r#"{"id":"m1","type":"message","content":[],"usage":{"input_tokens":0,"output_tokens":0}}"#;
    let written = r#"{"type":"message","content":[],"usage":{"input_tokens":1,"cache_creation_input_tokens":9,"output_tokens":2}}"#;
    let no_output = r#"{"type":"message","content":[],"usage":{"input_tokens":1}}"#;
    for (what, body, expected, ending) in [
        ("stream", events(&[start, delta, end, stop]), Some([20, 7, 4, 5, 30]), Ending::Complete),
        (
            "input at the end",
            events(&[start, late_input, stop]),
            Some([50, 7, 4, 5, 30]),
            Ending::Complete,
        ),
        (
            "cumulative",
            events(&[start, between, between, end, stop]),
            Some([20, 7, 4, 5, 30]),
            Ending::Complete,
        ),
        ("cut after the start", events(&[start, delta]), None, Ending::Cut),
        ("cut between", events(&[start, delta, between]), None, Ending::Cut),
        ("error", events(&[start, delta, overloaded]), None, Ending::Failed(ErrorKind::Overloaded)),
        ("zeros", zeros.to_owned(), Some([0, 0, 0, 0, 0]), Ending::Complete),
        ("no split", written.to_owned(), Some([1, 0, 9, 0, 2]), Ending::Complete),
        ("missing is unknown", no_output.to_owned(), None, Ending::Complete),
    ] {
        let reading = read("anthropic", Dialect::AnthropicMessages, &body);
        assert_eq!(reading.metered.usage.as_ref().map(tokens), expected, "{what}");
        assert_eq!(reading.ending, ending, "{what}");
    }
    let cut = read("anthropic", Dialect::AnthropicMessages, &events(&[start, delta, delta]));
    assert_eq!(cut.interim.as_ref().map(tokens), Some([20, 7, 4, 5, 1]));
    assert_eq!(
        tokens(&cut.estimated_usage(9999)),
        [20, 7, 4, 5, 4],
        "known input, estimated output"
    );
}

#[test]
fn anthropic_iterations() {
    let body = r#"{"id":"m1","type":"message","model":"claude-sonnet","content":[],"usage":{"input_tokens":2414,"output_tokens":3200,"cache_read_input_tokens":0,"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1},"iterations":[{"type":"message","input_tokens":1051,"output_tokens":35},{"type":"advisor_message","model":"claude-opus","input_tokens":2728,"output_tokens":874},{"type":"message","input_tokens":1363,"output_tokens":3165,"cache_creation":{"ephemeral_1h_input_tokens":8},"cache_creation_input_tokens":8}]}}"#;
    let metered = read("anthropic", Dialect::AnthropicMessages, body).metered;
    let usage = metered.usage.unwrap();
    assert_eq!(tokens(&usage), [2414, 0, 0, 8, 3200]);
    assert_eq!((usage.web_searches, usage.other_tool_calls), (2, 1));
    let advice = Usage { input_tokens: 2728, output_tokens: 874, ..Usage::default() };
    assert_eq!(metered.other_models, [("claude-opus".to_owned(), advice)]);
    assert_eq!(metered.turn_prompt_tokens, Some(1371));
    assert_eq!(metered.model.as_deref(), Some("claude-sonnet"));

    // Without iterations a loop over server tools is known by its results.
    let body = r#"{"type":"message","model":"c","content":[{"type":"server_tool_use"},{"type":"web_search_tool_result"},{"type":"text","text":"x"},{"type":"server_tool_use"},{"type":"server_tool_use"},{"type":"web_search_tool_result"},{"type":"web_fetch_tool_result"},{"type":"text"}],"usage":{"input_tokens":300000,"output_tokens":5}}"#;
    let metered = read("anthropic", Dialect::AnthropicMessages, body).metered;
    assert_eq!(metered.turn_prompt_tokens, Some(100_000));
}

#[test]
fn gemini() {
    let chunk = |text: &str, metadata: &str, rest: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}}{rest}}}],"usageMetadata":{{{metadata}}},"modelVersion":"gemini-x","responseId":"g1"}}"#
        )
    };
    let first = chunk("hello", r#""promptTokenCount":10,"totalTokenCount":10"#, "");
    let last = chunk(
        "",
        r#""promptTokenCount":10,"candidatesTokenCount":4,"thoughtsTokenCount":6,"totalTokenCount":20"#,
        r#","finishReason":"STOP""#,
    );
    let tools = chunk(
        "",
        r#""promptTokenCount":10,"candidatesTokenCount":4,"toolUsePromptTokenCount":50,"cachedContentTokenCount":8,"totalTokenCount":64"#,
        r#","finishReason":"STOP","groundingMetadata":{"webSearchQueries":["a","b"]}"#,
    );
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":8,"totalTokenCount":8}}"#;
    for (what, body, expected, ending, searches) in [
        ("stream", events(&[&first, &last]), Some([10, 0, 0, 0, 10]), Ending::Complete, 0),
        ("array", format!("[{first},\r\n{last}]"), Some([10, 0, 0, 0, 10]), Ending::Complete, 0),
        ("cut", events(&[&first]), Some([10, 0, 0, 0, 0]), Ending::Cut, 0),
        ("cut array", format!("[{first},"), Some([10, 0, 0, 0, 0]), Ending::Cut, 0),
        ("tools", tools.clone(), Some([52, 8, 0, 0, 4]), Ending::Complete, 2),
        (
            "repeated queries",
            events(&[&tools, &tools]),
            Some([52, 8, 0, 0, 4]),
            Ending::Complete,
            2,
        ),
        ("blocked", blocked.to_owned(), Some([8, 0, 0, 0, 0]), Ending::Complete, 0),
        ("no metadata", r#"{"candidates":[]}"#.to_owned(), None, Ending::Complete, 0),
        ("empty metadata", r#"{"usageMetadata":{}}"#.to_owned(), None, Ending::Complete, 0),
    ] {
        let reading = read("gemini", Dialect::GeminiGenerate, &body);
        assert_eq!(reading.metered.usage.as_ref().map(tokens), expected, "{what}");
        assert_eq!(reading.ending, ending, "{what}");
        assert_eq!(reading.metered.usage.map_or(0, |usage| usage.web_searches), searches, "{what}");
    }
    let metered = read("gemini", Dialect::GeminiGenerate, &tools).metered;
    assert_eq!(metered.turn_prompt_tokens, Some(10), "a tier goes by the prompt that was asked");
    assert_eq!(metered.response_id.as_deref(), Some("g1"));
    assert_eq!(metered.model.as_deref(), Some("gemini-x"));

    let modalities = r#"{"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":30,"candidatesTokenCount":50,"promptTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":2,"tokenCount":40},{"modality":"AUDIO","tokenCount":20},{"modality":"VIDEO","tokenCount":25},{"modality":5,"tokenCount":5}],"cacheTokensDetails":[{"modality":4,"tokenCount":20},{"modality":"IMAGE","tokenCount":10}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":45}],"trafficType":"ON_DEMAND_PRIORITY"}}"#;
    let metered = read("gemini", Dialect::GeminiGenerate, modalities).metered;
    let expected = Usage {
        input_tokens: 15,
        image_input_tokens: 30,
        image_cache_read_tokens: 10,
        audio_cache_read_tokens: 20,
        video_input_tokens: 25,
        output_tokens: 5,
        image_output_tokens: 45,
        ..Usage::default()
    };
    assert_eq!(metered.usage, Some(expected));
    assert_eq!(metered.service_tier.as_deref(), Some("priority"));
}

#[test]
fn embeddings_and_other_shapes() {
    use Dialect::{GeminiEmbed, OpenAiCompletions, OpenAiEmbeddings, Other};
    for (dialect, body, expected) in [
        (
            OpenAiEmbeddings,
            r#"{"object":"list","data":[],"usage":{"prompt_tokens":7,"total_tokens":7}}"#,
            Some([7, 0, 0, 0, 0]),
        ),
        (
            OpenAiCompletions,
            r#"{"choices":[{"text":"x","finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#,
            Some([5, 0, 0, 0, 1]),
        ),
        (
            GeminiEmbed,
            r#"{"embeddings":[],"usageMetadata":{"promptTokenCount":4}}"#,
            Some([4, 0, 0, 0, 0]),
        ),
        (GeminiEmbed, r#"{"embedding":{"values":[0.1]}}"#, None),
        (
            Other,
            r#"{"usage":{"inputTokens":37,"outputTokens":8,"cacheReadInputTokens":5,"cacheWriteInputTokens":6,"cacheDetails":[{"ttl":"1h","inputTokens":2}]}}"#,
            Some([37, 5, 4, 2, 8]),
        ),
        (
            Other,
            r#"{"usage":{"input_tokens":14,"cache_read_input_tokens":3,"output_tokens":10}}"#,
            Some([14, 3, 0, 0, 10]),
        ),
        (
            Other,
            r#"{"id":"v1","usage":{"total_input_tokens":22,"total_cached_tokens":2,"total_output_tokens":9,"total_thought_tokens":5,"total_tool_use_tokens":8}}"#,
            Some([28, 2, 0, 0, 14]),
        ),
        (
            Other,
            r#"{"usage":{"billed_units":{"input_tokens":5,"output_tokens":6},"tokens":{"input_tokens":70,"output_tokens":8}}}"#,
            Some([5, 0, 0, 0, 6]),
        ),
        (Other, r#"{"meta":{"billed_units":{"input_tokens":10}}}"#, Some([10, 0, 0, 0, 0])),
        (
            Other,
            "{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"done\":true,\"prompt_eval_count\":26,\"eval_count\":2}\n",
            Some([26, 0, 0, 0, 2]),
        ),
        (Other, r#"{"data":[{"url":"http://x"}]}"#, None),
        (Other, "RIFF....", None),
        (Other, "<html>", None),
    ] {
        let usage = read("work", dialect, body).metered.usage;
        assert_eq!(usage.as_ref().map(tokens), expected, "{body}");
    }
    let image = r#"{"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":11,"input_tokens_details":{"text_tokens":3,"image_tokens":8},"output_tokens":200}}"#;
    let usage = read("openai", Dialect::Other, image).metered.usage;
    let expected = Usage {
        input_tokens: 3,
        image_input_tokens: 8,
        image_output_tokens: 200,
        ..Usage::default()
    };
    assert_eq!(usage, Some(expected));
}

#[test]
fn what_cannot_be_read_is_unknown() {
    for (encoding, body, readable) in [
        (Some("gzip"), &b"\x00\x01\x02\x03\x04"[..], false),
        (Some("rot13"), b"{}", false),
        (None, b"\x00\x01\x02", false),
        (None, b"{\"usage\": oops}", false),
        (None, b"{\"usage\": 3, \"choices\": {}, \"id\": []}", true),
        (None, b"data: {\"usage\": \"\xff\xfe\"}\n\n", true),
    ] {
        let mut meter = Meter::new("openai", Dialect::OpenAiChat, None, encoding);
        meter.feed(body);
        let reading = meter.finish();
        assert_eq!((reading.metered.usage, reading.readable), (None, readable), "{body:?}");
    }
}

#[test]
fn the_body_tells_what_it_is() {
    let stream =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n";
    let document = "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}";
    for (content_type, body, whole) in [
        (Some("application/json"), stream, false),
        (Some("text/event-stream; charset=utf-8"), document, true),
        (None, stream, false),
        (None, document, true),
        (
            Some("text/plain"),
            "\u{feff}: ping\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}",
            false,
        ),
    ] {
        let mut meter = Meter::new("openai", Dialect::OpenAiChat, content_type, None);
        meter.feed(body.as_bytes());
        let reading = meter.finish();
        assert_eq!(reading.metered.usage.as_ref().map(tokens), Some([1, 0, 0, 0, 1]), "{body}");
        assert_eq!(reading.whole, whole, "{body}");
    }
}

#[test]
fn tokens_so_far() {
    // Three bytes of text are taken for a token, until the provider counts.
    let chat = |text: &str, usage: &str| {
        format!(
            r#"{{"id":"c","model":"m","choices":[{{"delta":{{"content":"{text}"}}}}],"usage":{usage}}}"#
        )
    };
    let gemini = |text: &str, usage: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}}}}],"usageMetadata":{usage}}}"#
        )
    };
    let start =
        r#"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":2}}}"#;
    let delta = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"abcdef"}}"#;
    let stop = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":40}}"#;
    let written = r#"{"type":"response.output_text.delta","delta":"abcdef"}"#;
    let completed = r#"{"type":"response.completed","response":{"usage":{"input_tokens":9,"output_tokens":40}}}"#;
    for (dialect, pieces) in [
        (
            Dialect::OpenAiChat,
            vec![
                (chat("abc", "null"), 1),
                (chat("abcd", "null"), 3),
                (chat("abc", r#"{"prompt_tokens":9,"completion_tokens":7}"#), 7),
                (chat("abc", "null"), 8),
            ],
        ),
        (
            Dialect::AnthropicMessages,
            vec![(start.to_owned(), 2), (delta.to_owned(), 4), (stop.to_owned(), 40)],
        ),
        (
            Dialect::OpenAiResponses,
            vec![(written.to_owned(), 2), (written.to_owned(), 4), (completed.to_owned(), 40)],
        ),
        (
            Dialect::GeminiGenerate,
            vec![
                (gemini("abcdef", r#"{"promptTokenCount":9}"#), 2),
                (
                    gemini(
                        "abcdef",
                        r#"{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":30}"#,
                    ),
                    33,
                ),
                (gemini("abcdef", r#"{"trafficType":"ON_DEMAND"}"#), 35),
                (r#"{"candidates":[{"finishReason":"STOP"}]}"#.to_owned(), 35),
            ],
        ),
    ] {
        let mut meter = Meter::new("x", dialect, Some("text/event-stream"), None);
        assert_eq!((meter.output_tokens_so_far(), meter.has_ended()), (0, false));
        let mut array = Meter::new("x", dialect, Some("application/json"), None);
        for (index, (piece, expected)) in pieces.iter().enumerate() {
            meter.feed(format!("data: {piece}\n\n").as_bytes());
            assert_eq!(meter.output_tokens_so_far(), *expected, "{dialect:?} after {piece}");
            let has_ended =
                ["finishReason", "stop_reason", "completed"].iter().any(|end| piece.contains(end));
            assert_eq!(meter.has_ended(), has_ended, "{dialect:?} after {piece}");
            array.feed(format!("{}{piece}", if index == 0 { "[" } else { ",\n" }).as_bytes());
            let expected = if dialect == Dialect::GeminiGenerate { *expected } else { 0 };
            assert_eq!(array.output_tokens_so_far(), expected, "{dialect:?} as array, {piece}");
        }
    }
}
