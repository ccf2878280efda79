//! Claude Code: the `env` of its settings.json.

use serde_json::{Value, json};

use super::edit::path;
use super::target::Target;
use super::wanted::{Choices, Wanted};

/// Clouds that it asks instead of Anthropic, by the variable that makes it.
const CLOUDS: [(&str, &str); 2] =
    [("CLAUDE_CODE_USE_BEDROCK", "Bedrock"), ("CLAUDE_CODE_USE_VERTEX", "Vertex")];

pub(super) fn wanted(said: &Value, target: &Target, choices: Choices) -> Wanted {
    let mut wanted = Wanted {
        addresses: vec![(path(&["env", "ANTHROPIC_BASE_URL"]), target.of("anthropic", ""))],
        ..Wanted::default()
    };
    if choices.statusline {
        let line = json!({"type": "command", "command": "outlay statusline"});
        wanted.extras.push((path(&["statusLine"]), line));
    }
    for (variable, cloud) in CLOUDS {
        let is_set = |value: &&Value| !matches!(value.as_str(), None | Some("" | "0" | "false"));
        if said.pointer(&format!("/env/{variable}")).filter(is_set).is_some() {
            wanted.notes.push(format!(
                "{variable} is set there, so Claude Code asks {cloud} and not this address"
            ));
        }
    }
    wanted
}
