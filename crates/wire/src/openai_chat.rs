//! Answers of `/chat/completions`, and of the older `/completions`.

use crate::answer::{Answer, AnswerReader};
use crate::dialect::Dialect;
use crate::errors;
use crate::json::Json;
use crate::openai::{Completion, read_usage};
use crate::template::TextEvent;
use crate::text::text_bytes_and;

/// Where the text of an answer stands.
pub(crate) const TEXT_KEYS: [&str; 9] = [
    "content",
    "text",
    "reasoning",
    "reasoning_content",
    "thinking",
    "refusal",
    "arguments",
    "partial_json",
    "delta",
];

/// What is looked at in an answer or a chunk of one.
const KEYS: [&str; 8] =
    ["id", "model", "service_tier", "object", "choices", "usage", "x_groq", "error"];

#[derive(Debug)]
pub(crate) struct ChatReader {
    provider: String,
    dialect: Dialect,
    answer: Answer,
    /// Whether the last piece had neither usage nor an error.
    was_text: bool,
}

impl ChatReader {
    pub(crate) fn new(provider: &str, dialect: Dialect) -> ChatReader {
        let (provider, answer) = (provider.to_owned(), Answer::default());
        ChatReader { provider, dialect, answer, was_text: false }
    }
}

impl AnswerReader for ChatReader {
    fn read(&mut self, _: &str, json: Json<'_>) {
        let [id, model, tier, object, choices, usage, groq, error] = json.pick(KEYS);
        self.answer.note(id, model, tier);
        if error.is_some() {
            self.answer.failed = Some(errors::of_error(self.dialect, 0, json));
        }
        let mut has_error = error.is_some();
        let mut has_choices = false;
        let mut usage_in_choice = None;
        choices.unwrap_or(Json::new("")).each_item(|choice| {
            has_choices = true;
            let (bytes, [reason, usage, error]) =
                text_bytes_and(choice, &TEXT_KEYS, ["finish_reason", "usage", "error"]);
            self.answer.output_bytes += bytes;
            self.answer.is_ended |= reason.is_some();
            usage_in_choice = usage_in_choice.or(usage);
            // OpenRouter: one of several providers failed behind it.
            if error.is_some() {
                has_error = true;
                self.answer.failed = Some(errors::of_error(self.dialect, 0, choice));
            }
        });
        // Older Groq servers have it in x_groq, Moonshot in the last choice.
        let usage = usage.or_else(|| groq.and_then(|groq| groq.get("usage"))).or(usage_in_choice);
        self.was_text = usage.is_none() && !has_error;
        let Some(usage) = usage else { return };
        // A server may be asked for an embedding or a ranking at any path.
        let is_list = object.and_then(Json::text).is_some_and(|object| object == "list");
        let completion = if is_list { Completion::None } else { Completion::Generated };
        if let Some(read) = read_usage(&self.provider, usage, completion) {
            let metered = &mut self.answer.metered;
            metered.usage = Some(read.usage);
            metered.stated_cost = read.stated_cost.or(metered.stated_cost);
            metered.turn_prompt_tokens = read.turn_prompt_tokens;
            self.answer.is_ended |= !has_choices;
        }
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }

    fn text_event(&self) -> Option<TextEvent> {
        let chunk = TextEvent { keys: &KEYS, holder: Some("choices"), text_keys: &TEXT_KEYS };
        self.was_text.then_some(chunk)
    }
}
