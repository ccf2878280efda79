//! Codex: `openai_base_url` of its config.toml, which keeps login, model and history as they are (a
//! provider of our own under `model_providers` would hide the sessions of the built-in one).

use serde_json::Value;

use super::edit::path;
use super::target::Target;
use super::wanted::Wanted;

pub(super) fn wanted(said: &Value, target: &Target) -> Wanted {
    let text = |pointer: &str| said.pointer(pointer).and_then(Value::as_str);
    let own = (path(&["openai_base_url"]), target.of("openai", "/v1"));
    let Some(provider) = text("/model_provider").filter(|name| *name != "openai") else {
        return Wanted { addresses: vec![own], ..Wanted::default() };
    };
    // The user has it ask another provider: that one's address is what counts.
    let at = path(&["model_providers", provider, "base_url"]);
    let address = text(&format!("/model_providers/{provider}/base_url"));
    match address {
        Some(address) => {
            let new = target.mapped(address).unwrap_or_else(|| target.of("openai", "/v1"));
            Wanted { addresses: vec![(at, new)], ..Wanted::default() }
        }
        None => Wanted {
            addresses: vec![own],
            notes: vec![format!(
                "model_provider is '{provider}' there: Codex asks that one and not this address"
            )],
            ..Wanted::default()
        },
    }
}
