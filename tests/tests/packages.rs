//! What is installed: its configuration, and the .deb itself in a clean Debian where `OUTLAY_DEB` names one
//! (`cargo xtask bundle --debug --check`).
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::clean_root::CleanRoot;
use support::desktop::{Display, require};
use support::fake_provider::FakeProvider;
use support::outlay::target_dir;
use support::story::{MODEL, chat};
use support::wait::eventually;

const IDENTIFIER: &str = "dev.outlay.desktop";
const PROGRAM: &str = "outlay-desktop";

/// The Tauri configuration, and what each system adds to it.
const CONFIGURATIONS: [&str; 4] = [
    "tauri.conf.json",
    "tauri.linux.conf.json",
    "tauri.macos.conf.json",
    "tauri.windows.conf.json",
];

/// What the clean Debian has besides the package: a session bus, and who reads what is installed.
const TOOLS: [&str; 6] = ["dbus", "libglib2.0-bin", "man-db", "bash-completion", "zsh", "fish"];

#[test]
fn the_desktop_entry_starts_the_app_and_takes_its_links() {
    let file = root().join("src-tauri/linux/outlay.desktop");
    require("desktop-file-validate", "desktop-file-utils");
    run(Command::new("desktop-file-validate").arg("--warn-kde").arg(&file));
    let text = fs::read_to_string(file).unwrap();
    let entry: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    for (key, expected) in [
        ("Name", "Outlay"),
        ("Exec", "outlay-desktop %u"),
        ("Icon", PROGRAM),
        ("StartupWMClass", PROGRAM),
        ("Terminal", "false"),
        ("MimeType", "x-scheme-handler/outlay;"),
    ] {
        assert_eq!(entry.get(key), Some(&expected), "{key}");
    }
    for key in ["GenericName", "Comment", "Categories", "Keywords"] {
        assert!(entry.contains_key(key), "{key}");
    }
}

#[test]
fn software_centres_understand_what_it_is() {
    require("appstreamcli", "appstream");
    let file = root().join("src-tauri/linux/dev.outlay.desktop.metainfo.xml");
    run(Command::new("appstreamcli").args(["validate", "--no-net"]).arg(&file));
    let text = fs::read_to_string(file).unwrap();
    let product = configuration("tauri.conf.json")["productName"].as_str().unwrap().to_owned();
    for part in [
        format!("<id>{IDENTIFIER}</id>"),
        // The bundler calls the entry after the product.
        format!("<launchable type=\"desktop-id\">{product}.desktop</launchable>"),
        format!("<binary>{PROGRAM}</binary>"),
    ] {
        assert!(text.contains(&part), "{part}");
    }
}

#[test]
fn every_configuration_means_the_same_app() {
    let common = configuration("tauri.conf.json");
    assert_eq!(common["identifier"], IDENTIFIER);
    assert_eq!(common["mainBinaryName"], PROGRAM);
    assert_eq!(common["plugins"]["deep-link"]["desktop"]["schemes"], serde_json::json!(["outlay"]));
    assert!(common["version"].is_null(), "the version is that of Cargo.toml");
    for name in &CONFIGURATIONS[1..] {
        let own = configuration(name);
        assert!(own["identifier"].is_null() && own["mainBinaryName"].is_null(), "{name}");
        assert!(own["bundle"]["targets"].is_array(), "{name} names what is made");
    }
    // Who shows notifications, and who starts at login, is the one that was installed.
    for file in ["src-tauri/src/options.rs", "crates/host/src/notify/desktop.rs"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&format!("\"{IDENTIFIER}\"")), "{file}");
    }
}

#[test]
fn every_file_that_a_configuration_names_is_there() {
    let mut named = Vec::new();
    for name in CONFIGURATIONS {
        files_named(&configuration(name)["bundle"], &mut named);
    }
    assert!(named.len() > 10, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|file| !root().join(file).is_file()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_package_asks_for_updates_by_itself() {
    for name in CONFIGURATIONS {
        let own = configuration(name);
        assert!(own["plugins"]["updater"].is_null(), "{name}");
        assert!(own["bundle"]["createUpdaterArtifacts"].is_null(), "{name}");
    }
    let features = configuration("tauri.conf.json")["build"]["features"].clone();
    assert_eq!(features, serde_json::json!(["desktop"]));
}

#[test]
fn a_package_is_installed_used_and_removed() {
    let Some(package) = std::env::var_os("OUTLAY_DEB").map(PathBuf::from) else {
        println!("OUTLAY_DEB names no package: none was installed");
        return;
    };
    let root = CleanRoot::debian(&TOOLS);
    let needed = run(Command::new("dpkg-deb").arg("--field").arg(&package).arg("Depends"));
    let needed = needed.trim();
    root.ok(&format!("apt-get satisfy -qq --yes --no-install-recommends '{needed}'"));
    root.keep_downloads();
    let before = root.files();

    root.put(&package, "/tmp/outlay.deb");
    root.install("/tmp/outlay.deb");
    root.ok("rm /tmp/outlay.deb");
    only_its_own_files_came(&root, &before);
    the_manual_is_read(&root);
    shells_complete(&root);
    a_call_is_metered(&root);

    root.ok("apt-get purge -qq --yes outlay");
    let after = root.files();
    let left: Vec<_> = after.iter().filter(|(path, _)| !before.contains_key(*path)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    let gone: Vec<_> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    assert!(gone.is_empty(), "not its own, and gone: {gone:?}");
    let changed: Vec<_> = before.iter().filter(|(path, what)| after[*path] != **what).collect();
    assert!(changed.is_empty(), "changed: {changed:?}");
    assert_eq!(root.ok("dpkg-query --list | grep -c outlay || true").trim(), "0");
    let ledger = fs::metadata(root.home(".local/share/outlay/outlay.db")).unwrap();
    assert!(ledger.len() > 0, "what was recorded is the user's");
}

/// What came is what the package lists, and the system's own caches.
fn only_its_own_files_came(root: &CleanRoot, before: &BTreeMap<String, String>) {
    let listed = root.ok("dpkg --listfiles outlay");
    let listed: Vec<&str> = listed.lines().collect();
    let files = root.files();
    let came = files.keys().filter(|path| !before.contains_key(*path));
    let foreign: Vec<_> =
        came.filter(|path| !listed.contains(&path.trim_start_matches('.'))).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    for file in [
        "/usr/bin/outlay",
        "/usr/bin/outlay-desktop",
        "/usr/share/applications/Outlay.desktop",
        "/usr/share/doc/outlay/changelog.gz",
        "/usr/share/doc/outlay/copyright",
        "/usr/share/icons/hicolor/128x128/apps/outlay-desktop.png",
        "/usr/share/icons/hicolor/scalable/apps/outlay-desktop.svg",
        "/usr/share/man/man1/outlay.1.gz",
        "/usr/share/metainfo/dev.outlay.desktop.metainfo.xml",
    ] {
        assert!(listed.contains(&file), "{file} is not among {listed:?}");
    }
    root.ok("test -z \"$(find /home /etc -iname '*outlay*')\"");
    root.ok("test \"$(stat -c '%a %U' /usr/bin/outlay)\" = '755 root'");
}

fn the_manual_is_read(root: &CleanRoot) {
    let page = root.ok_as_user("MANWIDTH=100 man outlay-budget-set");
    for part in ["NAME", "outlay budget set", "--week-start", "EXAMPLES", "outlay-budget(1)"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let complaints = root.ok(
        "for page in /usr/share/man/man1/outlay*; do man --warnings -l $page 2>&1 >/dev/null; done",
    );
    assert_eq!(complaints, "");
    assert!(root.ok("apropos outlay-prune").contains("Delete old calls"));
}

fn shells_complete(root: &CleanRoot) {
    // As bash does when the key is pressed: the loader finds the script by the command's name.
    let bash = "source /usr/share/bash-completion/bash_completion; _completion_loader outlay; \
                COMP_WORDS=(outlay bud); COMP_CWORD=1; _outlay outlay bud outlay; echo ${COMPREPLY[@]}";
    assert_eq!(root.ok_as_user(&format!("bash -c '{bash}'")).trim(), "budget");
    let fish = root.ok_as_user("fish -c 'complete -C \"outlay bud\"'");
    assert!(fish.starts_with("budget\t"), "{fish}");
    let zsh = "autoload -U compinit; compinit -D; echo $_comps[outlay]";
    assert_eq!(root.ok_as_user(&format!("zsh -c '{zsh}'")).trim(), "_outlay");
}

/// Started from its entry, as a menu does it; a call goes through it; the command says so.
fn a_call_is_metered(root: &CleanRoot) {
    let provider = FakeProvider::start();
    root.write_home(
        ".config/outlay/outlay.toml",
        &format!(
            "listen = \"127.0.0.1:0\"\n[providers.openai]\nbase_url = \"http://{}\"\n\
             [notifications]\ndesktop = false\n",
            provider.address()
        ),
    );
    root.ok_as_user(&format!("outlay prices set {MODEL} --provider openai --input 0 --output 10"));
    let display = Display::start();
    let screen = display.variable("DISPLAY");
    let entry = "/usr/share/applications/Outlay.desktop";
    let mut session = root.session(&screen, &format!("gio launch {entry} && sleep infinity"));
    let running = eventually("the proxy says where it listens", || {
        let text = fs::read_to_string(root.home(".local/share/outlay/proxy.json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()
    });
    let window = eventually("the window is on the screen", || {
        let tree = run(Command::new("xwininfo").args(["-display", &screen, "-root", "-tree"]));
        tree.lines().find(|line| line.contains("\"Outlay\"")).map(str::to_owned)
    });
    assert!(window.contains(&format!("\"{PROGRAM}\"")), "the entry's StartupWMClass: {window}");

    let address: SocketAddr = address_in(&running).parse().unwrap();
    assert_eq!(chat().send(address).status, 200);
    let status = eventually("the command tells of the call", || {
        let status: Value = serde_json::from_str(&root.ok_as_user("outlay status --json")).unwrap();
        (status["today"]["cost_usd"] == "0.002").then_some(status)
    });
    assert_eq!(status["today"]["calls"], 1);
    let picture = target_dir().join("screenshots/installed.png");
    fs::create_dir_all(picture.parent().unwrap()).unwrap();
    // For the picture only: the page asks once a second, and draws what is new.
    std::thread::sleep(std::time::Duration::from_secs(10));
    run(Command::new("import").args(["-display", &screen, "-window", "root"]).arg(&picture));
    println!("a picture of it is in {}", picture.display());

    root.ok_as_user("kill -TERM $(pidof outlay-desktop)");
    eventually("the app has ended", || {
        let pids = root.ok("pidof outlay-desktop || true");
        pids.trim().is_empty().then_some(())
    });
    session.kill().unwrap();
    session.wait().unwrap();
}

/// Where the proxy of proxy.json listens.
fn address_in(running: &Value) -> String {
    let fields = running.as_object().unwrap().values();
    let mut texts = fields.filter_map(Value::as_str);
    let found = texts.find_map(|text| {
        let text = text.strip_prefix("http://").unwrap_or(text);
        text.parse::<SocketAddr>().ok()
    });
    found.unwrap_or_else(|| panic!("no address in {running}")).to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn configuration(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join(name)).unwrap()).unwrap()
}

/// Every text below that looks like a file of ours.
fn files_named(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("src-tauri/") => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|one| files_named(one, into)),
        Value::Object(fields) => fields.values().for_each(|one| files_named(one, into)),
        _ => {}
    }
}

/// What the program printed; its words where it fails.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}: {printed}{said}");
    printed.into_owned()
}
