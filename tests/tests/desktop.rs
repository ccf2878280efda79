//! The real desktop window, driven over WebDriver. `OUTLAY_DESKTOP_BIN` names the program.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use support::desktop::Display;
use support::fake_provider::FakeProvider;
use support::outlay::{Home, target_dir};
use support::story::{chat, price_the_model};
use support::webdriver::Browser;

#[test]
fn the_window_shows_todays_spend_without_a_login() {
    let Some(binary) = std::env::var_os("OUTLAY_DESKTOP_BIN").map(PathBuf::from) else {
        println!("OUTLAY_DESKTOP_BIN names no program: the window was not tried");
        return;
    };
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.02", "--window", "day"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);

    let display = Display::start();
    let environment = [
        ("OUTLAY_DATA_DIR", home.data_dir()),
        ("OUTLAY_CONFIG", home.config_file()),
        ("HOME", home.path().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_str().unwrap().to_owned()));
    let window = Browser::desktop_window(&binary, &display, &environment);
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

    // What the tray may do the page may not.
    let told = window.run(
        "return window.__TAURI_INTERNALS__.invoke('plugin:autostart|enable')
            .then(() => 'done', refusal => String(refusal))",
    );
    let told = told.as_str().unwrap();
    assert!(told.contains("not allowed"), "{told}");
    assert!(!home.path().join(".config/autostart/Outlay.desktop").exists());

    // The page cannot be led away.
    drop(window.run("location.href = 'https://example.com/'; return 1"));
    window.wait_for_value("today-cost", "0.004");
    assert!(window.url().starts_with("outlay-app://"), "{}", window.url());
}
