//! pi: `providers.NAME.baseUrl` of its models.json, which changes a built-in provider's address and
//! leaves its models and its login.

use serde_json::Value;

use super::edit::path;
use super::provider::{self, in_use};
use super::target::Target;
use super::wanted::{Surroundings, Wanted};

pub(super) fn wanted(said: &Value, target: &Target, around: &Surroundings) -> Wanted {
    let mut wanted = Wanted::default();
    let entries = said.get("providers").cloned().unwrap_or_default();
    for provider in in_use(around, &[], &keys(around), &entries) {
        let has_models =
            entries.get(provider.name).is_some_and(|entry| entry.get("models").is_some());
        let has_address = entries.get(provider.name).is_some_and(|e| e.get("baseUrl").is_some());
        if has_models && has_address {
            continue;
        }
        // Its clients for these add the version to the path by themselves.
        let behind = if matches!(provider.name, "anthropic" | "mistral" | "deepseek") {
            ""
        } else {
            provider.path
        };
        let at = path(&["providers", provider.name, "baseUrl"]);
        wanted.addresses.push((at, target.of(provider.ours, behind)));
    }
    for (name, entry) in entries.as_object().into_iter().flatten() {
        let Some(address) = entry.get("baseUrl").and_then(Value::as_str) else { continue };
        let at = path(&["providers", name, "baseUrl"]);
        if wanted.addresses.iter().any(|(known, _)| *known == at) {
            continue;
        }
        match provider::way(target, &format!("provider '{name}'"), address) {
            Ok(new) => wanted.addresses.push((at, new)),
            Err(note) => wanted.notes.extend(note),
        }
    }
    wanted
}

/// The logins that pi keeps, of which only the providers' names matter here.
fn keys(around: &Surroundings) -> Value {
    let folder = around.folder("PI_CODING_AGENT_DIR", ".pi/agent");
    let text = std::fs::read_to_string(folder.join("auth.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
