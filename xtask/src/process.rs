//! Running other programs: where, how, and what is said when one fails.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The folder of the root manifest.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// `cargo` with the arguments, in the root folder.
pub(crate) fn cargo<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// `npm` with the arguments, in the dashboard's folder.
pub(crate) fn npm<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.args(arguments).current_dir(root().join("ui"));
    command
}

/// The Tauri CLI that goes with the `tauri` of Cargo.lock.
const TAURI_CLI: &str = "@tauri-apps/cli@2.12.5";

/// The Tauri CLI with the arguments, in the root folder.
pub(crate) fn tauri<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = npm(["exec", "--yes", "--package", TAURI_CLI, "--", "tauri"]);
    command.args(arguments).current_dir(root());
    command
}

/// Where cargo puts what it builds: `<target>/<profile folder>`.
///
/// # Errors
/// When `cargo metadata` fails or does not say.
pub(crate) fn built(profile_folder: &str) -> Result<PathBuf> {
    let output = cargo(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo metadata could not be run")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?;
    Ok(Path::new(target).join(profile_folder))
}

/// The path of a built program, with the platform's suffix.
pub(crate) fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Runs to the end, its output on ours.
///
/// # Errors
/// When it cannot be started or does not succeed; the sentence names the command.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!("`{line}` failed ({status}); its own message is above");
    }
    Ok(())
}

/// What it prints, where it succeeds.
///
/// # Errors
/// As [`succeed`].
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let line = command_line(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({}); its own message is above", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no text"))
}

/// Like [`succeed`], handing each line of its standard output to `line_seen` as it is passed on.
///
/// # Errors
/// As [`succeed`].
pub(crate) fn succeed_watching(
    command: &mut Command,
    mut line_seen: impl FnMut(&str),
) -> Result<()> {
    let line = command_line(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{line}` could not be started"))?;
    if let Some(output) = child.stdout.take() {
        let mut ours = std::io::stdout().lock();
        for text in BufReader::new(output).split(b'\n') {
            let text = text.context("the output could not be read")?;
            ours.write_all(&text)?;
            ours.write_all(b"\n")?;
            line_seen(&String::from_utf8_lossy(&text));
        }
    }
    let status = child.wait().with_context(|| format!("`{line}` was lost"))?;
    if !status.success() {
        bail!("`{line}` failed ({status}); its own message is above");
    }
    Ok(())
}

/// Becomes the command, so that signals, the terminal and the exit code are its own.
///
/// # Errors
/// Only when it could not be started; does not return otherwise.
#[cfg(unix)]
pub(crate) fn become_command(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let line = command_line(command);
    let reason = command.exec();
    Err(reason).with_context(|| format!("`{line}` could not be started"))
}

/// Runs the command and ends with its exit code (Ctrl-C reaches it through the shared console).
///
/// # Errors
/// Only when it could not be started; does not return otherwise.
#[cfg(not(unix))]
pub(crate) fn become_command(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
    std::process::exit(status.code().unwrap_or(1))
}

/// The command as one would type it (for messages: not quoted for a shell).
fn command_line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    if let Some(name) = Path::new(&line).file_name() {
        line = name.to_string_lossy().into_owned();
    }
    for argument in command.get_args() {
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let failed = succeed(cargo(["no-such-command", "--here"]).stderr(Stdio::null()));
        let sentence = failed.unwrap_err().to_string();
        assert!(sentence.contains("cargo no-such-command --here"), "{sentence}");
    }

    #[test]
    fn watched_lines_are_those_printed() {
        let mut seen = Vec::new();
        succeed_watching(&mut cargo(["--version"]), |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen.len(), 1);
        assert!(seen[0].starts_with("cargo 1."), "{seen:?}");
    }
}
