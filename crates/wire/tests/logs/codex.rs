//! The traps in Codex's files.

use outlay_wire::log::{BrokenLine, LogCall, Tool};
use serde_json::{Value, json};

use crate::{about, all_tokens, calls, model, read_all};

/// Ids as Codex makes them: each begins with its time.
fn id(second: u32, last: u32) -> String {
    let ms = 1_795_291_200_000_u64 + u64::from(second) * 1000;
    let hex = format!("{ms:012x}");
    format!("{}-{}-7000-8000-{last:012}", &hex[..8], &hex[8..])
}

fn at(second: u32, kind: &str, payload: &Value) -> String {
    let time = format!("2026-11-21T20:{:02}:{:02}.000Z", second / 60, second % 60);
    json!({"timestamp": time, "type": kind, "payload": payload}).to_string()
}

fn meta(second: u32, id: &str, more: &Value) -> String {
    let mut payload = json!({
        "id": id, "cwd": "/w", "model_provider": "openai", "git": {"branch": "main"},
    });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    at(second, "session_meta", &payload)
}

fn turn(second: u32, id: Option<&str>) -> String {
    at(second, "turn_context", &json!({"turn_id": id, "model": "gpt-5.2", "cwd": "/w"}))
}

fn counts([input, cached, output, reasoning]: [u64; 4]) -> Value {
    json!({
        "input_tokens": input, "cached_input_tokens": cached, "output_tokens": output,
        "reasoning_output_tokens": reasoning, "total_tokens": input + output,
    })
}

fn sums(second: u32, total: [u64; 4], last: Option<[u64; 4]>) -> String {
    let info = json!({"total_token_usage": counts(total), "last_token_usage": last.map(counts)});
    at(second, "event_msg", &json!({"type": "token_count", "info": info, "rate_limits": null}))
}

fn record(second: u32, response: &str, usage: [u64; 4]) -> String {
    let payload = json!({"response_id": response, "thread_id": id(0, 1), "usage": counts(usage)});
    at(second, "token_usage_record", &payload)
}

fn plan(second: u32, plan: &Value) -> String {
    let payload = json!({"type": "token_count", "info": null, "rate_limits": {"plan_type": plan}});
    at(second, "event_msg", &payload)
}

fn told(files: &[String]) -> Vec<LogCall> {
    calls(Tool::Codex, &files.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn records_and_sums() {
    let start = [meta(0, &id(0, 1), &json!({})), turn(1, Some(&id(1, 2)))];
    for (what, lines, expected) in [
        (
            "a record and the sums after it are one call",
            vec![
                record(5, "r1", [100, 60, 20, 5]),
                sums(5, [100, 60, 20, 5], Some([100, 60, 20, 5])),
            ],
            vec!["40+60+0+0>20(5)"],
        ),
        (
            "sums alone: what each adds",
            vec![
                sums(5, [100, 60, 20, 5], Some([100, 60, 20, 5])),
                sums(9, [250, 160, 50, 5], Some([150, 100, 30, 0])),
            ],
            vec!["40+60+0+0>20(5)", "50+100+0+0>30(0)"],
        ),
        (
            "sums without what was added last",
            vec![sums(5, [100, 60, 20, 5], None), sums(9, [250, 160, 50, 5], None)],
            vec!["40+60+0+0>20(5)", "50+100+0+0>30(0)"],
        ),
        (
            "sums told again, as the limits change",
            vec![
                sums(5, [100, 60, 20, 5], Some([100, 60, 20, 5])),
                sums(6, [100, 60, 20, 5], Some([100, 60, 20, 5])),
                turn(7, Some(&id(7, 3))),
                sums(8, [100, 60, 20, 5], Some([100, 60, 20, 5])),
            ],
            vec!["40+60+0+0>20(5)"],
        ),
        (
            "a compaction, which estimates what is left and adds nothing",
            vec![
                sums(5, [100, 60, 20, 5], Some([100, 60, 20, 5])),
                sums(6, [100, 60, 20, 5], Some([0, 0, 0, 0])),
                sums(9, [130, 60, 30, 5], Some([30, 0, 10, 0])),
            ],
            vec!["40+60+0+0>20(5)", "30+0+0+0>10(0)"],
        ),
        (
            "sums that begin anew",
            vec![
                sums(5, [100, 60, 20, 5], Some([100, 60, 20, 5])),
                sums(9, [50, 0, 7, 0], Some([50, 0, 7, 0])),
            ],
            vec!["40+60+0+0>20(5)", "50+0+0+0>7(0)"],
        ),
        (
            "sums of a history that is not here",
            vec![sums(5, [9000, 60, 900, 5], Some([100, 60, 20, 5]))],
            vec!["40+60+0+0>20(5)"],
        ),
        (
            "a file begun by an older version",
            vec![
                sums(5, [100, 60, 20, 5], Some([100, 60, 20, 5])),
                record(9, "r2", [150, 100, 30, 0]),
                sums(9, [250, 160, 50, 5], Some([150, 100, 30, 0])),
            ],
            vec!["40+60+0+0>20(5)", "50+100+0+0>30(0)"],
        ),
        ("limits alone", vec![plan(5, &json!(null))], vec![]),
        (
            "an answer that quotes a record",
            vec![at(5, "response_item", &json!({"text": "\"token_usage_record\" token_count"}))],
            vec![],
        ),
    ] {
        let file = [&start[..], &lines].concat().join("\n");
        assert_eq!(all_tokens(&told(&[file])), expected, "{what}");
    }
}

#[test]
fn copies_count_once() {
    let (parent, child, grandchild) = (id(0, 1), id(30, 2), id(60, 3));
    let (first, second, third) = (id(1, 11), id(31, 12), id(61, 13));
    let forked = |from: &str| json!({"forked_from_id": from});
    let spawned = json!({"session_id": parent, "source": {"subagent": {"thread_spawn": {"parent_thread_id": parent}}}});
    let counted = |second, total| sums(second, total, None);
    let (one, two, three) = ([100, 0, 10, 0], [300, 0, 30, 0], [600, 0, 60, 0]);
    let own = |turns: bool, second: u32, id: &str| turn(second, turns.then_some(id));
    let file = |lines: &[String]| lines.join("\n");
    let of_parent =
        |turns| file(&[meta(0, &parent, &json!({})), own(turns, 1, &first), counted(5, one)]);
    for (what, files, expected) in [
        (
            "a fork, copied at once with the times of the copying",
            vec![
                of_parent(true),
                file(&[
                    meta(30, &child, &forked(&parent)),
                    meta(30, &parent, &json!({})),
                    own(true, 30, &first),
                    counted(30, one),
                    own(true, 31, &second),
                    counted(35, two),
                ]),
            ],
            vec!["100+0+0+0>10(0)", "200+0+0+0>20(0)"],
        ),
        (
            "a fork of a fork, and one more beside it",
            vec![
                of_parent(true),
                file(&[
                    meta(30, &child, &forked(&parent)),
                    meta(30, &parent, &json!({})),
                    own(true, 30, &first),
                    counted(30, one),
                    own(true, 31, &second),
                    counted(35, two),
                ]),
                file(&[
                    meta(60, &grandchild, &forked(&child)),
                    meta(60, &child, &forked(&parent)),
                    meta(60, &parent, &json!({})),
                    own(true, 60, &first),
                    counted(60, one),
                    own(true, 60, &second),
                    counted(60, two),
                    own(true, 61, &third),
                    counted(65, three),
                ]),
                file(&[
                    meta(60, &id(60, 4), &forked(&child)),
                    own(true, 60, &first),
                    counted(60, one),
                    own(true, 60, &second),
                    counted(60, two),
                    own(true, 61, &id(61, 14)),
                    counted(66, three),
                ]),
            ],
            vec!["100+0+0+0>10(0)", "200+0+0+0>20(0)", "300+0+0+0>30(0)", "300+0+0+0>30(0)"],
        ),
        (
            "a sub-agent that begins with its parent's sums, at their own times, without the records",
            vec![
                file(&[
                    meta(0, &parent, &json!({})),
                    own(true, 1, &first),
                    record(5, "r1", one),
                    counted(5, one),
                ]),
                file(&[
                    meta(30, &child, &spawned),
                    meta(0, &parent, &json!({})),
                    own(true, 1, &first),
                    counted(5, one),
                    own(true, 31, &second),
                    record(35, "r2", [200, 0, 20, 0]),
                    counted(35, two),
                ]),
            ],
            vec!["100+0+0+0>10(0)", "200+0+0+0>20(0)"],
        ),
        (
            "a sub-agent that copies nothing but who its parent is",
            vec![
                of_parent(true),
                file(&[
                    meta(30, &child, &spawned),
                    meta(30, &parent, &json!({})),
                    own(true, 31, &second),
                    counted(35, one),
                    counted(39, two),
                ]),
            ],
            vec!["100+0+0+0>10(0)", "100+0+0+0>10(0)", "200+0+0+0>20(0)"],
        ),
        (
            "a fork that copies the records",
            vec![
                file(&[meta(0, &parent, &json!({})), own(true, 1, &first), record(5, "r1", one)]),
                file(&[
                    meta(30, &child, &forked(&parent)),
                    meta(30, &parent, &json!({})),
                    own(true, 30, &first),
                    record(30, "r1", one),
                    own(true, 31, &second),
                    record(35, "r2", two),
                ]),
            ],
            vec!["100+0+0+0>10(0)", "300+0+0+0>30(0)"],
        ),
        (
            "a fork by a version whose turns have no ids",
            vec![
                of_parent(false),
                file(&[
                    meta(30, &child, &forked(&parent)),
                    meta(30, &parent, &json!({})),
                    own(false, 30, ""),
                    counted(30, one),
                    own(false, 31, ""),
                    counted(35, two),
                    counted(36, three),
                ]),
            ],
            vec!["100+0+0+0>10(0)", "200+0+0+0>20(0)", "300+0+0+0>30(0)"],
        ),
        (
            "the same file in the archive",
            vec![of_parent(true), of_parent(true)],
            vec!["100+0+0+0>10(0)"],
        ),
    ] {
        assert_eq!(all_tokens(&told(&files)), expected, "{what}");
        let backwards: Vec<String> = files.iter().rev().cloned().collect();
        assert_eq!(told(&backwards).len(), expected.len(), "{what}, the other way round");
    }
}

#[test]
fn who_pays_and_where() {
    let (thread, turn_id) = (id(0, 1), id(1, 2));
    let start = |provider: &str| {
        [
            meta(0, &thread, &json!({"model_provider": provider, "session_id": "s"})),
            turn(1, Some(&turn_id)),
        ]
    };
    for (what, provider, lines, expected) in [
        (
            "a plan",
            "openai",
            vec![record(5, "r1", [9, 0, 1, 0]), plan(5, &json!("plus"))],
            Some(true),
        ),
        ("no plan", "openai", vec![record(5, "r1", [9, 0, 1, 0]), plan(5, &json!(null))], None),
        ("not told", "work", vec![record(5, "r1", [9, 0, 1, 0])], None),
        (
            "told in between",
            "openai",
            vec![
                record(5, "r1", [9, 0, 1, 0]),
                plan(5, &json!("plus")),
                record(6, "r2", [9, 0, 1, 0]),
            ],
            Some(true),
        ),
    ] {
        let found = told(&[[&start(provider)[..], &lines].concat().join("\n")]);
        assert!(found.iter().all(|call| call.plan_login == expected), "{what}");
        let route = if provider == "openai" { "openai/gpt-5.2" } else { "-/gpt-5.2" };
        assert_eq!(model(&found[0]), route, "{what}");
        assert_eq!(about(&found[0]), "20:00:05.000 - s /w main - r1", "{what}");
    }
}

#[test]
fn broken_lines() {
    let whole = record(5, "r1", [100, 60, 20, 5]);
    for (what, text, expected) in [
        ("cut off", whole[..whole.len() - 1].to_owned(), BrokenLine::NotJson),
        ("negative", whole.replace(":20,", ":-20,"), BrokenLine::ImplausibleCount),
        ("no time", whole.replace("timestamp", "t"), BrokenLine::NoTime),
        ("no usage", whole.replace("\"usage\"", "\"x\""), BrokenLine::NoCount),
        (
            "no name",
            whole.replace("response_id", "x").replace("thread_id", "y"),
            BrokenLine::NoName,
        ),
    ] {
        assert_ne!(text, whole, "{what}");
        let (found, flaws) = read_all(Tool::Codex, &text);
        assert_eq!((found.len(), flaws), (0, vec![expected]), "{what}");
    }
}
