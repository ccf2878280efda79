//! What people type by mistake, and what they are told then.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;
use support::client::Request;
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::{chat, price_the_model};
use support::wait::eventually;

#[test]
fn what_makes_no_sense_is_not_taken() {
    let home = Home::bare();
    for (arguments, part) in [
        (&["balance", "warn", "openai", "-5"][..], "below zero"),
        (&["balance", "recharge", "openai", "10", "0"], "adds something"),
        (&["balance", "recharge", "openai", "10"], "how much is added"),
        (&["balance", "recharge", "openai", "off", "50"], "off takes no amount"),
        (&["alerts", "ack", "bogus"], "it is no alert's id: outlay alerts --json has them"),
        (&["serve", "--listen", "127.0.0.1"], "write 127.0.0.1:4780"),
        (&["serve", "--listen", "nowhere"], "a port alone"),
    ] {
        let output = home.cli(arguments);
        assert_eq!(output.code, 2, "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(part), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stderr.trim().lines().count(), 1, "{}", output.stderr);
    }
    assert!(home.json(&["account", "list"])["accounts"].as_array().unwrap().is_empty());
}

#[test]
fn check_says_why_nothing_refuses() {
    let home = Home::bare();
    let check = |words: &str| {
        let output = home.cli(&["check", "--cost", "0.5"]);
        assert_eq!((output.code, output.stdout.contains(words)), (0, true), "{}", output.stdout);
        let json = home.json(&["check", "--cost", "0.5"]);
        assert!(json["message"].as_str().unwrap().contains(words), "{json}");
    };
    check("no hard budget applies");
    home.ok(&["budget", "set", "day", "--limit", "$0", "--window", "day"]);
    assert_eq!(home.cli(&["check", "--cost", "$0.5"]).code, 3);
    home.ok(&["budget", "pause", "day"]);
    check("'day' is paused until outlay budget resume day");
    home.ok(&["budget", "pause", "day", "--for", "2h"]);
    check("no hard budget refuses: 'day' is paused until ");
    home.ok(&["budget", "resume", "day"]);
    home.ok(&["bypass", "20m"]);
    check("No limit refuses until ");
    home.ok(&["bypass", "off"]);
    home.ok(&["budget", "topup", "day", "--by", "1 USD"]);
    check("$0.00 left in budget 'day' and $1.00 in its reserve");
}

#[test]
fn a_missing_folder_is_named() {
    let home = Home::bare();
    home.ok(&["budget", "list"]);
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    for (folder, words) in [
        (home.path().join("nowhere"), "is missing: make that folder, or name another file"),
        (file, "is no folder: name another file"),
    ] {
        let target = folder.join("x");
        let target = target.to_str().unwrap();
        for arguments in [&["backup", target][..], &["export", "-o", target]] {
            let output = home.cli(arguments);
            let expected = format!("outlay: cannot write {target}: {} {words}\n", folder.display());
            assert_eq!((output.code, output.stderr), (1, expected), "{arguments:?}");
        }
    }
}

#[test]
fn dollars_may_be_written_as_dollars() {
    let home = Home::bare();
    home.ok(&["budget", "set", "day", "--limit", "$5", "--window", "day"]);
    home.ok(&["budget", "raise", "day", "--by", "$1"]);
    assert_eq!(home.json(&["budget", "show", "day"])["limit"], "6.00");
    home.ok(&["balance", "set", "openai", "$20"]);
    home.ok(&["balance", "warn", "openai", "$4"]);
    assert_eq!(home.json(&["balance", "list"])["balances"][0]["remaining"], "20.00");
    home.ok(&["prices", "set", "mine", "--input", "$1", "--output", "$2"]);
    home.ok(&["balance", "set", "deepseek", "88", "--currency", "CNY"]);
    for (arguments, part) in [
        (&["balance", "set", "deepseek", "$20"][..], "is in CNY: write the figure alone"),
        (&["budget", "raise", "day", "--by", "-1"], "'-1' takes something away, and --by adds"),
        (&["budget", "topup", "day", "--by", "-1"], "'-1' takes something away, and --by adds"),
        (&["budget", "set", "day", "--limit=-1"], "write an amount of zero or more"),
        (&["calls", "--limit", "x"], "it takes a whole number"),
    ] {
        let output = home.cli(arguments);
        assert_eq!(output.code, 2, "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(part), "{arguments:?}: {}", output.stderr);
    }
}

#[test]
fn an_account_that_was_misspelt_can_be_removed() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["balance", "add", "opanai", "10"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    home.ok(&["account", "rm", "opanai"]);
    let missing = home.cli(&["account", "rm", "opanai"]);
    assert!(missing.code == 1 && missing.stderr.contains("no account 'opanai'"));
    let used = home.cli(&["account", "rm", "openai"]);
    assert!(used.code == 2 && used.stderr.contains("has calls"), "{}", used.stderr);
    // The running proxy does not take the new account for the one that is gone.
    home.ok(&["balance", "add", "gemini", "10"]);
    assert_eq!(chat().send(server.address()).status, 200);
    assert!(home.calls_at_rest().iter().all(|call| call["account"] == "openai"));
    assert_eq!(home.integrity(), "ok");
}

#[test]
fn a_budget_for_a_provider_that_nobody_knows_says_so() {
    let home = Home::bare();
    let set = |provider| {
        home.ok(&["budget", "set", "b", "--limit", "5", "--window", "day", "--provider", provider])
    };
    assert!(set("opnai").contains("did you mean 'openai'?"));
    assert!(!set("openai").contains("no provider"));
    home.write_config(
        "[providers.work]\nbase_url = \"https://llm.example.com\"\ndialect = \"openai\"\n",
    );
    assert!(!set("work").contains("no provider"));
}

#[test]
fn a_raise_that_is_in_force_is_shown() {
    let home = Home::bare();
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let limit = || {
        let shown = home.ok(&["budget", "show", "day"]);
        shown.lines().find(|line| line.starts_with("Limit")).unwrap().to_owned()
    };
    assert!(!limit().contains("raised"));
    home.ok(&["budget", "raise", "day", "--by", "2"]);
    assert!(limit().contains("$7.00 (raised by $2.00 until "), "{}", limit());
    home.ok(&["budget", "set", "n", "--limit", "50", "--window", "total", "--unit", "calls"]);
    home.ok(&["budget", "raise", "n", "--by", "5"]);
    assert!(home.ok(&["budget", "show", "n"]).contains("55 calls (raised by 5 calls for good)"));
}

#[test]
fn an_account_whose_money_is_gone_is_told_everywhere() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.write_config("[admission]\nblock_when_empty = true\n");
    price_the_model(&home);
    let server = home.serve();
    let gone = Script { act: Act::InsufficientQuota, ..Script::default() };
    let request = chat().without(SCRIPT_HEADER).json_header(SCRIPT_HEADER, &gone);
    assert_eq!(request.send(server.address()).status, 429);
    assert_eq!(home.calls_at_rest().len(), 1);
    for arguments in [&["status"][..], &["balance", "list"]] {
        let said = home.ok(arguments);
        assert!(said.contains("said on") && said.contains("the money is gone"), "{said}");
    }
    assert!(home.ok(&["statusline"]).contains("openai is empty"));
    let status = home.json(&["status"]);
    assert_eq!(status["stopped_accounts"][0]["account"], "openai");
    for arguments in [&["check"][..], &["check", "--provider", "openai", "--cost", "1"]] {
        let output = home.cli(arguments);
        assert_eq!(output.code, 3, "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains("the money is gone"), "{}", output.stderr);
    }
    assert_eq!(home.cli(&["check", "--provider", "gemini"]).code, 0);
    let waited = home.cli(&["wait", "--timeout", "300ms"]);
    assert_eq!(waited.code, 3);
    assert_eq!(waited.stderr.matches("the money is gone").count(), 1, "{}", waited.stderr);
    assert!(waited.stderr.contains("after 300ms (balance_empty)"), "{}", waited.stderr);
    home.ok(&["balance", "set", "openai", "10"]);
    assert_eq!(home.cli(&["check"]).code, 0);
}

#[test]
fn other_machines_are_let_in_only_when_that_is_said() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let (status, said) = home.try_serve(&["--listen", "0.0.0.0:0"]).unwrap_err();
    assert!(status.code() == Some(1) && said.contains("--expose"), "{said}");
    let server = home.try_serve(&["--listen", "0.0.0.0:0", "--expose"]).unwrap();
    assert_eq!(server.stderr().lines().count(), 1, "one warning: {}", server.stderr());
    assert!(server.stderr().contains("allowed_hosts"), "{}", server.stderr());
    let port = server.address().port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("0.0.0.0:{port}"), 403),
        (format!("evil.example:{port}"), 403),
    ] {
        let here = format!("127.0.0.1:{port}").parse().unwrap();
        let answer = chat().header("host", &host).send(here);
        assert_eq!(answer.status, status, "{host}: {}", answer.text());
    }
}

#[test]
fn a_taken_port_is_no_end_where_any_will_do() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap();
    let port = taken.port().to_string();
    let (_, said) = home.try_serve(&["--listen", &port]).unwrap_err();
    assert!(said.contains(&taken.to_string()) && said.contains("--any-port"), "{said}");
    let server = home.try_serve(&["--listen", &port, "--any-port"]).unwrap();
    assert!(server.address().port() > taken.port());
    assert!(server.stderr().contains(&format!("{taken} is taken")), "{}", server.stderr());
    assert!(server.stderr().contains("outlay env"), "{}", server.stderr());
    assert_eq!(chat().send(server.address()).status, 200);
    let env = home.ok(&["env"]);
    assert!(env.contains(&server.address().to_string()), "{env}");
    drop((server, held));
}

#[test]
fn nobody_is_pointed_at_a_stranger() {
    let home = Home::bare();
    let held = TcpListener::bind(home.listen()).unwrap();
    let env = home.cli(&["env"]);
    assert_eq!(env.code, 1, "{env:?}");
    assert!(env.stdout.is_empty() && env.stderr.contains("is held by"), "{env:?}");
    drop(held);
    assert!(home.ok(&["env"]).contains(&home.listen().to_string()));
}

#[test]
fn an_upgraded_ledger_says_where_the_old_one_is() {
    let home = Home::bare();
    let migrations =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/core/src/ledger/migrations");
    let mut files: Vec<_> =
        fs::read_dir(migrations).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (_, older) = files.split_last().unwrap();
    let ledger = rusqlite::Connection::open(home.data_dir().join("outlay.db")).unwrap();
    for file in older {
        ledger.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
    }
    ledger.pragma_update(None, "user_version", older.len() as i64).unwrap();
    drop(ledger);
    let first = home.cli(&["status"]);
    let backup = format!("outlay.db.before-migration-from-{}", older.len());
    assert!(first.code == 0 && first.stderr.contains(&backup), "{}", first.stderr);
    assert!(home.data_dir().join(&backup).exists());
    assert_eq!(home.cli(&["status"]).stderr, "", "it is said once");
}

#[test]
fn outlay_goes_without_a_trace_if_asked() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    let kept = home.cli(&["uninstall", "--yes"]);
    assert!(kept.code == 1 && kept.stderr.contains("end it first"), "{}", kept.stderr);
    server.stop();
    assert!(home.ok(&["uninstall", "--yes"]).contains("keeps what was recorded"));
    assert!(home.data_dir().join("outlay.db").exists());
    let unasked = home.cli(&["uninstall", "--purge"]);
    assert!(unasked.code == 2 && unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let autostart = home.path().join(".config/autostart/Outlay.desktop");
    fs::create_dir_all(autostart.parent().unwrap()).unwrap();
    fs::write(&autostart, "").unwrap();
    fs::write(home.config_file(), "no configuration").unwrap();
    let said = home.ok(&["uninstall", "--purge", "--yes"]);
    assert!(said.contains("Removed"), "{said}");
    for path in [home.data_dir(), home.config_file(), autostart] {
        assert!(!path.exists(), "{} is still there", path.display());
    }
    assert_eq!(home.cli(&["uninstall", "--purge", "--yes"]).code, 0, "a second time");
}

#[test]
fn over_the_network_a_loopback_name_is_forged() {
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
    let port = server.address().port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 403),
        (format!("localhost:{port}"), 403),
        (format!("{own}:{port}"), 403),
        ("box.lan".to_owned(), 200),
    ] {
        for request in [
            Request::get("/healthz"),
            Request::get("/openai/v1/models"),
            Request::post("/openai/v1/embeddings", &json!({"model": "m", "input": "x"})),
        ] {
            let answer = request.header("host", &host).send(server.address());
            assert_eq!(answer.status, status, "{host}: {}", answer.text());
        }
    }
}

#[test]
fn an_export_goes_to_standard_output_by_its_usual_name() {
    let home = Home::bare();
    assert_eq!(home.ok(&["export", "-o", "-"]), home.ok(&["export"]));
    assert!(!home.path().join("-").exists());
}

#[test]
fn a_part_of_a_calls_id_is_enough() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    for _ in 0..2 {
        assert_eq!(chat().send(server.address()).status, 200);
    }
    let calls = home.calls_at_rest();
    let id = &calls[0]["id"];
    for part in [&id[..35], &id[24..], id.as_str()] {
        assert_eq!(home.json(&["calls", "show", part])["id"], json!(id), "{part}");
    }
    let ambiguous = home.cli(&["calls", "show", &id[..6]]);
    assert_eq!(ambiguous.code, 2, "{ambiguous:?}");
    assert!(ambiguous.stderr.contains("several calls, such as"), "{}", ambiguous.stderr);
}

/// pi and Cline read no address from their surroundings, so no run can hold them.
#[test]
fn a_run_says_whom_its_limit_does_not_hold() {
    let home = Home::new(&FakeProvider::start());
    let pi = home.path().join("pi");
    fs::write(&pi, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&pi, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let pi = pi.to_str().unwrap();
    let limited = ["run", "--max-cost", "1", "--", pi];
    for (arguments, parts) in [
        (&["run", "--", pi][..], &["run outlay connect pi first"][..]),
        (&limited, &["--max-cost does not hold", "outlay connect pi"]),
    ] {
        let said = home.cli(arguments);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(parts.iter().all(|part| said.stderr.contains(part)), "{}", said.stderr);
    }
    home.ok(&["connect", "pi", "--yes"]);
    let said = home.cli(&limited).stderr;
    assert!(said.contains("not as this run's, so --max-cost does not hold"), "{said}");
}

#[test]
fn two_proxies_of_a_ledger_know_of_each_other() {
    let home = Home::bare();
    let first = home.serve();
    let shown = || home.cli(&["dashboard", "--print"]).stdout;
    let has = |server: &support::outlay::Server| shown().contains(&server.address().to_string());
    let second = home.serve();
    let said = format!("another proxy of this ledger answers at http://{}", first.address());
    eventually("it says so", || second.stderr().contains(&said).then_some(()));
    assert!(has(&second));
    // Killed, it leaves its mark behind.
    second.kill();
    eventually("the first is found again", || has(&first).then_some(()));
    drop(first.stop());
}
