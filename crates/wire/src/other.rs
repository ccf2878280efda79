//! Answers of endpoints that have no dialect of their own here: usage is read where its shape is
//! one of those known, else it stays unknown.

use outlay_core::usage::Usage;

use crate::answer::{Answer, AnswerReader};
use crate::anthropic::MessageCounts;
use crate::counts::{CompletionCounts, PromptCounts};
use crate::dialect::Dialect;
use crate::errors;
use crate::gemini;
use crate::json::Json;
use crate::openai::{Completion, read_usage, stated_cost};
use crate::openai_chat::TEXT_KEYS;
use crate::text::text_bytes;

#[derive(Debug)]
pub(crate) struct OtherReader {
    provider: String,
    answer: Answer,
}

impl OtherReader {
    pub(crate) fn new(provider: &str) -> OtherReader {
        OtherReader { provider: provider.to_owned(), answer: Answer::default() }
    }
}

impl AnswerReader for OtherReader {
    fn read(&mut self, _: &str, json: Json<'_>) {
        if json.get("error").is_some() {
            self.answer.failed = Some(errors::of_error(Dialect::Other, 0, json));
        }
        // Events wrap what a whole answer has at its top.
        let inner = json.pick(["interaction", "response", "message", "delta", "metadata"]);
        let shells =
            [Some(json)].into_iter().chain(inner).flatten().filter(|shell| shell.is_object());
        for shell in shells {
            let [id, model, tier, version] =
                shell.pick(["id", "model", "service_tier", "modelVersion"]);
            self.answer.note(id, model.or(version), tier);
            if let Some(usage) = known_usage(&self.provider, shell) {
                let cost = shell
                    .get("usage")
                    .and_then(|usage| stated_cost(&self.provider, &usage.object()));
                self.answer.metered.stated_cost = cost;
                self.answer.metered.usage = Some(usage);
                self.answer.is_ended = true;
            }
        }
        self.answer.output_bytes += text_bytes(json.raw(), &TEXT_KEYS, &[]);
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }
}

/// The usage of an answer in any of the shapes below.
fn known_usage(provider: &str, shell: Json<'_>) -> Option<Usage> {
    let [usage, metadata, meta] = shell.pick(["usage", "usageMetadata", "meta"]);
    if let Some(metadata) = metadata {
        return gemini::read_usage(metadata, true).map(|read| read.usage);
    }
    if let Some(usage) = usage {
        return interactions(usage)
            .or_else(|| converse(usage))
            .or_else(|| cohere(usage))
            .or_else(|| messages(usage))
            .or_else(|| images(shell, usage))
            .or_else(|| read_usage(provider, usage, Completion::Generated).map(|read| read.usage));
    }
    meta.and_then(cohere)
        .or_else(|| ollama(shell))
        .or_else(|| ocr(shell))
        .or_else(|| bedrock(shell))
}

/// Gemini's Interactions: thoughts and what tools fed back stand beside the rest.
fn interactions(usage: Json<'_>) -> Option<Usage> {
    let [input, output, thoughts, cached, tool_use] = usage
        .pick([
            "total_input_tokens",
            "total_output_tokens",
            "total_thought_tokens",
            "total_cached_tokens",
            "total_tool_use_tokens",
        ])
        .map(|value| value.and_then(Json::count));
    let zero = |count: Option<u64>| count.unwrap_or(0);
    let mut read = Usage::default();
    let prompt = input?.saturating_add(zero(tool_use));
    PromptCounts { prompt, cached: zero(cached), ..PromptCounts::default() }.fill(&mut read);
    let completion = output?.saturating_add(zero(thoughts));
    CompletionCounts { completion, reasoning: thoughts, ..CompletionCounts::default() }
        .fill(&mut read);
    Some(read)
}

/// Bedrock's Converse, and Nova's own shape: the input excludes what a cache served or took.
fn converse(usage: Json<'_>) -> Option<Usage> {
    let [input, output, read, write, details] = usage.pick([
        "inputTokens",
        "outputTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
        "cacheDetails",
    ]);
    let count = |value: Option<Json<'_>>| value.and_then(Json::count);
    let [other_read, other_write] =
        usage.pick(["cacheReadInputTokenCount", "cacheWriteInputTokenCount"]);
    let write = count(write).or(count(other_write)).unwrap_or(0);
    let is_for_an_hour =
        |part: &Json<'_>| part.get("ttl").and_then(Json::text).is_some_and(|ttl| ttl == "1h");
    let write_1h = details.map(Json::items).unwrap_or_default().into_iter().filter(is_for_an_hour);
    let write_1h =
        write_1h.filter_map(|part| part.get("inputTokens")?.count()).sum::<u64>().min(write);
    Some(Usage {
        input_tokens: count(input)?,
        cache_read_tokens: count(read).or(count(other_read)).unwrap_or(0),
        cache_write_5m_tokens: write - write_1h,
        cache_write_1h_tokens: write_1h,
        output_tokens: count(output)?,
        ..Usage::default()
    })
}

/// Cohere bills fewer tokens than it counts; its cached tokens are among those counted.
fn cohere(usage: Json<'_>) -> Option<Usage> {
    let billed = usage.get("billed_units")?;
    let [input, output] =
        billed.pick(["input_tokens", "output_tokens"]).map(|value| value.and_then(Json::count));
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(Usage {
        input_tokens: input.unwrap_or(0),
        output_tokens: output.unwrap_or(0),
        ..Usage::default()
    })
}

/// Anthropic's counts, as Bedrock's InvokeModel passes them on.
fn messages(usage: Json<'_>) -> Option<Usage> {
    let [read, creation, split] =
        usage.pick(["cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation"]);
    let is_anthropic = read.or(creation).or(split).is_some();
    let mut counts = MessageCounts::default();
    counts.merge(usage);
    if is_anthropic { counts.read(None).map(|read| read.main) } else { None }
}

/// Image generation: older answers do not say that their output is images.
fn images(shell: Json<'_>, usage: Json<'_>) -> Option<Usage> {
    let images = shell.get("data")?.items();
    images.first()?.get("b64_json").or(images.first()?.get("url"))?;
    let mut read = read_usage("", usage, Completion::Generated)?.usage;
    if usage.get("output_tokens_details").is_none() {
        read.image_output_tokens = read.image_output_tokens.saturating_add(read.output_tokens);
        read.output_tokens = 0;
    }
    Some(read)
}

/// Mistral's document reading.
fn ocr(shell: Json<'_>) -> Option<Usage> {
    let pages = shell.get("usage_info")?.get("pages_processed")?.count()?;
    Some(Usage { pages, ..Usage::default() })
}

/// Titan's and Llama's own answers on Bedrock.
fn bedrock(shell: Json<'_>) -> Option<Usage> {
    let [titan_input, results, llama_input, llama_output] = shell.pick([
        "inputTextTokenCount",
        "results",
        "prompt_token_count",
        "generation_token_count",
    ]);
    let output = match results {
        Some(results) => {
            let counts =
                results.items().into_iter().map(|result| result.get("tokenCount")?.count());
            counts.sum::<Option<u64>>()
        }
        None => llama_output.and_then(Json::count),
    };
    Some(Usage {
        input_tokens: titan_input.or(llama_input)?.count()?,
        output_tokens: output?,
        ..Usage::default()
    })
}

/// Ollama's own API.
fn ollama(shell: Json<'_>) -> Option<Usage> {
    let [prompt, generated, is_done] = shell.pick(["prompt_eval_count", "eval_count", "done"]);
    let count = |value: Option<Json<'_>>| value.and_then(Json::count);
    if is_done.and_then(Json::boolean) != Some(true) {
        return None;
    }
    let (prompt, generated) = (count(prompt), count(generated));
    prompt.or(generated)?;
    Some(Usage {
        input_tokens: prompt.unwrap_or(0),
        output_tokens: generated.unwrap_or(0),
        ..Usage::default()
    })
}
