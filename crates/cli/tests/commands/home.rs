//! A user's folder in which the binary runs.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A fresh one, in the time zone Europe/Berlin, without notifications.
#[derive(Debug)]
pub(crate) struct Home(tempfile::TempDir);

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        home.write_config("");
        home
    }

    pub(crate) fn write_config(&self, more: &str) {
        let usual = "timezone = \"Europe/Berlin\"\n";
        let quiet = "\n[notifications]\ndesktop = false\n";
        // Broken TOML must be the first thing that is wrong.
        let text =
            if more.starts_with("[[[") { more.to_owned() } else { format!("{usual}{more}{quiet}") };
        std::fs::write(self.0.path().join("outlay.toml"), text).unwrap();
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outlay"));
        command.args(arguments).env_clear().stdin(Stdio::null());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.0.path());
        command.env("OUTLAY_DATA_DIR", self.data());
        command.env("OUTLAY_CONFIG", self.0.path().join("outlay.toml"));
        command.current_dir(self.0.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    /// With that on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may have ended already.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a command printed that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
        output.stdout
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// A command that must end with this code and say these words, and nothing like a backtrace.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let output = self.run(arguments);
        let said = &output.stderr;
        assert_eq!(output.code, code, "{arguments:?}: {}{said}", output.stdout);
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {word:?} is not in: {said}");
        }
        assert!(!said.contains("panicked") && !said.contains("Err("), "{said}");
        let is_help = said.contains("Usage:");
        assert!(is_help || said.lines().count() == 1, "more than a sentence: {said}");
    }
}
