//! The few fields of a request that admission needs, read without building a tree.

use crate::dialect::{Dialect, model_of_path};
use crate::json::{Json, Object, holds};

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The model asked for, from the body or, as with Gemini, from the path.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The request's own output cap, for each choice.
    pub output_tokens_max: Option<u64>,
    /// How many answers are wanted (`n`, `best_of`, `candidateCount`); at least 1.
    pub choices: u64,
    /// Tokens granted for reasoning, where the request sets them.
    pub thinking_budget: Option<u64>,
    /// `stream_options.include_usage`; `None` where the request does not say.
    pub include_usage: Option<bool>,
    /// Whether the input refers to something the body does not hold: an earlier response, a file,
    /// a URL, cached content. The body's length is then no bound for it.
    pub remote_input: bool,
    /// Whether the provider may run tools of its own, which feed the model further input.
    pub server_tools: bool,
    /// Whether the answer may be audio, images or video.
    pub media_output: bool,
    /// The service tier asked for.
    pub service_tier: Option<String>,
    /// Whether the answer comes later, out of sight.
    pub background: bool,
    /// The client's session, where the body names one.
    pub session: Option<String>,
    /// Bytes of the body without inline media.
    pub prompt_bytes: u64,
    /// Bytes of inline media: images, audio and documents in base64.
    pub media_bytes: u64,
}

/// Why a request could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is not text.
    #[error("the request body is not UTF-8: send it as JSON, without compression")]
    NotText,
    /// The body is not a JSON object.
    #[error("the request body is not a JSON object: check what the client sends to this endpoint")]
    NotAnObject,
}

/// Reads a request to `path`. The body is decoded already.
///
/// # Errors
/// When the body is not a JSON object.
pub fn read_request(
    dialect: Dialect,
    path: &str,
    body: &[u8],
) -> Result<RequestFacts, RequestError> {
    let text = std::str::from_utf8(body).map_err(|_| RequestError::NotText)?;
    let fields = Object::parse(text).ok_or(RequestError::NotAnObject)?;
    let media_bytes = media_bytes(text);
    let common = common_fields(&fields);
    let mut facts = RequestFacts {
        prompt_bytes: (body.len() as u64).saturating_sub(media_bytes),
        media_bytes,
        remote_input: has_remote_input(text.as_bytes()),
        ..common
    };
    facts.model = facts.model.or_else(|| model_of_path(path));
    match dialect {
        Dialect::GeminiGenerate | Dialect::GeminiEmbed => read_gemini(&fields, path, &mut facts),
        Dialect::AnthropicMessages => read_anthropic(&fields, &mut facts),
        _ => read_openai(&fields, &mut facts),
    }
    facts.choices = facts.choices.max(1);
    Ok(facts)
}

fn common_fields(json: &Object<'_>) -> RequestFacts {
    let [model, stream, tier] = json.pick(["model", "stream", "service_tier"]);
    RequestFacts {
        model: model.and_then(Json::string),
        stream: stream.and_then(Json::boolean).unwrap_or(false),
        service_tier: tier.and_then(Json::string),
        ..RequestFacts::default()
    }
}

fn read_openai(json: &Object<'_>, facts: &mut RequestFacts) {
    let count = |value: Option<Json<'_>>| value.and_then(Json::count);
    let [max_tokens, max_completion, max_output, n, best_of] =
        json.pick(["max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of"]);
    let [stream_options, previous, conversation, background, cache_key, reasoning] = json.pick([
        "stream_options",
        "previous_response_id",
        "conversation",
        "background",
        "prompt_cache_key",
        "reasoning",
    ]);
    let [tools, web_options, search, plugins, modalities, prompt] = json.pick([
        "tools",
        "web_search_options",
        "search_parameters",
        "plugins",
        "modalities",
        "prompt",
    ]);
    let caps = [max_tokens, max_completion, max_output].map(count);
    // Which of two a server heeds is its own affair: the higher one bounds the answer.
    facts.output_tokens_max = caps.into_iter().flatten().max();
    facts.choices = count(n).unwrap_or(1).max(count(best_of).unwrap_or(1));
    facts.include_usage =
        stream_options.and_then(|options| options.get("include_usage")).and_then(Json::boolean);
    facts.background = background.and_then(Json::boolean).unwrap_or(false);
    facts.session = cache_key.and_then(Json::string);
    facts.thinking_budget = count(reasoning.and_then(|reasoning| reasoning.get("max_tokens")));
    // A prompt object names a stored template.
    let has_template = prompt.is_some_and(Json::is_object);
    facts.remote_input |= previous.or(conversation).is_some() || has_template;
    let tools = tools.map(Json::items).unwrap_or_default();
    let has_server_tool = tools.iter().any(|tool| is_server_tool(*tool, &OPENAI_CLIENT_TOOLS));
    let model = facts.model.as_deref().unwrap_or_default();
    let searches_always = model.ends_with(":online")
        || model.contains("-search-")
        || model.contains("sonar")
        || model.contains("deep-research")
        || model.contains("compound");
    facts.server_tools =
        has_server_tool || searches_always || web_options.or(search).or(plugins).is_some();
    let draws = |tool: &Json<'_>| type_of(*tool).is_some_and(|kind| kind == "image_generation");
    let is_text =
        |item: &Json<'_>| item.text().is_some_and(|item| item.eq_ignore_ascii_case("text"));
    let modalities = modalities.map(Json::items).unwrap_or_default();
    facts.media_output = tools.iter().any(draws) || !modalities.iter().all(is_text);
}

fn read_anthropic(json: &Object<'_>, facts: &mut RequestFacts) {
    let [max_tokens, thinking, metadata, tools, container, servers, speed] = json.pick([
        "max_tokens",
        "thinking",
        "metadata",
        "tools",
        "container",
        "mcp_servers",
        "speed",
    ]);
    facts.output_tokens_max = max_tokens.and_then(Json::count);
    facts.thinking_budget =
        thinking.and_then(|thinking| thinking.get("budget_tokens")).and_then(Json::count);
    let user = metadata.and_then(|metadata| metadata.get("user_id")).and_then(Json::string);
    facts.session = user.as_deref().and_then(session_of_user);
    let tools = tools.map(Json::items).unwrap_or_default();
    let has_servers = servers.is_some_and(|servers| !servers.is_empty_array());
    facts.server_tools =
        has_servers || tools.iter().any(|tool| is_server_tool(*tool, &ANTHROPIC_CLIENT_TOOLS));
    facts.remote_input |= container.is_some();
    if speed.and_then(Json::text).is_some_and(|speed| speed == "fast") {
        facts.service_tier = Some("fast".to_owned());
    }
}

fn read_gemini(json: &Object<'_>, path: &str, facts: &mut RequestFacts) {
    let [camel, snake, tools, tier, snake_tier] = json.pick([
        "generationConfig",
        "generation_config",
        "tools",
        "serviceTier",
        "service_tier",
    ]);
    facts.stream = path.contains(":streamGenerateContent");
    let tier = tier.or(snake_tier).and_then(Json::string);
    facts.service_tier = tier.map(|tier| tier.to_ascii_lowercase());
    if let Some(config) = camel.or(snake) {
        let [cap, snake_cap, count, snake_count, thinking, snake_thinking] = config.pick([
            "maxOutputTokens",
            "max_output_tokens",
            "candidateCount",
            "candidate_count",
            "thinkingConfig",
            "thinking_config",
        ]);
        let [modalities, snake_modalities] =
            config.pick(["responseModalities", "response_modalities"]);
        facts.output_tokens_max = cap.or(snake_cap).and_then(Json::count);
        facts.choices = count.or(snake_count).and_then(Json::count).unwrap_or(1);
        let budget = thinking
            .or(snake_thinking)
            .map(|thinking| thinking.pick(["thinkingBudget", "thinking_budget"]));
        facts.thinking_budget =
            budget.and_then(|[camel, snake]| camel.or(snake)).and_then(Json::count);
        let modalities = modalities.or(snake_modalities).map(Json::items).unwrap_or_default();
        let is_text = |item: &Json<'_>| item.text().is_some_and(|item| item == "TEXT");
        facts.media_output = !modalities.iter().all(is_text);
    }
    for tool in tools.map(Json::items).unwrap_or_default() {
        tool.each_member(|name, _| {
            facts.server_tools |= !matches!(name, "functionDeclarations" | "function_declarations");
        });
    }
}

/// Tool types that the client runs, by how they begin.
const OPENAI_CLIENT_TOOLS: [&str; 6] =
    ["function", "custom", "local_shell", "computer", "apply_patch", "namespace"];
const ANTHROPIC_CLIENT_TOOLS: [&str; 5] = ["custom", "bash", "text_editor", "computer", "memory"];

fn is_server_tool(tool: Json<'_>, client_tools: &[&str]) -> bool {
    type_of(tool).is_some_and(|kind| !client_tools.iter().any(|known| kind.starts_with(known)))
}

fn type_of(json: Json<'_>) -> Option<String> {
    json.get("type").and_then(Json::string)
}

/// Claude Code's `metadata.user_id`: JSON with a `session_id`, formerly `user_…_session_ID`.
fn session_of_user(user: &str) -> Option<String> {
    let json = Json::new(user.trim());
    if json.is_object() {
        return json.get("session_id").and_then(Json::string);
    }
    user.rsplit_once("_session_").map(|(_, session)| session.to_owned()).filter(|id| !id.is_empty())
}

/// Whether the body points at input that it does not hold. Errs on the side of yes.
fn has_remote_input(body: &[u8]) -> bool {
    const REFERENCES: [&str; 7] = [
        "file_id",
        "file_url",
        "fileUri",
        "file_uri",
        "cachedContent",
        "cached_content",
        "vector_store_ids",
    ];
    REFERENCES.iter().any(|key| holds(body, key))
        || memchr::memmem::find(body, b"\"item_reference\"").is_some()
        || has_url_after(body, b"\"image_url\"")
        || has_url_after(body, b"\"source\"")
}

/// Whether `key` is followed, at once or inside the object that follows, by an `http` address.
fn has_url_after(body: &[u8], key: &[u8]) -> bool {
    memchr::memmem::find_iter(body, key).any(|at| {
        let after = body[at + key.len()..].trim_ascii_start();
        let Some(value) = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start) else {
            return false;
        };
        if value.starts_with(b"\"") {
            return value.starts_with(b"\"http");
        }
        if !value.starts_with(b"{") {
            return false;
        }
        // The address comes before any long data, which would be inline.
        let near = &value[..value.len().min(256)];
        let object_end = memchr::memchr(b'}', near).unwrap_or(near.len());
        memchr::memmem::find(&near[..object_end], b"\"http").is_some()
    })
}

/// Bytes of base64 media in a body: strings long enough not to be prose, without a space, that
/// stand where media stands.
fn media_bytes(text: &str) -> u64 {
    let mut total = 0;
    for marker in ["\"data\"", "\"file_data\"", ";base64,"] {
        for (at, _) in text.match_indices(marker) {
            let after = &text[at + marker.len()..];
            let value = match marker.starts_with('"') {
                true => {
                    let after = after.trim_start().strip_prefix(':').map(str::trim_start);
                    after.and_then(|value| value.strip_prefix('"'))
                }
                false => Some(after),
            };
            // A data: URL is found by its own marker.
            let Some(value) = value.filter(|value| !value.starts_with("data:")) else { continue };
            let end = value.bytes().position(|byte| !is_base64(byte)).unwrap_or(value.len());
            if end >= 256 {
                total += end as u64;
            }
        }
    }
    total
}

fn is_base64(byte: u8) -> bool {
    // A slash may be escaped.
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\')
}
