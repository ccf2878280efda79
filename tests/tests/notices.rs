//! `THIRD-PARTY-NOTICES.md` names every crate that the programs are built with on Linux, and no
//! other. `OUTLAY_UPDATE_NOTICES=1 cargo test --test notices` writes the lists anew.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const COMMAND: &str = "## Rust crates in the `outlay` command";
const DESKTOP: &str = "## Rust crates that the desktop app adds";

#[test]
fn the_notices_name_every_crate() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../THIRD-PARTY-NOTICES.md");
    let kept = fs::read_to_string(&file).unwrap();
    let command = crates(&["--package", "outlay-cli"]);
    let desktop = crates(&["--package", "outlay-desktop", "--features", "desktop"]);
    let list = |crates: &mut dyn Iterator<Item = &String>| {
        crates.fold(String::new(), |list, line| list + line + "\n")
    };
    let (head, _) = kept.split_once(COMMAND).unwrap();
    let true_now = format!(
        "{head}{COMMAND}\n{}\n{DESKTOP}\n{}",
        list(&mut command.iter()),
        list(&mut desktop.difference(&command)),
    );
    if std::env::var_os("OUTLAY_UPDATE_NOTICES").is_some() {
        fs::write(&file, &true_now).unwrap();
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (kept, true_now) = (lines(&kept), lines(&true_now));
    let missing: Vec<_> = true_now.difference(&kept).collect();
    let gone: Vec<_> = kept.difference(&true_now).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "missing: {missing:#?}, not used any more: {gone:#?}"
    );
}

/// A line for each crate of others that a package is built with.
fn crates(package: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--no-dedupe", "--format", "{p}: {l}"])
        .args(package)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).unwrap();
    lines.lines().filter_map(notice).collect()
}

/// `name v1.2.3 (proc-macro): licence`, as it stands in the file; `None` for a crate of ours, which
/// has its folder after its version.
fn notice(line: &str) -> Option<String> {
    let (package, licence) = line.split_once(": ")?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let is_ours = words.any(|word| word.starts_with("(/"));
    (!is_ours).then(|| format!("- {name} {version}: {licence}"))
}

#[test]
fn a_line_of_the_tree_is_a_notice() {
    for (line, expected) in [
        ("serde v1.0.1: MIT OR Apache-2.0", Some("- serde 1.0.1: MIT OR Apache-2.0")),
        ("serde_derive v1.0.1 (proc-macro): MIT", Some("- serde_derive 1.0.1: MIT")),
        ("outlay-core v0.1.0 (/work/crates/core): MIT OR Apache-2.0", None),
        ("", None),
    ] {
        assert_eq!(notice(line).as_deref(), expected, "{line}");
    }
}
