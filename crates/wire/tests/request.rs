//! The fields of a request that admission needs.

// A test may stop at anything that is not as it should be.
#![allow(clippy::unwrap_used)]

use outlay_wire::{Dialect, RequestError, RequestFacts, read_request};

fn read(dialect: Dialect, path: &str, body: &str) -> RequestFacts {
    read_request(dialect, path, body.as_bytes()).unwrap()
}

fn chat(body: &str) -> RequestFacts {
    read(Dialect::OpenAiChat, "/v1/chat/completions", body)
}

#[test]
fn fields_of_each_dialect() {
    let facts = chat(
        r#"{"model":"gpt-5","stream":true,"n":3,"max_tokens":50,"max_completion_tokens":40,"stream_options":{"include_usage":false},"service_tier":"flex","prompt_cache_key":"s1","messages":[]}"#,
    );
    let expected = RequestFacts {
        model: Some("gpt-5".to_owned()),
        stream: true,
        output_tokens_max: Some(50),
        choices: 3,
        include_usage: Some(false),
        service_tier: Some("flex".to_owned()),
        session: Some("s1".to_owned()),
        prompt_bytes: facts.prompt_bytes,
        ..RequestFacts::default()
    };
    assert_eq!(facts, expected);

    let body = r#"{"model":"claude-opus-4-8","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4000},"metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"abc\"}"},"tools":[{"name":"Bash","input_schema":{}},{"type":"bash_20250124","name":"bash"}],"messages":[{"role":"user","content":[{"type":"tool_use","input":{"url":"http://x"}}]}]}"#;
    let facts = read(Dialect::AnthropicMessages, "/v1/messages", body);
    let expected = RequestFacts {
        model: Some("claude-opus-4-8".to_owned()),
        output_tokens_max: Some(9000),
        choices: 1,
        thinking_budget: Some(4000),
        asks_for_reasoning: true,
        has_tools: true,
        session: Some("abc".to_owned()),
        prompt_bytes: body.len() as u64,
        ..RequestFacts::default()
    };
    assert_eq!(facts, expected);

    let body = r#"{"contents":[],"generationConfig":{"maxOutputTokens":7,"candidateCount":2,"thinkingConfig":{"thinkingBudget":-1},"responseModalities":["TEXT","IMAGE"]},"tools":[{"googleSearch":{}}]}"#;
    let path = "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse";
    let facts = read(Dialect::GeminiGenerate, path, body);
    let expected = RequestFacts {
        model: Some("gemini-3-pro".to_owned()),
        stream: true,
        output_tokens_max: Some(7),
        choices: 2,
        server_tools: true,
        media_output: true,
        asks_for_reasoning: true,
        has_tools: true,
        prompt_bytes: body.len() as u64,
        ..RequestFacts::default()
    };
    assert_eq!(facts, expected);
}

#[test]
fn remote_input() {
    for (body, expected) in [
        (r#"{"input":"hi"}"#, false),
        (r#"{"input":"\"file_id\":1 \"image_url\":\"http\""}"#, false),
        (r#"{"previous_response_id":"resp_1"}"#, true),
        (r#"{"previous_response_id":null}"#, false),
        (r#"{"conversation":{"id":"c"}}"#, true),
        (r#"{"input":[{"type":"item_reference","id":"i"}]}"#, true),
        (r#"{"input":[{"type":"input_file","file_id":"f"}]}"#, true),
        (r#"{"messages":[{"content":[{"image_url":{"url":"https://x/y.png"}}]}]}"#, true),
        (r#"{"messages":[{"content":[{"image_url": "https://x/y.png"}]}]}"#, true),
        (
            r#"{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#,
            false,
        ),
        (r#"{"messages":[{"content":[{"video_url":{"url":"https://x/y.mp4"}}]}]}"#, true),
        (r#"{"messages":[{"content":[{"type":"audio_url","audio_url":"HTTPS://x"}]}]}"#, true),
        (r#"{"messages":[{"content":[{"document_url":"https://x/y.pdf"}]}]}"#, true),
        (r#"{"messages":[{"content":[{"file":{"file_data":"gs://b/y.pdf"}}]}]}"#, true),
        (r#"{"messages":[{"content":[{"input_audio":{"data":"QUJD","format":"wav"}}]}]}"#, false),
        (r#"{"messages":[{"content":[{"image_url":{"\u0075rl":"https://x"}}]}]}"#, true),
        (r#"{"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}"#, true),
        (r#"{"image_urls":["https://x/y.png"]}"#, true),
        (r#"{"video":"s3://b/y.mp4"}"#, true),
        (r#"{"container_id":"c"}"#, true),
        (r#"{"messages":[{"content":"see https://x/y.png"}]}"#, false),
        (
            r#"{"tools":[{"function":{"parameters":{"$schema":"http://json-schema.org/","properties":{"url":{"type":"string"},"file_id":{"type":"string"}},"required":["url"]}}}]}"#,
            false,
        ),
    ] {
        assert_eq!(chat(body).remote_input, expected, "{body}");
    }
    for (body, expected) in [
        (
            r#"{"messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}]}"#,
            true,
        ),
        (
            r#"{"messages":[{"content":[{"type":"image","source":{"type":"base64","data":"AAAA"}}]}]}"#,
            false,
        ),
    ] {
        assert_eq!(read(Dialect::AnthropicMessages, "", body).remote_input, expected, "{body}");
    }
    for (body, expected) in [
        (r#"{"input":[{"id":"msg_1"}]}"#, true),
        (r#"{"input":[{"id":"msg_1","type":null}]}"#, true),
        (r#"{"input":[{"id":"rs_1","type":"reasoning","summary":[]}]}"#, true),
        (
            r#"{"input":[{"id":"rs_1","type":"reasoning","encrypted_content":"abc","summary":[]}]}"#,
            false,
        ),
        (r#"{"input":[{"id":"msg_1","role":"user","content":"hi"}]}"#, false),
        (r#"{"input":[{"id":"fc_1","type":"function_call","arguments":"{}"}]}"#, false),
    ] {
        assert_eq!(read(Dialect::OpenAiResponses, "", body).remote_input, expected, "{body}");
    }
    for (body, expected) in [
        (r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://b/x"}}]}]}"#, true),
        (r#"{"cachedContent":"cachedContents/1","contents":[]}"#, true),
        (r#"{"contents":[{"parts":[{"functionCall":{"args":{"url":"https://x"}}}]}]}"#, false),
    ] {
        assert_eq!(read(Dialect::GeminiGenerate, "", body).remote_input, expected, "{body}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    assert!(chat(&deep).remote_input);
}

#[test]
fn the_model_in_the_path_is_the_one_that_runs() {
    for (dialect, path, expected) in [
        (Dialect::OpenAiChat, "/v1/chat/completions", Some("cheap")),
        (
            Dialect::OpenAiChat,
            "/openai/deployments/dear/chat/completions?api-version=1",
            Some("dear"),
        ),
        (Dialect::GeminiGenerate, "/v1beta/models/dear:generateContent", Some("dear")),
        (Dialect::AnthropicMessages, "/publishers/anthropic/models/dear:rawPredict", Some("dear")),
        (Dialect::OpenAiChat, "/models/meta-llama/x/v1/chat/completions", Some("cheap")),
    ] {
        assert_eq!(
            read(dialect, path, r#"{"model":"cheap"}"#).model.as_deref(),
            expected,
            "{path}"
        );
    }
}

#[test]
fn models_that_may_run_instead() {
    for (body, expected) in [
        (r#"{"model":"a"}"#, &[][..]),
        (r#"{"model":"a","models":["b","c"]}"#, &["b", "c"]),
        (r#"{"model":"a","fallbacks":["b",{"model":"c"}]}"#, &["b", "c"]),
    ] {
        assert_eq!(chat(body).fallback_models, expected, "{body}");
    }
}

#[test]
fn output_caps_are_read_from_the_fields_of_the_dialect() {
    use Dialect::{
        AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiCompletions, OpenAiResponses,
    };
    let all = r#"{"max_tokens":1,"max_completion_tokens":2,"max_output_tokens":3,"generationConfig":{"maxOutputTokens":4}}"#;
    for (dialect, body, expected) in [
        (OpenAiChat, all, Some(2)),
        (OpenAiChat, r#"{"max_tokens":5,"max_completion_tokens":2}"#, Some(5)),
        (OpenAiChat, r#"{"max_tokens":null,"max_completion_tokens":2}"#, Some(2)),
        (OpenAiChat, r#"{"max_output_tokens":3}"#, None),
        (OpenAiResponses, all, Some(3)),
        (OpenAiResponses, r#"{"max_tokens":1}"#, None),
        (OpenAiCompletions, all, Some(1)),
        (OpenAiCompletions, r#"{"max_completion_tokens":2}"#, None),
        (AnthropicMessages, all, Some(1)),
        (GeminiGenerate, all, Some(4)),
        (GeminiGenerate, r#"{"maxOutputTokens":4}"#, None),
        (
            GeminiGenerate,
            r#"{"generationConfig":{"maxOutputTokens":4,"max_output_tokens":9}}"#,
            Some(9),
        ),
        (
            GeminiGenerate,
            r#"{"generationConfig":{"maxOutputTokens":4},"generation_config":{}}"#,
            None,
        ),
    ] {
        assert_eq!(read(dialect, "", body).output_tokens_max, expected, "{dialect:?} {body}");
    }
}

#[test]
fn every_prompt_of_a_batch_is_answered() {
    for (body, expected) in [
        (r#"{"prompt":"a"}"#, 1),
        (r#"{"prompt":["a"]}"#, 1),
        (r#"{"prompt":["a","b","c"]}"#, 3),
        (r#"{"prompt":["a","b"],"n":2,"best_of":4}"#, 8),
        (r#"{"prompt":[1,2,3]}"#, 1),
        (r#"{"prompt":[[1,2],[3]]}"#, 2),
        (r#"{"prompt":[],"n":0}"#, 1),
    ] {
        let facts = read(Dialect::OpenAiCompletions, "/v1/completions", body);
        assert_eq!(facts.choices, expected, "{body}");
    }
}

#[test]
fn media_parts() {
    use Dialect::{AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiResponses};
    for (dialect, body, parts, is_long) in [
        (OpenAiChat, r#"{"messages":[{"content":"hi"}]}"#, 0, false),
        (
            OpenAiChat,
            r#"{"messages":[{"content":[{"type":"text","text":"data:x"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"image_url","image_url":{"url":"https://x"}}]}]}"#,
            2,
            false,
        ),
        (OpenAiChat, r#"{"image_url":{"url":"data:image/png;base64,AAAA"}}"#, 1, false),
        (
            OpenAiChat,
            r#"{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}"#,
            1,
            true,
        ),
        (
            OpenAiChat,
            r#"{"content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,AA"}}]}"#,
            1,
            true,
        ),
        (OpenAiChat, r#"{"messages":[{"images":["AAAA","BBBB"]}]}"#, 2, false),
        (OpenAiResponses, r#"{"input":[{"type":"input_image","file_id":"f"}]}"#, 1, false),
        (
            AnthropicMessages,
            r#"{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]}]}"#,
            1,
            false,
        ),
        (
            AnthropicMessages,
            r#"{"content":[{"type":"document","source":{"type":"base64","data":"AA"}}]}"#,
            1,
            true,
        ),
        (
            AnthropicMessages,
            r#"{"content":[{"type":"tool_use","input":{"type":"image","url":"https://x"}}]}"#,
            0,
            false,
        ),
        (
            GeminiGenerate,
            r#"{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}},{"text":"hi"}]}"#,
            1,
            false,
        ),
        (
            GeminiGenerate,
            r#"{"parts":[{"inline_data":{"mime_type":"video/mp4","data":"AA"}}]}"#,
            1,
            true,
        ),
    ] {
        let facts = read(dialect, "", body);
        assert_eq!((facts.media_parts, facts.has_long_media), (parts, is_long), "{body}");
    }
}

#[test]
fn server_tools_and_media() {
    for (body, server_tools, media_output) in [
        (r#"{"tools":[{"type":"function","name":"f"},{"type":"custom"}]}"#, false, false),
        (r#"{"tools":[{"type":"web_search"}]}"#, true, false),
        (r#"{"tools":[{"type":"mcp"}]}"#, true, false),
        (r#"{"tools":[{"type":"image_generation"}]}"#, true, true),
        (r#"{"modalities":["text","audio"]}"#, false, true),
        (r#"{"modalities":["text"]}"#, false, false),
        (r#"{"web_search_options":{}}"#, true, false),
        (r#"{"model":"sonar-pro"}"#, true, false),
        (r#"{"model":"openai/gpt-5:online"}"#, true, false),
    ] {
        let facts = chat(body);
        assert_eq!(
            (facts.server_tools, facts.media_output),
            (server_tools, media_output),
            "{body}"
        );
    }
}

#[test]
fn requests_that_ask_for_reasoning() {
    for (body, expected) in [
        (r#"{"thinking": {"type": "enabled", "budget_tokens": 9000}}"#, true),
        (r#"{"thinking":{"type":"adaptive"}}"#, true),
        (r#"{"thinking":{"type":"disabled"}}"#, false),
        (r#"{"thinking":{"budget_tokens":1,"type":"disabled"}}"#, false),
        (r#"{"messages":[{"content":[{"type":"thinking","thinking":"I see"}]}]}"#, false),
        (r#"{"reasoning":{"effort":"high"}}"#, true),
        (r#"{"reasoning":{"effort":"none","summary":"auto"}}"#, false),
        (r#"{"reasoning":{"effort":null,"summary":null}}"#, false),
        (r#"{"reasoning":{"enabled":false}}"#, false),
        (r#"{"reasoning":{}}"#, true),
        (r#"{"reasoning":null}"#, false),
        (r#"{"reasoning_effort":"low"}"#, true),
        (r#"{"reasoning_effort":"none","temperature":1}"#, false),
        (r#"{"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#, true),
        (r#"{"generationConfig":{"thinkingConfig":{"includeThoughts":false}}}"#, false),
        (r#"{"extra_body":{"reasoning":{"effort":"low"}}}"#, true),
        (r#"{"input":[{"type":"reasoning","summary":[]}]}"#, false),
        (r#"{"tools":[{"parameters":{"reasoning":{"type":"string"}}}]}"#, false),
        (r#"{"input":"\"reasoning\":{\"effort\":\"high\"}"}"#, false),
        ("{}", false),
    ] {
        assert_eq!(chat(body).asks_for_reasoning, expected, "{body}");
    }
}

#[test]
fn requests_with_tools() {
    for (body, expected) in [
        (r#"{"tools":[{"type":"function"}]}"#, true),
        (r#"{"functions":[{"name":"f"}]}"#, true),
        (r#"{"toolConfig":{"tools":[{}]}}"#, true),
        (r#"{"tools":[]}"#, false),
        (r#"{"tools":null}"#, false),
        (r#"{"messages":[{"content":"\"tools\":[1]"}]}"#, false),
        (r#"{"messages":[{"tools":[1]}]}"#, false),
        ("{}", false),
    ] {
        assert_eq!(chat(body).has_tools, expected, "{body}");
    }
}

#[test]
fn inline_media_is_no_prompt() {
    let base64 = "QUJD".repeat(500);
    for body in [
        format!(r#"{{"image_url":{{"url":"data:image/png;base64,{base64}"}}}}"#),
        format!(r#"{{"source":{{"type":"base64","data": "{base64}"}}}}"#),
        format!(r#"{{"inlineData":{{"mimeType":"audio/wav","data":"{base64}"}}}}"#),
        format!(r#"{{"file":{{"file_data":"data:application/pdf;base64,{base64}"}}}}"#),
    ] {
        let facts = chat(&body);
        assert_eq!(facts.media_bytes, 2000, "{body}");
        assert_eq!(facts.prompt_bytes, body.len() as u64 - 2000);
    }
}

#[test]
fn what_is_no_request() {
    for (body, expected) in [
        (&b"\xff\xfe"[..], RequestError::NotText),
        (b"", RequestError::NotAnObject),
        (b"[]", RequestError::NotAnObject),
        (b"{\"model\":", RequestError::NotAnObject),
        (b"{\"model\":\"a\"} {}", RequestError::NotAnObject),
        (b"{\"model\":\"a\" \"b\":1}", RequestError::NotAnObject),
        (b"{\"model\":\"a\",}", RequestError::NotAnObject),
        (b"{\"a\":[1,{\"b\":nul}]}", RequestError::NotAnObject),
        (b"{\"a\":[1,]}", RequestError::NotAnObject),
        (b"{\"a\":\"\\\"}", RequestError::NotAnObject),
    ] {
        assert_eq!(read_request(Dialect::OpenAiChat, "/x", body), Err(expected));
    }
}
