//! A provider whose prepaid credit runs out.

use serde_json::{Value, json};
use support::client::{Answer, Request};
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::chat;
use support::wait::eventually;

use crate::Shop;

const NOON: &str = "2026-11-21T12:00:00Z";

fn acting(shop: &Shop, act: Act) -> Answer {
    let script = Script { act, ..Script::default() };
    chat().without(SCRIPT_HEADER).json_header(SCRIPT_HEADER, &script).send(shop.server.address())
}

/// The kind and the severity of every alert so far, oldest first.
fn alerts(shop: &Shop) -> Vec<(String, String)> {
    let text = |alert: &Value, name: &str| alert[name].as_str().unwrap().to_owned();
    let alerts = shop.server.read("/alerts")["alerts"].as_array().unwrap().clone();
    alerts.iter().rev().map(|one| (text(one, "kind"), text(one, "severity"))).collect()
}

/// "The two errors share a status code but require completely different handling"; "tag
/// insufficient_quota distinctly from rate_limit_exceeded in your monitoring".
#[test]
fn insufficient_quota_is_told_from_a_rate_limit() {
    let shop = Shop::open(NOON, &[]);
    for (act, code, should_retry) in [
        (Act::InsufficientQuota, "insufficient_quota", Some("false")),
        (Act::RateLimit, "rate_limit_exceeded", None),
    ] {
        let answer = acting(&shop, act);
        assert_eq!(answer.status, 429, "as the provider says it");
        assert_eq!(answer.json()["error"]["code"], code, "{}", answer.text());
        assert_eq!(answer.header("x-should-retry"), should_retry, "{code}");
    }
    let kinds: Vec<(String, String)> = shop
        .home
        .calls_at_rest()
        .iter()
        .map(|call| (call["status"].clone(), call["error_kind"].clone()))
        .collect();
    let failed = |kind: &str| ("failed".to_owned(), kind.to_owned());
    assert_eq!(kinds, [failed("insufficient_quota"), failed("rate_limit")]);
    let metrics = Request::get("/metrics").header("x-api-key", &shop.home.token());
    let metrics = metrics.send(shop.server.address()).text();
    for kind in ["insufficient_quota", "rate_limit"] {
        let line = format!("provider=\"openai\",error_kind=\"{kind}\",status=\"failed\"}} 1");
        assert!(metrics.contains(&line), "{line}:\n{metrics}");
    }
}

/// "The former should fire a critical alert, the latter is informational"; "don't dedupe to a
/// single alert per hour, page immediately".
#[test]
fn each_time_the_money_is_gone_is_a_critical_alert() {
    let shop = Shop::open(NOON, &[]);
    assert_eq!(acting(&shop, Act::RateLimit).status, 429);
    assert_eq!(shop.home.calls_at_rest().len(), 1);
    assert!(alerts(&shop).is_empty());
    let gone = || ("upstream_empty".to_owned(), "critical".to_owned());
    for (instant, times) in [("2026-11-21T12:10:00Z", 1), ("2026-11-21T12:12:00Z", 2)] {
        shop.clock.set(instant);
        assert_eq!(acting(&shop, Act::InsufficientQuota).status, 429);
        eventually("it is told", || (alerts(&shop) == vec![gone(); times]).then_some(()));
    }
}

/// "An alerting system that pages you when balance drops"; "can I see how much credit I have left
/// from the API?".
#[test]
fn a_low_balance_is_told_before_it_is_gone() {
    let shop = Shop::open(NOON, &[]);
    shop.run("balance add openai 0.01");
    shop.run("balance warn openai 0.005");
    let balance = || shop.server.read("/balances")["balances"][0].clone();
    for (left, told) in [("0.008", 0), ("0.006", 0), ("0.004", 1), ("0.002", 1)] {
        assert_eq!(shop.call().status, 200);
        assert_eq!(balance()["remaining"], left);
        let low = ("balance_low".to_owned(), "warning".to_owned());
        assert_eq!(alerts(&shop), vec![low; told], "with {left} left");
    }
    assert_eq!(balance()["warn_below"], "0.005");
}

/// "Free trial credit expires after 3 months".
#[test]
fn credit_that_expires_is_gone_on_its_day() {
    let shop = Shop::open(NOON, &[]);
    shop.run("balance add openai 5 --expires 2026-12-01");
    shop.run("balance add openai 1");
    shop.run("balance floor openai 1");
    assert_eq!(shop.call().status, 200);
    let remaining = || shop.server.read("/balances")["balances"][0]["remaining"].clone();
    assert_eq!(remaining(), "5.998");
    shop.clock.set("2026-12-02T12:00:00Z");
    assert_eq!(remaining(), "1.00", "what was spent came from what expires first");
    let refusal = shop.call();
    assert_eq!((refusal.status, &refusal.json()["reason"]), (402, &json!("balance_empty")));
}

/// "If a charge fails, auto-recharge stops and your balance drops to zero".
#[test]
fn an_automatic_top_up_that_fails_is_told() {
    let shop = Shop::open(NOON, &[]);
    shop.run("balance set openai 1");
    shop.run("balance recharge openai 0.999 10");
    let is_told = || alerts(&shop).iter().any(|(kind, _)| kind == "recharge_missing");
    assert_eq!(shop.call().status, 200);
    assert!(!is_told(), "it may still come");
    shop.clock.set("2026-11-22T12:00:00Z");
    assert_eq!(shop.call().status, 200);
    eventually("it is told", || is_told().then_some(()));
}
