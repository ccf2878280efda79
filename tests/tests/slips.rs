//! What is said beside the answer: names that were probably meant otherwise, and what else holds.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use serde_json::json;
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::outlay::{Call, Home};
use support::story::{chat, price_the_model};
use support::wait::eventually;

/// The one call, once it is in the ledger: it is answered before.
fn written(home: &Home) -> Call {
    eventually("the call is written", || home.calls_at_rest().pop())
}

#[test]
fn a_name_that_is_much_like_a_known_one_is_asked_about() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    let call = chat().header("x-outlay-client", "agent-one");
    assert_eq!(call.send(server.address()).status, 200);
    written(&home);
    let budget = |scope: [&str; 2]| {
        home.ok(&[&["budget", "set", "b", "--limit", "5", "--window", "day"][..], &scope].concat())
    };
    for (said, note) in [
        (home.ok(&["balance", "add", "opnai", "5"]), Some("did you mean 'openai'?")),
        (home.ok(&["balance", "set", "antropic", "5"]), Some("did you mean 'anthropic'?")),
        (home.ok(&["balance", "add", "work", "5"]), Some("outlay account link KEY work")),
        (home.ok(&["balance", "add", "openai", "5"]), None),
        (budget(["--account", "openia"]), Some("some have 'openai': is that meant?")),
        (budget(["--account", "openai"]), None),
        (budget(["--project", "a-new-one"]), None),
        (budget(["--model", "gpt-*"]), None),
    ] {
        let asks = ["did you mean", "is that meant?", "links one"];
        let is_asked = asks.iter().any(|words| said.contains(words));
        assert_eq!(is_asked, note.is_some(), "{said}");
        assert!(said.contains(note.unwrap_or_default()), "{note:?}: {said}");
    }
}

#[test]
fn what_else_holds_is_said_where_one_thing_is_set() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    assert_eq!(chat().header("authorization", "Bearer k").send(server.address()).status, 200);
    let call = written(&home);
    let (model, is_unpriced) = (call["model_requested"].clone(), call["basis"] == "unpriced");
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    home.ok(&["budget", "raise", "day", "--by", "1"]);
    home.ok(&["balance", "set", "openai", "50"]);
    home.ok(&["balance", "warn", "openai", "10%"]);
    for (arguments, part) in [
        (&["budget", "set", "day", "--limit", "10"][..], "of $11.00 (raised by $1.00 until "),
        (&["balance", "warn", "openai", "12h"], "within 12 hours, and warns below 10 %"),
        (&["budget", "history", "day"], "limit 5"),
    ] {
        let said = home.ok(arguments);
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(!said.contains("may_cap"), "{said}");
    }
    let priced = home.ok(&["prices", "set", &model, "--input", "1", "--output", "2", "--force"]);
    assert_eq!(priced.contains("1 call so far had no price"), is_unpriced, "{priced}");
}

#[test]
fn a_proxy_that_ends_names_the_tools_that_need_it() {
    let home = Home::bare();
    let codex = home.path().join(".codex");
    fs::create_dir_all(&codex).unwrap();
    fs::write(codex.join("config.toml"), "model = \"gpt-5.4\"\n").unwrap();
    let server = home.serve();
    home.ok(&["connect", "codex"]);
    let (_, said) = server.stop();
    assert!(said.contains("Codex sends its calls here: nothing answers them"), "{said}");
    home.ok(&["connect", "codex", "--undo"]);
    let (_, said) = home.serve().stop();
    assert!(!said.contains("Codex"), "{said}");
}

#[test]
fn several_raises_are_told_by_the_first_that_ends() {
    let home = Home::bare().with_clock(&Clock::at("2026-11-22T12:00:00Z"));
    let shown = || home.ok(&["budget", "show", "day"]);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    home.ok(&["budget", "raise", "day", "--by", "3"]);
    assert!(shown().contains("$8.00 (raised by $3.00 until "), "{}", shown());
    home.ok(&["budget", "raise", "day", "--by", "1", "--until", "1h"]);
    let both = "$9.00 (raised by $4.00 in all, by less from ";
    assert!(shown().contains(both), "{}", shown());
    let lowered = home.ok(&["budget", "raise", "day", "--off"]);
    assert!(lowered.contains("lowered by $4.00 again"), "{lowered}");
    assert!(lowered.contains("$0.00 of $5.00 used"), "{lowered}");
    let none = home.ok(&["budget", "raise", "day", "--off"]);
    assert!(none.contains("was not raised"), "{none}");
    assert!(home.ok(&["budget", "history", "day"]).contains("lowered"));
    home.ok(&["budget", "raise", "day", "--by", "1"]);
    home.ok(&["budget", "rm", "day"]);
    let anew = home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    assert!(anew.contains("$0.00 of $5.00 used, resets"), "{anew}");
}

#[test]
fn what_is_left_is_that_of_the_budget_with_the_least() {
    let home = Home::bare();
    home.ok(&["budget", "set", "month", "--limit", "5", "--window", "month"]);
    home.ok(&["budget", "set", "day", "--limit", "2", "--window", "day"]);
    let said = home.ok(&["check"]);
    assert!(said.contains("$2.00 left in budget 'day'"), "{said}");
}

#[test]
fn what_is_imported_may_use_a_budget_up() {
    let home = Home::bare().with_clock(&Clock::at("2026-11-22T12:00:00Z"));
    let log = home.path().join(".claude/projects/shop/s-1.jsonl");
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let line = json!({
        "type": "assistant", "isSidechain": false, "sessionId": "s-1", "cwd": "/home/me/shop",
        "timestamp": "2026-11-22T11:00:00.000Z", "requestId": "req_1",
        "message": {"id": "msg_1", "type": "message", "role": "assistant",
            "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "…"}],
            "usage": {"input_tokens": 1_000_000, "output_tokens": 0,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}}
    });
    fs::write(&log, format!("{line}\n")).unwrap();
    home.ok(&["budget", "set", "month", "--limit", "2", "--window", "month"]);
    let said = home.ok(&["import", "claude-code"]);
    assert!(said.contains("Budget 'month' refuses calls until"), "{said}");
    assert!(said.contains("To go on: outlay budget raise month --by 2"), "{said}");
    assert!(!home.ok(&["import", "claude-code", "--dry-run"]).contains("refuses calls"));
    let again = home.ok(&["import", "claude-code"]);
    assert!(again.contains("no log has changed since it was last read"), "{again}");
    let lower = home.ok(&["budget", "set", "month", "--limit", "1"]);
    assert!(lower.contains("refuses calls until"), "{lower}");
    home.ok(&["budget", "topup", "month", "--by", "5"]);
    let status = home.ok(&["status"]);
    assert!(status.contains("Reserve") && status.contains("$5.00"), "{status}");
    let off = home.ok(&["budget", "topup", "month", "--off"]);
    assert!(off.contains("has no reserve any more: $5.00 is taken back"), "{off}");
    assert!(home.ok(&["budget", "topup", "month", "--off"]).contains("has no reserve."));
    assert!(!home.ok(&["status"]).contains("Reserve"));
    let file = home.path().join("calls.csv");
    let exported = home.ok(&["export", "-o", file.to_str().unwrap()]);
    assert_eq!(exported, format!("Wrote 1 call to {}, as CSV.\n", file.display()));
}

#[test]
fn a_call_that_is_too_large_for_a_limit_keeps_no_other_out() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    home.ok(&["budget", "set", "day", "--limit", "0.0001", "--window", "day", "--no-cap"]);
    let refused = chat().send(server.address());
    assert_eq!(refused.status, 402);
    assert!(refused.text().contains("too small for this call"), "{}", refused.text());
    eventually("the refusal is written", || home.calls().pop());
    assert_eq!(home.json(&["budget", "show", "day"])["state"], "ok");
    assert!(home.ok(&["check"]).contains("$0.0001 left in budget 'day'"));
    // One that would fit on another day tells of what is left today.
    home.ok(&["budget", "set", "day", "--limit", "0.003"]);
    assert_eq!(chat().send(server.address()).status, 200);
    written(&home);
    assert_eq!(chat().send(server.address()).status, 402);
    eventually("the budget refuses", || {
        (home.json(&["budget", "show", "day"])["state"] == "blocked").then_some(())
    });
    assert_eq!(home.cli(&["check"]).code, 3);
}

#[test]
fn places_that_are_none_are_told_with_the_way_out() {
    let home = Home::bare();
    let file = home.path().join("a-file");
    fs::write(&file, "").unwrap();
    let (file, none) = (file.to_str().unwrap(), home.path().join("none.toml"));
    for (option, place, part) in [
        ("--data-dir", file, "is a file, and no folder to keep data in"),
        ("--config", none.to_str().unwrap(), "no such file: name another, or leave --config out"),
    ] {
        let told = home.cli(&[option, place, "status"]);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.stderr.contains(part) && told.stderr.contains(place), "{told:?}");
        assert_eq!(told.stderr.trim_end().lines().count(), 1, "{told:?}");
    }
}

#[test]
fn models_without_a_price_are_named() {
    let home = Home::bare().with_clock(&Clock::at("2026-11-22T12:00:00Z"));
    let table = home.path().join("calls.csv");
    let row = |model: &str| format!("2026-11-22T11:00:00Z,{model},1,2\n");
    let rows = ["a-1", "a-1", "b-2", "c-3", "d-4"].map(row).concat();
    fs::write(&table, format!("time,model,input,output\n{rows}")).unwrap();
    let said = home.ok(&["import", "csv", table.to_str().unwrap()]);
    let named = "Without a price: a-1 (2 calls), b-2 (1 call), c-3 (1 call) and 1 more.";
    let way = "outlay prices set a-1 --input N --output N";
    for said in [said, home.ok(&["status"])] {
        assert!(said.contains(named) && said.contains(way), "{said}");
    }
    for model in ["a-1", "b-2", "c-3", "d-4"] {
        home.ok(&["prices", "set", model, "--input", "1", "--output", "1"]);
    }
    assert!(!home.ok(&["status"]).contains("Without a price"));
}

#[test]
fn a_tool_without_two_dashes_is_told_of_them() {
    let home = Home::bare();
    let said = home.cli(&["run", "claude"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("comes after two dashes, outlay run -- claude"), "{said:?}");
    assert_eq!(home.cli(&["calls", "--limit", "0"]).code, 2);
}
