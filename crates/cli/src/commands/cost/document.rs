//! A request or an answer as a file: which it is, in whose dialect, and what it says.

use outlay_core::cost::Metered;
use outlay_core::usage::Usage;
use outlay_wire::{Dialect, Meter, estimate, read_request};
use serde_json::Value;

use crate::failure::Failure;

/// What a document is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Document {
    /// An answer that says what was consumed.
    Answer(Metered),
    /// A request: what its prompt may come to.
    Request {
        /// The model that it names.
        model: Option<String>,
        /// Its prompt, estimated.
        usage: Usage,
        /// The cap of its output.
        output_tokens_max: Option<u64>,
    },
}

pub(super) fn read(bytes: &[u8], provider: &str) -> Result<Document, Failure> {
    let value: Option<Value> = serde_json::from_slice(bytes).ok();
    let (dialect, content_type, is_request) = match &value {
        Some(value) => {
            let (dialect, is_request) = kind(value).ok_or_else(unknown)?;
            (dialect, "application/json", is_request)
        }
        None => (kind_of_stream(bytes).ok_or_else(unknown)?, "text/event-stream", false),
    };
    if is_request {
        let facts = read_request(dialect, "", bytes).map_err(Failure::failed)?;
        let choices = facts.choices.max(1);
        return Ok(Document::Request {
            model: facts.model,
            usage: estimate::usage(facts.prompt_bytes, 0, None),
            output_tokens_max: facts.output_tokens_max.map(|cap| cap.saturating_mul(choices)),
        });
    }
    let mut meter = Meter::new(provider, dialect, Some(content_type), None);
    meter.feed(bytes);
    let metered = meter.finish().metered;
    if metered.usage.is_none() && metered.stated_cost.is_none() {
        return Err(Failure::failed(
            "the answer on standard input does not say what was consumed: it has no usage that can be read",
        ));
    }
    Ok(Document::Answer(metered))
}

/// The dialect of a document, and whether it is a request.
fn kind(value: &Value) -> Option<(Dialect, bool)> {
    let has = |key: &str| value.get(key).is_some();
    let is = |key: &str, text: &str| value.get(key).and_then(Value::as_str) == Some(text);
    if is("object", "chat.completion") || (has("choices") && has("usage")) {
        Some((Dialect::OpenAiChat, false))
    } else if is("object", "response") {
        Some((Dialect::OpenAiResponses, false))
    } else if is("type", "message") {
        Some((Dialect::AnthropicMessages, false))
    } else if has("usageMetadata") || has("candidates") || value.is_array() {
        Some((Dialect::GeminiGenerate, false))
    } else if is("object", "list") {
        Some((Dialect::OpenAiEmbeddings, false))
    } else if has("contents") {
        Some((Dialect::GeminiGenerate, true))
    } else if has("messages") && (has("system") || has("anthropic_version")) {
        Some((Dialect::AnthropicMessages, true))
    } else if has("messages") {
        Some((Dialect::OpenAiChat, true))
    } else if has("input") {
        Some((Dialect::OpenAiResponses, true))
    } else if has("usage") {
        Some((Dialect::Other, false))
    } else {
        None
    }
}

/// The dialect of a recorded stream.
fn kind_of_stream(bytes: &[u8]) -> Option<Dialect> {
    let text = String::from_utf8_lossy(bytes);
    if !text.lines().any(|line| line.starts_with("data:")) {
        None
    } else if text.contains("\"message_start\"") {
        Some(Dialect::AnthropicMessages)
    } else if text.contains("\"response.created\"") || text.contains("\"response.completed\"") {
        Some(Dialect::OpenAiResponses)
    } else if text.contains("\"usageMetadata\"") {
        Some(Dialect::GeminiGenerate)
    } else {
        Some(Dialect::OpenAiChat)
    }
}

fn unknown() -> Failure {
    Failure::failed(
        "what is on standard input is no request or response that is known here: give the JSON (or the recorded stream) of an OpenAI, Anthropic or Gemini call",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart_and_read() {
        let chat = r#"{"object":"chat.completion","model":"gpt-4o","choices":[],
            "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;
        let responses = r#"{"object":"response","model":"gpt-4o","status":"completed","output":[],
            "usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15}}"#;
        let anthropic = r#"{"type":"message","model":"claude-opus-4-5","content":[],
            "stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5}}"#;
        let gemini = r#"{"candidates":[],"modelVersion":"gemini-2.5-flash",
            "usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5}}"#;
        let stream = "data: {\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\
            \"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\n\n\
            data: [DONE]\n\n";
        for (text, model) in [
            (chat, "gpt-4o"),
            (responses, "gpt-4o"),
            (anthropic, "claude-opus-4-5"),
            (gemini, "gemini-2.5-flash"),
            (stream, "gpt-4o"),
        ] {
            let Document::Answer(metered) = read(text.as_bytes(), "openai").unwrap() else {
                panic!("{text} is taken for a request")
            };
            let usage = metered.usage.unwrap();
            assert_eq!((usage.input_tokens, usage.output_tokens), (10, 5), "{text}");
            assert_eq!(metered.model.as_deref(), Some(model));
        }
        let request = r#"{"model":"gpt-4o","max_tokens":7,"n":2,"messages":[{"content":"Hello"}]}"#;
        let expected = Document::Request {
            model: Some("gpt-4o".to_owned()),
            usage: estimate::usage(request.len() as u64, 0, None),
            output_tokens_max: Some(14),
        };
        assert_eq!(read(request.as_bytes(), ""), Ok(expected));
        for text in ["", "{", "{}", "hello", "7", r#"{"object":"chat.completion","choices":[]}"#] {
            assert!(matches!(read(text.as_bytes(), ""), Err(Failure::Failed(_))), "{text}");
        }
    }
}
