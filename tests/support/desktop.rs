//! A desktop without a screen: an X display, a session bus, a notification daemon.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::wait::eventually;

/// Stops the test with advice where a program is missing.
///
/// # Panics
/// When `program` is not on the path.
pub fn require(program: &str, package: &str) {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(program).exists());
    assert!(found, "{program} is missing: apt-get install {package}");
}

/// The desktop app under test, by `OUTLAY_DESKTOP_BIN`; says so where that names none.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("OUTLAY_DESKTOP_BIN").map(PathBuf::from);
    if named.is_none() {
        println!("OUTLAY_DESKTOP_BIN names no program: the window was not tried");
    }
    named
}

/// An X display and a session bus, for programs that show something.
#[derive(Debug)]
pub struct Display {
    processes: Vec<Child>,
    environment: Vec<(String, String)>,
}

impl Display {
    /// Starts both.
    #[must_use]
    pub fn start() -> Display {
        require("Xvfb", "xvfb");
        require("dbus-daemon", "dbus");
        let mut xvfb = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"])
            // Without it the server begins anew when its last client leaves, and the next one may find
            // nobody.
            .arg("-noreset")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let number = first_line(xvfb.stdout.take().unwrap());
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--print-address", "--nofork", "--nopidfile"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = first_line(bus.stdout.take().unwrap());
        let environment = [
            ("DISPLAY", format!(":{number}")),
            ("DBUS_SESSION_BUS_ADDRESS", address),
            ("GDK_BACKEND", "x11".to_owned()),
        ];
        Display {
            processes: vec![xvfb, bus],
            environment: environment.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        }
    }

    /// What a program needs in its environment to appear here.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    /// One of those variables.
    ///
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn variable(&self, name: &str) -> String {
        let found = self.environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap()
    }

    /// Starts a notification daemon that keeps what it shows.
    #[must_use]
    pub fn notifications(&mut self) -> Notifications {
        require("dunst", "dunst");
        let folder = tempfile::tempdir().unwrap();
        let config = menu(folder.path());
        let mut dunst = Command::new("dunst")
            .arg("-print")
            .arg("-config")
            .arg(config)
            .envs(self.environment())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let printed = BufReader::new(dunst.stdout.take().unwrap());
        let kept = shown.clone();
        thread::spawn(move || {
            for line in printed.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        self.processes.push(dunst);
        let notifications =
            Notifications { shown, folder: Arc::new(folder), environment: self.environment() };
        eventually("the notification daemon is on the bus", || {
            self.owns_name("org.freedesktop.Notifications").then_some(())
        });
        notifications
    }

    fn owns_name(&self, name: &str) -> bool {
        let asked = Command::new("dbus-send")
            .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"])
            .args(["org.freedesktop.DBus.NameHasOwner", &format!("string:{name}")])
            .envs(self.environment())
            .output()
            .unwrap();
        String::from_utf8_lossy(&asked.stdout).contains("boolean true")
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

/// What a notification daemon has shown, and its buttons.
#[derive(Debug)]
pub struct Notifications {
    shown: Arc<Mutex<String>>,
    folder: Arc<tempfile::TempDir>,
    environment: Vec<(String, String)>,
}

/// Writes a configuration in which the menu of a notification's actions is a program that picks the one
/// named in the file `label`, and keeps what there was to pick from.
fn menu(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let program = folder.join("menu");
    let script = format!(
        "#!/bin/sh\ncd '{}'\ncat > offered\ngrep -F -f label offered | head -1\n",
        folder.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.join("dunstrc");
    std::fs::write(&config, format!("[global]\ndmenu = {}\n", program.display())).unwrap();
    config
}

/// One notification as the user saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Who sent it.
    pub app: String,
    /// Its first line.
    pub summary: String,
    /// Its text.
    pub body: String,
    /// `LOW`, `NORMAL` or `CRITICAL`.
    pub urgency: String,
}

impl Notifications {
    /// All so far.
    #[must_use]
    pub fn all(&self) -> Vec<Notification> {
        parse(&self.shown.lock().unwrap())
    }

    /// Presses the button of that label on a notification that is shown; all that could be pressed.
    ///
    /// # Panics
    /// When no notification has it.
    #[must_use]
    pub fn press(&self, label: &str) -> String {
        let offered = self.folder.path().join("offered");
        drop(std::fs::remove_file(&offered));
        std::fs::write(self.folder.path().join("label"), format!("{label}\n")).unwrap();
        let asked = Command::new("dunstctl")
            .arg("context")
            .envs(self.environment.clone())
            .status()
            .unwrap();
        assert!(asked.success());
        let offered = eventually("the menu of actions was opened", || {
            std::fs::read_to_string(&offered).ok().filter(|text| !text.is_empty())
        });
        assert!(offered.contains(label), "{offered}");
        offered
    }

    /// Waits until there are `count`, and returns all.
    #[must_use]
    pub fn wait_for(&self, count: usize) -> Vec<Notification> {
        eventually(&format!("{count} notifications"), || {
            let all = self.all();
            (all.len() >= count).then_some(all)
        })
    }
}

/// What `dunst -print` wrote: blocks of `key: 'value'` lines in braces.
#[must_use]
pub fn parse(printed: &str) -> Vec<Notification> {
    let between = |block: &str, start: &str, end: &str| {
        let (_, rest) = block.split_once(start)?;
        rest.split_once(end).map(|(value, _)| value.to_owned())
    };
    printed
        .split_inclusive("\n}")
        .filter_map(|block| {
            Some(Notification {
                app: between(block, "\tappname: '", "'\n")?,
                summary: between(block, "\tsummary: '", "'\n\tbody: ")?,
                body: between(block, "\tbody: '", "'\n\ticon: ")?,
                urgency: between(block, "\turgency: ", "\n")?,
            })
        })
        .collect()
}

fn first_line(stdout: ChildStdout) -> String {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line.trim().to_owned()
}
