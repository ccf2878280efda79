//! Tools as their users start them: by `outlay run`, or with the settings that `outlay connect` wrote.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::clients::{
    ANTHROPIC_MODEL, GEMINI_MODEL, OPENAI_MODEL, aider, clients_dir, installed,
    python_with_frameworks, python_with_litellm, python_with_sdks,
};
use crate::outlay::Home;

const PROMPT: &str = "Say hello.";

/// A program that asks a model once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Anthropic's coding agent.
    ClaudeCode,
    /// OpenAI's coding agent.
    Codex,
    /// Google's coding agent.
    GeminiCli,
    /// opencode, with this provider of its own list.
    Opencode(&'static str),
    /// Qwen Code, with OpenAI's API.
    Qwen,
    /// pi, with this provider of its own list.
    Pi(&'static str),
    /// Cline's command line, with this provider.
    Cline(&'static str),
    /// `ask.mjs`.
    JavaScript(&'static str),
    /// `ask.py`, with the vendors' SDKs.
    Python(&'static str),
    /// `ask.py`, with what is built on them.
    Framework(&'static str),
    /// llm.
    Llm,
    /// aider, with a model of this provider.
    Aider(&'static str),
}

impl Asker {
    /// The model that it asks.
    #[must_use]
    pub fn model(self) -> &'static str {
        match self {
            Asker::ClaudeCode => ANTHROPIC_MODEL,
            Asker::GeminiCli => GEMINI_MODEL,
            Asker::Opencode(how)
            | Asker::Pi(how)
            | Asker::Cline(how)
            | Asker::JavaScript(how)
            | Asker::Python(how)
            | Asker::Framework(how)
            | Asker::Aider(how) => match how {
                "messages" | "anthropic" | "litellm-claude" => ANTHROPIC_MODEL,
                "gemini" | "google" => GEMINI_MODEL,
                _ => OPENAI_MODEL,
            },
            Asker::Llm => "gpt-4o",
            Asker::Codex | Asker::Qwen => OPENAI_MODEL,
        }
    }

    /// Whether it can be told to take its answer whole.
    #[must_use]
    pub fn has_plain(self) -> bool {
        matches!(
            self,
            Asker::JavaScript(_)
                | Asker::Python(_)
                | Asker::Framework(_)
                | Asker::Llm
                | Asker::Aider(_)
        )
    }

    /// The name of its logs at `outlay import`.
    #[must_use]
    pub fn logs(self) -> Option<&'static str> {
        match self {
            Asker::Llm => Some("llm"),
            Asker::Aider(_) => None,
            _ => self.connects(),
        }
    }

    /// Whether it sends again what the provider answered with this status.
    #[must_use]
    pub fn repeats(self, status: u16) -> bool {
        // Codex takes a 429 for the end of what a subscription pays for.
        !(self == Asker::Codex && status == 429)
    }

    /// The name of its settings at `outlay connect`.
    #[must_use]
    pub fn connects(self) -> Option<&'static str> {
        Some(match self {
            Asker::ClaudeCode => "claude-code",
            Asker::Codex => "codex",
            Asker::GeminiCli => "gemini-cli",
            Asker::Opencode(_) => "opencode",
            Asker::Qwen => "qwen",
            Asker::Pi(_) => "pi",
            Asker::Cline(_) => "cline",
            Asker::Aider(_) => "aider",
            _ => return None,
        })
    }

    /// Whether `outlay run` alone sends its calls through Outlay.
    #[must_use]
    pub fn runs(self) -> bool {
        !matches!(self, Asker::Pi(_) | Asker::Cline(_))
    }

    fn words(self, stream: bool) -> Vec<String> {
        let model = self.model();
        let own = |program: &str| installed(program).display().to_string();
        let fixture =
            |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clients").join(name);
        let form = if stream { "stream" } else { "plain" };
        let python = |python: &Path, how: &str| {
            let model = match how {
                "litellm-claude" => format!("anthropic/{model}"),
                _ => model.to_owned(),
            };
            let how = how.strip_suffix("-claude").unwrap_or(how).to_owned();
            let script = fixture("ask.py").display().to_string();
            vec![python.display().to_string(), script, how, model, form.to_owned()]
        };
        match self {
            Asker::ClaudeCode => text(&[&own("claude"), "--print", PROMPT, "--model", model]),
            Asker::Codex => text(&[
                &own("codex"),
                "exec",
                "--skip-git-repo-check",
                "--model",
                model,
                "--config",
                "check_for_update_on_startup=false",
                "--config",
                "analytics.enabled=false",
                PROMPT,
            ]),
            Asker::GeminiCli => {
                text(&[&own("gemini"), "--prompt", PROMPT, "--model", model, "--skip-trust"])
            }
            Asker::Opencode(provider) => {
                text(&[&own("opencode"), "run", "--model", &format!("{provider}/{model}"), PROMPT])
            }
            Asker::Qwen => {
                text(&[&own("qwen"), "--auth-type", "openai", "--model", model, "--prompt", PROMPT])
            }
            Asker::Pi(provider) => {
                text(&[&own("pi"), "--provider", provider, "--model", model, "--print", PROMPT])
            }
            Asker::Cline(_) => text(&[&own("cline"), "--model", model, PROMPT]),
            Asker::JavaScript(how) => {
                // Node looks for packages from the script's own folder upwards.
                let beside = clients_dir().join("ask.mjs");
                fs::copy(fixture("ask.mjs"), &beside).unwrap();
                text(&["node", &beside.display().to_string(), how, model, form])
            }
            Asker::Python(how) => python(python_with_sdks(), how),
            Asker::Framework(how) if how.starts_with("litellm") => {
                python(python_with_litellm(), how)
            }
            Asker::Framework(how) => python(python_with_frameworks(), how),
            Asker::Aider(provider) => aider_words(provider, model, stream),
            Asker::Llm => llm_words(model, stream),
        }
    }

    /// What it needs before it can ask: keys in its own lists, and nothing that updates or phones.
    pub fn set_up(self, home: &Home) {
        let write = |name: &str, text: String| {
            let file = home.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        match self {
            Asker::Opencode(_) => write(
                ".config/opencode/opencode.json",
                json!({"autoupdate": false, "share": "disabled"}).to_string(),
            ),
            Asker::GeminiCli => write(
                ".gemini/settings.json",
                json!({
                    "general": {"enableAutoUpdate": false},
                    "privacy": {"usageStatisticsEnabled": false},
                    "security": {"auth": {"selectedType": "gemini-api-key"}}
                })
                .to_string(),
            ),
            Asker::Cline(provider) => write(
                ".cline/data/settings/providers.json",
                json!({"version": 1, "lastUsedProvider": provider, "modes": {}, "providers": {
                    provider: {"settings": {"provider": provider, "apiKey": "sk-test",
                        "model": self.model()}, "updatedAt": "2026-11-22T17:58:17.921Z",
                        "tokenSource": "manual"}}})
                .to_string(),
            ),
            Asker::Aider(_) => {
                let mut git = Command::new("git");
                git.args(["init", "--quiet", "--initial-branch", "trunk"]);
                assert!(git.arg(home.path().join("work")).output().unwrap().status.success());
            }
            _ => {}
        }
    }

    /// Asks, by `outlay run` or directly; stopped after `patience`. What it printed.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    pub fn ask(self, home: &Home, by_run: bool, stream: bool, patience: Duration) -> String {
        ask_with(&self.words(stream), home, by_run, patience)
    }
}

/// opencode with this model (`provider/model`) of its own list, connected.
#[must_use]
pub fn ask_opencode(model: &str, home: &Home, patience: Duration) -> String {
    let opencode = installed("opencode").display().to_string();
    ask_with(&text(&[&opencode, "run", "--model", model, PROMPT]), home, false, patience)
}

fn ask_with(words: &[String], home: &Home, by_run: bool, patience: Duration) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = if by_run {
        home.command(&[&["run", "--"], words.as_slice()].concat())
    } else {
        home.command_of(Path::new(words[0]), &words[1..])
    };
    let work = home.path().join("work");
    fs::create_dir_all(&work).unwrap();
    let log = home.path().join("said");
    let output = File::create(&log).unwrap();
    command
        .current_dir(work)
        .envs(KEYS)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output);
    let mut child = command.process_group(0).spawn().unwrap();
    let deadline = Instant::now() + patience;
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).output());
    drop(child.wait());
    let mut said = Vec::new();
    File::open(&log).unwrap().read_to_end(&mut said).unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

fn text(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn aider_words(provider: &str, model: &str, stream: bool) -> Vec<String> {
    text(&[
        &aider().unwrap().display().to_string(),
        "--model",
        &format!("{provider}/{model}"),
        "--message",
        PROMPT,
        "--yes-always",
        "--no-check-update",
        "--no-show-release-notes",
        "--no-show-model-warnings",
        "--no-analytics",
        if stream { "--stream" } else { "--no-stream" },
    ])
}

fn llm_words(model: &str, stream: bool) -> Vec<String> {
    let llm = python_with_frameworks().with_file_name("llm").display().to_string();
    let mut words = text(&[&llm, "prompt", "--model", model, PROMPT]);
    if !stream {
        words.push("--no-stream".to_owned());
    }
    words
}

/// Keys, and words against calls home.
const KEYS: [(&str, &str); 15] = [
    ("ANTHROPIC_API_KEY", "sk-ant-test"),
    ("OPENAI_API_KEY", "sk-test"),
    ("CODEX_API_KEY", "sk-test"),
    ("GEMINI_API_KEY", "test"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("npm_config_offline", "true"),
    ("PI_OFFLINE", "1"),
    ("PI_TELEMETRY", "0"),
    ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    ("LANGSMITH_TRACING", "false"),
    ("LANG", "C.UTF-8"),
];
