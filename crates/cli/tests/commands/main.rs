//! The real binary with nothing running: what it prints, what it exits with, what it refuses.
#![allow(clippy::unwrap_used, reason = "tests")]

mod home;

use std::process::Stdio;

use home::Home;

#[test]
fn help_is_for_everything() {
    let home = Home::new();
    for arguments in [
        &["--help"][..],
        &["help", "budget"],
        &["budget", "set", "--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let output = home.run(arguments);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
    let help = home.ok(&["--help"]);
    for command in [
        "serve",
        "run",
        "env",
        "status",
        "statusline",
        "budget",
        "balance",
        "account",
        "prices",
        "cost",
        "report",
        "export",
        "calls",
        "check",
        "doctor",
        "dashboard",
        "backup",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in:\n{help}");
    }
    assert!(home.ok(&["completions", "bash"]).contains("_outlay"));
    assert!(!home.data().join("outlay.db").exists(), "help needs no ledger");
}

#[test]
fn a_budgets_life() {
    let home = Home::new();
    let shown = |key: &str| home.json(&["budget", "show", "day"])[key].clone();
    assert!(home.ok(&["budget", "list"]).contains("outlay budget set"));
    let set = home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    assert!(set.contains("hard, $5.00 a day (Europe/Berlin), warning at 80 % and 95 %"), "{set}");
    home.ok(&["budget", "set", "day", "--soft", "--warn", "50", "--project", "demo"]);
    assert_eq!((shown("kind"), shown("limit")), ("soft".into(), "5.00".into()));
    assert_eq!(shown("scope")["project"], "demo");
    home.ok(&["budget", "set", "day", "--model", "gpt-*"]);
    assert_eq!(shown("scope")["project"], "demo", "what is not named stays");
    home.ok(&["budget", "set", "day", "--project", ""]);
    assert_eq!(shown("scope"), serde_json::json!({"model": "gpt-*"}));
    home.ok(&["budget", "raise", "day", "--by", "2", "--until", "midnight"]);
    assert_eq!(shown("remaining"), "7.00");
    home.ok(&["budget", "topup", "day", "--by", "1.5"]);
    assert_eq!(shown("credits_remaining"), "1.50");
    let listed = home.ok(&["budget", "list"]);
    assert!(listed.contains("day") && listed.contains("$7.00"), "{listed}");
    assert!(!listed.contains('\u{1b}') && !listed.contains('│'), "a pipe gets no boxes");
    home.ok(&["budget", "rm", "day"]);
    assert_eq!(home.run(&["budget", "show", "day"]).code, 1);
    let events = home.json(&["budget", "history", "day"]);
    let actions: Vec<&str> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["created", "changed", "changed", "changed", "raised", "topped_up", "removed"]
    );
}

#[test]
fn a_window_keeps_its_anchor() {
    let home = Home::new();
    home.ok(&["budget", "set", "m", "--limit", "9", "--window", "month", "--anchor-day", "15"]);
    let reset = |home: &Home| home.json(&["budget", "show", "m"])["reset_date"].clone();
    let before = reset(&home);
    assert!(before.as_str().unwrap().contains("-14T"), "the 15th in Berlin: {before}");
    home.ok(&["budget", "set", "m", "--limit", "10"]);
    home.ok(&["budget", "set", "m", "--window", "month"]);
    assert_eq!(reset(&home), before);
    assert!(home.ok(&["budget", "show", "m"]).contains("month, from day 15"));
}

#[test]
fn a_balances_life() {
    let home = Home::new();
    home.ok(&["balance", "add", "openai", "10", "--note", "first", "--expires", "2099-01-01"]);
    let left = || home.json(&["balance", "list"])["balances"][0]["remaining"].clone();
    assert_eq!(left(), "10.00");
    let set = home.ok(&["balance", "set", "openai", "7.50"]);
    assert!(set.contains("$10.00 was expected: a drift of -$2.50"), "{set}");
    assert_eq!(left(), "7.50");
    home.ok(&["balance", "warn", "openai", "8"]);
    let alerts = home.json(&["alerts"]);
    assert_eq!(alerts["alerts"][0]["subject"], "openai", "below its level at once: {alerts}");
    let listed = home.ok(&["balance", "list"]);
    assert!(listed.contains("$7.50") && listed.contains("$8.00"), "{listed}");
}

#[test]
fn prices_are_set_and_shown() {
    let home = Home::new();
    let rate = |shown: &serde_json::Value, unit: &str| {
        let rates = shown["prices"][0]["rates"].as_array().unwrap().clone();
        rates.into_iter().find(|rate| rate["unit"] == unit).unwrap()["usd"].clone()
    };
    let listed = home.json(&["prices", "show", "gpt-4o"]);
    assert_eq!((rate(&listed, "input"), rate(&listed, "output")), ("2.50".into(), "10.00".into()));
    let own = ["prices", "set", "mine", "--provider", "openai", "--input", "0.5", "--output", "2"];
    home.ok(&own);
    let shown = home.json(&["prices", "show", "mine"]);
    assert_eq!(
        (rate(&shown, "output"), &shown["prices"][0]["origin"]),
        ("2.00".into(), &"user".into())
    );
    assert!(home.ok(&["prices", "list", "mine"]).contains("0.50"));
    assert!(home.ok(&["prices", "list", "--provider", "gemini", "flash"]).contains("gemini-2.5"));
    let slip = ["prices", "set", "gpt-4o", "--input", "0.0000025", "--output", "10"];
    home.refused(&slip, 2, &["--input", "$2.50", "per million", "--force"]);
    assert_eq!(rate(&home.json(&["prices", "show", "gpt-4o"]), "input"), "2.50", "nothing was set");
    home.ok(&[&slip[..], &["--force"]].concat());
    assert_eq!(rate(&home.json(&["prices", "show", "gpt-4o"]), "input"), "0.0000025");
    home.refused(&["prices", "show", "gpt-4oo"], 1, &["gpt-4oo", "'gpt-4o'"]);
}

#[test]
fn cost_needs_no_ledger() {
    let home = Home::new();
    let chat = r#"{"object":"chat.completion","model":"gpt-4o","choices":[],
        "usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}"#;
    let request = r#"{"model":"gpt-4o","max_tokens":100,"messages":[{"content":"Hello"}]}"#;
    for (arguments, input, cost) in [
        (&["cost", "gpt-4o", "--input", "1000", "--output", "100"][..], "", "0.0035"),
        (&["cost", "gpt-4o", "--output", "1"], "", "0.00001"),
        (&["cost"], chat, "0.0035"),
        (&["cost", "gpt-4o-mini"], chat, "0.00021"),
        // 65 bytes are 17 tokens.
        (&["cost"], request, "0.0000425"),
    ] {
        let output = home.run_with(&[arguments, &["--json"]].concat(), input);
        let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(document["cost_usd"], cost, "{arguments:?}: {document}");
    }
    assert!(!home.data().join("outlay.db").exists(), "a ledger was made");
    let own = ["prices", "set", "mine", "--provider", "work", "--input", "1", "--output", "1"];
    home.ok(&own);
    let costed = home.json(&["cost", "mine", "--input", "1000000"]);
    assert_eq!(costed["cost_usd"], "1.00", "the user's own price counts");
    for (input, words) in [("{}", "no request or response"), ("", "no request or response")] {
        let output = home.run_with(&["cost"], input);
        assert!(output.code == 1 && output.stderr.contains(words), "{}", output.stderr);
    }
}

#[test]
fn check_says_by_its_exit_code() {
    let home = Home::new();
    home.ok(&["budget", "set", "usd", "--limit", "1", "--window", "day"]);
    home.ok(&["budget", "set", "n", "--limit", "3", "--window", "day", "--unit", "calls"]);
    home.ok(&["budget", "set", "p", "--limit", "0", "--window", "day", "--project", "demo"]);
    home.ok(&["budget", "set", "g", "--limit", "0", "--window", "day", "--provider", "gemini"]);
    for (arguments, code) in [
        (&["check"][..], 0),
        (&["check", "--cost", "1"], 0),
        (&["check", "--cost", "1.000000000001"], 3),
        (&["check", "--calls", "3"], 0),
        (&["check", "--calls", "4"], 3),
        (&["check", "--project", "demo"], 3),
        (&["check", "--project", "other"], 0),
        (&["check", "--model", "gpt-4o"], 0),
        (&["check", "--model", "gemini-2.5-flash"], 3),
        (&["check", "--model", "nobody-knows-it"], 3),
        (&["check", "--cost", "a lot"], 2),
    ] {
        let output = home.run(arguments);
        assert_eq!(output.code, code, "{arguments:?}: {}{}", output.stdout, output.stderr);
    }
    home.ok(&["budget", "set", "usd", "--allow-unpriced"]);
    assert_eq!(home.run(&["check", "--model", "nobody-knows-it"]).code, 0);
    home.ok(&["budget", "set", "usd", "--limit", "0"]);
    home.refused(&["check"], 3, &["'usd'", "is used up", "outlay budget raise usd --by"]);
    home.ok(&["budget", "topup", "usd", "--by", "1"]);
    assert_eq!(home.run(&["check"]).code, 0, "the reserve is used after the limit");
}

#[test]
fn wrong_use_and_failure_are_told_apart() {
    let home = Home::new();
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    for (arguments, code, words) in [
        (&[][..], 2, &["Usage"][..]),
        (&["nosuch"], 2, &["nosuch", "outlay --help"]),
        (&["status", "--nosuch"], 2, &["--nosuch"]),
        (&["budget", "set", "new", "--limit", "5"], 2, &["--window"]),
        (&["budget", "set", "day", "--limit", "five"], 2, &["five"]),
        (&["budget", "set", "day", "--limit", "-5"], 2, &["-5", "negative"]),
        (&["budget", "set", "day", "--hard", "--soft"], 2, &["--hard", "--soft"]),
        (&["budget", "set", "day", "--window", "fortnight"], 2, &["fortnight", "month"]),
        (&["budget", "set", "day", "--window", "5w"], 2, &["5w", "rolling"]),
        (&["budget", "set", "day", "--warn", "120"], 2, &["120"]),
        (&["budget", "set", "day", "--timezone", "Mars"], 2, &["Mars"]),
        (&["budget", "set", "day", "--tag", "x"], 2, &["'x'"]),
        (&["budget", "raise", "day", "--by", "0"], 2, &["zero"]),
        (&["budget", "raise", "day", "--by", "1", "--until", "1999-01-01"], 2, &["past"]),
        (&["budget", "raise", "nosuch", "--by", "1"], 1, &["nosuch", "day"]),
        (&["budget", "history", "nosuch"], 1, &["nosuch"]),
        (&["balance", "add", "openai", "-3"], 2, &["above zero"]),
        (&["account", "link", "abc", "work"], 1, &["abc"]),
        (&["prices", "set", "x", "--input", "-1", "--output", "1"], 2, &["-1"]),
        (&["report", "--since", "yesterweek"], 2, &["yesterweek"]),
        (&["report", "--by", "colour"], 2, &["colour"]),
        (&["report", "--since", "today", "--until", "yesterday"], 2, &["--since"]),
        (&["calls", "show", "no-uuid"], 2, &["no-uuid"]),
        (&["calls", "show", "00000000-0000-7000-8000-000000000000"], 1, &["no call"]),
        (&["run"], 2, &["<CMD>"]),
        (&["serve", "--listen", "here"], 2, &["here"]),
        (&["dashboard"], 1, &["outlay serve"]),
    ] {
        home.refused(arguments, code, words);
    }
}

#[test]
fn a_wrong_configuration_is_named() {
    let home = Home::new();
    for (config, words) in [
        ("lisen = \"127.0.0.1:0\"", &["lisen", "'listen'"][..]),
        ("[refusal]\nstatus = \"418\"", &["418", "402"]),
        ("[plans.mine]\ndya = \"5\"", &["plans.mine.dya", "plans.mine.day"]),
        ("[[[", &["line 1"]),
        ("[providers.work]\nbase_url = \"no url\"", &["providers.work.base_url"]),
    ] {
        home.write_config(config);
        home.refused(&["status"], 1, &[words, &["outlay.toml"]].concat());
        let doctor = home.run(&["doctor"]);
        assert_eq!(doctor.code, 1);
        assert!(doctor.stdout.contains(words[0]), "the doctor looks nevertheless");
    }
    home.refused(&["--config", "/nonexistent/outlay.toml", "status"], 1, &["/nonexistent"]);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let home = Home::new();
    for arguments in [&["prices", "list"][..], &["prices", "list", "--json"], &["--help"]] {
        let mut child =
            home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    }
}

#[test]
fn files_appear_whole_and_are_never_overwritten_by_a_backup() {
    let home = Home::new();
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let copy = home.data().join("copy.db");
    home.ok(&["backup", copy.to_str().unwrap()]);
    home.refused(&["backup", copy.to_str().unwrap()], 1, &["exists already"]);
    let csv = home.data().join("calls.csv");
    home.ok(&["export", "-o", csv.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&csv).unwrap(), home.ok(&["export"]));
    assert_eq!(home.ok(&["export"]).lines().next().unwrap().split(',').count(), 33);
    assert_eq!(home.ok(&["export", "--format", "json"]), "");
    let nowhere = home.data().join("nowhere/calls.csv");
    home.refused(&["export", "-o", nowhere.to_str().unwrap()], 1, &["nowhere"]);
}

#[test]
fn an_empty_ledger_is_no_error() {
    let home = Home::new();
    for arguments in [
        &["status"][..],
        &["statusline"],
        &["report"],
        &["report", "--by", "day", "--by", "model"],
        &["calls"],
        &["alerts"],
        &["account", "list"],
        &["balance", "list"],
        &["env"],
    ] {
        assert!(!home.ok(arguments).is_empty(), "{arguments:?}");
    }
    assert_eq!(home.ok(&["statusline"]), "$0.00 today\n");
    assert_eq!(home.json(&["status"])["today"]["cost_usd"], "0.00");
}

#[cfg(unix)]
#[test]
fn run_passes_on_how_the_tool_ended() {
    let home = Home::new();
    for (script, code) in [("exit 7", 7), ("kill -TERM $$", 143), ("true", 0)] {
        let output = home.run(&["run", "--project", "demo", "--", "sh", "-c", script]);
        assert_eq!(output.code, code, "{script}: {}", output.stderr);
        let last = output.stderr.lines().last().unwrap();
        assert!(last.starts_with("outlay: 0 calls") && last.contains("'demo'"), "{last}");
    }
    let printed = home.ok(&[
        "run",
        "--project",
        "my app",
        "--",
        "sh",
        "-c",
        "echo $ANTHROPIC_BASE_URL $NO_PROXY",
    ]);
    assert!(printed.starts_with("http://127.0.0.1:"), "{printed}");
    assert!(printed.contains("/p/my%20app/anthropic 127.0.0.1,localhost"), "{printed}");
    home.refused(&["run", "--", "no-such-tool"], 1, &["no-such-tool"]);
}
