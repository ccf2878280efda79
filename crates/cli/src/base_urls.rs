//! The variables and options that point tools at the proxy.

use std::fmt::Write;

use outlay_host::connect;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but what a path part may hold as it is.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Calls to this machine must not go through an HTTP proxy.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "::1"];
/// What opencode lays over its settings.
const OPENCODE: &str = "OPENCODE_CONFIG_CONTENT";

/// Variables for base URLs, with what stands in them behind the proxy's address.
const VARIABLES: [(&str, &str); 15] = [
    ("OPENAI_BASE_URL", "/openai/v1"),
    ("ANTHROPIC_BASE_URL", "/anthropic"),
    ("GOOGLE_GEMINI_BASE_URL", "/gemini"),
    // LiteLLM's, and so aider's.
    ("OPENAI_API_BASE", "/openai/v1"),
    ("ANTHROPIC_API_BASE", "/anthropic"),
    ("GEMINI_API_BASE", "/gemini/v1beta"),
    ("GROQ_API_BASE", "/groq/openai/v1"),
    ("MISTRAL_API_BASE", "/mistral/v1"),
    ("DEEPSEEK_API_BASE", "/deepseek/beta"),
    ("OPENROUTER_API_BASE", "/openrouter/api/v1"),
    ("XAI_API_BASE", "/xai/v1"),
    // aider takes its own variable before its settings, which `connect` may have written.
    ("AIDER_OPENAI_API_BASE", "/openai/v1"),
    // The vendors' SDKs.
    ("GROQ_BASE_URL", "/groq"),
    ("CEREBRAS_BASE_URL", "/cerebras"),
    ("CO_API_URL", "/cohere"),
];

/// Programs that start the one named after them.
const WRAPPERS: [&str; 14] = [
    "npx", "bunx", "pnpx", "pnpm", "yarn", "bun", "npm", "uvx", "uv", "pipx", "env", "nice",
    "nohup", "time",
];
/// Words of theirs before its name.
const WRAPPER_WORDS: [&str; 6] = ["dlx", "exec", "run", "x", "tool", "--"];

/// What calls are told together by: it stands in the path of every base URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attribution {
    pub(crate) run: Option<String>,
    /// `k=v`, in order.
    pub(crate) tags: Vec<(&'static str, String)>,
    pub(crate) project: Option<String>,
}

impl Attribution {
    /// The proxy's address with it.
    pub(crate) fn base(&self, proxy: &str) -> String {
        let mut base = proxy.to_owned();
        let tags: Vec<String> = self
            .tags
            .iter()
            // A semicolon would begin another tag.
            .map(|(key, value)| format!("{key}={}", value.replace(';', ",")))
            .collect();
        let parts = [
            ("r", self.run.as_deref()),
            ("t", Some(tags.join(";")).as_deref().filter(|tags| !tags.is_empty())),
            ("p", self.project.as_deref()),
        ]
        .map(|(name, part)| {
            part.map(|part| format!("/{name}/{}", utf8_percent_encode(part, PATH_PART)))
        });
        for part in parts.into_iter().flatten() {
            // Writing to a text cannot fail.
            let _ = write!(base, "{part}");
        }
        base
    }
}

/// The base URLs that tools read, each with the name of its variable.
pub(crate) fn variables(base: &str) -> Vec<(&'static str, String)> {
    let urls = VARIABLES.iter().map(|(name, path)| (*name, format!("{base}{path}")));
    urls.chain([(OPENCODE, opencode(base, |name| std::env::var(name).ok()))]).collect()
}

/// opencode's addresses, laid over what the user lays over its settings already.
fn opencode(base: &str, variable: fn(&str) -> Option<String>) -> String {
    let said = variable(OPENCODE).and_then(|said| serde_json::from_str(&said).ok());
    let mut said: Value = said.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    merge(&mut said, connect::opencode_overlay(base, variable));
    said.to_string()
}

fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// `NO_PROXY` in both of its spellings, with this machine added to what they say.
pub(crate) fn no_proxy(
    variable: impl Fn(&str) -> Option<String>,
) -> impl Iterator<Item = (&'static str, String)> {
    ["NO_PROXY", "no_proxy"].into_iter().map(move |name| {
        let said = variable(name).unwrap_or_default();
        let mut hosts: Vec<&str> =
            said.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
        for own in LOOPBACK {
            if !hosts.contains(&own) {
                hosts.push(own);
            }
        }
        (name, hosts.join(","))
    })
}

/// The command with the options that its tool needs because it reads no variable, or reads its
/// settings before them.
pub(crate) fn command(command: &[String], base: &str) -> Vec<String> {
    let mut command = command.to_vec();
    let Some((at, tool)) = tool(&command) else { return command };
    let options = match tool.as_str() {
        "codex" => vec!["-c".to_owned(), format!("openai_base_url=\"{base}/openai/v1\"")],
        // Its own settings outrank variables, and `connect` may have written an address there.
        "claude" if !command.iter().any(|word| word.starts_with("--settings")) => {
            let env =
                serde_json::json!({"env": {"ANTHROPIC_BASE_URL": format!("{base}/anthropic")}});
            vec!["--settings".to_owned(), env.to_string()]
        }
        _ => Vec::new(),
    };
    command.splice(at + 1..at + 1, options);
    command
}

/// The tool that a command starts, and which of its words names it.
pub(crate) fn tool(command: &[String]) -> Option<(usize, String)> {
    let mut is_wrapped = false;
    for (at, word) in command.iter().enumerate() {
        let name = name_of(word);
        if WRAPPERS.contains(&name.as_str()) {
            is_wrapped = true;
            continue;
        }
        let is_wrappers =
            word.starts_with('-') || word.contains('=') || WRAPPER_WORDS.contains(&word.as_str());
        if !(is_wrapped && is_wrappers) {
            return Some((at, name));
        }
    }
    None
}

/// `codex` of `/usr/bin/codex`, `codex.cmd` and `@openai/codex@latest`.
fn name_of(word: &str) -> String {
    let word = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let word = word.split('@').find(|part| !part.is_empty()).unwrap_or(word);
    let lower = word.to_ascii_lowercase();
    let name = [".cmd", ".exe", ".ps1", ".js"].iter().find_map(|end| lower.strip_suffix(end));
    let name = name.unwrap_or(&lower);
    match name {
        "claude-code" => "claude",
        "aider-chat" => "aider",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn run_tags_and_project_go_into_the_path() {
        let attribution =
            |run: Option<&str>, branch: Option<&str>, project: Option<&str>| Attribution {
                run: run.map(str::to_owned),
                tags: branch.map(|branch| ("branch", branch.to_owned())).into_iter().collect(),
                project: project.map(str::to_owned),
            };
        for (given, expected) in [
            (attribution(None, None, None), "http://h"),
            (attribution(None, None, Some("demo")), "http://h/p/demo"),
            (attribution(None, None, Some("my app/é")), "http://h/p/my%20app%2F%C3%A9"),
            (attribution(Some("1f"), Some("main"), Some("d")), "http://h/r/1f/t/branch%3Dmain/p/d"),
            (attribution(Some("1f"), Some("a/b;c"), None), "http://h/r/1f/t/branch%3Da%2Fb%2Cc"),
        ] {
            assert_eq!(given.base("http://h"), expected);
        }
    }

    #[test]
    fn this_machine_is_added_to_what_no_proxy_says() {
        for (said, expected) in [
            (None, "127.0.0.1,localhost,::1"),
            (Some("example.com, localhost"), "example.com,localhost,127.0.0.1,::1"),
        ] {
            let lookup = |name: &str| said.filter(|_| name == "no_proxy").map(str::to_owned);
            let lower = no_proxy(lookup).find(|(name, _)| *name == "no_proxy").unwrap();
            assert_eq!(lower.1, expected);
        }
    }

    #[test]
    fn tools_are_known_behind_their_wrappers() {
        for (given, expected) in [
            ("codex exec hi", Some((0, "codex"))),
            ("/usr/local/bin/codex", Some((0, "codex"))),
            ("C:\\npm\\Codex.cmd", Some((0, "codex"))),
            ("npx -y @openai/codex@latest exec", Some((2, "codex"))),
            ("env A=1 B=2 codex", Some((3, "codex"))),
            ("pnpm dlx codex", Some((2, "codex"))),
            ("uvx aider-chat --yes", Some((1, "aider"))),
            ("npx @anthropic-ai/claude-code", Some((1, "claude"))),
            ("python codex", Some((0, "python"))),
            ("npx -y", None),
        ] {
            let found = tool(&words(given));
            assert_eq!(found, expected.map(|(at, name)| (at, name.to_owned())), "{given}");
        }
    }

    #[test]
    fn options_stand_behind_the_tools_name() {
        for (given, expected) in [
            ("codex exec", "codex -c openai_base_url=\"http://h/openai/v1\" exec"),
            ("npx codex", "npx codex -c openai_base_url=\"http://h/openai/v1\""),
            (
                "claude -p hi",
                "claude --settings {\"env\":{\"ANTHROPIC_BASE_URL\":\"http://h/anthropic\"}} -p hi",
            ),
            ("claude --settings=mine.json", "claude --settings=mine.json"),
            ("python x.py", "python x.py"),
        ] {
            assert_eq!(command(&words(given), "http://h").join(" "), expected);
        }
    }

    #[test]
    fn opencode_keeps_what_its_user_lays_over() {
        let said = opencode("http://h", |name| {
            let value = match name {
                OPENCODE => {
                    r#"{"model": "m", "provider": {"openai": {"options": {"timeout": 1}}}}"#
                }
                "OPENAI_API_KEY" => "k",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["model"], "m");
        let openai = &said["provider"]["openai"]["options"];
        assert_eq!(*openai, serde_json::json!({"timeout": 1, "baseURL": "http://h/openai/v1"}));
    }
}
