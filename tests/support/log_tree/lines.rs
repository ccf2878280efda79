//! The files of Gemini CLI, Qwen Code, pi and Cline.

use serde_json::{Value, json};

use super::{Tokens, Tree, TrueCall, file, iso};

pub(super) fn write(tree: &mut Tree) {
    gemini_cli(tree);
    qwen(tree);
    pi(tree);
    cline(tree);
}

fn note<'t>(
    tree: &'t mut Tree,
    tool: &'static str,
    ended_ms: i64,
    model: &str,
    tokens: Tokens,
    session: &str,
) -> &'t mut TrueCall {
    tree.truth.calls.push(TrueCall {
        tool,
        ended_ms,
        model: model.to_owned(),
        tokens,
        session: Some(session.to_owned()),
        response_id: None,
        cost: None,
        is_copied: false,
    });
    tree.truth.calls.last_mut().unwrap()
}

/// Without what the tool does not tell apart.
fn no_writes(tokens: Tokens) -> Tokens {
    Tokens { cache_write_5m: 0, cache_write_1h: 0, ..tokens }
}

fn gemini_cli(tree: &mut Tree) {
    for number in 0..3 {
        let session = tree.uuid();
        let mut messages = Vec::new();
        for _ in 0..6 {
            let (ms, tokens) = (tree.later(), no_writes(tree.tokens(900)));
            let thoughts = tokens.reasoning.unwrap_or(0);
            let tool = tree.dice.below(tokens.input);
            let id = tree.uuid();
            messages.push(json!({
                "id": id, "timestamp": iso(ms), "type": "gemini", "content": "said",
                "model": "gemini-3.8-flash", "tokens": {
                    "input": tokens.input + tokens.cache_read - tool, "cached": tokens.cache_read,
                    "output": tokens.output - thoughts, "thoughts": thoughts, "tool": tool,
                    "total": tokens.input + tokens.cache_read + tokens.output,
                },
            }));
            note(tree, "gemini-cli", ms, "gemini-3.8-flash", tokens, &session);
        }
        let (first, last) = (&messages[0]["timestamp"], &messages[5]["timestamp"]);
        let header = json!({
            "sessionId": session, "projectHash": "5e04", "kind": "main", "startTime": first,
            "lastUpdated": last,
        });
        let chats = format!(".gemini/tmp/5e04{number}/chats/session-2026-11-0{}", number + 1);
        if number == 0 {
            let mut document = header;
            document["messages"] = json!(messages);
            tree.text(&format!("{chats}.json"), &serde_json::to_string_pretty(&document).unwrap());
            continue;
        }
        let mut lines = vec![header];
        for message in &messages {
            let mut early = message.clone();
            let tokens = &mut early["tokens"];
            let total = tokens["total"].as_u64().unwrap() - tokens["output"].as_u64().unwrap();
            (tokens["output"], tokens["total"]) = (json!(0), json!(total));
            lines.extend([
                early,
                message.clone(),
                json!({"$set": {"lastUpdated": message["timestamp"]}}),
            ]);
        }
        lines.push(json!({"$set": {"messages": messages}}));
        lines.push(json!({"$rewindTo": messages[2]["id"]}));
        tree.text(&format!("{chats}.jsonl"), &file(&lines));
    }
}

fn qwen(tree: &mut Tree) {
    let mut usage = Vec::new();
    for number in 0..3 {
        let session = tree.uuid();
        let mut chat = Vec::new();
        for at in 0..6 {
            let (ms, tokens) = (tree.later(), no_writes(tree.tokens(900)));
            // What it asks in the background has no answer in the chat.
            let source = if at % 3 == 2 { "managed-auto-memory-extractor" } else { "main" };
            let response = format!("chatcmpl-{:016x}", tree.dice.next());
            let (prompt, thoughts) =
                (tokens.input + tokens.cache_read, tokens.reasoning.unwrap_or(0));
            let total = prompt + tokens.output;
            usage.push(json!({
                "schemaVersion": 1, "id": tree.uuid(), "timestamp": iso(ms), "sessionId": session,
                "model": "qwen3-coder", "authType": "openai", "source": source, "inputTokens": prompt,
                "outputTokens": tokens.output, "cachedTokens": tokens.cache_read,
                "thoughtsTokens": thoughts, "totalTokens": total, "apiDurationMs": 700,
            }));
            chat.push(json!({
                "uuid": tree.uuid(), "sessionId": session, "timestamp": iso(ms + 1), "type": "system",
                "cwd": "/home/dev/project-1", "subtype": "ui_telemetry", "systemPayload": {"uiEvent": {
                    "event.name": "qwen-code.api_response", "event.timestamp": iso(ms),
                    "response_id": response, "model": "qwen3-coder", "duration_ms": 700,
                    "input_token_count": prompt, "output_token_count": tokens.output,
                    "cached_content_token_count": tokens.cache_read,
                    "thoughts_token_count": thoughts, "total_token_count": total,
                    "response_text": "said", "auth_type": "openai",
                }},
            }));
            if source == "main" {
                chat.push(json!({
                    "uuid": tree.uuid(), "sessionId": session, "timestamp": iso(ms + 2),
                    "type": "assistant", "cwd": "/home/dev/project-1", "model": "qwen3-coder",
                    "message": {"role": "model", "parts": [{"text": "said"}]}, "usageMetadata": {
                        "promptTokenCount": prompt, "candidatesTokenCount": tokens.output,
                        "thoughtsTokenCount": thoughts, "totalTokenCount": total,
                        "cachedContentTokenCount": tokens.cache_read,
                    },
                }));
            }
            let call = note(tree, "qwen", ms, "qwen3-coder", tokens, &session);
            // In the last session the chat was not recorded.
            call.response_id = (number < 2).then_some(response);
        }
        if number < 2 {
            tree.text(&format!(".qwen/projects/p/chats/{session}.jsonl"), &file(&chat));
        }
    }
    tree.text(".qwen/usage/token-usage-2026-11.jsonl", &file(&usage));
    let sum = json!({"version": 1, "sessionId": "s", "timestamp": 1_795_291_669_706_u64,
        "models": {"qwen3-coder": {"requests": 9, "inputTokens": 9, "outputTokens": 9}}});
    tree.text(".qwen/usage/usage_record.jsonl", &file(&[sum]));
}

fn pi(tree: &mut Tree) {
    let mut before: Vec<Value> = Vec::new();
    for number in 0..3 {
        let session = tree.uuid();
        let mut lines = vec![
            json!({"type": "session", "version": 3, "id": session, "cwd": "/home/dev/project-0"}),
        ];
        // The last one is a clone of the one before it.
        if number == 2 {
            let parent = before[0]["id"].as_str().unwrap().to_owned();
            tree.truth.mark_copied(&parent);
            lines.extend(before[1..].iter().cloned());
        }
        for at in 0..6 {
            let ms = tree.later();
            let tokens = Tokens { cache_write_1h: 0, reasoning: None, ..tree.tokens(900) };
            let response = (at % 3 < 2).then(|| format!("msg_{:016x}", tree.dice.next()));
            let cost =
                format!("0.00{:05}", 1 + tree.dice.below(99_998)).trim_end_matches('0').to_owned();
            let mut message = json!({
                "role": "assistant", "content": "said", "provider": "anthropic",
                "model": "claude-sonnet-4-5", "timestamp": ms - 700, "usage": {
                    "input": tokens.input, "output": tokens.output, "cacheRead": tokens.cache_read,
                    "cacheWrite": tokens.cache_write_5m,
                    "cost": {"total": serde_json::from_str::<Value>(&cost).unwrap()},
                },
            });
            if let Some(response) = &response {
                message["responseId"] = json!(response);
            }
            lines.push(
                json!({"type": "message", "id": "0dfa", "timestamp": iso(ms), "message": message}),
            );
            let call = note(tree, "pi", ms, "claude-sonnet-4-5", tokens, &session);
            (call.response_id, call.cost) = (response, Some(cost));
        }
        tree.text(&format!(".pi/agent/sessions/--home-dev--/2026_{session}.jsonl"), &file(&lines));
        before = lines;
    }
}

fn cline(tree: &mut Tree) {
    let mut before: Vec<Value> = Vec::new();
    for number in 0..3 {
        let session = format!("179529{number}_x");
        let mut messages = Vec::new();
        if number == 2 {
            tree.truth.mark_copied("1795291_x");
            messages.clone_from(&before);
        }
        for _ in 0..6 {
            let ms = tree.later();
            let tokens = Tokens { cache_write_1h: 0, reasoning: None, ..tree.tokens(900) };
            let id = format!("msg_{:08x}", tree.dice.next() >> 32);
            messages.push(json!({
                "id": id, "role": "assistant", "ts": ms,
                "content": [{"type": "text", "text": "said"}],
                "modelInfo": {"id": "gpt-4o-mini", "provider": "openai-compatible"}, "metrics": {
                    "inputTokens": tokens.input + tokens.cache_read + tokens.cache_write_5m,
                    "outputTokens": tokens.output, "cacheReadTokens": tokens.cache_read,
                    "cacheWriteTokens": tokens.cache_write_5m,
                },
            }));
            note(tree, "cline", ms, "gpt-4o-mini", tokens, &session);
        }
        let document = json!({"version": 1, "sessionId": session, "messages": messages});
        let folder = format!(".cline/data/sessions/{session}");
        tree.text(&format!("{folder}/{session}.messages.json"), &document.to_string());
        let about = json!({"session_id": session, "cwd": "/home/dev/project-1"});
        tree.text(&format!("{folder}/{session}.json"), &about.to_string());
        before = messages;
    }
}
