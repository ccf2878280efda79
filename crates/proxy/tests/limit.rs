//! Calls that meet a limit while they run: streams that draw and are ended, answers that a cap of
//! ours cut.
#![allow(clippy::unwrap_used, reason = "tests")]

mod rig;

use std::sync::Arc;

use chrono::Utc;
use outlay_core::ledger::BudgetChange;
use outlay_core::price::UserPrice;
use outlay_core::report::CallView;
use reqwest::Response;
use rig::{
    Act, CHAT, DAY, MODEL, Rig, THINKER, chat, chat_answer, delta, document, event, stream_end,
    stream_head, usage_chunk,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Text of 100 tokens, as they are counted from bytes.
const TEXT_BYTES: usize = 300;
/// Tokens that $0.02 pays for.
const PAID_TOKENS: i64 = 2_000;

/// A budget of $0.02 a day whose limit lowers no cap.
async fn uncapped_day(rig: &Rig) {
    rig.hard_day("0.02").await;
    let change =
        BudgetChange { name: DAY.to_owned(), may_cap: Some(false), ..BudgetChange::default() };
    rig.ledger.set_budget(change, "cli", Utc::now(), chrono_tz::Europe::Berlin).await.unwrap();
}

async fn price(rig: &Rig, provider: &str) {
    let rate = |usd: &str| outlay_core::money::Rate::usd_per(usd, 1_000_000).unwrap();
    let price = UserPrice {
        provider: Some(provider.to_owned()),
        model: MODEL.to_owned(),
        input: rate("0"),
        output: rate("10"),
        cache_read: None,
        cache_write: None,
        set_at: chrono::DateTime::UNIX_EPOCH,
    };
    rig.ledger.set_price(price, Utc::now()).await.unwrap();
}

fn text() -> String {
    "x".repeat(TEXT_BYTES)
}

/// An event with a name.
fn named(data: &Value) -> Act {
    let event = format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    Act::Send(format!("{:x}\r\n{event}\r\n", event.len()).into_bytes())
}

/// A stream in one dialect: where it is asked for, how it begins and what it goes on with.
struct Stream {
    what: &'static str,
    provider: &'static str,
    path: String,
    body: Value,
    begin: Vec<Act>,
    piece: Act,
    /// In what ends it early.
    ends_with: &'static str,
}

#[allow(clippy::too_many_lines, reason = "a table, a stream a row")]
fn streams() -> Vec<Stream> {
    let messages = json!([{"role": "user", "content": "Hello"}]);
    let chat_tool = |function: Value| {
        json!({"id": "c1", "model": MODEL, "choices": [{"index": 0,
            "delta": {"tool_calls": [{"index": 0, "function": function}]}}]})
        .to_string()
    };
    let block = |block: Value| {
        vec![
            named(&json!({"type": "message_start", "message": {"id": "m1", "type": "message",
                "role": "assistant", "model": MODEL, "content": [],
                "usage": {"input_tokens": 10, "output_tokens": 1}}})),
            named(&json!({"type": "content_block_start", "index": 0, "content_block": block})),
        ]
    };
    let block_delta =
        |delta: Value| named(&json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let item = |item: Value| {
        vec![
            named(&json!({"type": "response.created", "sequence_number": 0,
                "response": {"id": "r1", "object": "response", "status": "in_progress",
                "model": MODEL, "output": []}})),
            named(&json!({"type": "response.output_item.added", "sequence_number": 1,
                "output_index": 0, "item": item})),
        ]
    };
    let chat = |what, begin, piece| Stream {
        what,
        provider: "openai",
        path: CHAT.to_owned(),
        body: json!({"model": MODEL, "stream": true, "max_tokens": 5_000, "messages": messages}),
        begin,
        piece,
        ends_with: "budget_exceeded",
    };
    let anthropic = |what, begin, piece| Stream {
        what,
        provider: "anthropic",
        path: "/anthropic/v1/messages".to_owned(),
        body: json!({"model": MODEL, "stream": true, "max_tokens": 5_000, "messages": messages}),
        begin,
        piece,
        ends_with: "event: error",
    };
    let responses = |what, begin, piece| Stream {
        what,
        provider: "openai",
        path: "/openai/v1/responses".to_owned(),
        body: json!({"model": MODEL, "stream": true, "max_output_tokens": 5_000, "input": "Hello"}),
        begin,
        piece,
        ends_with: "event: response.failed",
    };
    vec![
        chat("chat, text", vec![], event(&delta(&text()))),
        chat(
            "chat, tool call",
            vec![event(&chat_tool(json!({"name": "sh", "arguments": ""})))],
            event(&chat_tool(json!({"arguments": text()}))),
        ),
        anthropic(
            "messages, text",
            block(json!({"type": "text", "text": ""})),
            block_delta(json!({"type": "text_delta", "text": text()})),
        ),
        anthropic(
            "messages, tool call",
            block(json!({"type": "tool_use", "id": "t1", "name": "sh", "input": {}})),
            block_delta(json!({"type": "input_json_delta", "partial_json": text()})),
        ),
        responses(
            "responses, text",
            item(json!({"id": "i1", "type": "message", "role": "assistant",
                "status": "in_progress", "content": []})),
            named(&json!({"type": "response.output_text.delta", "sequence_number": 2,
                "item_id": "i1", "output_index": 0, "content_index": 0, "delta": text()})),
        ),
        responses(
            "responses, tool call",
            item(json!({"id": "i1", "type": "function_call", "call_id": "t1", "name": "sh",
                "arguments": "", "status": "in_progress"})),
            named(&json!({"type": "response.function_call_arguments.delta", "sequence_number": 2,
                "item_id": "i1", "output_index": 0, "delta": text()})),
        ),
        Stream {
            what: "gemini, text",
            provider: "gemini",
            path: format!("/gemini/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"),
            body: json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
                "generationConfig": {"maxOutputTokens": 5_000}}),
            begin: vec![],
            piece: event(
                &json!({"candidates": [{"index": 0,
                    "content": {"role": "model", "parts": [{"text": text()}]}}]})
                .to_string(),
            ),
            ends_with: "MAX_TOKENS",
        },
    ]
}

/// The acts with a wait before each, so that one is seen before the next one comes.
fn paced(acts: impl IntoIterator<Item = Act>, go_on: &Arc<Notify>) -> Vec<Act> {
    acts.into_iter().flat_map(|act| [Act::Await(go_on.clone()), act]).collect()
}

/// Reads a paced stream to its end.
async fn read(answer: &mut Response, go_on: &Notify) -> String {
    let mut said = String::new();
    go_on.notify_one();
    while let Some(piece) = answer.chunk().await.unwrap() {
        said.push_str(std::str::from_utf8(&piece).unwrap());
        go_on.notify_one();
    }
    said
}

/// So many answers that the model is known to show what it is billed for.
async fn show_all(rig: &Rig) {
    let answer = || {
        vec![
            stream_head(),
            event(&delta("Yes")),
            event(&usage_chunk(1)),
            event("[DONE]"),
            stream_end(),
        ]
    };
    rig.provider.will((0..16).map(|_| answer()));
    for _ in 0..16 {
        let body = chat(&json!({"stream": true, "max_tokens": 10}));
        rig.post(CHAT, body).send().await.unwrap().text().await.unwrap();
    }
}

fn tokens(call: &CallView) -> (&str, Option<&str>, Option<i64>) {
    (&call.status, call.limit_action.as_deref(), call.output_tokens)
}

#[tokio::test]
async fn streams_are_ended_where_the_money_is() {
    for stream in streams() {
        let rig = Rig::start().await;
        price(&rig, stream.provider).await;
        uncapped_day(&rig).await;
        let (go_on, hung_up) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let pieces = stream.begin.into_iter().chain(vec![stream.piece; 20]);
        let mut acts = vec![stream_head()];
        acts.extend(paced(pieces, &go_on));
        acts.push(Act::AwaitHangUp(hung_up.clone()));
        rig.provider.will([acts]);
        let mut answer = rig.post(&stream.path, stream.body.to_string()).send().await.unwrap();
        let said = read(&mut answer, &go_on).await;
        let what = stream.what;
        // What the provider said, then what its user reads.
        let (passed, end) = said.split_once("Outlay: ").unwrap();
        assert_eq!(passed.matches(&text()).count(), 19, "{what}: {said}");
        assert!(end.contains(stream.ends_with), "{what}: {said}");
        hung_up.notified().await;
        let call = &rig.calls().await[0];
        assert_eq!(tokens(call), ("estimated", Some("ended"), Some(PAID_TOKENS)), "{what}");
        assert_eq!(call.cost_usd.unwrap().to_string(), "0.02", "{what}");
        let next = rig.post(&stream.path, stream.body.to_string()).send().await.unwrap();
        assert!(!next.status().is_success(), "{what}");
    }
}

#[tokio::test]
async fn a_stream_draws_what_it_needs_and_no_more_is_held() {
    let rig = Rig::start().await;
    uncapped_day(&rig).await;
    let go_on = Arc::new(Notify::new());
    let mut acts = vec![stream_head()];
    let ends = [event(&usage_chunk(1_500)), event("[DONE]"), stream_end()];
    acts.extend(paced(vec![event(&delta(&text())); 18], &go_on));
    acts.extend(ends);
    rig.provider.will([acts]);
    let body = chat(&json!({"stream": true, "max_tokens": 5_000,
        "stream_options": {"include_usage": true}}));
    let mut answer = rig.post(CHAT, body).send().await.unwrap();
    let said = read(&mut answer, &go_on).await;
    assert_eq!(said.matches(&text()).count(), 18, "{said}");
    assert!(said.ends_with("data: [DONE]\n\n"), "{said}");
    let call = &rig.calls().await[0];
    assert_eq!(tokens(call), ("settled", None, Some(1_500)));
}

#[tokio::test]
async fn a_provider_that_ignores_the_cap_is_ended_all_the_same() {
    let rig = Rig::start().await;
    rig.hard_day("0.002").await;
    let (go_on, hung_up) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut acts = vec![stream_head()];
    acts.extend(paced(vec![event(&delta(&text())); 7], &go_on));
    acts.push(Act::AwaitHangUp(hung_up.clone()));
    rig.provider.will([acts]);
    let body = chat(&json!({"stream": true, "max_tokens": 5_000}));
    let mut answer = rig.post(CHAT, body).send().await.unwrap();
    let said = read(&mut answer, &go_on).await;
    hung_up.notified().await;
    // Its cap of 200 tokens is passed for certain at twice as many and 256.
    assert_eq!(said.matches(&text()).count(), 5, "{said}");
    assert!(said.contains("budget_exceeded"), "{said}");
    assert_eq!(tokens(&rig.calls().await[0]), ("estimated", Some("ended"), Some(600)));
}

#[tokio::test]
async fn what_others_give_back_is_drawn() {
    for (gives_back, pieces, status) in [(true, 18, "settled"), (false, 15, "estimated")] {
        let rig = Rig::start().await;
        show_all(&rig).await;
        uncapped_day(&rig).await;
        let (go_on, first_goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut acts = vec![stream_head()];
        let ends = [event(&usage_chunk(1_500)), event("[DONE]"), stream_end()];
        acts.extend(paced(vec![event(&delta(&text())); 18], &go_on));
        acts.extend(ends);
        rig.provider.will([vec![Act::Await(first_goes_on.clone()), chat_answer(100)], acts]);
        let first = tokio::spawn(rig.post(CHAT, chat(&json!({"max_tokens": 400}))).send());
        rig.provider.has(17).await;
        let body = chat(&json!({"stream": true, "max_tokens": 5_000}));
        let mut answer = rig.post(CHAT, body).send().await.unwrap();
        // More than three quarters of what is left: a draw has been denied.
        let mut said = String::new();
        while said.matches(&text()).count() < 14 {
            go_on.notify_one();
            said.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
        }
        if gives_back {
            first_goes_on.notify_one();
            first.await.unwrap().unwrap();
        }
        said.push_str(&read(&mut answer, &go_on).await);
        assert_eq!(said.matches(&text()).count(), pieces, "{said}");
        assert_eq!(said.contains("budget_exceeded"), !gives_back, "{said}");
        first_goes_on.notify_one();
        let calls = rig.calls().await;
        let ended = (!gives_back).then_some("ended");
        let call = calls.iter().find(|call| call.output_tokens > Some(1_000)).unwrap();
        assert_eq!((call.status.as_str(), call.limit_action.as_deref()), (status, ended));
    }
}

#[tokio::test]
async fn a_model_that_reasons_out_of_sight_is_ended_while_it_is_silent() {
    let rig = Rig::start().await;
    // 100 tokens are reasoned away in half a second.
    rig.hard_day("0.001").await;
    let change =
        BudgetChange { name: DAY.to_owned(), may_cap: Some(false), ..BudgetChange::default() };
    rig.ledger.set_budget(change, "cli", Utc::now(), chrono_tz::Europe::Berlin).await.unwrap();
    let hung_up = Arc::new(Notify::new());
    rig.provider.will([vec![stream_head(), Act::AwaitHangUp(hung_up.clone())]]);
    let body = chat(&json!({"model": THINKER, "stream": true, "max_tokens": 5_000}));
    let answer = rig.post(CHAT, body).send().await.unwrap();
    let said = answer.text().await.unwrap();
    hung_up.notified().await;
    assert!(said.contains("budget_exceeded"), "{said}");
    let call = &rig.calls().await[0];
    assert_eq!((call.status.as_str(), call.limit_action.as_deref()), ("estimated", Some("ended")));
}

#[tokio::test]
async fn an_answer_that_our_cap_cut_says_so() {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 2_000, "total_tokens": 2_010});
    let call = json!([{"index": 0, "id": "t1", "type": "function",
        "function": {"name": "sh", "arguments": "{\"command\": \"rm -rf /tm"}}]);
    let whole = |message: &Value| {
        let body = json!({"id": "c1", "model": MODEL, "usage": usage,
            "choices": [{"index": 0, "finish_reason": "length", "message": message}]});
        vec![document(200, "application/json", &body.to_string())]
    };
    let stream = |delta: &Value| {
        let chunk = |delta: &Value, reason: Value| {
            event(
                &json!({"id": "c1", "model": MODEL, "choices": [{"index": 0, "delta": delta,
                    "finish_reason": reason}]})
                .to_string(),
            )
        };
        vec![
            stream_head(),
            chunk(delta, Value::Null),
            chunk(&json!({}), json!("length")),
            event(&json!({"id": "c1", "choices": [], "usage": usage}).to_string()),
            event("[DONE]"),
            stream_end(),
        ]
    };
    let tool = json!({"role": "assistant", "content": null, "tool_calls": call});
    let talk = json!({"role": "assistant", "content": "Hello"});
    // Whether the client gets an error, and whether it gets a note.
    for (what, streams, asked, acts, is_refused, is_noted) in [
        ("whole, tool", false, 5_000, whole(&tool), true, true),
        ("whole, text", false, 5_000, whole(&talk), false, true),
        ("whole, its own cap", false, 2_000, whole(&tool), false, false),
        ("whole, its own cap in text", false, 2_000, whole(&talk), false, false),
        ("stream, tool", true, 5_000, stream(&tool), true, true),
        ("stream, text", true, 5_000, stream(&talk), true, true),
        ("stream, its own cap", true, 2_000, stream(&tool), false, false),
        ("stream, its own cap in text", true, 2_000, stream(&talk), false, false),
    ] {
        let rig = Rig::start().await;
        rig.hard_day("0.02").await;
        rig.provider.will([acts]);
        let body = chat(&json!({"stream": streams, "max_tokens": asked}));
        let answer = rig.post(CHAT, body).send().await.unwrap();
        assert_eq!(rig.provider.got()[0].json()["max_tokens"], 2_000, "{what}");
        let status = answer.status();
        assert_eq!(status.is_success(), streams || !is_refused, "{what}");
        let is_marked = answer.headers().get("x-outlay-limit").is_some();
        assert_eq!(is_marked, is_noted && !is_refused, "{what}");
        let said = answer.text().await.unwrap();
        assert_eq!(said.contains("budget_exceeded"), is_refused, "{what}: {said}");
        assert_eq!(said.contains("\"length\""), !is_refused, "{what}: {said}");
        assert_eq!(said.contains("budget 'day'"), is_noted, "{what}: {said}");
        let row = &rig.calls().await[0];
        let action = match (is_noted, asked > PAID_TOKENS) {
            (true, _) => Some("ended"),
            (false, true) => Some("capped"),
            (false, false) => None,
        };
        assert_eq!(tokens(row), ("settled", action, Some(2_000)), "{what}");
        assert_eq!(row.cost_usd.unwrap().to_string(), "0.02", "{what}");
    }
}

#[tokio::test]
async fn a_compressed_stream_is_unpacked_to_be_ended() {
    use std::io::Write;
    let rig = Rig::start().await;
    uncapped_day(&rig).await;
    let go_on = Arc::new(Notify::new());
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut acts = vec![Act::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\
          transfer-encoding: chunked\r\n\r\n"
            .to_vec(),
    )];
    let pieces: Vec<Act> = (0..20)
        .map(|_| {
            write!(packer, "data: {}\n\n", delta(&text())).unwrap();
            packer.flush().unwrap();
            let bytes = std::mem::take(packer.get_mut());
            let head = format!("{:x}\r\n", bytes.len()).into_bytes();
            Act::Send([head, bytes, b"\r\n".to_vec()].concat())
        })
        .collect();
    acts.extend(paced(pieces, &go_on));
    acts.push(Act::Await(Arc::new(Notify::new())));
    rig.provider.will([acts]);
    let body = chat(&json!({"stream": true, "max_tokens": 5_000}));
    let mut answer = rig.post(CHAT, body).send().await.unwrap();
    assert_eq!(answer.headers().get("content-encoding"), None);
    let said = read(&mut answer, &go_on).await;
    assert_eq!(said.matches(&text()).count(), 19, "{said}");
    assert!(said.contains("budget_exceeded"), "{said}");
}
