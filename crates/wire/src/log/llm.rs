//! llm: the rows of `turns` (of `responses`, before 0.36) in its `logs.db`.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use outlay_core::usage::Usage;

use super::fields::{self, BrokenLine};
use super::{LogCall, Tool, provider};
use crate::counts::{CompletionCounts, PromptCounts};
use crate::json::Json;

/// How OpenAI's models are named, which llm has without a prefix.
const OPENAI_MODELS: [&str; 6] = ["gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-"];

/// A row, by its columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn<'a> {
    /// `id`.
    pub id: &'a str,
    /// `thread_id`, or `conversation_id`.
    pub session: Option<&'a str>,
    /// `model`: llm's name of it.
    pub model: Option<&'a str>,
    /// `resolved_model`: the one that served it.
    pub resolved_model: Option<&'a str>,
    /// `input_tokens`.
    pub input_tokens: Option<i64>,
    /// `output_tokens`.
    pub output_tokens: Option<i64>,
    /// `token_details`: the JSON of what else the provider counts.
    pub token_details: Option<&'a str>,
    /// `duration_ms`.
    pub duration_ms: Option<i64>,
    /// `datetime_utc`: when it was begun.
    pub started: Option<&'a str>,
    /// `response_json`. It may hold the answer's text: only its id is taken.
    pub response_json: Option<&'a str>,
}

/// The call that a row tells of; `None` where it does not tell what was consumed.
///
/// # Errors
/// When the row tells of a call, but not so that it can be believed.
pub fn call(turn: &Turn<'_>, now: DateTime<Utc>) -> Result<Option<LogCall>, BrokenLine> {
    let (Some(input), Some(output)) = (turn.input_tokens, turn.output_tokens) else {
        return Ok(None);
    };
    let (provider, model) = turn.model.map_or((None, None), |name| {
        let (provider, model) = provider_and_model(name);
        (provider, Some(model))
    });
    let usage = usage(whole(input)?, whole(output)?, turn.token_details, provider)?;
    if !fields::is_anything(&usage) {
        return Ok(None);
    }
    if turn.id.is_empty() {
        return Err(BrokenLine::NoName);
    }
    let started = turn.started.and_then(moment).ok_or(BrokenLine::NoTime)?;
    let duration = turn.duration_ms.and_then(TimeDelta::try_milliseconds);
    let duration = duration.filter(|time| *time >= TimeDelta::zero());
    let ended = started.checked_add_signed(duration.unwrap_or_default());
    let response = turn.response_json.map(Json::new);
    let response_id = response.and_then(|response| response.get("id")).and_then(Json::text);
    let ended = fields::plausible(ended.ok_or(BrokenLine::NoTime)?, now)?;
    Ok(Some(LogCall {
        duration,
        provider: provider.map(Arc::from),
        model: turn.resolved_model.filter(|model| !model.is_empty()).or(model).map(Arc::from),
        response_id: response_id.as_deref().map(Box::from),
        session: turn.session.map(Arc::from),
        ..LogCall::new(fields::key(Tool::Llm, &[turn.id]), ended, usage)
    }))
}

/// A plugin's models have its name before them, and the rest is the provider's own name.
fn provider_and_model(name: &str) -> (Option<&'static str>, &str) {
    if let Some((prefix, model)) = name.split_once('/')
        && let Some(provider) = provider::route(prefix)
    {
        return (Some(provider), model);
    }
    let is_openai = OPENAI_MODELS.iter().any(|start| name.starts_with(start));
    (is_openai.then_some("openai"), name)
}

fn whole(tokens: i64) -> Result<u64, BrokenLine> {
    fields::count_of(&tokens.to_string())
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    // Older rows name no zone.
    let zoneless = || text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc());
    fields::moment(text).or_else(zoneless)
}

/// `details` are the provider's own: Anthropic's stand beside the input, others' are inside it. A
/// detail that cannot be read is missing, as those that were 0 are.
fn usage(
    input: u64,
    output: u64,
    details: Option<&str>,
    provider: Option<&str>,
) -> Result<Usage, BrokenLine> {
    let details = Json::new(details.unwrap_or("{}"));
    let [prompt_details, completion_details, cached_gemini, thoughts, read, write, searches] =
        details.pick([
            "prompt_tokens_details",
            "completion_tokens_details",
            "cachedContentTokenCount",
            "thoughtsTokenCount",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "server_tool_use",
        ]);
    let inner = |value: Option<Json<'_>>, name: &str| {
        fields::count(value.and_then(|value| value.get(name)))
    };
    let cached = inner(prompt_details, "cached_tokens")?.or(fields::count(cached_gemini)?);
    let reasoning = inner(completion_details, "reasoning_tokens")?.or(fields::count(thoughts)?);
    let (read, write) = (fields::count(read)?, fields::count(write)?);
    let mut usage = Usage::default();
    if provider == Some("anthropic") {
        usage.input_tokens = input;
        usage.cache_read_tokens = read.unwrap_or(0);
        usage.cache_write_5m_tokens = write.unwrap_or(0);
        usage.web_searches = inner(searches, "web_search_requests")?.unwrap_or(0);
    } else {
        let cached = cached.unwrap_or(0);
        PromptCounts { prompt: input, cached, ..PromptCounts::default() }.fill(&mut usage);
    }
    CompletionCounts { completion: output, reasoning, ..CompletionCounts::default() }
        .fill(&mut usage);
    Ok(usage)
}
