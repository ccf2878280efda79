//! What is to be written into a tool's settings, and what is to be remembered of it.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::edit::{Change, Edit, EditError, Format, lookup, shown};
use super::file::Found;
use super::record::{Record, hash};
use super::target::Target;
use super::tool::Tool;
use super::wanted::{Choices, Wanted};
use super::{ConnectError, Connections, diff};

/// A change of one tool's settings that is still to be written.
#[derive(Clone, Debug)]
pub struct Plan {
    tool: Tool,
    found: Found,
    /// What the file shall say; `None`: it shall not be there.
    after: Option<String>,
    memory: Memory,
    /// Whether somebody else has changed the file since it was connected.
    is_changed_since: bool,
    notes: Vec<String>,
}

/// What becomes of the record.
#[derive(Clone, Debug)]
enum Memory {
    /// The record, and the file as it was without us.
    Keep(Box<Record>, String),
    /// Nothing is left to remember; folders that were made for the file go if they are empty.
    Forget { folders_made: Vec<PathBuf> },
    /// There was none.
    Nothing,
}

impl Plan {
    /// The tool.
    #[must_use]
    pub fn tool(&self) -> Tool {
        self.tool
    }

    /// Its settings.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.found.path
    }

    /// Whether its file stays as it is.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.found.text == self.after
    }

    /// Whether nothing is remembered of it, so that there is nothing to take back.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.memory, Memory::Nothing)
    }

    /// Whether the file goes, because it was made for the connection.
    #[must_use]
    pub fn removes_file(&self) -> bool {
        self.found.text.is_some() && self.after.is_none()
    }

    /// Whether somebody else has changed the file since it was connected: then only what was set goes.
    #[must_use]
    pub fn is_changed_since(&self) -> bool {
        self.is_changed_since
    }

    /// What the user should know.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The difference, as `diff -u` writes it, keys masked.
    #[must_use]
    pub fn diff(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let name = self.found.path.display().to_string();
        diff::unified(&name, &text(&self.found.text), &text(&self.after))
    }

    pub(super) fn connect(
        all: &Connections,
        tool: Tool,
        target: &Target,
        choices: Choices,
        force: bool,
        now: DateTime<Utc>,
    ) -> Result<Plan, ConnectError> {
        let old = all.records.read(tool)?;
        let placed = tool.file(&all.around);
        let place = old.as_ref().map(|old| (old.file.clone(), old.format)).or(placed);
        let Some((path, format)) = place else {
            let reason = tool.wanted(&Value::Null, target, &all.around, choices).err();
            return Err(ConnectError::Unconnectable(reason.unwrap_or_default()));
        };
        let malformed = |error| malformed(&path, &error);
        let found = Found::read(&path)?;
        let now_says = found.text.clone().unwrap_or_else(|| fresh(format));
        // As the file would be without us: only there is what stands in it the user's own.
        let (base, is_ours_alone) = match &old {
            Some(old) => without_us(all, old, &now_says).map_err(malformed)?,
            None => (now_says.clone(), true),
        };
        let said = format.read(&base).map_err(malformed)?;
        let statusline =
            choices.statusline || old.as_ref().is_some_and(|old| old.choices.statusline);
        let choices = Choices { statusline };
        let wanted = tool
            .wanted(&said, target, &all.around, choices)
            .map_err(ConnectError::Unconnectable)?;
        let edits = edits(&path, tool, &said, &wanted, target, force)?;
        let (from_base, changes) = format.apply(&base, &edits).map_err(malformed)?;
        let after = match &old {
            Some(old) if !is_ours_alone => {
                in_place(format, &now_says, old, &edits).map_err(malformed)?
            }
            _ => from_base,
        };
        let record = Record {
            tool,
            base: target.base().to_owned(),
            at: now,
            choices,
            existed: old.as_ref().map_or(found.text.is_some(), |old| old.existed),
            folders_made: old.map(|old| old.folders_made).unwrap_or_default(),
            file: path,
            format,
            changes,
            hash: hash(&after),
        };
        let memory = Memory::Keep(Box::new(record), base);
        let notes = wanted.notes;
        Ok(Plan {
            tool,
            found,
            after: Some(after),
            memory,
            is_changed_since: !is_ours_alone,
            notes,
        })
    }

    pub(super) fn undo(all: &Connections, tool: Tool) -> Result<Plan, ConnectError> {
        let Some(record) = all.records.read(tool)? else {
            let path = tool.file(&all.around).map(|(path, _)| path).unwrap_or_default();
            let found = Found { real: path.clone(), path, text: None };
            return Ok(Plan {
                tool,
                found,
                after: None,
                memory: Memory::Nothing,
                is_changed_since: false,
                notes: Vec::new(),
            });
        };
        let found = Found::read(&record.file)?;
        let mut notes = Vec::new();
        let is_changed_since = found.text.as_ref().is_some_and(|text| hash(text) != record.hash);
        let after = match &found.text {
            None => None,
            Some(text) if !is_changed_since => {
                let copy = all.records.copy(&record);
                if record.existed { copy.or_else(|| Some(text.clone())) } else { None }
            }
            Some(text) => {
                let undone = record.format.undo(text, &record.changes);
                let (text, left) = undone.map_err(|error| malformed(&record.file, &error))?;
                notes
                    .extend(left.into_iter().map(|path| {
                        format!("'{path}' has been changed since, and stays as it is")
                    }));
                let is_ours = !record.existed && record.format.is_empty(&text);
                if is_ours { None } else { Some(text) }
            }
        };
        let memory = Memory::Forget { folders_made: record.folders_made };
        Ok(Plan { tool, found, after, memory, is_changed_since, notes })
    }

    /// Writes `base` wherever this tool's settings have the address that they were given.
    pub(super) fn rewrite(
        all: &Connections,
        tool: Tool,
        base: &str,
        now: DateTime<Utc>,
    ) -> Result<Plan, ConnectError> {
        let Some(mut record) = all.records.read(tool)? else { return Plan::undo(all, tool) };
        let found = Found::read(&record.file)?;
        let malformed = |error| malformed(&record.file, &error);
        let text = found.text.clone().unwrap_or_default();
        let (without_us, _) = without_us(all, &record, &text).map_err(malformed)?;
        let said = record.format.read(&text).map_err(malformed)?;
        record.changes.retain(|change| lookup(&said, &change.path) == Some(&change.after));
        for change in &mut record.changes {
            let rest = change.after.as_str().and_then(|after| after.strip_prefix(&record.base));
            if let Some(rest) = rest.filter(|rest| rest.starts_with('/')) {
                change.after = Value::String(format!("{base}{rest}"));
            }
        }
        let edits: Vec<Edit> = record.changes.iter().map(Change::edit).collect();
        let (after, _) = record.format.apply(&text, &edits).map_err(malformed)?;
        record.hash = hash(&after);
        record.base = base.to_owned();
        record.at = now;
        let after = found.text.is_some().then_some(after);
        let memory = Memory::Keep(Box::new(record), without_us);
        let notes = Vec::new();
        Ok(Plan { tool, found, after, memory, is_changed_since: false, notes })
    }

    /// Writes it: the copy and the record first, so that whatever happens can be taken back.
    ///
    /// # Errors
    /// Where a file cannot be written; the settings are then as they were.
    pub fn write(&self, all: &Connections) -> Result<(), ConnectError> {
        match &self.memory {
            Memory::Nothing => Ok(()),
            Memory::Keep(record, before) => {
                let old = all.records.read(self.tool)?;
                let old = old.map(|old| (all.records.copy(&old).unwrap_or_default(), old));
                all.records.write(record, before)?;
                match self.replace() {
                    Ok(made) if made.is_empty() => Ok(()),
                    Ok(made) => {
                        let mut record = Record::clone(record);
                        record.folders_made = made;
                        all.records.write(&record, before)
                    }
                    Err(error) => {
                        match old {
                            Some((copy, old)) => all.records.write(&old, &copy)?,
                            None => all.records.forget(self.tool)?,
                        }
                        Err(error)
                    }
                }
            }
            Memory::Forget { folders_made } => {
                self.replace()?;
                all.records.forget(self.tool)?;
                for folder in folders_made {
                    // One that holds something by now stays.
                    drop(std::fs::remove_dir(folder));
                }
                Ok(())
            }
        }
    }

    fn replace(&self) -> Result<Vec<PathBuf>, ConnectError> {
        if self.is_settled() { Ok(Vec::new()) } else { self.found.replace(self.after.as_deref()) }
    }
}

impl Change {
    fn edit(&self) -> Edit {
        Edit { path: self.path.clone(), value: self.after.clone() }
    }
}

fn malformed(path: &Path, error: &EditError) -> ConnectError {
    ConnectError::Malformed { path: path.to_owned(), reason: error.to_string() }
}

/// What a file begins as that is not there.
fn fresh(format: Format) -> String {
    if format == Format::Json { "{}\n".to_owned() } else { String::new() }
}

/// The file as it would be without us, and whether nobody else has changed it since.
fn without_us(all: &Connections, record: &Record, text: &str) -> Result<(String, bool), EditError> {
    if hash(text) == record.hash
        && let Some(copy) = all.records.copy(record)
    {
        return Ok((copy, true));
    }
    record.format.undo(text, &record.changes).map(|(text, _)| (text, false))
}

/// The file with what is wanted now, where somebody else has changed it since: what we set and is no
/// longer wanted goes, all else keeps its place.
fn in_place(format: Format, text: &str, old: &Record, edits: &[Edit]) -> Result<String, EditError> {
    let is_stale = |change: &&Change| !edits.iter().any(|edit| edit.path == change.path);
    let stale: Vec<Change> = old.changes.iter().filter(is_stale).cloned().collect();
    let (text, _) = format.undo(text, &stale)?;
    format.apply(&text, edits).map(|(text, _)| text)
}

/// What to set where the user's own settings are `said`.
fn edits(
    path: &Path,
    tool: Tool,
    said: &Value,
    wanted: &Wanted,
    target: &Target,
    force: bool,
) -> Result<Vec<Edit>, ConnectError> {
    let mut edits = Vec::new();
    for (at, ours) in &wanted.addresses {
        let theirs = lookup(said, at).filter(|value| !value.is_null());
        let address = match theirs.map(|theirs| theirs.as_str().unwrap_or_default()) {
            None | Some("") => ours.clone(),
            // What a provider of ours is behind keeps its path.
            Some(theirs) => match target.mapped(theirs) {
                Some(mapped) => mapped,
                None if force => ours.clone(),
                None => {
                    return Err(ConnectError::Elsewhere {
                        path: path.to_owned(),
                        title: tool.title(),
                        address: diff::without_user(theirs),
                    });
                }
            },
        };
        edits.push(Edit { path: at.clone(), value: Value::String(address) });
    }
    for (at, ours) in &wanted.extras {
        if lookup(said, at).is_some_and(|theirs| theirs != ours) && !force {
            return Err(ConnectError::Taken { path: path.to_owned(), key: shown(at) });
        }
        edits.push(Edit { path: at.clone(), value: ours.clone() });
    }
    Ok(edits)
}
