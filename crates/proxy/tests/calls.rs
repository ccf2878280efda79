//! Calls through the proxy to a provider that does as it is told.
#![allow(clippy::unwrap_used, reason = "tests")]

mod rig;

use std::sync::Arc;
use std::time::Duration;

use rig::{
    Act, CHAT, MODEL, Rig, chat, chat_answer, delta, document, event, stream_end, stream_head,
    usage_chunk,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn text(answer: reqwest::Response) -> String {
    String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap()
}

async fn document_of(answer: reqwest::Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_call_passes_unchanged_and_is_billed() {
    let rig = Rig::start().await;
    rig.hard_day("0.02").await;
    let body = chat(&json!({"max_tokens": 200}));
    let sent = rig
        .post("/p/demo/openai/v1/chat/completions?x=%20y", body.clone())
        .header("authorization", "Bearer sk-1")
        .header("user-agent", "curl/8")
        .header("x-outlay-tags", "b=2;a=1");
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("x-outlay-cost", "0.002"),
        ("x-quota-cap", "0.02"),
        ("x-quota-used", "0.002"),
        ("x-quota-remaining", "0.018"),
        ("x-quota-unit", "USD"),
        ("x-request-id", "r1"),
    ] {
        assert_eq!(header(&answer, name), Some(value), "{name}");
    }
    let id = header(&answer, "x-outlay-call").unwrap().to_owned();
    assert!(text(answer).await.contains("chat.completion"));
    let got = &rig.provider.got()[0];
    assert!(got.head.starts_with("POST /v1/chat/completions?x=%20y HTTP/1.1"), "{}", got.head);
    assert!(got.head.contains(&format!("host: {}", rig.provider_address)), "{}", got.head);
    assert!(!got.head.contains("x-outlay"), "{}", got.head);
    assert_eq!(got.body, body.as_bytes());
    let call = &rig.calls().await[0];
    assert_eq!(call.id.to_string(), id);
    assert_eq!((call.status.as_str(), call.http_status), ("settled", Some(200)));
    assert_eq!(call.project.as_deref(), Some("demo"));
    assert_eq!(call.client.as_deref(), Some("curl"));
    assert_eq!(call.cost_usd.unwrap().to_string(), "0.002");
}

#[tokio::test]
async fn the_call_after_the_last_cent_is_refused() {
    let rig = Rig::start().await;
    rig.hard_day("0.02").await;
    for _ in 0..10 {
        let answer = rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    for (agent, status) in [("curl/8", 402), ("OpenAI/Python 2.1.0", 400)] {
        let request = rig.post(CHAT, chat(&json!({"max_tokens": 200})));
        let answer = request.header("user-agent", agent).send().await.unwrap();
        assert_eq!(answer.status(), status, "{agent}");
        assert_eq!(header(&answer, "x-should-retry"), Some("false"));
        assert_eq!(header(&answer, "x-quota-remaining"), Some("0.00"));
        let body = document_of(answer).await;
        assert_eq!(body["error"]["code"], "budget_exceeded");
        assert_eq!(body["docs"], format!("http://{}/help/budget_exceeded", rig.address));
    }
    assert_eq!(rig.provider.got().len(), 10);
}

#[tokio::test]
async fn each_piece_of_a_stream_arrives_at_once_and_its_usage_is_hidden() {
    for (asks, shown) in [(None, false), (Some(true), true)] {
        let rig = Rig::start().await;
        rig.hard_day("5").await;
        let go_on = Arc::new(Notify::new());
        rig.provider.will([vec![
            stream_head(),
            event(&delta("Hel")),
            Act::Await(go_on.clone()),
            event(&delta("lo")),
            event(&usage_chunk(150)),
            event("[DONE]"),
            stream_end(),
        ]]);
        let mut fields = json!({"max_tokens": 200, "stream": true});
        if let Some(asks) = asks {
            fields["stream_options"] = json!({"include_usage": asks});
        }
        let mut answer = rig.post(CHAT, chat(&fields)).send().await.unwrap();
        // The hold, not the cost: 200 tokens at $10 per million.
        assert_eq!(header(&answer, "x-quota-used"), Some("0.002"));
        assert_eq!(header(&answer, "x-outlay-cost"), None);
        let first = answer.chunk().await.unwrap().unwrap();
        assert!(first.ends_with(b"\n\n") && String::from_utf8_lossy(&first).contains("Hel"));
        go_on.notify_one();
        let rest = text(answer).await;
        assert_eq!(rest.contains("\"choices\":[]"), shown, "{rest}");
        assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
        let asked = rig.provider.got()[0].json();
        assert_eq!(asked["stream_options"]["include_usage"], true);
        let call = &rig.calls().await[0];
        assert_eq!((call.status.as_str(), call.output_tokens), ("settled", Some(150)));
    }
}

#[tokio::test]
async fn a_missing_cap_is_set_also_in_a_compressed_request() {
    let rig = Rig::start().await;
    rig.hard_day("0.02").await;
    let packed = zstd::encode_all(chat(&json!({})).as_bytes(), 0).unwrap();
    let answer = rig.post(CHAT, packed).header("content-encoding", "zstd").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let got = &rig.provider.got()[0];
    assert!(!got.head.contains("content-encoding"), "{}", got.head);
    assert_eq!(got.json()["max_tokens"], 2000);
    // One that needs no change passes as it is.
    let packed = zstd::encode_all(chat(&json!({"max_tokens": 9})).as_bytes(), 0).unwrap();
    let request = rig.post(CHAT, packed.clone()).header("content-encoding", "zstd");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let got = &rig.provider.got()[1];
    assert!(got.head.contains("content-encoding: zstd"), "{}", got.head);
    assert_eq!(got.body, packed);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_upstream_and_is_charged_an_estimate() {
    for (is_stream, has_begun) in [(true, true), (true, false), (false, false)] {
        let rig = Rig::start().await;
        let hung_up = Arc::new(Notify::new());
        let mut acts = vec![Act::AwaitHangUp(hung_up.clone())];
        if has_begun {
            acts.splice(0..0, [stream_head(), event(&delta("Hello, I am here"))]);
        }
        rig.provider.will([acts]);
        let fields = json!({"max_tokens": 200, "stream": is_stream});
        let request = rig.post(CHAT, chat(&fields)).send();
        if has_begun {
            let mut answer = request.await.unwrap();
            answer.chunk().await.unwrap();
            drop(answer);
        } else {
            let waiting = tokio::spawn(request);
            rig.provider.has(1).await;
            waiting.abort();
        }
        hung_up.notified().await;
        let call = &rig.calls().await[0];
        assert_eq!(
            (call.status.as_str(), call.basis.as_deref()),
            ("estimated", Some("estimated")),
            "{is_stream} {has_begun}"
        );
        if !is_stream {
            assert_eq!(call.cost_usd.unwrap().to_string(), "0.002", "unseen: at its bound");
        }
    }
}

#[tokio::test]
async fn reading_on_after_the_client_left_finds_the_real_usage() {
    let rig = Rig::with(|parts| parts.after_disconnect = Duration::from_secs(60)).await;
    let go_on = Arc::new(Notify::new());
    rig.provider.will([vec![
        stream_head(),
        event(&delta("Hello")),
        Act::Await(go_on.clone()),
        event(&usage_chunk(77)),
        event("[DONE]"),
        stream_end(),
    ]]);
    let fields = json!({"max_tokens": 200, "stream": true});
    let mut answer = rig.post(CHAT, chat(&fields)).send().await.unwrap();
    answer.chunk().await.unwrap();
    drop(answer);
    go_on.notify_one();
    let call = &rig.calls().await[0];
    assert_eq!((call.status.as_str(), call.output_tokens), ("settled", Some(77)));
}

#[tokio::test]
async fn a_broken_upstream_is_told_and_counted() {
    let whole = chat_answer(200);
    let Act::Send(bytes) = &whole else { unreachable!("it is sent") };
    let half = Act::Send(bytes[..bytes.len() - 20].to_vec());
    let head_only = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let head_only = Act::Send(bytes[..head_only].to_vec());
    let overloaded = r#"{"error": {"message": "The server had an error", "type": "server_error"}}"#;
    let broke = r#"{"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}"#;
    for (what, acts, http, is_whole, status, kind) in [
        ("half", vec![half, Act::Close], 200, false, "estimated", None),
        ("head only", vec![head_only, Act::Close], 502, true, "estimated", None),
        (
            "half a stream",
            vec![stream_head(), event(&delta("Hi")), Act::Close],
            200,
            false,
            "estimated",
            None,
        ),
        ("nothing", vec![Act::Close], 502, true, "estimated", Some("other")),
        (
            "no HTTP",
            vec![Act::Send(b"\x16\x03\x01 what\r\n\r\n".into()), Act::Close],
            502,
            true,
            "estimated",
            Some("other"),
        ),
        (
            "overloaded",
            vec![document(503, "application/json", overloaded)],
            503,
            true,
            "failed",
            Some("overloaded"),
        ),
        (
            "no money",
            vec![document(429, "application/json", broke)],
            429,
            true,
            "failed",
            Some("insufficient_quota"),
        ),
        ("noise", vec![document(200, "application/json", "\u{0}{]")], 200, true, "estimated", None),
    ] {
        let rig = Rig::start().await;
        rig.hard_day("5").await;
        rig.provider.will([acts]);
        let fields = json!({"max_tokens": 200, "stream": what == "half a stream"});
        let answer = rig.post(CHAT, chat(&fields)).send().await.unwrap();
        assert_eq!(answer.status(), http, "{what}");
        assert!(header(&answer, "x-outlay-call").is_some(), "{what}");
        assert!(header(&answer, "x-quota-cap").is_some(), "{what}");
        let no_retry = (what == "no money").then_some("false");
        assert_eq!(header(&answer, "x-should-retry"), no_retry, "{what}");
        let body = answer.bytes().await;
        assert_eq!(body.is_ok(), is_whole, "{what}: {body:?}");
        if http == 502 {
            let said = String::from_utf8(body.unwrap().to_vec()).unwrap();
            assert!(said.contains("Outlay: openai at 127.0.0.1:"), "{said}");
        }
        let call = &rig.calls().await[0];
        assert_eq!((call.status.as_str(), call.error_kind.as_deref()), (status, kind), "{what}");
        assert_eq!(call.cost_usd.is_some(), status != "failed", "{what}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_costs_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rig = Rig::with(|parts| {
        parts.providers[0].base_url = Some(format!("http://{closed}/base"));
    })
    .await;
    let answer = rig.post(CHAT, chat(&json!({}))).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let said = text(answer).await;
    assert!(said.contains(&closed.to_string()) && said.contains("refused"), "{said}");
    let call = &rig.calls().await[0];
    assert_eq!((call.status.as_str(), call.cost_usd), ("failed", None));
}

#[tokio::test]
async fn a_call_waits_for_money_that_comes_back() {
    let rig = Rig::start().await;
    // What the second leaves does not pay for an answer worth having.
    rig.hard_day("0.0025").await;
    let go_on = Arc::new(Notify::new());
    rig.provider.will([vec![Act::Await(go_on.clone()), chat_answer(100)], vec![chat_answer(100)]]);
    let call = || rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send();
    let first = tokio::spawn(call());
    rig.provider.has(1).await;
    let second = tokio::spawn(call());
    go_on.notify_one();
    for waiting in [first, second] {
        assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    }
    let third = call().await.unwrap();
    assert_eq!(third.status(), 402);
    assert_eq!(document_of(third).await["reason"], "quota_exceeded");
}

#[tokio::test]
async fn a_call_that_waits_too_long_is_told_so() {
    let rig = Rig::with(|parts| parts.wait_max = Duration::from_millis(20)).await;
    rig.hard_day("0.003").await;
    let go_on = Arc::new(Notify::new());
    rig.provider.will([vec![Act::Await(go_on.clone()), chat_answer(100)]]);
    let call = || rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send();
    let first = tokio::spawn(call());
    rig.provider.has(1).await;
    let second = document_of(call().await.unwrap()).await;
    assert_eq!(second["reason"], "budget_busy");
    go_on.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(rig.provider.got().len(), 1);
}

#[tokio::test]
async fn what_is_free_passes_and_is_no_call() {
    let rig = Rig::start().await;
    rig.hard_day("0").await;
    rig.provider.will([vec![document(200, "application/json", "{}")]]);
    let count = "/anthropic/v1/messages/count_tokens?beta=true";
    for request in [rig.get("/openai/v1/models"), rig.post(count, "{}")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "x-quota-remaining"), Some("0.00"));
        assert_eq!(header(&answer, "x-outlay-call"), None);
    }
    assert_eq!(rig.provider.got().len(), 2);
    assert!(rig.calls().await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_priced_is_refused_under_a_hard_budget_only() {
    let unreadable = ["{", "null", r#"{"model": 7}"#];
    for is_limited in [false, true] {
        let rig = Rig::start().await;
        if is_limited {
            rig.hard_day("5").await;
        }
        let status = if is_limited { 402 } else { 200 };
        let rows = unreadable
            .map(|body| (CHAT, body.to_owned()))
            .into_iter()
            .chain([(CHAT, r#"{"model": "nobody-knows"}"#.to_owned())])
            .chain([("/openai/v1/audio/speech", chat(&json!({})))]);
        for (path, body) in rows {
            let answer = rig.post(path, body.clone()).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path} {body}");
            if is_limited {
                assert_eq!(document_of(answer).await["reason"], "unpriced_model", "{path} {body}");
            }
        }
        let served = if is_limited { 0 } else { 5 };
        assert_eq!(rig.provider.got().len(), served);
    }
}

#[tokio::test]
async fn what_leads_nowhere_is_said() {
    let rig = Rig::start().await;
    for (path, status, word) in
        [("/nosuch/v1/things", 404, "nosuch"), ("/azure/openai/x", 400, "base_url")]
    {
        let answer = rig.post(path, "{}").send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert!(text(answer).await.contains(word), "{path}");
    }
    let upgrade = rig
        .get("/openai/v1/responses")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .send()
        .await
        .unwrap();
    assert_eq!(upgrade.status(), 426);
    let foreign = rig.post(CHAT, "{}").header("origin", "https://evil.example").send();
    assert_eq!(foreign.await.unwrap().status(), 403);
    assert!(rig.provider.got().is_empty());
}

#[tokio::test]
async fn stopping_lets_running_calls_end() {
    let mut rig = Rig::start().await;
    let go_on = Arc::new(Notify::new());
    rig.provider.will([vec![Act::Await(go_on.clone()), chat_answer(100)]]);
    let call = tokio::spawn(rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send());
    rig.provider.has(1).await;
    go_on.notify_one();
    rig.stop().await;
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert_eq!(rig.calls().await[0].status, "settled");
    assert!(rig.get("/healthz").send().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_deployment_is_priced_as_its_model() {
    let rig = Rig::with(|parts| {
        parts.providers[0].deployments = [("my-name".to_owned(), MODEL.to_owned())].into();
    })
    .await;
    let body = json!({"model": "my-name", "max_tokens": 200, "messages": []}).to_string();
    let answer = rig.post(CHAT, body).send().await.unwrap();
    assert_eq!(header(&answer, "x-outlay-cost"), Some("0.002"));
    assert_eq!(rig.provider.got()[0].json()["model"], "my-name");
}
