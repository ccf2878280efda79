//! `outlay connect`: other programs' settings, changed and given back as they were.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Output};

/// A tool, its file in the home folder, and what a user may have written there.
const SETTINGS: [(&str, &str, &str); 8] = [
    (
        "claude-code",
        ".claude/settings.json",
        "{\n    // mine\n    \"model\": \"opus\",\n    \"env\": {\n        \"ANTHROPIC_API_KEY\": \"sk-ant-api03-hush\",\n    },\n}\n",
    ),
    (
        "codex",
        ".codex/config.toml",
        "# mine\r\nmodel = \"gpt-5.4\" # the good one\r\n\r\n[tui]\r\ntheme = 'dark'",
    ),
    ("gemini-cli", ".gemini/.env", "# mine\nexport GEMINI_API_KEY='hush-hush'"),
    (
        "opencode",
        ".config/opencode/opencode.jsonc",
        "{\n\t\"$schema\": \"https://opencode.ai/config.json\",\n\t\"provider\": {\n\t\t\"openai\": {\"options\": {\"apiKey\": \"hush\"}}, // mine\n\t\t\"mine\": {\"options\": {\"baseURL\": \"https://api.deepseek.com/v1\"}},\n\t\t\"away\": {\"options\": {\"baseURL\": \"https://llm.example.com/v1\"}}\n\t}\n}\n",
    ),
    (
        "qwen",
        ".qwen/settings.json",
        "\u{feff}{\n  \"modelProviders\": {\n    \"openai\": [\n      {\"id\": \"gpt-5.4\", \"baseUrl\": \"https://api.openai.com/v1\"}\n    ]\n  },\n  \"env\": {\"OPENAI_API_KEY\": \"hush\"}\n}\n",
    ),
    (
        "pi",
        ".pi/agent/models.json",
        "{\n  \"providers\": {\n    \"openai\": {\n      \"apiKey\": \"hush\"\n    }\n  }\n}\n",
    ),
    (
        "cline",
        ".cline/data/settings/providers.json",
        "{\n  \"version\": 1,\n  \"providers\": {\n    \"anthropic\": {\n      \"settings\": {\n        \"provider\": \"anthropic\",\n        \"apiKey\": \"sk-ant-hush\",\n        \"model\": \"claude-sonnet-5\"\n      }\n    }\n  }\n}",
    ),
    (
        "aider",
        ".aider.conf.yml",
        "# mine\nmodel: gpt-5.4\nset-env:\n  - OPENAI_API_KEY=hush # shh\nauto-commits: false\n",
    ),
];

fn file(home: &Home, name: &str) -> PathBuf {
    home.path().join(name)
}

fn write(home: &Home, name: &str, text: &str) -> PathBuf {
    let file = file(home, name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    file
}

fn read(path: &PathBuf) -> String {
    fs::read_to_string(path).unwrap()
}

fn connect(home: &Home, arguments: &[&str]) -> Output {
    home.cli(&[&["connect"], arguments, &["--yes"]].concat())
}

/// One sentence on stderr, and the file untouched.
fn assert_refused(output: &Output, words: &[&str]) {
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(output.stderr.trim_end().lines().count(), 1, "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "{word}: {output:?}");
    }
}

#[test]
fn each_tool_is_connected_and_given_back_to_the_byte() {
    let mut seen = String::new();
    for (tool, name, before) in SETTINGS {
        let home = Home::bare();
        let path = write(&home, name, before);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let connected = connect(&home, &[tool]);
        assert_eq!(connected.code, 0, "{tool}: {connected:?}");
        assert!(!connected.stdout.contains("hush"), "a key is shown: {}", connected.stdout);
        assert_ne!(read(&path), before);
        let said = connected.stdout.replace(&home.listen().to_string(), "127.0.0.1:4780");
        seen.push_str(&format!("== {tool}\n{said}"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{tool}");
        let kept = home.data_dir().join("connections");
        for entry in fs::read_dir(&kept).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{tool}");
        }
        let again = connect(&home, &[tool]);
        assert!(again.stdout.contains("already; nothing to change"), "{again:?}");
        let undone = connect(&home, &[tool, "--undo"]);
        assert_eq!((undone.code, read(&path).as_str()), (0, before), "{tool}: {undone:?}");
        let twice = connect(&home, &[tool, "--undo"]);
        assert!(twice.stdout.contains("is not connected; nothing to take back"), "{twice:?}");
        assert_eq!(read(&path), before);
        assert!(!kept.exists(), "nothing is remembered of what is over");
    }
    insta::assert_snapshot!("diffs", without_home(&seen));
}

/// The output without the test's own folder.
fn without_home(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("/outlay-test-") {
        Some(at) => {
            let start = line[..at].rfind(' ').map_or(0, |space| space + 1);
            let rest = &line[at + 1..];
            let end = rest.find('/').unwrap_or(rest.len());
            format!("{}HOME{}", &line[..start], &rest[end..])
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_made_for_a_connection_goes_with_it() {
    for (tool, name, _) in SETTINGS {
        if tool == "cline" {
            continue;
        }
        let name = name.replace(".jsonc", ".json");
        let home = Home::bare();
        assert_eq!(connect(&home, &[tool]).code, 0);
        let path = file(&home, &name);
        assert!(read(&path).contains(&format!("http://{}/", home.listen())), "{tool}");
        assert_eq!(connect(&home, &[tool, "--undo"]).code, 0);
        let left: Vec<_> = fs::read_dir(home.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["data", "outlay.toml"].contains(&name.as_str()))
            .collect();
        assert_eq!(left, [""; 0], "{tool}");
    }
}

#[test]
fn what_the_user_changed_since_stays() {
    for (tool, name, before) in SETTINGS {
        let home = Home::bare();
        let path = write(&home, name, before);
        connect(&home, &[tool]);
        let theirs = |text: &str| match tool {
            "gemini-cli" | "codex" | "aider" => text.replacen("# mine", "# mine, and more", 1),
            "cline" | "pi" => text.replacen("\"apiKey\": \"", "\"apiKey\": \"new-", 1),
            _ => text.replacen('{', "{\n  \"theirs\": 1,", 1),
        };
        let changed = theirs(&read(&path));
        fs::write(&path, &changed).unwrap();
        let undone = connect(&home, &[tool, "--undo"]);
        assert_eq!(undone.code, 0, "{tool}: {undone:?}");
        assert_eq!(squeezed(&read(&path)), squeezed(&theirs(before)), "{tool}");
    }
}

/// A group that was on one line may come back on several.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn a_dry_run_writes_nothing() {
    let home = Home::bare();
    let (tool, name, before) = SETTINGS[1];
    let path = write(&home, name, before);
    let output = home.cli(&["connect", tool, "--dry-run"]);
    assert_eq!(output.code, 0);
    assert!(output.stdout.contains("+openai_base_url"), "{output:?}");
    assert!(output.stdout.contains("Nothing was written"), "{output:?}");
    assert_eq!(read(&path), before);
    assert!(!home.data_dir().join("connections").exists());
    // A script is asked nothing.
    home.ok(&["connect", tool]);
    assert_ne!(read(&path), before);
    home.ok(&["connect", tool, "--undo", "--dry-run"]);
    assert_ne!(read(&path), before);
    home.ok(&["connect", tool, "--undo"]);
    assert_eq!(read(&path), before);
}

#[test]
fn what_cannot_be_changed_safely_is_left_alone() {
    for (tool, name, text, words) in [
        (
            "claude-code",
            ".claude/settings.json",
            "{\n  \"a\": 1\n  \"b\": 2\n}",
            &["line 2, column 9"][..],
        ),
        ("claude-code", ".claude/settings.json", "{\"env\": 7}", &["'env' is not a group"]),
        ("codex", ".codex/config.toml", "a = 1\nb = = 2\n", &["line 2, column 5"]),
        ("aider", ".aider.conf.yml", "a: 1\n  b: 2\n", &["line 2"]),
    ] {
        let home = Home::bare();
        let path = write(&home, name, text);
        assert_refused(&connect(&home, &[tool]), words);
        assert_eq!(read(&path), text);
        assert!(!home.data_dir().join("connections").exists());
    }
    let home = Home::bare();
    let path = write(&home, ".codex/config.toml", "");
    fs::write(&path, b"model = \"\xff\"").unwrap();
    assert_refused(&connect(&home, &["codex"]), &["is not UTF-8 (at byte 9)"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_refused(&connect(&home, &["codex"]), &["is no file"]);
    fs::remove_dir(&path).unwrap();
    symlink("nowhere.toml", &path).unwrap();
    assert_refused(&connect(&home, &["codex"]), &["symbolic link to a file that is not there"]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    assert_refused(&connect(&home, &["codex"]), &["is read-only"]);
    assert_eq!(read(&path), "");
    assert!(!home.data_dir().join("connections").exists(), "nothing is remembered");
    assert_refused(&connect(&home, &["llm"]), &["outlay run -- llm"]);
    assert_refused(&connect(&home, &["cline"]), &["cline auth"]);
    let unknown = connect(&home, &["emacs"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("outlay run -- emacs"), "{unknown:?}");
}

#[test]
fn a_folder_that_may_not_be_written_is_said() {
    const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let home = Home::bare().with_launcher(&NOBODY);
    fs::set_permissions(home.data_dir(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = write(&home, ".codex/config.toml", "model = 1\n");
    let output = connect(&home, &["codex"]);
    assert_refused(&output, &["config.toml cannot be written", "ermission"]);
    assert_eq!(read(&path), "model = 1\n");
    assert!(!home.data_dir().join("connections").exists());
}

#[test]
fn a_symbolic_link_stays_one() {
    let home = Home::bare();
    let real = write(&home, "dotfiles/config.toml", "model = \"m\"\n");
    fs::create_dir(file(&home, ".codex")).unwrap();
    let link = file(&home, ".codex/config.toml");
    symlink("../dotfiles/config.toml", &link).unwrap();
    assert_eq!(connect(&home, &["codex"]).code, 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(read(&real).contains("openai_base_url"));
    assert_eq!(connect(&home, &["codex", "--undo"]).code, 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(read(&real), "model = \"m\"\n");
}

#[test]
fn another_gateway_is_not_broken() {
    let home = Home::bare();
    let text = "openai_base_url = \"https://me:pw@llm.example.com/v1\"\n";
    let path = write(&home, ".codex/config.toml", text);
    let refused = connect(&home, &["codex"]);
    assert_refused(&refused, &["https://********@llm.example.com/v1", "[providers.", "--force"]);
    assert!(!refused.stderr.contains("pw@"), "{refused:?}");
    assert_eq!(read(&path), text);
    assert_eq!(connect(&home, &["codex", "--force"]).code, 0);
    let written = |way: &str| format!("openai_base_url = \"http://{}/{way}/v1\"\n", home.listen());
    assert_eq!(read(&path), written("openai"));
    assert_eq!(connect(&home, &["codex", "--undo"]).code, 0);
    assert_eq!(read(&path), text);

    let text = "openai_base_url = \"https://llm.example.com/v1\"\n";
    fs::write(&path, text).unwrap();
    home.write_config(
        "[providers.work]\nbase_url = \"https://llm.example.com\"\ndialect = \"openai\"\n",
    );
    assert_eq!(connect(&home, &["codex"]).code, 0);
    assert_eq!(read(&path), written("work"));

    let bar = "{\"statusLine\": {\"type\": \"command\", \"command\": \"mine\"}}";
    let path = write(&home, ".claude/settings.json", bar);
    assert_refused(&connect(&home, &["claude-code", "--statusline"]), &["statusLine", "--force"]);
    assert_eq!(read(&path), bar);
    assert_eq!(connect(&home, &["claude-code", "--statusline", "--force"]).code, 0);
    let said: Value = serde_json::from_str(&read(&path)).unwrap();
    assert_eq!(said["statusLine"]["command"], "outlay statusline");
    assert_eq!(connect(&home, &["claude-code", "--undo"]).code, 0);
    assert_eq!(read(&path), bar);
}

#[test]
fn folders_that_variables_name_are_honoured() {
    for (tool, variable, name) in [
        ("claude-code", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("codex", "CODEX_HOME", "config.toml"),
        ("gemini-cli", "GEMINI_CLI_HOME", ".gemini/.env"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/opencode.json"),
        ("qwen", "QWEN_HOME", "settings.json"),
        ("pi", "PI_CODING_AGENT_DIR", "models.json"),
    ] {
        let home = Home::bare();
        let folder = file(&home, "elsewhere");
        let home = home.with_env(variable, folder.to_str().unwrap());
        assert_eq!(connect(&home, &[tool]).code, 0);
        assert!(folder.join(name).is_file(), "{tool}");
    }
}

#[test]
fn a_home_env_file_is_not_hidden_from_gemini_cli() {
    let home = Home::bare();
    let general = write(&home, ".env", "GEMINI_API_KEY=hush\n");
    assert_eq!(connect(&home, &["gemini-cli"]).code, 0);
    let written = format!("GOOGLE_GEMINI_BASE_URL=http://{}/gemini", home.listen());
    assert!(read(&general).contains(&written));
    assert!(!file(&home, ".gemini").exists());
}

#[test]
fn a_new_port_is_written_everywhere_and_doctor_tells() {
    let home = Home::new(&FakeProvider::start());
    let (tool, name, before) = SETTINGS[1];
    let codex = write(&home, name, before);
    let claude = write(&home, ".claude/settings.json", "{\n  \"env\": {}\n}\n");
    connect(&home, &[tool]);
    connect(&home, &["claude-code"]);
    let findings = |state: &str| -> Vec<String> {
        let output = home.cli(&["doctor", "--json"]);
        let said: Value = serde_json::from_str(&output.stdout).unwrap();
        let findings = said["findings"].as_array().unwrap().iter();
        let ours = findings.filter(|f| f["subject"] == "connection" && f["state"] == state);
        ours.map(|f| format!("{} {}", f["text"], f["fix"])).collect()
    };
    let broken = findings("broken");
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken[0].contains("nobody answers") && broken[0].contains("outlay serve"));

    // The user changes something else meanwhile.
    fs::write(&claude, read(&claude).replacen('{', "{\n  \"model\": \"opus\",", 1)).unwrap();
    let server = home.serve();
    let moved = findings("broken");
    assert!(moved[0].contains("outlay connect --all --refresh"), "{moved:?}");
    home.ok(&["connect", "--all", "--refresh"]);
    let address = format!("http://{}/", server.address());
    let old = home.listen().to_string();
    for path in [&codex, &claude] {
        assert!(read(path).contains(&address) && !read(path).contains(&old), "{}", read(path));
    }
    assert_eq!(findings("fine").len(), 2);
    fs::write(&codex, before).unwrap();
    let changed = findings("warning");
    assert!(changed[0].contains("changed since"), "{changed:?}");
    home.ok(&["connect", "--all", "--undo", "--yes"]);
    assert_eq!(read(&codex), before);
    assert_eq!(squeezed(&read(&claude)), "{\"model\":\"opus\",\"env\":{}}");
}

#[test]
fn the_list_says_what_is_connected() {
    let home = Home::bare().with_env("PATH", "/usr/bin:/bin");
    connect(&home, &["codex"]);
    let said = home.json(&["connect"]);
    let address = format!("http://{}", home.listen());
    assert_eq!(said["address"], *address);
    let codex = said["tools"].as_array().unwrap().iter().find(|tool| tool["tool"] == "codex");
    let codex = codex.unwrap();
    assert_eq!(codex["connected"], json!(true));
    assert_eq!(codex["address"], *address);
    let own = home.path().join(".local/bin/qwen");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "").unwrap();
    // Used already, and no setting of it is in the file that would be written.
    fs::create_dir_all(home.path().join(".gemini/tmp")).unwrap();
    // Others' too.
    fs::create_dir_all(home.path().join(".config")).unwrap();
    fs::create_dir_all(home.path().join(".vscode/extensions/saoudrizwan.claude-dev-3.1")).unwrap();
    let table = home.ok(&["connect", "--list"]);
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("qwen").contains(own.to_str().unwrap()), "{table}");
    assert!(row("codex").contains("its settings"), "{table}");
    assert!(row("gemini-cli").contains("its folder"), "{table}");
    for absent in ["pi", "opencode", "aider"] {
        assert!(row(absent).contains("not found"), "{table}");
    }
    assert!(table.contains("Cline is an extension here too"), "{table}");
    assert!(table.lines().any(|line| line.contains("codex") && line.contains(&address)), "{table}");
    for wrong in [&["connect", "--undo"][..], &["connect", "codex", "--statusline"]] {
        assert_eq!(home.cli(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn connections_follow_the_port_and_end_with_outlay() {
    let home = Home::bare();
    let (tool, name, before) = SETTINGS[1];
    let path = write(&home, name, before);
    assert_eq!(connect(&home, &[tool]).code, 0);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    // A proxy that cannot listen sends nobody to who does.
    let connected = read(&path);
    for refused in [&port, "80.1.1.1:4799"] {
        home.try_serve(&["--listen", refused]).unwrap_err();
        assert_eq!(read(&path), connected, "{refused}");
    }
    let server = home.try_serve(&["--listen", &port, "--any-port"]).unwrap();
    let moved = server.address().to_string();
    assert!(read(&path).contains(&moved), "{}", read(&path));
    assert!(server.stderr().contains("Codex now sends its calls to"), "{}", server.stderr());
    let needs = "Codex sends its calls here, and no proxy runs";
    assert!(!home.ok(&["status"]).contains(needs));
    drop(server);
    assert!(home.ok(&["status"]).contains(needs));
    let gone = home.cli(&["uninstall", "--yes", "--purge"]);
    assert_eq!(gone.code, 0, "{gone:?}");
    assert!(gone.stdout.contains("Codex's settings are as they were"), "{gone:?}");
    assert_eq!(read(&path), before);
    assert!(!home.data_dir().exists(), "nothing is left");
}
