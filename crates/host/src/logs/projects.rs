//! Which project a log's folder is, and what its branch is tagged as.

use std::path::Path;
use std::sync::Arc;

use foldhash::HashMap;

use crate::project;

/// Projects by the folders that logs name, each looked up once.
#[derive(Debug, Default)]
pub(super) struct Projects(HashMap<Arc<str>, Option<Arc<str>>>);

impl Projects {
    /// The repository's name; of a folder that is in none, or is gone, its own.
    pub(super) fn of(&mut self, folder: &Arc<str>) -> Option<Arc<str>> {
        if let Some(known) = self.0.get(folder) {
            return known.clone();
        }
        let path = Path::new(folder.as_ref());
        if !path.is_absolute() {
            // It is a project's name already.
            return Some(Arc::clone(folder));
        }
        let own = || path.file_name().and_then(std::ffi::OsStr::to_str).map(str::to_owned);
        let project = project::of_folder(path).or_else(own).map(Arc::from);
        self.0.insert(Arc::clone(folder), project.clone());
        project
    }
}

/// Tags by the branches that logs name.
#[derive(Debug, Default)]
pub(super) struct Branches {
    tags: HashMap<Arc<str>, Arc<str>>,
    none: Arc<str>,
}

impl Branches {
    /// `branch=<branch>`; empty without one that can stand in a tag.
    pub(super) fn tags(&mut self, branch: Option<&Arc<str>>) -> Arc<str> {
        let Some(branch) = branch.filter(|branch| is_plain(branch)) else {
            return Arc::clone(&self.none);
        };
        if let Some(known) = self.tags.get(branch) {
            return Arc::clone(known);
        }
        let tags: Arc<str> = format!("branch={branch}").into();
        self.tags.insert(Arc::clone(branch), Arc::clone(&tags));
        tags
    }
}

/// Whether it can stand in a tag as it is.
fn is_plain(text: &str) -> bool {
    // A checkout without a branch is logged as that.
    !text.is_empty() && text != "HEAD" && !text.contains([';', '=', '\n'])
}
