//! The answers of a model in each dialect that Outlay speaks.

use serde_json::{Value, json};

use crate::script::Script;

/// The protocol of a request, read from its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `/chat/completions`
    Chat,
    /// `/responses`
    Responses,
    /// `/embeddings`
    Embeddings,
    /// `/messages`
    Anthropic,
    /// `:generateContent`, `:streamGenerateContent`
    Gemini,
    /// Anything else: an empty list.
    Other,
}

impl Dialect {
    /// Of a path without its query.
    #[must_use]
    pub fn of_path(path: &str) -> Dialect {
        [
            ("/chat/completions", Dialect::Chat),
            ("/responses", Dialect::Responses),
            ("/embeddings", Dialect::Embeddings),
            ("/messages", Dialect::Anthropic),
            (":generateContent", Dialect::Gemini),
            (":streamGenerateContent", Dialect::Gemini),
        ]
        .into_iter()
        .find(|(end, _)| path.ends_with(end))
        .map_or(Dialect::Other, |(_, dialect)| dialect)
    }
}

/// One answer to one request: what was asked, and what the model has to say.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The protocol.
    pub dialect: Dialect,
    /// The model asked for; it also answers.
    pub model: String,
    /// Whether an event stream was asked for.
    pub stream: bool,
    /// Whether a chat stream shall end with its usage.
    pub include_usage: bool,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Generated tokens, within the request's cap.
    pub output_tokens: u64,
    /// Whether the cap cut the answer short.
    pub cut_by_cap: bool,
    /// The provider's id of the answer.
    pub id: String,
    text: String,
    chunks: u32,
    usage: bool,
}

impl Reply {
    /// What `script` makes of a request to `path` (with query) with this body.
    #[must_use]
    pub fn new(script: &Script, path_and_query: &str, body: &Value, id: String) -> Reply {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let dialect = Dialect::of_path(path);
        let cap = output_cap(body);
        let output_tokens = match dialect {
            Dialect::Embeddings | Dialect::Other => 0,
            _ => script.output_tokens.min(cap),
        };
        Reply {
            dialect,
            model: model(path, body),
            stream: body["stream"] == true || path.ends_with(":streamGenerateContent"),
            include_usage: body["stream_options"]["include_usage"] == true,
            input_tokens: script.input_tokens,
            output_tokens,
            cut_by_cap: cap < script.output_tokens,
            id,
            text: script.text.clone(),
            chunks: script.chunks,
            usage: script.usage,
        }
    }

    /// The whole answer as one JSON document.
    #[must_use]
    pub fn json(&self) -> Value {
        let text = self.text.repeat(self.chunks as usize);
        let mut answer = match self.dialect {
            Dialect::Chat => json!({
                "id": self.id, "object": "chat.completion", "created": 1_700_000_000,
                "model": self.model,
                "choices": [{"index": 0, "logprobs": null, "finish_reason": self.finish_reason(),
                    "message": {"role": "assistant", "content": text, "refusal": null}}],
                "usage": self.usage()
            }),
            Dialect::Responses => self.response("completed", &text),
            Dialect::Embeddings => json!({
                "object": "list", "model": self.model,
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25, 0.125]}],
                "usage": self.usage()
            }),
            Dialect::Anthropic => json!({
                "id": self.id, "type": "message", "role": "assistant", "model": self.model,
                "content": [{"type": "text", "text": text}],
                "stop_reason": self.finish_reason(), "stop_sequence": null, "usage": self.usage()
            }),
            Dialect::Gemini => self.gemini_chunk(&text, true),
            Dialect::Other => json!({"object": "list", "data": []}),
        };
        if !self.usage {
            for key in ["usage", "usageMetadata"] {
                answer.as_object_mut().unwrap().remove(key);
            }
        }
        answer
    }

    /// The answer as a stream: its head, one entry a piece of text, its end.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        match self.dialect {
            Dialect::Chat => self.chat_events(),
            Dialect::Responses => self.responses_events(),
            Dialect::Anthropic => self.anthropic_events(),
            Dialect::Gemini => (1..=self.chunks)
                .map(|nth| {
                    let mut chunk = self.gemini_chunk(&self.text, nth == self.chunks);
                    if !self.usage {
                        chunk.as_object_mut().unwrap().remove("usageMetadata");
                    }
                    format!("data: {chunk}\r\n\r\n")
                })
                .collect(),
            Dialect::Embeddings | Dialect::Other => vec![self.json().to_string()],
        }
    }

    fn chat_events(&self) -> Vec<String> {
        let chunk = |choices: Value, usage: Value| {
            format!(
                "data: {}\n\n",
                json!({"id": self.id, "object": "chat.completion.chunk",
                    "created": 1_700_000_000, "model": self.model, "choices": choices,
                    "usage": usage})
            )
        };
        let delta = |delta: Value, finish: Value| {
            chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), Value::Null)
        };
        let mut events = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
        for _ in 0..self.chunks {
            events.push(delta(json!({"content": self.text}), Value::Null));
        }
        events.push(delta(json!({}), json!(self.finish_reason())));
        if self.include_usage && self.usage {
            events.push(chunk(json!([]), self.usage()));
        }
        events.push("data: [DONE]\n\n".to_owned());
        events
    }

    fn responses_events(&self) -> Vec<String> {
        let text = self.text.repeat(self.chunks as usize);
        let mut in_progress = self.response("in_progress", "");
        in_progress["usage"] = Value::Null;
        in_progress["output"] = json!([]);
        let item = |text: &str| {
            json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}]})
        };
        let place = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        let mut payloads = vec![
            json!({"type": "response.created", "response": in_progress}),
            json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"id": "msg_1", "type": "message", "status": "in_progress",
                    "role": "assistant", "content": []}}),
            with(&place, json!({"type": "response.content_part.added", "part": part("")})),
        ];
        for _ in 0..self.chunks {
            let delta = json!({"type": "response.output_text.delta", "delta": self.text});
            payloads.push(with(&place, delta));
        }
        payloads.extend([
            with(&place, json!({"type": "response.output_text.done", "text": text})),
            with(&place, json!({"type": "response.content_part.done", "part": part(&text)})),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item(&text)}),
            json!({"type": "response.completed", "response": self.response("completed", &text)}),
        ]);
        payloads
            .into_iter()
            .zip(0..)
            .map(|(payload, sequence): (Value, u32)| {
                let payload = with(&payload, json!({"sequence_number": sequence}));
                format!("event: {}\ndata: {payload}\n\n", payload["type"].as_str().unwrap())
            })
            .collect()
    }

    fn anthropic_events(&self) -> Vec<String> {
        let event = |payload: Value| {
            format!("event: {}\ndata: {payload}\n\n", payload["type"].as_str().unwrap())
        };
        let mut start = json!({"type": "message_start", "message": {
            "id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": self.input_tokens, "output_tokens": 1}}});
        let mut delta = json!({"type": "message_delta",
            "delta": {"stop_reason": self.finish_reason(), "stop_sequence": null},
            "usage": {"output_tokens": self.output_tokens}});
        if !self.usage {
            start["message"].as_object_mut().unwrap().remove("usage");
            delta.as_object_mut().unwrap().remove("usage");
        }
        let mut events = vec![
            event(start),
            event(json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "text", "text": ""}})),
        ];
        for _ in 0..self.chunks {
            events.push(event(json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": self.text}})));
        }
        events.push(event(json!({"type": "content_block_stop", "index": 0})));
        events.push(event(delta));
        events.push(event(json!({"type": "message_stop"})));
        events
    }

    fn gemini_chunk(&self, text: &str, last: bool) -> Value {
        let mut candidate =
            json!({"index": 0, "content": {"role": "model", "parts": [{"text": text}]}});
        if last {
            candidate["finishReason"] = json!(self.finish_reason());
        }
        json!({"candidates": [candidate], "modelVersion": self.model, "responseId": self.id,
            "usageMetadata": self.usage()})
    }

    fn response(&self, status: &str, text: &str) -> Value {
        json!({
            "id": self.id, "object": "response", "created_at": 1_700_000_000, "status": status,
            "model": self.model, "error": null, "incomplete_details": null, "instructions": null,
            "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0,
            "tool_choice": "auto", "tools": [],
            "output": [{"id": "msg_1", "type": "message", "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}]}],
            "usage": self.usage()
        })
    }

    fn usage(&self) -> Value {
        let (input, output) = (self.input_tokens, self.output_tokens);
        match self.dialect {
            Dialect::Chat | Dialect::Other => json!({
                "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output
            }),
            Dialect::Embeddings => json!({"prompt_tokens": input, "total_tokens": input}),
            Dialect::Responses => json!({
                "input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": input + output
            }),
            Dialect::Anthropic => json!({
                "input_tokens": input, "output_tokens": output,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0
            }),
            Dialect::Gemini => json!({
                "promptTokenCount": input, "candidatesTokenCount": output,
                "totalTokenCount": input + output
            }),
        }
    }

    fn finish_reason(&self) -> &'static str {
        match (self.dialect, self.cut_by_cap) {
            (Dialect::Anthropic, false) => "end_turn",
            (Dialect::Anthropic, true) => "max_tokens",
            (Dialect::Gemini, false) => "STOP",
            (Dialect::Gemini, true) => "MAX_TOKENS",
            (_, false) => "stop",
            (_, true) => "length",
        }
    }
}

/// The provider's own error for one of its refusals.
#[must_use]
pub fn error_body(dialect: Dialect, status: u16, kind: &str, message: &str) -> Value {
    match dialect {
        Dialect::Anthropic => {
            json!({"type": "error", "error": {"type": kind, "message": message}})
        }
        Dialect::Gemini => {
            json!({"error": {"code": status, "message": message, "status": kind}})
        }
        _ => json!({"error": {"message": message, "type": kind, "param": null, "code": kind}}),
    }
}

fn model(path: &str, body: &Value) -> String {
    let in_path = path
        .rsplit_once("/models/")
        .and_then(|(_, rest)| rest.split_once(':'))
        .map(|(model, _)| model);
    in_path.or(body["model"].as_str()).unwrap_or("unknown").to_owned()
}

/// The most tokens that a request allows; `u64::MAX` where it does not say.
#[must_use]
pub fn output_cap(body: &Value) -> u64 {
    let caps = [
        &body["max_completion_tokens"],
        &body["max_tokens"],
        &body["max_output_tokens"],
        &body["generationConfig"]["maxOutputTokens"],
    ];
    caps.into_iter().find_map(Value::as_u64).unwrap_or(u64::MAX)
}

fn with(base: &Value, more: Value) -> Value {
    let mut merged = base.clone();
    if let (Some(object), Value::Object(more)) = (merged.as_object_mut(), more) {
        object.extend(more);
    }
    merged
}
