//! Qwen Code: the `env` of its settings.json, and the addresses of the models that are named there.

use serde_json::Value;

use super::edit::{Step, path};
use super::provider;
use super::target::Target;
use super::wanted::{Surroundings, Wanted};

pub(super) fn wanted(said: &Value, target: &Target, around: &Surroundings) -> Wanted {
    let mut wanted = Wanted::default();
    for (variable, address) in [
        ("OPENAI_BASE_URL", target.of("openai", "/v1")),
        ("ANTHROPIC_BASE_URL", target.of("anthropic", "")),
        ("GOOGLE_GEMINI_BASE_URL", target.of("gemini", "")),
    ] {
        wanted.notes.extend(around.outranked(variable, &address));
        wanted.addresses.push((path(&["env", variable]), address));
    }
    let mut found = Vec::new();
    if let Some(address) = said.pointer("/security/auth/baseUrl").and_then(Value::as_str) {
        found.push((path(&["security", "auth", "baseUrl"]), "the login".to_owned(), address));
    }
    let providers = said.get("modelProviders").and_then(Value::as_object);
    for (name, models) in providers.into_iter().flatten() {
        for (nth, model) in models.as_array().into_iter().flatten().enumerate() {
            let Some(address) = model.get("baseUrl").and_then(Value::as_str) else { continue };
            let mut at = path(&["modelProviders", name]);
            at.extend([Step::Index(nth), Step::Key("baseUrl".to_owned())]);
            let id = model.get("id").and_then(Value::as_str).unwrap_or(name);
            found.push((at, format!("model '{id}'"), address));
        }
    }
    for (at, what, address) in found {
        match provider::way(target, &what, address) {
            Ok(new) => wanted.addresses.push((at, new)),
            Err(note) => wanted.notes.extend(note),
        }
    }
    wanted
}
