//! The main job: spend through the proxy, see what it cost, be stopped at the limit, go on after
//! midnight.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use support::client::{Answer, Request};
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::outlay::{Call, Home, Server};
use support::script::{SCRIPT_HEADER, Script};
use support::story::{MODEL, chat, chat_stream, chat_with, hundred_at_once, price_the_model, usd};
use support::wait::eventually;

/// Half an hour before midnight in Berlin.
const EVENING: &str = "2026-11-21T22:30:00Z";
const MIDNIGHT_UNIX_S: &str = "1795302000";

fn hard_day(home: &Home) {
    price_the_model(home);
    home.ok(&["budget", "set", "day", "--limit", "0.02", "--window", "day", "--hard"]);
}

#[test]
fn ten_calls_pass_the_eleventh_is_refused_and_midnight_lifts_the_block() {
    let clock = Clock::at(EVENING);
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    hard_day(&home);
    let server = home.serve();

    for nth in 1..=10_u32 {
        let answer = chat().send(server.address());
        assert_eq!(answer.status, 200, "call {nth}: {}", answer.text());
        assert_eq!(answer.header("x-outlay-cost"), Some("0.002"));
        assert_quota_headers(&answer, nth);
    }
    let refused = chat().send(server.address());
    assert_refusal(&server, &refused);
    assert_eq!(provider.served().len(), 10, "the refused call must not reach the provider");
    assert_figures_agree(&home, &server);

    clock.set("2026-11-21T23:00:01Z");
    let tomorrow = chat().send(server.address());
    assert_eq!(tomorrow.status, 200, "{}", tomorrow.text());
    assert_eq!(tomorrow.header("x-quota-used"), Some("0.002"));
    assert_eq!(home.calls_at_rest().len(), 12);
}

fn assert_quota_headers(answer: &Answer, calls_so_far: u32) {
    let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("no {name}"));
    let used = usd("0.002") * rust_decimal::Decimal::from(calls_so_far);
    assert_eq!(header("x-quota-cap"), "0.02");
    assert_eq!(usd(header("x-quota-used")), used);
    assert_eq!(usd(header("x-quota-remaining")), usd("0.02") - used);
    assert_eq!(header("x-quota-unit"), "USD");
    assert_eq!(header("x-quota-reset"), MIDNIGHT_UNIX_S);
    let warning = (calls_so_far >= 8).then_some("1");
    assert_eq!(answer.header("x-quota-warning"), warning, "after {calls_so_far} calls");
    assert_eq!(header("x-outlay-call").len(), 36);
}

fn assert_refusal(server: &Server, refused: &Answer) {
    assert_eq!(refused.status, 402);
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("x-quota-remaining"), Some("0.00"));
    assert_eq!(refused.header("x-quota-used"), Some("0.02"));
    assert_eq!(refused.header("retry-after"), None, "a long one makes SDKs hang");
    assert_eq!(refused.header("content-type"), Some("application/json"));
    let mut body = refused.json();
    assert_eq!(body["docs"], format!("http://{}/help/budget_exceeded", server.address()));
    body["docs"] = json!("DOCS");
    let options = body["options"].take();
    let sentence = "Outlay: hard budget 'day' of $0.02 is used up ($0.02 spent, this call needs \
                    about $0.002). Resets 2026-11-22T00:00:00+01:00. To go on: outlay budget raise \
                    day --by ";
    for place in ["/message", "/error/message"] {
        let message = body.pointer_mut(place).unwrap().take();
        let message = message.as_str().unwrap();
        assert!(message.starts_with(sentence), "{message}");
    }
    assert_eq!(
        body,
        json!({
            "error": {"type": "billing_error", "code": "budget_exceeded", "param": null,
                "message": null},
            "reason": "quota_exceeded", "message": null, "docs": "DOCS", "budget": "day",
            "window": "day", "unit": "USD", "scope": {}, "limit": "0.02", "used": "0.02",
            "held": "0.00", "needed": "0.002", "quota_remaining": "0.00",
            "credits_remaining": "0.00", "balance_remaining": null,
            "reset_date": "2026-11-21T23:00:00Z", "addon_available": true, "options": null
        })
    );
    let actions: Vec<&str> =
        options.as_array().unwrap().iter().map(|o| o["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["raise", "topup", "set", "wait"]);
    assert_eq!(options[3]["until"], "2026-11-21T23:00:00Z");
}

/// `status`, `report`, `export` and the API, to the last digit.
fn assert_figures_agree(home: &Home, server: &Server) {
    let calls = home.calls_at_rest();
    let spent: Vec<&Call> = calls.iter().filter(|call| call["status"] == "settled").collect();
    assert_eq!((calls.len(), spent.len()), (11, 10));
    for call in &spent {
        assert_eq!(call["cost_usd"], "0.002");
        assert_eq!((call["basis"].as_str(), call["output_tokens"].as_str()), ("priced", "200"));
        assert_eq!((call["provider"].as_str(), call["model"].as_str()), ("openai", MODEL));
    }
    let refused = calls.last().unwrap();
    assert_eq!((refused["status"].as_str(), refused["cost_usd"].as_str()), ("refused", ""));

    let status = server.read("/status");
    assert_eq!(status["today"]["cost_usd"], "0.02");
    assert_eq!(status["month"]["cost_usd"], "0.02");
    assert_eq!(status["timezone"], "Europe/Berlin");
    assert_eq!(status["budgets"][0]["used"], "0.02");
    assert_eq!(status["budgets"][0]["state"], "blocked");
    assert_eq!(
        status["blocked"],
        json!([{"budget": "day", "reason": "quota_exceeded", "until": "2026-11-21T23:00:00Z"}])
    );
    assert_eq!(without_as_of(home.json(&["status"])), without_as_of(status));

    let route = "/usage?by=day&since=2026-11-21&until=2026-11-22";
    let usage = server.read(route);
    let row = &usage["rows"][0];
    assert_eq!(usage["rows"].as_array().unwrap().len(), 1, "{usage}");
    assert_eq!((&row["key"], &row["cost_usd"]), (&json!("2026-11-21"), &json!("0.02")));
    assert_eq!(row["output_tokens"], 2000);
    assert_eq!(usage["total"]["cost_usd"], "0.02");
    let since = ["--since", "2026-11-21", "--until", "2026-11-22"];
    let report = home.json(&[&["report", "--by", "day"][..], &since].concat());
    assert_eq!(report, usage);
    let quota = server.read("/quota");
    assert_eq!(quota["quota_used"], "0.02");
    assert_eq!(quota["quota_remaining"], "0.00");
    for command in [&["status"][..], &["report", "--by", "model"], &["budget", "list"]] {
        let printed = home.ok(command);
        assert!(printed.contains("0.02"), "{command:?}: {printed}");
        assert!(!printed.contains('\u{1b}'), "colour in a pipe");
    }
}

fn without_as_of(mut document: Value) -> Value {
    document.as_object_mut().unwrap().remove("as_of");
    document
}

#[test]
fn a_hundred_at_once_are_never_billed_more_than_the_limit() {
    for request in [chat(), chat_stream()] {
        let provider = FakeProvider::start();
        let home = Home::new(&provider);
        hard_day(&home);
        let server = home.serve();
        let script = Script { output_tokens: 500, delay_ms: 300, ..Script::default() };
        provider.set_default(script);
        let answers = hundred_at_once(&server, &request.without(SCRIPT_HEADER));

        let served = provider.served();
        assert_eq!(served.len(), 10);
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 10);
        assert_eq!(answers.iter().filter(|answer| answer.status == 402).count(), 90);
        let billed: u64 = served.iter().map(|request| request.output_tokens).sum();
        assert_eq!(billed, 2000);
        let calls = home.calls_at_rest();
        let costs = calls.iter().filter(|call| !call["cost_usd"].is_empty());
        let spent: rust_decimal::Decimal = costs.map(|call| usd(&call["cost_usd"])).sum();
        assert_eq!(spent, usd("0.02"));
        assert_eq!(calls.iter().filter(|call| call["status"] == "refused").count(), 90);
    }
}

#[test]
fn two_proxies_share_one_limit() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    hard_day(&home);
    let servers = [home.serve(), home.serve()];
    provider.set_default(Script { output_tokens: 500, delay_ms: 300, ..Script::default() });
    let request = chat().without(SCRIPT_HEADER);
    let answers = std::thread::scope(|scope| {
        let halves = servers.each_ref().map(|server| {
            let request = &request;
            scope.spawn(move || hundred_at_once(server, request))
        });
        halves.map(|half| half.join().unwrap()).concat()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 10);
    assert_eq!(provider.served().len(), 10);
    assert_eq!(servers[0].read("/budgets/day")["used"], "0.02");
    assert_eq!(servers[1].read("/budgets/day")["held"], "0.00");
}

#[test]
fn a_subscription_login_owes_nothing_per_call() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "day", "--limit", "0", "--window", "day"]);
    let server = home.serve();
    let body = json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": []});
    for (credential, status) in [("sk-ant-oat01-abc", 200), ("sk-ant-api03-abc", 402)] {
        let answer = Request::post("/anthropic/v1/messages", &body)
            .header("authorization", &format!("Bearer {credential}"))
            .send(server.address());
        assert_eq!(answer.status, status, "{credential}: {}", answer.text());
    }
    assert_eq!(server.read("/budgets/day")["used"], "0.00");
}

#[test]
fn a_request_without_a_cap_gets_the_affordable_one() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    hard_day(&home);
    let server = home.serve();
    let answer = chat_with(&json!({})).send(server.address());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = provider.served()[0].json();
    let cap = asked["max_completion_tokens"].as_u64().or(asked["max_tokens"].as_u64());
    assert_eq!(cap, Some(2000), "$0.02 buy 2,000 tokens: {asked}");
    let call = &home.calls_at_rest()[0];
    assert_eq!((call["limit_action"].as_str(), call["cost_usd"].as_str()), ("capped", "0.005"));
}

#[test]
fn a_soft_budget_warns_and_never_refuses() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.003", "--window", "day", "--soft"]);
    let server = home.serve();
    for warned in [None, Some("1"), Some("1")] {
        let answer = chat().send(server.address());
        assert_eq!((answer.status, answer.header("x-quota-warning")), (200, warned));
    }
    assert_eq!(server.read("/status")["blocked"], json!([]));
}

#[test]
fn the_commands_a_refusal_names_lift_the_block() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    hard_day(&home);
    let server = home.serve();
    for action in ["raise", "topup", "set"] {
        let refusal = eventually("the money is gone", || {
            let answer = chat().send(server.address());
            (answer.status != 200).then(|| answer.json())
        });
        let options = refusal["options"].as_array().unwrap();
        let option = options.iter().find(|option| option["action"] == action).unwrap();
        let command = option["command"].as_str().unwrap();
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        home.ok(&arguments);
        let answer = chat().send(server.address());
        assert_eq!(answer.status, 200, "after {command}: {}", answer.text());
        home.ok(&["budget", "rm", "day"]);
        home.ok(&["budget", "set", "day", "--limit", "0.002", "--window", "day"]);
    }
}

#[test]
fn a_refusal_speaks_the_dialect_and_the_status_of_its_client() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "day", "--limit", "0", "--window", "day"]);
    let server = home.serve();
    let anthropic = (
        "/anthropic/v1/messages",
        json!({"model": "claude-haiku-4-5",
        "max_tokens": 9, "messages": []}),
    );
    let chat = ("/openai/v1/chat/completions", json!({"model": "gpt-4o", "messages": []}));
    let responses = ("/openai/v1/responses", json!({"model": "gpt-4o", "input": "Hello"}));
    let gemini =
        ("/gemini/v1beta/models/gemini-2.5-flash:generateContent", json!({"contents": []}));
    for ((path, body), agent, status, pointer, value) in [
        (&anthropic, "claude-cli/2.1.330", 402, "/error/type", json!("billing_error")),
        (&anthropic, "Anthropic/Python 0.70", 402, "/type", json!("error")),
        (&chat, "curl/8", 402, "/error/code", json!("budget_exceeded")),
        (&chat, "OpenAI/Python 2.1.0", 400, "/error/type", json!("billing_error")),
        (&chat, "AsyncOpenAI/Python 2.1.0", 400, "/reason", json!("quota_exceeded")),
        (&chat, "litellm/1.106", 400, "/budget", json!("day")),
        (&responses, "codex_cli_rs/0.169.0", 400, "/error/code", json!("budget_exceeded")),
        (&gemini, "GeminiCLI/0.61", 402, "/error/status", json!("FAILED_PRECONDITION")),
        (&gemini, "GeminiCLI/0.61", 402, "/error/code", json!(402)),
        (&gemini, "x", 402, "/error/details/0/reason", json!("budget_exceeded")),
    ] {
        let answer = Request::post(path, body).header("user-agent", agent).send(server.address());
        assert_eq!(answer.status, status, "{path} for {agent}: {}", answer.text());
        assert_eq!(answer.json().pointer(pointer), Some(&value), "{path}: {}", answer.text());
        assert_eq!(answer.json()["budget"], "day");
    }
    assert!(provider.served().is_empty());
}

#[test]
fn reading_and_free_calls_work_while_blocked() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "day", "--limit", "0", "--window", "day"]);
    let server = home.serve();
    for request in [
        Request::get("/openai/v1/models"),
        Request::post("/anthropic/v1/messages/count_tokens", &json!({"model": "x"})),
        Request::post("/ollama/v1/chat/completions", &json!({"model": "llama3", "messages": []})),
    ] {
        let answer = request.send(server.address());
        assert_eq!(answer.status, 200, "{request:?}: {}", answer.text());
    }
    assert_eq!(server.read("/status")["budgets"][0]["name"], "day");
    assert_eq!(home.cli(&["check"]).code, 3);
}

#[test]
fn an_unpriced_model_is_refused_under_a_hard_budget_and_the_remedy_works() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    let refusal = chat().send(server.address());
    assert_eq!(refusal.status, 402);
    let body = refusal.json();
    assert_eq!(body["reason"], "unpriced_model");
    assert_eq!(body["error"]["code"], "unpriced_model");
    let sentence = body["message"].as_str().unwrap();
    assert!(sentence.contains(&format!("outlay prices set {MODEL}")), "{sentence}");
    price_the_model(&home);
    let answer = eventually("the price is known to the running proxy", || {
        Some(chat().send(server.address())).filter(|answer| answer.status == 200)
    });
    assert_eq!(answer.header("x-outlay-cost"), Some("0.002"));
}
