//! Which project one works in: the repository's name.

use std::path::Path;

/// The name of the git repository that `folder` is in; `None` outside of one. All worktrees of a
/// repository have its name.
#[must_use]
pub fn of_folder(folder: &Path) -> Option<String> {
    let folder = std::path::absolute(folder).ok()?;
    let (top, git) = folder
        .ancestors()
        .map(|folder| (folder, folder.join(".git")))
        .find(|(_, git)| git.exists())?;
    let main = worktree_of(&git);
    let name = main.as_deref().unwrap_or(top).file_name()?.to_str()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The main folder of the repository that a worktree's `.git` file points into.
fn worktree_of(git: &Path) -> Option<std::path::PathBuf> {
    let text = std::fs::read_to_string(git).ok()?;
    let target = text.strip_prefix("gitdir:")?.trim();
    let (repository, _) = target.split_once("/.git/worktrees/")?;
    Some(repository.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_names_the_project() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for made in ["demo/.git", "demo/src/deep", "worktree/src", "module", "loose"] {
            std::fs::create_dir_all(at(made)).unwrap();
        }
        std::fs::write(at("worktree/.git"), "gitdir: /home/me/demo/.git/worktrees/w\n").unwrap();
        std::fs::write(at("module/.git"), "gitdir: ../.git/modules/module\n").unwrap();
        for (path, expected) in [
            ("demo", Some("demo")),
            ("demo/src/deep", Some("demo")),
            ("worktree/src", Some("demo")),
            ("module", Some("module")),
            ("loose", None),
        ] {
            assert_eq!(of_folder(&at(path)).as_deref(), expected, "{path}");
        }
    }
}
