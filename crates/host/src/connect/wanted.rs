//! What is to stand in a tool's settings, and what that depends on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff;
use super::edit::Path;

/// What is to stand in a tool's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Base URLs.
    pub(super) addresses: Vec<(Path, String)>,
    /// Anything else.
    pub(super) extras: Vec<(Path, Value)>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

/// What is chosen about a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// Claude Code shows `outlay statusline`.
    pub statusline: bool,
}

/// The user's surroundings, of which tools' settings depend.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) home: PathBuf,
    pub(super) variable: fn(&str) -> Option<String>,
}

impl Surroundings {
    /// The folder that the variable names, else the one in the home folder.
    pub(super) fn folder(&self, variable: &str, in_home: &str) -> PathBuf {
        self.named(variable).map_or_else(|| self.home.join(in_home), PathBuf::from)
    }

    /// The variable, where it says anything.
    pub(super) fn named(&self, variable: &str) -> Option<String> {
        (self.variable)(variable).filter(|value| !value.trim().is_empty())
    }

    /// A note where the shell itself sets a variable that outranks the file.
    pub(super) fn outranked(&self, variable: &str, ours: &str) -> Option<String> {
        let said = self.named(variable).filter(|said| said != ours)?;
        let said = diff::without_user(&said);
        Some(format!(
            "{variable} is set to {said} in this shell and outranks the file: unset it there"
        ))
    }
}
