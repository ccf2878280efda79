//! The official Python SDKs through the running binary.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::clients::python_with_sdks;
use support::fake_provider::FakeProvider;
use support::outlay::Home;

#[test]
fn the_tokens_an_sdk_sees_are_the_ledgers() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "broke", "--limit", "0", "--window", "day", "--project", "broke"]);
    let server = home.serve();
    let seen = talk(&format!("http://{}", server.address()));

    let calls = home.calls_at_rest();
    let settled: Vec<_> = calls.iter().filter(|call| call["status"] == "settled").collect();
    assert_eq!(settled.len(), 8, "seven reported and one stream that did not ask: {seen:?}");
    let mut ledger: Vec<(u64, u64)> = settled
        .iter()
        .map(|call| (call["input_tokens"].parse().unwrap(), call["output_tokens"].parse().unwrap()))
        .collect();
    let unreported = ledger.remove(2);
    assert_eq!(unreported, (10, 20), "usage was asked for on the SDK's behalf");
    let reported: Vec<(u64, u64)> = seen
        .iter()
        .filter(|line| line["input"].is_u64())
        .map(|line| (line["input"].as_u64().unwrap(), line["output"].as_u64().unwrap()))
        .collect();
    assert_eq!(reported, ledger);
    assert!(settled.iter().all(|call| call["basis"] == "priced"));

    let refusals: Vec<&Value> = seen.iter().filter(|line| line["status"].is_u64()).collect();
    assert_eq!(refusals.len(), 2, "{seen:?}");
    for (refusal, status) in refusals.iter().zip([400, 402]) {
        assert_eq!(refusal["status"], status);
        let message = refusal["message"].as_str().unwrap();
        assert!(message.contains("hard budget 'broke'"), "{message}");
    }
    let refused = calls.iter().filter(|call| call["status"] == "refused").count();
    assert_eq!(refused, 2, "neither SDK tries again");
    let projects = calls.iter().filter(|call| call["project"] == "broke").count();
    assert_eq!(projects, 2);
}

#[test]
fn the_sdks_understand_the_fake_provider() {
    let provider = FakeProvider::start();
    let seen = talk(&format!("http://{}", provider.address()));
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert_eq!((&seen[0]["input"], &seen[0]["output"]), (&10.into(), &7.into()));
}

/// What the SDKs print when `base` is where the providers are.
fn talk(base: &str) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sdk/talk.py");
    let talk = Command::new(python_with_sdks())
        .arg(script)
        .env("OUTLAY_PROXY", base)
        .env_remove("OPENAI_BASE_URL")
        .env_remove("ANTHROPIC_BASE_URL")
        .output()
        .unwrap();
    assert!(talk.status.success(), "{}", String::from_utf8_lossy(&talk.stderr));
    let printed = String::from_utf8(talk.stdout).unwrap();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
