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
        Dialect::OpenAiChat => {
            let said = openai_chat::cut_text(json)?;
            match said.is_string() {
                true => (said, At::InString(continuing(note, said.raw().len() > 2))),
                false if said.raw() == "null" => (said, At::Instead(json!(note))),
                false => return None,
            }
        }
        Dialect::AnthropicMessages => {
            let block = json!({"type": "text", "text": note});
            (anthropic::cut_content(json)?, At::InArray(block))
        }
        Dialect::GeminiGenerate => {
            let part = json!({"text": continuing(note, true)});
            (gemini::cut_parts(json)?, At::InArray(part))
        }
        Dialect::OpenAiResponses => match openai_responses::cut_output(json)? {
            (Some(content), _) => {
                let part = openai_responses::output_text(&continuing(note, true));
                (content, At::InArray(part))
            }
            (None, output) => (output, At::InArray(openai_responses::noting(note))),
        },
        Dialect::OpenAiCompletions
        | Dialect::OpenAiEmbeddings
        | Dialect::GeminiEmbed
        | Dialect::Other => return None,
    };
    added.spliced(&text, place).map(String::into_bytes)
}

/// What is added, and how.
enum At {
    InString(String),
    InArray(Value),
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
        };
        Some(format!("{}{added}{}", text.get(..keep)?, text.get(end..)?))
    }
}
