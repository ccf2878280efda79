//! What is asked on a terminal, and what answers do.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::process::Stdio;

use rexpect::process::wait::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use serde_json::json;
use support::clock::Clock;
use support::outlay::Home;

const PATIENCE_MS: u64 = 20_000;

/// The command on a terminal of its own.
fn on_terminal(home: &Home, arguments: &[&str]) -> PtySession {
    let mut command = home.command(arguments);
    command.env("TERM", "xterm").env("NO_COLOR", "1").stdin(Stdio::inherit());
    spawn_command(command, Some(PATIENCE_MS)).unwrap()
}

/// How it ended, once it has said all.
fn ended(mut session: PtySession) -> (String, Option<i32>) {
    let said = session.exp_eof().unwrap();
    match session.process.wait().unwrap() {
        WaitStatus::Exited(_, code) => (said, Some(code)),
        _ => (said, None),
    }
}

/// A home with a call in Claude Code's log, its settings, and no other tool.
fn home() -> Home {
    let home = Home::bare().with_env("PATH", "/usr/bin:/bin");
    let line = json!({
        "type": "assistant", "isSidechain": false, "sessionId": "s-1", "cwd": "/home/me/shop",
        "timestamp": "2026-11-20T11:00:00.000Z", "requestId": "req_1",
        "message": {"id": "msg_1", "type": "message", "role": "assistant",
            "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "…"}],
            "usage": {"input_tokens": 10, "output_tokens": 20, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0}}
    });
    for (name, text) in [
        (".claude/projects/shop/s-1.jsonl", format!("{line}\n")),
        (".claude/settings.json", "{}\n".to_owned()),
    ] {
        let file = home.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    home
}

#[test]
fn a_first_run_asks_before_each_step() {
    let home = home();
    let mut session = on_terminal(&home, &["init"]);
    session.exp_string("Import them?").unwrap();
    session.send_line("maybe").unwrap();
    session.exp_string("Please answer y or n.").unwrap();
    session.exp_string("Import them?").unwrap();
    session.send_line("").unwrap();
    session.exp_string("There are too few days yet").unwrap();
    session.exp_string("Hard budget for a day? [an amount, or N]").unwrap();
    session.send_line("much").unwrap();
    session
        .exp_string("Please answer with an amount of dollars such as 5, or n for none.")
        .unwrap();
    session.exp_string("Hard budget for a day?").unwrap();
    session.send_line("$7").unwrap();
    session.exp_string("Hard budget for a month?").unwrap();
    session.send_line("").unwrap();
    session.exp_string("Set: 'day' to $7.00 ($0.00 used already)").unwrap();
    session.exp_string("as a service of your user?").unwrap();
    session.send_line("n").unwrap();
    session.exp_string("It runs while you let it").unwrap();
    session.exp_string("Point Claude Code at Outlay?").unwrap();
    session.send_line("y").unwrap();
    session.exp_string("Claude Code is connected to").unwrap();
    session.exp_string("From here").unwrap();
    assert_eq!(ended(session).1, Some(0));
    assert_eq!(home.calls().len(), 1);
    let budgets = home.json(&["budget", "list"])["budgets"].clone();
    assert_eq!((&budgets[0]["name"], &budgets[0]["limit"]), (&json!("day"), &json!("7.00")));
    assert!(budgets[1].is_null(), "none was wanted for a month: {budgets}");
    let settings = fs::read_to_string(home.path().join(".claude/settings.json")).unwrap();
    assert!(settings.contains("ANTHROPIC_BASE_URL"), "{settings}");
}

#[test]
fn a_first_run_suggests_limits_that_can_be_changed() {
    let home = home();
    let log = home.path().join(".claude/projects/shop/s-1.jsonl");
    let line = fs::read_to_string(&log).unwrap();
    // Dollars of a day: a million tokens of input at 3.
    let days = (1..=12).map(|day| {
        let named =
            line.replace("msg_1", &format!("msg_{day}")).replace("req_1", &format!("req_{day}"));
        let dated = named.replace("2026-11-20T11", &format!("2026-11-{:02}T11", day + 8));
        dated.replace("\"input_tokens\":10,", "\"input_tokens\":1000000,")
    });
    fs::write(&log, days.collect::<String>()).unwrap();
    let home = home.with_clock(&Clock::at("2026-11-21T12:00:00Z"));
    let mut session = on_terminal(&home, &["init"]);
    session.exp_string("Import them?").unwrap();
    session.send_line("").unwrap();
    session.exp_string("A call that would pass a hard budget is refused.").unwrap();
    session.exp_string("Hard budget for a day? [$3.10, another amount, or n]").unwrap();
    session.send_line("2.50").unwrap();
    session.exp_string("Hard budget for a month?").unwrap();
    // Nothing is set until both are known.
    assert!(home.json(&["budget", "list"])["budgets"][0].is_null());
    session.send_line("").unwrap();
    session.exp_string("Set: 'day' to $2.50 ($0.00 used already) and 'month' to $").unwrap();
    session.send_control('c').unwrap();
    ended(session);
    assert_eq!(home.json(&["budget", "show", "day"])["limit"], "2.50");
}

#[test]
fn who_stops_a_first_run_is_told_how_far_it_went() {
    let home = home();
    let mut session = on_terminal(&home, &["init"]);
    session.exp_string("Import them?").unwrap();
    session.send_control('c').unwrap();
    let (said, code) = ended(session);
    assert!(said.contains("nothing was done yet: outlay init begins again"), "{said}");
    assert_eq!(code, Some(130));
    assert!(home.calls().is_empty());

    for (key, code) in [('c', 130), ('d', 1)] {
        let mut session = on_terminal(&home, &["init"]);
        session.exp_string("Import them?").unwrap();
        session.send_line("y").unwrap();
        for name in ["day", "month"] {
            session.exp_string(&format!("Hard budget for a {name}?")).unwrap();
            session.send_line("n").unwrap();
        }
        session.exp_string("None is set").unwrap();
        session.exp_string("as a service of your user?").unwrap();
        session.send_control(key).unwrap();
        let (said, ended) = ended(session);
        let imported = if key == 'c' { "1 call was imported" } else { "0 calls were imported" };
        assert!(said.contains(imported) && said.contains("outlay init goes on"), "{said}");
        assert_eq!(ended, Some(code), "{said}");
    }
    assert_eq!(home.calls().len(), 1);
}

#[test]
fn a_plan_asks_before_it_replaces_what_the_user_set() {
    let home = Home::bare();
    let limit = || home.json(&["budget", "show", "day"])["limit"].clone();
    home.ok(&["budget", "set", "day", "--limit", "3", "--window", "day"]);
    home.ok(&["budget", "raise", "day", "--by", "2"]);
    let unasked = home.cli(&["plan", "use", "solo"]);
    assert_eq!(unasked.code, 2, "{unasked:?}");
    assert!(unasked.stderr.contains("'day' ($3.00 → $5.00): outlay plan use solo --yes"));
    assert_eq!(limit(), "5.00", "raised by 2");
    for (answer, said, expected) in
        [("", "Nothing was changed", "5.00"), ("y", "Replaced: 'day' ($3.00", "7.00")]
    {
        let mut session = on_terminal(&home, &["plan", "use", "solo"]);
        // The terminal is read byte by byte, and the arrow is several.
        session.exp_string("replaces limits that you set: 'day' ($3.00").unwrap();
        session.exp_string("$5.00). Use it?").unwrap();
        session.send_line(answer).unwrap();
        session.exp_string(said).unwrap();
        assert_eq!(ended(session).1, Some(0));
        assert_eq!(limit(), expected);
    }
    let history = home.ok(&["budget", "history", "day"]);
    assert!(
        history.contains("limit 3.00") && history.contains("limit 5.00, plan solo"),
        "{history}"
    );
    // What a plan set, another plan replaces without a question, and says so.
    let said = home.ok(&["plan", "use", "pro"]);
    assert!(said.contains("'day' ($5.00 → $25.00), 'month' ($100.00 → $500.00)"), "{said}");
    // Changed by the user, it is the user's.
    home.ok(&["budget", "set", "month", "--limit", "400"]);
    assert!(home.cli(&["plan", "use", "solo"]).stderr.contains("'month' ($400.00 → $100.00)"));
    assert!(home.ok(&["plan", "use", "solo", "--yes"]).contains("'month' ($400.00 → $100.00)"));
}

#[test]
fn an_uninstall_asks_first() {
    let home = Home::bare();
    home.ok(&["budget", "set", "day", "--limit", "3", "--window", "day"]);
    let unasked = home.cli(&["uninstall"]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.stderr.contains("outlay uninstall --yes"), "{}", unasked.stderr);
    let mut session = on_terminal(&home, &["uninstall"]);
    session.exp_string("Uninstall Outlay").unwrap();
    session.send_line("n").unwrap();
    assert!(ended(session).0.contains("Nothing was changed"));
    assert!(home.data_dir().join("outlay.db").exists());
}
