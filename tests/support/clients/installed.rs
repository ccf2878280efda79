//! Where clients are once they are installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::outlay::target_dir;

const PYTHON_PACKAGES: [&str; 2] = ["openai==3.54.0", "anthropic==2.12.0"];

/// Python with the vendors' SDKs, made once and kept in the target folder.
#[must_use]
pub fn python_with_sdks() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(make_python_with_sdks)
}

fn make_python_with_sdks() -> PathBuf {
    let name = PYTHON_PACKAGES.join("-").replace('=', "");
    let folder = target_dir().join(format!("venv-{name}"));
    let python = folder.join("bin/python");
    if !folder.join("ready").exists() {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let mut install = Command::new(&python);
        succeed(install.args(["-m", "pip", "install", "--quiet"]).args(PYTHON_PACKAGES));
        fs::write(folder.join("ready"), "").unwrap();
    }
    python
}

/// Where `cargo xtask test` installs the packages of `tests/fixtures/clients/package.json`.
pub(super) fn clients_dir() -> PathBuf {
    target_dir().join("clients")
}

/// A program of theirs.
pub(super) fn installed(program: &str) -> PathBuf {
    let path = clients_dir().join("node_modules/.bin").join(program);
    assert!(
        path.exists(),
        "{} is missing: `cargo xtask test --clients` installs it",
        path.display()
    );
    path
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
