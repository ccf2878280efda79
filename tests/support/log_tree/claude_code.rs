//! Claude Code's sessions: few with all traps, or a year's.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Dice, Tokens, Tree, TrueCall, file, iso};

const MODELS: [&str; 3] = ["claude-opus-5-5", "claude-sonnet-4-5", "claude-haiku-4-5"];
/// Each session's lines that cannot be believed, but for the last one, which is cut off.
const BROKEN_EACH: usize = 2;

/// How large the year's tree is.
const BIG_FILES: usize = 2_759;
const BIG_USAGE_LINES: usize = 300_090;
const BIG_DUPLICATES: usize = 122_455;
/// Of the duplicates: lines that a resumed session copied from the one before it.
const BIG_COPIES: usize = 12_455;
/// One session in so many is resumed.
const BIG_RESUMED_EACH: usize = 10;

/// A year's tree, and what is in it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct BigTree {
    /// Session files.
    pub files: usize,
    /// Lines of all kinds.
    pub lines: usize,
    /// Those that tell of a call.
    pub usage_lines: usize,
    /// Calls.
    pub calls: usize,
    /// Bytes.
    pub bytes: u64,
    /// Tokens of all calls: input, cache read, cache write, output.
    pub tokens: [u64; 4],
}

struct Session {
    id: String,
    folder: String,
    path: String,
    lines: Vec<Value>,
}

/// One message's line.
struct Block<'a> {
    session: &'a str,
    folder: &'a str,
    model: &'a str,
    message: &'a str,
    request: Option<&'a str>,
    ms: i64,
    tokens: Tokens,
}

impl Block<'_> {
    fn line(&self, uuid: &str) -> Value {
        let t = &self.tokens;
        let mut line = json!({
            "parentUuid": null, "isSidechain": false, "type": "assistant", "uuid": uuid,
            "message": {
                "id": self.message, "type": "message", "role": "assistant", "model": self.model,
                "content": [{"type": "text", "text": "said \"usage\":{\"input_tokens\":1}"}],
                "usage": {
                    "input_tokens": t.input, "cache_read_input_tokens": t.cache_read,
                    "cache_creation_input_tokens": t.cache_write_5m + t.cache_write_1h,
                    "output_tokens": t.output, "service_tier": "standard", "iterations": [],
                    "server_tool_use": {"web_search_requests": t.web_searches},
                },
            },
            "timestamp": iso(self.ms), "cwd": self.folder, "sessionId": self.session,
            "gitBranch": "main", "version": "2.1.330",
        });
        let usage = &mut line["message"]["usage"];
        if let Some(reasoning) = t.reasoning {
            usage["output_tokens_details"] = json!({"thinking_tokens": reasoning});
        }
        if t.cache_write_1h > 0 {
            usage["cache_creation"] = json!({
                "ephemeral_5m_input_tokens": t.cache_write_5m,
                "ephemeral_1h_input_tokens": t.cache_write_1h,
            });
        }
        if let Some(request) = self.request {
            line["requestId"] = json!(request);
        }
        line
    }
}

pub(super) fn write(tree: &mut Tree) {
    let mut sessions: Vec<Session> = Vec::new();
    for number in 0..6_usize {
        let mut session = new_session(tree, number);
        if number % 3 == 2 {
            // Resumed: the whole history again, under this session's id.
            let before = &sessions[number - 1];
            tree.truth.mark_copied(&before.id);
            tree.truth.broken += BROKEN_EACH;
            for line in &before.lines {
                let mut copy = line.clone();
                copy["sessionId"] = json!(session.id);
                session.lines.push(copy);
            }
        }
        for _ in 0..8 {
            add_call(tree, &mut session, number);
        }
        add_what_does_not_count(tree, &mut session);
        sessions.push(session);
    }
    for session in &sessions {
        let broken =
            "{\"type\":\"assistant\",\"message\":{\"id\":\"msg_cut\",\"usage\":{\"input_tok\n";
        tree.truth.broken += 1;
        tree.text(&session.path, &(file(&session.lines) + broken));
    }
}

fn new_session(tree: &mut Tree, number: usize) -> Session {
    let id = tree.uuid();
    let folder = format!("/home/dev/project-{}", number % 2);
    let slug = folder.replace('/', "-");
    // Some of them are where `CLAUDE_CONFIG_DIR` was before it was `~/.claude`.
    let root = if number == 5 { ".config/claude" } else { ".claude" };
    let path = format!("{root}/projects/{slug}/{id}.jsonl");
    Session { id, folder, path, lines: Vec::new() }
}

fn add_call(tree: &mut Tree, session: &mut Session, number: usize) {
    let model = MODELS[tree.dice.below(3) as usize];
    let message = format!("msg_01{:016x}", tree.dice.next());
    let request = format!("req_011{:016x}", tree.dice.next());
    // A gateway's answers have no request.
    let request = (number != 4).then_some(request);
    let mut tokens = tree.tokens(900);
    if tree.dice.below(4) == 0 {
        tokens.web_searches = 1 + tree.dice.below(3);
    }
    if tree.dice.below(3) == 0 {
        (tokens.cache_write_1h, tokens.reasoning) = (0, None);
    }
    let ms = tree.later();
    let is_agents = tree.dice.below(4) == 0;
    let blocks = 1 + tree.dice.below(3);
    let mut agents = Vec::new();
    for left in (0..blocks).rev() {
        let so_far = Tokens { output: tokens.output.saturating_sub(left).max(1), ..tokens };
        let block = Block {
            session: &session.id,
            folder: &session.folder,
            model,
            message: &message,
            request: request.as_deref(),
            ms: ms - left as i64,
            tokens: Tokens {
                reasoning: so_far.reasoning.map(|it| it.min(so_far.output)),
                ..so_far
            },
        };
        let uuid = tree.uuid();
        let mut line = block.line(&uuid);
        line["isSidechain"] = json!(is_agents);
        if is_agents {
            agents.push(line.clone());
            line = json!({
                "type": "progress", "sessionId": session.id, "cwd": session.folder, "gitBranch": "main",
                "timestamp": iso(ms), "data": {"type": "agent_progress", "message": line},
            });
        }
        session.lines.push(line);
        // What is of no interest stands in between.
        session
            .lines
            .push(json!({"type": "user", "message": {"role": "user", "content": "asked"}}));
    }
    if is_agents {
        let folder = session.path.trim_end_matches(".jsonl");
        let path = format!("{folder}/subagents/agent-{message}.jsonl");
        tree.text(&path, &file(&agents));
    }
    // With one output token all lines tell the same, and the first is as good as the last.
    let ended_ms = if tokens.output == 1 { ms - (blocks - 1) as i64 } else { ms };
    tree.truth.calls.push(TrueCall {
        tool: "claude-code",
        ended_ms,
        model: model.to_owned(),
        tokens,
        session: Some(session.id.clone()),
        response_id: Some(message),
        cost: None,
        is_copied: false,
    });
}

fn add_what_does_not_count(tree: &mut Tree, session: &mut Session) {
    let ms = tree.later();
    let tokens = tree.tokens(100);
    let block = Block {
        session: &session.id,
        folder: &session.folder,
        model: "<synthetic>",
        message: "msg_synthetic",
        request: None,
        ms,
        tokens,
    };
    let synthetic = block.line("u");
    let mut failed = Block { model: MODELS[0], message: "msg_failed", ..block }.line("u");
    failed["isApiErrorMessage"] = json!(true);
    let mut future = failed.clone();
    future["isApiErrorMessage"] = json!(false);
    future["timestamp"] = json!("2031-01-01T00:00:00.000Z");
    let mut negative = future.clone();
    negative["timestamp"] = json!(iso(ms));
    negative["message"]["usage"]["output_tokens"] = json!(-5);
    tree.truth.broken += BROKEN_EACH;
    let sum = json!({"type": "user", "toolUseResult": {"totalTokens": 5, "usage": {"input_tokens": 5, "output_tokens": 5}}});
    let state = json!({"type": "cost-state", "sessionId": session.id, "totalCostUSD": 1.5});
    session.lines.extend([synthetic, failed, future, negative, sum, state]);
}

/// Writes a year's tree below `home`.
#[must_use]
pub fn write_big(home: &Path, seed: u64) -> BigTree {
    let mut dice = Dice(seed);
    let mut big = BigTree::default();
    let calls = BIG_USAGE_LINES - BIG_DUPLICATES;
    let repeats = BIG_DUPLICATES - BIG_COPIES;
    let resumed = BIG_FILES / BIG_RESUMED_EACH;
    let share = |all: usize, number: usize, of: usize| all * (number + 1) / of - all * number / of;
    let mut before: Vec<String> = Vec::new();
    for number in 0..BIG_FILES {
        let session = format!("{:08x}-0000-4000-8000-{number:012x}", dice.next() >> 32);
        let slug = format!("-home-dev-project-{}", number % 40);
        let mut text = String::with_capacity(160_000);
        if number % BIG_RESUMED_EACH == BIG_RESUMED_EACH - 1 && number / BIG_RESUMED_EACH < resumed
        {
            for line in before.iter().take(share(BIG_COPIES, number / BIG_RESUMED_EACH, resumed)) {
                text.push_str(line);
                big.usage_lines += 1;
                big.lines += 1;
            }
        }
        before.clear();
        for _ in 0..share(calls, number, BIG_FILES) {
            let lines = 1 + share(repeats, big.calls, calls);
            write_big_call(&mut dice, &mut big, &mut text, &session, lines);
            before
                .push(text[text[..text.len() - 1].rfind('\n').map_or(0, |at| at + 1)..].to_owned());
        }
        let folder = home.join(".claude/projects").join(slug);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{session}.jsonl")), &text).unwrap();
        big.files += 1;
        big.bytes += text.len() as u64;
    }
    big
}

/// Prose with what makes prose slow to read: quotes, line ends, and what is not ASCII.
const PROSE: &str = "The function `read` takes \\\"path\\\" and opens it;\\n    let text = fs::read(path)?;\\n\\nIt is naïve about \\\\ separators, so that a Windows path such as C:\\\\dev is cut. I'll change this — first the tests, then the code.\\n";

fn write_big_call(
    dice: &mut Dice,
    big: &mut BigTree,
    text: &mut String,
    session: &str,
    lines: usize,
) {
    let number = big.calls;
    let ms = 1_764_000_000_000 + number as i64 * 170_000;
    let (input, read) = (1 + dice.below(900), dice.below(150_000));
    let (written, output) = (dice.below(9_000), 20 + dice.below(2_500));
    let model = MODELS[dice.below(3) as usize];
    let _ = writeln!(
        text,
        r#"{{"parentUuid":"{number:08x}-0000-4000-8000-000000000000","isSidechain":false,"userType":"external","cwd":"/home/dev/project","sessionId":"{session}","version":"2.1.330","gitBranch":"main","type":"user","message":{{"role":"user","content":"{}"}},"uuid":"{number:08x}-0000-4000-8000-000000000001","timestamp":"{}"}}"#,
        &PROSE[..100],
        iso(ms - 9_000),
    );
    big.lines += 1;
    for line in 0..lines {
        let told = if line + 1 == lines { output } else { 1 + line as u64 };
        let prose = PROSE.repeat(dice.below(3) as usize);
        let _ = writeln!(
            text,
            r#"{{"parentUuid":"{number:08x}-0000-4000-8000-00000000000{line}","isSidechain":false,"userType":"external","cwd":"/home/dev/project","sessionId":"{session}","version":"2.1.330","gitBranch":"main","message":{{"id":"msg_01{number:022}","type":"message","role":"assistant","model":"{model}","content":[{{"type":"text","text":"{prose}"}}],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":{input},"cache_creation_input_tokens":{written},"cache_read_input_tokens":{read},"cache_creation":{{"ephemeral_5m_input_tokens":{written},"ephemeral_1h_input_tokens":0}},"output_tokens":{told},"service_tier":"standard","inference_geo":"not_available"}}}},"requestId":"req_01{number:022}","type":"assistant","uuid":"{number:08x}-0000-4000-8000-0000000001{line:02}","timestamp":"{}"}}"#,
            iso(ms + line as i64),
        );
    }
    big.lines += lines;
    big.usage_lines += lines;
    big.calls += 1;
    for (sum, more) in big.tokens.iter_mut().zip([input, read, written, output]) {
        *sum += more;
    }
}
