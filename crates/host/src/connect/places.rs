//! Where tools' programs are, on the PATH or not: an installer adds its folder to a shell's profile, which a
//! desktop app or a service never reads.

use std::path::{Path, PathBuf};

use super::Tool;
use super::wanted::Surroundings;

/// In the home folder, after the PATH and npm's own folder.
const IN_HOME: [&str; 11] = [
    ".local/bin",
    ".npm-global/bin",
    ".npm-packages/bin",
    ".bun/bin",
    ".volta/bin",
    ".yarn/bin",
    ".local/share/pnpm",
    "Library/pnpm",
    ".opencode/bin",
    ".claude/local",
    "AppData/Roaming/npm",
];
const ELSEWHERE: [&str; 3] =
    ["/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin"];
/// Where editors keep their extensions.
const EXTENSIONS: [&str; 5] = [
    ".vscode/extensions",
    ".vscode-server/extensions",
    ".vscode-insiders/extensions",
    ".cursor/extensions",
    ".windsurf/extensions",
];
/// Cline began as an extension of an editor, and has kept the name that it had then.
const CLINES: &str = "saoudrizwan.claude-dev-";

/// The tool's program, where this user has one.
pub(super) fn program(tool: Tool, around: &Surroundings) -> Option<PathBuf> {
    let name = tool.program();
    let names = [name.to_owned(), format!("{name}.exe"), format!("{name}.cmd")];
    let on_path = around.named("PATH").unwrap_or_default();
    let in_home = IN_HOME.iter().map(|folder| around.home.join(folder));
    let elsewhere = ELSEWHERE.iter().map(PathBuf::from).filter(|_| !cfg!(windows));
    let mut folders = std::env::split_paths(&on_path)
        .filter(|folder| folder.is_absolute())
        .chain(of_npm(around))
        .chain(in_home)
        .chain(elsewhere);
    folders.find_map(|folder| {
        names.iter().map(|name| folder.join(name)).find(|program| program.is_file())
    })
}

/// Where npm puts the programs of packages that are installed for all folders.
fn of_npm(around: &Surroundings) -> Option<PathBuf> {
    let said = || {
        let text = std::fs::read_to_string(around.home.join(".npmrc")).ok()?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("prefix"))?;
        let prefix = line.trim_start().strip_prefix('=')?.trim().trim_matches('"');
        let prefix = prefix.replace("${HOME}", &around.home.display().to_string());
        Some(match prefix.strip_prefix("~/") {
            Some(rest) => around.home.join(rest),
            None => PathBuf::from(prefix),
        })
    };
    let prefix = around.named("NPM_CONFIG_PREFIX").map(PathBuf::from).or_else(said)?;
    Some(if cfg!(windows) { prefix } else { prefix.join("bin") })
}

/// The folder of Cline's extension, where an editor has it: its settings are the editor's, and are out of
/// our reach.
pub(super) fn extension_of_cline(home: &Path) -> Option<PathBuf> {
    EXTENSIONS.iter().find_map(|folder| {
        let entries = std::fs::read_dir(home.join(folder)).ok()?;
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(CLINES))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_where_installers_put_them() {
        for (what, file, npmrc, expected) in [
            ("nowhere", "elsewhere/claude", "", false),
            ("an installer's folder", ".local/bin/claude", "", true),
            ("its own folder", ".claude/local/claude", "", true),
            ("another program's", ".local/bin/claudette", "", false),
            ("npm's folder", "packages/bin/claude", "a=b\nprefix = ~/packages\n", true),
            ("npm's folder by a variable", "packages/bin/claude", "prefix=${HOME}/packages", true),
        ] {
            let home = tempfile::tempdir().unwrap();
            let program_there = home.path().join(file);
            std::fs::create_dir_all(program_there.parent().unwrap()).unwrap();
            std::fs::write(&program_there, "").unwrap();
            std::fs::write(home.path().join(".npmrc"), npmrc).unwrap();
            let around = Surroundings { home: home.path().to_owned(), variable: |_| None };
            let found = program(Tool::ClaudeCode, &around);
            // One that this machine has for all its users is no matter of this test.
            let found = found.filter(|found| found.starts_with(home.path()));
            assert_eq!(found, expected.then_some(program_there), "{what}");
        }
    }

    #[test]
    fn an_editors_cline_is_seen() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(extension_of_cline(home.path()), None);
        let extension = home.path().join(".vscode/extensions/saoudrizwan.claude-dev-3.0.1");
        std::fs::create_dir_all(&extension).unwrap();
        assert_eq!(extension_of_cline(home.path()), Some(extension));
    }
}
