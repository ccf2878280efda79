//! Calls that wait for money that running ones hold: in order, not for ever, and not for nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::thread::JoinHandle;

use serde_json::json;
use support::client::{Answer, Request};
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::{CHAT, MODEL, chat, price_the_model, usd};
use support::wait::eventually;

/// A home in which a call of 200 tokens may cost all of the budget of $0.002 a day.
fn home(provider: &FakeProvider, config: &str) -> Home {
    let home = Home::new(provider);
    home.write_config(config);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.002", "--window", "day", "--no-cap"]);
    home
}

/// A call that may cost all there is, and does almost nothing: after `delay_ms`, or never.
fn call(name: &str, act: Act, delay_ms: u64) -> Request {
    call_of(name, 198, act, delay_ms)
}

fn call_of(name: &str, tokens_max: u64, act: Act, delay_ms: u64) -> Request {
    let body = json!({
        "model": MODEL, "max_tokens": tokens_max, "user": name,
        "messages": [{"role": "user", "content": "Hello"}],
    });
    let script = Script { act, delay_ms, output_tokens: 0, ..Script::default() };
    Request::post(CHAT, &body).json_header(SCRIPT_HEADER, &script)
}

fn send(server: &Server, request: Request) -> JoinHandle<std::io::Result<Answer>> {
    let address = server.address();
    std::thread::spawn(move || request.try_send(address))
}

/// Waits until so many calls are in the queue.
fn until_waiting(home: &Home, calls: i64) {
    let ledger = home.ledger();
    let waiting = || -> i64 {
        ledger.query_row("SELECT count(*) FROM waiting", [], |row| row.get(0)).unwrap()
    };
    eventually("the calls wait", || (waiting() == calls).then_some(()));
}

fn until_served(provider: &FakeProvider, calls: usize) {
    eventually("the provider has the call", || (provider.served().len() == calls).then_some(()));
}

/// What the calls are called, in the order in which the provider got them.
fn served_names(provider: &FakeProvider) -> Vec<String> {
    let served = provider.served();
    served.iter().map(|served| served.json()["user"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_came_first_goes_first_on_two_proxies() {
    let provider = FakeProvider::start();
    let home = home(&provider, "");
    let servers = [home.serve(), home.serve()];
    let running = send(&servers[0], call("0", Act::Hang, 0));
    until_served(&provider, 1);
    let mut calls = Vec::new();
    for nth in 1..=6 {
        calls.push(send(&servers[nth % 2], call(&nth.to_string(), Act::Answer, 20)));
        until_waiting(&home, i64::try_from(nth).unwrap());
    }
    // Room for one of them at a time.
    home.ok(&["budget", "raise", "day", "--by", "0.002"]);
    for call in calls {
        let answer = call.join().unwrap().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(served_names(&provider), ["0", "1", "2", "3", "4", "5", "6"]);
    let waited = home.calls();
    assert_eq!(waited.iter().filter(|call| call["limit_action"] == "waited").count(), 6);
    drop(servers);
    drop(running.join());
}

#[test]
fn who_has_waited_long_enough_is_told_that_the_budget_is_busy() {
    let provider = FakeProvider::start();
    let home = home(&provider, "[admission]\nwait_max = \"2s\"\n");
    let server = home.serve();
    let running = send(&server, call("runs", Act::Hang, 0));
    until_served(&provider, 1);
    let busy = call("waits", Act::Answer, 0).send(server.address());
    assert_eq!(busy.json()["error"]["code"], "budget_busy", "{}", busy.text());
    assert_eq!((&busy.json()["budget"], &busy.json()["used"]), (&json!("day"), &json!("0.00")));
    assert_eq!(provider.served().len(), 1);
    let calls = home.calls();
    assert_eq!(calls.last().unwrap()["status"], "refused");
    until_waiting(&home, 0);
    drop(server);
    drop(running.join());
}

#[test]
fn who_leaves_gives_the_place_to_the_next() {
    let provider = FakeProvider::start();
    let home = home(&provider, "");
    home.ok(&["budget", "set", "day", "--limit", "0.004"]);
    let servers = [home.serve(), home.serve()];
    let running = send(&servers[0], call_of("runs", 250, Act::Hang, 0));
    until_served(&provider, 1);
    let large = call_of("leaves", 250, Act::Answer, 0);
    let leaving = large.begin(servers[0].address()).unwrap();
    until_waiting(&home, 1);
    // There is room for this one, but not before its turn.
    let next = send(&servers[1], call_of("next", 100, Act::Answer, 0));
    until_waiting(&home, 2);
    drop(leaving);
    assert_eq!(next.join().unwrap().unwrap().status, 200);
    until_waiting(&home, 0);
    assert_eq!(served_names(&provider), ["runs", "next"]);
    let statuses: Vec<String> = home.calls().iter().map(|call| call["status"].clone()).collect();
    assert_eq!(statuses, ["running", "failed", "settled"]);
    drop(servers);
    drop(running.join());
}

#[test]
fn a_dead_process_keeps_nobody_waiting() {
    let provider = FakeProvider::start();
    let home = home(&provider, "");
    home.ok(&["budget", "set", "day", "--limit", "0.003"]);
    let (first, second) = (home.serve(), home.serve());
    let running = send(&first, call("dies", Act::Hang, 0));
    until_served(&provider, 1);
    let before = send(&first, call("dies too", Act::Answer, 0));
    until_waiting(&home, 1);
    let waiting = send(&second, call_of("lives", 100, Act::Answer, 0));
    until_waiting(&home, 2);
    first.kill();
    assert_eq!(waiting.join().unwrap().unwrap().status, 200);
    assert!(running.join().unwrap().is_err() && before.join().unwrap().is_err());
    let calls = home.calls_at_rest();
    let statuses: Vec<&str> = calls.iter().map(|call| call["status"].as_str()).collect();
    assert_eq!(statuses, ["estimated", "failed", "settled"]);
    assert_eq!(second.read("/budgets/day")["held"], "0.00");
}

#[test]
fn a_changed_limit_counts_for_the_next_call_in_every_process() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let servers = [home.serve(), home.serve()];
    let statuses = || servers.each_ref().map(|server| chat().send(server.address()).status);
    let day = ["budget", "set", "day", "--window", "day", "--limit"];
    for (command, expected) in [
        ([&day[..], &["0"]].concat(), 402),
        ([&day[..], &["1"]].concat(), 200),
        // Below what is spent.
        ([&day[..], &["0.001"]].concat(), 402),
        (vec!["budget", "pause", "day"], 200),
        (vec!["budget", "resume", "day"], 402),
        (vec!["bypass", "1h"], 200),
        (vec!["bypass", "off"], 402),
        (vec!["budget", "raise", "day", "--by", "1"], 200),
        (vec!["budget", "rm", "day"], 200),
        ([&day[..], &["0.002"]].concat(), 402),
        (vec!["budget", "topup", "day", "--by", "1"], 200),
    ] {
        home.ok(&command);
        assert_eq!(statuses(), [expected; 2], "after outlay {}", command.join(" "));
    }
}

#[test]
fn a_waiting_call_is_let_go_by_a_raise_from_outside() {
    let provider = FakeProvider::start();
    let home = home(&provider, "");
    let server = home.serve();
    let running = send(&server, call("runs", Act::Hang, 0));
    until_served(&provider, 1);
    for (name, command) in [
        ("raised", &["budget", "raise", "day", "--by", "0.002"][..]),
        ("paused", &["budget", "pause", "day"]),
    ] {
        let waiting = send(&server, call(name, Act::Hang, 0));
        until_waiting(&home, 1);
        home.ok(command);
        eventually("it goes", || {
            provider.served().iter().any(|served| served.json()["user"] == name).then_some(())
        });
        until_waiting(&home, 0);
        home.ok(&["budget", "resume", "day"]);
        drop(waiting);
    }
    drop(server);
    drop(running.join());
}

#[test]
fn a_rolling_window_lets_calls_pass_again_by_itself() {
    let clock = Clock::at("2026-11-21T12:00:00Z");
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    price_the_model(&home);
    home.ok(&["budget", "set", "burst", "--limit", "0.004", "--window", "10m"]);
    let server = home.serve();
    let status = || chat().send(server.address()).status;
    let turn = |time: &str, expected: [u16; 3]| {
        clock.set(time);
        assert_eq!([status(), status(), status()], expected, "at {time}");
    };
    turn("2026-11-21T12:00:00Z", [200, 200, 402]);
    let refused = chat().send(server.address()).json();
    let reset: chrono::DateTime<chrono::Utc> =
        refused["reset_date"].as_str().unwrap().parse().unwrap();
    assert!(reset.to_rfc3339().starts_with("2026-11-21T12:10:"), "{reset}");
    turn("2026-11-21T12:09:00Z", [402, 402, 402]);
    turn("2026-11-21T12:10:30Z", [200, 200, 402]);
    // A clock that is set back finds again what was spent then, and no more than that is passed.
    turn("2026-11-21T12:05:00Z", [402, 402, 402]);
    let spent: rust_decimal::Decimal = home
        .calls_at_rest()
        .iter()
        .filter(|call| !call["cost_usd"].is_empty())
        .map(|call| usd(&call["cost_usd"]))
        .sum();
    assert_eq!(spent, usd("0.008"));
}
