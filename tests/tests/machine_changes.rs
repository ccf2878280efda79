//! The user's machine changed through the local API: tools' settings, the configuration, the service,
//! copies and exports. Each change is what the command of that name makes.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use support::client::Answer;
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::story::{Day, chat, price_the_model};

fn message(answer: &Answer) -> String {
    answer.json()["message"].as_str().unwrap_or_default().to_owned()
}

fn send(server: &Server, method: &str, route: &str, body: &Value) -> Value {
    let answer = server.api(method, route, Some(body).filter(|body| !body.is_null()));
    assert_eq!(answer.status, 200, "{method} {route}: {}", answer.text());
    answer.json()
}

#[test]
fn a_tool_is_connected_and_put_back() {
    let home = Home::bare();
    let server = home.serve();
    let file = home.path().join(".codex/config.toml");
    fs::create_dir(home.path().join(".codex")).unwrap();
    let before = "# mine\nmodel = \"gpt-5\"\n";
    fs::write(&file, before).unwrap();
    let route = "/tools/codex/connection";

    let planned = send(&server, "POST", route, &json!({"dry_run": true}));
    assert_eq!(planned["changes"][0]["backup"], Value::Null, "{planned}");
    assert_eq!(fs::read_to_string(&file).unwrap(), before, "a dry run writes nothing");
    let done = send(&server, "POST", route, &Value::Null);
    assert_eq!(done["changes"][0]["diff"], planned["changes"][0]["diff"]);
    assert!(done["changes"][0]["diff"].as_str().unwrap().contains("+openai_base_url"), "{done}");
    let backup = done["changes"][0]["backup"].as_str().unwrap();
    assert_eq!(fs::read_to_string(backup).unwrap(), before);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.contains(&server.address().to_string()) && after.contains("# mine"), "{after}");
    assert_eq!(send(&server, "POST", route, &Value::Null)["changes"], json!([]));

    let planned = send(&server, "DELETE", &format!("{route}?dry_run=true"), &Value::Null);
    assert_eq!(planned["changes"][0]["file"], file.to_str().unwrap());
    assert_eq!(fs::read_to_string(&file).unwrap(), after);
    send(&server, "DELETE", route, &Value::Null);
    assert_eq!(fs::read_to_string(&file).unwrap(), before, "to the byte");
    let again = send(&server, "DELETE", route, &Value::Null);
    assert!(again["note"].as_str().unwrap().contains("not connected"), "{again}");

    let claude = home.path().join(".claude/settings.json");
    send(&server, "POST", "/tools/claude-code/connection", &json!({"statusline": true}));
    assert!(fs::read_to_string(&claude).unwrap().contains("outlay statusline"));
    let removed = send(&server, "DELETE", "/tools/claude-code/connection", &Value::Null);
    assert!(removed["note"].as_str().unwrap().contains("is removed"), "{removed}");
    assert!(!claude.exists());
}

#[test]
fn what_cannot_be_changed_is_said_and_left() {
    let home = Home::bare();
    let server = home.serve();
    fs::create_dir(home.path().join(".codex")).unwrap();
    let broken = "model = \n";
    fs::write(home.path().join(".codex/config.toml"), broken).unwrap();
    for (route, body, status, part) in [
        ("/tools/codex/connection", json!({}), 409, "cannot be changed safely (line 1"),
        ("/tools/codex/connection", json!({"statusline": true}), 400, "no status line"),
        ("/tools/codex/connection", json!({"dry": true}), 400, "dry"),
        ("/tools/emacs/connection", json!({}), 404, "known tools are"),
        ("/tools/llm/connection", json!({}), 409, "outlay run"),
    ] {
        let answer = server.api("POST", route, Some(&body));
        assert_eq!(answer.status, status, "{route} {body}: {}", answer.text());
        assert!(message(&answer).contains(part), "{route} {body}: {}", answer.text());
    }
    assert_eq!(fs::read_to_string(home.path().join(".codex/config.toml")).unwrap(), broken);
}

#[test]
fn settings_are_written_as_their_user_would_and_validated_first() {
    let home = Home::bare();
    let before = "# mine\ntimezone = \"Europe/Berlin\"  # days\n\n[notifications]\n\
                  desktop = false\nwebhook = [\"https://a.example/secret\"]\n";
    fs::write(home.config_file(), before).unwrap();
    let server = home.serve();
    for (body, part) in [
        (json!({"timezone": "Europe/Berln"}), "did you mean Europe/Berlin?"),
        (json!({"listen": "here"}), "'listen' cannot be \"here\""),
        (json!({"listen": "0.0.0.0:4780"}), "can be reached from other machines"),
        (json!({"strict": "yes"}), "strict"),
        (json!({"strickt": true}), "strickt"),
        (json!({"notifications": {"quiet_hours": "late"}}), "'notifications.quiet_hours'"),
        (json!({"notifications": {"webhooks": ["b.example"]}}), "'b.example' is no webhook"),
    ] {
        let answer = server.api("PATCH", "/settings", Some(&body));
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(message(&answer).contains(part), "{body}: {}", answer.text());
        assert_eq!(fs::read_to_string(home.config_file()).unwrap(), before, "{body}");
    }
    let change = json!({"timezone": "UTC", "strict": true, "listen": "127.0.0.1:4799"});
    let settings = send(&server, "PATCH", "/settings", &change);
    assert_eq!((&settings["timezone"], &settings["strict"]), (&json!("UTC"), &json!(true)));
    assert_eq!(settings["restart_needed"], true);
    let written = fs::read_to_string(home.config_file()).unwrap();
    assert!(written.contains("# mine") && written.contains("\"UTC\"  # days"), "{written}");
    assert!(written.contains("[admission]\nstrict = true"), "{written}");
    let kept = home.data_dir().join("outlay.toml.before");
    assert_eq!(fs::read_to_string(&kept).unwrap(), before);
    assert_eq!(fs::metadata(kept).unwrap().permissions().mode() & 0o77, 0, "it may hold secrets");
    home.ok(&["status"]);

    let back = json!({"timezone": null});
    assert_eq!(send(&server, "PATCH", "/settings", &back)["timezone_set"], false);
    let one_more = json!({"notifications": {"webhooks": ["a.example", "https://b.example/x"]}});
    let settings = send(&server, "PATCH", "/settings", &one_more);
    assert_eq!(settings["notifications"]["webhooks"], json!(["a.example", "b.example"]));
    let written = fs::read_to_string(home.config_file()).unwrap();
    assert!(written.contains("https://a.example/secret"), "{written}");

    fs::write(home.config_file(), "strickt = true\n").unwrap();
    let answer = server.api("PATCH", "/settings", Some(&json!({"strict": true})));
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(message(&answer).contains("there is no key 'strickt'"), "{}", answer.text());
}

#[test]
fn ways_of_alerts_are_taken_on_at_once() {
    let home = Home::bare();
    let server = home.serve();
    let none = server.api("POST", "/alerts/tests", None);
    assert_eq!(none.status, 409, "{}", none.text());
    assert!(message(&none).contains("nothing is set"), "{}", none.text());
    let told = home.path().join("told");
    let command = format!("cat >> '{}'", told.display());
    let change = json!({"notifications": {"command": command}});
    let settings = send(&server, "PATCH", "/settings", &change);
    assert_eq!(settings["notifications"]["command_set"], true);
    assert_eq!(settings["restart_needed"], false, "{settings}");
    let test = send(&server, "POST", "/alerts/tests", &Value::Null);
    let way = json!({"channel": "command", "delivered": true, "error": null, "fix": null});
    assert_eq!(test, json!({"ways": [way]}));
    assert!(fs::read_to_string(&told).unwrap().contains("asked for by: the dashboard"));

    let change = json!({"notifications": {"command": "exit 3"}});
    send(&server, "PATCH", "/settings", &change);
    let test = send(&server, "POST", "/alerts/tests", &Value::Null);
    let error = test["ways"][0]["error"].as_str().unwrap();
    assert!(error.contains("exit status: 3"), "{test}");
    assert!(test["ways"][0]["fix"].as_str().unwrap().contains("by hand"), "{test}");
    let change = json!({"notifications": {"command": null}});
    let settings = send(&server, "PATCH", "/settings", &change);
    assert_eq!(settings["notifications"]["command_set"], false);
}

#[test]
fn copies_and_exports_are_never_written_over() {
    let day = Day::with_a_refusal();
    let (home, server) = (&day.home, &day.server);
    let name = |document: &Value| {
        let path = Path::new(document["file"].as_str().unwrap()).to_owned();
        assert!(path.is_file(), "{document}");
        path
    };
    let first = send(server, "POST", "/exports", &json!({"format": "csv"}));
    assert_eq!(first["rows"], 3);
    let data = home.data_dir().join("exports/outlay-2026-11-21_2026-11-21.csv");
    assert_eq!(name(&first), data, "no folder of downloads is there");
    assert_eq!(fs::read_to_string(data).unwrap(), home.ok(&["export"]));
    let downloads = home.path().join("Downloads");
    fs::create_dir(&downloads).unwrap();
    let wanted = json!({"format": "json", "since": "2026-11-01", "until": "2026-11-22"});
    for expected in ["outlay-2026-11-01_2026-11-21.jsonl", "outlay-2026-11-01_2026-11-21-2.jsonl"] {
        let exported = send(server, "POST", "/exports", &wanted);
        assert_eq!(name(&exported), downloads.join(expected));
    }
    let none = json!({"format": "csv", "since": "2026-11-01", "until": "2026-11-02"});
    assert_eq!(send(server, "POST", "/exports", &none)["rows"], 0);
    for body in [
        json!({}),
        json!({"format": "xml"}),
        json!({"format": "csv", "since": "soon"}),
        json!({"format": "csv", "since": "2026-11-02", "until": "2026-11-01"}),
    ] {
        assert_eq!(server.api("POST", "/exports", Some(&body)).status, 400, "{body}");
    }
    for expected in ["backups/outlay-2026-11-21.db", "backups/outlay-2026-11-21-2.db"] {
        let copy = send(server, "POST", "/backups", &json!({}));
        assert_eq!(name(&copy), home.data_dir().join(expected));
        assert_eq!(copy["bytes"], fs::metadata(name(&copy)).unwrap().len());
    }
}

#[test]
fn the_service_is_set_up_as_by_the_command() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    home.write_config(&format!("listen = \"{}\"\n", held.local_addr().unwrap()));
    let server = home.serve();
    let none = server.read("/service");
    assert_eq!((&none["installed"], &none["answers"]), (&json!(false), &json!(false)), "{none}");
    assert!(none["detail"].as_str().unwrap().contains("No service is installed"), "{none}");
    let taken = server.api("PUT", "/service", None);
    assert_eq!(taken.status, 409, "{}", taken.text());
    assert!(message(&taken).contains("is held by"), "{}", taken.text());

    home.write_config(&format!("listen = \"{free}\"\n"));
    let done = send(&server, "PUT", "/service", &Value::Null);
    assert_eq!(done["installed"], true);
    assert!(done["detail"].as_str().unwrap().contains("Wrote "), "{done}");
    assert!(Path::new(done["file"].as_str().unwrap()).starts_with(home.path()), "{done}");
    assert!(server.read("/service")["detail"].as_str().unwrap().contains("is defined in"));
    let gone = send(&server, "DELETE", "/service", &Value::Null);
    assert_eq!(gone["installed"], false);
    assert!(gone["detail"].as_str().unwrap().contains("Removed "), "{gone}");
    price_the_model(&home);
    assert_eq!(chat().send(server.address()).status, 200, "it answers as before");
}
