//! `POST /calls`: calls that were made elsewhere.

mod desk;

use desk::{Desk, TOKEN};
use http::Method;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

/// 1,000 tokens in at $2.50 and 100 out at $10 per million.
fn gpt_4o() -> Value {
    json!({"provider": "openai", "model": "gpt-4o",
        "usage": {"input_tokens": 1000, "output_tokens": 100}})
}

async fn post(desk: &Desk, key: Option<&str>, body: &Value) -> desk::Answer {
    let mut headers = vec![("x-api-key", TOKEN.to_owned())];
    headers.extend(key.map(|key| ("idempotency-key", key.to_owned())));
    desk.ask(Method::POST, "/api/v1/calls", &headers, Some(body)).await
}

#[tokio::test]
async fn a_call_comes_back_with_its_cost() {
    let desk = Desk::open();
    let mut whole = gpt_4o();
    whole["time"] = json!("2026-11-21T09:00:00Z");
    whole["project"] = json!("demo");
    whole["session"] = json!("s1");
    whole["client"] = json!("batch-job");
    whole["tags"] = json!({"team": "search", "env": "dev"});
    whole["response_id"] = json!("resp-1");
    whole["duration_ms"] = json!(1200);
    let answer = post(&desk, None, &whole).await;
    assert_json_snapshot!("recorded", answer.json(), { ".id" => "[id]" });
    let calls = desk.get("/calls").await.json();
    assert_json_snapshot!("recorded_row", calls["rows"][0], { ".id" => "[id]" });

    for (change, status, basis, cost) in [
        (json!({"cost_stated_usd": "0.0071"}), "settled", "stated", json!("0.0071")),
        (json!({"cost_stated_usd": 1.05e-05}), "settled", "stated", json!("0.0000105")),
        (json!({"model": "no-such-model-x"}), "settled", "unpriced", Value::Null),
        (json!({"usage": null}), "estimated", "unpriced", Value::Null),
        (json!({"model": "gpt-4o-2024-08-06"}), "settled", "priced", json!("0.0035")),
        (json!({"provider": "ollama"}), "settled", "priced", json!("0.00")),
    ] {
        let mut call = gpt_4o();
        call.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = post(&desk, None, &call).await;
        assert_eq!(answer.status, 200, "{change}: {}", answer.text);
        let answer = answer.json();
        assert_eq!(
            (&answer["status"], &answer["basis"], &answer["cost_usd"]),
            (&json!(status), &json!(basis), &cost),
            "{change}"
        );
    }
    let unknown = desk.get("/calls?limit=1").await.json();
    assert_eq!(unknown["rows"][0]["duration_ms"], Value::Null, "not known is not 0");
}

#[tokio::test]
async fn the_same_key_records_once() {
    let desk = Desk::open();
    let first = post(&desk, Some("k1"), &gpt_4o()).await;
    let again = post(&desk, Some("k1"), &gpt_4o()).await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.json(), again.json());
    let other = post(&desk, Some("k2"), &gpt_4o()).await;
    assert_ne!(first.json()["id"], other.json()["id"]);
    let mut changed = gpt_4o();
    changed["usage"]["output_tokens"] = json!(7);
    let misused = post(&desk, Some("k1"), &changed).await;
    assert!(misused.status == 400 && misused.text.contains("k1"), "{}", misused.text);
    assert_eq!(post(&desk, Some(""), &gpt_4o()).await.status, 400);
    let status = desk.get("/status").await.json();
    assert_eq!(status["today"], json!({"calls": 2, "cost_usd": "0.007", "unpriced_calls": 0}));
}

#[tokio::test]
async fn a_failed_batch_leaves_its_key_free() {
    let desk = Desk::open();
    let broken = json!({"calls": [gpt_4o(), {"provider": "openai", "model": "gpt-4o",
        "time": "2026-11-22T12:00:00Z"}]});
    assert_eq!(post(&desk, Some("k1"), &broken).await.status, 400);
    let whole = json!({"calls": [gpt_4o()]});
    assert_eq!(post(&desk, Some("k1"), &whole).await.status, 200);
}

#[tokio::test]
async fn a_batch_is_recorded_whole_or_not_at_all() {
    let desk = Desk::open();
    let with = |change: Value| {
        let mut call = gpt_4o();
        call.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"calls": [gpt_4o(), call]})
    };
    for (body, part) in [
        (with(json!({"time": "2026-11-22T12:00:00Z"})), "future"),
        (with(json!({"time": "soon"})), "calls[1].time"),
        (with(json!({"model": " "})), "calls[1].model"),
        (with(json!({"provider": null})), "calls[1].provider"),
        (with(json!({"usage": {}})), "calls[1].usage"),
        (with(json!({"usage": {"prompt_tokens": 3}})), "calls[1].usage.prompt_tokens"),
        (with(json!({"usage": {"input_tokens": -3}})), "calls[1].usage.input_tokens"),
        (with(json!({"usage": {"input_tokens": 1.5}})), "calls[1].usage.input_tokens"),
        (with(json!({"cost_stated_usd": "-1"})), "calls[1].cost_stated_usd"),
        (with(json!({"cost_stated_usd": "x"})), "calls[1].cost_stated_usd"),
        (with(json!({"tags": {"team": "a;b"}})), "calls[1].tags.team"),
        (with(json!({"colour": "red"})), "colour"),
        (json!({"calls": []}), "calls"),
        (json!({"calls": vec![gpt_4o(); 501]}), "501"),
        (json!({}), "provider"),
        (json!([]), "body"),
    ] {
        let answer = post(&desk, None, &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{part} in {message}");
    }
    let none = desk.get("/calls").await.json();
    assert_eq!(none["rows"], json!([]), "nothing of any of these");

    let two = post(&desk, None, &with(json!({"model": "gpt-4o-mini"}))).await.json();
    assert_eq!(two["calls"][0]["cost_usd"], "0.0035");
    assert_eq!(two["calls"].as_array().unwrap().len(), 2);
    assert_eq!(desk.get("/calls").await.json()["rows"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_known_is_not_charged_again() {
    let desk = Desk::open();
    let mut call = gpt_4o();
    call["response_id"] = json!("chatcmpl-1");
    let first = post(&desk, None, &call).await.json();
    let again = post(&desk, None, &call).await.json();
    assert_eq!((&first["duplicate"], &again["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!((&first["id"], &first["cost_usd"]), (&again["id"], &again["cost_usd"]));
    call["account"] = json!("work");
    assert_eq!(post(&desk, None, &call).await.json()["duplicate"], false, "another account");
    assert_eq!(desk.get("/status").await.json()["today"]["cost_usd"], "0.007");
}

#[tokio::test]
async fn recorded_calls_count_where_their_time_belongs_and_are_never_refused() {
    let desk = Desk::open();
    let budget = json!({"limit": "0.005", "window": "day"});
    assert_eq!(desk.send(Method::PUT, "/budgets/day", Some(&budget)).await.status, 200);
    let credit = json!({"account": "openai", "amount": "1"});
    assert_eq!(desk.send(Method::POST, "/grants", Some(&credit)).await.status, 200);
    for (time, used, today, month, left) in [
        ("2026-11-21T11:00:00Z", "0.0035", "0.0035", "0.0035", "0.9965"),
        ("2026-11-19T11:00:00Z", "0.0035", "0.0035", "0.007", "0.993"),
        ("2026-10-19T11:00:00Z", "0.0035", "0.0035", "0.007", "0.9895"),
        ("2026-11-21T11:30:00Z", "0.007", "0.007", "0.0105", "0.986"),
    ] {
        let mut call = gpt_4o();
        call["time"] = json!(time);
        assert_eq!(post(&desk, None, &call).await.status, 200, "{time}");
        let status = desk.get("/status").await.json();
        assert_eq!(
            [
                &status["budgets"][0]["used"],
                &status["today"]["cost_usd"],
                &status["month"]["cost_usd"],
                &status["balances"][0]["remaining"],
            ],
            [used, today, month, left],
            "{time}"
        );
    }
    let alerts = desk.get("/alerts").await.json();
    let titles: Vec<&str> = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["Budget 'day' is used up"]);
}
