//! Whole documents as snapshots: a name or a figure that scripts rely on cannot change unseen.
//!
//! `INSTA_UPDATE=always cargo test -p outlay-tests --test shapes` writes them anew.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use support::client::Request;
use support::story::{Day, MODEL, chat};
use support::wait::eventually;

/// Members that differ from run to run.
const VARYING: [&str; 14] = [
    "id",
    "call",
    "time",
    "at",
    "as_of",
    "key",
    "price_id",
    "cursor",
    "duration_ms",
    "first_byte_ms",
    "revision",
    "delivered_at",
    "docs",
    "machine",
];

#[test]
fn documents() {
    let day = Day::with_a_refusal();
    let since = "since=2026-11-21&until=2026-11-22&timezone=Europe/Berlin";
    eventually("the alerts are delivered or given up", || {
        let alerts = day.server.read("/alerts");
        let is_done = |alert: &Value| !alert["delivered_at"].is_null() || !alert["error"].is_null();
        alerts["alerts"].as_array().unwrap().iter().all(is_done).then_some(())
    });
    let calls = day.server.read("/calls");
    let settled = calls["rows"].as_array().unwrap().iter().find(|row| row["project"] == "demo");
    let one = settled.unwrap()["id"].as_str().unwrap();
    let refused = calls["rows"].as_array().unwrap().iter().find(|row| row["status"] == "refused");
    let refused = refused.unwrap()["id"].as_str().unwrap();
    for (name, route) in [
        ("status", "/status".to_owned()),
        ("quota", "/quota".to_owned()),
        ("quota_of_a_project", "/quota?project=demo".to_owned()),
        ("budget", "/budgets/day".to_owned()),
        ("budget_history", "/budgets/day/history".to_owned()),
        ("usage_by_day", format!("/usage?by=day&{since}")),
        ("usage_by_model_and_project", format!("/usage?by=model&by=project&{since}")),
        ("calls", "/calls".to_owned()),
        ("call", format!("/calls/{one}")),
        ("explanation", format!("/calls/{refused}/explanation")),
        ("bypass", "/bypass".to_owned()),
        ("plans", "/plans".to_owned()),
        ("balances", "/balances".to_owned()),
        ("alerts", "/alerts".to_owned()),
        ("pulse", "/pulse".to_owned()),
    ] {
        insta::assert_json_snapshot!(name, steady(day.server.read(&route)));
    }
    let missing = day.server.api("GET", "/budgets/nosuch", None).json();
    insta::assert_json_snapshot!("error", missing);
}

#[test]
fn refusals() {
    let day = Day::with_a_refusal();
    let address = day.server.address();
    let refusal = chat().send(address);
    insta::assert_json_snapshot!("refusal_openai", steady(refusal.json()));
    for (name, provider, path, body) in [
        (
            "refusal_anthropic",
            "anthropic",
            "v1/messages".to_owned(),
            json!({"model": MODEL, "max_tokens": 200}),
        ),
        (
            "refusal_gemini",
            "gemini",
            format!("v1beta/models/{MODEL}:generateContent"),
            json!({"generationConfig": {"maxOutputTokens": 200}}),
        ),
    ] {
        let price = ["--provider", provider, "--input", "0", "--output", "10"];
        day.home.ok(&[&["prices", "set", MODEL][..], &price].concat());
        let refusal = Request::post(&format!("/{provider}/{path}"), &body).send(address);
        insta::assert_json_snapshot!(name, steady(refusal.json()));
    }
    let mut headers: Vec<String> = refusal
        .headers
        .iter()
        .filter(|(name, _)| name != "date" && name != "content-length" && name != "x-outlay-call")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    headers.sort();
    insta::assert_snapshot!("refusal_headers", headers.join("\n"));
}

#[test]
fn exports() {
    let day = Day::with_a_refusal();
    let csv = day.home.ok(&["export", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let mut rows = vec![columns.iter().collect::<Vec<_>>().join(",")];
    for record in reader.records() {
        let record = record.unwrap();
        let cells = columns.iter().zip(&record).map(|(column, cell)| {
            if VARYING.contains(&column) && !cell.is_empty() { "…" } else { cell }
        });
        rows.push(cells.collect::<Vec<_>>().join(","));
    }
    insta::assert_snapshot!("export_csv", rows.join("\n"));
    let objects = day.home.ok(&["export", "--format", "json"]);
    let first = serde_json::from_str(objects.lines().next().unwrap()).unwrap();
    insta::assert_json_snapshot!("export_json_row", steady(first));
}

/// The document with a sign of its type in place of what differs from run to run.
fn steady(document: Value) -> Value {
    match document {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                // A key's fingerprint varies, a group's key in a report does not.
                let is_group = name == "key" && !value.as_str().is_some_and(is_fingerprint);
                let varies = VARYING.contains(&name.as_str()) && !is_group;
                let value = match value {
                    Value::String(_) if varies => json!("…"),
                    Value::Number(_) if varies => json!(0),
                    value => steady(value),
                };
                (name, value)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(steady).collect(),
        value => value,
    }
}

fn is_fingerprint(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
