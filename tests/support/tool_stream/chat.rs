//! OpenAI's chat completions.

use serde_json::{Value, json};

use super::Saying;

pub(super) fn events(saying: &Saying<'_>) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": saying.id, "object": "chat.completion.chunk",
            "created": 1_700_000_000, "model": saying.model, "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), Value::Null)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
    events.extend(saying.text.iter().map(|text| delta(json!({"content": text}), Value::Null)));
    if let Some((shell, arguments)) = &saying.call {
        let call = json!({"index": 0, "id": format!("call_{}", saying.id), "type": "function",
            "function": {"name": shell.name, "arguments": ""}});
        events.push(delta(json!({"tool_calls": [call]}), Value::Null));
        events.extend(arguments.iter().map(|piece| {
            let call = json!({"index": 0, "function": {"arguments": piece}});
            delta(json!({"tool_calls": [call]}), Value::Null)
        }));
    }
    let reason = match (saying.is_cut, &saying.call) {
        (true, _) => "length",
        (false, Some(_)) => "tool_calls",
        (false, None) => "stop",
    };
    events.push(delta(json!({}), json!(reason)));
    if saying.include_usage {
        let output = saying.tokens();
        let usage = json!({"prompt_tokens": 10, "completion_tokens": output,
            "total_tokens": 10 + output});
        events.push(chunk(json!([]), usage));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}
