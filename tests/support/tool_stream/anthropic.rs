//! Anthropic's messages.

use serde_json::json;

use super::{Saying, typed_event};

pub(super) fn events(saying: &Saying<'_>) -> Vec<String> {
    let start = json!({"type": "message_start", "message": {
        "id": saying.id, "type": "message", "role": "assistant", "model": saying.model,
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 1}}});
    let text_starts = json!({"type": "content_block_start", "index": 0,
        "content_block": {"type": "text", "text": ""}});
    let stop = |index: usize| json!({"type": "content_block_stop", "index": index});
    let mut payloads = vec![start, text_starts];
    payloads.extend(saying.text.iter().map(|text| {
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": text}})
    }));
    payloads.push(stop(0));
    if let Some((shell, arguments)) = &saying.call {
        payloads.push(json!({"type": "content_block_start", "index": 1,
            "content_block": {"type": "tool_use", "id": format!("toolu_{}", saying.id),
                "name": shell.name, "input": {}}}));
        payloads.extend(arguments.iter().map(|piece| {
            json!({"type": "content_block_delta", "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": piece}})
        }));
        payloads.push(stop(1));
    }
    let reason = match (saying.is_cut, &saying.call) {
        (true, _) => "max_tokens",
        (false, Some(_)) => "tool_use",
        (false, None) => "end_turn",
    };
    payloads.push(json!({"type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": saying.tokens()}}));
    payloads.push(json!({"type": "message_stop"}));
    payloads.iter().map(typed_event).collect()
}
