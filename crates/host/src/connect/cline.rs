//! Cline's command line: `baseUrl` of the providers in its providers.json, which holds their keys too.

use std::path::PathBuf;

use serde_json::Value;

use super::edit::path;
use super::provider;
use super::target::Target;
use super::wanted::{Surroundings, Wanted};

/// What Cline calls a provider, what we do, and what stands behind the host.
const PROVIDERS: [(&str, &str, &str); 8] = [
    ("anthropic", "anthropic", "/v1"),
    ("openai-native", "openai", "/v1"),
    ("gemini", "gemini", "/v1beta"),
    ("openrouter", "openrouter", "/api/v1"),
    ("groq", "groq", "/openai/v1"),
    ("mistral", "mistral", "/v1"),
    ("deepseek", "deepseek", "/v1"),
    ("xai", "xai", "/v1"),
];

pub(super) fn file(around: &Surroundings) -> PathBuf {
    if let Some(file) = around.named("CLINE_PROVIDER_SETTINGS_PATH") {
        return file.into();
    }
    let data =
        around.named("CLINE_DATA_DIR").map_or_else(|| folder(around).join("data"), PathBuf::from);
    data.join("settings/providers.json")
}

pub(super) fn folder(around: &Surroundings) -> PathBuf {
    around.folder("CLINE_DIR", ".cline")
}

pub(super) fn wanted(said: &Value, target: &Target) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    let entries = said.get("providers").and_then(Value::as_object);
    for (name, entry) in entries.into_iter().flatten() {
        let at = path(&["providers", name, "settings", "baseUrl"]);
        let own = PROVIDERS.iter().find(|(known, ..)| known == name);
        let address = entry.pointer("/settings/baseUrl").and_then(Value::as_str);
        match (own, address) {
            (Some((_, ours, behind)), _) => wanted.addresses.push((at, target.of(ours, behind))),
            (None, Some(address)) => {
                match provider::way(target, &format!("provider '{name}'"), address) {
                    Ok(new) => wanted.addresses.push((at, new)),
                    Err(note) => wanted.notes.extend(note),
                }
            }
            (None, None) => {}
        }
    }
    if wanted.addresses.is_empty() {
        let why = wanted
            .notes
            .first()
            .map_or("has no provider whose calls could be sent here", |note| note);
        return Err(format!("Cline {why}: set one up with cline auth, then run this again"));
    }
    Ok(wanted)
}
