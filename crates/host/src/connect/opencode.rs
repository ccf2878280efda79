//! opencode: `provider.NAME.options.baseURL` of its global opencode.json. A provider that is named there
//! counts as one of the user's, so of those that it knows by itself only the ones are set whose key it
//! would find: in its environment, in its own list of keys, or in the file.

use std::path::PathBuf;

use serde_json::Value;

use super::edit::path;
use super::provider::{self, MORE_OF_OPENCODE, in_use};
use super::target::Target;
use super::wanted::{Surroundings, Wanted};

/// Its settings; of several files the one that outranks the others.
pub(super) fn file(around: &Surroundings) -> PathBuf {
    let folder = around.folder("XDG_CONFIG_HOME", ".config").join("opencode");
    let comments = folder.join("opencode.jsonc");
    if comments.exists() { comments } else { folder.join("opencode.json") }
}

pub(super) fn wanted(said: &Value, target: &Target, around: &Surroundings) -> Wanted {
    let mut wanted = Wanted::default();
    let entries = said.get("provider").cloned().unwrap_or_default();
    for provider in in_use(around, &MORE_OF_OPENCODE, &keys(around), &entries) {
        let at = path(&["provider", provider.name, "options", "baseURL"]);
        wanted.addresses.push((at, target.of(provider.ours, provider.path)));
    }
    for (name, entry) in entries.as_object().into_iter().flatten() {
        let Some(address) = entry.pointer("/options/baseURL").and_then(Value::as_str) else {
            continue;
        };
        let at = path(&["provider", name, "options", "baseURL"]);
        if wanted.addresses.iter().any(|(known, _)| *known == at) {
            continue;
        }
        match provider::way(target, &format!("provider '{name}'"), address) {
            Ok(new) => wanted.addresses.push((at, new)),
            Err(note) => wanted.notes.extend(note),
        }
    }
    if let Some(file) = around.named("OPENCODE_CONFIG") {
        wanted.notes.push(format!("OPENCODE_CONFIG names {file}, which outranks this file"));
    }
    wanted
}

/// The keys that `opencode auth login` keeps, of which only the providers' names matter here.
fn keys(around: &Surroundings) -> Value {
    let folder = around.folder("XDG_DATA_HOME", ".local/share").join("opencode");
    let text = std::fs::read_to_string(folder.join("auth.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// The same as one setting that opencode lays over its files: for `outlay run`.
#[must_use]
pub fn overlay(base: &str, surroundings: fn(&str) -> Option<String>) -> Value {
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let around = Surroundings { home: home.unwrap_or_default(), variable: surroundings };
    let text = std::fs::read_to_string(file(&around)).unwrap_or_default();
    let said = super::edit::Format::Json.read(&text).unwrap_or_default();
    let entries = said.get("provider").cloned().unwrap_or_default();
    let providers: serde_json::Map<String, Value> =
        in_use(&around, &MORE_OF_OPENCODE, &keys(&around), &entries)
            .into_iter()
            .map(|provider| {
                let address = format!("{base}/{}{}", provider.ours, provider.path);
                (provider.name.to_owned(), serde_json::json!({"options": {"baseURL": address}}))
            })
            .collect();
    serde_json::json!({ "provider": providers })
}

#[cfg(test)]
mod tests {
    use super::super::target::tests::target;
    use super::*;

    #[test]
    fn what_it_knows_by_itself_is_set_where_it_has_a_key() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".local/share/opencode/auth.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, r#"{"moonshotai": {"type": "api", "key": "k"}}"#).unwrap();
        let variable = |name: &str| (name == "CEREBRAS_API_KEY").then(|| "k".to_owned());
        let around = Surroundings { home: home.path().to_owned(), variable };
        let said = serde_json::json!({"provider": {"zai": {"options": {"timeout": 9}}}});
        let wanted = wanted(&said, &target(), &around);
        let addresses =
            wanted.addresses.iter().map(|(path, address)| format!("{path:?} {address}"));
        let addresses: Vec<String> = addresses.collect();
        for (name, behind) in
            [("cerebras", "cerebras/v1"), ("moonshotai", "moonshot/v1"), ("zai", "zai/api/paas/v4")]
        {
            let is_set = |said: &&String| said.contains(name) && said.ends_with(behind);
            assert!(addresses.iter().any(|said| is_set(&said)), "{name}: {addresses:?}");
        }
        assert_eq!(addresses.len(), 3, "{addresses:?}");
    }
}
