//! Each page's main task, done in the real desktop window as a user does it. What came of it is asked of
//! the command line and of files, not of the page. `OUTLAY_DESKTOP_BIN` names the program.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use chrono::Utc;
use serde_json::{Value, json};
use support::desktop::{self, Display};
use support::fake_provider::FakeProvider;
use support::month::calls_until;
use support::outlay::{Home, Server, target_dir};
use support::story::{chat, price_the_model};
use support::wait::eventually;
use support::webdriver::Browser;

/// As many as the API takes at once.
const AT_ONCE: usize = 500;
const ENTER: &str = "\u{e007}";
const TAB: &str = "\u{e004}";
/// A user's own settings of a tool, with a comment.
const CLAUDE: &str = "{\n    // mine\n    \"model\": \"opus\"\n}\n";

/// The window on a home's ledger.
struct Desk {
    window: Browser,
    home: Home,
    _display: Display,
}

impl Desk {
    fn open(binary: &Path, home: Home) -> Desk {
        let display = Display::start();
        let window = Browser::desktop_window(binary, &display, &home.desktop_environment());
        Desk { window, home, _display: display }
    }

    /// Goes to a page by the menu, and waits until it is there.
    fn go(&self, page: &str, title: &str) -> &Browser {
        self.window.press_in("menu", title);
        eventually(&format!("{page} is shown"), || {
            let shown = self.window.run("return document.querySelector('main')?.dataset.page");
            (shown == page).then_some(())
        });
        &self.window
    }

    fn picture(&self, name: &str) {
        self.window.screenshot(&target_dir().join(format!("screenshots/desktop-{name}.png")));
    }
}

/// Two months of calls until now, budgets of which one refuses, a balance, a tool.
fn with_data() -> (Home, Server, FakeProvider) {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    let told = home.path().join("told");
    let command = format!("command = \"cat >> '{}'\"", told.display());
    home.write_config(&format!("[notifications]\ndesktop = false\n{command}\n"));
    fs::create_dir_all(home.path().join("Downloads")).unwrap();
    fs::create_dir_all(home.path().join(".claude")).unwrap();
    fs::write(home.path().join(".claude/settings.json"), CLAUDE).unwrap();
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "12", "--window", "day"]);
    home.ok(&["budget", "set", "ci", "--limit", "0.004", "--window", "day", "--project", "ci"]);
    let server = home.serve();
    for calls in calls_until(Utc::now()).chunks(AT_ONCE) {
        let recorded = server.api("POST", "/calls", Some(&json!({ "calls": calls })));
        assert_eq!(recorded.status, 200, "{}", recorded.text());
    }
    let in_ci = || chat().header("x-outlay-project", "ci").send(server.address()).status;
    while in_ci() == 200 {}
    home.ok(&["balance", "set", "anthropic", "18.40"]);
    (home, server, provider)
}

#[test]
fn each_page_does_its_task_in_the_window() {
    let Some(binary) = desktop::program() else { return };
    let (home, server, _provider) = with_data();
    let desk = Desk::open(&binary, home);
    overview(&desk);
    calls(&desk);
    budgets(&desk);
    balances(&desk);
    reports(&desk);
    prices(&desk);
    alerts(&desk);
    tools(&desk, &server);
    settings(&desk);
}

fn overview(desk: &Desk) {
    let window = &desk.window;
    let status = desk.home.json(&["status"]);
    window.wait_for_value("today-cost", status["today"]["cost_usd"].as_str().unwrap());
    window.wait_for_value("month-cost", status["month"]["cost_usd"].as_str().unwrap());
    window.wait_for_words("budget-day", "of $12");
    window.wait_for_words("chart-models", "claude-sonnet-4-5");
    window.press_in("chart-days", "Project");
    let parts = window.wait_for_words("chart-models", "billing");
    assert!(parts.contains("search") && !parts.contains("claude"), "{parts}");
    window.press_in("chart-days", "Table");
    window.wait_for_words("table-days", "search");
    desk.picture("overview");
}

fn calls(desk: &Desk) {
    let window = desk.go("calls", "Calls");
    let all = desk.home.calls().len();
    window.wait_for_words("call-count", &format!("{} calls", grouped(all)));
    window.type_into("Find in model", "story-model");
    let few = desk.home.calls().iter().filter(|call| call["model"] == "story-model").count();
    window.wait_for_words("call-count", &format!("{few} calls"));
    window.choose("Status", "Done");
    window.wait_for_words("call-count", "2 calls");
    window.press_in("call-row", "");
    window.wait_for_words("call-detail", "story-model");
    let lines = window.wait_for_words("call-lines", "Total");
    assert!(lines.contains("200") && lines.contains("$10") && lines.contains("$0.002"), "{lines}");
    let id = window.url().rsplit_once('/').unwrap().1.to_owned();
    let cost = window.values("call-amount");
    let call = desk.home.calls().into_iter().find(|call| call["id"] == id).unwrap();
    assert_eq!(cost, [call["cost_usd"].clone()]);
    desk.picture("call");
    window.press("All calls");
    window.wait_for_words("call-count", "2 calls");

    // By keyboard alone, to the one that was refused.
    window.choose("Status", "Refused");
    window.wait_for_words("call-count", "1 call");
    let _ = window.run("document.querySelector('[data-testid=call-row]').focus(); return 1");
    window.key(ENTER);
    window.wait_for_words("why", "ci");
}

/// With commas, as the page writes it.
fn grouped(count: usize) -> String {
    match count {
        0..1_000 => count.to_string(),
        _ => format!("{},{:03}", count / 1_000, count % 1_000),
    }
}

fn budgets(desk: &Desk) {
    let window = desk.go("budgets", "Budgets");
    let of = |name: &str| {
        let listed = desk.home.json(&["budget", "list"]);
        let budgets = listed["budgets"].as_array().unwrap().clone();
        budgets.into_iter().find(|budget| budget["name"] == name)
    };
    window.press("New budget");
    window.type_into("Name", "spree");
    window.type_into("Limit", "0.50");
    window.wait_for_words("rehearsal", "would have refused");
    desk.picture("budget-new");
    window.press("Make budget");
    window.wait_for_words("budgets-told", "spree is made");
    let made = of("spree").unwrap();
    assert_eq!((&made["limit"], &made["kind"]), (&json!("0.50"), &json!("hard")));

    window.press_in("budget-spree", "spree");
    window.press("Raise…");
    window.type_into("By, in dollars", "2");
    window.press("Raise");
    window.wait_for_words("budget-told", "Raised by $2.00");
    assert_eq!(of("spree").unwrap()["limit"], "2.50");
    window.press("Pause…");
    window.press("1 hour");
    window.wait_for_words("budget-told", "refuses nothing for 1 hour");
    assert_eq!(of("spree").unwrap()["state"], "paused");
    window.press("Resume");
    window.wait_for_words("budget-told", "is resumed");
    assert_ne!(of("spree").unwrap()["state"], "paused");
    let history = desk.home.json(&["budget", "history", "spree"]);
    let done: Vec<&Value> =
        history["events"].as_array().unwrap().iter().map(|event| &event["actor"]).collect();
    assert!(done.iter().all(|actor| *actor == "desktop"), "{history}");
    window.press("Delete…");
    window.press("Delete budget");
    eventually("it is gone", || of("spree").is_none().then_some(()));
    window.wait_for_words("budgets-told", "spree is deleted");
}

fn balances(desk: &Desk) {
    let window = desk.go("balances", "Balances");
    let left = |account: &str| {
        let listed = desk.home.json(&["balance", "list"]);
        let balances = listed["balances"].as_array().unwrap();
        let found = balances.iter().find(|balance| balance["account"] == account);
        found.map(|balance| balance["remaining"].clone())
    };
    window.type_in("balance-anthropic", "What does the provider's page say?", "9.99");
    window.press_in("balance-anthropic", "Save");
    eventually("it is set", || (left("anthropic")? == "9.99").then_some(()));
    window.press("Add an account");
    window.type_into("Account", "deepseek");
    window.type_into("What its page says is left", "7.25");
    window.press("Save");
    eventually("it is added", || (left("deepseek")? == "7.25").then_some(()));
    window.wait_for_words("balance-deepseek", "$7.25");
    desk.picture("balances");
}

fn reports(desk: &Desk) {
    let window = desk.go("reports", "Reports");
    window.choose("and by", "Project");
    window.choose("Range", "This month");
    window.press("Compare with before");
    let table = window.wait_for_words("report-table", "Before");
    let report = desk.home.json(&["report", "--by", "model", "--by", "project"]);
    let rows = report["rows"].as_array().unwrap();
    window.wait_for_words("report-rows", &format!("{} rows", rows.len()));
    assert!(table.contains("claude-sonnet-4-5") && table.contains("billing"), "{table}");
    desk.picture("reports");
    window.press_in("export", "CSV");
    let told = window.wait_for_words("exported", "written to");
    let files = fs::read_dir(desk.home.path().join("Downloads")).unwrap();
    let file = files.map(|file| file.unwrap().path()).next().unwrap();
    assert!(told.contains(file.to_str().unwrap()), "{told}");
    let written = csv::Reader::from_path(&file).unwrap().into_records().count();
    assert!(told.contains(&format!("{} calls", grouped(written))), "{told}");
}

fn prices(desk: &Desk) {
    let window = desk.go("prices", "Prices");
    window.type_into("Search models", "gpt-5-mini");
    window.wait_for_words("price-row", "gpt-5-mini");
    window.press("Set a price…");
    window.type_into("Model", "house-7b");
    window.type_into("Input", "1.50");
    window.type_into("Output", "3");
    window.press("Set price");
    window.wait_for_words("prices-told", "house-7b");
    let price = desk.home.ok(&["prices", "show", "house-7b"]);
    assert!(price.contains("1.5") && price.contains('3'), "{price}");
}

fn alerts(desk: &Desk) {
    let window = desk.go("alerts", "Alerts");
    let open = || {
        let listed = desk.home.json(&["alerts", "list"]);
        let alerts = listed["alerts"].as_array().unwrap();
        alerts.iter().filter(|alert| alert["acknowledged_at"].is_null()).count()
    };
    let before = open();
    assert!(before > 0);
    window.press_in("alert", "Seen:");
    window.wait_for_words("alerts-told", "Seen:");
    assert_eq!(open(), before - 1);
    desk.picture("alerts");
}

fn tools(desk: &Desk, server: &Server) {
    let window = desk.go("tools", "Tools");
    let file = desk.home.path().join(".claude/settings.json");
    let text = || fs::read_to_string(&file).unwrap();
    window.press("Connect…");
    let base = format!("http://{}/anthropic", server.address());
    window.wait_for_words("diff", &base);
    assert_eq!(text(), CLAUDE, "shown, not written");
    desk.picture("tool");
    window.press("Write these changes");
    window.wait_for_words("tool-written", "is connected");
    assert!(text().contains(&base) && text().contains("// mine"), "{}", text());
    window.press("Done");
    window.press("Undo…");
    window.press("Put its settings back");
    window.wait_for_words("tool-written", "is as it was");
    assert_eq!(text(), CLAUDE);
    window.press("Done");
}

fn settings(desk: &Desk) {
    let window = desk.go("settings", "Settings");
    let config = || fs::read_to_string(desk.home.config_file()).unwrap();
    window.press_in("settings-notifications", "Send a test");
    window.wait_for_words("alert-test", "arrived");
    let told = fs::read_to_string(desk.home.path().join("told")).unwrap();
    assert!(told.contains("\"kind\":\"test\""), "{told}");
    window.type_into("Time zone", "Asia/Tokyo");
    window.key(TAB);
    window.wait_for_words("restart-needed", "saved");
    assert!(config().contains("\"Asia/Tokyo\""), "{}", config());
    window.press("Quiet hours");
    let quiet = "quiet_hours = \"22:00-07:00\"";
    eventually("quiet hours are written", || config().contains(quiet).then_some(()));
    desk.picture("settings");
}

#[test]
fn the_guide_leads_from_logs_to_limits() {
    let Some(binary) = desktop::program() else { return };
    let home = Home::bare();
    home.write_config("listen = \"127.0.0.1:0\"\n");
    write_log(&home);
    let desk = Desk::open(&binary, home);
    desk.window.wait_for("first-run", |_| true);
    let window = desk.go("start", "Getting started");
    window.wait_for_words("import-logs", "Claude Code");
    window.press("Import");
    window.wait_for_words("import-result", "12");
    assert_eq!(desk.home.calls().len(), 12);
    window.wait_for("start-month", |text| text.contains("claude-sonnet-4-5"));
    desk.picture("guide");
    window.press("Continue");
    window.type_into("A day, in dollars", "5");
    window.type_into("A month, in dollars", "80");
    window.press("Set these limits");
    eventually("they are set", || {
        let listed = desk.home.json(&["budget", "list"]);
        let budgets = listed["budgets"].as_array().unwrap();
        let limit = |name: &str| {
            budgets.iter().find(|budget| budget["name"] == name).map(|b| b["limit"].clone())
        };
        (limit("day")? == "5.00" && limit("month")? == "80.00").then_some(())
    });
    window.press("Continue");
    window.wait_for_words("start-tools", "Claude Code");
}

/// Twelve calls of Claude Code's in the last twelve hours.
fn write_log(home: &Home) {
    let folder = home.path().join(".claude/projects/-home-dev-site");
    fs::create_dir_all(&folder).unwrap();
    let lines = (0..12).map(|number| {
        let at = Utc::now() - chrono::TimeDelta::hours(12 - number);
        let line = json!({
            "parentUuid": null, "isSidechain": false, "type": "assistant", "uuid": format!("u{number}"),
            "message": {
                "id": format!("msg_{number}"), "type": "message", "role": "assistant",
                "model": "claude-sonnet-4-5", "content": [],
                "usage": {"input_tokens": 1_000, "output_tokens": 20_000 + number},
            },
            "requestId": format!("req_{number}"), "timestamp": at.to_rfc3339(),
            "cwd": "/home/dev/site", "sessionId": "session", "version": "2.1.330",
        });
        format!("{line}\n")
    });
    fs::write(folder.join("session.jsonl"), lines.collect::<String>()).unwrap();
}
