//! Which project a log's folder is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

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
