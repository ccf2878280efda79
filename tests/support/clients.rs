//! Coding agents and SDKs as their users run them: pinned, each with a home of its own, pointed at
//! Outlay.

mod around;
mod installed;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tool_stream::Turn;

pub use around::{serve, set_prices};
pub use installed::{aider, python_with_frameworks, python_with_litellm, python_with_sdks};
pub(crate) use installed::{clients_dir, installed};

/// A model of OpenAI's that the clients are told to use, where they are not Anthropic's.
pub const OPENAI_MODEL: &str = "gpt-5.4";
/// A model of Anthropic's.
pub const ANTHROPIC_MODEL: &str = "claude-sonnet-5";
/// A model of Google's that does not think: Gemini CLI would ask for thoughts that nobody sees.
pub const GEMINI_MODEL: &str = "gemini-2.0-flash";

const PROMPT: &str = "Clean up this folder with one shell command, then say what you did.";
/// How long a client may take. Only a client that goes on for ever needs all of it.
const PATIENCE: Duration = Duration::from_secs(150);

/// A program that asks models for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Anthropic's coding agent.
    ClaudeCode,
    /// OpenAI's coding agent.
    Codex,
    /// Google's coding agent.
    GeminiCli,
    /// opencode, told to speak this.
    Opencode(Api),
    /// pi, told to speak this.
    Pi(Api),
    /// A loop around the vendor's SDK in JavaScript.
    JavaScript(Api),
    /// A loop around the vendor's SDK in Python.
    Python(Api),
    /// A loop around the AI SDK with its provider for OpenAI's chat completions.
    AiSdk,
}

impl Client {
    /// The model that it asks for work.
    #[must_use]
    pub fn model(self) -> &'static str {
        match self {
            Client::ClaudeCode => ANTHROPIC_MODEL,
            Client::Codex | Client::AiSdk => OPENAI_MODEL,
            Client::GeminiCli => GEMINI_MODEL,
            Client::Opencode(api)
            | Client::Pi(api)
            | Client::JavaScript(api)
            | Client::Python(api) => api.model(),
        }
    }
}

/// What a client speaks that can speak several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Anthropic's messages.
    Messages,
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Google's content.
    Gemini,
}

impl Api {
    fn name(self) -> &'static str {
        match self {
            Api::Messages => "messages",
            Api::Chat => "chat",
            Api::Responses => "responses",
            Api::Gemini => "gemini",
        }
    }

    fn model(self) -> &'static str {
        match self {
            Api::Messages => ANTHROPIC_MODEL,
            Api::Chat | Api::Responses => OPENAI_MODEL,
            Api::Gemini => GEMINI_MODEL,
        }
    }

    /// The base URL that its vendor's SDK is given.
    fn base(self, proxy: &str) -> String {
        match self {
            Api::Messages => format!("{proxy}/anthropic"),
            Api::Chat | Api::Responses => format!("{proxy}/openai/v1"),
            Api::Gemini => format!("{proxy}/gemini"),
        }
    }
}

/// How a client's run went.
#[derive(Clone, Debug)]
pub struct Run {
    /// All that it printed, on both outputs.
    pub said: String,
    /// Its exit code; `None` where it had to be stopped, or died of a signal.
    pub code: Option<i32>,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// What it printed without line breaks, colours and boxes, for finding a sentence in it.
    #[must_use]
    pub fn flat(&self) -> String {
        let mut flat = String::new();
        let mut characters = self.said.chars();
        while let Some(character) = characters.next() {
            if character == '\u{1b}' {
                let _ = characters.by_ref().find(char::is_ascii_alphabetic);
            } else {
                flat.push(character);
            }
        }
        flat.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\n", " ")
    }
}

/// A folder in which a client lives and works.
#[derive(Debug)]
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    /// An empty one.
    #[must_use]
    pub fn new() -> Desk {
        let folder = tempfile::Builder::new().prefix("outlay-client-").tempdir().unwrap();
        for part in ["home", "work", "left", "tmp"] {
            fs::create_dir(folder.path().join(part)).unwrap();
        }
        Desk { folder }
    }

    /// A command that leaves nothing behind but the file `whole`, yet leaves something else when
    /// it is run without its end.
    #[must_use]
    pub fn command(&self) -> String {
        let left = self.left();
        let left = left.display();
        let filler = "nothing to see here ".repeat(400);
        format!("touch {left}/cut; : {filler}; rm {left}/cut; touch {left}/whole")
    }

    /// The model calls for that command.
    #[must_use]
    pub fn command_turn(&self) -> Turn {
        Turn::Command(self.command())
    }

    /// What commands left behind, by name.
    #[must_use]
    pub fn found(&self) -> Vec<String> {
        let entries = fs::read_dir(self.left()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn left(&self) -> PathBuf {
        self.folder.path().join("left")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Runs a client here to its end, with `proxy` (a URL without a path) for all its providers.
    ///
    /// # Panics
    /// When the client is not installed.
    #[must_use]
    pub fn run(&self, client: Client, proxy: &str) -> Run {
        let mut command = self.command_line(client, proxy);
        let log = self.folder.path().join("said");
        let output = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let started = Instant::now();
        let mut child = command.process_group(0).spawn().unwrap();
        let code = wait(&mut child);
        let took = started.elapsed();
        // Whatever it started and left running goes too.
        drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).output());
        drop(child.wait());
        let mut said = Vec::new();
        File::open(&log).unwrap().read_to_end(&mut said).unwrap();
        Run { said: String::from_utf8_lossy(&said).into_owned(), code, took }
    }

    fn command_line(&self, client: Client, proxy: &str) -> Command {
        let mut command = match client {
            Client::ClaudeCode => self.claude_code(proxy),
            Client::Codex => self.codex(proxy),
            Client::GeminiCli => self.gemini_cli(proxy),
            Client::Opencode(api) => self.opencode(api, proxy),
            Client::Pi(api) => self.pi(api, proxy),
            Client::JavaScript(api) => self.script("agent.mjs", api.name(), api, proxy),
            Client::AiSdk => self.script("agent.mjs", "ai-sdk", Api::Chat, proxy),
            Client::Python(api) => self.script("agent.py", api.name(), api, proxy),
        };
        command.current_dir(self.folder.path().join("work"));
        command
    }

    /// A program in an environment that holds nothing of the developer's own.
    fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LANG", "C.UTF-8").env("NO_COLOR", "1");
        command.env("HOME", self.home()).env("TMPDIR", self.folder.path().join("tmp"));
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    fn claude_code(&self, proxy: &str) -> Command {
        let mut command = self.program(&installed("claude"));
        command
            .args(["--print", PROMPT, "--model", ANTHROPIC_MODEL, "--allowedTools", "Bash"])
            .env("ANTHROPIC_BASE_URL", Api::Messages.base(proxy))
            .env("ANTHROPIC_API_KEY", "sk-ant-test")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1");
        command
    }

    fn codex(&self, proxy: &str) -> Command {
        let base = Api::Responses.base(proxy);
        let mut command = self.program(&installed("codex"));
        command
            .args(["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access"])
            .args(["--model", OPENAI_MODEL, "--config", &format!("openai_base_url=\"{base}\"")])
            .args(["--config", "check_for_update_on_startup=false"])
            // A search costs the provider's fee, and its text is not seen: such a call is not ended.
            .args(["--config", "web_search=\"disabled\""])
            .args(["--config", "analytics.enabled=false", PROMPT])
            .env("CODEX_API_KEY", "sk-test");
        command
    }

    fn gemini_cli(&self, proxy: &str) -> Command {
        self.write(
            ".gemini/settings.json",
            &json!({
                "general": {"enableAutoUpdate": false},
                "privacy": {"usageStatisticsEnabled": false},
                "security": {"auth": {"selectedType": "gemini-api-key"}}
            }),
        );
        let mut command = self.program(&installed("gemini"));
        command
            .args(["--prompt", PROMPT, "--model", GEMINI_MODEL, "--yolo", "--skip-trust"])
            .env("GOOGLE_GEMINI_BASE_URL", Api::Gemini.base(proxy))
            .env("GEMINI_API_KEY", "test");
        command
    }

    fn opencode(&self, api: Api, proxy: &str) -> Command {
        let package = match api {
            Api::Messages => "@ai-sdk/anthropic",
            Api::Responses => "@ai-sdk/openai",
            Api::Chat | Api::Gemini => "@ai-sdk/openai-compatible",
        };
        let base = match api {
            Api::Messages => format!("{}/v1", api.base(proxy)),
            _ => api.base(proxy),
        };
        let model = api.model();
        let limit = json!({"context": 200_000, "output": 32_000});
        self.write(
            ".config/opencode/opencode.json",
            &json!({
                "autoupdate": false, "share": "disabled", "permission": "allow",
                "model": format!("outlay/{model}"), "small_model": "outlay/small",
                "provider": {"outlay": {"npm": package, "name": "Outlay",
                    "options": {"baseURL": base, "apiKey": "sk-test"},
                    "models": {
                        model: {"name": model, "tool_call": true, "limit": limit},
                        "small": {"name": "small", "limit": limit}}}}
            }),
        );
        let mut command = self.program(&installed("opencode"));
        command
            .args(["run", PROMPT])
            .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
            .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
            .env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1")
            // Without it each new home fetches 95 MB of packages for plugins that nobody uses.
            .env("npm_config_offline", "true");
        command
    }

    fn pi(&self, api: Api, proxy: &str) -> Command {
        let speaks = match api {
            Api::Messages => "anthropic-messages",
            Api::Chat => "openai-completions",
            Api::Responses => "openai-responses",
            Api::Gemini => "google-generative-ai",
        };
        let model = api.model();
        self.write(".pi/agent/models.json", &json!({
            "providers": {"outlay": {"baseUrl": api.base(proxy), "apiKey": "sk-test", "api": speaks,
                "models": [{"id": model, "name": model, "reasoning": false, "input": ["text"],
                    "contextWindow": 200_000, "maxTokens": 32_000,
                    "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}]}}
        }));
        let mut command = self.program(&installed("pi"));
        command
            .args(["--provider", "outlay", "--model", model, "--print", PROMPT])
            .env("PI_OFFLINE", "1")
            .env("PI_TELEMETRY", "0");
        command
    }

    fn script(&self, script: &str, how: &str, api: Api, proxy: &str) -> Command {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clients").join(script);
        let mut command = if script.ends_with(".py") {
            let mut command = self.program(python_with_sdks());
            command.arg(fixture);
            command
        } else {
            // Node looks for packages from the script's own folder upwards.
            let beside = clients_dir().join(script);
            fs::copy(fixture, &beside).unwrap();
            let mut command = self.program(Path::new("node"));
            command.arg(beside);
            command
        };
        command.args([how, &api.base(proxy), api.model(), PROMPT]);
        command
    }

    fn write(&self, file: &str, content: &Value) {
        let file = self.home().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content.to_string()).unwrap();
    }
}

impl Default for Desk {
    fn default() -> Desk {
        Desk::new()
    }
}

/// The exit code; `None` when patience ran out first.
fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}
