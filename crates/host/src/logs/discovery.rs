//! Where tools keep their logs.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use outlay_wire::log::Tool;
use walkdir::WalkDir;

/// How a log is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Line by line; it grows at its end.
    Lines,
    /// As a whole; it is written anew.
    Document,
    /// A tool's SQLite database.
    Database,
}

/// A log that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPath {
    /// Where it is.
    pub path: PathBuf,
    /// How it is read.
    pub form: Form,
    /// Its size in bytes; of a database with what its -wal has.
    pub size: u64,
    /// When it was changed last, in Unix milliseconds.
    pub modified_ms: i64,
}

/// Something that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: PathBuf,
    /// Why, in a few words.
    pub reason: String,
}

/// The logs of one tool.
#[derive(Clone, Debug)]
pub struct Source {
    /// Whose they are.
    pub tool: Tool,
    /// The folders that they are in, as far as they exist.
    pub roots: Vec<PathBuf>,
    /// The logs.
    pub logs: Vec<LogPath>,
    /// What could not be looked into.
    pub problems: Vec<Problem>,
}

impl Source {
    /// The size of all its logs, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.logs.iter().map(|log| log.size).sum()
    }
}

/// The logs that the tool keeps where it usually does, as its variables say.
#[must_use]
pub fn discover(tool: Tool, variable: &dyn Fn(&str) -> Option<String>) -> Source {
    let mut source = Source { tool, roots: Vec::new(), logs: Vec::new(), problems: Vec::new() };
    for root in roots(tool, &home(variable), variable) {
        if root.exists() {
            look_into(&mut source, &root);
            source.roots.push(root);
        }
    }
    source
}

/// Where the tool usually keeps its logs, whether anything is there or not.
#[must_use]
pub fn usual_places(tool: Tool, variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    roots(tool, &home(variable), variable)
}

fn home(variable: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    variable("HOME").map(PathBuf::from).or(home).unwrap_or_default()
}

/// The logs of the tool in this file or folder.
///
/// # Errors
/// One sentence: where there is nothing.
pub fn at_path(tool: Tool, path: &Path) -> Result<Source, String> {
    let mut source =
        Source { tool, roots: vec![path.to_owned()], logs: Vec::new(), problems: Vec::new() };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => look_into(&mut source, path),
        // A file that is named is read, whatever it is called.
        Ok(_) => {
            let form = form(tool, path).unwrap_or_else(|| form_by_ending(path));
            source.take(path, form);
        }
        Err(error) => {
            return Err(format!("{} cannot be read: {}", path.display(), words(&error)));
        }
    }
    if source.logs.is_empty() && source.problems.is_empty() {
        return Err(format!(
            "{} has no logs of {}: give the folder or the file that it writes to",
            path.display(),
            tool.as_str()
        ));
    }
    Ok(source)
}

/// Where the tool keeps its logs: folders, or files.
fn roots(tool: Tool, home: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let under = |name: &str, usual: &str| set(name).map_or_else(|| home.join(usual), PathBuf::from);
    match tool {
        Tool::ClaudeCode => match set("CLAUDE_CONFIG_DIR") {
            Some(folders) => {
                folders.split(',').map(|folder| Path::new(folder.trim()).join("projects")).collect()
            }
            None => [".claude/projects", ".config/claude/projects"]
                .map(|folder| home.join(folder))
                .into(),
        },
        Tool::Codex => {
            let codex = under("CODEX_HOME", ".codex");
            vec![codex.join("sessions"), codex.join("archived_sessions")]
        }
        Tool::GeminiCli => {
            let gemini = set("GEMINI_CLI_HOME").map_or_else(|| home.to_owned(), PathBuf::from);
            vec![gemini.join(".gemini/tmp")]
        }
        Tool::Opencode => {
            let data = under("XDG_DATA_HOME", ".local/share");
            vec![data.join("opencode/opencode.db")]
        }
        Tool::Qwen => {
            let qwen = under("QWEN_HOME", ".qwen");
            ["usage", "projects", "tmp"].map(|folder| qwen.join(folder)).into()
        }
        Tool::Pi => vec![under("PI_CODING_AGENT_DIR", ".pi/agent").join("sessions")],
        Tool::Cline => vec![under("CLINE_DIR", ".cline").join("data/sessions")],
        Tool::Llm => vec![match set("LLM_USER_PATH") {
            Some(folder) => Path::new(&folder).join("logs.db"),
            None => llm_folder(home).join("logs.db"),
        }],
    }
}

fn llm_folder(home: &Path) -> PathBuf {
    let usual = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
    let usual = home.join(usual);
    let folder = if cfg!(windows) {
        directories::BaseDirs::new().map_or(usual, |folders| folders.config_dir().to_owned())
    } else {
        usual
    };
    folder.join("io.datasette.llm")
}

fn look_into(source: &mut Source, root: &Path) {
    // Links are followed: whole projects are linked from elsewhere. A circle is told as a problem.
    for entry in WalkDir::new(root).follow_links(true) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                if let Some(form) = form(source.tool, entry.path()) {
                    source.take(entry.path(), form);
                }
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(root).to_owned();
                let reason = match (error.loop_ancestor(), error.io_error()) {
                    (Some(ancestor), _) => format!("it links back to {}", ancestor.display()),
                    (None, Some(error)) => words(error),
                    (None, None) => error.to_string(),
                };
                source.problems.push(Problem { path, reason });
            }
        }
    }
}

impl Source {
    fn take(&mut self, path: &Path, form: Form) {
        match measure(path, form) {
            Ok((size, modified_ms)) => {
                self.logs.push(LogPath { path: path.to_owned(), form, size, modified_ms });
            }
            Err(error) => {
                self.problems.push(Problem { path: path.to_owned(), reason: words(&error) });
            }
        }
    }
}

fn measure(path: &Path, form: Form) -> std::io::Result<(u64, i64)> {
    let (mut size, mut modified) = of_file(path)?;
    if form == Form::Database {
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        // Most of the time there is none.
        if let Ok((more, later)) = of_file(Path::new(&wal)) {
            size += more;
            modified = modified.max(later);
        }
    }
    Ok((size, modified))
}

fn of_file(path: &Path) -> std::io::Result<(u64, i64)> {
    let file = std::fs::metadata(path)?;
    let modified = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((file.len(), i64::try_from(modified.as_millis()).unwrap_or(i64::MAX)))
}

/// How the file is read, if it is a log of the tool by its name.
fn form(tool: Tool, path: &Path) -> Option<Form> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
    let has = |ending: &str| name.ends_with(ending);
    match tool {
        Tool::ClaudeCode | Tool::Pi => has(".jsonl").then_some(Form::Lines),
        Tool::Codex => (name.starts_with("rollout-") && has(".jsonl")).then_some(Form::Lines),
        Tool::GeminiCli => match folder {
            Some("chats") if has(".jsonl") => Some(Form::Lines),
            Some("chats") if has(".json") => Some(Form::Document),
            _ => None,
        },
        Tool::Qwen => {
            let is_usage = name.starts_with("token-usage-") || folder == Some("chats");
            (is_usage && has(".jsonl")).then_some(Form::Lines)
        }
        Tool::Cline => has(".messages.json").then_some(Form::Document),
        Tool::Opencode | Tool::Llm => has(".db").then_some(Form::Database),
    }
}

fn form_by_ending(path: &Path) -> Form {
    match path.extension().and_then(std::ffi::OsStr::to_str) {
        Some("json") => Form::Document,
        Some("db" | "sqlite" | "sqlite3") => Form::Database,
        _ => Form::Lines,
    }
}

/// The system's word without its number.
pub(super) fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().collect::<String>() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_its_place() {
        let none = |_: &str| None;
        let moved = |name: &str| match name {
            "CLAUDE_CONFIG_DIR" => Some("/a,/b".to_owned()),
            "CODEX_HOME" | "XDG_DATA_HOME" | "LLM_USER_PATH" | "PI_CODING_AGENT_DIR" => {
                Some("/x".to_owned())
            }
            _ => None,
        };
        let home = Path::new("/home/me");
        let paths = |tool, variable: &dyn Fn(&str) -> Option<String>| {
            let roots = roots(tool, home, variable);
            roots.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        for (tool, usual, elsewhere) in [
            (
                Tool::ClaudeCode,
                &["/home/me/.claude/projects", "/home/me/.config/claude/projects"][..],
                &["/a/projects", "/b/projects"][..],
            ),
            (
                Tool::Codex,
                &["/home/me/.codex/sessions", "/home/me/.codex/archived_sessions"],
                &["/x/sessions", "/x/archived_sessions"],
            ),
            (
                Tool::Opencode,
                &["/home/me/.local/share/opencode/opencode.db"],
                &["/x/opencode/opencode.db"],
            ),
            (Tool::Pi, &["/home/me/.pi/agent/sessions"], &["/x/sessions"]),
            (Tool::Llm, &["/home/me/.config/io.datasette.llm/logs.db"], &["/x/logs.db"]),
            (Tool::GeminiCli, &["/home/me/.gemini/tmp"], &["/home/me/.gemini/tmp"]),
        ] {
            assert_eq!(paths(tool, &none), usual, "{tool:?}");
            assert_eq!(paths(tool, &moved), elsewhere, "{tool:?}");
        }
    }

    #[test]
    fn a_log_is_known_by_its_name() {
        for (tool, path, expected) in [
            (Tool::ClaudeCode, "p/s.jsonl", Some(Form::Lines)),
            (Tool::ClaudeCode, "p/s.json", None),
            (Tool::Codex, "2026/11/21/rollout-1.jsonl", Some(Form::Lines)),
            (Tool::Codex, "history.jsonl", None),
            (Tool::GeminiCli, "h/chats/session-1.json", Some(Form::Document)),
            (Tool::GeminiCli, "h/chats/session-1.jsonl", Some(Form::Lines)),
            (Tool::GeminiCli, "h/logs.json", None),
            (Tool::Qwen, "usage/token-usage-2026-11.jsonl", Some(Form::Lines)),
            (Tool::Qwen, "projects/p/chats/s.jsonl", Some(Form::Lines)),
            (Tool::Qwen, "usage/usage_record.jsonl", None),
            (Tool::Cline, "1/1.messages.json", Some(Form::Document)),
            (Tool::Cline, "1/1.json", None),
            (Tool::Llm, "logs.db", Some(Form::Database)),
        ] {
            assert_eq!(form(tool, Path::new(path)), expected, "{path}");
        }
    }
}
