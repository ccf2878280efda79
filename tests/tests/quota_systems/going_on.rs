//! The three ways out of a block: pay once, pay for more, wait.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::Shop;

type Instant = DateTime<Utc>;

/// callmine: "add-on calls land in your balance immediately and roll over forever"; trustleads:
/// "resubmit your failed job and it will process normally".
#[test]
fn an_add_on_works_at_once_and_rolls_over_for_ever() {
    let month = "month --limit 1 --window month --unit calls --timezone UTC";
    let shop = Shop::open("2026-11-21T12:00:00Z", &[month]);
    assert_eq!(shop.calls(2), [200, 402]);
    shop.run("budget topup month --by 3");
    assert_eq!(shop.call().status, 200, "at once");
    let credits = || shop.server.read("/quota")["credits_remaining"].clone();
    assert_eq!(credits(), 2);
    for (instant, left) in [("2026-12-01T00:01:00Z", 1), ("2029-05-01T00:01:00Z", 0)] {
        shop.clock.set(instant);
        assert_eq!(shop.calls(2), [200, 200], "the month's first, then the reserve: {instant}");
        assert_eq!(credits(), left, "{instant}");
    }
    assert_eq!(shop.call().status, 402);
}

/// callmine: "the new quota is live immediately, your next monthly reset shifts to the new plan's
/// allowance"; sendbolt: "you can send the rest of the month at the new cap".
#[test]
fn an_upgrade_works_at_once_and_from_then_on() {
    let shop = Shop::open("2026-11-21T12:00:00Z", &[]);
    shop.home.write_config("[plans.small]\nmonth = \"0.004\"\n[plans.large]\nmonth = \"0.01\"\n");
    let total = || {
        let quota = shop.server.read("/quota");
        (quota["plan"].clone(), quota["quota_total"].clone(), quota["quota_used"].clone())
    };
    shop.run("plan use small");
    assert_eq!(shop.calls(3), [200, 200, 402]);
    shop.run("plan use large");
    assert_eq!(total(), ("large".into(), "0.01".into(), "0.004".into()), "what was used stays");
    assert_eq!(shop.calls(4), [200, 200, 200, 402]);
    shop.clock.set("2026-12-01T00:00:05Z");
    assert_eq!(total(), ("large".into(), "0.01".into(), "0.00".into()));
    assert_eq!(shop.calls(6), [200, 200, 200, 200, 200, 402]);
}

/// sendbolt: "a single-month overage credit".
#[test]
fn a_raise_is_over_with_its_month() {
    let month = "month --limit 1 --window month --unit calls --timezone UTC";
    let shop = Shop::open("2026-11-21T12:00:00Z", &[month]);
    assert_eq!(shop.calls(2), [200, 402]);
    shop.run("budget raise month --by 1");
    assert_eq!(shop.calls(2), [200, 402]);
    shop.clock.set("2026-12-01T00:00:05Z");
    assert_eq!(shop.server.read("/quota")["quota_total"], 1);
    assert_eq!(shop.calls(2), [200, 402]);
}

/// vertaaux: midnight UTC; sendbolt and trustleads: "the 1st of each month UTC"; callmine: "at your
/// billing anchor date. The block lifts automatically at reset; no action needed".
#[test]
fn a_block_lifts_by_itself_at_its_reset() {
    for (window, now, reset) in [
        ("day", "2026-11-21T12:00:00Z", "2026-11-22T00:00:00Z"),
        ("month", "2027-02-28T12:00:00Z", "2027-03-01T00:00:00Z"),
        ("month --anchor-day 15", "2026-11-14T12:00:00Z", "2026-11-15T00:00:00Z"),
        ("month --anchor-day 31", "2027-02-27T12:00:00Z", "2027-02-28T00:00:00Z"),
    ] {
        let what = format!("{window} at {now}");
        let budget = format!("b --limit 1 --unit calls --timezone UTC --window {window}");
        let shop = Shop::open(now, &[&budget]);
        assert_eq!(shop.calls(2), [200, 402], "{what}");
        let refusal = shop.call();
        assert_eq!(refusal.json()["reset_date"], reset, "{what}");
        let quota = shop.server.read("/quota");
        assert_eq!(quota["reset_date"], reset, "{what}");
        let blocked = json!([{"budget": "b", "reason": "quota_exceeded", "until": reset}]);
        assert_eq!(shop.server.read("/status")["blocked"], blocked, "{what}");

        let at: Instant = reset.parse().unwrap();
        let after = |seconds| (at + TimeDelta::seconds(seconds)).to_rfc3339();
        shop.clock.set(&after(-60));
        assert_eq!(shop.call().status, 402, "{what}: a minute before");
        shop.clock.set(&after(2));
        assert_eq!(shop.server.read("/status")["blocked"], json!([]), "{what}");
        assert_eq!(shop.call().status, 200, "{what}: nobody did anything");
    }
}

/// sendbolt: "402 when the rolling 30-day count meets or exceeds the tier limit".
#[test]
fn rolling_30_days_give_back_what_is_older() {
    let shop = Shop::open("2026-11-01T12:00:00Z", &["r --limit 2 --window 30d --unit calls"]);
    let call_at = |instant: &str| {
        shop.clock.set(instant);
        shop.call()
    };
    assert_eq!(call_at("2026-11-01T12:00:00Z").status, 200);
    assert_eq!(call_at("2026-11-11T12:00:00Z").status, 200);
    // What was spent within the same six hours leaves together, late and never early.
    for (still_counts, reset_earliest, reset_latest) in [
        ("2026-11-30T12:00:00Z", "2026-12-01T12:00:00Z", "2026-12-01T18:00:00Z"),
        ("2026-12-10T12:00:00Z", "2026-12-11T12:00:00Z", "2026-12-11T18:00:00Z"),
    ] {
        let refusal = call_at(still_counts);
        assert_eq!(refusal.status, 402, "{still_counts}: not with the month");
        let reset: Instant = refusal.json()["reset_date"].as_str().unwrap().parse().unwrap();
        let expected = reset_earliest.parse::<Instant>().unwrap()..=reset_latest.parse().unwrap();
        assert!(expected.contains(&reset), "{reset}");
        let after = |seconds| (reset + TimeDelta::seconds(seconds)).to_rfc3339();
        assert_eq!(call_at(&after(-60)).status, 402, "a minute before {reset}");
        assert_eq!(call_at(&after(2)).status, 200, "the oldest has left");
    }
}
