//! Usage as OpenAI writes it, with what its many imitators add or leave out.
//!
//! Both vocabularies are understood everywhere (`prompt_tokens` and `input_tokens`), for servers
//! mix them. Provider-specific fields are recognised by their own names, so that a provider of the
//! user's that forwards one of these is read right as well.

use outlay_core::money::Money;
use outlay_core::usage::Usage;

use crate::counts::{CompletionCounts, PromptCounts};
use crate::json::{Json, Object};

/// One usage object, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenAiUsage {
    pub(crate) usage: Usage,
    pub(crate) stated_cost: Option<Money>,
    /// The prompt of the last turn, where the server looped over its own tools and says so.
    pub(crate) turn_prompt_tokens: Option<u64>,
    /// Whether the usage itself counts server-side tools (else they are counted in the output).
    pub(crate) counts_tools: bool,
}

/// What the answer's kind settles where its usage is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// Missing completion tokens are unknown.
    Generated,
    /// There is no completion (embeddings).
    None,
}

/// Reads a `usage` object, or `None` where it does not tell what the call consumed.
pub(crate) fn read_usage(
    provider: &str,
    json: Json<'_>,
    completion: Completion,
) -> Option<OpenAiUsage> {
    let object = &json.object();
    let mut usage = Usage::default();
    let has_tokens = read_tokens(provider, object, completion, &mut usage);
    let has_duration = read_durations(object, &mut usage);
    let counts_tools = read_tools(object, &mut usage);
    if !has_tokens && !has_duration {
        return None;
    }
    let turn_prompt_tokens = object
        .get("context_details")
        .and_then(|context| context.get("input_tokens"))
        .and_then(Json::count);
    Some(OpenAiUsage {
        usage,
        stated_cost: stated_cost(provider, object),
        turn_prompt_tokens,
        counts_tools,
    })
}

fn read_tokens(
    provider: &str,
    json: &Object<'_>,
    completion: Completion,
    usage: &mut Usage,
) -> bool {
    let count = |value: Option<Json<'_>>| value.and_then(Json::count);
    let [prompt, input, completed, output, total, hit, miss] = json
        .pick([
            "prompt_tokens",
            "input_tokens",
            "completion_tokens",
            "output_tokens",
            "total_tokens",
            "prompt_cache_hit_tokens",
            "prompt_cache_miss_tokens",
        ])
        .map(count);
    let [prompt_details, input_details, singular_details] =
        json.pick(["prompt_tokens_details", "input_tokens_details", "input_token_details"]);
    let [completion_details, output_details, singular_output_details, reasoning] = json.pick([
        "completion_tokens_details",
        "output_tokens_details",
        "output_token_details",
        "reasoning_tokens",
    ]);

    let known_prompt = prompt.or(input).or(match (hit, miss) {
        (Some(hit), Some(miss)) => Some(hit.saturating_add(miss)),
        _ => None,
    });
    let known_completion = completed.or(output);
    let (prompt, completed) = match (known_prompt, known_completion, total) {
        (Some(prompt), Some(completed), _) => (prompt, completed),
        (Some(prompt), None, Some(total)) => (prompt, total.saturating_sub(prompt)),
        (None, Some(completed), Some(total)) => (total.saturating_sub(completed), completed),
        (Some(prompt), None, None) if completion == Completion::None => (prompt, 0),
        (None, None, Some(total)) if completion == Completion::None => (total, 0),
        _ => return false,
    };

    let details = prompt_details.or(input_details).or(singular_details);
    prompt_counts(json, details, prompt, hit).fill(usage);
    let details = completion_details.or(output_details).or(singular_output_details);
    let [reasoning_detail, audio, image, video] = details
        .unwrap_or(Json::new("{}"))
        .pick(["reasoning_tokens", "audio_tokens", "image_tokens", "video_tokens"])
        .map(count);
    let reasoning = reasoning_detail.or(count(reasoning));
    let stands_beside = reasoning.is_some_and(|reasoning| {
        reasoning_stands_beside(provider, prompt, completed, reasoning, total)
    });
    let completed =
        if stands_beside { completed.saturating_add(reasoning.unwrap_or(0)) } else { completed };
    CompletionCounts {
        completion: completed,
        audio: audio.unwrap_or(0),
        image: image.unwrap_or(0),
        video: video.unwrap_or(0),
        reasoning,
    }
    .fill(usage);
    let [citations, searches] = json.pick(["citation_tokens", "num_search_queries"]).map(count);
    usage.citation_tokens = citations.unwrap_or(0);
    usage.web_searches = searches.unwrap_or(0);
    true
}

fn prompt_counts(
    json: &Object<'_>,
    details: Option<Json<'_>>,
    prompt: u64,
    cache_hit: Option<u64>,
) -> PromptCounts {
    let count = |value: Option<Json<'_>>| value.and_then(Json::count);
    let [cached, cache_write, cache_creation, audio, image, video, cached_details] =
        details.unwrap_or(Json::new("{}")).pick([
            "cached_tokens",
            "cache_write_tokens",
            "cache_creation_tokens",
            "audio_tokens",
            "image_tokens",
            "video_tokens",
            "cached_tokens_details",
        ]);
    // Gateways to Claude keep Anthropic's names for parts of the prompt. A bare `cached_tokens`
    // beside the prompt's count is nobody's documented discount and is charged in full.
    let [read_beside, write_beside] =
        json.pick(["cache_read_input_tokens", "cache_creation_input_tokens"]);
    let [cached_audio, cached_image, cached_video] = cached_details
        .unwrap_or(Json::new("{}"))
        .pick(["audio_tokens", "image_tokens", "video_tokens"])
        .map(|value| count(value).unwrap_or(0));
    let cached = count(cached).or(cache_hit).or(count(read_beside));
    let cache_write = count(cache_write).or(count(cache_creation)).or(count(write_beside));
    PromptCounts {
        prompt,
        cached: cached.unwrap_or(0),
        cache_write: cache_write.unwrap_or(0),
        audio: count(audio).unwrap_or(0),
        image: count(image).unwrap_or(0),
        video: count(video).unwrap_or(0),
        cached_audio,
        cached_image,
        cached_video,
    }
}

/// Whether reasoning tokens are additional to the completion tokens, as in xAI's chat API, rather
/// than a part of them, as everywhere else. The total tells, where there is one; and a part cannot
/// be larger than its whole.
fn reasoning_stands_beside(
    provider: &str,
    prompt: u64,
    completion: u64,
    reasoning: u64,
    total: Option<u64>,
) -> bool {
    let without = prompt.saturating_add(completion);
    if reasoning == 0 {
        return false;
    }
    match total {
        Some(total) if total == without.saturating_add(reasoning) => true,
        Some(total) if total == without => reasoning > completion,
        _ => provider == "xai" || reasoning > completion,
    }
}

/// Audio billed by its length: transcriptions (`seconds`) and Mistral's `prompt_audio_seconds`.
fn read_durations(json: &Object<'_>, usage: &mut Usage) -> bool {
    let [kind, seconds, audio_seconds] = json.pick(["type", "seconds", "prompt_audio_seconds"]);
    let is_duration = kind.and_then(Json::text).is_some_and(|kind| kind == "duration");
    let seconds = seconds.filter(|_| is_duration).and_then(Json::count_in_thousandths);
    let audio_seconds = audio_seconds.and_then(Json::count_in_thousandths);
    usage.audio_ms = seconds.or(audio_seconds).unwrap_or(0);
    seconds.is_some()
}

/// xAI counts its tools by name.
fn read_tools(json: &Object<'_>, usage: &mut Usage) -> bool {
    let Some(tools) = json.get("server_side_tool_usage_details") else { return false };
    let [web, x, files, documents, code, mcp, images] = tools
        .pick([
            "web_search_calls",
            "x_search_calls",
            "file_search_calls",
            "document_search_calls",
            "code_interpreter_calls",
            "mcp_calls",
            "image_generation_calls",
        ])
        .map(|value| value.and_then(Json::count).unwrap_or(0));
    usage.web_searches = web.saturating_add(x);
    usage.file_searches = files.saturating_add(documents);
    usage.other_tool_calls = code.saturating_add(mcp).saturating_add(images);
    true
}

/// What the provider says the call cost, from the digits it sent.
pub(crate) fn stated_cost(provider: &str, usage: &Object<'_>) -> Option<Money> {
    let [ticks, cost, is_byok, cost_details] =
        usage.pick(["cost_in_usd_ticks", "cost", "is_byok", "cost_details"]);
    let money = |text: &str| Money::parse_stated(text).ok().filter(|money| *money >= Money::ZERO);
    // xAI: 10^10 ticks are a dollar.
    if let Some(ticks) = ticks.and_then(Json::number_text) {
        return money(&format!("{ticks}e-10"));
    }
    let cost = cost?;
    // Perplexity: an object with its parts, in dollars.
    if cost.is_object() {
        return cost.get("total_cost").and_then(Json::number_text).and_then(money);
    }
    // A bare number says nothing of its currency; OpenRouter's credits are dollars.
    if provider != "openrouter" {
        return None;
    }
    let charged = cost.number_text().and_then(money)?;
    // With a key of the user's own, the model itself is billed elsewhere, on top.
    let elsewhere = cost_details
        .filter(|_| is_byok.and_then(Json::boolean) == Some(true))
        .and_then(|details| details.get("upstream_inference_cost"))
        .and_then(Json::number_text)
        .and_then(money);
    charged.checked_add(elsewhere.unwrap_or(Money::ZERO))
}

#[cfg(test)]
mod tests;
