//! The databases of opencode and llm, as they are while the tool runs: in WAL mode, with the newest
//! rows only in the `-wal` beside them.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::json;

use super::{Tokens, Tree, TrueCall, iso};

const OPENCODE: &str = "
    CREATE TABLE session (id TEXT PRIMARY KEY, directory TEXT NOT NULL);
    CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER NOT NULL,
        time_updated INTEGER NOT NULL, data TEXT NOT NULL);
    CREATE TABLE account (id TEXT PRIMARY KEY, access_token TEXT NOT NULL);
    INSERT INTO account VALUES ('a', 'a secret');";
const LLM: &str = "
    CREATE TABLE turns (id TEXT PRIMARY KEY, thread_id TEXT, model TEXT, resolved_model TEXT,
        input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, duration_ms INTEGER,
        datetime_utc TEXT, response_json TEXT);
    CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, response TEXT,
        response_json TEXT, conversation_id TEXT, duration_ms INTEGER, datetime_utc TEXT,
        input_tokens INTEGER, output_tokens INTEGER, token_details TEXT, resolved_model TEXT);";

pub(super) fn write(tree: &mut Tree) {
    live(tree, ".local/share/opencode/opencode.db", OPENCODE, opencode);
    live(tree, ".config/io.datasette.llm/logs.db", LLM, llm);
}

/// Makes a database in two parts: the first in the file, the second in its `-wal`.
fn live(tree: &mut Tree, path: &str, schema: &str, rows: fn(&mut Tree, &Connection, usize)) {
    let elsewhere = tempfile::tempdir().unwrap();
    let own = elsewhere.path().join("live.db");
    let database = Connection::open(&own).unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database.execute_batch(schema).unwrap();
    rows(tree, &database, 0);
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    rows(tree, &database, 1);
    let target = tree.home.join(path);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(&own, &target).unwrap();
    let beside = |path: &Path| path.with_extension("db-wal");
    fs::copy(beside(&own), beside(&target)).unwrap();
}

fn opencode(tree: &mut Tree, database: &Connection, part: usize) {
    let session = format!("ses_{part}");
    let add = |sql: &str, values: &[&dyn rusqlite::ToSql]| database.execute(sql, values).unwrap();
    add("INSERT INTO session VALUES (?1, '/home/dev/project-0')", &[&session]);
    for number in 0..6 {
        let ended_ms = tree.later();
        let tokens = Tokens { cache_write_1h: 0, ..tree.tokens(900) };
        let reasoning = tokens.reasoning.unwrap_or(0);
        let cost = format!("0.0{:06}1", tree.dice.below(1_000_000));
        let price: serde_json::Value = serde_json::from_str(&cost).unwrap();
        let data = json!({
            "role": "assistant", "modelID": "gpt-4o-mini", "providerID": "openai", "cost": price,
            "time": {"created": ended_ms - 900, "completed": ended_ms}, "tokens": {
                "input": tokens.input, "output": tokens.output - reasoning, "reasoning": reasoning,
                "cache": {"read": tokens.cache_read, "write": tokens.cache_write_5m},
            },
        });
        let id = format!("msg_{part}{number}");
        let sql = "INSERT INTO message VALUES (?1, ?2, ?3, ?3, ?4)";
        add(sql, &[&id, &session, &ended_ms, &data.to_string()]);
        // One session is a fork of the other: it has its messages under other ids.
        if number < 3 {
            add(
                sql,
                &[&format!("fork_{id}"), &format!("fork_{session}"), &ended_ms, &data.to_string()],
            );
        }
        tree.truth.calls.push(TrueCall {
            tool: "opencode",
            ended_ms,
            model: "gpt-4o-mini".to_owned(),
            tokens,
            session: Some(session.clone()),
            response_id: None,
            cost: Some(cost),
            is_copied: number < 3,
        });
    }
    let coming = json!({"role": "assistant", "time": {"created": tree.clock_ms}, "tokens": {"input": 5, "output": 0}});
    let asked = json!({"role": "user", "time": {"created": tree.clock_ms}});
    let negative = json!({"role": "assistant", "time": {"created": 1_795_000_000_000_u64, "completed": 1_795_000_000_000_u64},
        "tokens": {"input": -5, "output": 0}});
    tree.truth.broken += 1;
    for (name, data) in [("coming", coming), ("asked", asked), ("negative", negative)] {
        let sql = "INSERT INTO message VALUES (?1, ?2, ?3, ?3, ?4)";
        add(sql, &[&format!("{name}_{part}"), &session, &tree.clock_ms, &data.to_string()]);
    }
}

fn llm(tree: &mut Tree, database: &Connection, part: usize) {
    for number in 0..6 {
        let ended_ms = tree.later();
        let tokens = Tokens { cache_write_5m: 0, cache_write_1h: 0, ..tree.tokens(900) };
        let details = json!({"prompt_tokens_details": {"cached_tokens": tokens.cache_read},
            "completion_tokens_details": {"reasoning_tokens": tokens.reasoning}});
        let (id, session) = (format!("01m7{part}{number}"), format!("01m7t{part}"));
        let response = format!("chatcmpl-{:016x}", tree.dice.next());
        let document = json!({"id": response, "content": "said"}).to_string();
        // Rows of before 0.36 are in another table.
        let sql = if part == 0 && number < 3 {
            "INSERT INTO responses (id, conversation_id, model, input_tokens, output_tokens, token_details,
                duration_ms, datetime_utc, response_json) VALUES (?1, ?2, 'gpt-4o-mini', ?3, ?4, ?5, 250, ?6, ?7)"
        } else {
            "INSERT INTO turns (id, thread_id, model, input_tokens, output_tokens, token_details,
                duration_ms, datetime_utc, response_json) VALUES (?1, ?2, 'gpt-4o-mini', ?3, ?4, ?5, 250, ?6, ?7)"
        };
        let started = iso(ended_ms - 250).replace('Z', "000+00:00");
        let prompt = tokens.input + tokens.cache_read;
        database
            .execute(
                sql,
                params![
                    id,
                    session,
                    prompt as i64,
                    tokens.output as i64,
                    details.to_string(),
                    started,
                    document
                ],
            )
            .unwrap();
        tree.truth.calls.push(TrueCall {
            tool: "llm",
            ended_ms,
            model: "gpt-4o-mini".to_owned(),
            tokens,
            session: Some(session),
            response_id: Some(response),
            cost: None,
            is_copied: false,
        });
    }
    let sql = "INSERT INTO turns (id, model, datetime_utc) VALUES (?1, NULL, '2026-11-01T00:00:00+00:00')";
    database.execute(sql, params![format!("unknown{part}")]).unwrap();
}
