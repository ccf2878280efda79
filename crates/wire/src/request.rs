//! The few fields of a request that admission needs, read without building a tree.

use crate::dialect::{Dialect, model_of_path};
use crate::input;
use crate::json::{Json, Object};

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The model asked for: the path's where it names one, as with Gemini and Azure, for then it is
    /// the one that runs; else the body's.
    pub model: Option<String>,
    /// Models that a gateway may run in its stead.
    pub fallback_models: Vec<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The request's own output cap, for each choice.
    pub output_tokens_max: Option<u64>,
    /// How many answers are wanted (`n`, `best_of`, `candidateCount`), over all prompts of a batch;
    /// at least 1.
    pub choices: u64,
    /// Tokens granted for reasoning, where the request sets them.
    pub thinking_budget: Option<u64>,
    /// Whether it switches reasoning on; also where it does not say how much.
    pub asks_for_reasoning: bool,
    /// Whether it declares tools or functions, whoever runs them.
    pub has_tools: bool,
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
    /// Images, documents, recordings and films, held or pointed at. What one of them bills has
    /// little to do with its bytes.
    pub media_parts: u64,
    /// Whether one of them is no image: pages and seconds have no bound of their own.
    pub has_long_media: bool,
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
    let text = simdutf8::basic::from_utf8(body).map_err(|_| RequestError::NotText)?;
    let (fields, input) = input::read(dialect, text).ok_or(RequestError::NotAnObject)?;
    let common = common_fields(&fields);
    let mut facts = RequestFacts {
        model: model_of_path(path).or(common.model),
        prompt_bytes: (body.len() as u64).saturating_sub(input.media_bytes),
        media_bytes: input.media_bytes,
        media_parts: input.media_parts,
        has_long_media: input.has_long_media,
        remote_input: input.is_remote,
        has_tools: input.has_tools,
        asks_for_reasoning: input.asks_for_reasoning,
        ..common
    };
    match dialect {
        Dialect::GeminiGenerate | Dialect::GeminiEmbed => read_gemini(&fields, path, &mut facts),
        Dialect::AnthropicMessages => read_anthropic(&fields, &mut facts),
        _ => read_openai(dialect, &fields, &mut facts),
    }
    facts.choices = facts.choices.max(1);
    Ok(facts)
}

fn common_fields(json: &Object<'_>) -> RequestFacts {
    let [model, stream, tier, models, fallbacks] =
        json.pick(["model", "stream", "service_tier", "models", "fallbacks"]);
    let others = [models, fallbacks].into_iter().flatten().flat_map(Json::items);
    let name = |other: Json<'_>| other.get("model").unwrap_or(other).string();
    RequestFacts {
        model: model.and_then(Json::string),
        fallback_models: others.filter_map(name).collect(),
        stream: stream.and_then(Json::boolean).unwrap_or(false),
        service_tier: tier.and_then(Json::string),
        ..RequestFacts::default()
    }
}

fn read_openai(dialect: Dialect, json: &Object<'_>, facts: &mut RequestFacts) {
    let count = |value: Option<Json<'_>>| value.and_then(Json::count);
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
    facts.output_tokens_max = openai_cap(dialect, json);
    facts.choices = openai_choices(json, prompt);
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

/// The cap in the fields of this dialect: a server does not heed another's.
fn openai_cap(dialect: Dialect, json: &Object<'_>) -> Option<u64> {
    let fields = match dialect {
        Dialect::OpenAiResponses => ["max_output_tokens", ""],
        Dialect::OpenAiChat => ["max_tokens", "max_completion_tokens"],
        _ => ["max_tokens", ""],
    };
    // Which of two a server heeds is its own affair: the higher one bounds the answer.
    json.pick(fields).into_iter().flatten().filter_map(Json::count).max()
}

/// Answers wanted: so many for each prompt, of which there may be a batch. Numbers in a row are the
/// tokens of one prompt.
fn openai_choices(json: &Object<'_>, prompt: Option<Json<'_>>) -> u64 {
    let wishes = json.pick(["n", "best_of", "num_generations"]);
    let for_each = wishes.into_iter().flatten().filter_map(Json::count).max().unwrap_or(1).max(1);
    let prompts = prompt.map(Json::items).unwrap_or_default();
    let batch = prompts.iter().filter(|prompt| prompt.is_array() || prompt.is_string()).count();
    for_each.saturating_mul((batch as u64).max(1))
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
        // Of two spellings a server heeds one: the higher cap bounds the answer, and a second
        // config may have none.
        let caps = [cap, snake_cap].into_iter().flatten().filter_map(Json::count);
        facts.output_tokens_max = caps.max().filter(|_| camel.is_none() || snake.is_none());
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
