//! Tools' logs come into the ledger: all of it, once, whatever has happened to them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::log_tree::{self, Truth};
use support::outlay::{Call, Home};
use support::story::{MODEL, chat, price_the_model};
use support::wait::eventually;

const NOW: &str = "2026-11-22T12:00:00Z";

/// Calls and tokens in the ledger by tool and model.
fn totals(calls: &[Call]) -> BTreeMap<(String, String), (usize, u64)> {
    let mut totals = BTreeMap::new();
    for call in calls {
        let tool = call["source"].strip_prefix("import:").unwrap().to_owned();
        let key = (tool, call["model"].clone());
        let (calls, tokens) = totals.entry(key).or_insert((0, 0));
        *calls += 1;
        for column in [
            "input_tokens",
            "cache_read_tokens",
            "cache_write_5m_tokens",
            "cache_write_1h_tokens",
            "output_tokens",
        ] {
            *tokens += call[column].parse::<u64>().unwrap_or(0);
        }
    }
    totals
}

fn true_totals(truth: &Truth) -> BTreeMap<(String, String), (usize, u64)> {
    let named =
        |((tool, model), sums): ((&str, String), (usize, u64))| ((tool.to_owned(), model), sums);
    truth.totals().into_iter().map(named).collect()
}

fn sum(document: &Value, field: &str) -> u64 {
    let sources = document["sources"].as_array().unwrap();
    sources.iter().map(|source| source[field].as_u64().unwrap()).sum()
}

/// Every file below a folder but Outlay's own, with its size and when it was changed.
fn files(home: &Home) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let data = path.metadata().unwrap();
                found.insert(path, (data.len(), data.modified().unwrap()));
            }
        }
    }
    found.retain(|path, _| !path.starts_with(home.data_dir()));
    found
}

#[test]
fn totals_are_those_of_the_calls_that_were_made() {
    for seed in [1, 2] {
        let home = Home::bare().with_clock(&Clock::at(NOW));
        let truth = log_tree::write(home.path(), seed);
        let before = files(&home);
        let preview = home.json(&["import", "--all", "--dry-run"]);
        assert_eq!(home.calls().len(), 0, "a dry run writes nothing");
        let first = home.json(&["import", "--all"]);
        assert_eq!(sum(&first, "calls"), truth.calls.len() as u64);
        assert_eq!(sum(&preview, "broken_lines"), sum(&first, "broken_lines"));
        assert_eq!(sum(&first, "broken_lines"), truth.broken as u64);
        let calls = home.calls();
        assert_eq!(totals(&calls), true_totals(&truth), "seed {seed}");
        assert_eq!(files(&home), before, "the logs are only read");
        let again = home.json(&["import", "--all"]);
        assert_eq!((sum(&again, "calls"), sum(&again, "files_read")), (0, 0));
        // As if nobody remembered what was read: the calls themselves are known.
        for source in
            ["claude-code", "codex", "gemini-cli", "opencode", "qwen", "pi", "cline", "llm"]
        {
            home.ok(&["import", source]);
        }
        for folder in [".claude", ".codex", ".gemini", ".qwen", ".pi", ".cline"] {
            fs::remove_dir_all(home.path().join(folder)).unwrap();
        }
        home.ok(&["import", "--all"]);
        assert_eq!(home.calls().len(), calls.len(), "what was imported stays");
        assert_eq!(home.integrity(), "ok");
    }
}

#[test]
fn the_log_s_own_cost_stands_beside_the_ledger_s() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let truth = log_tree::write(home.path(), 3);
    home.ok(&["import", "--all"]);
    let mut logged: Vec<_> = truth.calls.iter().filter_map(|call| call.cost.clone()).collect();
    let calls = home.calls();
    let stated = calls.iter().map(|call| call["cost_stated_usd"].clone());
    let mut stated: Vec<_> = stated.filter(|cost| !cost.is_empty()).collect();
    let money = |text: &String| text.parse::<rust_decimal::Decimal>().unwrap().normalize();
    logged.sort_by_key(money);
    stated.sort_by_key(money);
    assert!(!logged.is_empty());
    assert_eq!(
        stated.iter().map(money).collect::<Vec<_>>(),
        logged.iter().map(money).collect::<Vec<_>>()
    );
    for call in &calls {
        assert_ne!(call["basis"], "stated", "a log's own cost is never charged");
    }
}

#[test]
fn an_import_that_is_killed_is_whole_after_the_next() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let truth = log_tree::write(home.path(), 4);
    for wait_ms in [20, 40, 60, 90, 130, 200] {
        let mut import = home.command(&["import", "--all"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        let _ = import.kill();
        import.wait().unwrap();
    }
    home.ok(&["import", "--all"]);
    assert_eq!(totals(&home.calls()), true_totals(&truth));
    assert_eq!(home.integrity(), "ok");
}

/// A line of Claude Code's log.
fn claude_line(id: u32, output: u32) -> String {
    let line = json!({
        "type": "assistant", "isSidechain": false, "sessionId": "s-1", "cwd": "/home/me/shop",
        "gitBranch": "main", "timestamp": "2026-11-22T11:00:00.000Z", "requestId": format!("req_{id}"),
        "message": {"id": format!("msg_{id}"), "type": "message", "role": "assistant",
            "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "…"}],
            "usage": {"input_tokens": 10, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": output, "service_tier": "standard"}}
    });
    format!("{line}\n")
}

fn append(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn outputs(home: &Home) -> Vec<u32> {
    let mut outputs: Vec<_> =
        home.calls().iter().map(|call| call["output_tokens"].parse().unwrap()).collect();
    outputs.sort_unstable();
    outputs
}

#[test]
fn a_log_goes_on_is_cut_renamed_and_written_anew() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let log = home.path().join(".claude/projects/shop/s-1.jsonl");
    let import = || home.json(&["import", "claude-code"])["sources"][0].clone();
    append(&log, &claude_line(1, 100));
    assert_eq!(import()["calls"], 1);
    // Half a line is none until it is whole.
    let second = claude_line(2, 200);
    append(&log, &second[..40]);
    let half = import();
    assert_eq!((half["calls"].clone(), half["broken_lines"].clone()), (json!(0), json!(0)));
    append(&log, &second[40..]);
    assert_eq!(import()["calls"], 1);
    // A call goes on: its later line is the whole one.
    append(&log, &claude_line(2, 250));
    import();
    assert_eq!(outputs(&home), [100, 250]);
    // A last line without an end.
    append(&log, claude_line(3, 300).trim_end());
    import();
    assert_eq!(outputs(&home), [100, 250, 300]);
    append(&log, "\n");
    let renamed = log.with_file_name("s-2.jsonl");
    fs::rename(&log, &renamed).unwrap();
    assert_eq!(import()["calls"], 0, "the same calls under another name");
    // Cut, and written anew with fewer bytes, then with more.
    fs::write(&renamed, claude_line(4, 400)).unwrap();
    import();
    let more: String = (5..12).map(|id| claude_line(id, id * 100)).collect();
    fs::write(&renamed, more).unwrap();
    import();
    assert_eq!(outputs(&home), [100, 250, 300, 400, 500, 600, 700, 800, 900, 1000, 1100]);
}

#[test]
fn what_tools_write_comes_in_while_it_is_watched() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let log = home.path().join(".claude/projects/shop/s-1.jsonl");
    append(&log, &claude_line(1, 100));
    let mut watch =
        home.command(&["import", "claude-code", "--watch"]).stdout(Stdio::null()).spawn().unwrap();
    let has = |count: usize| {
        eventually("the calls are in the ledger", || (home.calls().len() == count).then_some(()));
    };
    has(1);
    append(&log, &claude_line(2, 200));
    has(2);
    append(&log.with_file_name("s-2.jsonl"), &claude_line(3, 300));
    has(3);
    append(&home.path().join(".claude/projects/new/s-3.jsonl"), &claude_line(4, 400));
    has(4);
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn a_call_that_passed_the_proxy_counts_once() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    let call = home.calls_at_rest().remove(0);
    let usage = json!({"input": call["input_tokens"].parse::<u64>().unwrap(),
        "output": call["output_tokens"].parse::<u64>().unwrap(), "cacheRead": 0, "cacheWrite": 0});
    let at = &call["time"];
    let lines = [
        json!({"type": "session", "id": "s", "timestamp": at, "cwd": "/home/me/shop"}),
        json!({"type": "message", "id": "1", "timestamp": at, "message": {"role": "assistant",
            "api": "openai-completions", "provider": "outlay", "model": MODEL, "usage": usage,
            "timestamp": at.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis(),
            "responseId": call["response_id"]}}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    append(&home.path().join(".pi/agent/sessions/shop/s.jsonl"), &text);
    let imported = home.json(&["import", "pi"])["sources"][0].clone();
    assert_eq!((imported["calls"].clone(), imported["merged"].clone()), (json!(0), json!(1)));
    assert_eq!(home.calls().len(), 1);
    let shown = home.ok(&["calls", "show", &call["id"]]);
    assert!(shown.contains("by pi, by the id of its answer"), "{shown}");
    assert_eq!(home.json(&["status"])["outside"], json!([]));
    // The same tool in a window that does not pass Outlay.
    let elsewhere = text.replace(&call["response_id"], "another-answer");
    append(
        &home.path().join(".pi/agent/sessions/shop/t.jsonl"),
        &elsewhere.replace("\"1\"", "\"2\""),
    );
    home.ok(&["import", "pi"]);
    let outside = home.json(&["status"])["outside"].clone();
    assert_eq!((outside[0]["tool"].clone(), outside[0]["calls"].clone()), (json!("pi"), json!(1)));
    assert!(home.ok(&["status"]).contains("did not pass Outlay: pi $"));
}

#[test]
fn what_gets_a_price_is_booked_though_its_log_is_gone() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let log = home.path().join(".claude/projects/shop/s-1.jsonl");
    let text = claude_line(1, 100) + &claude_line(2, 200);
    append(&log, &text.replace("claude-sonnet-4-5", "in-house"));
    let first = home.json(&["import", "claude-code"])["sources"][0].clone();
    assert_eq!(
        (first["calls"].clone(), first["unpriced_calls"].clone()),
        (json!(2), json!(2)),
        "{first}"
    );
    fs::remove_file(&log).unwrap();
    append(&log.with_file_name("s-2.jsonl"), &claude_line(3, 300));
    home.ok(&["prices", "set", "in-house", "--input", "0", "--output", "10"]);
    let second = home.json(&["import", "claude-code"])["sources"][0].clone();
    assert_eq!((second["calls"].clone(), second["files_read"].clone()), (json!(1), json!(1)));
    let mut costs: Vec<_> = home.calls().iter().map(|call| call["cost_usd"].clone()).collect();
    costs.sort();
    assert_eq!(costs[..2], ["0.001", "0.002"], "{costs:?}");
    assert_eq!(outputs(&home), [100, 200, 300]);
    assert_eq!(home.integrity(), "ok");
}

#[test]
fn a_table_counts_once_however_its_columns_are_named() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let table = home.path().join("november.csv");
    let rows = "Date,Tokens in,Tokens out,Model,Vendor\n2026-11-21T10:00:00Z,100,10,m,openai\n2026-11-21T10:00:00Z,100,10,m,openai\n";
    fs::write(&table, rows).unwrap();
    let table = table.to_str().unwrap();
    let columns = [
        "time=Date,input=Tokens in,output=Tokens out",
        "output=Tokens out,input=Tokens in,time=Date,model=Model,provider=Vendor",
    ];
    let found = columns.map(|columns| {
        let told = home.json(&["import", "csv", table, "--columns", columns])["sources"][0].clone();
        (told["calls"].clone(), home.calls().len())
    });
    // Two rows that say the same are two calls.
    assert_eq!(found, [(json!(2), 2), (json!(0), 2)]);
}

#[test]
fn bad_logs_are_told_and_stop_nothing() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let projects = home.path().join(".claude/projects");
    let good = projects.join("shop/good.jsonl");
    append(&good, &claude_line(1, 100));
    append(&good, "{\"usage\": nonsense\n");
    append(&good, &claude_line(2, 200).replace("200", "-200"));
    append(&good, &claude_line(3, 300).replace("2026-11-22T11", "2031-01-01T11"));
    append(&good, &claude_line(4, 400));
    fs::write(projects.join("shop/binary.jsonl"), [0_u8, 159, 146, 150, 10, 0, 255]).unwrap();
    let long = fs::File::create(projects.join("shop/long.jsonl")).unwrap();
    // Two gigabytes without a line's end, which take no room on the disk.
    long.set_len(2 << 30).unwrap();
    symlink(&projects, projects.join("shop/circle")).unwrap();
    symlink(home.path().join("nowhere"), projects.join("shop/gone.jsonl")).unwrap();
    let imported = home.json(&["import", "claude-code"])["sources"][0].clone();
    assert_eq!(outputs(&home), [100, 400]);
    assert_eq!(imported["calls"], 2);
    assert!(imported["broken_lines"].as_u64().unwrap() >= 3, "{imported}");
    let problems = imported["problems"].to_string();
    assert!(problems.contains("circle") && problems.contains("links back"), "{problems}");
    assert!(problems.contains("gone.jsonl"), "{problems}");
    for (arguments, part) in [
        (&["import", "claudia"][..], "'claudia' is no source: there are claude-code"),
        (&["import", "codex"], "no logs of codex are found"),
        (&["import", "codex", "/nowhere"], "/nowhere cannot be read: no such file"),
        (&["import", "codex", "data"], "data has no logs of codex"),
        (&["import", "pi", "--billing", "me"], "it is api, subscription or auto"),
    ] {
        let output = home.cli(arguments);
        assert_ne!(output.code, 0, "{arguments:?}");
        assert!(output.stderr.contains(part), "{}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let log = home.path().join(".claude/projects/shop/a.jsonl");
    append(&log, &claude_line(1, 100));
    append(&log, "\n");
    append(&log, &claude_line(2, 200).replace("200", "-200"));
    let said = home.ok(&["import", "claude-code"]);
    let place = |line| format!("({}{line})", log.display());
    let first = format!("1 line cannot be read, and is left out {}.", place(", line 3"));
    assert!(said.contains(&first), "{said}");
    append(&log, &claude_line(4, 400).replace("400", "-400"));
    let said = home.ok(&["import", "claude-code"]);
    assert!(said.contains("cannot be read") && said.contains(log.to_str().unwrap()), "{said}");
    assert!(!said.contains(", line"), "of a file's end no line's number is known: {said}");
    append(&home.path().join(".claude/projects/shop/c.jsonl"), "{\"type\":\"summary\"}\n");
    let said = home.ok(&["import", "claude-code"]);
    assert!(said.contains("Claude Code: no calls in the file that was read."), "{said}");
}

#[test]
fn a_first_run_ends_with_limits() {
    let home = Home::bare().with_clock(&Clock::at(NOW));
    let refused = home.cli(&["init"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("outlay init --yes"), "{}", refused.stderr);
    let log = home.path().join(".claude/projects/shop/s-1.jsonl");
    for day in 1..22 {
        let date = format!("2026-11-{day:02}T11");
        append(&log, &claude_line(day, day * 100_000).replace("2026-11-22T11", &date));
    }
    let settings = home.path().join(".claude/settings.json");
    fs::write(&settings, "{}\n").unwrap();
    let said = home.ok(&["init", "--yes"]);
    assert_eq!(fs::read_to_string(&settings).unwrap(), "{}\n", "no proxy runs to point it at");
    for part in [
        "Claude Code is left as it is: outlay connect claude-code does it later",
        "The last 30 days",
        "claude-sonnet-4-5",
        "shop",
        "█",
        "'day' to $29.00",
        "'month' to $440.00",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let budgets = home.json(&["budget", "list"])["budgets"].clone();
    let named = |name: &str| {
        budgets.as_array().unwrap().iter().find(|budget| budget["name"] == name).unwrap().clone()
    };
    // 1.5 dollars on the first day, 31.5 on the 21st: nine in ten of the days stayed under 28.5.
    assert_eq!(
        (named("day")["limit"].clone(), named("day")["kind"].clone()),
        (json!("29.00"), json!("hard"))
    );
    assert_eq!(named("month")["limit"], json!("440.00"));
    assert!(home.ok(&["init", "--yes"]).contains("Set already: day and month"));
}
