//! The tools that can be connected: their names, where their settings are, and what is to be set.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::edit::Format;
use super::target::Target;
use super::wanted::{Choices, Surroundings, Wanted};
use super::{aider, claude_code, cline, codex, gemini_cli, opencode, pi, qwen};

/// A program that asks models for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// Anthropic's coding agent.
    ClaudeCode,
    /// OpenAI's coding agent.
    Codex,
    /// Google's coding agent.
    GeminiCli,
    /// opencode.
    Opencode,
    /// Qwen Code.
    Qwen,
    /// pi.
    Pi,
    /// Cline's command line.
    Cline,
    /// aider.
    Aider,
    /// Simon Willison's llm, which has no setting for an address.
    Llm,
}

impl Tool {
    /// All of them.
    pub const ALL: [Tool; 9] = [
        Tool::ClaudeCode,
        Tool::Codex,
        Tool::GeminiCli,
        Tool::Opencode,
        Tool::Qwen,
        Tool::Pi,
        Tool::Cline,
        Tool::Aider,
        Tool::Llm,
    ];

    /// Its name here.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tool::ClaudeCode => "claude-code",
            Tool::Codex => "codex",
            Tool::GeminiCli => "gemini-cli",
            Tool::Opencode => "opencode",
            Tool::Qwen => "qwen",
            Tool::Pi => "pi",
            Tool::Cline => "cline",
            Tool::Aider => "aider",
            Tool::Llm => "llm",
        }
    }

    /// Its name as its makers write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Tool::ClaudeCode => "Claude Code",
            Tool::Codex => "Codex",
            Tool::GeminiCli => "Gemini CLI",
            Tool::Qwen => "Qwen Code",
            Tool::Cline => "Cline",
            Tool::Opencode | Tool::Pi | Tool::Aider | Tool::Llm => self.name(),
        }
    }

    /// The program that one starts.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Tool::ClaudeCode => "claude",
            Tool::GeminiCli => "gemini",
            _ => self.name(),
        }
    }

    /// The tool of that name, or of its program's.
    #[must_use]
    pub fn named(name: &str) -> Option<Tool> {
        let lower = name.to_ascii_lowercase();
        let is_it = |tool: &Tool| {
            tool.name() == lower
                || tool.program() == lower
                || (lower == "qwen-code" && *tool == Tool::Qwen)
        };
        Tool::ALL.into_iter().find(is_it)
    }

    /// Where its settings are; `None` for a tool that has none for this.
    pub(super) fn file(self, around: &Surroundings) -> Option<(PathBuf, Format)> {
        Some(match self {
            Tool::ClaudeCode => {
                (around.folder("CLAUDE_CONFIG_DIR", ".claude").join("settings.json"), Format::Json)
            }
            Tool::Codex => {
                (around.folder("CODEX_HOME", ".codex").join("config.toml"), Format::Toml)
            }
            Tool::GeminiCli => (gemini_cli::file(around), Format::DotEnv),
            Tool::Opencode => (opencode::file(around), Format::Json),
            Tool::Qwen => (around.folder("QWEN_HOME", ".qwen").join("settings.json"), Format::Json),
            Tool::Pi => (
                around.folder("PI_CODING_AGENT_DIR", ".pi/agent").join("models.json"),
                Format::Json,
            ),
            Tool::Cline => (cline::file(around), Format::Json),
            Tool::Aider => (around.home.join(".aider.conf.yml"), Format::Yaml),
            Tool::Llm => return None,
        })
    }

    /// The folder that is its own and has these settings; `None` where they stand among others'.
    pub(super) fn folder(self, around: &Surroundings) -> Option<PathBuf> {
        let folder = match self {
            Tool::GeminiCli => gemini_cli::folder(around),
            Tool::Cline => cline::folder(around),
            // In the home folder itself.
            Tool::Aider => return None,
            _ => self.file(around)?.0.parent()?.to_owned(),
        };
        (folder != around.home).then_some(folder)
    }

    /// What is to be set, where its settings say `said` now.
    ///
    /// # Errors
    /// One sentence where it cannot be connected by its settings, with what to do instead.
    pub(super) fn wanted(
        self,
        said: &Value,
        target: &Target,
        around: &Surroundings,
        choices: Choices,
    ) -> Result<Wanted, String> {
        match self {
            Tool::ClaudeCode => Ok(claude_code::wanted(said, target, choices)),
            Tool::Codex => Ok(codex::wanted(said, target)),
            Tool::GeminiCli => Ok(gemini_cli::wanted(target, around)),
            Tool::Opencode => Ok(opencode::wanted(said, target, around)),
            Tool::Qwen => Ok(qwen::wanted(said, target, around)),
            Tool::Pi => Ok(pi::wanted(said, target, around)),
            Tool::Cline => cline::wanted(said, target),
            Tool::Aider => Ok(aider::wanted(target, around)),
            Tool::Llm => {
                Err("llm has no setting for an address: start it with outlay run -- llm, or put \
                 eval \"$(outlay env)\" into your shell's profile"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_its_own_folder_and_none_is_shared() {
        let around = Surroundings { home: "/home/me".into(), variable: |_| None };
        for (tool, expected) in [
            (Tool::ClaudeCode, Some(".claude")),
            (Tool::Codex, Some(".codex")),
            (Tool::GeminiCli, Some(".gemini")),
            (Tool::Opencode, Some(".config/opencode")),
            (Tool::Qwen, Some(".qwen")),
            (Tool::Pi, Some(".pi/agent")),
            (Tool::Cline, Some(".cline")),
            (Tool::Aider, None),
            (Tool::Llm, None),
        ] {
            assert_eq!(tool.folder(&around), expected.map(|name| around.home.join(name)));
        }
        let at_home = |name: &str| (name == "QWEN_HOME").then(|| "/home/me".to_owned());
        let around = Surroundings { variable: at_home, ..around };
        assert_eq!(Tool::Qwen.folder(&around), None, "everything else is there too");
    }

    #[test]
    fn tools_are_found_by_name_and_by_program() {
        for tool in Tool::ALL {
            assert_eq!(Tool::named(tool.name()), Some(tool));
            assert_eq!(Tool::named(tool.program()), Some(tool));
            let json = serde_json::to_value(tool).unwrap();
            assert_eq!(json, tool.name());
        }
        assert_eq!(Tool::named("qwen-code"), Some(Tool::Qwen));
        assert_eq!(Tool::named("Claude"), Some(Tool::ClaudeCode));
        assert_eq!(Tool::named("emacs"), None);
    }
}
