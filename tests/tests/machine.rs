//! The user's machine through the local API: tools, logs and settings, as the dashboard shows them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use support::client::Request;
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::log_tree::{self, Truth};
use support::outlay::{Home, Server};
use support::wait::eventually;

const NOW: &str = "2026-11-22T12:00:00Z";

/// A home with the logs of eight tools, and a server in it.
fn with_logs() -> (Home, Server, Truth, Clock) {
    let clock = Clock::at(NOW);
    let home = Home::bare().with_clock(&clock);
    let truth = log_tree::write(home.path(), 1);
    let server = home.serve();
    (home, server, truth, clock)
}

fn sum(sources: &Value, field: &str) -> u64 {
    sources.as_array().unwrap().iter().map(|source| source[field].as_u64().unwrap()).sum()
}

/// The import's end, once it has come.
fn imported(server: &Server) -> Value {
    eventually("the import ends", || {
        let imports = server.read("/imports");
        imports["running"].is_null().then(|| imports["last"].clone())
    })
}

fn tool<'a>(tools: &'a Value, name: &str) -> &'a Value {
    tools["tools"].as_array().unwrap().iter().find(|tool| tool["tool"] == name).unwrap()
}

#[test]
fn tools_are_listed_with_their_settings_and_logs() {
    let (home, server, _, _clock) = with_logs();
    fs::write(home.path().join(".claude/settings.json"), "{ broken").unwrap();
    let tools = server.read("/tools");
    assert_eq!(tools["address"], format!("http://{}", server.address()));
    let names = |document: &Value| -> Vec<Value> {
        let tools = document["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["tool"].clone()).collect()
    };
    assert_eq!(names(&tools), names(&home.json(&["connect"])), "in the command's order");
    let claude = tool(&tools, "claude-code");
    assert_eq!(claude["found"], true);
    assert_eq!(claude["connected"], false);
    assert_eq!(claude["statusline"], false);
    assert!(claude["problem"].as_str().unwrap().contains("cannot be changed safely"), "{claude}");
    assert!(claude["logs"]["files"].as_u64().unwrap() > 0, "{claude}");
    assert!(claude["logs"]["last_modified"].is_string(), "{claude}");
    let llm = tool(&tools, "llm");
    assert_eq!((&llm["connectable"], &llm["problem"]), (&json!(false), &Value::Null));
    assert!(llm["hint"].as_str().unwrap().contains("outlay run"), "{llm}");
    assert_eq!(tool(&tools, "aider")["logs"], Value::Null);
    assert_eq!(tool(&tools, "codex")["statusline"], Value::Null);

    home.ok(&["connect", "codex", "--yes"]);
    let tools = server.read("/tools");
    let codex = tool(&tools, "codex");
    assert_eq!((&codex["connected"], &codex["problem"]), (&json!(true), &Value::Null));
    assert_eq!(codex["address"], format!("http://{}", server.address()));
    let file = codex["config_file"].as_str().unwrap();
    assert!(file.ends_with(".codex/config.toml"), "{file}");
    fs::write(file, "model = \"x\"\n").unwrap();
    let tools = server.read("/tools");
    let codex = tool(&tools, "codex");
    assert!(codex["problem"].as_str().unwrap().contains("changed since"), "{codex}");
    assert!(codex["hint"].as_str().unwrap().contains("outlay connect codex"), "{codex}");
}

#[test]
fn logs_are_imported_in_the_background_and_once() {
    let (home, server, truth, _clock) = with_logs();
    assert_eq!(server.read("/imports"), json!({"running": null, "last": null}));
    let logs = server.read("/logs");
    let files = sum(&logs["sources"], "files");
    assert_eq!(sum(&logs["sources"], "files_new"), files);
    let sources = logs["sources"].as_array().unwrap();
    let tools: BTreeSet<_> = truth.calls.iter().map(|call| call.tool).collect();
    assert_eq!(sources.len(), tools.len());
    assert!(sources.iter().all(|source| source["imported_until"].is_null()), "{logs}");

    let dry = server.api("POST", "/imports", Some(&json!({"dry_run": true})));
    assert_eq!(dry.status, 202, "{}", dry.text());
    let preview = imported(&server);
    assert_eq!(preview["dry_run"], true);
    assert_eq!(home.calls().len(), 0, "a dry run writes nothing");

    let one = server.api("POST", "/imports", Some(&json!({"sources": ["codex"]})));
    assert_eq!((one.status, one.json()["running"]["dry_run"].clone()), (202, json!(false)));
    let last = imported(&server);
    assert_eq!(last["sources"].as_array().unwrap().len(), 1, "{last}");
    assert_eq!(last["sources"][0]["name"], "Codex");

    assert_eq!(server.api("POST", "/imports", None).status, 202);
    let all = imported(&server);
    assert_eq!(all["error"], Value::Null);
    let calls = sum(&all["sources"], "calls") + sum(&last["sources"], "calls");
    assert_eq!(calls, truth.calls.len() as u64);
    assert_eq!(home.calls().len(), truth.calls.len());
    let logs = server.read("/logs");
    let sources = logs["sources"].as_array().unwrap();
    assert!(sources.iter().all(|source| source["imported_until"].is_string()), "{logs}");
    assert_eq!(sum(&logs["sources"], "files_new"), 0, "{logs}");
    assert_eq!(home.json(&["import", "--all"])["sources"][0]["calls"], 0);
    let suggestion = server.read("/suggestion");
    assert!(suggestion["days"].as_u64().unwrap() > 0, "{suggestion}");

    for (body, status) in [
        (json!({"sources": ["emacs"]}), 404),
        (json!({"source": ["codex"]}), 400),
        (json!({"sources": "codex"}), 400),
    ] {
        let answer = server.api("POST", "/imports", Some(&body));
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}

#[test]
fn settings_tell_what_is_written_and_whether_it_is_in_force() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let secret = "https://hooks.slack.com/services/T0/B0/secret";
    home.write_config(&format!(
        "[notifications]\ndesktop = false\nwebhook = [\"{secret}\"]\ncommand = \"tell --key k3y\"\n"
    ));
    let server = home.serve();
    let answer = server.api("GET", "/settings", None);
    let settings = answer.json();
    assert_eq!(settings["timezone"], "Europe/Berlin");
    assert_eq!(settings["address"], server.address().to_string());
    assert_eq!(settings["config_file"], home.config_file().to_str().unwrap());
    assert_eq!(settings["data_folder"], home.data_dir().to_str().unwrap());
    assert!(settings["ledger_bytes"].as_u64().unwrap() > 0);
    assert_eq!(settings["notifications"]["webhooks"], json!(["hooks.slack.com"]));
    assert_eq!(settings["notifications"]["command_set"], true);
    assert!(!answer.text().contains("secret") && !answer.text().contains("k3y"));
    assert_eq!((&settings["restart_needed"], &settings["problem"]), (&json!(false), &Value::Null));

    home.write_config("[admission]\nstrict = true\n");
    let settings = server.read("/settings");
    assert_eq!((&settings["strict"], &settings["restart_needed"]), (&json!(true), &json!(true)));
    home.write_config("strict = true\n");
    let settings = server.read("/settings");
    assert_eq!(settings["strict"], false, "as it is in force");
    assert!(settings["problem"].as_str().unwrap().contains("'strict'"), "{settings}");
}

#[test]
fn who_asks_over_the_network_learns_nothing_of_the_machine() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.write_config("allowed_hosts = [\"box.lan\"]\n");
    // An address of this machine's that is not the loopback's, where it has one.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
    let Some(own) = own.ok().map(|own| own.ip()).filter(|ip| !ip.is_loopback()) else {
        return println!("this machine has no network: who comes over one was not tried");
    };
    let server = home.try_serve(&["--listen", &format!("{own}:0"), "--expose"]).unwrap();
    let command = json!({"notifications": {"command": "true"}});
    for (method, route, status) in [
        ("GET", "/api/v1/status", 200),
        ("GET", "/api/v1/tools", 403),
        ("GET", "/api/v1/settings", 403),
        ("PATCH", "/api/v1/settings", 403),
        ("PUT", "/api/v1/service", 403),
    ] {
        let answer = Request::new(method, route)
            .header("host", "box.lan")
            .header("authorization", &format!("Bearer {}", home.token()))
            .body(command.to_string().into_bytes())
            .send(server.address());
        assert_eq!(answer.status, status, "{method} {route}: {}", answer.text());
    }
}
