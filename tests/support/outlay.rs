//! The real binary: a home folder of its own, its commands, its server.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Answer, Request};
use crate::clock::Clock;
use crate::fake_provider::FakeProvider;
use crate::wait::eventually;

const PROVIDERS: [&str; 19] = [
    "OPENAI",
    "ANTHROPIC",
    "GEMINI",
    "VERTEX",
    "AZURE",
    "BEDROCK",
    "MISTRAL",
    "GROQ",
    "DEEPSEEK",
    "XAI",
    "OPENROUTER",
    "PERPLEXITY",
    "TOGETHER",
    "FIREWORKS",
    "CEREBRAS",
    "COHERE",
    "MOONSHOT",
    "ZAI",
    "OLLAMA",
];

/// The binary under test.
///
/// # Panics
/// When there is none: it is built by `cargo xtask test`, or named by `OUTLAY_BIN`.
#[must_use]
pub fn binary() -> PathBuf {
    let named = env::var_os("OUTLAY_BIN").map(PathBuf::from);
    let path = named.unwrap_or_else(|| target_dir().join("debug/outlay"));
    assert!(
        path.exists(),
        "{} does not exist: run the stories with `cargo xtask test`, or build the binary with \
         `cargo build -p outlay-cli` and name it in OUTLAY_BIN",
        path.display()
    );
    path
}

/// Cargo's target folder, where tests may also keep what is slow to make.
#[must_use]
pub fn target_dir() -> PathBuf {
    // target/<profile>/deps/<test>
    let test = env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// A port that nobody listens on, of those that the system gives to nobody by itself.
fn own_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (number % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A user's folder with a config in it, in which commands run.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    listen: SocketAddr,
    environment: Vec<(String, String)>,
    launcher: Vec<String>,
}

impl Home {
    /// A fresh one, in the time zone Europe/Berlin, without network but for `provider`.
    #[must_use]
    pub fn new(provider: &FakeProvider) -> Home {
        let home = Home::bare();
        let upstream = format!("http://{}", provider.address());
        PROVIDERS
            .iter()
            .fold(home, |home, name| home.with_env(&format!("OUTLAY_UPSTREAM_{name}"), &upstream))
    }

    /// A fresh one whose providers are nowhere.
    #[must_use]
    pub fn bare() -> Home {
        let folder = tempfile::Builder::new().prefix("outlay-test-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let listen = ([127, 0, 0, 1], own_port()).into();
        let home = Home { folder, listen, environment: Vec::new(), launcher: Vec::new() };
        home.write_config("");
        home
    }

    /// Adds a variable to the environment of everything started here.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Home {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Everything started here lives by `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: &Clock) -> Home {
        self.environment.extend(clock.environment());
        self
    }

    /// Everything is started through this command (`["setpriv", "--reuid=65534", …]`).
    #[must_use]
    pub fn with_launcher(mut self, launcher: &[&str]) -> Home {
        self.launcher = launcher.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Where its configuration has a proxy listen: not where a developer's own does.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Replaces the config; the time zone, a port of its own and quiet notifications are always set.
    pub fn write_config(&self, more: &str) {
        let zone = "timezone = \"Europe/Berlin\"\n";
        let listen = match more.contains("listen =") {
            true => String::new(),
            false => format!("listen = \"{}\"\n", self.listen),
        };
        let quiet = if more.contains("[notifications]") {
            ""
        } else {
            "[notifications]\ndesktop = false\n"
        };
        fs::write(self.config_file(), format!("{zone}{listen}{more}\n{quiet}")).unwrap();
    }

    /// Where the config is.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("outlay.toml")
    }

    /// Where the ledger, the token and the address of the running proxy are.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The whole folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A command line of the binary, ready to start.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&binary(), arguments)
    }

    /// A command line of another of our programs.
    #[must_use]
    pub fn command_of(&self, binary: &Path, arguments: &[&str]) -> Command {
        let mut words = self.launcher.iter().map(String::as_str).chain([binary.to_str().unwrap()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(arguments);
        command.env_clear();
        for kept in ["PATH", "LANG", "RUST_BACKTRACE", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            if let Some(value) = env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.env("HOME", self.path());
        command.env("OUTLAY_DATA_DIR", self.data_dir());
        command.env("OUTLAY_CONFIG", self.config_file());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    #[must_use]
    pub fn cli(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert_eq!(output.code, 0, "outlay {}: {}", arguments.join(" "), output.stderr);
        output.stdout
    }

    /// Runs a reading command with `--json`.
    ///
    /// # Panics
    /// When it fails or prints anything else.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// What the desktop app needs in its environment to live here.
    ///
    /// # Panics
    /// When the folder's name is no text.
    #[must_use]
    pub fn desktop_environment(&self) -> Vec<(String, String)> {
        let places = [
            ("OUTLAY_DATA_DIR", self.data_dir()),
            ("OUTLAY_CONFIG", self.config_file()),
            ("HOME", self.path().to_owned()),
            ("XDG_RUNTIME_DIR", self.path().to_owned()),
        ];
        let places =
            places.map(|(name, path)| (name.to_owned(), path.to_str().unwrap().to_owned()));
        places.into_iter().chain(self.environment.iter().cloned()).collect()
    }

    /// Every call in the ledger, oldest first: a CSV column's name and its text.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let csv = self.ok(&["export", "--format", "csv"]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        reader.deserialize().map(|row| Call(row.unwrap())).collect()
    }

    /// Every call, once none is running any more.
    #[must_use]
    pub fn calls_at_rest(&self) -> Vec<Call> {
        eventually("every call is settled", || {
            let calls = self.calls();
            calls.iter().all(|call| call["status"] != "running").then_some(calls)
        })
    }

    /// The ledger's file, opened for reading only.
    #[must_use]
    pub fn ledger(&self) -> rusqlite::Connection {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        rusqlite::Connection::open_with_flags(self.data_dir().join("outlay.db"), flags).unwrap()
    }

    /// Whether SQLite finds the ledger sound.
    #[must_use]
    pub fn integrity(&self) -> String {
        self.ledger().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
    }

    /// The local API's token.
    #[must_use]
    pub fn token(&self) -> String {
        fs::read_to_string(self.data_dir().join("token")).unwrap().trim().to_owned()
    }

    /// Starts `outlay serve` on a port of its own choice, and waits until it accepts.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn serve(&self) -> Server {
        self.try_serve(&[]).unwrap_or_else(|(status, stderr)| panic!("serve {status}: {stderr}"))
    }

    /// Like [`Home::serve`], with other arguments.
    ///
    /// # Errors
    /// How it ended and what it said, when it ended before it accepted.
    pub fn try_serve(&self, more: &[&str]) -> Result<Server, (ExitStatus, String)> {
        let usual: &[&str] = &["--listen", "127.0.0.1:0"];
        let arguments = [&["serve"][..], if more.is_empty() { usual } else { more }].concat();
        self.serve_by(&mut self.command(&arguments))
    }

    /// Starts a program that serves, and waits until it accepts.
    ///
    /// # Errors
    /// How it ended and what it said, when it ended before it accepted.
    pub fn serve_by(&self, command: &mut Command) -> Result<Server, (ExitStatus, String)> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let mut errors = child.stderr.take().unwrap();
        let collected = stderr.clone();
        let collector = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = errors.read(&mut buffer) {
                collected.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let printed: Vec<String> = lines.by_ref().take(3).map_while(Result::ok).collect();
        if printed.len() < 3 {
            let status = child.wait().unwrap();
            collector.join().unwrap();
            let said = stderr.lock().unwrap().clone();
            return Err((status, said));
        }
        let address = printed[0]
            .strip_prefix("proxy http://")
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("serve printed {printed:?}"));
        // A full pipe would block the server.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Server { child, address, printed, stderr, token: self.token() })
    }
}

/// One row of the CSV export.
#[derive(Clone, Debug)]
pub struct Call(BTreeMap<String, String>);

impl std::ops::Index<&str> for Call {
    type Output = String;

    fn index(&self, column: &str) -> &String {
        self.0.get(column).unwrap_or_else(|| panic!("the export has no column {column:?}"))
    }
}

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// A running `outlay serve`; it is killed with the value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// The three lines it printed.
    pub printed: Vec<String>,
    stderr: Arc<Mutex<String>>,
    token: String,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// A request of the local API with the token; `route` is what follows `/api/v1`.
    #[must_use]
    pub fn api(&self, method: &str, route: &str, body: Option<&Value>) -> Answer {
        let target = format!("/api/v1{route}");
        let request = Request::new(method, &target)
            .header("authorization", &format!("Bearer {}", self.token));
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string().into_bytes()),
            None => request,
        };
        request.send(self.address)
    }

    /// What a reading route of the local API answers.
    ///
    /// # Panics
    /// When it refuses.
    #[must_use]
    pub fn read(&self, route: &str) -> Value {
        let answer = self.api("GET", route, None);
        assert_eq!(answer.status, 200, "GET {route}: {}", answer.text());
        answer.json()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL: no chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = eventually("the server stops", || self.child.try_wait().unwrap());
        (status, self.stderr())
    }

    /// Its resident memory, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
