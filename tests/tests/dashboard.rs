//! The dashboard in a real browser shows the same figures as the API.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server, target_dir};
use support::story::{chat, price_the_model};
use support::wait::eventually;
use support::webdriver::Browser;

#[test]
fn figures_equal_the_apis_and_a_block_is_shown() {
    let clock = Clock::at("2026-11-21T12:00:00Z");
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.02", "--window", "day"]);
    home.ok(&["balance", "add", "openai", "5"]);
    let server = home.serve();
    for _ in 0..7 {
        assert_eq!(chat().send(server.address()).status, 200);
    }
    let browser = Browser::chromium();
    open(&browser, &home);
    browser.wait_for_value("today-cost", "0.014");
    assert_figures(&browser, &server);
    assert!(banner(&browser).is_empty(), "70 % is no reason to warn");
    picture(&browser, "dashboard-fine");

    assert_eq!(chat().send(server.address()).status, 200);
    browser.wait_for_value("today-cost", "0.016");
    browser.wait_for("banner", |text| text.contains("day"));
    picture(&browser, "dashboard-warning");

    while chat().send(server.address()).status == 200 {}
    browser.wait_for_value("today-cost", "0.02");
    let blocked = browser.wait_for("banner", |text| text.to_lowercase().contains("refus"));
    assert!(blocked.contains("day"), "{blocked}");
    assert_figures(&browser, &server);
    let rows = browser.texts("call-row");
    assert!(rows.iter().any(|row| row.contains("Refused")), "{rows:?}");
    assert_eq!(rows.len(), 8, "the latest");
    picture(&browser, "dashboard-refusing");

    drop(browser.run(
        "document.querySelectorAll('[role=group] button').forEach(
            button => button.textContent.trim() == 'Table' && button.click())",
    ));
    for chart in ["chart-days", "chart-models"] {
        assert_eq!(browser.texts(chart).len(), 1, "{chart}");
        let table = browser.texts(&chart.replace("chart", "table")).concat();
        assert!(table.contains("0.02"), "{chart}'s table twin shows {table:?}");
    }
    go(&browser, "calls");
    eventually("all calls are there", || (browser.texts("call-row").len() == 11).then_some(()));
    let overflow = "return document.documentElement.scrollWidth > innerWidth";
    assert_eq!(browser.run(overflow), false, "the page scrolls sideways");
}

#[test]
fn limits_are_changed_and_explained_where_they_are_seen() {
    let clock = Clock::at("2026-11-21T12:00:00Z");
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    price_the_model(&home);
    home.ok(&["plan", "use", "solo"]);
    home.ok(&["budget", "set", "day", "--limit", "0.004"]);
    home.ok(&["budget", "set", "claude", "--limit", "1", "--window", "5h", "--client", "curl"]);
    let server = home.serve();
    while chat().send(server.address()).status == 200 {}
    let browser = Browser::chromium();
    open(&browser, &home);
    browser.wait_for("banner", |text| text.to_lowercase().contains("refus"));
    let press = |within: &str, label: &str| press(&browser, within, label);

    go(&browser, "calls?status=refused");
    browser.wait_for("call-row", |text| text.contains("Refused"));
    go(&browser, &format!("calls/{}", refused_call(&server)));
    let why = browser.wait_for("why", |text| text.contains("has too little left"));
    assert!(why.contains("'day' of $0.004 could not pay for it"), "{why}");
    picture(&browser, "dashboard-why");
    go(&browser, "budgets/day");
    press("actions-day", "Raise");
    picture(&browser, "dashboard-raise");

    press("actions-day", "Pause");
    press("actions-day", "1 hour");
    browser.wait_for("budget-day", |text| text.contains("Paused"));
    assert_eq!(chat().send(server.address()).status, 200);
    let until = server.read("/budgets/day")["paused_until"].to_string();
    assert!(until.contains("2026-11-21T13:0"), "{until}");
    press("actions-day", "Resume");
    browser.wait_for("budget-day", |text| text.contains("Refusing"));

    home.ok(&["bypass", "20m", "--why", "the release"]);
    let banner = browser.wait_for("banner", |text| text.contains("Limits are off"));
    assert!(banner.contains("the release"), "{banner}");
    drop(browser.run("scrollTo(0, 0)"));
    picture(&browser, "dashboard-bypassed");
    press("banner", "Let limits refuse again");
    browser.wait_for("banner", |text| text.to_lowercase().contains("being refused"));
    let history = home.json(&["budget", "history", "day"]);
    let last = history["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["action"], &last["actor"]), (&"bypass_ended".into(), &"api".into()));
}

#[test]
fn alerts_ring_and_are_acted_on_where_they_are_seen() {
    let clock = Clock::at("2026-11-21T12:00:00Z");
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_clock(&clock);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.004", "--window", "day"]);
    let server = home.serve();
    while chat().send(server.address()).status == 200 {}
    let browser = Browser::chromium();
    open(&browser, &home);
    let rings = |count: usize| {
        browser.wait_for("bell-number", |text| text == count.to_string());
        let name = "return document.querySelector('[data-testid=bell]').ariaLabel";
        assert!(browser.run(name).as_str().unwrap().starts_with(&format!("{count} alert")));
    };
    let refused = to_look_at(&server);
    assert!(refused >= 1, "a refusal is worth a look");
    rings(refused);
    // The stories' configuration shows nothing on a desktop.
    browser.wait_for("missed", |text| text.contains("Calls are refused by budget 'day'"));
    go(&browser, "alerts");
    picture(&browser, "dashboard-alerts");

    press(&browser, "alerts", "Allow");
    let told = browser.wait_for("alerts-told", |text| !text.is_empty());
    assert!(told.starts_with("Budget day may spend $0.00"), "{told}");
    assert_eq!(chat().send(server.address()).status, 200);
    assert_eq!(home.calls_at_rest().len(), 4);

    let before = to_look_at(&server);
    rings(before);
    press(&browser, "alerts", "Seen");
    assert!(before > 1, "one is left to ring for");
    rings(before - 1);
    assert_eq!(to_look_at(&server), before - 1);
    drop(browser.run("location.reload()"));
    rings(before - 1);

    home.ok(&["budget", "rm", "day"]);
    press(&browser, "alerts", "Allow");
    browser.wait_for("alerts-told", |text| text.contains("no budget 'day'"));
    press(&browser, "alerts", "Mark all as seen");
    browser.wait_for("alerts", |text| text.contains("Nothing to look at"));
    assert!(browser.texts("bell-number").is_empty());
    assert!(browser.texts("missed").is_empty());
}

#[test]
fn without_a_login_it_says_what_to_do() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let server = home.serve();
    let browser = Browser::chromium();
    browser.open(&format!("http://{}/", server.address()));
    browser.wait_for("login-hint", |text| text.contains("outlay dashboard"));
    assert!(browser.texts("today-cost").is_empty());
}

fn open(browser: &Browser, home: &Home) {
    let url = home.ok(&["dashboard", "--print"]);
    browser.open(url.trim());
    browser.wait_for("today-cost", |text| !text.is_empty());
    assert!(!browser.url().contains(['#', '=']), "the code stays in the address bar");
}

/// Opens a page by its address, as a link does.
fn go(browser: &Browser, path: &str) {
    drop(browser.run(&format!("location.hash = '#/{path}'")));
}

/// The id of the latest call that a limit refused.
fn refused_call(server: &Server) -> String {
    server.read("/calls?status=refused&limit=1")["rows"][0]["id"].as_str().unwrap().to_owned()
}

fn assert_figures(browser: &Browser, server: &Server) {
    let status = server.read("/status");
    for (testid, cost) in
        [("today-cost", &status["today"]["cost_usd"]), ("month-cost", &status["month"]["cost_usd"])]
    {
        assert_eq!(browser.values(testid), [cost.as_str().unwrap()], "{testid}");
    }
    let percent = format!("{:.1}%", status["budgets"][0]["percent"].as_f64().unwrap());
    let budget = browser.texts("budget-day").concat();
    assert!(budget.contains(&percent), "budget-day shows {budget:?}, not {percent}");
}

/// Alerts that somebody has still to look at.
fn to_look_at(server: &Server) -> usize {
    let alerts = server.read("/alerts");
    let is_open =
        |alert: &&Value| alert["acknowledged_at"].is_null() && alert["severity"] != "info";
    alerts["alerts"].as_array().unwrap().iter().filter(is_open).count()
}

/// Presses a button once it can be pressed.
fn press(browser: &Browser, within: &str, label: &str) {
    let script = format!(
        "const button = [...document.querySelectorAll('[data-testid=\"{within}\"] button')]
            .find(button => !button.disabled && button.textContent.trim().startsWith('{label}'));
         button?.click();
         return button !== undefined"
    );
    let what = format!("{label} can be pressed in {within}");
    eventually(&what, || (browser.run(&script) == true).then_some(()));
}

fn banner(browser: &Browser) -> Vec<String> {
    browser.texts("banner").into_iter().filter(|text| !text.is_empty()).collect()
}

fn picture(browser: &Browser, name: &str) {
    browser.screenshot(&target_dir().join("screenshots").join(format!("{name}.png")));
}
