//! A Debian on which nothing was ever installed, in a folder: for packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::desktop::require;
use crate::outlay::target_dir;
use crate::wait::eventually;

const RELEASE: &str = "bookworm";

/// Who uses what is installed.
const USER: &str = "anna";

/// Where apt-get keeps what it downloaded.
const DOWNLOADS: &str = "var/cache/apt/archives";

/// Where the system itself keeps changing (the cache of icons comes with the first one), and what is
/// the user's.
const NOT_COMPARED: &str = r"\( -path ./proc -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./home \
      -o -name icon-theme.cache -o -path ./var/log -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg \) -prune";

/// The root folder, with processes and mounts of its own: they end with the value.
#[derive(Debug)]
pub struct CleanRoot {
    folder: TempDir,
    first: Child,
    /// The first process in there, by which others get in.
    inside: String,
}

impl CleanRoot {
    /// Lays the smallest Debian, with a user and the packages on it.
    ///
    /// # Panics
    /// When not run as root, or without a way to Debian's packages.
    #[must_use]
    pub fn debian(packages: &[&str]) -> CleanRoot {
        require("debootstrap", "debootstrap");
        let folder = tempfile::Builder::new().prefix("outlay-root-").tempdir().unwrap();
        let kept = target_dir().join("packages").join(RELEASE);
        std::fs::create_dir_all(&kept).unwrap();
        let mut lay = Command::new("debootstrap");
        lay.args(["--variant=minbase", &format!("--cache-dir={}", kept.display()), RELEASE]);
        printed(lay.arg(folder.path()));
        // Nobody needs it after a power cut.
        let hasty = folder.path().join("etc/dpkg/dpkg.cfg.d/hasty");
        std::fs::write(hasty, "force-unsafe-io\n").unwrap();
        copy_packages(&kept, &folder.path().join(DOWNLOADS));
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "--kill-child"]);
        unshare.arg(format!("--mount-proc={}", folder.path().join("proc").display()));
        unshare.arg("chroot").arg(folder.path()).args(["sleep", "infinity"]);
        let first = unshare.stdin(Stdio::null()).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", first.id());
        let inside = eventually("somebody is in the new root", || {
            let children = std::fs::read_to_string(&children).ok()?;
            let child = children.split_whitespace().next()?.to_owned();
            let name = std::fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
            (name.trim() == "sleep").then_some(child)
        });
        let root = CleanRoot { folder, first, inside };
        root.ok("apt-get update -qq");
        root.install(&packages.join(" "));
        root.ok(&format!("useradd --create-home --shell /bin/bash {USER}"));
        root
    }

    /// Runs a shell's command line as root; what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn ok(&self, line: &str) -> String {
        printed(&mut self.command("root", line))
    }

    /// The same as the user, in a session on the display.
    ///
    /// # Panics
    /// When it fails.
    pub fn ok_as_user(&self, line: &str) -> String {
        printed(&mut self.command(USER, line))
    }

    /// apt-get's own way, without what is only recommended.
    pub fn install(&self, packages: &str) {
        self.ok(&format!("apt-get install -qq --yes --no-install-recommends {packages}"));
    }

    /// Starts a command line as the user, on a display and with a session bus of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn session(&self, display: &str, line: &str) -> Child {
        let line = format!("DISPLAY={display} GDK_BACKEND=x11 dbus-run-session -- sh -c '{line}'");
        self.command(USER, &line).stdin(Stdio::null()).spawn().unwrap()
    }

    fn command(&self, user: &str, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.inside, "--mount", "--pid", "--root", "--wd=/"]);
        // nsenter opens that folder where we are: it is none of the new root's.
        let line = format!("cd /; {line}");
        command.args(["runuser", "-u", user, "--", "sh", "-c", &line]).env_clear();
        let home = if user == "root" { "/root".to_owned() } else { format!("/home/{user}") };
        command.env("HOME", home).env("USER", user).env("LANG", "C.UTF-8");
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Where a file of its is on this machine.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside.trim_start_matches('/'))
    }

    /// Where a file of its user's is on this machine.
    #[must_use]
    pub fn home(&self, inside: &str) -> PathBuf {
        self.path("home").join(USER).join(inside)
    }

    /// Keeps what was downloaded for the next time.
    pub fn keep_downloads(&self) {
        copy_packages(&self.path(DOWNLOADS), &target_dir().join("packages").join(RELEASE));
    }

    /// Puts a file of this machine into it.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn put(&self, file: &Path, inside: &str) {
        std::fs::copy(file, self.path(inside)).unwrap();
    }

    /// Writes a file of its user's.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_home(&self, inside: &str, text: &str) {
        let file = self.home(inside);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        self.ok(&format!("chown -R {USER}: /home/{USER}"));
    }

    /// Every file of the system with its kind and size, without what is the user's or changes by itself.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let find = format!("cd / && find . {NOT_COMPARED} -o -printf '%p\\t%y %s %l\\n'");
        let entry = |line: &str| {
            let (path, what) = line.split_once('\t')?;
            // A folder's own size depends on what was in it once.
            let what = if what.starts_with('d') { "d" } else { what };
            Some((path.to_owned(), what.to_owned()))
        };
        self.ok(&find).lines().filter_map(entry).collect()
    }
}

impl Drop for CleanRoot {
    fn drop(&mut self) {
        // Whoever is in there goes with the first one, and so do the mounts.
        drop(self.first.kill());
        drop(self.first.wait());
    }
}

/// Those that are not there yet.
fn copy_packages(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (file, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if file.extension().is_some_and(|end| end == "deb") && !to.join(&name).exists() {
            std::fs::copy(file, to.join(name)).unwrap();
        }
    }
}

/// What the command printed; its whole output where it fails.
fn printed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{printed}\n{said}", output.status);
    printed
}
