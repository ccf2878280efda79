//! Answers of `/chat/completions`, and of the older `/completions`.

use crate::answer::{Answer, AnswerReader};
use crate::dialect::Dialect;
use crate::errors;
use crate::json::{Json, holds, text_bytes};
use crate::openai::{Completion, read_usage};

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

#[derive(Debug)]
pub(crate) struct ChatReader {
    provider: String,
    dialect: Dialect,
    answer: Answer,
}

impl ChatReader {
    pub(crate) fn new(provider: &str, dialect: Dialect) -> ChatReader {
        ChatReader { provider: provider.to_owned(), dialect, answer: Answer::default() }
    }
}

impl AnswerReader for ChatReader {
    fn read(&mut self, _: &str, json: Json<'_>) {
        let data = json.raw().as_bytes();
        let metered = &self.answer.metered;
        let is_introduced = metered.response_id.is_some() && metered.model.is_some();
        if is_introduced && !["usage", "error", "finish_reason"].iter().any(|key| holds(data, key))
        {
            self.answer.output_bytes += text_bytes(json.raw(), &TEXT_KEYS, &[]);
            return;
        }
        let [id, model, tier, choices, usage, groq, error] =
            json.pick(["id", "model", "service_tier", "choices", "usage", "x_groq", "error"]);
        self.answer.note(id, model, tier);
        if error.is_some() {
            self.answer.failed = Some(errors::of_error(self.dialect, 0, json));
        }
        let choices = choices.map(Json::items).unwrap_or_default();
        for choice in &choices {
            self.answer.output_bytes += text_bytes(choice.raw(), &TEXT_KEYS, &[]);
            self.answer.is_ended |= choice.get("finish_reason").is_some();
            // OpenRouter: one of several providers failed behind it.
            if choice.get("error").is_some() {
                self.answer.failed = Some(errors::of_error(self.dialect, 0, *choice));
            }
        }
        // Older Groq servers have it in x_groq, Moonshot in the last choice.
        let usage = usage
            .or_else(|| groq.and_then(|groq| groq.get("usage")))
            .or_else(|| choices.iter().find_map(|choice| choice.get("usage")));
        // A server may be asked for an embedding or a ranking at any path.
        let completion =
            if json.get("object").and_then(Json::text).is_some_and(|object| object == "list") {
                Completion::None
            } else {
                Completion::Generated
            };
        if let Some(read) = usage.and_then(|usage| read_usage(&self.provider, usage, completion)) {
            let metered = &mut self.answer.metered;
            metered.usage = Some(read.usage);
            metered.stated_cost = read.stated_cost.or(metered.stated_cost);
            metered.turn_prompt_tokens = read.turn_prompt_tokens;
            self.answer.is_ended |= choices.is_empty();
        }
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }
}
