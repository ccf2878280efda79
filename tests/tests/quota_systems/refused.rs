//! What a block stops, what it says, and what goes on beside it.

use serde_json::{Value, json};
use support::client::Request;
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::chat;

use crate::Shop;

const NOON: &str = "2026-11-21T12:00:00Z";

/// trustleads: "when both your monthly quota and credit balance are zero"; "the plan covers
/// baseline usage and the credits cover occasional spikes".
#[test]
fn credits_are_used_after_the_quota_and_only_both_gone_blocks() {
    let shop = Shop::open(NOON, &["month --limit 2 --window month --unit calls"]);
    shop.run("budget topup month --by 2");
    for (status, left, credits) in [(200, 1, 2), (200, 0, 2), (200, 0, 1), (200, 0, 0), (402, 0, 0)]
    {
        let answer = shop.call();
        assert_eq!(answer.status, status, "{}", answer.text());
        let quota = shop.server.read("/quota");
        assert_eq!(
            (&quota["quota_remaining"], &quota["credits_remaining"]),
            (&left.into(), &credits.into())
        );
        let state = &quota["budgets"][0]["state"];
        assert_eq!(state == "blocked", credits == 0, "{state}");
    }
}

/// callmine: "a reason field, an upgrade_options array with the monthly call counts they unlock,
/// an addon_available boolean"; trustleads: what is left of both, and the reset in RFC 3339.
#[test]
fn the_body_of_a_refusal_says_why_and_how_to_go_on() {
    let shop = Shop::open(NOON, &["month --limit 1 --window month --unit calls --timezone UTC"]);
    assert_eq!(shop.call().status, 200);
    let refusal = shop.call();
    assert_eq!(refusal.status, 402);
    let body = refusal.json();
    for (member, expected) in [
        ("reason", json!("quota_exceeded")),
        ("budget", json!("month")),
        ("limit", json!(1)),
        ("used", json!(1)),
        ("quota_remaining", json!(0)),
        ("credits_remaining", json!(0)),
        ("reset_date", json!("2026-12-01T00:00:00Z")),
        ("addon_available", json!(true)),
    ] {
        assert_eq!(body[member], expected, "{member}: {body:#}");
    }
    let options = body["options"].as_array().unwrap();
    let of = |action: &str| options.iter().find(|option| option["action"] == action).unwrap();
    assert_eq!(of("set")["limit"], 2, "what an upgrade unlocks");
    assert_eq!(of("topup")["command"], "outlay budget topup month --by 1");
    assert_eq!(of("wait")["until"], body["reset_date"]);
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("'month' of 1 call is used up"), "{message}");
}

/// trustleads: the `docs` of its body.
#[test]
fn the_link_of_a_refusal_opens_without_a_key() {
    let shop = Shop::open(NOON, &["day --limit 0 --window day"]);
    let link = shop.call().json()["docs"].as_str().unwrap().to_owned();
    let path = link.strip_prefix(&format!("http://{}", shop.server.address())).unwrap();
    let page = Request::get(path).send(shop.server.address());
    assert_eq!(page.status, 200);
    for part in ["A hard budget is used up", "outlay budget topup", "outlay wait"] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
}

/// The provider's page: "never silently retry"; sendbolt: "quota exhausted, don't retry".
#[test]
fn a_refusal_asks_for_no_retry() {
    let shop = Shop::open(NOON, &["day --limit 0 --window day"]);
    let refusal = shop.call();
    assert_eq!(refusal.status, 402);
    assert_eq!(refusal.header("x-should-retry"), Some("false"));
    assert_eq!(refusal.header("retry-after"), None);
    assert!(shop.provider.served().is_empty());
}

/// callmine: "existing reports: open, read, download; dashboards; settings; the audit log is
/// readable".
#[test]
fn what_reads_and_sets_works_while_blocked() {
    let shop = Shop::open(NOON, &["day --limit 0.002 --window day"]);
    assert_eq!(shop.calls(2), [200, 402]);
    for (line, part) in [
        ("status", "0.002"),
        ("report --by model", "0.002"),
        ("export --format csv", "settled"),
        ("export --format json", "settled"),
        ("calls", "quota_exceeded"),
        ("explain", "was refused"),
        ("budget show day", "blocked"),
        ("budget history day", "created"),
        ("alerts list", "day"),
        ("statusline", "0.002"),
        ("prices list", "story-model"),
        ("balance add openai 5", "openai"),
        ("budget set other --limit 1 --window week", "other"),
    ] {
        let printed = shop.run(line);
        assert!(printed.contains(part), "outlay {line}: {printed}");
    }
    for route in [
        "/status",
        "/quota",
        "/usage?by=day",
        "/calls",
        "/budgets/day/history",
        "/alerts",
        "/plans",
    ] {
        assert!(shop.server.read(route).is_object(), "{route}");
    }
    let page = Request::get("/").send(shop.server.address());
    assert_eq!((page.status, page.text().contains("<html")), (200, true));
    assert_eq!(shop.call().status, 402, "none of it lifted the block");
}

/// callmine: "schedules stay in place; new firings are skipped with a quota-exceeded entry in the
/// history; the schedule resumes once quota is available".
#[test]
fn skipped_work_is_recorded_and_the_schedule_goes_on() {
    let shop = Shop::open(NOON, &["day --limit 1 --window day --unit calls --timezone UTC"]);
    let nightly = chat().header("x-outlay-project", "nightly");
    for (instant, status) in [
        ("2026-11-21T13:00:00Z", 200),
        ("2026-11-21T14:00:00Z", 402),
        ("2026-11-21T15:00:00Z", 402),
        ("2026-11-22T00:00:05Z", 200),
    ] {
        shop.clock.set(instant);
        assert_eq!(nightly.send(shop.server.address()).status, status, "{instant}");
    }
    let calls = shop.home.calls_at_rest();
    let told: Vec<(&str, &str)> =
        calls.iter().map(|call| (&call["time"][..13], call["status"].as_str())).collect();
    assert_eq!(
        told,
        [
            ("2026-11-21T13", "settled"),
            ("2026-11-21T14", "refused"),
            ("2026-11-21T15", "refused"),
            ("2026-11-22T00", "settled"),
        ]
    );
    let rows = shop.server.read("/calls")["rows"].as_array().unwrap().clone();
    for skipped in rows.iter().filter(|row| row["status"] == "refused") {
        let why = ["refusal", "refused_by", "project", "cost_usd"].map(|name| &skipped[name]);
        assert_eq!(why, [&json!("quota_exceeded"), &json!("day"), &json!("nightly"), &Value::Null]);
    }
}

/// sendbolt: "skipped_suppressed does NOT count, only actual attempts".
#[test]
fn what_was_not_done_does_not_count() {
    let shop = Shop::open(NOON, &["day --limit 2 --window day --unit calls"]);
    let used = || shop.server.read("/quota")["quota_used"].clone();
    let without = chat().without(SCRIPT_HEADER);
    for act in [Act::RateLimit, Act::InsufficientQuota, Act::ServerError] {
        let script = Script { act, ..Script::default() };
        let answer = without.clone().json_header(SCRIPT_HEADER, &script);
        assert!(answer.send(shop.server.address()).status >= 400);
        assert_eq!(used(), 0, "{act:?}");
    }
    assert_eq!(Request::get("/openai/v1/models").send(shop.server.address()).status, 200);
    assert_eq!(used(), 0, "what costs nothing");
    assert_eq!(shop.calls(4), [200, 200, 402, 402]);
    assert_eq!(used(), 2, "what was refused");
    let totals = shop.server.read("/usage?by=day&since=2026-11-21");
    assert_eq!(totals["total"]["calls"], 2);
}

/// The provider's page: "hitting a project cap returns insufficient_quota even though the org has
/// plenty of headroom".
#[test]
fn a_projects_cap_stops_it_though_the_rest_has_room() {
    let all = "all --limit 100 --window month --unit calls";
    let project = "search --limit 1 --window month --unit calls --project search";
    let shop = Shop::open(NOON, &[all, project]);
    let of = |project: &str| chat().header("x-outlay-project", project).send(shop.server.address());
    assert_eq!((of("search").status, of("ads").status), (200, 200));
    let refusal = of("search");
    assert_eq!(refusal.status, 402);
    let body = refusal.json();
    assert_eq!(
        (&body["budget"], &body["scope"]),
        (&json!("search"), &json!({"project": "search"}))
    );
    assert_eq!(of("ads").status, 200);
    let quota = |route| shop.server.read(route)["quota_remaining"].clone();
    assert_eq!(
        (quota("/quota?project=search"), quota("/quota?project=ads")),
        (0.into(), 97.into())
    );
}
