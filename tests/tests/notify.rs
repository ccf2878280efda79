//! Desktop notifications, read back from a real notification daemon.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

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
    let home = display
        .environment()
        .iter()
        .fold(Home::new(&provider), |home, (name, value)| home.with_env(name, value));
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
