//! Changing limits, waiting for them, and asking why: the commands beside a running proxy.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Stdio;

use serde_json::{Value, json};
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::script::Script;
use support::story::{chat, chat_with, price_the_model};
use support::wait::eventually;

/// A tool that calls until it is told to stop, or ten times.
const TOOL: &str = r#"
import json, os, sys, urllib.error, urllib.request
for _ in range(10):
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps({"model": "story-model", "max_tokens": 200, "messages": []}).encode(),
        {"content-type": "application/json", "authorization": "Bearer sk-test"},
    )
    try:
        urllib.request.urlopen(request).read()
    except urllib.error.HTTPError as error:
        sys.exit(json.load(error)["error"]["message"])
"#;

/// A home with a priced model: a call of [`chat`] is $0.002.
fn home(provider: &FakeProvider) -> Home {
    let home = Home::new(provider);
    price_the_model(&home);
    home
}

/// A home with that and a used-up budget of $0.002 a day, and its server.
fn used_up(provider: &FakeProvider) -> (Home, Server) {
    let home = home(provider);
    home.ok(&["budget", "set", "day", "--limit", "0.002", "--window", "day"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    assert_eq!(chat().send(server.address()).status, 402);
    (home, server)
}

#[test]
fn a_run_spends_no_more_than_it_may_and_says_what_it_spent() {
    let provider = FakeProvider::start();
    provider.set_default(Script { output_tokens: 500, ..Script::default() });
    let home = home(&provider);
    let run = ["run", "--max-cost", "0.005", "--project", "demo", "--", "python3", "-c", TOOL];
    // First with a proxy for the run's lifetime, then beside one whose other calls are not its own.
    for is_served in [false, true] {
        let server = is_served.then(|| home.serve());
        if let Some(server) = &server {
            assert_eq!(chat().send(server.address()).status, 200);
        }
        let output = home.cli(&run);
        assert_eq!(output.code, 1, "{}", output.stderr);
        let refusal = "hard budget 'run-";
        assert!(output.stderr.contains(refusal), "{refusal} is not in: {}", output.stderr);
        let summary = output.stderr.lines().last().unwrap_or_default();
        // The third call gets what the second left.
        let sums = "500 output tokens, $0.005 of at most $0.005, 1 refused (project 'demo')";
        assert!(summary.contains("3 calls") && summary.contains(sums), "{summary}");
        assert_eq!(home.json(&["budget", "list"])["budgets"], json!([]), "it goes with the run");
    }
    let calls = home.json(&["calls"]);
    let runs: Vec<&Value> =
        calls["rows"].as_array().unwrap().iter().map(|row| &row["run"]).collect();
    let of_runs = runs.iter().filter(|run| run.is_string()).count();
    assert_eq!((runs.len(), of_runs), (9, 8), "two runs of four calls, and one of no run");
}

#[test]
fn a_run_whose_process_died_leaves_no_limit_behind() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    let mut run = home.command(&["run", "--max-cost", "1", "--", "sleep", "30"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let budgets = || home.json(&["budget", "list"])["budgets"].as_array().unwrap().len();
    eventually("the run has its budget", || (budgets() == 1).then_some(()));
    run.kill().unwrap();
    run.wait().unwrap();
    // Whoever opens the ledger to forward calls finds it out.
    let server = home.serve();
    eventually("it is gone", || (budgets() == 0).then_some(()));
    drop(server);
}

#[test]
fn a_budget_counts_what_its_scope_says() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    let server = home.serve();
    let ours = chat()
        .header("x-outlay-project", "demo")
        .header("x-outlay-tags", "team=search;run=7")
        .header("x-session-id", "s1")
        .header("user-agent", "curl/8.1");
    let others = chat_with(&json!({"model": "story-model-2"}))
        .without("authorization")
        .header("authorization", "Bearer sk-other")
        .header("x-outlay-project", "other")
        .header("x-outlay-tags", "team=ads")
        .header("x-session-id", "s2")
        .header("user-agent", "pi/1.0");
    let prices = ["--provider", "openai", "--input", "0", "--output", "10"];
    home.ok(&[&["prices", "set", "story-model-2"][..], &prices].concat());
    assert_eq!(
        (ours.send(server.address()).status, others.send(server.address()).status),
        (200, 200)
    );
    let key = home.calls_at_rest()[0]["key"].clone();
    home.ok(&["account", "link", &key, "work"]);
    for (part, value) in [
        ("--model", "STORY-mode?"),
        ("--project", "demo"),
        ("--key", &key),
        ("--key", &key[..9]),
        ("--client", "curl"),
        ("--session", "s1"),
        ("--tag", "team=search"),
        ("--account", "work"),
    ] {
        home.ok(&["budget", "set", "x", "--limit", "0", "--window", "5h", part, value]);
        let refusal = ours.send(server.address());
        assert_eq!(refusal.status, 402, "{part} {value}: {}", refusal.text());
        let scope = refusal.json()["scope"].clone();
        assert_eq!(scope.as_object().unwrap().len(), 1, "{part} {value}: {scope}");
        assert_eq!(others.send(server.address()).status, 200, "{part} {value}");
        home.ok(&["budget", "rm", "x"]);
    }
    home.ok(&["budget", "set", "x", "--limit", "0", "--window", "5h", "--provider", "gemini"]);
    assert_eq!(ours.send(server.address()).status, 200, "another provider's");
}

#[test]
fn pauses_and_bypasses_let_calls_through_and_end() {
    let provider = FakeProvider::start();
    let (home, server) = used_up(&provider);
    let status = || chat().send(server.address()).status;
    let state = || home.json(&["budget", "show", "day"])["state"].clone();

    home.ok(&["budget", "pause", "day", "--for", "2h"]);
    assert_eq!((status(), state()), (200, "paused".into()));
    assert!(home.ok(&["budget", "show", "day"]).contains("paused until"));
    home.ok(&["budget", "resume", "day"]);
    assert_eq!((status(), state()), (402, "blocked".into()));

    home.ok(&["bypass", "20m", "--why", "the release"]);
    assert_eq!((status(), state()), (200, "bypassed".into()));
    for command in ["status", "statusline", "bypass"] {
        let printed = home.ok(&[command]);
        assert!(printed.contains("No limit refuses") || printed.contains("bypassed"), "{printed}");
    }
    assert_eq!(home.json(&["status"])["bypass"]["why"], "the release");
    assert_eq!(home.json(&["bypass"]), server.read("/bypass"));
    let run = home.cli(&["run", "--max-cost", "1", "--", "true"]);
    assert!(run.stderr.contains("--max-cost refuses nothing yet"), "{}", run.stderr);
    home.ok(&["bypass", "off"]);
    assert_eq!((status(), state()), (402, "blocked".into()));

    let history = home.json(&["budget", "history", "day"]);
    let events = history["events"].as_array().unwrap();
    let told: Vec<&str> = events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["created", "paused", "resumed", "bypassed", "bypass_ended"]);
    assert!(events.iter().all(|event| event["actor"] == "cli" && event["at"].is_string()));
    assert_eq!(home.json(&["budget", "show", "day"])["used"], "0.006", "all of it was counted");
}

#[test]
fn the_api_changes_limits_as_the_commands_do() {
    let provider = FakeProvider::start();
    let (home, server) = used_up(&provider);
    let send = |method, route: &str, body: Option<Value>| {
        let answer = server.api(method, route, body.as_ref());
        (answer.status, if answer.body.is_empty() { Value::Null } else { answer.json() })
    };
    let (status, budget) = send("POST", "/budgets/day/pauses", None);
    assert_eq!(
        (status, &budget["state"], &budget["paused_until"]),
        (200, &"paused".into(), &Value::Null)
    );
    let (_, budget) = send("POST", "/budgets/day/pauses", Some(json!({"seconds": 600})));
    assert!(budget["paused_until"].is_string(), "{budget}");
    let (_, budget) = send("DELETE", "/budgets/day/pauses", None);
    assert_eq!(budget["state"], "blocked");
    let (_, bypass) = send("POST", "/bypass", Some(json!({"seconds": 600, "why": "a test"})));
    assert_eq!(
        (&bypass["bypass"]["actor"], &bypass["bypass"]["why"]),
        (&"api".into(), &"a test".into())
    );
    assert_eq!(send("DELETE", "/bypass", None).1, json!({"bypass": null}));
    let (status, spared) = send("PUT", "/plan", Some(json!({"plan": "solo"})));
    assert_eq!((status, &spared["error"]), (409, &"own_limits".into()), "{spared}");
    assert!(spared["message"].as_str().unwrap().contains("→ $5.00"), "{spared}");
    let (_, used) = send("PUT", "/plan", Some(json!({"plan": "solo", "replace": true})));
    assert_eq!(used, json!({"plan": "solo", "set": ["day", "month"], "removed": []}));
    assert_eq!(server.read("/quota")["plan"], "solo");
    assert_eq!(server.read("/plans"), home.json(&["plan", "list"]));
    assert_eq!(server.read("/plan"), home.json(&["plan", "show"]));
    for (method, route, body, status, part) in [
        ("POST", "/budgets/nosuch/pauses", None, 404, "the budgets are"),
        ("POST", "/budgets/day/pauses", Some(json!({"seconds": 0})), 400, "at once"),
        ("POST", "/budgets/day/pauses", Some(json!({"hours": 1})), 400, "hours"),
        ("POST", "/bypass", Some(json!({})), 400, "'seconds' or 'until'"),
        ("POST", "/bypass", Some(json!({"until": "2020-01-01"})), 400, "at once"),
        ("POST", "/bypass", Some(json!({"seconds": 1, "until": "2099-01-01"})), 400, "not both"),
        ("PUT", "/plan", Some(json!({"plan": "nosuch"})), 404, "the plans are: hobby, solo"),
        ("GET", "/calls/x/explanation", None, 400, "not the id of a call"),
        ("GET", "/calls/0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/explanation", None, 404, "no call"),
    ] {
        let (got, error) = send(method, route, body);
        assert_eq!(got, status, "{method} {route}: {error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{method} {route}: {error}");
    }
}

#[test]
fn a_plan_of_the_configuration_is_used_like_any_other() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    home.write_config("[plans.mine]\nweek = \"0.002\"\n");
    home.ok(&["plan", "use", "hobby"]);
    let used = home.ok(&["plan", "use", "mine"]);
    assert!(used.contains("$0.002 a week") && used.contains("removed: day, month"), "{used}");
    let server = home.serve();
    assert_eq!(server.read("/plan")["plans"][0]["week"], "0.002");
    assert_eq!(chat().send(server.address()).status, 200);
    assert_eq!(chat().send(server.address()).json()["budget"], "week");
    assert!(home.ok(&["plan", "show"]).contains("blocked"));
    home.ok(&["plan", "use", "unlimited"]);
    assert_eq!(chat().send(server.address()).status, 200);
}

#[test]
fn strict_refuses_what_nobody_can_bound() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    // The whole answer is $0.02, and about half of it is expected. What a search adds nobody knows.
    home.ok(&["budget", "set", "day", "--limit", "0.015", "--window", "day"]);
    let search = || chat_with(&json!({"max_tokens": 2_000, "web_search_options": {}}));
    let strict = home.try_serve(&["--listen", "127.0.0.1:0", "--strict"]).unwrap();
    let refused = search().send(strict.address());
    assert_eq!(refused.status, 402);
    assert_eq!(refused.json()["error"]["code"], "budget_exceeded");
    drop(strict);
    assert_eq!(search().send(home.serve().address()).status, 200);
}

#[test]
fn a_script_waits_until_it_may_spend() {
    let provider = FakeProvider::start();
    let clock = Clock::at("2026-11-21T12:00:00Z");
    let home = Home::new(&provider).with_clock(&clock);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.002", "--window", "day"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    assert_eq!(home.cli(&["check"]).code, 3, "used is exactly the limit");
    let out_of_time = home.cli(&["wait", "--timeout", "300ms"]);
    assert_eq!(out_of_time.code, 3, "{}", out_of_time.stderr);
    assert!(out_of_time.stderr.contains("'day'"), "{}", out_of_time.stderr);

    let wait = |cost: &'static str| {
        let mut wait = home.command(&["wait", "--timeout", "60s", "--cost", cost]);
        let mut wait = wait.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = std::io::BufReader::new(wait.stderr.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut told, &mut line).unwrap();
        assert!(line.contains("waiting"), "{line}");
        wait
    };
    let raised = wait("0.001");
    home.ok(&["budget", "raise", "day", "--by", "0.001"]);
    assert!(raised.wait_with_output().unwrap().status.success(), "woken by the raise");
    let next_day = wait("0.002");
    clock.set("2026-11-21T23:00:01Z");
    assert!(next_day.wait_with_output().unwrap().status.success(), "woken by midnight in Berlin");
}

#[test]
fn explain_says_what_stopped_a_call() {
    let provider = FakeProvider::start();
    let (home, server) = used_up(&provider);
    home.ok(&["budget", "set", "all", "--limit", "10", "--window", "total"]);
    let refusal = chat().send(server.address());
    assert_eq!(refusal.status, 402);
    let id = refusal.headers.iter().find(|(name, _)| name == "x-outlay-call").unwrap().1.clone();
    let told = home.ok(&["explain"]);
    for part in
        [&id, "was refused", "'day' of $0.002", "$0.002 spent", "has too little left", "has room"]
    {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    let document = home.json(&["explain", &id]);
    assert_eq!(document, server.read(&format!("/calls/{id}/explanation")));
    let looks = document["decisions"][0]["budgets"].as_array().unwrap();
    let verdicts: Vec<&Value> = looks.iter().map(|look| &look["verdict"]).collect();
    assert_eq!(verdicts, ["exceeded", "fits"]);

    // With less left than it asks for, an answer is cut, and that is explained too.
    home.ok(&["budget", "raise", "day", "--by", "0.001"]);
    let capped = chat_with(&json!({})).send(server.address());
    assert_eq!(capped.status, 200, "{}", capped.text());
    let told = home.ok(&["explain"]);
    assert!(told.contains("cut at its output cap of 100 tokens"), "{told}");
    assert_eq!(chat().send(server.address()).status, 402);
    // Far from the limit an answer without a bound of its own is capped too: nothing to explain.
    home.ok(&["budget", "raise", "day", "--by", "5"]);
    assert_eq!(chat_with(&json!({})).send(server.address()).status, 200);
    assert!(home.ok(&["explain"]).contains("was refused"));
    let first = home.calls_at_rest()[0]["id"].clone();
    assert!(home.ok(&["explain", &first]).contains("No limit did anything to it"));
}

#[test]
fn refusals_by_the_thousand_are_counted() {
    let provider = FakeProvider::start();
    let (home, server) = used_up(&provider);
    for _ in 0..40 {
        assert_eq!(chat().send(server.address()).status, 402);
    }
    let calls = home.json(&["calls", "--limit", "100"]);
    let rows = calls["rows"].as_array().unwrap();
    let refused = rows.iter().filter(|row| row["status"] == "refused");
    let times: i64 = refused.clone().map(|row| 1 + row["repeats"].as_i64().unwrap()).sum();
    assert_eq!(times, 41);
    assert!(refused.count() < 41, "they share rows");
    let listed = home.ok(&["calls"]);
    assert!(listed.contains(" times quota_exceeded (day)"), "{listed}");
    assert!(home.ok(&["explain"]).contains("The same call was refused"), "{listed}");
}

#[test]
fn wrong_words_are_named() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    home.ok(&["budget", "set", "day", "--limit", "1", "--window", "day", "--project", "demo"]);
    let day = ["budget", "set", "x", "--limit", "1", "--window"];
    let window = |window| [&day[..], &[window]].concat();
    for (arguments, code, part) in [
        (window("0m"), 2, "'0m' is no length"),
        (window("5w"), 2, "or a rolling one like 30m, 5h or 30d"),
        (window("4000d"), 2, "1m to 3650d"),
        ([&window("5h")[..], &["--reset-at", "04:00"]].concat(), 2, "--reset-at goes with a day"),
        ([&window("day")[..], &["--tag", "team"]].concat(), 2, "team=search"),
        (vec!["budget", "pause", "nosuch"], 1, "the budgets are: day"),
        (vec!["budget", "pause", "day", "--for", "soon"], 2, "'soon' is not a duration"),
        (vec!["budget", "pause", "day", "--for", "0s"], 2, "'0s' is no time from now"),
        (vec!["budget", "resume", "nosuch"], 1, "the budgets are: day"),
        (vec!["budget", "raise", "day", "--by", "1", "--until", "2020-01-01"], 2, "in the past"),
        (vec!["bypass", "forever"], 2, "'forever' is not a duration"),
        (vec!["bypass", "off", "--why", "x"], 2, "--why goes with a bypass that begins"),
        (vec!["bypass", "--why", "x"], 2, "D|off"),
        (vec!["plan", "use", "nosuch"], 1, "the plans are: hobby, solo, pro, unlimited"),
        (vec!["plan", "use", "solo"], 2, "outlay plan use solo --yes does it"),
        (vec!["wait", "--timeout", "soon"], 2, "'soon' is not a duration"),
        (vec!["wait", "--cost", "-1"], 2, "--cost is negative"),
        (vec!["check", "--calls", "many"], 2, "--calls"),
        (vec!["explain"], 1, "no call was refused"),
        (vec!["explain", "no-uuid"], 2, "'no-uuid' is not the id of a call"),
        (vec!["run", "--max-cost", "lots", "--", "true"], 2, "lots"),
        (vec!["run", "--max-cost", "-1", "--", "true"], 2, "negative"),
    ] {
        let output = home.cli(&arguments);
        assert_eq!(output.code, code, "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(part), "{arguments:?}: {part} is not in: {}", output.stderr);
        assert_eq!(output.stderr.trim_end().lines().count(), 1, "{}", output.stderr);
    }
}
