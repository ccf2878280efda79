//! Which project one works in: the repository's name, and its branch.

use std::path::{Path, PathBuf};

/// The name of the git repository that `folder` is in; `None` outside of one. All worktrees of a
/// repository have its name.
#[must_use]
pub fn of_folder(folder: &Path) -> Option<String> {
    let (top, git) = repository(folder)?;
    let main = worktree_of(&git);
    let name = main.as_deref().unwrap_or(&top).file_name()?.to_str()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The branch that is checked out there; `None` outside of a repository and on none.
#[must_use]
pub fn branch(folder: &Path) -> Option<String> {
    let (top, git) = repository(folder)?;
    let folder = match std::fs::read_to_string(&git) {
        Ok(text) => top.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => git,
    };
    let head = std::fs::read_to_string(folder.join("HEAD")).ok()?;
    let branch = head.trim().strip_prefix("ref: refs/heads/")?;
    (!branch.is_empty()).then(|| branch.to_owned())
}

/// The top folder of the repository, and its `.git`.
fn repository(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let folder = std::path::absolute(folder).ok()?;
    let found = folder.ancestors().find(|folder| folder.join(".git").exists())?;
    Some((found.to_owned(), found.join(".git")))
}

/// The main folder of the repository that a worktree's `.git` file points into.
fn worktree_of(git: &Path) -> Option<PathBuf> {
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

    #[test]
    fn the_branch_is_what_is_checked_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for made in ["demo/.git/worktrees/w", "demo/src", "away/.git", "tree", "loose"] {
            std::fs::create_dir_all(at(made)).unwrap();
        }
        std::fs::write(at("demo/.git/HEAD"), "ref: refs/heads/feature/x\n").unwrap();
        std::fs::write(at("demo/.git/worktrees/w/HEAD"), "ref: refs/heads/tools\n").unwrap();
        std::fs::write(at("away/.git/HEAD"), "4f6555c\n").unwrap();
        std::fs::write(at("tree/.git"), "gitdir: ../demo/.git/worktrees/w\n").unwrap();
        for (path, expected) in [
            ("demo/src", Some("feature/x")),
            ("tree", Some("tools")),
            ("away", None),
            ("loose", None),
        ] {
            assert_eq!(branch(&at(path)).as_deref(), expected, "{path}");
        }
    }
}
