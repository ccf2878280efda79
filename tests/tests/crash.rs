//! kill -9 in the middle of everything: nothing that was served is lost.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use support::client::{Exchange, Request};
use support::fake_provider::FakeProvider;
use support::outlay::{Call, Home, Server};
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

/// How often the random killer kills: `OUTLAY_KILLS` more in a long run.
fn kills() -> u64 {
    std::env::var("OUTLAY_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

/// Two proxies on one file, so near to a limit that calls wait; one of them is killed at some
/// moment, with calls at every stage of their lives, and another takes its place.
#[test]
fn kill_at_random_moments_loses_nothing_that_was_billed_and_leaves_no_hold() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "1", "--window", "day"]);
    let (mut living, mut doomed) = (home.serve(), home.serve());
    for kill in 0..kills() {
        assert_no_ghosts(&home, &living);
        let used = usd(living.read("/budgets/day")["used"].as_str().unwrap());
        // Room for five of the twelve that call at once.
        let limit = (used + usd("0.01")).to_string();
        home.ok(&["budget", "set", "day", "--limit", &limit]);
        let addresses = [doomed.address(), living.address()];
        let served_before = provider.served().len();
        let is_over = AtomicBool::new(false);
        doomed = std::thread::scope(|scope| {
            for caller in 0..12_usize {
                let (address, is_over) = (addresses[caller % 2], &is_over);
                scope.spawn(move || call_until(is_over, address, caller));
            }
            eventually("calls are under way", || {
                (provider.served().len() > served_before + 5).then_some(())
            });
            // From the first call to a third of a second of them.
            std::thread::sleep(Duration::from_millis((kill * 7_919) % 330));
            doomed.kill();
            is_over.store(true, Ordering::SeqCst);
            // Who takes its place gives back what it held: the living need not wait for that.
            home.serve()
        });
        // The other one may die too, a moment later.
        if kill % 3 == 0 {
            living.kill();
            living = home.serve();
        }
    }
    assert_no_ghosts(&home, &living);
    assert_eq!(home.integrity(), "ok");
    assert_nothing_is_missing(&home, &provider, &living);
}

fn call_until(is_over: &AtomicBool, address: SocketAddr, caller: usize) {
    for nth in 0_usize.. {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let script = Script {
            output_tokens: 5,
            delay_ms: u64::try_from(nth % 4 * 15).unwrap(),
            chunk_every_ms: 10,
            ..Script::default()
        };
        let is_stream = (caller + nth).is_multiple_of(3);
        let body = json!({
            "model": MODEL, "max_tokens": 200, "stream": is_stream,
            "messages": [{"role": "user", "content": format!("{caller} {nth}")}],
        });
        // Nobody answers once it is killed.
        drop(Request::post(CHAT, &body).json_header(SCRIPT_HEADER, &script).try_send(address));
    }
}

/// What dead processes held is given back, and none of their calls waits.
fn assert_no_ghosts(home: &Home, living: &Server) {
    let ledger = home.ledger();
    let open = || -> i64 {
        let open = "SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM call \
                    WHERE owner IS NOT NULL OR status IN ('running', 'waiting'))";
        ledger.query_row(open, [], |row| row.get(0)).unwrap()
    };
    eventually("the dead are recovered", || (open() == 0).then_some(()));
    assert_eq!(living.read("/budgets/day")["held"], "0.00", "a hold of nobody's");
}

fn assert_nothing_is_missing(home: &Home, provider: &FakeProvider, living: &Server) {
    let calls = home.calls();
    let billed: Vec<&Call> = calls.iter().filter(|call| !call["cost_usd"].is_empty()).collect();
    let served = provider.served();
    assert!(billed.len() >= served.len(), "{} billed, {} served", billed.len(), served.len());
    let known: BTreeMap<&str, &str> = billed
        .iter()
        .filter(|call| call["status"] == "settled")
        .map(|call| (call["response_id"].as_str(), call["output_tokens"].as_str()))
        .collect();
    let of_provider: BTreeMap<&str, String> = served
        .iter()
        .map(|served| (served.response_id.as_str(), served.output_tokens.to_string()))
        .collect();
    for (id, tokens) in known {
        assert_eq!(of_provider.get(id).map(String::as_str), Some(tokens), "{id}");
    }
    let cost: rust_decimal::Decimal = billed.iter().map(|call| usd(&call["cost_usd"])).sum();
    let tokens: u64 = served.iter().map(|served| served.output_tokens).sum();
    assert!(cost >= rust_decimal::Decimal::from(tokens) * usd("0.00001"), "{cost} for {tokens}");
    assert_eq!(usd(living.read("/budgets/day")["used"].as_str().unwrap()), cost);
    let estimated = billed.iter().filter(|call| call["status"] == "estimated").count();
    println!("{} calls, {estimated} of them estimated", calls.len());
}

fn running(act: Act, stream: bool) -> Request {
    let body = json!({"model": MODEL, "max_tokens": 200, "stream": stream, "messages": []});
    Request::post(CHAT, &body)
        .json_header(SCRIPT_HEADER, &Script { act, output_tokens: 500, ..Script::default() })
}
