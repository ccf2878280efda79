//! Gemini's content: a tool call comes whole, in one chunk.

use serde_json::{Value, json};

use super::{Saying, TOKEN_CHARS};

pub(super) fn events(saying: &Saying<'_>) -> Vec<String> {
    let tokens = saying.tokens();
    // Each chunk counts what has been generated up to its end.
    let chunk = |part: Value, tokens: usize, finish: Option<&str>| {
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [part]}});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        let chunk = json!({"candidates": [candidate], "modelVersion": saying.model,
            "responseId": saying.id, "usageMetadata": {"promptTokenCount": 10,
                "candidatesTokenCount": tokens, "totalTokenCount": 10 + tokens}});
        format!("data: {chunk}\r\n\r\n")
    };
    let mut said_chars = 0;
    let text = saying.text.iter().map(|text| {
        said_chars += text.len();
        chunk(json!({"text": text}), said_chars.div_ceil(TOKEN_CHARS), None)
    });
    let mut events: Vec<String> = text.collect();
    if let (Some((shell, arguments)), false) = (&saying.call, saying.is_cut) {
        let arguments: Value = serde_json::from_str(&arguments.concat()).unwrap_or_default();
        let call = json!({"functionCall": {"name": shell.name, "args": arguments}});
        events.push(chunk(call, tokens, None));
    }
    let finish = if saying.is_cut { "MAX_TOKENS" } else { "STOP" };
    events.push(chunk(json!({"text": ""}), tokens, Some(finish)));
    events
}
