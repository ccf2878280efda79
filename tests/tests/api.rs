//! Changing things through the local API: the running proxy and the commands see it at once.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use support::client::{Answer, Request};
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::story::{MODEL, chat, price_the_model};

#[test]
fn a_budget_set_raised_and_removed_over_the_api_governs_calls() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    let send = |method: &str, route: &str, body: &Value| {
        let answer = server.api(method, route, Some(body));
        assert!(answer.status < 300, "{method} {route}: {}", answer.text());
    };
    send("PUT", "/budgets/day", &json!({"limit": "0.002", "window": "day", "kind": "hard"}));
    assert_eq!(statuses(&server, 2), [200, 402]);
    send("POST", "/budgets/day/raises", &json!({"by": "0.002"}));
    assert_eq!(statuses(&server, 2), [200, 402]);
    send("POST", "/budgets/day/topups", &json!({"by": "0.002"}));
    assert_eq!(statuses(&server, 2), [200, 402]);
    send("PUT", "/budgets/day", &json!({"kind": "soft"}));
    assert_eq!(statuses(&server, 1), [200]);
    assert!(home.ok(&["budget", "history", "day"]).lines().count() >= 4);
    assert_eq!(server.api("DELETE", "/budgets/day", None).status / 100, 2);
    assert_eq!(server.read("/budgets"), json!({"budgets": []}));
}

#[test]
fn calls_made_elsewhere_are_recorded_once_and_count() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.004", "--window", "day"]);
    let server = home.serve();
    let call = json!({"provider": "openai", "model": MODEL, "project": "batch",
        "usage": {"input_tokens": 7, "output_tokens": 400}});
    let post = |body: &Value| -> Answer {
        Request::post("/api/v1/calls", body)
            .header("authorization", &format!("Bearer {}", home.token()))
            .header("idempotency-key", "one-and-the-same")
            .send(server.address())
    };
    let (first, again) = (post(&call), post(&call));
    assert_eq!((first.status, again.status), (200, 200), "{}", first.text());
    assert_eq!(first.json()["cost_usd"], "0.004");
    assert_eq!(first.json()["id"], again.json()["id"]);
    let recorded = home.calls();
    assert_eq!(recorded.len(), 1, "the second is the first");
    assert_eq!(recorded[0]["source"], "api");
    assert_eq!(recorded[0]["project"], "batch");
    assert_eq!(server.read("/budgets/day")["used"], "0.004");
    assert_eq!(statuses(&server, 1), [402], "nothing is left for another call");

    let half_wrong = json!({"calls": [call, {"provider": "openai"}]});
    let refused = Request::post("/api/v1/calls", &half_wrong)
        .header("x-api-key", &home.token())
        .send(server.address());
    assert_eq!(refused.status, 400);
    assert!(refused.json()["message"].is_string(), "{}", refused.text());
    let settled = home.calls().iter().filter(|call| call["status"] == "settled").count();
    assert_eq!(settled, 1, "all or nothing");
}

#[test]
fn grants_are_credit() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let grant = json!({"account": "openai", "amount": "5"});
    let answer = server.api("POST", "/grants", Some(&grant));
    assert!(answer.status < 300, "{}", answer.text());
    assert!(home.ok(&["balance", "list"]).contains("5.00"));
    assert_eq!(server.read("/grants?account=openai"), home.json(&["balance", "grants", "openai"]));
}

#[test]
fn the_description_names_every_route() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let description = server.read("/openapi.json");
    assert!(description["openapi"].as_str().unwrap().starts_with("3."), "{description}");
    let paths = description["paths"].as_object().unwrap();
    for path in [
        "/status",
        "/quota",
        "/budgets",
        "/budgets/{name}",
        "/budgets/{name}/raises",
        "/budgets/{name}/topups",
        "/usage",
        "/calls",
        "/calls/{id}",
        "/balances",
        "/grants",
        "/prices",
        "/alerts",
        "/pulse",
        "/login",
        "/login-codes",
        "/prove",
    ] {
        let known = paths.keys().any(|key| key.trim_start_matches("/api/v1") == path);
        assert!(known, "{path} is not described");
    }
}

#[test]
fn metrics_count_calls() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    assert_eq!(statuses(&server, 3), [200; 3]);
    assert_eq!(home.calls_at_rest().len(), 3);
    let metrics = Request::get("/metrics")
        .header("authorization", &format!("Bearer {}", home.token()))
        .send(server.address())
        .text();
    assert!(metrics.lines().any(|line| line.starts_with("outlay_")), "{metrics}");
    assert!(metrics.contains(MODEL) || metrics.contains("openai"), "{metrics}");
}

#[test]
fn the_refusals_status_can_be_set() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "day", "--limit", "0", "--window", "day"]);
    for status in [400_u16, 402, 403, 429] {
        home.write_config(&format!("[refusal]\nstatus = \"{status}\"\n"));
        let server = home.serve();
        let answer = chat().send(server.address());
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{status}");
    }
}

fn statuses(server: &Server, calls: usize) -> Vec<u16> {
    (0..calls).map(|_| chat().send(server.address()).status).collect()
}
