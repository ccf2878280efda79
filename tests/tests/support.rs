//! The test support itself: a story is worth no more than the double it is played with.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};
use support::client::Request;
use support::corpus;
use support::desktop::{Notification, parse};
use support::dialect::Dialect;
use support::fake_provider::FakeProvider;
use support::script::{Act, REPLAY_HEADER, SCRIPT_HEADER, Script};
use support::wait::eventually;

const CHAT: &str = "/v1/chat/completions";

#[test]
fn every_fixture_is_replayed_byte_for_byte() {
    let exchanges = corpus::load(&corpus::fixtures());
    assert!((40..=60).contains(&exchanges.len()), "{} exchanges", exchanges.len());
    let provider = FakeProvider::with_exchanges(exchanges.clone());
    for exchange in &exchanges {
        for split_at_most in [None, Some(7)] {
            let script = Script { split_at_most, ..Script::default() };
            let answer = Request::post(&exchange.target(""), &exchange.request(None))
                .header(REPLAY_HEADER, &exchange.id)
                .json_header(SCRIPT_HEADER, &script)
                .send(provider.address());
            assert_eq!(answer.status, exchange.status, "{}", exchange.id);
            assert!(answer.whole, "{}", exchange.id);
            assert_eq!(answer.body, exchange.wire_body(), "{}", exchange.id);
            for (name, value) in &exchange.response_headers {
                assert_eq!(answer.header(name), Some(value.as_str()), "{} {name}", exchange.id);
            }
        }
    }
    let head = Request::new("HEAD", "/v1/models").send(provider.address());
    assert_eq!((head.status, head.whole, head.body.len()), (200, true, 0));
    let paths_replay_too = Request::get(&format!("/replay/{}/v1/models", exchanges[0].id));
    assert_eq!(paths_replay_too.send(provider.address()).body, exchanges[0].wire_body());
}

#[test]
fn fixtures_figures_and_opinions_belong_together() {
    let exchanges = corpus::load(&corpus::fixtures());
    let figures = corpus::figures();
    let opinions = corpus::opinions(&corpus::fixtures());
    assert_eq!(exchanges.len(), figures.len());
    for exchange in &exchanges {
        assert!(exchange.provider().is_some(), "{} has no route", exchange.host);
        let figures = &figures[&exchange.id];
        let Some(opinion) = opinions.get(&exchange.id) else { continue };
        if figures["because"] == "two independent price libraries agree" {
            assert!(opinion.cost_agree, "{}", exchange.id);
        }
    }
}

#[test]
fn caps_are_honoured_and_counts_reported_in_every_dialect() {
    let provider = FakeProvider::start();
    let chat_cap = json!({"max_tokens": 5});
    for (path, body, counts) in [
        (CHAT, json!({}), [("/usage/prompt_tokens", 9), ("/usage/completion_tokens", 30)]),
        (CHAT, chat_cap, [("/usage/prompt_tokens", 9), ("/usage/completion_tokens", 5)]),
        (
            "/v1/responses",
            json!({"max_output_tokens": 5}),
            [("/usage/input_tokens", 9), ("/usage/output_tokens", 5)],
        ),
        (
            "/v1/messages",
            json!({"max_tokens": 5}),
            [("/usage/input_tokens", 9), ("/usage/output_tokens", 5)],
        ),
        (
            "/v1beta/models/gemini-x:generateContent",
            json!({"generationConfig": {"maxOutputTokens": 5}}),
            [("/usageMetadata/promptTokenCount", 9), ("/usageMetadata/candidatesTokenCount", 5)],
        ),
        ("/v1/embeddings", json!({}), [("/usage/prompt_tokens", 9), ("/usage/total_tokens", 9)]),
    ] {
        let script = Script { input_tokens: 9, output_tokens: 30, ..Script::default() };
        let answer = Request::post(path, &body)
            .json_header(SCRIPT_HEADER, &script)
            .send(provider.address())
            .json();
        for (pointer, count) in counts {
            assert_eq!(answer.pointer(pointer), Some(&json!(count)), "{path} {answer}");
        }
    }
    let served = provider.served();
    assert_eq!(served[1].output_tokens, 5);
    assert_eq!(served[1].json(), json!({"max_tokens": 5}));
    eventually("all are finished", || {
        provider.served().iter().all(|request| request.finished).then_some(())
    });
}

#[test]
fn a_chat_stream_reports_usage_only_when_asked() {
    let provider = FakeProvider::start();
    for (options, expected) in [(Value::Null, 0), (json!({"include_usage": true}), 1)] {
        let body = json!({"stream": true, "stream_options": options});
        let events = Request::post(CHAT, &body).send(provider.address()).events();
        assert_eq!(events.last().unwrap(), "[DONE]");
        let usage_chunks = events.iter().filter(|event| event.contains("\"choices\":[]")).count();
        assert_eq!(usage_chunks, expected);
    }
}

#[test]
fn streams_of_each_dialect_are_valid_and_end() {
    let provider = FakeProvider::start();
    for (path, end) in [
        ("/v1/responses", "\"type\":\"response.completed\""),
        ("/v1/messages", "\"type\":\"message_stop\""),
        ("/v1beta/models/gemini-x:streamGenerateContent?alt=sse", "\"finishReason\":\"STOP\""),
    ] {
        let answer = Request::post(path, &json!({"stream": true})).send(provider.address());
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let events = answer.events();
        assert!(events.last().unwrap().contains(end), "{path}");
        assert!(events.iter().all(|event| serde_json::from_str::<Value>(event).is_ok()));
    }
}

#[test]
fn a_stream_arrives_as_it_is_written() {
    let provider = FakeProvider::start();
    let script = Script { chunks: 3, chunk_every_ms: 1, ..Script::default() };
    let answer = Request::post(CHAT, &json!({"stream": true}))
        .json_header(SCRIPT_HEADER, &script)
        .send(provider.address());
    let arrivals: Vec<Duration> = answer.pieces.iter().map(|(arrival, _)| *arrival).collect();
    assert_eq!(arrivals.len(), 6, "head, three texts, finish, end");
    assert!(arrivals.is_sorted());
}

#[test]
fn misbehaviour_is_what_it_says() {
    let provider = FakeProvider::start();
    let send = |act: Act, stream: bool| {
        Request::post(CHAT, &json!({"stream": stream}))
            .json_header(SCRIPT_HEADER, &Script { act, ..Script::default() })
            .try_send(provider.address())
    };
    for stream in [false, true] {
        for act in [Act::Close, Act::Reset] {
            // A reset may overtake the head.
            if let Ok(answer) = send(act, stream) {
                assert!(!answer.whole, "{act:?}");
            }
        }
        assert!(send(Act::Rubbish, stream).is_err());
        assert_eq!(send(Act::ServerError, stream).unwrap().status, 500);
    }
    let quota = send(Act::InsufficientQuota, false).unwrap();
    assert_eq!((quota.status, &quota.json()["error"]["code"]), (429, &json!("insufficient_quota")));
    let rubbish = send(Act::RubbishBody, false).unwrap();
    assert!(serde_json::from_slice::<Value>(&rubbish.body).is_err());
    assert!(rubbish.whole);
    eventually("all but the broken ones are finished", || {
        let unfinished = provider.served().iter().filter(|request| !request.finished).count();
        (unfinished == 6).then_some(())
    });
}

#[test]
fn a_stalled_stream_stays_open_until_the_client_hangs_up() {
    let provider = FakeProvider::start();
    let mut exchange = Request::post(CHAT, &json!({"stream": true}))
        .json_header(SCRIPT_HEADER, &Script { act: Act::Stall, ..Script::default() })
        .open(provider.address())
        .unwrap();
    assert_eq!(exchange.status, 200);
    let start = exchange.read_until("Certainly.");
    assert!(!String::from_utf8(start).unwrap().contains("[DONE]"));
    assert!(!provider.served()[0].finished);
}

#[test]
fn encodings_decode_to_the_plain_answer() {
    let provider = FakeProvider::start();
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let script = Script { encoding: Some(encoding.to_owned()), ..Script::default() };
        let answer = Request::post(CHAT, &json!({}))
            .json_header(SCRIPT_HEADER, &script)
            .send(provider.address());
        assert_eq!(answer.header("content-encoding"), Some(encoding));
        let mut plain = String::new();
        let body = answer.body.as_slice();
        match encoding {
            "gzip" => flate2::read::GzDecoder::new(body).read_to_string(&mut plain).unwrap(),
            "deflate" => flate2::read::ZlibDecoder::new(body).read_to_string(&mut plain).unwrap(),
            "br" => brotli::Decompressor::new(body, 4096).read_to_string(&mut plain).unwrap(),
            _ => zstd::Decoder::new(body).unwrap().read_to_string(&mut plain).unwrap(),
        };
        let plain: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!(plain["object"], "chat.completion");
    }
}

#[test]
fn missing_usage_is_missing_in_every_dialect() {
    let provider = FakeProvider::start();
    let gemini = "/v1beta/models/gemini-x:streamGenerateContent?alt=sse";
    for path in [CHAT, "/v1/messages", gemini] {
        for stream in [false, true] {
            let body = json!({"stream": stream, "stream_options": {"include_usage": true}});
            let answer = Request::post(path, &body)
                .json_header(SCRIPT_HEADER, &Script { usage: false, ..Script::default() })
                .send(provider.address());
            let text = answer.text().replace("\"usage\":null", "");
            assert!(!text.to_lowercase().contains("usage"), "{path}: {text}");
        }
    }
}

#[test]
fn dialects_are_read_from_the_end_of_the_path() {
    for (path, dialect) in [
        ("/groq/openai/v1/chat/completions", Dialect::Chat),
        ("/v1/responses", Dialect::Responses),
        ("/v1beta/models/a:streamGenerateContent", Dialect::Gemini),
        ("/v1/models", Dialect::Other),
    ] {
        assert_eq!(Dialect::of_path(path), dialect);
    }
}

#[test]
fn a_notification_is_read_as_dunst_prints_it() {
    let printed = "{\n\tappname: 'Outlay'\n\tsummary: 'Budget 'day' at 80 %'\n\tbody: 'You've \
                   spent\n$4.00'\n\ticon: 'x'\n\turgency: CRITICAL\n}\n";
    let expected = Notification {
        app: "Outlay".to_owned(),
        summary: "Budget 'day' at 80 %".to_owned(),
        body: "You've spent\n$4.00".to_owned(),
        urgency: "CRITICAL".to_owned(),
    };
    assert_eq!(parse(printed), [expected]);
}
