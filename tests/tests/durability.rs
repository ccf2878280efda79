//! `durability = "power"`: the system calls of the real binary, and a disk that fails.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::script::{SCRIPT_HEADER, Script};
use support::story::{chat, chat_stream, hundred_at_once, price_the_model};
use support::wait::eventually;

/// SQLite syncs with `fsync`, and so never meets what is done to this.
const SYNC: &str = "fdatasync(";

/// A server under strace with this configuration, and the file that it is traced in.
fn traced(provider: &FakeProvider, config: &str, more: &[&str]) -> (Home, Server, PathBuf) {
    let home = Home::new(provider);
    home.write_config(config);
    price_the_model(&home);
    let trace = home.path().join("trace");
    let strace = ["strace", "-D", "-f", "-y", "-o", trace.to_str().unwrap()];
    let calls = ["-e", "trace=fdatasync,write,writev,sendto"];
    let home = home.with_launcher(&[&strace[..], &calls, more].concat());
    let server = home.serve();
    (home, server, trace)
}

/// What happened, in order: `S` for a sync of the log that came to its end, `A` for an answer to a
/// client that began.
fn told(trace: &str) -> String {
    let resumed = "fdatasync resumed>";
    let mut story = String::new();
    for line in trace.lines() {
        if line.contains(SYNC) {
            assert!(line.contains("outlay.db-wal>"), "only the log is synced: {line}");
        }
        let is_done = line.contains(" = 0");
        if (line.contains(SYNC) || line.contains(resumed)) && is_done {
            story.push('S');
        } else if line.contains("\"HTTP/1.1 200") {
            story.push('A');
        }
    }
    story
}

#[test]
fn the_disk_has_a_call_before_its_client_hears_of_it() {
    for (durability, story) in [("process", "AAAA"), ("power", "SASASASA")] {
        let provider = FakeProvider::start();
        let config = format!("[admission]\ndurability = \"{durability}\"\n");
        // Slower than the provider: an answer that does not wait for it is ahead of it.
        let slow = ["-e", "inject=fdatasync:delay_enter=30000"];
        let (_home, server, trace) = traced(&provider, &config, &slow);
        for request in [chat(), chat_stream(), chat(), chat_stream()] {
            let answer = request.send(server.address());
            assert_eq!((answer.status, answer.whole), (200, true), "{}", answer.text());
        }
        let (status, stderr) = server.stop();
        assert!(status.success(), "{stderr}");
        let trace = eventually("strace has written its last line", || {
            let text = fs::read_to_string(&trace).unwrap();
            text.trim_end().ends_with("exited with 0 +++").then_some(text)
        });
        assert_eq!(told(&trace), story, "{durability}: {trace}");
    }
}

#[test]
fn a_limit_holds_and_nobody_is_lost_among_a_hundred() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.write_config("[admission]\ndurability = \"power\"\n");
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.02", "--window", "day"]);
    provider.set_default(Script { output_tokens: 500, delay_ms: 100, ..Script::default() });
    let server = home.serve();
    let answers = hundred_at_once(&server, &chat().without(SCRIPT_HEADER));
    for (status, count) in [(200, 10), (402, 90)] {
        assert_eq!(answers.iter().filter(|answer| answer.status == status).count(), count);
    }
    assert_eq!(provider.served().len(), 10);
    let calls = home.calls_at_rest();
    assert_eq!(calls.iter().filter(|call| call["status"] == "settled").count(), 10);
}

#[test]
fn an_answer_is_withheld_where_the_disk_fails_and_the_call_counts() {
    for request in [chat(), chat_stream()] {
        let provider = FakeProvider::start();
        // The real usage is waited for, though its client is gone.
        let config =
            "[admission]\ndurability = \"power\"\n[metering]\nafter_disconnect = \"20s\"\n";
        let fails_once = ["-e", "inject=fdatasync:error=EIO:when=1"];
        let (_home, server, _) = traced(&provider, config, &fails_once);
        let refused = request.send(server.address());
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert_eq!(refused.header("x-should-retry"), Some("false"), "it would be paid for twice");
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        for part in ["was sent and is counted", "its answer is withheld", "outlay.db-wal failed"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        let warned = |stderr: &str| stderr.contains("an answer was withheld");
        eventually("it is logged", || warned(&server.stderr()).then_some(()));
        let row = eventually("it is settled", || {
            let row = server.read("/calls")["rows"][0].clone();
            (row["status"] == "settled").then_some(row)
        });
        assert_eq!(row["cost_usd"], "0.002");
        assert_eq!(row["id"], refused.header("x-outlay-call").unwrap());
        assert_eq!(provider.served().len(), 1);
        // The disk is well again.
        assert_eq!(request.send(server.address()).status, 200);
    }
}
