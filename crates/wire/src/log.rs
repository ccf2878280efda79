//! What tools write down of their calls: a file per tool's format below it. Pure functions over
//! bytes; who finds, opens and watches the files is the host.
//!
//! - [`LineReader`] reads files of lines, on from any line's end; [`read_document`] whole documents.
//! - [`opencode::call`] and [`llm::call`] read rows of those tools' databases.
//! - [`table`] reads CSV of any origin.
//!
//! No value that leaves here holds anything of a prompt or an answer, errors included.

mod claude_code;
pub mod cline;
mod codex;
mod fields;
mod gemini_cli;
pub mod llm;
pub mod opencode;
mod pi;
mod provider;
mod qwen;
mod reader;
pub mod table;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::money::Money;
use outlay_core::usage::Usage;

pub use fields::BrokenLine;
pub use reader::{LineReader, read_document};

/// A tool whose logs can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Cline.
    Cline,
    /// Simon Willison's `llm`.
    Llm,
}

impl Tool {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Tool; 8] = [
        Tool::ClaudeCode,
        Tool::Codex,
        Tool::GeminiCli,
        Tool::Opencode,
        Tool::Qwen,
        Tool::Pi,
        Tool::Cline,
        Tool::Llm,
    ];

    /// Its name as its makers write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Tool::ClaudeCode => "Claude Code",
            Tool::Codex => "Codex",
            Tool::GeminiCli => "Gemini CLI",
            Tool::Opencode => "opencode",
            Tool::Qwen => "Qwen Code",
            Tool::Pi => "pi",
            Tool::Cline => "Cline",
            Tool::Llm => "llm",
        }
    }

    /// Its name in commands, and behind `import:` in a call's source.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Tool::ClaudeCode => "claude-code",
            Tool::Codex => "codex",
            Tool::GeminiCli => "gemini-cli",
            Tool::Opencode => "opencode",
            Tool::Qwen => "qwen",
            Tool::Pi => "pi",
            Tool::Cline => "cline",
            Tool::Llm => "llm",
        }
    }
}

/// Names a call among all those of its tool: the same in each copy of it, in whatever file (a hash of
/// the tool's name and of what the tool identifies it by).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogKey(pub [u8; 16]);

/// A call that a tool's log tells of.
#[derive(Clone, Debug, PartialEq)]
pub struct LogCall {
    /// Which call it is. Where a log has it several times, the one with the most tokens is the whole one.
    pub key: LogKey,
    /// When it ended, as near as the log tells.
    pub ended: DateTime<Utc>,
    /// From its beginning to its end, where the log tells.
    pub duration: Option<TimeDelta>,
    /// The provider as in a route, where the log tells; a name of the user's own is none.
    pub provider: Option<Arc<str>>,
    /// The model that served it.
    pub model: Option<Arc<str>>,
    /// What it consumed.
    pub usage: Usage,
    /// What the log says that it cost, in US dollars.
    pub cost_logged: Option<Money>,
    /// The provider's id of the answer.
    pub response_id: Option<Box<str>>,
    /// The tool's session.
    pub session: Option<Arc<str>>,
    /// The folder that was worked in.
    pub folder: Option<Arc<str>>,
    /// The branch that was worked on.
    pub branch: Option<Arc<str>>,
    /// The service tier that served it.
    pub service_tier: Option<Arc<str>>,
    /// Whether a subscription paid for it; `None` where the log does not tell.
    pub plan_login: Option<bool>,
}

impl LogCall {
    /// A call of which this much is known: what else its log tells is filled in.
    pub(crate) fn new(key: LogKey, ended: DateTime<Utc>, usage: Usage) -> LogCall {
        LogCall {
            key,
            ended,
            duration: None,
            provider: None,
            model: None,
            usage,
            cost_logged: None,
            response_id: None,
            session: None,
            folder: None,
            branch: None,
            service_tier: None,
            plan_login: None,
        }
    }
}
