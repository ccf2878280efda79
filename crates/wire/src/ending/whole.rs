//! A whole answer that a cap of ours cut in its text: the same document with the note in it.

use serde_json::{Value, json};

use super::{anthropic, continuing, gemini, openai_chat, openai_responses};
use crate::dialect::Dialect;
use crate::json::{Json, text_of};

/// The answer, one JSON document, with `note` at the end of its text; all other bytes stay as they
/// are. `None` where it did not end by length, or has no place for a note.
#[must_use]
pub fn with_note(dialect: Dialect, body: &[u8], note: &str) -> Option<Vec<u8>> {
    let text = text_of(body);
    let json = Json::new(&text);
    let (place, added) = match dialect {
        Dialect::OpenAiChat => in_text(openai_chat::cut_message(json)?, "content", note)?,
        // Its text goes into files; but no other place of a document is shown to anybody.
        Dialect::OpenAiCompletions => in_text(openai_chat::cut_choice(json)?, "text", note)?,
        Dialect::AnthropicMessages => {
            let block = json!({"type": "text", "text": note});
            (anthropic::cut_content(json)?, At::InArray(block))
        }
        Dialect::GeminiGenerate => in_candidate(gemini::cut_candidate(json)?, note)?,
        Dialect::OpenAiResponses => match openai_responses::cut_output(json)? {
            (Some(content), _) => {
                let part = openai_responses::output_text(&continuing(note, true));
                (content, At::InArray(part))
            }
            (None, output) => (output, At::InArray(openai_responses::noting(note))),
        },
        Dialect::OpenAiEmbeddings | Dialect::GeminiEmbed | Dialect::Other => return None,
    };
    added.spliced(&text, place).map(String::into_bytes)
}

/// In the text that stands under `key` of `holder`, if any does.
fn in_text<'a>(holder: Json<'a>, key: &'static str, note: &str) -> Option<(Json<'a>, At)> {
    match holder.get(key) {
        Some(said) if said.is_string() => {
            Some((said, At::InString(continuing(note, said.raw().len() > 2))))
        }
        Some(_) => None,
        None => Some(under(holder, key, json!(note))),
    }
}

/// In Gemini's candidate, which has no parts, or no content at all, where nothing was said.
fn in_candidate<'a>(candidate: Json<'a>, note: &str) -> Option<(Json<'a>, At)> {
    let first = json!([{"text": note}]);
    let Some(content) = candidate.get("content") else {
        let content = json!({"parts": first, "role": "model"});
        return Some(under(candidate, "content", content));
    };
    match content.get("parts") {
        Some(parts) if parts.is_array() => {
            let part = json!({"text": continuing(note, !parts.is_empty_array())});
            Some((parts, At::InArray(part)))
        }
        None if content.is_object() => Some(under(content, "parts", first)),
        Some(_) | None => None,
    }
}

/// `value` under a key of `holder` that is absent or `null`.
fn under<'a>(holder: Json<'a>, key: &'static str, value: Value) -> (Json<'a>, At) {
    let members = holder.object().0;
    match members.into_iter().find(|(known, _)| known == key) {
        Some((_, null)) => (null, At::Instead(value)),
        None => (holder, At::InObject(key, value)),
    }
}

/// What is added, and how.
enum At {
    InString(String),
    InArray(Value),
    InObject(&'static str, Value),
    Instead(Value),
}

impl At {
    fn spliced(self, text: &str, place: Json<'_>) -> Option<String> {
        let raw = place.raw().trim_end();
        // Of the same text: a value is a part of its document.
        let begin = (raw.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        let end = begin + raw.len();
        let (keep, added) = match self {
            At::Instead(value) => (begin, value.to_string()),
            At::InString(more) => {
                let quoted = json!(more).to_string();
                (end.checked_sub(1)?, quoted.get(1..)?.to_owned())
            }
            At::InArray(value) => {
                let comma = if place.is_empty_array() { "" } else { "," };
                (end.checked_sub(1)?, format!("{comma}{value}]"))
            }
            At::InObject(key, value) => {
                let comma = if place.object().0.is_empty() { "" } else { "," };
                (end.checked_sub(1)?, format!("{comma}{}:{value}}}", json!(key)))
            }
        };
        Some(format!("{}{added}{}", text.get(..keep)?, text.get(end..)?))
    }
}
