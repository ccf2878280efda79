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
    ] {
        assert_eq!(read_request(Dialect::OpenAiChat, "/x", body), Err(expected));
    }
}
