//! Calls that end otherwise than planned: who pays, and what is still let through.
#![allow(clippy::unwrap_used, reason = "tests")]

mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use outlay_core::admission::Bounds;
use outlay_core::ledger::{Admission, NewCall};
use outlay_core::report::{self, CallQuery};
use rig::{
    Act, CHAT, DAY, MODEL, Rig, THINKER, chat, chat_answer, delta, document, event, stream_head,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Time for a call to find that it has to wait. Were it too short, the test would pass all the same.
const LET_IT_WAIT: Duration = Duration::from_millis(200);
/// It costs nothing to ask.
const MODELS: &str = "/openai/v1/models";
const UNSEEN_PROMPT_TOKENS: i64 = 200_000;

#[tokio::test]
async fn hidden_parts_of_an_aborted_stream_are_charged() {
    // 16 bytes of text are 6 tokens.
    for (what, fields, shows_prompt, shows_output) in [
        ("text", json!({"model": MODEL}), true, true),
        ("reasoning", json!({"model": THINKER}), true, false),
        ("earlier turns", json!({"model": MODEL, "previous_response_id": "r0"}), false, true),
        ("a file", json!({"model": MODEL, "x": {"file_id": "f"}}), false, true),
    ] {
        let rig = Rig::start().await;
        let hung_up = Arc::new(Notify::new());
        let acts = [
            stream_head(),
            event(&delta("Hello, I am here").replace(MODEL, fields["model"].as_str().unwrap())),
            Act::AwaitHangUp(hung_up.clone()),
        ];
        rig.provider.will([acts.into()]);
        let mut body = fields.clone();
        body.as_object_mut()
            .unwrap()
            .extend([("max_tokens".to_owned(), 200.into()), ("stream".to_owned(), true.into())]);
        let mut answer = rig.post(CHAT, chat(&body)).send().await.unwrap();
        answer.chunk().await.unwrap();
        drop(answer);
        hung_up.notified().await;
        let call = &rig.calls().await[0];
        assert_eq!(call.status, "estimated", "{what}");
        let input = call.input_tokens.unwrap();
        assert_eq!(input < 1_000, shows_prompt, "{what}: {input}");
        assert_eq!(input >= UNSEEN_PROMPT_TOKENS, !shows_prompt, "{what}: {input}");
        let output = call.output_tokens.unwrap();
        assert_eq!(output == 6, shows_output, "{what}: {output}");
        assert!((6..=200).contains(&output), "{what}: {output}");
    }
}

#[tokio::test]
async fn what_never_left_costs_nothing() {
    for client_leaves in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let rig = Rig::with(|parts| {
            parts.providers[0].base_url = Some(format!("https://{address}"));
        })
        .await;
        rig.hard_day("5").await;
        let request =
            tokio::spawn(rig.post(CHAT, chat(&json!({"max_tokens": 9, "stream": true}))).send());
        // It is connected to, and never shakes hands.
        let (connection, _) = listener.accept().await.unwrap();
        if client_leaves {
            request.abort();
        } else {
            drop(connection);
            drop(listener);
            let answer = request.await.unwrap().unwrap();
            assert_eq!(answer.status(), 502);
            let said = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();
            assert!(said.contains("Nothing was sent"), "{said}");
        }
        let call = &rig.calls().await[0];
        assert_eq!((call.status.as_str(), call.cost_usd), ("failed", None), "{client_leaves}");
    }
}

#[tokio::test]
async fn a_raise_by_another_process_lets_a_waiting_call_through() {
    let rig = Rig::start().await;
    rig.hard_day("0.003").await;
    let other = rig.other_process();
    let go_on = Arc::new(Notify::new());
    rig.provider.will([vec![Act::Await(go_on.clone()), chat_answer(100)], vec![chat_answer(100)]]);
    let call = || rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send();
    let first = tokio::spawn(call());
    rig.provider.has(1).await;
    let raise = async {
        tokio::time::sleep(LET_IT_WAIT).await;
        other.raise_budget(DAY.to_owned(), "1".to_owned(), None, "cli", Utc::now()).await.unwrap();
    };
    let (second, ()) = tokio::join!(call(), raise);
    assert_eq!(second.unwrap().status(), 200, "while the first one still runs");
    go_on.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn what_a_dead_process_held_comes_back_to_who_waits() {
    let rig = Rig::start().await;
    rig.hard_day("0.003").await;
    // Nobody here tidies up now and then, as `outlay serve` does.
    let dead = rig.dead_process();
    let asked = NewCall {
        id: uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)),
        at: Utc::now(),
        source: "proxy".to_owned(),
        provider: "openai".to_owned(),
        model_requested: Some(MODEL.to_owned()),
        project: None,
        session: None,
        client: None,
        key: None,
        tags: String::new(),
        run: None,
        plan_login: false,
        service_tier: None,
        bounds: Bounds {
            input_tokens_max: 10,
            input_tokens_usual: 10,
            output_tokens_max: Some(200),
            output_tokens_default: 200,
            default_is_proven: true,
            output_tokens_floor: 16,
            can_cap: true,
            can_stop: false,
            is_bounded: true,
        },
        is_strict: false,
    };
    let lost = dead.reserve(asked).await.unwrap();
    assert!(matches!(lost, Admission::Admitted { .. }));
    let answer = rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let calls = rig.calls().await;
    let ends: Vec<&str> = calls.iter().map(|call| call.status.as_str()).collect();
    assert_eq!(ends, ["estimated", "settled"]);
    drop((lost, dead));
}

#[tokio::test]
async fn a_call_that_was_never_sent_counts_for_no_loop() {
    let rig = Rig::with(|parts| {
        parts.loops.rules.idle_calls = 2;
        parts.loops.idle_refuse = true;
        parts.loops.idle = Arc::new(|| Some(Duration::from_secs(24 * 60 * 60)));
    })
    .await;
    rig.hard_day("0.003").await;
    for nth in 0..5 {
        // So near to a limit it needs a cap, and has one that is no number.
        let body = chat(&json!({"max_tokens": "many", "user": nth.to_string()}));
        let answer = rig.post(CHAT, body).send().await.unwrap();
        let said = answer.text().await.unwrap();
        assert!(said.contains("uncappable"), "{nth}: {said}");
    }
    let answer = rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn a_call_that_waits_past_midnight_is_of_the_new_day() {
    let ahead_s = Arc::new(AtomicI64::new(0));
    let clock_ahead_s = ahead_s.clone();
    let clock = move || Utc::now() + TimeDelta::seconds(clock_ahead_s.load(Ordering::SeqCst));
    let rig = Rig::at(Arc::new(clock), |_| {}).await;
    rig.hard_day("0.003").await;
    let go_on = Arc::new(Notify::new());
    rig.provider.will([vec![Act::Await(go_on.clone()), chat_answer(100)], vec![chat_answer(100)]]);
    let call = || rig.post(CHAT, chat(&json!({"max_tokens": 200}))).send();
    let first = tokio::spawn(call());
    rig.provider.has(1).await;
    let other = rig.other_process();
    let midnight = async {
        tokio::time::sleep(LET_IT_WAIT).await;
        ahead_s.store(25 * 60 * 60, Ordering::SeqCst);
        // Too small a raise: it only makes those who wait look at the clock again.
        let raised =
            other.raise_budget(DAY.to_owned(), "0.0001".to_owned(), None, "cli", Utc::now());
        raised.await.unwrap();
    };
    let (second, ()) = tokio::join!(call(), midnight);
    let second = second.unwrap();
    assert_eq!(second.status(), 200, "while the first one still holds yesterday's");
    assert_eq!(second.headers()["x-quota-used"], "0.001");
    go_on.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_stops_reading_does_not_keep_its_call_from_being_settled() {
    let mut rig = Rig::start().await;
    // More than all buffers on the way can take.
    let long = event(&delta(&"x".repeat(1024 * 1024)));
    let acts = std::iter::once(stream_head()).chain(std::iter::repeat_n(long, 64));
    rig.provider.will([acts.collect()]);
    let body = chat(&json!({"max_tokens": 200, "stream": true}));
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        rig.address,
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    rig.provider.has(1).await;
    rig.stop().await;
    let rows = report::calls(&rig.ledger, &CallQuery::default(), 9).unwrap().rows;
    assert_eq!(rows[0].status, "estimated");
    assert!(rows[0].output_tokens > Some(100_000), "{rows:?}");
}

#[tokio::test]
async fn a_project_may_have_any_letters() {
    let rig = Rig::start().await;
    for value in ["caf\u{e9}".as_bytes(), b"caf\xe9"] {
        let request = rig.post(CHAT, chat(&json!({"max_tokens": 9})));
        assert_eq!(request.header("x-outlay-project", value).send().await.unwrap().status(), 200);
    }
    for call in rig.calls().await {
        assert_eq!(call.project.as_deref(), Some("caf\u{e9}"));
    }
}

#[tokio::test]
async fn the_provider_gets_the_clients_headers_and_no_others() {
    let rig = Rig::start().await;
    rig.provider.will([vec![document(200, "application/json", "{}")]]);
    let body = chat(&json!({"max_tokens": 9}));
    // The least that a client can send.
    for (sent, expected) in [
        ("", vec!["content-length", "host"]),
        ("accept: text/plain\r\n", vec!["accept: text/plain", "content-length", "host"]),
        (
            "Accept: a/b\r\nX-Stainless-Lang: js\r\nuser-agent: me\r\n",
            vec!["accept: a/b", "content-length", "host", "user-agent: me", "x-stainless-lang: js"],
        ),
    ] {
        let mut client = TcpStream::connect(rig.address).await.unwrap();
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: {}\r\n{sent}content-length: {}\r\n\r\n{body}",
            rig.address,
            body.len()
        );
        let before = rig.provider.got().len();
        client.write_all(head.as_bytes()).await.unwrap();
        rig.provider.has(before + 1).await;
        let got = rig.provider.got().pop().unwrap();
        let mut names: Vec<&str> = got
            .head
            .lines()
            .skip(1)
            .map(|line| match line.split_once(": ") {
                Some((name @ ("host" | "content-length"), _)) => name,
                _ => line,
            })
            .collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{sent}");
        assert_eq!(got.body, body.as_bytes());
    }
}

#[tokio::test]
async fn connections_are_used_again_until_the_provider_closes_them() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let rig = Rig::with(|parts| {
        parts.providers[0].base_url = Some(format!("http://{address}"));
    })
    .await;
    let answer = async |connection: &mut TcpStream| {
        let Act::Send(answer) = chat_answer(1) else { panic!("an answer is sent") };
        let mut got = vec![0; 64 * 1024];
        assert_ne!(connection.read(&mut got).await.unwrap(), 0);
        connection.write_all(&answer).await.unwrap();
    };
    let call = || rig.post(CHAT, chat(&json!({"max_tokens": 9}))).send();
    let called = async || assert_eq!(call().await.unwrap().status(), 200);

    let first = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        answer(&mut connection).await;
        connection
    };
    let (mut connection, ()) = tokio::join!(first, called());
    tokio::join!(answer(&mut connection), called());
    let free = async || assert_eq!(rig.get(MODELS).send().await.unwrap().status(), 200);
    tokio::join!(answer(&mut connection), free());
    tokio::join!(answer(&mut connection), called());
    // It is closed while no call looks after it: the next call is sent on another.
    drop(connection);
    let next = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        answer(&mut connection).await;
        connection
    };
    let (connection, ()) = tokio::join!(next, called());
    // Closed with a call on it: whether that was billed nobody knows, so it is not sent again.
    let last = async {
        let mut connection = connection;
        assert_ne!(connection.read(&mut [0; 16]).await.unwrap(), 0);
        drop(connection);
    };
    let (answer, ()) = tokio::join!(call(), last);
    assert_eq!(answer.unwrap().status(), 502);
    let calls = rig.calls().await;
    let statuses: Vec<&str> = calls.iter().map(|call| call.status.as_str()).collect();
    assert_eq!(statuses, ["settled", "settled", "settled", "settled", "estimated"]);
}
