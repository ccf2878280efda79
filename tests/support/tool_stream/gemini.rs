//! Gemini's content: a tool call comes whole, in one chunk.

use serde_json::{Value, json};

use super::Saying;

pub(super) fn events(saying: &Saying<'_>) -> Vec<String> {
    let tokens = saying.tokens();
    let chunk = |part: Value, finish: Option<&str>| {
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [part]}});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        let chunk = json!({"candidates": [candidate], "modelVersion": saying.model,
            "responseId": saying.id, "usageMetadata": {"promptTokenCount": 10,
                "candidatesTokenCount": tokens, "totalTokenCount": 10 + tokens}});
        format!("data: {chunk}\r\n\r\n")
    };
    let text = saying.text.iter().map(|text| chunk(json!({"text": text}), None));
    let mut events: Vec<String> = text.collect();
    if let (Some((shell, arguments)), false) = (&saying.call, saying.is_cut) {
        let arguments: Value = serde_json::from_str(&arguments.concat()).unwrap_or_default();
        let call = json!({"functionCall": {"name": shell.name, "args": arguments}});
        events.push(chunk(call, None));
    }
    let finish = if saying.is_cut { "MAX_TOKENS" } else { "STOP" };
    events.push(chunk(json!({"text": ""}), Some(finish)));
    events
}
