//! OpenAI's responses.

use serde_json::{Value, json};

use super::{Saying, Shell, typed_event};

const MESSAGE_ID: &str = "msg_1";
const CALL_ID: &str = "fc_1";

pub(super) fn events(saying: &Saying<'_>) -> Vec<String> {
    let mut payloads =
        vec![json!({"type": "response.created", "response": response(saying, "in_progress", &[])})];
    let mut output = Vec::new();
    say(saying, &mut payloads, &mut output);
    if let Some((shell, arguments)) = &saying.call {
        call(saying, shell, arguments, &mut payloads, &mut output);
    }
    let status = if saying.is_cut { "incomplete" } else { "completed" };
    let mut last = response(saying, status, &output);
    if saying.is_cut {
        last["incomplete_details"] = json!({"reason": "max_output_tokens"});
    }
    payloads.push(json!({"type": format!("response.{status}"), "response": last}));
    let numbered = payloads.into_iter().zip(0_u32..).map(|(mut payload, sequence)| {
        payload["sequence_number"] = json!(sequence);
        typed_event(&payload)
    });
    numbered.collect()
}

fn say(saying: &Saying<'_>, payloads: &mut Vec<Value>, output: &mut Vec<Value>) {
    let text = saying.text.concat();
    payloads.push(json!({"type": "response.output_item.added", "output_index": 0,
        "item": {"id": MESSAGE_ID, "type": "message", "status": "in_progress",
            "role": "assistant", "content": []}}));
    payloads.push(in_text(json!({"type": "response.content_part.added", "part": part("")})));
    payloads.extend(
        saying
            .text
            .iter()
            .map(|piece| in_text(json!({"type": "response.output_text.delta", "delta": piece}))),
    );
    if saying.is_cut && saying.call.is_none() {
        return;
    }
    let message = json!({"id": MESSAGE_ID, "type": "message", "status": "completed",
        "role": "assistant", "content": [part(&text)]});
    payloads.push(in_text(json!({"type": "response.output_text.done", "text": text})));
    payloads.push(in_text(json!({"type": "response.content_part.done", "part": part(&text)})));
    payloads.push(json!({"type": "response.output_item.done", "output_index": 0, "item": message}));
    output.push(message);
}

fn call(
    saying: &Saying<'_>,
    shell: &Shell,
    arguments: &[String],
    payloads: &mut Vec<Value>,
    output: &mut Vec<Value>,
) {
    let item = |arguments: &str, status: &str| {
        json!({"id": CALL_ID, "type": "function_call", "status": status,
            "call_id": format!("call_{}", saying.id), "name": shell.name, "arguments": arguments})
    };
    payloads.push(json!({"type": "response.output_item.added", "output_index": 1,
        "item": item("", "in_progress")}));
    payloads.extend(arguments.iter().map(|piece| {
        json!({"type": "response.function_call_arguments.delta", "item_id": CALL_ID,
            "output_index": 1, "delta": piece})
    }));
    if saying.is_cut {
        return;
    }
    let whole = arguments.concat();
    let item = item(&whole, "completed");
    payloads.push(json!({"type": "response.function_call_arguments.done", "item_id": CALL_ID,
        "output_index": 1, "name": shell.name, "arguments": whole}));
    payloads.push(json!({"type": "response.output_item.done", "output_index": 1, "item": item}));
    output.push(item);
}

fn in_text(mut payload: Value) -> Value {
    payload["item_id"] = json!(MESSAGE_ID);
    payload["output_index"] = json!(0);
    payload["content_index"] = json!(0);
    payload
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

fn response(saying: &Saying<'_>, status: &str, output: &[Value]) -> Value {
    let tokens = saying.tokens();
    let usage = json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10 + tokens});
    json!({
        "id": saying.id, "object": "response", "created_at": 1_700_000_000, "status": status,
        "model": saying.model, "error": null, "incomplete_details": null, "instructions": null,
        "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0,
        "tool_choice": "auto", "tools": [], "output": output,
        "usage": if status == "in_progress" { Value::Null } else { usage }
    })
}
