//! A command of the user's that is told of alerts.

use std::io::Write;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{Channel, Note, Undelivered};

/// How long it may take.
const RUN_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A line for the shell, run for each note with it as JSON on standard input.
#[derive(Debug)]
pub struct Command {
    line: String,
}

impl Command {
    /// One that runs this line.
    #[must_use]
    pub fn new(line: String) -> Command {
        Command { line }
    }
}

impl Channel for Command {
    fn name(&self) -> &str {
        "command"
    }

    fn deliver(&mut self, note: &Note) -> Result<(), Undelivered> {
        let failed = |reason: String| Undelivered { reason, may_pass: true };
        let mut child = shell(&self.line)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(format!("the command could not be started: {error}")))?;
        if let Some(mut input) = child.stdin.take() {
            // It need not read what it is told.
            drop(writeln!(input, "{}", serde_json::json!(note)));
        }
        let status = wait(&mut child)
            .map_err(|error| failed(format!("the command could not be waited for: {error}")))?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(failed(format!("the command ended with {status}"))),
            None => Err(failed(format!(
                "the command was stopped: it ran for more than {} seconds",
                RUN_MAX.as_secs()
            ))),
        }
    }
}

/// How it ended; `None` where it had to be stopped.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= RUN_MAX {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(unix)]
fn shell(line: &str) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg(line);
    command
}

#[cfg(windows)]
fn shell(line: &str) -> std::process::Command {
    use std::os::windows::process::CommandExt;
    let mut command = std::process::Command::new("cmd");
    // As typed: the shell reads quotes by rules of its own.
    command.arg("/C").raw_arg(line);
    command
}
