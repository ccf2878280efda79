//! What tools call the providers that have a route here.

use std::sync::Arc;

/// A tool's name of a provider, and the name of its route.
const NAMES: &[(&str, &str)] = &[
    ("openai", "openai"),
    ("openai-native", "openai"),
    ("openai-codex", "openai"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("google", "gemini"),
    ("google-vertex", "vertex"),
    ("google-vertex-anthropic", "vertex"),
    ("vertex", "vertex"),
    ("vertex-ai", "vertex"),
    ("azure", "azure"),
    ("azure-openai-responses", "azure"),
    ("bedrock", "bedrock"),
    ("amazon-bedrock", "bedrock"),
    ("mistral", "mistral"),
    ("groq", "groq"),
    ("deepseek", "deepseek"),
    ("xai", "xai"),
    ("openrouter", "openrouter"),
    ("perplexity", "perplexity"),
    ("together", "together"),
    ("togetherai", "together"),
    ("fireworks", "fireworks"),
    ("fireworks-ai", "fireworks"),
    ("cerebras", "cerebras"),
    ("cohere", "cohere"),
    ("moonshot", "moonshot"),
    ("moonshotai", "moonshot"),
    ("zai", "zai"),
    ("ollama", "ollama"),
];
/// What can only be reached through a subscription's login.
const PLANS: [&str; 4] = ["openai-codex", "github-copilot", "google-gemini-cli", "qwen-oauth"];

/// The route of the provider that a tool calls `name`; none where the user gave that name.
pub(super) fn route(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

/// [`route`], shared with the last line's where it is the same.
pub(super) fn shared_route(last: &mut Option<Arc<str>>, name: Option<&str>) -> Option<Arc<str>> {
    let ours = name.and_then(route)?;
    match last {
        Some(last) if **last == *ours => {}
        _ => *last = Some(Arc::from(ours)),
    }
    last.clone()
}

/// Whether a subscription pays, where the provider's name tells.
pub(super) fn plan_login(name: &str) -> Option<bool> {
    PLANS.contains(&name).then_some(true)
}
