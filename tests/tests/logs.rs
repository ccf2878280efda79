//! Whole homes of logs, read as the readers do, against the truth about them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use outlay_host::logs::databases::{self, Kind};
use outlay_wire::log::{LineReader, LogCall, LogKey, Tool, read_document};
use support::log_tree::{self, Tokens, TrueCall, Truth};

/// Where each tool has its logs.
const FOLDERS: [(Tool, &str); 7] = [
    (Tool::ClaudeCode, ".claude/projects"),
    (Tool::ClaudeCode, ".config/claude/projects"),
    (Tool::Codex, ".codex/sessions"),
    (Tool::GeminiCli, ".gemini/tmp"),
    (Tool::Qwen, ".qwen"),
    (Tool::Pi, ".pi/agent/sessions"),
    (Tool::Cline, ".cline/data/sessions"),
];
const DATABASES: [(Tool, Kind, &str); 2] = [
    (Tool::Opencode, Kind::Opencode, ".local/share/opencode/opencode.db"),
    (Tool::Llm, Kind::Llm, ".config/io.datasette.llm/logs.db"),
];

fn now() -> DateTime<Utc> {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

#[derive(Default)]
struct Read {
    calls: Vec<(Tool, LogCall)>,
    broken: usize,
}

fn read_tree(home: &Path, backwards: bool) -> Read {
    let mut read = Read::default();
    for (tool, folder) in FOLDERS {
        let mut paths = files_below(&home.join(folder));
        paths.sort();
        if backwards {
            paths.reverse();
        }
        for path in paths {
            read_file(tool, &path, &mut read);
        }
    }
    for (tool, kind, path) in DATABASES {
        let told = databases::read(kind, &home.join(path), None, now()).unwrap();
        read.broken += told.broken.len();
        read.calls.extend(told.calls.into_iter().map(|call| (tool, call)));
    }
    read
}

fn read_file(tool: Tool, path: &Path, read: &mut Read) {
    let bytes = fs::read(path).unwrap();
    let mut found = Vec::new();
    if path.extension().is_some_and(|extension| extension == "json") {
        read_document(tool, &bytes, now(), &mut found).unwrap();
    } else {
        let mut reader = LineReader::new(tool, now());
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            read.broken += usize::from(reader.read(line, &mut found).is_err());
            if number % 7 == 6 {
                reader = LineReader::resume(tool, &reader.state(), now()).unwrap();
            }
        }
    }
    read.calls.extend(found.into_iter().map(|call| (tool, call)));
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Each call once, as the ledger is to keep them: of several tellings that with the most tokens, of
/// equal ones the earliest, filled up with what only the others know.
fn once(calls: Vec<(Tool, LogCall)>) -> Vec<TrueCall> {
    let mut kept: BTreeMap<LogKey, (Tool, LogCall)> = BTreeMap::new();
    for (tool, call) in calls {
        let rank = |call: &LogCall| (std::cmp::Reverse(call.usage.total_tokens()), call.ended);
        let (_, before) = kept.entry(call.key).or_insert_with(|| (tool, call.clone()));
        let (better, other) = if rank(&call) < rank(before) {
            (call, before.clone())
        } else {
            (before.clone(), call)
        };
        *before = better;
        before.response_id = before.response_id.take().or(other.response_id);
    }
    kept.into_values().map(|(tool, call)| as_true(tool, &call)).collect()
}

fn as_true(tool: Tool, call: &LogCall) -> TrueCall {
    let usage = &call.usage;
    TrueCall {
        tool: tool.as_str(),
        ended_ms: call.ended.timestamp_millis(),
        model: call.model.as_deref().unwrap_or_default().to_owned(),
        tokens: Tokens {
            input: usage.input_tokens,
            cache_read: usage.cache_read_tokens,
            cache_write_5m: usage.cache_write_5m_tokens,
            cache_write_1h: usage.cache_write_1h_tokens,
            output: usage.output_tokens,
            reasoning: usage.reasoning_tokens,
            web_searches: usage.web_searches,
        },
        session: call.session.as_deref().map(str::to_owned),
        response_id: call.response_id.as_deref().map(str::to_owned),
        cost: call.cost_logged.map(|cost| cost.to_string()),
        is_copied: false,
    }
}

/// In one order, and without whose a copied call is.
fn comparable(calls: &[TrueCall], truth: &Truth) -> Vec<TrueCall> {
    let copied: Vec<(&str, i64)> = truth
        .calls
        .iter()
        .filter(|call| call.is_copied)
        .map(|call| (call.tool, call.ended_ms))
        .collect();
    let mut calls = calls.to_vec();
    for call in &mut calls {
        if copied.contains(&(call.tool, call.ended_ms)) {
            call.session = None;
        }
        call.is_copied = false;
    }
    calls.sort();
    calls
}

#[test]
fn a_home_of_logs_tells_the_truth() {
    for seed in 0..8 {
        let home = tempfile::tempdir().unwrap();
        let truth = log_tree::write(home.path(), seed);
        for backwards in [false, true] {
            let read = read_tree(home.path(), backwards);
            assert_eq!(read.broken, truth.broken, "seed {seed}");
            let (got, expected) = (once(read.calls), &truth.calls);
            let (got, expected) = (comparable(&got, &truth), comparable(expected, &truth));
            for (got, expected) in got.iter().zip(&expected) {
                assert_eq!(got, expected, "seed {seed}");
            }
            assert_eq!(got.len(), expected.len(), "seed {seed}");
        }
    }
}

#[test]
fn the_truth_has_each_tool_and_is_the_same_each_time() {
    let homes = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let truths = homes.each_ref().map(|home| log_tree::write(home.path(), 7));
    assert_eq!(truths[0], truths[1]);
    let tools: Vec<&str> = truths[0].totals().keys().map(|(tool, _)| *tool).collect();
    for tool in Tool::ALL {
        assert!(tools.contains(&tool.as_str()), "{}", tool.as_str());
    }
}
