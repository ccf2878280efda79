//! Answers of `/embeddings`: a prompt and no completion.

use crate::answer::{Answer, AnswerReader};
use crate::dialect::Dialect;
use crate::errors;
use crate::json::Json;
use crate::openai::{Completion, read_usage};

#[derive(Debug)]
pub(crate) struct EmbeddingsReader {
    provider: String,
    answer: Answer,
}

impl EmbeddingsReader {
    pub(crate) fn new(provider: &str) -> EmbeddingsReader {
        EmbeddingsReader { provider: provider.to_owned(), answer: Answer::default() }
    }
}

impl AnswerReader for EmbeddingsReader {
    fn read(&mut self, _: &str, json: Json<'_>) {
        let [id, model, tier, usage, error] =
            json.pick(["id", "model", "service_tier", "usage", "error"]);
        self.answer.note(id, model, tier);
        if error.is_some() {
            self.answer.failed = Some(errors::of_error(Dialect::OpenAiEmbeddings, 0, json));
        }
        if let Some(read) =
            usage.and_then(|usage| read_usage(&self.provider, usage, Completion::None))
        {
            self.answer.metered.usage = Some(read.usage);
            self.answer.metered.stated_cost = read.stated_cost;
        }
        self.answer.is_ended = true;
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }
}
