//! Codex's rollouts: with records, of before them, forked, and of sub-agents.

use chrono::DateTime;
use serde_json::{Value, json};

use super::{Tokens, Tree, TrueCall, file, iso};

/// How a version of Codex writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Sums only, and turns without ids.
    Old,
    /// Sums only.
    Sums,
    /// Records, and sums beside them.
    Records,
}

struct Thread {
    id: String,
    session: String,
    version: Version,
    born_ms: i64,
    sums: [u64; 4],
    /// What a fork copies.
    history: Vec<Value>,
    lines: Vec<Value>,
}

pub(super) fn write(tree: &mut Tree) {
    for version in [Version::Old, Version::Sums, Version::Records] {
        let mut parent = begin(tree, version, None);
        for _ in 0..5 {
            add_turn(tree, &mut parent);
        }
        let mut fork = begin(tree, version, Some(&parent));
        add_turn(tree, &mut fork);
        add_turn(tree, &mut fork);
        let mut fork_of_fork = begin(tree, version, Some(&fork));
        add_turn(tree, &mut fork_of_fork);
        // Goes on after it was forked.
        add_turn(tree, &mut parent);
        for thread in [parent, fork, fork_of_fork] {
            finish(tree, &thread);
        }
    }
    let mut parent = begin(tree, Version::Records, None);
    add_turn(tree, &mut parent);
    let agent = begin_agent(tree, &parent);
    finish(tree, &parent);
    finish(tree, &agent);
}

fn line(ms: i64, kind: &str, payload: &Value) -> Value {
    json!({"timestamp": iso(ms), "type": kind, "payload": payload})
}

fn begin(tree: &mut Tree, version: Version, parent: Option<&Thread>) -> Thread {
    let born_ms = tree.later();
    let id = tree.uuid_v7(born_ms);
    let meta = |id: &str, forked_from: Option<&str>| {
        line(
            born_ms,
            "session_meta",
            &json!({
                "id": id, "session_id": id, "cwd": "/home/dev/project-0", "model_provider": "openai",
                "git": {"branch": "main"}, "forked_from_id": forked_from,
            }),
        )
    };
    let mut lines = vec![meta(&id, parent.map(|parent| parent.id.as_str()))];
    let mut history = Vec::new();
    if let Some(parent) = parent {
        history.push(meta(&parent.id, None));
        history.extend(parent.history.iter().map(|line| {
            let mut copy = line.clone();
            copy["timestamp"] = json!(iso(born_ms));
            copy
        }));
        lines.extend(history.iter().cloned());
    }
    let sums = parent.map_or([0; 4], |parent| parent.sums);
    Thread { session: id.clone(), id, version, born_ms, sums, history, lines }
}

/// A sub-agent's: its parent's sums at their own times, without the records.
fn begin_agent(tree: &mut Tree, parent: &Thread) -> Thread {
    let mut agent = begin(tree, Version::Records, None);
    agent.session.clone_from(&parent.session);
    agent.lines[0]["payload"]["session_id"] = json!(parent.session);
    agent.lines[0]["payload"]["source"] =
        json!({"subagent": {"thread_spawn": {"parent_thread_id": parent.id}}});
    agent.lines.push(parent.lines[0].clone());
    let copied = parent.history.iter().filter(|line| line["type"] != "token_usage_record");
    agent.lines.extend(copied.cloned());
    agent.sums = parent.sums;
    add_turn(tree, &mut agent);
    agent
}

fn add_turn(tree: &mut Tree, thread: &mut Thread) {
    let ms = tree.later();
    let turn = tree.uuid_v7(ms);
    let mut context = json!({"model": "gpt-5.2", "cwd": "/home/dev/project-0"});
    if thread.version != Version::Old {
        context["turn_id"] = json!(turn);
    }
    push(thread, line(ms, "turn_context", &context));
    let said = json!({"type": "message", "content": "said \"token_count\" and {\"usage\":1}"});
    push(thread, line(ms, "response_item", &said));
    for _ in 0..1 + tree.dice.below(3) {
        add_call(tree, thread, &turn);
    }
}

fn add_call(tree: &mut Tree, thread: &mut Thread, turn: &str) {
    let ended_ms = tree.later();
    let tokens = Tokens { cache_write_5m: 0, cache_write_1h: 0, ..tree.tokens(900) };
    let counts = |[input, cached, output, reasoning]: [u64; 4]| {
        json!({"input_tokens": input, "cached_input_tokens": cached, "output_tokens": output,
               "reasoning_output_tokens": reasoning, "total_tokens": input + output})
    };
    let added = [
        tokens.input + tokens.cache_read,
        tokens.cache_read,
        tokens.output,
        tokens.reasoning.unwrap_or(0),
    ];
    for (sum, more) in thread.sums.iter_mut().zip(added) {
        *sum += more;
    }
    let response = format!("resp_{:016x}", tree.dice.next());
    let has_records = thread.version == Version::Records;
    if has_records {
        let record = json!({"thread_id": thread.id, "session_id": thread.session, "turn_id": turn,
            "response_id": response, "usage": counts(added)});
        push(thread, line(ended_ms, "token_usage_record", &record));
    }
    let info = json!({"total_token_usage": counts(thread.sums), "last_token_usage": counts(added)});
    let sums = json!({"type": "token_count", "info": info, "rate_limits": {"plan_type": "plus"}});
    // Told again whenever the limits change.
    for _ in 0..1 + tree.dice.below(2) {
        push(thread, line(ended_ms, "event_msg", &sums));
    }
    tree.truth.calls.push(TrueCall {
        tool: "codex",
        ended_ms,
        model: "gpt-5.2".to_owned(),
        tokens,
        session: Some(thread.session.clone()),
        response_id: has_records.then_some(response),
        cost: None,
        is_copied: false,
    });
}

fn push(thread: &mut Thread, line: Value) {
    thread.history.push(line.clone());
    thread.lines.push(line);
}

fn finish(tree: &Tree, thread: &Thread) {
    let day = DateTime::from_timestamp_millis(thread.born_ms).unwrap();
    let name = day.format("%Y/%m/%d/rollout-%Y-%m-%dT%H-%M-%S");
    tree.text(&format!(".codex/sessions/{name}-{}.jsonl", thread.id), &file(&thread.lines));
}
