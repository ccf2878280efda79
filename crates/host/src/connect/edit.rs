//! Changes of single values in a text that somebody else wrote: everything else stays, to the byte.
//!
//! Pure: text in, text out. What a change found is kept, so that it can be taken back even after the
//! user has changed the rest.

mod dotenv;
mod json;
mod toml;
mod yaml;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// With comments and trailing commas, where its user has them.
    Json,
    /// Keys at its top only.
    Toml,
    /// Keys at its top, and `NAME=value` items of lists there.
    Yaml,
    /// `NAME=value` lines.
    DotEnv,
}

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    Index(usize),
    Key(String),
}

/// The way to a value, from the top.
pub(super) type Path = Vec<Step>;

/// A value to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) path: Path,
    pub(super) value: Value,
}

/// A value that was set, with what is needed to take it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) path: Path,
    /// What stood there; `None` where nothing did.
    pub(super) before: Option<Value>,
    pub(super) after: Value,
    /// How many steps of the path were there before.
    pub(super) steps_before: usize,
}

/// Why a text cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EditError {
    /// It is not written in its format.
    Syntax { line: usize, column: usize, reason: String },
    /// Something else stands where a table or a list is needed.
    Shape { path: String },
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EditError::Syntax { line, column, reason } => {
                write!(f, "line {line}, column {column}: {reason}")
            }
            EditError::Shape { path } => write!(f, "'{path}' is not a group of settings"),
        }
    }
}

impl Format {
    /// What the text says.
    pub(super) fn read(self, text: &str) -> Result<Value, EditError> {
        let text = without_mark(text).1;
        match self {
            Format::Json => json::read(text),
            Format::Toml => toml::read(text),
            Format::Yaml => yaml::read(text),
            Format::DotEnv => Ok(dotenv::read(text)),
        }
    }

    /// The text with these values set, and how to take them back.
    pub(super) fn apply(
        self,
        text: &str,
        edits: &[Edit],
    ) -> Result<(String, Vec<Change>), EditError> {
        let mut text = text.to_owned();
        let mut changes = Vec::new();
        for edit in edits {
            let said = self.read(&text)?;
            let before = lookup(&said, &edit.path).cloned();
            let steps_before = steps_there(&said, &edit.path);
            if before.as_ref() != Some(&edit.value) {
                text = self.set(&text, &edit.path, &edit.value)?;
            }
            let Edit { path, value: after } = edit.clone();
            changes.push(Change { path, before, after, steps_before });
        }
        Ok((text, changes))
    }

    /// The text as it was before these changes, but for what somebody else has changed since: the
    /// paths of values that are no longer ours come with it.
    pub(super) fn undo(
        self,
        text: &str,
        changes: &[Change],
    ) -> Result<(String, Vec<String>), EditError> {
        let mut text = text.to_owned();
        let mut left = Vec::new();
        for change in changes.iter().rev() {
            let said = self.read(&text)?;
            match lookup(&said, &change.path) {
                Some(now) if *now == change.after => {
                    text = match &change.before {
                        Some(before) => self.set(&text, &change.path, before)?,
                        None => self.remove(&text, &change.path, change.steps_before)?,
                    };
                }
                now if now == change.before.as_ref() => {}
                _ => left.push(shown(&change.path)),
            }
        }
        Ok((text, left))
    }

    fn set(self, text: &str, path: &[Step], value: &Value) -> Result<String, EditError> {
        let (mark, text) = without_mark(text);
        let text = match self {
            Format::Json => json::set(text, path, value),
            Format::Toml => toml::set(text, path, value),
            Format::Yaml => yaml::set(text, path, value),
            Format::DotEnv => Ok(dotenv::set(text, &shown(path), &plain(value))),
        }?;
        Ok(format!("{mark}{text}"))
    }

    /// Takes out a value, and of what is around it the groups that were not there before and are
    /// empty now.
    fn remove(self, text: &str, path: &[Step], steps_before: usize) -> Result<String, EditError> {
        let (mark, text) = without_mark(text);
        let text = match self {
            Format::Json => json::remove(text, path, steps_before),
            Format::Toml => toml::remove(text, path),
            Format::Yaml => yaml::remove(text, path, steps_before),
            Format::DotEnv => Ok(dotenv::remove(text, &shown(path))),
        }?;
        Ok(format!("{mark}{text}"))
    }

    /// Whether the text holds nothing at all, not even a comment.
    pub(super) fn is_empty(self, text: &str) -> bool {
        let bare: String = without_mark(text).1.split_whitespace().collect();
        bare.is_empty() || (self == Format::Json && bare == "{}")
    }
}

/// The keys of a path.
pub(super) fn path(keys: &[&str]) -> Path {
    keys.iter().map(|key| Step::Key((*key).to_owned())).collect()
}

/// `env.ANTHROPIC_BASE_URL`.
pub(super) fn shown(path: &[Step]) -> String {
    let steps: Vec<String> = path
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
        })
        .collect();
    steps.join(".")
}

/// The value at that path.
pub(super) fn lookup<'a>(said: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(said, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

fn steps_there(said: &Value, path: &[Step]) -> usize {
    (1..=path.len()).take_while(|&count| lookup(said, &path[..count]).is_some()).count()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A byte order mark, and the rest.
fn without_mark(text: &str) -> (&str, &str) {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    }
}

/// Line and column of that byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// How the text ends its lines.
fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The text with a line of its own put in at that byte, which begins a line or is the text's end.
fn with_line(text: &str, at: usize, line: &str) -> String {
    let end = line_end(text);
    let (head, tail) = text.split_at(at);
    if head.is_empty() || head.ends_with('\n') {
        format!("{head}{line}{end}{tail}")
    } else {
        // The last line has no end, and its user may want that so.
        format!("{head}{end}{line}{tail}")
    }
}

/// The text without the lines that these bytes are in.
fn without_lines(text: &str, from: usize, to: usize) -> String {
    let start = text[..from].rfind('\n').map_or(0, |at| at + 1);
    let end = text[to..].find('\n').map(|at| to + at + 1);
    match end {
        Some(end) => format!("{}{}", &text[..start], &text[end..]),
        // The last line took the end of the one before it when it came.
        None => {
            let head = text[..start].strip_suffix('\n').unwrap_or(&text[..start]);
            head.strip_suffix('\r').unwrap_or(head).to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
