//! Reads any tool's files: of lines, or whole.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::fields::{self, BrokenLine, Lines};
use super::{LogCall, Tool, claude_code, cline, codex, gemini_cli, pi, qwen};

/// Reads a file line by line. What a line needs of those before it is kept in the reader, and fits
/// into a short text: another process goes on at the byte after the last line that was read.
#[derive(Clone, Debug)]
pub struct LineReader {
    context: Context,
    now: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "kebab-case")]
enum Context {
    ClaudeCode(claude_code::Context),
    Codex(Box<codex::Context>),
    GeminiCli(gemini_cli::Context),
    Qwen(qwen::Context),
    Pi(pi::Context),
    /// Of a tool that writes no lines.
    None,
}

impl LineReader {
    /// For a file from its beginning. What claims to be from after `now` is not believed.
    #[must_use]
    pub fn new(tool: Tool, now: DateTime<Utc>) -> LineReader {
        let context = match tool {
            Tool::ClaudeCode => Context::ClaudeCode(claude_code::Context::default()),
            Tool::Codex => Context::Codex(Box::default()),
            Tool::GeminiCli => Context::GeminiCli(gemini_cli::Context::default()),
            Tool::Qwen => Context::Qwen(qwen::Context::default()),
            Tool::Pi => Context::Pi(pi::Context::default()),
            Tool::Opencode | Tool::Cline | Tool::Llm => Context::None,
        };
        LineReader { context, now }
    }

    /// For a file's rest, after the lines that were read into `state`. `None` where the state is
    /// another version's, or another tool's: then the file is to be read from its beginning.
    #[must_use]
    pub fn resume(tool: Tool, state: &str, now: DateTime<Utc>) -> Option<LineReader> {
        let context: Context = serde_json::from_str(state).ok()?;
        let fresh = LineReader::new(tool, now);
        let is_tools = std::mem::discriminant(&context) == std::mem::discriminant(&fresh.context);
        is_tools.then_some(LineReader { context, now })
    }

    /// What the next line needs of those before it.
    #[must_use]
    pub fn state(&self) -> String {
        // Plain maps of texts and numbers: there is nothing in them that JSON cannot say.
        serde_json::to_string(&self.context).unwrap_or_default()
    }

    /// Puts what `line` tells of into `found`. The same call may come several times, with the same
    /// key: the one with the most tokens is the whole one.
    ///
    /// # Errors
    /// When the line tells of a call, but not so that it can be believed. Go on with the next one.
    pub fn read(&mut self, line: &[u8], found: &mut Vec<LogCall>) -> Result<(), BrokenLine> {
        let lines: &mut dyn Lines = match &mut self.context {
            Context::ClaudeCode(context) => context,
            Context::Codex(context) => &mut **context,
            Context::GeminiCli(context) => context,
            Context::Qwen(context) => context,
            Context::Pi(context) => context,
            Context::None => return Ok(()),
        };
        if !lines.may_tell(line) {
            return Ok(());
        }
        lines.read(fields::text_of(line)?, self.now, found)
    }
}

/// Puts what a whole document tells of into `found`: of Cline, and of older Gemini CLIs.
///
/// # Errors
/// When the document is not whole. A message in it that cannot be believed is left out, and the
/// first such flaw is the error; all others are in `found`.
pub fn read_document(
    tool: Tool,
    bytes: &[u8],
    now: DateTime<Utc>,
    found: &mut Vec<LogCall>,
) -> Result<(), BrokenLine> {
    match tool {
        Tool::Cline => cline::read(bytes, now, found),
        Tool::GeminiCli => gemini_cli::read_document(bytes, now, found),
        _ => Ok(()),
    }
}
