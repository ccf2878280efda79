//! What tools log, read: the samples, the traps, and what is broken.
#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::needless_pass_by_value,
    clippy::cloned_ref_to_slice_refs,
    reason = "tables of tests"
)]

mod anywhere;
mod claude_code;
mod codex;
mod others;
mod rows;
mod samples;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use outlay_wire::log::{BrokenLine, LineReader, LogCall, LogKey, Tool};

/// After all samples.
fn now() -> DateTime<Utc> {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/logs");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// All that a file of lines tells, and its flaws.
fn read_all(tool: Tool, text: &str) -> (Vec<LogCall>, Vec<BrokenLine>) {
    let (mut found, mut flaws) = (Vec::new(), Vec::new());
    let mut reader = LineReader::new(tool, now());
    for line in text.lines() {
        flaws.extend(reader.read(line.as_bytes(), &mut found).err());
    }
    (found, flaws)
}

/// The calls of files that are whole: each once, in their order in time.
fn calls(tool: Tool, files: &[&str]) -> Vec<LogCall> {
    let found = files.iter().flat_map(|text| {
        let (found, flaws) = read_all(tool, text);
        assert_eq!(flaws, [], "{text}");
        found
    });
    once(found.collect())
}

/// Of each call the whole telling, as the ledger keeps it: that with the most tokens; of equal ones
/// the earliest.
fn once(found: Vec<LogCall>) -> Vec<LogCall> {
    let mut kept: BTreeMap<LogKey, LogCall> = BTreeMap::new();
    for call in found {
        let rank = |call: &LogCall| (std::cmp::Reverse(call.usage.total_tokens()), call.ended);
        match kept.get(&call.key) {
            Some(before) if rank(before) <= rank(&call) => {}
            _ => drop(kept.insert(call.key, call)),
        }
    }
    let mut calls: Vec<LogCall> = kept.into_values().collect();
    calls.sort_by_key(|call| (call.ended, call.key));
    calls
}

/// Who and what: `anthropic/claude-opus-5-5`.
fn model(call: &LogCall) -> String {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    format!("{}/{}", text(&call.provider), text(&call.model))
}

/// Input, cache read, written for 5 minutes, for an hour, output, reasoning: `1003+200+30+10>51(0)`.
fn tokens(call: &LogCall) -> String {
    let usage = &call.usage;
    let reasoning = usage.reasoning_tokens.map_or_else(|| "-".to_owned(), |it| it.to_string());
    format!(
        "{}+{}+{}+{}>{}({reasoning})",
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.output_tokens,
    )
}

fn all_tokens(calls: &[LogCall]) -> Vec<String> {
    calls.iter().map(tokens).collect()
}

/// When it ended, how long it took, where, what it cost, and the provider's id.
fn about(call: &LogCall) -> String {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    format!(
        "{} {} {} {} {} {} {}",
        call.ended.format("%H:%M:%S%.3f"),
        call.duration.map_or_else(|| "-".to_owned(), |time| time.num_milliseconds().to_string()),
        text(&call.session),
        text(&call.folder),
        text(&call.branch),
        call.cost_logged.map_or_else(|| "-".to_owned(), |cost| cost.to_string()),
        call.response_id.as_deref().unwrap_or("-"),
    )
}
