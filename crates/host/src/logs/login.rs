//! Whether a tool is paid for by a subscription, where its logs do not tell: by what it is logged in
//! with now. Only the names of credentials are looked at, never what they hold.

use std::path::{Path, PathBuf};

use outlay_wire::log::Tool;
use serde_json::Value;

/// Whether the tool is logged in with a subscription; `None` where that cannot be told.
pub(super) fn is_plan(
    tool: Tool,
    home: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Option<bool> {
    let under = |name: &str, usual: &str| {
        let set = variable(name).filter(|value| !value.is_empty());
        set.map_or_else(|| home.join(usual), PathBuf::from)
    };
    match tool {
        Tool::ClaudeCode => {
            let folder = under("CLAUDE_CONFIG_DIR", ".claude");
            claude_code(
                read(&folder.join(".credentials.json")).as_ref(),
                read(&home.join(".claude.json")).as_ref(),
            )
        }
        Tool::Codex => codex(&read(&under("CODEX_HOME", ".codex").join("auth.json"))?),
        Tool::GeminiCli => gemini_cli(&read(&home.join(".gemini/settings.json"))?),
        Tool::Qwen => qwen(&read(&home.join(".qwen/settings.json"))?),
        Tool::Opencode | Tool::Pi | Tool::Cline | Tool::Llm => None,
    }
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn has(value: &Value, name: &str) -> bool {
    value.get(name).is_some_and(|field| match field {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    })
}

fn claude_code(credentials: Option<&Value>, settings: Option<&Value>) -> Option<bool> {
    let has_plan = credentials.is_some_and(|value| has(value, "claudeAiOauth"));
    let has_key = settings.is_some_and(|value| has(value, "primaryApiKey"));
    let has_account = settings.is_some_and(|value| has(value, "oauthAccount"));
    match (has_key, has_plan || has_account) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    }
}

fn codex(auth: &Value) -> Option<bool> {
    match (has(auth, "OPENAI_API_KEY"), has(auth, "tokens")) {
        (true, _) => Some(false),
        (false, true) => Some(true),
        (false, false) => None,
    }
}

fn gemini_cli(settings: &Value) -> Option<bool> {
    let selected = settings
        .pointer("/security/auth/selectedType")
        .or_else(|| settings.get("selectedAuthType"))?;
    Some(selected.as_str()?.starts_with("oauth"))
}

fn qwen(settings: &Value) -> Option<bool> {
    let selected = settings.pointer("/security/auth/selectedType")?;
    Some(selected.as_str()? == "qwen-oauth")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_login_is_told_by_the_names_of_its_credentials() {
        let oauth = json!({"claudeAiOauth": {}});
        let (account, key) = (json!({"oauthAccount": {}}), json!({"primaryApiKey": "x"}));
        for (found, expected) in [
            (claude_code(None, None), None),
            (claude_code(Some(&oauth), None), Some(true)),
            (claude_code(None, Some(&account)), Some(true)),
            (claude_code(Some(&oauth), Some(&key)), Some(false)),
            (codex(&json!({"OPENAI_API_KEY": null, "tokens": {}})), Some(true)),
            (codex(&json!({"OPENAI_API_KEY": "x", "tokens": null})), Some(false)),
            (codex(&json!({})), None),
            (
                gemini_cli(&json!({"security": {"auth": {"selectedType": "oauth-personal"}}})),
                Some(true),
            ),
            (gemini_cli(&json!({"selectedAuthType": "gemini-api-key"})), Some(false)),
            (qwen(&json!({"security": {"auth": {"selectedType": "qwen-oauth"}}})), Some(true)),
        ] {
            assert_eq!(found, expected);
        }
    }
}
