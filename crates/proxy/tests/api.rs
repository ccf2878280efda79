//! The local API, asked as a client would: documents, rules of access, recorded calls, pages.

mod desk;

use chrono::TimeDelta;
use desk::{Desk, TOKEN};
use http::{Method, StatusCode};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

#[tokio::test]
async fn documents() {
    let desk = Desk::open().with_a_day().await;
    for (name, path) in [
        ("status", "/status"),
        ("quota", "/quota"),
        ("quota_of_a_project", "/quota?project=demo"),
        ("budgets", "/budgets"),
        ("budget", "/budgets/day"),
        ("history", "/budgets/day/history"),
        ("usage_by_day", "/usage?by=day&since=2026-11-01&until=2026-12-01"),
        ("usage_by_model", "/usage?by=model"),
        ("usage_by_day_and_project", "/usage?by=day&by=project"),
        ("calls", "/calls"),
        ("balances", "/balances"),
        ("alerts", "/alerts"),
        ("pulse", "/pulse"),
        ("prices", "/prices?search=house"),
    ] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_json_snapshot!(name, answer.json(), {
            ".**.id" => "[id]",
            // A fingerprint under the ledger's own secret.
            ".rows[].key" => insta::dynamic_redaction(|value, _| match value.as_str() {
                Some(key) if key.len() == 16 && key.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    "[fingerprint]".into()
                }
                _ => value,
            }),
            ".revision" => "[revision]",
            ".source" => "[source]",
        });
    }
}

#[tokio::test]
async fn one_call_tells_its_holds_price_and_arithmetic() {
    let desk = Desk::open().with_a_day().await;
    let calls = desk.get("/calls").await.json();
    let settled = calls["rows"].as_array().unwrap().iter().find(|row| row["project"] == "demo");
    let id = settled.unwrap()["id"].as_str().unwrap().to_owned();
    let call = desk.get(&format!("/calls/{id}")).await;
    assert_json_snapshot!("call", call.json(), { ".id" => "[id]", ".key" => "[fingerprint]" });
    for (path, status) in [
        ("/calls/00000000-0000-7000-8000-000000000000", 404),
        ("/calls/first", 400),
        ("/calls?limit=0", 400),
        ("/calls?limit=1001", 400),
        ("/calls?cursor=x", 400),
    ] {
        assert_eq!(desk.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn pages_of_calls_follow_each_other() {
    let desk = Desk::open().with_a_day().await;
    let first = desk.get("/calls?limit=2").await.json();
    assert_eq!(first["rows"].as_array().unwrap().len(), 2);
    let cursor = first["cursor"].as_str().expect("a text").to_owned();
    let rest = desk.get(&format!("/calls?limit=2&cursor={cursor}")).await.json();
    assert_eq!(rest["rows"].as_array().unwrap().len(), 1);
    assert_eq!(rest["cursor"], Value::Null);
}

#[tokio::test]
async fn quota_headers_repeat_the_document_and_are_absent_where_unlimited() {
    let desk = Desk::open().with_a_day().await;
    let limited = desk.get("/quota").await;
    assert_eq!(limited.header("x-ratelimit-limit"), Some("0.005"));
    assert_eq!(limited.header("x-ratelimit-remaining"), Some("0.0005"));
    // Midnight in Berlin.
    assert_eq!(limited.header("x-ratelimit-reset"), Some("1795302000"));
    assert_eq!(desk.send(Method::DELETE, "/budgets/day", None).await.status, 204);
    assert_eq!(desk.send(Method::DELETE, "/budgets/tokens", None).await.status, 204);
    let unlimited = desk.get("/quota").await;
    assert_eq!(unlimited.json()["quota_total"], Value::Null);
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert_eq!(unlimited.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn who_may_ask() {
    let desk = Desk::open();
    let bearer = desk.log_in().await;
    let with_scheme = |token: &str| format!("Bearer {token}");
    let foreign = "https://evil.example";
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", with_scheme("wrong"))], 401),
        (vec![("authorization", with_scheme(""))], 401),
        (vec![("authorization", format!("Basic {TOKEN}"))], 401),
        (vec![("authorization", TOKEN.to_owned())], 401),
        (vec![("x-api-key", String::new())], 401),
        (vec![("x-api-key", format!("{TOKEN}x"))], 401),
        (vec![("authorization", with_scheme(TOKEN))], 200),
        (vec![("authorization", format!("bearer {TOKEN}"))], 200),
        (vec![("x-api-key", TOKEN.to_owned())], 200),
        (vec![("authorization", with_scheme(&bearer))], 200),
        (vec![("x-api-key", TOKEN.to_owned()), ("origin", foreign.to_owned())], 403),
        (vec![("x-api-key", TOKEN.to_owned()), ("host", "evil.example".to_owned())], 403),
        (vec![("x-api-key", TOKEN.to_owned()), ("sec-fetch-site", "cross-site".to_owned())], 403),
    ] {
        for path in ["/api/v1/status", "/api/v1/budgets", "/api/v1/openapi.json", "/metrics"] {
            let answer = desk.ask(Method::GET, path, &headers, None).await;
            assert_eq!(answer.status, status, "{path} with {headers:?}");
            if status != 200 {
                let error = answer.json();
                assert!(error["error"].is_string() && error["message"].is_string(), "{error}");
            }
        }
    }
    for path in ["/healthz", "/", "/help/budget_exceeded"] {
        assert_eq!(desk.ask(Method::GET, path, &[], None).await.status, 200, "{path} is open");
        let foreign = [("origin", foreign.to_owned())];
        assert_eq!(desk.ask(Method::GET, path, &foreign, None).await.status, 403, "{path}");
    }
    assert_eq!(desk.ask(Method::GET, "/healthz", &[], None).await.json(), json!({"status": "ok"}));
}

#[tokio::test]
async fn a_code_is_traded_once_and_within_a_minute() {
    for (seconds, trades, expected) in [(0, 1, 200), (59, 1, 200), (60, 1, 401), (0, 2, 401)] {
        let desk = Desk::open();
        let issued = desk.send(Method::POST, "/login-codes", None).await.json();
        assert_eq!(issued["expires_at"], "2026-11-21T12:01:00Z");
        desk.pass(TimeDelta::seconds(seconds));
        let code = json!({"code": issued["code"]});
        let mut last = None;
        for _ in 0..trades {
            last = Some(desk.ask(Method::POST, "/api/v1/login", &[], Some(&code)).await);
        }
        let last = last.unwrap();
        assert_eq!(last.status, expected, "{seconds} s, {trades} times: {}", last.text);
    }
    let desk = Desk::open();
    let open = desk.ask(Method::POST, "/api/v1/login-codes", &[], None).await;
    assert_eq!(open.status, 401, "a code needs the token");
    for (body, status) in
        [(json!({"code": "guess"}), 401), (json!({}), 400), (json!({"code": 1}), 400)]
    {
        let answer = desk.ask(Method::POST, "/api/v1/login", &[], Some(&body)).await;
        assert_eq!(answer.status, status, "{body}");
    }
}

#[tokio::test]
async fn the_server_proves_that_it_knows_the_token() {
    let desk = Desk::open();
    let prove = async |challenge: &str| {
        let body = json!({ "challenge": challenge });
        desk.ask(Method::POST, "/api/v1/prove", &[], Some(&body)).await
    };
    let challenge = "00112233445566778899aabbccddeeff";
    let proof = prove(challenge).await.json()["proof"].as_str().unwrap().to_owned();
    // (printf 00112233445566778899aabbccddeeff | xxd -r -p; printf 127.0.0.1:4780) \
    //     | openssl dgst -sha256 -hmac the-token
    assert_eq!(proof, "3c8b898bcf93e5e07dc2b95256a6157e372fac4af70e2bba4b912844319af9ec");
    let (here, there) = ("127.0.0.1:4780".parse().unwrap(), "127.0.0.1:4781".parse().unwrap());
    let challenge = hex::decode(challenge).unwrap();
    assert_eq!(proof, outlay_proxy::api::proof(TOKEN, here, &challenge));
    assert_ne!(proof, outlay_proxy::api::proof(TOKEN, there, &challenge));
    for challenge in ["", "00", "not hex at all, but long enough", &"00".repeat(257)] {
        assert_eq!(prove(challenge).await.status, 400, "{challenge}");
    }
}

#[tokio::test]
async fn a_budget_is_made_changed_raised_and_removed() {
    let desk = Desk::open();
    let put = async |body: Value| desk.send(Method::PUT, "/budgets/team", Some(&body)).await;
    for (body, field) in [
        (json!({}), "limit"),
        (json!({"limit": "5"}), "window"),
        (json!({"limit": "5", "window": "fortnight"}), "window"),
        (json!({"limit": "much", "window": "day"}), "much"),
        (json!({"limit": "5", "window": "day", "kind": "firm"}), "kind"),
        (json!({"limit": "5", "window": "day", "unit": "eur"}), "unit"),
        (json!({"limit": "5", "window": "day", "warn": [0]}), "warn"),
        (json!({"limit": "5", "window": "day", "warn": {}}), "warn"),
        (json!({"limit": "5", "window": "day", "timezone": "Mars"}), "timezone"),
        (json!({"limit": "5", "window": "day", "anchor_day": 3}), "anchor_day"),
        (json!({"limit": "5", "window": "day", "scope": {"colour": "red"}}), "colour"),
        (json!({"limit": true, "window": "day"}), "limit"),
        (json!({"limit": "5", "windw": "day"}), "windw"),
        (json!({"anchor_day": 3}), "team"),
    ] {
        let answer = put(body.clone()).await;
        let status = if body == json!({"anchor_day": 3}) { 404 } else { 400 };
        assert_eq!(answer.status, status, "{body}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(field), "{body}: {message}");
    }
    let made = put(json!({
        "limit": 30, "window": "month", "kind": "soft", "warn": [50, 90], "anchor_day": 15,
        "scope": {"project": "demo"}, "timezone": "UTC", "allow_unpriced": true, "no_cap": true,
    }));
    assert_json_snapshot!("budget_made", made.await.json());
    let moved = put(json!({"anchor_day": 1, "warn": "70"})).await.json();
    assert_eq!(moved["reset_date"], "2026-12-01T00:00:00Z");
    assert_eq!((&moved["limit"], &moved["warn"]), (&json!("30.00"), &json!([70])));

    let raise = json!({"by": "2.50"});
    let raised = desk.send(Method::POST, "/budgets/team/raises", Some(&raise)).await.json();
    assert_eq!(raised["limit"], "32.50");
    let past = json!({"by": 1, "until": "2026-11-20"});
    let past = desk.send(Method::POST, "/budgets/team/raises", Some(&past)).await;
    assert!(past.status == 400 && past.text.contains("until"), "{}", past.text);
    let topped = desk.send(Method::POST, "/budgets/team/topups", Some(&json!({"by": 5}))).await;
    assert_eq!(topped.json()["credits_remaining"], "5.00");
    let raises = json!([{"by": "2.50", "until": "2026-12-01T00:00:00Z"}]);
    assert_eq!(topped.json()["raises"], raises);
    for _ in 0..2 {
        let lowered = desk.send(Method::DELETE, "/budgets/team/raises", None).await.json();
        assert_eq!((&lowered["limit"], &lowered["raises"]), (&json!("30.00"), &json!([])));
    }

    let history = desk.get("/budgets/team/history").await.json();
    let done: Vec<(&str, &str)> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["action"].as_str().unwrap(), event["actor"].as_str().unwrap()))
        .collect();
    let expected = ["created", "changed", "raised", "topped_up", "lowered"];
    let expected = expected.map(|action| (action, "api"));
    assert_eq!(done, expected);

    assert_eq!(desk.send(Method::DELETE, "/budgets/team", None).await.status, 204);
    for (method, path) in [
        (Method::GET, "/budgets/team"),
        (Method::DELETE, "/budgets/team"),
        (Method::GET, "/budgets/never/history"),
    ] {
        let answer = desk.send(method, path, None).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    assert_eq!(desk.get("/budgets/team/history").await.status, 200, "its history stays");
}

#[tokio::test]
async fn usage_is_asked_with_names_that_are_checked() {
    let desk = Desk::open().with_a_day().await;
    for (query, status, part) in [
        ("by=provider", 200, "openai"),
        ("by=model&by=provider", 200, r#""key":["gpt-4o-2024-08-06","openai"]"#),
        ("by=project&by=day", 200, r#""key":["demo","2026-11-21"]"#),
        ("by=month&by=day", 200, r#""key":["2026-11","2026-11-21"]"#),
        ("by=session&by=account", 200, r#""key":[null,"openai"]"#),
        ("by=tag&by=week", 200, r#""key":[null,"2026-11-16"]"#),
        ("by=day&by=day", 400, "different"),
        ("by=day&by=model&by=tag", 400, "twice"),
        ("by=day&timezone=Pacific/Auckland", 200, "2026-11-22"),
        ("since=2026-11-21&until=2026-11-22", 200, "2026-11-20T23:00:00Z"),
        ("since=2026-11-21T00:00:00Z", 200, "2026-11-21T00:00:00Z"),
        ("", 200, "2026-10-31T23:00:00Z"),
        ("by=colour", 400, "colour"),
        ("since=yesterday", 400, "yesterday"),
        ("since=2026-11-22&until=2026-11-21", 400, "after"),
        ("timezone=Mars", 400, "Mars"),
        ("colour=red", 400, "colour"),
        ("since=2026-11-21&since=2026-11-22", 400, "twice"),
    ] {
        let answer = desk.get(&format!("/usage?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
        assert!(answer.text.contains(part), "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_grant_is_added_to_its_account() {
    let desk = Desk::open();
    let grant = async |body: Value| desk.send(Method::POST, "/grants", Some(&body)).await;
    let added = grant(json!({"account": "openai", "amount": "20", "expires": "2027-01-01"})).await;
    assert_json_snapshot!("grant", added.json());
    let grants = desk.get("/grants").await.json();
    assert_json_snapshot!("grants", grants, { ".grants[].id" => "[id]" });
    assert_eq!(desk.get("/grants?account=openai").await.json(), grants);
    assert_eq!(desk.get("/grants?account=other").await.json(), json!({"grants": []}));
    for (body, field) in [
        (json!({"amount": "20"}), "account"),
        (json!({"account": "", "amount": "20"}), "account"),
        (json!({"account": "openai", "amount": "x"}), "amount"),
        (json!({"account": "openai", "amount": "0"}), "above zero"),
        (json!({"account": "openai", "amount": "1", "expires": "soon"}), "expires"),
    ] {
        let answer = grant(body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.text.contains(field), "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn calls_are_found_counted_and_passed_over() {
    let desk = Desk::open().with_a_day().await;
    let rows =
        async |query: &str| desk.get(&format!("/calls?{query}")).await.json()["rows"].clone();
    let all = rows("").await;
    for (query, expected) in [
        ("", 3),
        ("project=demo", 1),
        ("project=other", 0),
        ("provider=openai", 3),
        ("account=openai", 3),
        ("model=gpt-4o-2024-08-06", 2),
        ("model=gpt-4o", 1),
        ("status=settled", 2),
        ("status=refused", 1),
        ("source=proxy", 3),
        ("search=DEM", 1),
        ("search=gpt-4", 3),
        ("search=%25", 0),
        ("search=gpt&status=refused", 1),
        ("since=2026-11-21", 3),
        ("until=2026-11-21", 0),
    ] {
        let found = rows(query).await;
        let count = desk.get(&format!("/calls/count?{query}")).await.json();
        assert_eq!(found.as_array().unwrap().len(), expected, "{query}: {found}");
        assert_eq!(count, json!({ "calls": expected }), "{query}");
    }
    for offset in 0..4 {
        let page = rows(&format!("offset={offset}&limit=1")).await;
        let expected = all.get(offset).map_or(json!([]), |row| json!([row]));
        assert_eq!(page, expected, "{offset}");
    }
    for (query, part) in
        [("status=lost", "settled, estimated"), ("offset=-1", "offset"), ("colour=red", "colour")]
    {
        let answer = desk.get(&format!("/calls?{query}")).await;
        assert!(answer.status == 400 && answer.text.contains(part), "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_limit_is_tried_on_the_past() {
    let desk = Desk::open().with_a_day().await;
    let rehearse = async |body: Value| desk.send(Method::POST, "/rehearsals", Some(&body)).await;
    let tried = rehearse(json!({"limit": "0.0001", "window": "day"})).await;
    assert_json_snapshot!("rehearsal", tried.json(), { ".**.id" => "[id]" });
    for (body, calls, refused) in [
        (json!({"limit": "1", "window": "day"}), 2, 0),
        (json!({"limit": "1", "window": "5h", "unit": "calls"}), 2, 1),
        (json!({"limit": "0", "window": "call"}), 2, 2),
        (json!({"limit": "0", "window": "month", "scope": {"project": "demo"}}), 1, 1),
        (json!({"limit": "0", "window": "total", "scope": {"project": "other"}}), 0, 0),
    ] {
        let tried = rehearse(body.clone()).await.json();
        assert_eq!(
            (&tried["calls"], &tried["refused_calls"]),
            (&json!(calls), &json!(refused)),
            "{body}"
        );
    }
    for (body, part) in [
        (json!({"limit": "1"}), "window"),
        (json!({"window": "day"}), "limit"),
        (json!({"limit": "much", "window": "day"}), "much"),
        (json!({"limit": "1", "window": "fortnight"}), "window"),
    ] {
        let answer = rehearse(body.clone()).await;
        assert!(answer.status == 400 && answer.text.contains(part), "{body}: {}", answer.text);
    }
    let budgets = desk.get("/budgets").await.json();
    assert_eq!(budgets["budgets"].as_array().unwrap().len(), 2, "nothing was made");
}

#[tokio::test]
async fn prices_are_told_as_far_as_asked_and_what_was_used_first() {
    let desk = Desk::open().with_a_day().await;
    let asked = async |query: &str| desk.get(&format!("/prices?{query}")).await.json();
    let length = |told: &Value| told["prices"].as_array().unwrap().len();
    let all = asked("search=gpt-4o").await;
    assert_eq!((all["count"].clone(), all["used"].clone()), (json!(length(&all)), json!(0)));
    let used = asked("search=gpt-4o&limit=2&used_since=2026-11-21").await;
    assert_eq!((used["count"].clone(), length(&used)), (all["count"].clone(), 2));
    // The day's calls were answered by gpt-4o-2024-08-06, which is listed without its date.
    let first: Vec<&Value> = used["prices"].as_array().unwrap().iter().collect();
    assert!(used["used"].as_u64().unwrap() >= 1, "{used}");
    assert_eq!(first[0]["model"], "gpt-4o", "{used}");
    let own = asked("limit=1&used_since=2026-11-21").await;
    assert_eq!(own["prices"][0]["origin"], "user", "{own}");
}

#[tokio::test]
async fn a_price_of_ones_own_is_set_and_given_up() {
    let desk = Desk::open().with_a_day().await;
    let put = async |path: &str, body: Value| desk.send(Method::PUT, path, Some(&body)).await;
    let own = async |model: &str| {
        let listed = desk.get(&format!("/prices?search={model}")).await.json();
        let prices = listed["prices"].as_array().unwrap().clone();
        prices.into_iter().find(|price| price["origin"] == "user" && price["model"] == model)
    };
    let path = "/prices/work/vendor%2Fhouse-70b";
    assert_eq!(
        put(path, json!({"input": "0.5", "output": 2, "cache_read": "0.05"})).await.status,
        204
    );
    let price = own("vendor/house-70b").await.unwrap();
    assert_eq!(price["provider"], "work");
    assert_eq!(price["rates"][0], json!({"unit": "input", "usd": "0.50", "per": 1_000_000}));
    assert_eq!(desk.send(Method::DELETE, path, None).await.status, 204);
    assert_eq!(own("vendor/house-70b").await, None);
    assert_eq!(desk.send(Method::DELETE, path, None).await.status, 404);

    let slip = json!({"input": "2500", "output": "10"});
    let doubted = put("/prices/any/gpt-4o", slip).await;
    assert_eq!((doubted.status, doubted.json()["error"].as_str()), (409, Some("unlikely_price")));
    assert!(doubted.text.contains("the list says $2.50"), "{}", doubted.text);
    assert_eq!(own("gpt-4o").await, None);
    let meant = json!({"input": "2500", "output": "10", "force": true});
    assert_eq!(put("/prices/any/gpt-4o", meant).await.status, 204);
    assert_eq!(own("gpt-4o").await.unwrap()["provider"], "");
    for (body, part) in [
        (json!({"input": "1"}), "output"),
        (json!({"input": "-1", "output": "1"}), "negative"),
        (json!({"input": "x", "output": "1"}), "input"),
        (json!({"input": "1", "output": "1", "colour": 1}), "colour"),
    ] {
        let answer = put(path, body.clone()).await;
        assert!(answer.status == 400 && answer.text.contains(part), "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn models_without_a_price_are_told_until_they_have_one() {
    let desk = Desk::open();
    let call =
        json!({"provider": "anthropic", "model": "claude-sonet-4-5", "usage": {"input_tokens": 9}});
    assert_eq!(desk.send(Method::POST, "/calls", Some(&call)).await.status, 200);
    let unpriced = async || desk.get("/prices/unpriced").await.json();
    assert_eq!(
        unpriced().await,
        json!({"models": [{
            "provider": "anthropic", "model": "claude-sonet-4-5", "calls": 1,
            "last_used": "2026-11-21", "nearest": "claude-sonnet-4-5",
        }]})
    );
    let price = json!({"input": "1", "output": "2"});
    let path = "/prices/anthropic/claude-sonet-4-5";
    assert_eq!(desk.send(Method::PUT, path, Some(&price)).await.status, 204);
    assert_eq!(unpriced().await, json!({"models": []}));
}

#[tokio::test]
async fn a_balance_is_observed_and_its_levels_are_set() {
    let desk = Desk::open();
    let put = async |body: Value| desk.send(Method::PUT, "/balances/openai", Some(&body)).await;
    assert_eq!(put(json!({"warn": "5"})).await.status, 404, "nothing is known of it");
    let set = put(json!({"observed": "12.40", "warn": "20%", "floor": "1"})).await.json();
    assert_eq!(
        (&set["remaining"], &set["warn_percent"], &set["floor"], &set["observed_at"]),
        (&json!("12.40"), &json!(20), &json!("1.00"), &json!("2026-11-21T12:00:00Z"))
    );
    for (body, part) in [
        (json!({"observed": "3", "warn": "soon"}), "warn"),
        (json!({"observed": "3", "floor": "low"}), "floor"),
        (json!({"observed": "much"}), "observed"),
        (json!({"observed": "3", "recharge": "soon"}), "recharge"),
        (json!({"recharge": {"below": "-1", "amount": "20"}}), "below zero"),
        (json!({"recharge": {"below": "5", "amount": "0"}}), "adds something"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let answer = put(body.clone()).await;
        assert!(answer.status == 400 && answer.text.contains(part), "{body}: {}", answer.text);
    }
    let topped_up = put(json!({"recharge": {"below": "5", "amount": "20"}})).await.json();
    assert_eq!(topped_up["recharge"], json!({"below": "5.00", "amount": "20.00"}));
    assert_eq!(put(json!({"recharge": "off"})).await.json()["recharge"], Value::Null);
    let kept = put(json!({"floor": ""})).await.json();
    assert_eq!(
        (&kept["remaining"], &kept["warn_percent"], &kept["floor"]),
        (&json!("12.40"), &json!(20), &Value::Null),
        "a mistake changes nothing, and what is not named stays"
    );
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let desk = Desk::open();
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/nothing", 404, "not_found"),
        (Method::GET, "/api/v2/status", 404, "not_found"),
        (Method::GET, "/help/nothing", 404, "not_found"),
        (Method::GET, "/assets/nothing.js", 404, "not_found"),
        (Method::POST, "/api/v1/status", 405, "method_not_allowed"),
        (Method::PATCH, "/api/v1/budgets/day", 405, "method_not_allowed"),
        (Method::POST, "/healthz", 405, "method_not_allowed"),
    ] {
        let token = [("x-api-key", TOKEN.to_owned())];
        let answer = desk.ask(method.clone(), path, &token, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.json()["error"], code, "{method} {path}");
        assert!(answer.json()["message"].as_str().unwrap().contains(path), "{}", answer.text);
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    let large = json!({"calls": "x".repeat(3_000_000)});
    assert_eq!(desk.send(Method::POST, "/calls", Some(&large)).await.status, 413);
}

#[tokio::test]
async fn pages_are_hardened() {
    let desk = Desk::open();
    for path in ["/", "/help/unpriced_model", "/help/help.css", "/healthz", "/api/v1/status"] {
        let token = [("x-api-key", TOKEN.to_owned())];
        let answer = desk.ask(Method::GET, path, &token, None).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(answer.header("cache-control").is_some(), "{path}");
    }
    let page = desk.ask(Method::GET, "/", &[], None).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("Outlay"), "{}", page.text);
    for code in
        ["budget_exceeded", "budget_busy", "unpriced_model", "balance_empty", "loop_detected"]
    {
        let page = desk.ask(Method::GET, &format!("/help/{code}"), &[], None).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("<code>outlay "), "{code} names commands: {}", page.text);
    }
}

#[tokio::test]
async fn metrics_count_what_the_ledger_has() {
    let desk = Desk::open().with_a_day().await;
    let token = [("x-api-key", TOKEN.to_owned())];
    let metrics = desk.ask(Method::GET, "/metrics", &token, None).await;
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in [
        r#"outlay_calls_total{provider="openai",status="settled"} 2"#,
        r#"outlay_calls_total{provider="openai",status="refused"} 1"#,
        r#"outlay_cost_usd_total{provider="openai"} 0.0045"#,
        r#"outlay_cost_picodollars_total{provider="openai"} 4500000000"#,
        r#"outlay_refusals_total{provider="openai",reason="quota_exceeded"} 1"#,
        "outlay_calls_running 0",
    ] {
        assert!(metrics.text.lines().any(|own| own == line), "{line} in {}", metrics.text);
    }
}

#[tokio::test]
async fn the_desktop_window_is_trusted_and_nobody_else_is_by_its_ways() {
    let desk = Desk::open();
    let budget = json!({"limit": "1", "window": "day"});
    let made = desk.ask_as_window(Method::PUT, "/api/v1/budgets/day", Some(&budget)).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let history = desk.ask_as_window(Method::GET, "/api/v1/budgets/day/history", None).await;
    assert_eq!(history.json()["events"][0]["actor"], "desktop");
    assert_eq!(desk.ask_as_window(Method::GET, "/", None).await.status, 200);
    assert_eq!(desk.ask_as_window(Method::GET, "/metrics", None).await.status, 404);
    for (name, value) in [("x-outlay-caller", "desktop"), ("origin", "outlay-app://localhost")] {
        let headers = [(name, value.to_owned())];
        let answer = desk.ask(Method::GET, "/api/v1/status", &headers, None).await;
        assert!(answer.status == 401 || answer.status == 403, "{name}: {}", answer.status);
    }
}
