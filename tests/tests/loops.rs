//! Loops and storms: told once, refused where that is switched on, with a way out.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use support::client::{Answer, Request};
use support::clock::Clock;
use support::desktop::Display;
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::{CHAT, MODEL, chat, price_the_model};
use support::wait::eventually;

/// In the middle of a minute and of a quarter of an hour.
const NOON: &str = "2026-11-21T12:05:30Z";
const REFUSES: &str = "[loops]\nrefuse = true\n";

/// A chat call whose body has this number in it.
fn nth_chat(nth: usize) -> Request {
    told(&format!("question {nth}"), false, &Script::default())
}

fn told(text: &str, stream: bool, script: &Script) -> Request {
    let messages = json!([{"role": "user", "content": text}]);
    let body = json!({"model": MODEL, "max_tokens": 200, "stream": stream, "messages": messages});
    Request::post(CHAT, &body)
        .header("authorization", "Bearer sk-test")
        .json_header(SCRIPT_HEADER, script)
}

fn by_pi(request: Request, session: &str) -> Request {
    request
        .header("user-agent", "pi/1.0")
        .header("x-outlay-project", "demo")
        .header("x-session-id", session)
}

/// The alerts of this kind, once there are any.
fn alerts(server: &Server, kind: &str) -> Vec<Value> {
    eventually(&format!("an alert of kind {kind}"), || {
        let alerts: Vec<Value> = server.read("/alerts")["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|alert| alert["kind"] == kind)
            .cloned()
            .collect();
        (!alerts.is_empty()).then_some(alerts)
    })
}

fn has_no_alerts(server: &Server) {
    let alerts = server.read("/alerts");
    assert_eq!(alerts["alerts"], json!([]), "{alerts}");
}

fn assert_loop(answer: &Answer, what: &str) -> Value {
    assert_eq!(answer.status, 402, "{}", answer.text());
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let body = answer.json();
    assert_eq!(body["reason"], "loop_detected");
    assert_eq!(body["error"]["code"], "loop_detected");
    assert_eq!(body["error"]["type"], "billing_error");
    assert_eq!(body["budget"], Value::Null);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Outlay: "), "{message}");
    for part in [what, "outlay bypass 10m"] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    let actions: Vec<&str> = body["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|option| option["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["bypass", "wait"]);
    body
}

#[test]
fn the_same_request_again_and_again_is_told_once_and_passes_unless_told_otherwise() {
    let clock = Clock::at(NOON);
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    price_the_model(&home);
    let server = home.serve();
    for nth in 0..60 {
        assert_eq!(nth_chat(nth).send(server.address()).status, 200);
    }
    has_no_alerts(&server);
    for _ in 0..30 {
        assert_eq!(by_pi(chat(), "one").send(server.address()).status, 200);
    }
    let told = alerts(&server, "loop");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["title"], "pi in 'demo' seems to be in a loop");
    assert_eq!((&told[0]["severity"], &told[0]["subject"]), (&json!("warning"), &json!("pi")));
    let body = told[0]["body"].as_str().unwrap();
    assert!(body.starts_with("The same request was sent 10 times in "), "{body}");
    assert!(body.contains("refuse under [loops] in outlay.toml is off"), "{body}");
    assert_eq!(server.read("/alerts")["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(home.calls_at_rest().iter().filter(|call| call["status"] == "settled").count(), 90);

    // Of what was sent, nothing is kept.
    let alert = told[0].to_string();
    assert!(!alert.contains("Hello") && !alert.contains("sk-test"), "{alert}");
}

#[test]
fn the_same_request_is_refused_where_switched_on_until_it_changes_or_pauses() {
    let clock = Clock::at(NOON);
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    home.write_config(REFUSES);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    for nth in 1..=9 {
        assert_eq!(chat().send(server.address()).status, 200, "request {nth}");
    }
    let refused = chat().send(server.address());
    let body = assert_loop(&refused, "the same request was sent 10 times in ");
    assert!(body["message"].as_str().unwrap().contains("a changed request passes"), "{body}");
    assert!(body["reset_date"].as_str().unwrap().starts_with("2026-11-21T12:06:3"), "{body}");
    assert_eq!(body["docs"], format!("http://{}/help/loop_detected", server.address()));
    for _ in 0..19 {
        assert_loop(&chat().send(server.address()), "the same request");
    }
    assert_eq!(provider.served().len(), 9, "what is refused is not sent");
    assert_eq!(nth_chat(1).send(server.address()).status, 200, "a changed request passes");
    assert_eq!(alerts(&server, "loop").len(), 1);
    assert_eq!(server.read("/budgets/day")["held"], "0.00");

    // Half a minute of silence is no pause, a minute is.
    clock.set("2026-11-21T12:06:10Z");
    assert_loop(&chat().send(server.address()), "the same request");
    clock.set("2026-11-21T12:07:20Z");
    assert_eq!(chat().send(server.address()).status, 200);
    assert_refusals(&home, "loop_detected", 21);
}

/// Refused calls in the history: rows, and the repetitions that they count.
fn assert_refusals(home: &Home, reason: &str, expected: u32) {
    let (rows, calls): (u32, u32) = home
        .ledger()
        .query_row(
            "SELECT count(*), sum(1 + repeats) FROM call WHERE status = 'refused' AND refusal = ?1",
            [reason],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(calls, expected, "in {rows} rows");
    assert!(rows < 60, "{rows} rows");
}

#[test]
fn a_bypass_lets_a_loop_pass() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.write_config("[loops]\nrefuse = true\nsame_request = 2\n");
    price_the_model(&home);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    assert_loop(&chat().send(server.address()), "the same request was sent 2 times");
    home.ok(&["bypass", "10m"]);
    assert_eq!(chat().send(server.address()).status, 200, "nothing is refused");
    home.ok(&["bypass", "off"]);
    assert_loop(&chat().send(server.address()), "the same request");
}

#[test]
fn a_storm_after_a_refusal_is_told_once_and_counted_and_a_raise_ends_it() {
    let clock = Clock::at(NOON);
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    home.write_config(REFUSES);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0", "--window", "day", "--hard"]);
    let server = home.serve();
    for _ in 0..300 {
        let refused = chat().send(server.address());
        assert_eq!(refused.status, 402);
        assert_eq!(refused.json()["reason"], "quota_exceeded", "{}", refused.text());
    }
    let told = alerts(&server, "loop");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["body"].as_str().unwrap().contains("calls were refused in"), "{told:?}");
    assert_eq!(alerts(&server, "budget_refused").len(), 1);
    assert_refusals(&home, "quota_exceeded", 300);
    home.ok(&["budget", "raise", "day", "--by", "1"]);
    let raised = chat().send(server.address());
    assert_eq!(raised.status, 200, "a loop keeps no raised budget shut: {}", raised.text());
}

#[test]
fn streams_that_are_over_at_once_are_refused_for_their_session() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.write_config("[loops]\nrefuse = true\nshort_streams = 12\n");
    price_the_model(&home);
    let server = home.serve();
    let cut = Script { act: Act::Close, ..Script::default() };
    let stream = |nth: usize, script: &Script, session: &str| {
        by_pi(told(&"more ".repeat(nth), true, script), session)
    };
    // A long answer in between gets somewhere.
    let long = Script { output_tokens: 150, ..Script::default() };
    for nth in 0..40 {
        let script = if nth % 10 == 9 { &long } else { &cut };
        assert_eq!(stream(nth, script, "works").send(server.address()).status, 200);
    }
    has_no_alerts(&server);
    for nth in 0..12 {
        assert_eq!(stream(nth, &cut, "loops").send(server.address()).status, 200, "stream {nth}");
    }
    let refused = eventually("the loop is refused", || {
        let answer = stream(99, &cut, "loops").send(server.address());
        (answer.status == 402).then_some(answer)
    });
    assert_loop(&refused, "streams in a row were over at once");
    assert_eq!(alerts(&server, "loop").len(), 1);
    assert_eq!(stream(99, &long, "works").send(server.address()).status, 200);
}

#[test]
fn a_burst_is_measured_by_the_projects_own_minutes() {
    let clock = Clock::at(NOON);
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    home.write_config(REFUSES);
    price_the_model(&home);
    let server = home.serve();
    let mut number = 0;
    let mut call = |server: &Server, project: &str| {
        number += 1;
        nth_chat(number).header("x-outlay-project", project).send(server.address())
    };
    for minute in 10..22 {
        clock.set(&format!("2026-11-21T12:{minute}:01Z"));
        assert_eq!(call(&server, "steady").status, 200);
    }
    // What is usual is known again after a restart.
    server.stop();
    clock.set("2026-11-21T12:30:01Z");
    let server = home.serve();
    for _ in 0..70 {
        assert_eq!(call(&server, "new").status, 200, "nothing is usual for it yet");
    }
    for nth in 1..=59 {
        assert_eq!(call(&server, "steady").status, 200, "call {nth} of the minute");
    }
    let what = "60 calls in a minute, where a busy one usually has 1";
    let body = assert_loop(&call(&server, "steady"), what);
    assert_eq!(body["reset_date"], "2026-11-21T12:31:00Z");
    assert_loop(&call(&server, "steady"), what);
    assert_eq!(call(&server, "new").status, 200);
    let told = alerts(&server, "burst");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["subject"], "steady");
    clock.set("2026-11-21T12:31:01Z");
    assert_eq!(call(&server, "steady").status, 200, "the next minute");
}

#[test]
fn spending_while_nobody_is_there_is_told_once_and_refused_where_switched_on() {
    let display = Display::start();
    let provider = FakeProvider::start();
    let home = display
        .environment()
        .iter()
        .fold(Home::new(&provider), |home, (name, value)| home.with_env(name, value));
    // Away as soon as the display tells for how long nobody has touched it, which is from its start.
    let away = "idle_after = \"0s\"\nidle_spend = \"0.01\"";
    home.write_config(&format!("[loops]\n{away}\n"));
    price_the_model(&home);
    let server = home.serve();
    let mut number = 0;
    let told = eventually("an absence is told", || {
        number += 1;
        assert_eq!(nth_chat(number).send(server.address()).status, 200);
        let alerts = server.read("/alerts")["alerts"].as_array().unwrap().clone();
        alerts.into_iter().find(|alert| alert["kind"] == "idle_spend")
    });
    assert_eq!(told["subject"], "this machine");
    let body = told["body"].as_str().unwrap();
    assert!(body.contains("while nobody has touched keyboard or mouse for"), "{body}");
    assert!(body.contains("idle_refuse under [loops]"), "{body}");
    for _ in 0..10 {
        number += 1;
        assert_eq!(nth_chat(number).send(server.address()).status, 200);
    }
    assert_eq!(alerts(&server, "idle_spend").len(), 1);
    server.stop();

    home.write_config(&format!("[loops]\n{away}\nidle_refuse = true\n"));
    let server = home.serve();
    let refused = eventually("spending is refused", || {
        number += 1;
        let answer = nth_chat(number).send(server.address());
        (answer.status == 402).then_some(answer)
    });
    assert_loop(&refused, "touch keyboard or mouse");
}
