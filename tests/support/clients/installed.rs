//! Where clients are once they are installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::outlay::target_dir;

const SDKS: [&str; 2] = ["openai==3.54.0", "anthropic==2.12.0"];
/// On its own: it wants another version of OpenAI's SDK than the others.
const LITELLM: [&str; 1] = ["litellm==1.106.0"];
const AIDER: [&str; 1] = ["aider-chat==0.86.2"];
const FRAMEWORKS: [&str; 4] = [
    "google-genai==3.4.0",
    "langchain-openai==1.7.3",
    "pydantic-ai-slim[openai]==2.68.0",
    "llm==0.36",
];

/// Python with the vendors' SDKs, made once and kept in the target folder.
#[must_use]
pub fn python_with_sdks() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| python_with(&SDKS.join("-").replace('=', ""), &SDKS))
}

/// Python with Google's SDK and what is built on the vendors' SDKs: within a minute.
#[must_use]
pub fn python_with_frameworks() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| python_with("frameworks", &FRAMEWORKS))
}

/// aider, made once: 600 MB within two minutes. It wants a Python between these two, which the
/// newest systems do not have: `None` there.
#[must_use]
pub fn aider() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| {
        let runs = |python: &str| {
            let new = "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))";
            Command::new(python).args(["-c", new]).output().is_ok_and(|done| done.status.success())
        };
        let python = ["python3", "python3.12", "python3.11", "python3.10"]
            .into_iter()
            .find(|python| runs(python))?;
        Some(made_by(python, "aider", &AIDER))
    });
    Some(python.as_ref()?.with_file_name("aider"))
}

/// Python with LiteLLM.
#[must_use]
pub fn python_with_litellm() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| python_with("litellm", &LITELLM))
}

fn python_with(name: &str, packages: &[&str]) -> PathBuf {
    made_by("python3", name, packages)
}

fn made_by(python: &str, name: &str, packages: &[&str]) -> PathBuf {
    let base = python;
    let folder = target_dir().join(format!("venv-{name}"));
    let python = folder.join("bin/python");
    let pinned = packages.join("\n");
    if fs::read_to_string(folder.join("ready")).unwrap_or_default() != pinned {
        succeed(Command::new(base).args(["-m", "venv", "--clear"]).arg(&folder));
        let mut install = Command::new(&python);
        succeed(install.args(["-m", "pip", "install", "--quiet"]).args(packages));
        fs::write(folder.join("ready"), pinned).unwrap();
    }
    python
}

/// Where `cargo xtask test` installs the packages of `tests/fixtures/clients/package.json`.
pub(crate) fn clients_dir() -> PathBuf {
    target_dir().join("clients")
}

/// A program of theirs.
pub(crate) fn installed(program: &str) -> PathBuf {
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
