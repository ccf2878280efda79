//! Whatever goes wrong is said in a clear sentence, and loses nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::client::Request;
use support::fake_provider::{FakeProvider, encode};
use support::outlay::{Call, Home, Output, Server};
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::{CHAT, chat, chat_stream, price_the_model};
use support::wait::eventually;

/// Not root: the unprivileged user and group of every Debian.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

#[test]
fn broken_bodies_are_passed_on_and_counted() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let bodies: [&[u8]; 6] = [
        b"",
        b"{",
        b"null",
        b"[1, 2",
        b"\xff\xfe\x00",
        br#"{"model": 7, "max_tokens": "many", "stream": "yes", "messages": {}}"#,
    ];
    for path in [
        CHAT,
        "/anthropic/v1/messages",
        "/openai/v1/responses",
        "/openai/v1/embeddings",
        "/gemini/v1beta/models/x:generateContent",
    ] {
        for body in bodies {
            let answer = Request::post(path, &Value::Null).body(body).send(server.address());
            assert!((200..500).contains(&answer.status), "{path} {body:?}: {}", answer.status);
        }
    }
    let unchanged =
        provider.served().iter().all(|request| bodies.contains(&request.body.as_slice()));
    assert!(unchanged, "a body that is not understood is not touched");
    still_works(&home, &server);
}

#[test]
fn a_broken_body_cannot_slip_past_a_hard_budget() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    for body in ["{", "null", "{\"model\": 7}"] {
        let answer = Request::post(CHAT, &Value::Null).body(body).send(server.address());
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.status);
        assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("Outlay"));
    }
    assert!(provider.served().is_empty());
}

#[test]
fn fifty_megabytes_pass() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    let text = "x".repeat(50 * 1024 * 1024);
    let body = json!({"model": "story-model", "max_tokens": 200,
        "messages": [{"role": "user", "content": text}]})
    .to_string();
    let answer = chat().body(body.clone()).send(server.address());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(provider.served()[0].body == body.as_bytes(), "the body arrived changed");
    still_works(&home, &server);
}

#[test]
fn compressed_requests_are_understood() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    let body = json!({"model": "story-model", "max_tokens": 200, "messages": []}).to_string();
    let packed = encode("zstd", body.as_bytes());
    let answer =
        chat().header("content-encoding", "zstd").body(packed.clone()).send(server.address());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-outlay-cost"), Some("0.002"));
    assert_eq!(provider.served()[0].body, packed);
}

#[test]
fn unknown_models_and_providers() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let unknown = Request::post("/nosuch/v1/things", &json!({})).send(server.address());
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("nosuch"), "{}", unknown.text());
    assert!(unknown.text().contains("openai"), "it names the known ones: {}", unknown.text());
    let answer = chat().send(server.address());
    assert_eq!(answer.status, 200);
    let call = &home.calls_at_rest()[0];
    assert_eq!((call["basis"].as_str(), call["cost_usd"].as_str()), ("unpriced", ""));
    let report = home.ok(&["prices", "list"]);
    assert!(report.contains("gpt-4o"));
    let output = home.cli(&["prices", "show", "gpt-4oo"]);
    assert_sentence(&output, 1, &["gpt-4oo", "gpt-4o"]);
}

#[test]
fn an_upstream_that_misbehaves_costs_what_it_can_have_cost() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    for (act, stream, http, status, kind) in [
        (Act::ServerError, false, 500, "failed", "overloaded"),
        (Act::ServerError, true, 500, "failed", "overloaded"),
        (Act::RateLimit, false, 429, "failed", "rate_limit"),
        (Act::InsufficientQuota, false, 429, "failed", "insufficient_quota"),
        (Act::RubbishBody, false, 200, "estimated", ""),
        (Act::RubbishBody, true, 200, "estimated", ""),
        (Act::Close, false, 200, "estimated", ""),
        (Act::Close, true, 200, "estimated", ""),
        (Act::Reset, true, 200, "estimated", ""),
        (Act::Rubbish, false, 502, "estimated", "other"),
    ] {
        let request = if stream { chat_stream() } else { chat() };
        let script = Script { act, output_tokens: 500, ..Script::default() };
        let answer = with_script(&request, &script).try_send(server.address());
        let call = home.calls_at_rest().pop().unwrap();
        let what = format!("{act:?} stream {stream}: {call:?}");
        assert_eq!(
            (call["status"].as_str(), call["error_kind"].as_str()),
            (status, kind),
            "{what}"
        );
        assert_eq!(call["cost_usd"].is_empty(), status == "failed", "{what}");
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status, http, "{what}");
        let money_gone = (act == Act::InsufficientQuota).then_some("false");
        assert_eq!(answer.header("x-should-retry"), money_gone, "{what}");
        if matches!(act, Act::Close | Act::Reset) {
            assert!(!answer.whole, "a broken answer must not look whole: {what}");
        }
    }
    still_works(&home, &server);
    assert_eq!(server.read("/budgets/day")["held"], "0.00");
}

#[test]
fn an_upstream_that_is_not_there_costs_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::bare().with_env("OUTLAY_UPSTREAM_OPENAI", &format!("http://{closed}"));
    price_the_model(&home);
    let server = home.serve();
    let answer = chat().send(server.address());
    assert_eq!(answer.status, 502);
    let text = answer.text();
    assert!(text.contains("Outlay") && text.contains(&closed.to_string()), "{text}");
    let call = &home.calls_at_rest()[0];
    assert_eq!((call["status"].as_str(), call["cost_usd"].as_str()), ("failed", ""));
}

#[test]
fn a_client_that_leaves_is_charged_an_estimate_and_the_upstream_is_dropped() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    for act in [Act::Stall, Act::Hang] {
        let script = Script { act, output_tokens: 500, ..Script::default() };
        let request = with_script(&chat_stream(), &script);
        let address = server.address();
        let before = provider.served().len();
        if act == Act::Stall {
            request.open(address).unwrap().read_until("Certainly.");
        } else {
            let mut socket = std::net::TcpStream::connect(address).unwrap();
            let body = json!({"model": "story-model", "stream": true, "messages": []}).to_string();
            let head = format!(
                "POST {CHAT} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\
                {SCRIPT_HEADER}: {}\r\n\r\n",
                body.len(),
                serde_json::to_string(&script).unwrap()
            );
            std::io::Write::write_all(&mut socket, (head + &body).as_bytes()).unwrap();
            eventually("it is forwarded", || (provider.served().len() > before).then_some(()));
        }
        let call = home.calls_at_rest().pop().unwrap();
        assert_eq!(call["status"], "estimated", "{act:?}");
        assert_eq!(call["basis"], "estimated", "{act:?}");
        assert!(!call["cost_usd"].is_empty(), "{act:?}: {call:?}");
    }
}

#[test]
fn a_websocket_upgrade_is_refused_so_that_codex_posts() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let answer = Request::get("/openai/v1/responses")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .send(server.address());
    assert_eq!(answer.status, 426);
    assert!(provider.served().is_empty());
}

#[test]
fn a_port_in_use_is_named_with_its_holder() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let address = server.address().to_string();
    let (status, said) = home.try_serve(&["--listen", &address]).unwrap_err();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains(&address) && said.contains("outlay"), "{said}");
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = foreign.local_addr().unwrap().to_string();
    let (_, said) = home.try_serve(&["--listen", &address]).unwrap_err();
    assert!(said.contains(&address), "{said}");
    still_works(&home, &server);
}

#[test]
fn a_data_folder_that_cannot_be_written() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_launcher(&NOBODY);
    let output = home.cli(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let folder = home.data_dir();
    assert_sentence(&output, 1, &[folder.to_str().unwrap()]);
    let (_, said) = home.try_serve(&[]).unwrap_err();
    assert!(said.contains(folder.to_str().unwrap()), "{said}");
}

#[test]
fn a_full_disk_refuses_before_it_loses() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let Some(_disk) = SmallDisk::mount(&home.data_dir()) else {
        println!("no small disk can be mounted here: the full disk was not tried");
        return;
    };
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    let filler = home.data_dir().join("filler");
    let full = fs::write(&filler, vec![0; 64 << 20]);
    assert!(full.is_err(), "the disk is larger than it should be");
    let refused = eventually("the ledger runs out of space", || {
        let answer = chat().send(server.address());
        (answer.status != 200).then_some(answer)
    });
    assert!(refused.status >= 500, "{}", refused.status);
    assert!(refused.text().contains("Outlay"), "{}", refused.text());
    let served = provider.served().len();
    fs::remove_file(&filler).unwrap();
    eventually("it goes on by itself", || {
        (chat().send(server.address()).status == 200).then_some(())
    });
    let calls = home.calls_at_rest();
    let known = calls.iter().filter(|call| !call["cost_usd"].is_empty()).count();
    assert!(known > served, "{known} of more than {served} served calls have a cost");
    assert_eq!(home.integrity(), "ok");
}

#[test]
fn a_newer_ledger_is_refused_and_untouched() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let file = home.data_dir().join("outlay.db");
    let ledger = rusqlite::Connection::open(&file).unwrap();
    ledger.pragma_update(None, "user_version", 9999).unwrap();
    ledger.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(ledger);
    let before = fs::read(&file).unwrap();
    let output = home.cli(&["status"]);
    assert_sentence(&output, 1, &["newer", "outlay.db"]);
    let (_, said) = home.try_serve(&[]).unwrap_err();
    assert!(said.contains("newer"), "{said}");
    assert!(fs::read(&file).unwrap() == before, "the file was changed");
}

#[test]
fn a_corrupt_ledger_is_named_with_a_way_out() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let file = home.data_dir().join("outlay.db");
    fs::write(&file, b"this is no database, but it is long enough to be taken for one".repeat(99))
        .unwrap();
    let before = fs::read(&file).unwrap();
    for command in [&["status"][..], &["budget", "list"], &["export"]] {
        assert_sentence(&home.cli(command), 1, &["outlay.db"]);
    }
    let (_, said) = home.try_serve(&[]).unwrap_err();
    assert!(said.contains("outlay.db"), "{said}");
    assert!(fs::read(&file).unwrap() == before, "the file was changed");
}

#[test]
fn a_wrong_config_is_named_with_what_was_meant() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    for (config, words) in [
        ("lisen = \"127.0.0.1:0\"", &["lisen", "listen"][..]),
        ("[refusal]\nstats = \"auto\"", &["stats", "status"]),
        ("[refusal]\nstatus = \"418\"", &["418", "402"]),
        ("[admission]\nwait_max = \"soon\"", &["soon"]),
        ("listen = 7", &["listen"]),
        ("[[[", &["outlay.toml"]),
        ("[providers.work]\nbase_url = \"no url\"", &["work"]),
    ] {
        home.write_config(config);
        let output = home.cli(&["status"]);
        assert_sentence(&output, 1, words);
        assert!(output.stderr.contains("outlay.toml"), "{}", output.stderr);
    }
    home.write_config("");
    fs::write(home.config_file(), "timezone = \"Europe/Berln\"\n").unwrap();
    assert_sentence(&home.cli(&["status"]), 1, &["Europe/Berln"]);
}

#[test]
fn wrong_use_is_told_from_failure() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    for (arguments, code, words) in [
        (&["nosuch"][..], 2, &["nosuch"][..]),
        (&["budget", "set", "day"], 2, &["--limit"]),
        (&["budget", "set", "day", "--limit", "five", "--window", "day"], 2, &["five"]),
        (&["budget", "set", "day", "--limit", "-5", "--window", "day"], 2, &["-5"]),
        (&["budget", "set", "day", "--limit", "5", "--window", "fortnight"], 2, &["fortnight"]),
        (&["budget", "show", "nosuch"], 1, &["nosuch"]),
        (&["budget", "raise", "nosuch", "--by", "5"], 1, &["nosuch"]),
        (&["report", "--since", "yesterweek"], 2, &["yesterweek"]),
        (&["report", "--timezone", "Mars/Olympus"], 2, &["Mars/Olympus"]),
        (&["calls", "show", "no-uuid"], 2, &["no-uuid"]),
    ] {
        let output = home.cli(arguments);
        assert_sentence(&output, code, words);
    }
}

/// The proxy still answers, the ledger is sound.
fn still_works(home: &Home, server: &Server) {
    price_the_model(home);
    let answer = chat().send(server.address());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(home.integrity(), "ok");
    let statuses: Vec<Call> = home.calls_at_rest();
    assert!(!statuses.is_empty());
}

fn with_script(request: &Request, script: &Script) -> Request {
    request.clone().without(SCRIPT_HEADER).json_header(SCRIPT_HEADER, script)
}

/// A failure that says in a sentence what is wrong: with these words, and no debug output.
fn assert_sentence(output: &Output, code: i32, words: &[&str]) {
    let said = &output.stderr;
    assert_eq!(output.code, code, "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("Err("), "{said}");
}

/// A file system of 2 MB, unmounted with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<SmallDisk> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder)
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            return None;
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        Some(SmallDisk(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}
