//! Which of Debian's packages the programs need, and from which version on.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::answer;

/// The tray's library, which is only opened when it is needed, so that no program names it.
const OPENED_LATER: &str = "libayatana-appindicator3-1";

/// What `dpkg-shlibdeps` reads off the programs; `None` where the system has none of Debian's tools.
///
/// A package that names the C library's version is refused by an older system, instead of failing there
/// when it is started.
///
/// # Errors
/// When the programs cannot be read.
pub(super) fn of(programs: &[PathBuf]) -> Result<Option<Vec<String>>> {
    let mut look = Command::new("dpkg-shlibdeps");
    if look.arg("--version").output().is_err() {
        return Ok(None);
    }
    // It wants to stand in the source of a package.
    let source = tempfile::tempdir().context("no temporary folder could be made")?;
    fs::create_dir(source.path().join("debian"))?;
    fs::write(
        source.path().join("debian/control"),
        "Source: outlay\n\nPackage: outlay\nArchitecture: any\n",
    )?;
    let mut look = Command::new("dpkg-shlibdeps");
    look.arg("-O").current_dir(source.path());
    for program in programs {
        look.arg(format!("-e{}", program.display()));
    }
    Ok(Some(listed(&answer(&mut look)?)))
}

/// The packages of its answer, and what it cannot know.
fn listed(answer: &str) -> Vec<String> {
    let found = answer.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    let mut all: Vec<String> = found
        .unwrap_or_default()
        .split(", ")
        .filter(|one| !one.is_empty())
        .map(String::from)
        .collect();
    all.push(OPENED_LATER.to_owned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_a_list() {
        let answer = "shlibs:Depends=libc6 (>= 2.34), libgtk-3-0 (>= 3.24.0)\n";
        let expected = ["libc6 (>= 2.34)", "libgtk-3-0 (>= 3.24.0)", OPENED_LATER];
        assert_eq!(listed(answer), expected);
        assert_eq!(listed(""), [OPENED_LATER]);
    }
}
