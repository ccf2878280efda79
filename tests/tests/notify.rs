//! Desktop notifications, read back from a real notification daemon.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use support::clock::Clock;
use support::desktop::{Display, Notification};
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::story::{chat, price_the_model};
use support::wait::eventually;

#[test]
fn each_threshold_is_told_once() {
    let mut display = Display::start();
    let shown = display.notifications();
    let provider = FakeProvider::start();
    let home = home_on(&display, &provider);
    home.write_config("[notifications]\ndesktop = true\n");
    price_the_model(&home);
    home.ok(&["budget", "set", "daily", "--limit", "0.01", "--window", "day", "--warn", "50,80"]);
    home.ok(&["balance", "add", "openai", "0.007"]);
    home.ok(&["balance", "warn", "openai", "0.002"]);
    let server = home.serve();
    let about = |word: &str, all: &[Notification]| {
        all.iter().filter(|one| format!("{} {}", one.summary, one.body).contains(word)).count()
    };

    for (calls, notifications) in [(2, 0), (1, 2), (1, 3)] {
        // 0.004: 40 %. 0.006: 60 %, and 0.001 of the balance left. 0.008: 80 %.
        for _ in 0..calls {
            assert_eq!(chat().send(server.address()).status, 200);
        }
        let all = shown.wait_for(notifications);
        assert_eq!(all.len(), notifications, "{all:?}");
        assert!(all.iter().all(|one| one.app == "Outlay"), "{all:?}");
    }
    let all = shown.all();
    assert_eq!((about("50", &all), about("80", &all)), (1, 1), "{all:?}");
    assert_eq!(about("openai", &all), 1, "{all:?}");

    assert_eq!(chat().send(server.address()).status, 200);
    for _ in 0..3 {
        assert_eq!(chat().send(server.address()).status, 402);
    }
    let all = eventually("the refusal is told", || {
        let all = shown.all();
        (about("refus", &all) > 0).then_some(all)
    });
    let told = all.len();
    assert_eq!(about("refus", &all), 1, "{all:?}");
    assert!(all.iter().any(|one| one.urgency == "CRITICAL"), "a refusal is urgent: {all:?}");

    // A restart does not tell it again.
    let (status, _) = server.stop();
    assert!(status.success());
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 402);
    home.ok(&["budget", "set", "other", "--limit", "0", "--window", "day", "--project", "p"]);
    home.ok(&["budget", "raise", "daily", "--by", "1"]);
    let other = chat().header("x-outlay-project", "p").send(server.address());
    assert_eq!(other.status, 402);
    let all = shown.wait_for(told + 1);
    assert_eq!((all.len(), about("other", &all)), (told + 1, 1), "{all:?}");
    let alerts = home.json(&["alerts", "list"]);
    assert!(alerts.to_string().contains("daily"), "{alerts}");
}

/// A home whose notifications go to `display`.
fn home_on(display: &Display, provider: &FakeProvider) -> Home {
    let environment = display.environment();
    environment.iter().fold(Home::new(provider), |home, (name, value)| home.with_env(name, value))
}

/// What `alerts test` says where it fails.
fn refusal(home: &Home) -> String {
    let output = home.cli(&["alerts", "test"]);
    assert_eq!(output.code, 1, "{}", output.stdout);
    output.stderr
}

#[test]
fn a_test_goes_through_the_whole_chain() {
    let provider = FakeProvider::start();
    let mut display = Display::start();
    let home = home_on(&display, &provider);
    home.write_config("[notifications]\ndesktop = true\n");
    let nobody = refusal(&home);
    assert!(nobody.contains("this command could not tell desktop"), "{nobody}");
    assert!(nobody.contains("start a notification service"), "{nobody}");

    let shown = display.notifications();
    let alone = home.ok(&["alerts", "test"]);
    assert!(alone.contains("desktop: delivered by this command and taken by"), "{alone}");
    assert_eq!(shown.wait_for(1)[0].summary, "Alerts reach you here");
    let server = home.serve();
    let served = home.ok(&["alerts", "test"]);
    assert!(served.contains("desktop: delivered by the running proxy"), "{served}");
    assert_eq!(shown.wait_for(2).len(), 2);
    drop(server);

    home.write_config("[notifications]\ndesktop = false\n");
    let off = refusal(&home);
    assert!(off.contains("set desktop = true under [notifications]"), "{off}");
}

#[test]
fn in_quiet_hours_only_what_is_critical_is_shown() {
    let provider = FakeProvider::start();
    let mut display = Display::start();
    let shown = display.notifications();
    // One o'clock in Berlin.
    let clock = Clock::at("2026-11-21T12:00:00Z");
    let home = home_on(&display, &provider).with_clock(&clock);
    let quiet = |hours: &str| {
        home.write_config(&format!("[notifications]\ndesktop = true\nquiet_hours = \"{hours}\"\n"));
    };
    quiet("12:00-14:00");
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.004", "--window", "day", "--warn", "50"]);
    let server = home.serve();
    // Half of the limit, all of it, and a refusal.
    for status in [200, 200, 402] {
        assert_eq!(chat().send(server.address()).status, status);
    }
    let urgent = eventually("the refusal is told", || {
        Some(shown.all()).filter(|all| all.iter().any(|one| one.summary.contains("refused")))
    });
    assert!(urgent.iter().all(|one| one.urgency == "CRITICAL"), "{urgent:?}");
    let waiting = |of: &str| {
        let alerts = home.json(&["alerts", "list"])["alerts"].as_array().unwrap().clone();
        let is_of = |alert: &&serde_json::Value| {
            alert["severity"] == of && alert["delivered_at"].is_null() && alert["error"].is_null()
        };
        alerts.iter().filter(is_of).count()
    };
    assert!(waiting("warning") >= 1);
    assert_eq!(waiting("critical"), 0);
    drop(server);

    quiet("14:00-12:00");
    let _server = home.serve();
    eventually("the rest is told afterwards", || (waiting("warning") == 0).then_some(()));
    assert!(shown.all().len() > urgent.len());
}

#[test]
fn pressing_allow_more_makes_the_next_call_pass() {
    let provider = FakeProvider::start();
    let mut display = Display::start();
    let shown = display.notifications();
    let home = home_on(&display, &provider);
    home.write_config("[notifications]\ndesktop = true\n");
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.002", "--window", "day", "--warn", "100"]);
    let server = home.serve();
    for status in [200, 402] {
        assert_eq!(chat().send(server.address()).status, status);
    }
    eventually("the refusal is shown", || {
        shown.all().iter().any(|one| one.summary.contains("refused")).then_some(())
    });
    let offered = shown.press("Allow $0.002 more");
    for label in ["Open", "Allow until midnight"] {
        assert!(offered.contains(label), "{offered}");
    }
    eventually("the budget is raised", || {
        home.ok(&["budget", "history", "day"]).contains("desktop").then_some(())
    });
    eventually("what came of it is shown", || {
        shown.all().iter().any(|one| one.summary.contains("may spend $0.002 more")).then_some(())
    });
    for status in [200, 402] {
        assert_eq!(chat().send(server.address()).status, status);
    }
    eventually("the second refusal is shown", || {
        let all = shown.all();
        (all.iter().filter(|one| one.summary.contains("refused")).count() == 2).then_some(())
    });
    drop(shown.press("Allow until midnight"));
    eventually("the budget is paused", || {
        home.ok(&["budget", "list"]).contains("paused").then_some(())
    });
    for _ in 0..3 {
        assert_eq!(chat().send(server.address()).status, 200);
    }
}
