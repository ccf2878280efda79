//! The real desktop window, driven over WebDriver. `OUTLAY_DESKTOP_BIN` names the program.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use support::desktop::{self, Display};
use support::fake_provider::FakeProvider;
use support::outlay::{Home, target_dir};
use support::story::{chat, price_the_model};
use support::wait::eventually;
use support::webdriver::Browser;

#[test]
fn the_window_shows_todays_spend_without_a_login() {
    let Some(binary) = desktop::program() else { return };
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.02", "--window", "day"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);

    let display = Display::start();
    let window = Browser::desktop_window(&binary, &display, &home.desktop_environment());
    window.wait_for_value("today-cost", "0.002");
    assert!(window.url().starts_with("outlay-app://"), "{}", window.url());
    assert!(window.texts("login-hint").is_empty());
    window.wait_for("call-row", |_| true);
    assert_eq!(window.texts("call-row").len(), 1);

    // Another process spends; the window follows.
    assert_eq!(chat().send(server.address()).status, 200);
    window.wait_for_value("today-cost", "0.004");
    window.wait_for("budget-day", |text| text.contains("20.0%"));
    window.screenshot(&target_dir().join("screenshots/desktop.png"));

    // The page cannot be led away.
    drop(window.run("location.href = 'https://example.com/'; return 1"));
    window.wait_for_value("today-cost", "0.004");
    assert!(window.url().starts_with("outlay-app://"), "{}", window.url());

    // One proxy: the one that was there. When it ends the app meters calls, where tools send them.
    let address = server.address();
    let running = || -> serde_json::Value {
        let text = std::fs::read(home.data_dir().join("proxy.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let before = running();
    assert_eq!(before["address"], address.to_string());
    server.kill();
    eventually("the app takes over", || chat().try_send(address).is_ok().then_some(()));
    let after = running();
    assert_eq!(after["address"], address.to_string());
    assert_ne!(after["pid"], before["pid"]);
    window.wait_for_value("today-cost", "0.006");
    assert_eq!(home.calls_at_rest().len(), 3);
}
