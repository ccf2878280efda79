//! How one stands, before and after each call.

use serde_json::{Value, json};
use support::client::Request;
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::script::{SCRIPT_HEADER, Script};
use support::story::{MODEL, chat, chat_stream};

use crate::Shop;

const NOON: &str = "2026-11-21T12:00:00Z";

/// vertaaux and trustleads: the endpoint to ask before a job.
#[test]
fn the_quota_endpoint_tells_plan_totals_reset_and_age() {
    let shop = Shop::open(NOON, &[]);
    shop.run("plan use hobby");
    shop.run("budget topup day --by 5");
    assert_eq!(shop.calls(2), [200, 200]);
    let quota = shop.server.read("/quota");
    for (member, expected) in [
        ("plan", json!("hobby")),
        ("quota_total", json!("1.00")),
        ("quota_used", json!("0.004")),
        ("quota_remaining", json!("0.996")),
        ("credits_total", json!("5.00")),
        ("credits_used", json!("0.00")),
        ("credits_remaining", json!("5.00")),
        ("reset_date", json!("2026-11-21T23:00:00Z")),
    ] {
        assert_eq!(quota[member], expected, "{member}: {quota:#}");
    }
    let names: Vec<&Value> =
        quota["budgets"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["day", "month"], "the others too");
    assert!(quota["as_of"].as_str().unwrap().starts_with("2026-11-21T12:0"), "{quota:#}");
}

/// vertaaux: "401 Unauthorized: missing or invalid API key", and a body that says what to do.
#[test]
fn the_quota_endpoint_needs_a_key() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let (token, bearer) = (home.token(), format!("Bearer {}", home.token()));
    for (header, status) in [
        (None, 401),
        (Some(("x-api-key", "wrong")), 401),
        (Some(("authorization", "Bearer wrong")), 401),
        (Some(("x-api-key", token.as_str())), 200),
        (Some(("authorization", bearer.as_str())), 200),
    ] {
        let request = Request::get("/api/v1/quota");
        let request = match header {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        let answer = request.send(server.address());
        assert_eq!(answer.status, status, "{header:?}: {}", answer.text());
        if status == 401 {
            assert_eq!(answer.json()["error"], "unauthorized");
            let message = answer.json()["message"].to_string();
            assert!(message.contains("the file 'token' in the data folder"), "{message}");
        }
    }
}

/// vertaaux: limit, remaining and the reset's unix time.
#[test]
fn rate_limit_headers_repeat_the_endpoint() {
    let shop = Shop::open(NOON, &["day --limit 1000 --window day --unit calls --timezone UTC"]);
    assert_eq!(shop.calls(3), [200; 3]);
    let answer = shop.server.api("GET", "/quota", None);
    assert_eq!(answer.header("x-ratelimit-limit"), Some("1000"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("997"));
    assert_eq!(answer.header("x-ratelimit-reset"), Some("1795305600"));
    assert_eq!(answer.json()["quota_remaining"], 997);
    assert_eq!(answer.json()["reset_date"], "2026-11-22T00:00:00Z");
}

/// vertaaux has customers without a limit; sendbolt says "X-Quota-Cap: 0" where none is set, and
/// has to explain it.
#[test]
fn what_is_unlimited_is_absent_and_never_0() {
    let shop = Shop::open(NOON, &[]);
    shop.run("plan use unlimited");
    let answer = shop.server.api("GET", "/quota", None);
    assert_eq!(answer.json()["plan"], "unlimited");
    for member in ["quota_total", "quota_used", "quota_remaining", "credits_remaining"] {
        assert_eq!(answer.json()[member], Value::Null, "{member}");
    }
    for answer in [answer, shop.call()] {
        assert_eq!(answer.status, 200);
        let is_figure =
            |name: &str| name.starts_with("x-ratelimit-") || name.starts_with("x-quota-");
        assert!(!answer.headers.iter().any(|(name, _)| is_figure(name)), "{:?}", answer.headers);
    }
}

/// vertaaux keeps answers for a minute; trustleads tells in real time. Here nothing is kept, and
/// `as_of` says so.
#[test]
fn figures_are_as_old_as_they_say() {
    let shop = Shop::open(NOON, &["day --limit 10 --window day --unit calls"]);
    for (instant, used) in [("2026-11-21T12:30:00Z", 1), ("2026-11-21T12:31:00Z", 2)] {
        shop.clock.set(instant);
        assert_eq!(shop.call().status, 200);
        let quota = shop.server.read("/quota");
        assert_eq!(quota["quota_used"], used);
        let as_of: chrono::DateTime<chrono::Utc> =
            quota["as_of"].as_str().unwrap().parse().unwrap();
        let age = as_of - instant.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert!((-2..50).contains(&age.num_seconds()), "{as_of} at {instant}");
    }
}

/// sendbolt: "every API response includes three headers so you don't have to guess".
#[test]
fn every_answer_says_used_cap_and_remaining() {
    let shop = Shop::open(NOON, &["day --limit 2 --window day --unit calls"]);
    let act = |act| chat().without(SCRIPT_HEADER).json_header(SCRIPT_HEADER, &script(act));
    let free = Request::get("/openai/v1/models");
    for (what, request, status, used) in [
        ("a document", chat(), 200, "1"),
        ("a provider's error", act("rate_limit"), 429, "1"),
        ("what costs nothing", free, 200, "1"),
        ("a stream", chat_stream(), 200, "2"),
        ("a refusal", chat(), 402, "2"),
    ] {
        let answer = request.send(shop.server.address());
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let figures = ["x-quota-cap", "x-quota-used", "x-quota-remaining", "x-quota-unit"];
        let left = if used == "1" { "1" } else { "0" };
        let told = figures.map(|name| answer.header(name));
        assert_eq!(told, [Some("2"), Some(used), Some(left), Some("calls")], "{what}");
    }
}

fn script(act: &str) -> Value {
    let mut script = serde_json::to_value(Script::default()).unwrap();
    script["act"] = json!(act);
    script
}

/// sendbolt: "when usage >= 80% you also get X-Quota-Warning: 1".
#[test]
fn the_warning_header_comes_at_80_percent() {
    let shop = Shop::open(NOON, &["day --limit 10 --window day --unit calls"]);
    for nth in 1..=11 {
        let answer = shop.call();
        assert_eq!(answer.status, if nth <= 10 { 200 } else { 402 });
        let warning = (nth >= 8).then_some("1");
        assert_eq!(answer.header("x-quota-warning"), warning, "call {nth}");
    }
}

/// trustleads: notifications at 80 and 95 %; the provider's page: a soft limit at 70 %.
#[test]
fn alerts_come_at_80_and_95_percent_or_where_set() {
    let month = "month --limit 20 --window month --unit calls";
    let soft = "soft --limit 0.04 --window month --soft --warn 70";
    let shop = Shop::open(NOON, &[month, soft]);
    let mut expected = Vec::new();
    for nth in 1..=20 {
        assert_eq!(shop.call().status, 200);
        match nth {
            14 => expected.push("Budget 'soft' is 70 % used"),
            16 => expected.push("Budget 'month' is 80 % used"),
            19 => expected.push("Budget 'month' is 95 % used"),
            20 => expected.extend(["Budget 'month' is used up", "Budget 'soft' is used up"]),
            _ => {}
        }
        let alerts = shop.server.read("/alerts");
        // The same request again and again is told too, as a loop.
        let alerts = alerts["alerts"].as_array().unwrap().iter();
        let of_budgets = alerts.filter(|one| one["kind"] == "budget_threshold");
        let mut told: Vec<&str> = of_budgets.map(|one| one["title"].as_str().unwrap()).collect();
        told.sort_unstable();
        let mut wanted = expected.clone();
        wanted.sort_unstable();
        assert_eq!(told, wanted, "after call {nth}");
    }
}

/// trustleads: "a day-by-day usage chart"; the provider's page: spend a model and day, for it has
/// no balance to ask for.
#[test]
fn usage_is_told_day_by_day() {
    let shop = Shop::open("2026-11-19T12:00:00Z", &["month --limit 9 --window month --unit calls"]);
    for (day, calls) in [("19", 1), ("20", 2), ("21", 3)] {
        shop.clock.set(&format!("2026-11-{day}T12:00:00Z"));
        assert_eq!(shop.calls(calls), vec![200; calls]);
    }
    let usage = shop.server.read("/usage?by=day&by=model&since=2026-11-19&until=2026-11-22");
    let rows = usage["rows"].as_array().unwrap().iter();
    let told: Vec<(&Value, &Value, &Value)> =
        rows.map(|row| (&row["key"], &row["calls"], &row["cost_usd"])).collect();
    let day = |day: &str| json!([day, MODEL]);
    assert_eq!(
        told,
        [
            (&day("2026-11-19"), &json!(1), &json!("0.002")),
            (&day("2026-11-20"), &json!(2), &json!("0.004")),
            (&day("2026-11-21"), &json!(3), &json!("0.006")),
        ]
    );
    let printed = shop.run("report --by day --since 2026-11-19");
    assert!(printed.contains("2026-11-20") && printed.contains("0.004"), "{printed}");
}

/// trustleads and vertaaux: "build quota checks into automated workflows to avoid mid-batch job
/// failures", with the reset in the message.
#[test]
fn a_batch_is_checked_before_it_begins() {
    let shop = Shop::open(NOON, &["day --limit 5 --window day --unit calls --timezone UTC"]);
    assert_eq!(shop.calls(2), [200, 200]);
    for (calls, code) in [("1", 0), ("3", 0), ("4", 3)] {
        let output = shop.home.cli(&["check", "--calls", calls, "--json"]);
        assert_eq!(output.code, code, "{calls}: {}{}", output.stdout, output.stderr);
        let verdict: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(verdict["allowed"], code == 0);
        assert_eq!((&verdict["remaining"], &verdict["budget"]), (&json!(3), &json!("day")));
        assert_eq!(verdict["reset_date"], "2026-11-22T00:00:00Z");
    }
    let said = shop.home.cli(&["check", "--calls", "4"]).stderr;
    assert!(said.contains("this needs 4") && said.contains("Resets 2026-11-22T"), "{said}");
    shop.run("budget topup day --by 1");
    assert_eq!(shop.home.cli(&["check", "--calls", "4"]).code, 0, "credits count");
}
