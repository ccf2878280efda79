//! Chat streams: the note as text of every open choice, then an error object, then `[DONE]` for
//! programs that wait for it. The same in a tool call.
//!
//! Streams of the older kind get the error without the note: their text goes into files.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Closing, Event, Follower, Verdict, continuing};
use crate::dialect::Dialect;
use crate::json::{Json, holds};
use crate::openai_chat::TEXT_KEYS;
use crate::refusal::{RefusalFacts, refusal_body};
use crate::template::TextEvent;

/// What is looked at in a chunk.
const KEYS: [&str; 5] = ["id", "created", "model", "choices", "error"];
/// Text whose presence does not matter.
const HIDDEN_TEXT_KEYS: [&str; 3] = ["reasoning", "reasoning_content", "arguments"];

#[derive(Debug)]
pub(super) struct ChatFollower {
    dialect: Dialect,
    replaces_length_end: bool,
    /// `id`, `created` and `model` of the first chunk.
    intro: Map<String, Value>,
    choices: Vec<Choice>,
    is_ended: bool,
}

#[derive(Debug, Default)]
struct Choice {
    index: u64,
    has_role: bool,
    has_text: bool,
    /// What came with a length end that does not pass.
    withheld: String,
    is_finished: bool,
}

impl ChatFollower {
    pub(super) fn new(dialect: Dialect, replaces_length_end: bool) -> ChatFollower {
        ChatFollower {
            dialect,
            replaces_length_end,
            intro: Map::new(),
            choices: Vec::new(),
            is_ended: false,
        }
    }

    fn choice(&mut self, index: u64) -> &mut Choice {
        let at = self.choices.iter().position(|known| known.index == index);
        let at = at.unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        &mut self.choices[at]
    }

    fn note(&self, choice: &Choice, note: &str) -> Closing {
        let mut chunk = self.intro.clone();
        chunk.entry("id").or_insert_with(|| json!("chatcmpl-outlay"));
        chunk.entry("created").or_insert_with(|| json!(0));
        chunk.entry("model").or_insert_with(|| json!("outlay"));
        chunk.insert("object".to_owned(), json!("chat.completion.chunk"));
        let has_text = choice.has_text || !choice.withheld.is_empty();
        let content = format!("{}{}", choice.withheld, continuing(note, has_text));
        let mut delta = json!({"content": content});
        if !choice.has_role {
            // Clients join the strings of all deltas.
            delta["role"] = json!("assistant");
        }
        chunk.insert(
            "choices".to_owned(),
            json!([{"index": choice.index, "delta": delta, "logprobs": null, "finish_reason": null}]),
        );
        Closing::new("", &Value::Object(chunk))
    }
}

impl Follower for ChatFollower {
    fn verdict(&self, event: &Event<'_>, _: bool) -> Verdict {
        let may_be_cut = self.replaces_length_end && self.dialect == Dialect::OpenAiChat;
        if !may_be_cut || !holds(event.json.raw().as_bytes(), "finish_reason") {
            return Verdict::Pass;
        }
        let choices = event.json.get("choices").map(Json::items).unwrap_or_default();
        let is_cut = choices.into_iter().any(|choice| is_length(choice.get("finish_reason")));
        if is_cut { Verdict::CapHit } else { Verdict::Pass }
    }

    fn withhold(&mut self, event: &Event<'_>) {
        let choices = event.json.get("choices").map(Json::items).unwrap_or_default();
        for choice in choices {
            let [index, delta] = choice.pick(["index", "delta"]);
            let content = delta.and_then(|delta| delta.get("content"));
            let known = self.choice(index.and_then(Json::count).unwrap_or(0));
            known.withheld = content.and_then(Json::string).unwrap_or_default();
        }
    }

    fn pass(&mut self, event: &Event<'_>) {
        if event.json.raw() == "[DONE]" {
            self.is_ended = true;
            return;
        }
        let [id, created, model, choices, error] = event.json.pick(KEYS);
        self.is_ended |= error.is_some();
        if self.intro.len() < 3 {
            for (key, value) in [("id", id), ("created", created), ("model", model)] {
                let value = value.and_then(|value| serde_json::from_str(value.raw()).ok());
                if let (false, Some(value)) = (self.intro.contains_key(key), value) {
                    self.intro.insert(key.to_owned(), value);
                }
            }
        }
        choices.unwrap_or(Json::new("")).each_item(|choice| {
            let [index, delta, reason] = choice.pick(["index", "delta", "finish_reason"]);
            let known = self.choice(index.and_then(Json::count).unwrap_or(0));
            known.is_finished |= reason.is_some();
            let Some(delta) = delta else { return };
            let [role, content] = delta.pick(["role", "content"]);
            known.has_role |= role.is_some();
            known.has_text = known.has_text || content.and_then(Json::text).is_some();
        });
    }

    fn text_event(&self, event: &Event<'_>) -> Option<TextEvent> {
        let is_end = self.is_ended || holds(event.json.raw().as_bytes(), "finish_reason");
        // The first text of a choice changes how it is ended.
        let have_text = self.choices.iter().all(|choice| choice.has_text);
        let text_keys = if have_text { &TEXT_KEYS[..] } else { &HIDDEN_TEXT_KEYS };
        let chunk = TextEvent { keys: &KEYS, holder: Some("choices"), text_keys };
        (!is_end).then_some(chunk)
    }

    fn is_ended(&self) -> bool {
        let is_finished = |choice: &Choice| choice.is_finished;
        self.is_ended || !self.choices.is_empty() && self.choices.iter().all(is_finished)
    }

    fn close(&self, facts: &RefusalFacts, note: &str) -> Vec<Closing> {
        if self.is_ended {
            return Vec::new();
        }
        let done = Closing { name: "", data: "[DONE]".to_owned() };
        if self.is_ended() {
            return vec![done];
        }
        let mut closing = Vec::new();
        if self.dialect == Dialect::OpenAiChat {
            let open = self.choices.iter().filter(|choice| !choice.is_finished);
            closing.extend(open.map(|choice| self.note(choice, note)));
            if self.choices.is_empty() {
                closing.push(self.note(&Choice::default(), note));
            }
        }
        let error = refusal_body(self.dialect, 402, facts);
        closing.push(Closing { name: "", data: String::from_utf8_lossy(&error).into_owned() });
        closing.push(done);
        closing
    }
}

/// Whether one of a whole answer's choices ended by length and has a tool call.
pub(super) fn is_cut(answer: Json<'_>) -> bool {
    answer.get("choices").map(Json::items).unwrap_or_default().into_iter().any(|choice| {
        let [reason, message] = choice.pick(["finish_reason", "message"]);
        is_length(reason) && message.is_some_and(has_tool_call)
    })
}

/// The message of a whole answer that ended by length.
pub(super) fn cut_message(answer: Json<'_>) -> Option<Json<'_>> {
    cut_choice(answer)?.get("message")
}

/// The choice of a whole answer that ended by length.
pub(super) fn cut_choice(answer: Json<'_>) -> Option<Json<'_>> {
    let choices = answer.get("choices").map(Json::items).unwrap_or_default();
    choices.into_iter().find(|choice| is_length(choice.get("finish_reason")))
}

fn is_length(reason: Option<Json<'_>>) -> bool {
    let reason = reason.and_then(Json::text).unwrap_or(Cow::Borrowed(""));
    matches!(reason.as_ref(), "length" | "max_tokens" | "model_length")
}

fn has_tool_call(part: Json<'_>) -> bool {
    let [calls, call] = part.pick(["tool_calls", "function_call"]);
    calls.is_some_and(|calls| calls.is_array() && !calls.is_empty_array())
        || call.is_some_and(Json::is_object)
}
