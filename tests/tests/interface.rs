//! The shapes that users' scripts rely on: JSON documents, headers, CSV, money text.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use support::client::Request;
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::story::{CHAT, Day, MODEL, chat, chat_with, price_the_model};

const COLUMNS: &str = "time,id,source,provider,account,model,model_requested,project,session,\
                       client,key,status,http_status,error_kind,limit_action,basis,input_tokens,\
                       cache_read_tokens,cache_write_5m_tokens,cache_write_1h_tokens,output_tokens,\
                       reasoning_tokens,audio_input_tokens,audio_output_tokens,tool_calls,cost_usd,\
                       cost_stated_usd,service_tier,price_id,response_id,duration_ms,\
                       first_byte_ms,tags";

fn budget_day() -> Value {
    json!({
        "name": "day", "window": "day", "unit": "USD", "scope": {}, "kind": "hard",
        "limit": "0.004", "used": "0.004", "held": "0.00", "remaining": "0.00",
        "credits_remaining": "0.00", "percent": 100.0, "state": "blocked",
        "reset_date": "2026-11-21T23:00:00Z"
    })
}

#[test]
fn status() {
    let day = Day::with_a_refusal();
    let mut status = day.server.read("/status");
    let as_of = status["as_of"].take();
    assert!(as_of.as_str().unwrap().starts_with("2026-11-21T12:0"), "{as_of}");
    assert!(as_of.as_str().unwrap().ends_with('Z'), "{as_of}");
    contains(
        &status,
        &json!({
            "timezone": "Europe/Berlin", "plan": null,
            "month": {"cost_usd": "0.004"}, "today": {"cost_usd": "0.004"},
            "budgets": [budget_day()],
            "balances": [{"account": "openai", "remaining": "12.396", "currency": "USD"}],
            "blocked": [{"budget": "day", "reason": "quota_exceeded",
                "until": "2026-11-21T23:00:00Z"}]
        }),
    );
    assert!(status["balances"][0].as_object().unwrap().contains_key("empty_at"));
    assert!(status["today"]["calls"].is_u64());
}

#[test]
fn quota() {
    let day = Day::with_a_refusal();
    let answer = day.server.api("GET", "/quota", None);
    contains(
        &answer.json(),
        &json!({
            "plan": null, "quota_total": "0.004", "quota_used": "0.004",
            "quota_remaining": "0.00", "credits_total": "0.00", "credits_used": "0.00",
            "credits_remaining": "0.00", "reset_date": "2026-11-21T23:00:00Z",
            "budgets": [budget_day()]
        }),
    );
    assert_eq!(answer.header("x-ratelimit-limit"), Some("0.004"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0.00"));
    assert_eq!(answer.header("x-ratelimit-reset"), Some("1795302000"));
    day.home.ok(&["budget", "rm", "day"]);
    let unlimited = day.server.api("GET", "/quota", None);
    contains(
        &unlimited.json(),
        &json!({"plan": null, "quota_total": null, "quota_used": null, "quota_remaining": null,
            "reset_date": null, "budgets": []}),
    );
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert_eq!(unlimited.header(name), None, "{name}: absent, never a 0");
    }
    let free = chat().send(day.server.address());
    assert!(free.headers.iter().all(|(name, _)| !name.starts_with("x-quota")), "{free:?}");
}

#[test]
fn budgets() {
    let day = Day::with_a_refusal();
    contains(&day.server.read("/budgets"), &json!({"budgets": [budget_day()]}));
    contains(&day.server.read("/budgets/day"), &budget_day());
    assert_eq!(day.home.json(&["budget", "list"]), day.server.read("/budgets"));
    let missing = day.server.api("GET", "/budgets/nosuch", None);
    assert_eq!((missing.status, missing.json()["error"].is_string()), (404, true));
    assert!(missing.json()["message"].as_str().unwrap().contains("nosuch"));
}

#[test]
fn usage() {
    let day = Day::with_a_refusal();
    let since = "since=2026-11-21&until=2026-11-22";
    let row = |key: Value, calls: u64, output: u64, cost: &str| {
        json!({"key": key, "calls": calls, "input_tokens": calls * 10, "cache_read_tokens": 0,
            "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0, "output_tokens": output,
            "cost_usd": cost})
    };
    for (by, rows) in [
        ("by=day", vec![row(json!("2026-11-21"), 2, 400, "0.004")]),
        ("by=model", vec![row(json!(MODEL), 2, 400, "0.004")]),
        ("by=provider", vec![row(json!("openai"), 2, 400, "0.004")]),
        ("by=model&by=provider", vec![row(json!([MODEL, "openai"]), 2, 400, "0.004")]),
    ] {
        let usage = day.server.read(&format!("/usage?{by}&{since}"));
        contains(&usage["rows"], &json!(rows));
        contains(&usage["total"], &json!({"calls": 2, "cost_usd": "0.004"}));
        assert!(usage["since"].is_string() && usage["until"].is_string(), "{usage}");
        assert!(usage["rows"][0].as_object().unwrap().contains_key("reasoning_tokens"));
    }
    let projects = day.server.read(&format!("/usage?by=project&{since}"));
    let demo = projects["rows"].as_array().unwrap().iter().find(|row| row["key"] == "demo");
    contains(demo.unwrap(), &row(json!("demo"), 1, 200, "0.002"));
    let nonsense = day.server.api("GET", "/usage?by=colour", None);
    assert_eq!(nonsense.status, 400);
    assert!(nonsense.json()["message"].as_str().unwrap().contains("colour"));
}

#[test]
fn calls() {
    let day = Day::with_a_refusal();
    let calls = day.server.read("/calls");
    assert!(calls.as_object().unwrap().contains_key("cursor"), "{calls}");
    let rows = calls["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for column in COLUMNS.split(',') {
        assert!(rows[0].as_object().unwrap().contains_key(column), "no {column} in {}", rows[0]);
    }
    let settled = rows.iter().find(|row| row["project"] == "demo").unwrap();
    contains(
        settled,
        &json!({
            "source": "proxy", "provider": "openai", "account": "openai", "model": MODEL,
            "model_requested": MODEL, "status": "settled", "http_status": 200, "error_kind": null,
            "basis": "priced", "input_tokens": 10, "output_tokens": 200, "cost_usd": "0.002",
            "cost_stated_usd": null
        }),
    );
    let refused = rows.iter().find(|row| row["status"] == "refused").unwrap();
    contains(refused, &json!({"cost_usd": null, "output_tokens": null}));

    let id = settled["id"].as_str().unwrap();
    let one = day.server.read(&format!("/calls/{id}"));
    contains(&one, settled);
    assert!(one.to_string().contains("\"day\""), "it tells the budgets looked at: {one}");
    let limited = day.server.read("/calls?limit=2");
    assert_eq!(limited["rows"].as_array().unwrap().len(), 2);
    let cursor = limited["cursor"].as_str().expect("there is more").to_owned();
    let rest = day.server.read(&format!("/calls?limit=2&cursor={cursor}"));
    assert_eq!(rest["rows"].as_array().unwrap().len(), 1);
    assert_eq!(rest["cursor"], Value::Null);
    let missing = "/calls/00000000-0000-7000-8000-000000000000";
    assert_eq!(day.server.api("GET", missing, None).status, 404);
}

#[test]
fn balances_alerts_and_pulse() {
    let day = Day::with_a_refusal();
    let balances = day.server.read("/balances");
    contains(&balances["balances"][0], &json!({"account": "openai", "remaining": "12.396"}));
    let alerts = day.server.read("/alerts");
    assert!(alerts.to_string().contains("day"), "{alerts}");
    let pulse = || day.server.read("/pulse");
    let before = pulse();
    assert_eq!(before, pulse(), "nothing happened");
    day.home.ok(&["budget", "raise", "day", "--by", "1"]);
    let raised = pulse();
    assert_ne!(before, raised, "another process raised a budget");
    assert_eq!(chat().send(day.server.address()).status, 200);
    assert_ne!(raised, pulse(), "a call was made");
}

#[test]
fn csv() {
    let day = Day::with_a_refusal();
    day.home.ok(&["budget", "raise", "day", "--by", "1"]);
    let formula = chat_with(&json!({"max_tokens": 100})).header("x-outlay-project", "=SUM(A1)");
    assert_eq!(formula.send(day.server.address()).status, 200);
    let calls = day.home.calls_at_rest();
    let csv = day.home.ok(&["export", "--format", "csv"]);
    assert_eq!(csv.lines().next(), Some(COLUMNS));
    assert_eq!(calls.len(), 4);
    let first = &calls[0];
    for (column, text) in [
        ("source", "proxy"),
        ("provider", "openai"),
        ("account", "openai"),
        ("model", MODEL),
        ("model_requested", MODEL),
        ("project", "demo"),
        ("status", "settled"),
        ("http_status", "200"),
        ("error_kind", ""),
        ("limit_action", ""),
        ("basis", "priced"),
        ("input_tokens", "10"),
        ("cache_read_tokens", "0"),
        ("output_tokens", "200"),
        ("cost_usd", "0.002"),
        ("cost_stated_usd", ""),
        ("response_id", "fake-00000001"),
    ] {
        assert_eq!(first[column], text, "{column}");
    }
    assert!(first["tags"].contains("team=a"), "{first:?}");
    assert!(first["time"].starts_with("2026-11-21T12:0") && first["time"].ends_with('Z'));
    assert!(!first["key"].is_empty() && !first["key"].contains("sk-test"), "a fingerprint");
    let refused = &calls[2];
    for (column, text) in [("status", "refused"), ("cost_usd", ""), ("output_tokens", "")] {
        assert_eq!(refused[column], text, "{column}");
    }
    assert!(!calls[3]["project"].starts_with('='), "a spreadsheet would run it: {:?}", calls[3]);

    let file = day.home.path().join("out.csv");
    day.home.ok(&["export", "-o", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), csv);
    let objects = day.home.ok(&["export", "--format", "json"]);
    let rows: Vec<Value> =
        objects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    contains(&rows[0], &json!({"cost_usd": "0.002", "output_tokens": 200, "error_kind": null}));
}

#[test]
fn money_text() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    for (limit, text) in [
        ("5", "5.00"),
        ("5.50", "5.50"),
        ("0.000201", "0.000201"),
        ("1234567.8", "1234567.80"),
        ("0.000000000001", "0.000000000001"),
    ] {
        home.ok(&["budget", "set", "day", "--limit", limit, "--window", "day"]);
        assert_eq!(home.json(&["budget", "list"])["budgets"][0]["limit"], text);
    }
}

#[test]
fn prices_and_cost_without_a_ledger() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let cost = home.json(&["cost", "gpt-4o", "--input", "1000", "--output", "100"]);
    assert!(cost.to_string().contains("\"0.0035\""), "2.50 and 10 per million: {cost}");
    let shown = home.json(&["prices", "show", "gpt-4o"]);
    assert!(shown.to_string().contains("2.50"), "{shown}");
    price_the_model(&home);
    assert!(home.ok(&["prices", "show", MODEL]).contains("10"));
}

#[test]
fn routes_and_projects() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let messages = json!({"model": "claude-haiku-4-5", "max_tokens": 5, "messages": []});
    let gemini = json!({"contents": []});
    let openai = json!({"model": "gpt-4o", "messages": []});
    for (target, body, upstream, provider_name, project) in [
        ("/v1/messages", &messages, "/v1/messages", "anthropic", ""),
        ("/v1/chat/completions", &openai, "/v1/chat/completions", "openai", ""),
        ("/p/demo/openai/v1/responses", &openai, "/v1/responses", "openai", "demo"),
        (
            "/groq/openai/v1/chat/completions?a=b",
            &openai,
            "/openai/v1/chat/completions?a=b",
            "groq",
            "",
        ),
        (
            "/p/my%20app/v1beta/models/gemini-2.5-flash:generateContent",
            &gemini,
            "/v1beta/models/gemini-2.5-flash:generateContent",
            "gemini",
            "my app",
        ),
    ] {
        let answer = Request::post(target, body).send(server.address());
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(provider.served().last().unwrap().target, upstream);
        let call = home.calls_at_rest().pop().unwrap();
        assert_eq!(
            (call["provider"].as_str(), call["project"].as_str()),
            (provider_name, project),
            "{target}"
        );
    }
    let free = home.calls().len();
    for request in [
        Request::get("/openai/v1/models"),
        Request::new("HEAD", "/anthropic/api/hello"),
        Request::post("/openai/v1/moderations", &json!({"input": "x"})),
        Request::post("/anthropic/v1/messages/count_tokens", &messages),
    ] {
        let answer = request.send(server.address());
        assert_eq!(answer.status, 200, "{request:?}");
    }
    assert_eq!(home.calls().len(), free, "these are no calls");
}

#[test]
fn a_stream_asks_for_usage_and_hides_it_from_who_did_not() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    for (options, asked, shown) in [
        (Value::Null, json!(true), false),
        (json!({"include_usage": true}), json!(true), true),
        (json!({"include_usage": false}), json!(false), false),
    ] {
        let mut body = json!({"model": "gpt-4o", "stream": true, "messages": []});
        if !options.is_null() {
            body["stream_options"] = options;
        }
        let answer = Request::post(CHAT, &body).send(server.address());
        let sent = provider.served().pop().unwrap().json();
        assert_eq!(sent["stream_options"]["include_usage"], asked);
        let events = answer.events();
        assert_eq!(events.iter().any(|event| event.contains("\"choices\":[]")), shown);
        assert_eq!(events.last().unwrap(), "[DONE]");
        let call = home.calls_at_rest().pop().unwrap();
        let status = if asked == true { "settled" } else { "estimated" };
        assert_eq!(call["status"], status, "{asked}");
    }
}

/// Asserts that `whole` has everything that `part` has; objects may have more members.
#[track_caller]
fn contains(whole: &Value, part: &Value) {
    let missing = missing("", whole, part);
    assert!(missing.is_empty(), "{}\nin {whole:#}", missing.join("\n"));
}

fn missing(place: &str, whole: &Value, part: &Value) -> Vec<String> {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .flat_map(|(key, value)| {
                let place = format!("{place}/{key}");
                match whole.get(key) {
                    Some(inner) => missing(&place, inner, value),
                    None => vec![format!("{place} is missing")],
                }
            })
            .collect(),
        (Value::Array(whole), Value::Array(part)) if whole.len() == part.len() => whole
            .iter()
            .zip(part)
            .enumerate()
            .flat_map(|(nth, (whole, part))| missing(&format!("{place}/{nth}"), whole, part))
            .collect(),
        _ if whole == part => Vec::new(),
        _ => vec![format!("{place} is {whole} instead of {part}")],
    }
}
