//! kill -9 in the middle of everything: nothing that was served is lost.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use serde_json::json;
use support::client::{Exchange, Request};
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::{CHAT, MODEL, chat, price_the_model, usd};
use support::wait::eventually;

#[test]
fn kill_during_fifty_running_calls_loses_none() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    for _ in 0..10 {
        assert_eq!(chat().send(server.address()).status, 200);
    }
    let address = server.address();
    let streams: Vec<Exchange> = (0..25)
        .map(|_| {
            let mut stream = running(Act::Stall, true).open(address).unwrap();
            stream.read_until("Certainly.");
            stream
        })
        .collect();
    // These have no head yet, so their threads wait for it.
    let waiting: Vec<_> = (0..25)
        .map(|_| std::thread::spawn(move || running(Act::Hang, false).try_send(address)))
        .collect();
    eventually("all sixty reached the provider", || (provider.served().len() == 60).then_some(()));
    server.kill();
    let known: BTreeSet<String> = streams
        .iter()
        .map(|stream| support::client::header(&stream.headers, "x-outlay-call").unwrap().to_owned())
        .collect();
    for call in waiting {
        assert!(call.join().unwrap().is_err(), "a killed proxy cannot answer");
    }

    let server = home.serve();
    let calls = home.calls_at_rest();
    let with_status = |status: &str| calls.iter().filter(|call| call["status"] == status).count();
    assert_eq!((calls.len(), with_status("settled"), with_status("estimated")), (60, 10, 50));
    let recorded: BTreeSet<String> = calls.iter().map(|call| call["id"].clone()).collect();
    assert!(known.is_subset(&recorded));
    let spent: rust_decimal::Decimal = calls.iter().map(|call| usd(&call["cost_usd"])).sum();
    assert!(spent > usd("0.02"), "estimates are not free: {spent}");
    let budget = &server.read("/budgets/day");
    assert_eq!(usd(budget["used"].as_str().unwrap()), spent);
    assert_eq!(budget["held"], "0.00", "a dead process holds nothing");
    assert_eq!(home.integrity(), "ok");
    assert_eq!(chat().send(server.address()).status, 200);
}

#[test]
fn kill_while_calls_end_keeps_the_counters_equal_to_the_calls() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    for _ in 0..3 {
        let server = home.serve();
        let address = server.address();
        let callers: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(move || while chat().try_send(address).is_ok() {}))
            .collect();
        let before = provider.served().len();
        eventually("calls are under way", || (provider.served().len() > before + 20).then_some(()));
        server.kill();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    }
    let server = home.serve();
    let calls = home.calls_at_rest();
    assert_eq!(home.integrity(), "ok");
    let billed = calls.iter().filter(|call| !call["cost_usd"].is_empty());
    let spent: rust_decimal::Decimal = billed.map(|call| usd(&call["cost_usd"])).sum();
    let budget = server.read("/budgets/day");
    assert_eq!(usd(budget["used"].as_str().unwrap()), spent);
    assert_eq!(budget["held"], "0.00");
    let finished: BTreeSet<String> = provider
        .served()
        .into_iter()
        .filter(|request| request.finished)
        .map(|request| request.response_id)
        .collect();
    assert!(calls.len() >= finished.len(), "{} calls, {} served", calls.len(), finished.len());
}

fn running(act: Act, stream: bool) -> Request {
    let body = json!({"model": MODEL, "max_tokens": 200, "stream": stream, "messages": []});
    Request::post(CHAT, &body)
        .json_header(SCRIPT_HEADER, &Script { act, output_tokens: 500, ..Script::default() })
}
