//! Who keeps the proxy running: a service manager played by the test, or a systemd of its own.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::outlay::{Home, Server};
use crate::wait::eventually;

/// Where Debian has it.
const SYSTEMD: &str = "/usr/lib/systemd/systemd";

/// Starts `outlay serve` with `socket`, as a service manager hands it over, and waits until it accepts.
///
/// # Errors
/// How it ended and what it said, when it ended before it accepted.
pub fn serve_with(
    home: &Home,
    socket: &TcpListener,
    more: &[&str],
) -> Result<Server, (ExitStatus, String)> {
    let socket = OwnedFd::from(socket.try_clone().unwrap());
    let script = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
    let mut command = home.command_of(Path::new("sh"), &["-c", script, "sh"]);
    command.arg(crate::outlay::binary()).arg("serve").args(more).stdin(Stdio::from(socket));
    home.serve_by(&mut command)
}

/// A user's systemd in a namespace of its own, as where the tests run none is up; it ends with the value.
#[derive(Debug)]
pub struct UserManager {
    child: Child,
    runtime: PathBuf,
}

impl UserManager {
    /// One for whoever lives in `home`; why there is none, where none can be had.
    ///
    /// # Errors
    /// The reason, for the test to print.
    pub fn start(home: &Path) -> Result<UserManager, String> {
        if !Path::new(SYSTEMD).exists() {
            return Err(format!("{SYSTEMD} is not installed"));
        }
        let runtime = home.join("run");
        fs::create_dir_all(&runtime).unwrap();
        let group = format!("outlay-test-{}", std::process::id());
        let script = format!(
            "umount -l /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup || exit 1
            mkdir -p /sys/fs/cgroup/{group} && echo $$ > /sys/fs/cgroup/{group}/cgroup.procs || exit 1
            mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/system || exit 1
            exec timeout --kill-after=5 300 {SYSTEMD} --user --log-target=console --log-level=warning"
        );
        let mut child = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", &runtime)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("unshare cannot be run: {error}"))?;
        let is_up =
            eventually("systemd is up, or has given up", || match child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => systemctl(&runtime, &["show-environment"]).filter(|up| *up),
            });
        if is_up {
            Ok(UserManager { child, runtime })
        } else {
            Err("no systemd of a user can be started here (that takes root and cgroup2)".to_owned())
        }
    }

    /// What tells programs where it is.
    #[must_use]
    pub fn runtime_dir(&self) -> &Path {
        &self.runtime
    }

    /// Has it do something; whether that worked.
    #[must_use]
    pub fn systemctl(&self, arguments: &[&str]) -> bool {
        systemctl(&self.runtime, arguments).unwrap_or(false)
    }
}

fn systemctl(runtime: &Path, arguments: &[&str]) -> Option<bool> {
    let status = Command::new("systemctl")
        .arg("--user")
        .args(arguments)
        .env("XDG_RUNTIME_DIR", runtime)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    Some(status.success())
}

impl Drop for UserManager {
    fn drop(&mut self) {
        // It ends its services first.
        let id = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &id]).status());
        drop(self.child.wait());
    }
}
