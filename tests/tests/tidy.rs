//! Rules about the source that no compiler checks. Each rule is a pure function over text, tried
//! on small texts that break it, and then applied to the project.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LINES_AIM: usize = 400;
const LINES_MAX: usize = 600;

/// Which of our crates each may depend on.
const EDGES: [(&str, &[&str]); 7] = [
    ("crates/core", &[]),
    ("crates/wire", &["outlay-core"]),
    ("crates/proxy", &["outlay-core", "outlay-wire"]),
    ("crates/host", &["outlay-core", "outlay-wire"]),
    ("crates/shell", &["outlay-core", "outlay-wire", "outlay-proxy", "outlay-host"]),
    ("crates/cli", &["outlay-core", "outlay-wire", "outlay-proxy", "outlay-host", "outlay-shell"]),
    (".", &["outlay-core", "outlay-proxy", "outlay-host", "outlay-shell"]),
];

#[test]
fn crates_depend_only_downwards() {
    for (folder, allowed) in EDGES {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        let wrong = wrong_edges(&manifest, allowed);
        assert!(wrong.is_empty(), "{folder}/Cargo.toml must not depend on {wrong:?}");
    }
}

#[test]
fn no_crate_has_a_module_circle() {
    for folder in ["core", "wire", "proxy", "host", "shell", "cli"] {
        let source = root().join("crates").join(folder).join("src");
        let files: Vec<(String, String)> = files_below(&source, &["rs"])
            .iter()
            .map(|path| (module_of(path.strip_prefix(&source).unwrap()), read(path)))
            .collect();
        let circle = module_circle(&files);
        assert!(circle.is_none(), "crates/{folder}: {}", circle.unwrap().join(" -> "));
    }
}

#[test]
fn files_stay_short() {
    let mut long = Vec::new();
    for path in product_files().into_iter().chain(files_below(&root().join("tests"), &["rs"])) {
        // Nobody reads or edits what is made from Rust's types.
        if path.ends_with("ui/src/generated.ts") {
            continue;
        }
        let lines = lines_without_tests(&read(&path));
        if lines > LINES_AIM {
            println!("{}: {lines} lines, aim for {LINES_AIM}", shown(&path));
        }
        if lines > LINES_MAX {
            long.push(format!("{} has {lines} lines", shown(&path)));
        }
    }
    assert!(long.is_empty(), "more than {LINES_MAX} lines: {long:?}");
}

#[test]
fn only_the_ledger_names_its_database() {
    // Tools' own databases are read in one file, from a copy.
    let readers = ["crates/host/src/logs/databases.rs"];
    let wrong = product_files_where(|path, text| {
        let path = shown(path);
        let may = path.starts_with("crates/core/src/ledger")
            || path.contains("/tests/")
            || readers.contains(&path.as_str());
        !may && names(&code_of(text), "rusqlite")
    });
    assert!(wrong.is_empty(), "rusqlite outside of the ledger: {wrong:?}");
}

#[test]
fn no_float_in_core() {
    let wrong = product_files_where(|path, text| {
        let code = code_of(text);
        shown(path).starts_with("crates/core/src") && (names(&code, "f32") || names(&code, "f64"))
    });
    assert!(wrong.is_empty(), "floats in core: {wrong:?}");
}

#[test]
fn nothing_is_left_undone() {
    let wrong = product_files_where(|_, text| left_undone(text));
    assert!(wrong.is_empty(), "unfinished: {wrong:?}");
}

#[test]
fn one_file_of_the_dashboard_talks_to_the_api() {
    let wrong = product_files_where(|path, text| {
        let path = shown(path);
        path.starts_with("ui/src")
            && path != "ui/src/api.ts"
            && !path.contains(".test.")
            && talks_to_the_network(text)
    });
    assert!(wrong.is_empty(), "these talk to the network, only ui/src/api.ts may: {wrong:?}");
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let mut names: Vec<String> = files_below(&root().join("docs/decisions"), &["md"])
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(misnumbered(&names), Vec::<String>::new());
}

#[test]
fn the_rules_can_fail() {
    let manifest = "[dependencies]\noutlay-core.workspace = true\nserde = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\noutlay-proxy = { workspace = true }\n\
                    [dev-dependencies]\noutlay-tests.workspace = true\n";
    assert_eq!(wrong_edges(manifest, &["outlay-core"]), ["outlay-proxy", "outlay-tests"]);
    assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {\n    x\n}\n"), 2);
    assert!(names("let x: f64 = 1.0;", "f64"));
    assert!(!names("let f64_free = 1;", "f64"));
    assert_eq!(
        code_of("a // f64\n/// f64\nlet u = \"http://x\";\n"),
        "a \n\nlet u = \"http://x\";\n"
    );
    assert!(left_undone("// TODO: later"));
    assert!(left_undone("fn a() { unimplemented!() }"));
    assert!(!left_undone("let mastodon = 1;"));
    assert!(talks_to_the_network("await fetch('/x')"));
    assert!(talks_to_the_network("new EventSource('/x')"));
    assert!(!talks_to_the_network("prefetch(1); // fetch('/x')"));
    let names = ["0001-a.md", "0003-c.md", "notes.md"].map(str::to_owned);
    assert_eq!(misnumbered(&names), ["0003-c.md", "notes.md"]);
}

#[test]
fn a_module_circle_is_found_and_named() {
    let files = |texts: &[(&str, &str)]| -> Vec<(String, String)> {
        texts.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    };
    for (texts, expected) in [
        (vec![("a", "use crate::b::X;"), ("b", "use std::fmt;")], None),
        (
            vec![("a", "use crate::{c, b::{X, Y}};"), ("b", "fn f() { crate::a::g() }"), ("c", "")],
            Some(vec!["a", "b", "a"]),
        ),
        (
            vec![("", "pub use b::X;"), ("a", "use crate::X;"), ("b", "use super::a::Z;")],
            Some(vec!["a", "b", "a"]),
        ),
        (vec![("a", "use b::X;"), ("a::b", "use super::Y;")], None),
        (
            vec![("a", ""), ("a::b", "use super::c::X;"), ("a::c", "use crate::a::b::Y;")],
            Some(vec!["a::b", "a::c", "a::b"]),
        ),
        (
            vec![
                ("a", "use crate::b::X;"),
                ("b", "#[cfg(test)]\nmod tests {\nuse crate::a::Z;\n}"),
            ],
            None,
        ),
        (vec![("a", "use crate::b::X;"), ("b", "//! see [`crate::a::Z`]")], None),
    ] {
        let circle = module_circle(&files(&texts));
        let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect());
        assert_eq!(circle, expected, "{texts:?}");
    }
}

// Rules.

fn wrong_edges(manifest: &str, allowed: &[&str]) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let mut tables: Vec<&toml::Value> = Vec::new();
    for key in ["dependencies", "build-dependencies", "dev-dependencies"] {
        tables.extend(manifest.get(key));
        for target in manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten() {
            tables.extend(target.1.get(key));
        }
    }
    let mut wrong: Vec<String> = tables
        .into_iter()
        .flat_map(|table| table.as_table().unwrap().keys())
        .filter(|name| name.starts_with("outlay-") && !allowed.contains(&name.as_str()))
        .cloned()
        .collect();
    wrong.sort();
    wrong
}

fn lines_without_tests(text: &str) -> usize {
    without_tests(text).lines().count()
}

fn left_undone(text: &str) -> bool {
    ["TODO", "FIXME", "XXX"].iter().any(|word| names(text, word))
        || text.contains("unimplemented!(")
        || text.contains("todo!(")
}

fn talks_to_the_network(text: &str) -> bool {
    let code = code_of(text);
    ["fetch", "XMLHttpRequest", "EventSource", "WebSocket"].iter().any(|word| names(&code, word))
}

fn misnumbered(sorted_names: &[String]) -> Vec<String> {
    let numbered = |name: &str, number: usize| name.starts_with(&format!("{number:04}-"));
    sorted_names
        .iter()
        .zip(1..)
        .filter(|(name, number)| !numbered(name, *number))
        .map(|(name, _)| name.clone())
        .collect()
}

/// The first circle among the modules of a crate. A module and its own children are one thing here:
/// a parent declares and re-exports its children, and they use what it defines.
fn module_circle(files: &[(String, String)]) -> Option<Vec<String>> {
    let modules: BTreeSet<&str> = files.iter().map(|(module, _)| module.as_str()).collect();
    let root = files.iter().find(|(module, _)| module.is_empty());
    let exported: BTreeMap<String, String> = root
        .iter()
        .flat_map(|(module, text)| paths_used(module, &code_of(text), &modules))
        .filter_map(|path| Some((path.rsplit_once("::")?.1.to_owned(), path)))
        .collect();
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, text) in files.iter().filter(|(module, _)| !module.is_empty()) {
        for path in paths_used(module, &code_of(text), &modules) {
            let path = exported.get(&path).unwrap_or(&path);
            let target = modules
                .iter()
                .filter(|other| !other.is_empty() && is_within(path, other))
                .max_by_key(|other| other.len());
            if let Some(target) = target
                && !is_within(module, target)
                && !is_within(target, module)
            {
                edges.entry(module).or_default().insert(target);
            }
        }
    }
    edges.keys().find_map(|start| way_back(start, &edges))
}

fn way_back(start: &str, edges: &BTreeMap<&str, BTreeSet<&str>>) -> Option<Vec<String>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in edges.get(way.last().unwrap()).into_iter().flatten() {
            let longer: Vec<&str> = way.iter().copied().chain([*next]).collect();
            if *next == start {
                return Some(longer.into_iter().map(str::to_owned).collect());
            }
            if seen.insert(*next) {
                ways.push(longer);
            }
        }
    }
    None
}

/// Every path to something of this crate that `code` names, without `crate::`. Plain paths count
/// where they begin with a child module.
fn paths_used(module: &str, code: &str, modules: &BTreeSet<&str>) -> Vec<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let join = |base: &str, rest: &str| {
        if base.is_empty() { rest.to_owned() } else { format!("{base}::{rest}") }
    };
    let mut paths = Vec::new();
    for (start, base) in [("crate::", ""), ("super::", parent), ("self::", module)] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                let tree = use_tree(&code[at + start.len()..]);
                paths.extend(tree.iter().map(|path| join(base, path)));
            }
        }
    }
    for (at, _) in code.match_indices("use ") {
        let relative = use_tree(&code[at + 4..]);
        paths.extend(relative.iter().map(|path| join(module, path)).filter(|path| {
            modules.iter().any(|other| {
                !other.is_empty()
                    && *other != module
                    && is_within(other, module)
                    && is_within(path, other)
            })
        }));
    }
    paths
}

/// The paths in a use tree: `a::{b, c::{D, E}}` holds `a::b`, `a::c::D`, `a::c::E`.
fn use_tree(text: &str) -> Vec<String> {
    let text = text.trim_start();
    let end =
        text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let rest = rest.trim_start();
    if !(rest.starts_with('{') && (head.is_empty() || head.ends_with("::"))) {
        return vec![head.trim_end_matches(':').to_owned()];
    }
    let mut depth = 0;
    let mut branches = vec![String::new()];
    for c in rest.chars() {
        match c {
            '{' if depth == 0 => depth = 1,
            '}' if depth == 1 => break,
            ',' if depth == 1 => branches.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                branches.last_mut().unwrap().push(c);
            }
        }
    }
    branches
        .iter()
        .filter(|branch| !branch.trim().is_empty())
        .flat_map(|branch| use_tree(branch))
        .map(|path| format!("{head}{path}"))
        .collect()
}

fn is_within(path: &str, module: &str) -> bool {
    path == module
        || module.is_empty()
        || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

fn module_of(file: &Path) -> String {
    let names: Vec<&str> = file.iter().map(|part| part.to_str().unwrap()).collect();
    let path = names.join("::");
    let path = path.strip_suffix(".rs").unwrap_or(&path);
    let path = path.strip_suffix("mod").map_or(path, |path| path.trim_end_matches(':'));
    if path == "lib" || path == "main" { String::new() } else { path.to_owned() }
}

/// Whether `word` stands in `text` as a word of its own.
fn names(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part_of_word)
            && !text[at + word.len()..].chars().next().is_some_and(part_of_word)
    })
}

/// The text without its tests and line comments.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    for line in without_tests(text).lines() {
        let comment = line.match_indices("//").map(|(at, _)| at);
        let end = comment.filter(|&at| !line[..at].ends_with(':')).min().unwrap_or(line.len());
        code.push_str(&line[..end]);
        code.push('\n');
    }
    code
}

fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |at| &text[..at])
}

// Files.

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn product_files() -> Vec<PathBuf> {
    ["crates", "src-tauri", "xtask", "ui/src"]
        .iter()
        .flat_map(|folder| files_below(&root().join(folder), &["rs", "ts", "svelte", "css"]))
        .collect()
}

fn product_files_where(is_wrong: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let files = product_files();
    assert!(files.len() > 5, "only {} product files found", files.len());
    files.iter().filter(|path| is_wrong(path, &read(path))).map(|path| shown(path)).collect()
}

fn files_below(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let skipped = ["target", "node_modules", "dist", "gen", "fixtures", ".venv"];
    paths
        .into_iter()
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                if skipped.contains(&name.as_str()) {
                    Vec::new()
                } else {
                    files_below(&path, extensions)
                }
            } else if extensions.iter().any(|extension| name.ends_with(&format!(".{extension}"))) {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_str().unwrap().replace('\\', "/")
}
