//! The coding agents and SDKs that the end-to-end tests run: installed as pinned, kept in Cargo's
//! target folder.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::process::{built, npm, root, succeed};

const LOCK: &str = "package-lock.json";

/// Installs those of `tests/fixtures/clients` from npm where they are not: 2 GB, within a minute or two.
///
/// # Errors
/// When npm fails, or the folder cannot be written.
pub(crate) fn install() -> Result<()> {
    let pinned = root().join("tests/fixtures/clients");
    let folder = built("clients")?;
    if is_installed(&pinned, &folder) {
        return Ok(());
    }
    println!("setup: installing coding agents and SDKs into {}", folder.display());
    fs::create_dir_all(&folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    for file in ["package.json", LOCK] {
        fs::copy(pinned.join(file), folder.join(file))
            .with_context(|| format!("{file} could not be copied to {}", folder.display()))?;
    }
    // npm takes a package that an interrupted run left half written for whole.
    let packages = folder.join("node_modules");
    if packages.exists() {
        fs::remove_dir_all(&packages)
            .with_context(|| format!("{} could not be removed", packages.display()))?;
    }
    // Not `ci`: it insists on packages for platforms that some registries leave out.
    let mut install = npm(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
    succeed(install.current_dir(&folder))?;
    // Last, so that what was interrupted counts as not installed.
    fs::copy(pinned.join(LOCK), folder.join("installed"))
        .with_context(|| format!("{} could not be written", folder.display()))?;
    Ok(())
}

/// Whether the folder holds what is pinned now.
fn is_installed(pinned: &Path, folder: &Path) -> bool {
    let read = |path: &Path| fs::read(path).ok();
    let installed = read(&folder.join("installed"));
    installed.is_some() && installed == read(&pinned.join(LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_pinned_now_counts_as_installed() {
        let folder = std::env::temp_dir().join(format!("xtask-clients-{}", std::process::id()));
        let (pinned, there) = (folder.join("pinned"), folder.join("there"));
        fs::create_dir_all(&pinned).unwrap();
        fs::create_dir_all(&there).unwrap();
        fs::write(pinned.join(LOCK), "2").unwrap();
        for (installed, expected) in [(None, false), (Some("1"), false), (Some("2"), true)] {
            if let Some(installed) = installed {
                fs::write(there.join("installed"), installed).unwrap();
            }
            assert_eq!(is_installed(&pinned, &there), expected, "{installed:?}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
