//! Providers as tools that know many of them name and address them.

use serde_json::Value;

use super::target::Target;
use super::wanted::Surroundings;

/// A provider of a tool's.
pub(super) struct Provider {
    /// What opencode and pi call it.
    pub(super) name: &'static str,
    /// What we do.
    pub(super) ours: &'static str,
    /// What stands behind the host in base URLs of the AI SDK.
    pub(super) path: &'static str,
    /// The variable with its key.
    pub(super) key: &'static str,
}

const fn provider(
    name: &'static str,
    ours: &'static str,
    path: &'static str,
    key: &'static str,
) -> Provider {
    Provider { name, ours, path, key }
}

/// The first three are the ones that most have; the others are set where a key for them is there.
const PROVIDERS: [Provider; 8] = [
    provider("anthropic", "anthropic", "/v1", "ANTHROPIC_API_KEY"),
    provider("openai", "openai", "/v1", "OPENAI_API_KEY"),
    provider("google", "gemini", "/v1beta", "GEMINI_API_KEY"),
    provider("openrouter", "openrouter", "/api/v1", "OPENROUTER_API_KEY"),
    provider("groq", "groq", "/openai/v1", "GROQ_API_KEY"),
    provider("mistral", "mistral", "/v1", "MISTRAL_API_KEY"),
    provider("deepseek", "deepseek", "/v1", "DEEPSEEK_API_KEY"),
    provider("xai", "xai", "/v1", "XAI_API_KEY"),
];

/// What opencode knows beside those, by names that pi does not.
pub(super) const MORE_OF_OPENCODE: [Provider; 7] = [
    provider("togetherai", "together", "/v1", "TOGETHER_API_KEY"),
    provider("fireworks-ai", "fireworks", "/inference/v1", "FIREWORKS_API_KEY"),
    provider("cerebras", "cerebras", "/v1", "CEREBRAS_API_KEY"),
    provider("cohere", "cohere", "/v2", "COHERE_API_KEY"),
    provider("moonshotai", "moonshot", "/v1", "MOONSHOT_API_KEY"),
    provider("zai", "zai", "/api/paas/v4", "ZHIPU_API_KEY"),
    provider("perplexity", "perplexity", "", "PERPLEXITY_API_KEY"),
];

const USUAL: usize = 3;

/// Those that the user has, of the ones that all such tools know and of `more`: a key in the environment
/// or in the tool's own list of keys, or an entry in its settings. The usual ones where there is no
/// sign of any.
pub(super) fn in_use(
    around: &Surroundings,
    more: &'static [Provider],
    keys: &Value,
    entries: &Value,
) -> Vec<&'static Provider> {
    let is_used = |provider: &&Provider| {
        around.named(provider.key).is_some()
            || (provider.name == "google" && around.named("GOOGLE_GENERATIVE_AI_API_KEY").is_some())
            || keys.get(provider.name).is_some()
            || entries.get(provider.name).is_some()
    };
    let used: Vec<&Provider> = PROVIDERS.iter().chain(more).filter(is_used).collect();
    if used.is_empty() { PROVIDERS.iter().take(USUAL).collect() } else { used }
}

/// What to say of an address that leads past us.
pub(super) fn past(what: &str, address: &str) -> String {
    let address = super::diff::without_user(address);
    format!("{what} stays at {address}, past Outlay: name it under [providers.NAME] in outlay.toml")
}

/// The way here to an address, and a note where there is none. Local ones are no concern of ours.
pub(super) fn way(target: &Target, what: &str, address: &str) -> Result<String, Option<String>> {
    let is_local = ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|host| address.split("://").nth(1).is_some_and(|rest| rest.starts_with(host)));
    target.mapped(address).ok_or_else(|| (!is_local).then(|| past(what, address)))
}
