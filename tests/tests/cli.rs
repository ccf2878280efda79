//! The commands: they work with nothing running, and say the same as the proxy.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::json;
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::script::{Act, Script};
use support::story::{MODEL, chat, price_the_model};
use support::wait::eventually;

/// A tool that makes one call with the base URL it was given.
const TOOL: &str = r#"
import json, os, sys, urllib.request
request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions",
    json.dumps({"model": "story-model", "max_tokens": 200, "messages": []}).encode(),
    {"content-type": "application/json", "authorization": "Bearer sk-test"},
)
print(json.load(urllib.request.urlopen(request))["usage"]["completion_tokens"])
sys.exit(7)
"#;

#[test]
fn run_attributes_counts_and_passes_the_exit_code_on() {
    let provider = FakeProvider::start();
    provider.set_default(Script { output_tokens: 500, ..Script::default() });
    let home = Home::new(&provider);
    price_the_model(&home);
    let run = ["run", "--project", "demo", "--", "python3", "-c", TOOL];
    // First with a proxy for the run's lifetime, then with the one that is there.
    for calls in 1..=2 {
        let server = (calls == 2).then(|| home.serve());
        let output = home.cli(&run);
        assert_eq!((output.code, output.stdout.trim()), (7, "200"), "{}", output.stderr);
        let last_line = output.stderr.lines().last().unwrap_or_default();
        assert!(last_line.contains("0.002") && last_line.contains("200"), "{}", output.stderr);
        let recorded = home.calls_at_rest();
        assert_eq!(recorded.len(), calls);
        assert_eq!(recorded[calls - 1]["project"], "demo");
        drop(server);
    }
}

#[test]
fn env_names_the_settings_of_each_shell() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let url = format!("http://{}/p/demo/openai/v1", server.address());
    for (shell, line) in [
        ("sh", format!("export OPENAI_BASE_URL='{url}'")),
        ("fish", format!("set -gx OPENAI_BASE_URL '{url}'")),
        ("powershell", format!("$env:OPENAI_BASE_URL = '{url}'")),
    ] {
        let printed = home.ok(&["env", "--project", "demo", "--shell", shell]);
        let plain = printed.replace('"', "'");
        assert!(plain.contains(&line) || plain.contains(&line.replace('\'', "")), "{printed}");
        assert!(printed.contains("ANTHROPIC_BASE_URL"), "{printed}");
    }
}

#[test]
fn budgets_are_changed_raised_topped_up_and_remembered() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let shown = |key: &str| home.json(&["budget", "show", "day"])[key].clone();
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    home.ok(&["budget", "set", "day", "--soft"]);
    assert_eq!((shown("limit"), shown("kind")), ("5.00".into(), "soft".into()));
    home.ok(&["budget", "set", "day", "--limit", "6", "--hard"]);
    assert_eq!((shown("limit"), shown("kind")), ("6.00".into(), "hard".into()));
    home.ok(&["budget", "raise", "day", "--by", "2"]);
    assert_eq!(shown("remaining"), "8.00");
    home.ok(&["budget", "topup", "day", "--by", "1.5"]);
    assert_eq!(shown("credits_remaining"), "1.50");
    let history = home.ok(&["budget", "history", "day"]);
    for figure in ["5.00", "6.00", "2.00", "1.50"] {
        assert!(history.contains(figure), "{figure} is not in:\n{history}");
    }
    home.ok(&["budget", "rm", "day"]);
    assert_eq!(home.cli(&["budget", "show", "day"]).code, 1);
    assert!(home.ok(&["budget", "history", "day"]).contains("6.00"), "history outlives it");
}

#[test]
fn a_new_budget_counts_what_its_period_already_spent() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    for _ in 0..3 {
        assert_eq!(chat().send(server.address()).status, 200);
    }
    for window in ["day", "week", "month", "total"] {
        home.ok(&["budget", "set", window, "--limit", "1", "--window", window]);
        assert_eq!(home.json(&["budget", "show", window])["used"], "0.006", "{window}");
    }
}

#[test]
fn check_tells_scripts_whether_they_may_spend() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.ok(&["budget", "set", "day", "--limit", "1", "--window", "day"]);
    for (cost, code) in [("0.5", 0), ("1", 0), ("1.01", 3)] {
        assert_eq!(home.cli(&["check", "--cost", cost]).code, code, "{cost}");
    }
    let scoped = ["budget", "set", "p", "--limit", "0", "--window", "day", "--project", "demo"];
    home.ok(&scoped);
    assert_eq!(home.cli(&["check", "--cost", "0.1", "--project", "demo"]).code, 3);
    assert_eq!(home.cli(&["check", "--cost", "0.1", "--project", "other"]).code, 0);
}

#[test]
fn balances_fall_with_spending_and_can_be_observed() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["balance", "add", "openai", "10", "--note", "first"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    assert!(home.ok(&["balance", "list"]).contains("9.998"));
    home.ok(&["balance", "set", "openai", "7.50"]);
    assert!(home.ok(&["balance", "list"]).contains("7.50"));
    assert_eq!(chat().send(server.address()).status, 200);
    assert!(home.ok(&["balance", "list"]).contains("7.498"));
    let grants = home.ok(&["balance", "grants"]);
    assert!(grants.contains("$10.00") && grants.contains("$7.498"), "{grants}");
    assert!(grants.contains("never") && grants.contains("first"), "{grants}");
    assert!(home.ok(&["balance", "grants", "groq"]).contains("No credit of 'groq' is recorded"));
}

#[test]
fn an_account_refuses_at_its_floor_and_lifts_by_itself() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["balance", "set", "openai", "1.00"]);
    home.ok(&["balance", "floor", "openai", "0.999"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    let refused = chat().send(server.address());
    assert_eq!((refused.status, &refused.json()["reason"]), (402, &json!("balance_empty")));
    assert_eq!(refused.json()["balance_remaining"], "0.998");
    let options = refused.json()["options"].clone();
    assert_eq!(options[2]["command"], "outlay balance floor openai off");
    assert!(home.ok(&["status"]).contains("Account 'openai' refuses calls"));
    assert_eq!(home.cli(&["check", "--provider", "openai"]).code, 3);
    assert_eq!(home.cli(&["check", "--provider", "groq"]).code, 0);
    home.ok(&["balance", "set", "openai", "12.40"]);
    assert_eq!(chat().send(server.address()).status, 200);
    // Nothing but what was asked for reached the provider.
    assert_eq!(provider.served().len(), 2);
}

#[test]
fn an_account_is_closed_when_its_provider_says_that_it_is_empty() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.write_config("[admission]\nblock_when_empty = true\n");
    price_the_model(&home);
    let server = home.serve();
    let request = chat().without(support::script::SCRIPT_HEADER);
    provider.set_default(Script { act: Act::InsufficientQuota, ..Script::default() });
    assert_eq!(request.send(server.address()).status, 429);
    provider.set_default(Script::default());
    let refused = eventually("calls are refused", || {
        let answer = request.send(server.address());
        (answer.status == 402).then_some(answer)
    });
    assert_eq!(refused.json()["reason"], "balance_empty");
    home.ok(&["balance", "set", "openai", "25"]);
    assert_eq!(request.send(server.address()).status, 200);
}

#[test]
fn keys_can_be_linked_to_an_account_of_their_own() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    let key = home.calls_at_rest()[0]["key"].clone();
    home.ok(&["account", "link", &key, "work"]);
    assert!(home.ok(&["account", "list"]).contains("work"));
    assert_eq!(chat().send(server.address()).status, 200);
    let accounts: Vec<String> =
        home.calls_at_rest().iter().map(|call| call["account"].clone()).collect();
    assert_eq!(accounts, ["openai", "work"]);
}

#[test]
fn calls_show_the_arithmetic() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    let id = home.calls_at_rest()[0]["id"].clone();
    let listed = home.ok(&["calls"]);
    assert!(listed.contains(MODEL) && listed.contains("0.002"), "{listed}");
    let shown = home.ok(&["calls", "show", &id]);
    for word in [id.as_str(), MODEL, "output", "200", "0.002", "priced"] {
        assert!(shown.contains(word), "{word} is not in:\n{shown}");
    }
}

#[test]
fn a_backup_is_a_whole_ledger() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    assert_eq!(home.calls_at_rest().len(), 1);
    let file = home.path().join("copy.db");
    home.ok(&["backup", file.to_str().unwrap()]);
    let other = Home::new(&provider);
    std::fs::copy(&file, other.data_dir().join("outlay.db")).unwrap();
    assert_eq!(other.calls()[0]["cost_usd"], "0.002");
    assert_eq!(other.integrity(), "ok");
    let again = home.cli(&["backup", file.to_str().unwrap()]);
    assert_eq!(again.code, 1, "a backup never overwrites: {}", again.stdout);
}

#[test]
fn doctor_and_statusline_speak_with_nothing_running() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let doctor = home.cli(&["doctor"]);
    assert!(!doctor.stdout.is_empty(), "{}", doctor.stderr);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let line = home.ok(&["statusline"]);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains("0.00"), "{line}");
    let server = home.serve();
    assert_eq!(home.cli(&["doctor"]).code, 0, "{}", home.cli(&["doctor"]).stdout);
    drop(server);
}

#[test]
fn a_background_error_is_classified_in_the_list() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    provider.set_default(Script { act: Act::InsufficientQuota, ..Script::default() });
    let request = chat().without(support::script::SCRIPT_HEADER);
    assert_eq!(request.send(server.address()).status, 429);
    assert!(home.ok(&["calls"]).contains("insufficient_quota"));
}
