//! The browser and desktop doubles themselves.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use support::clock::Clock;
use support::desktop::{Display, require};
use support::webdriver::Browser;

#[test]
fn chromium_shows_a_page_and_its_texts() {
    let browser = Browser::chromium();
    let page = "data:text/html,<p data-testid=a>one</p><p data-testid=a> t w  o </p>";
    browser.open(page);
    assert_eq!(browser.texts("a"), ["one", "t w o"]);
    assert_eq!(browser.wait_for("a", |text| text.starts_with('t')), "t w o");
    browser.open("data:text/html,<data data-testid=cost value=0.0149>$0.01</data>");
    browser.wait_for_value("cost", "0.0149");
    assert_eq!(browser.run("return 1 + 1"), 2);
    assert!(browser.url().starts_with("data:"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/picture.png");
    browser.screenshot(&file);
    assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_notification_is_read_back() {
    require("gdbus", "libglib2.0-bin");
    let mut display = Display::start();
    let shown = display.notifications();
    let destination = "org.freedesktop.Notifications";
    let sent = Command::new("gdbus")
        .args(["call", "--session", "--dest", destination])
        .args(["--object-path", "/org/freedesktop/Notifications"])
        .args(["--method", "org.freedesktop.Notifications.Notify", "Outlay", "0", ""])
        .args(["Budget 'day'", "You've spent\n$4.00", "[]", "{'urgency': <byte 2>}", "0"])
        .envs(display.environment())
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let one = &shown.wait_for(1)[0];
    assert_eq!((one.summary.as_str(), one.app.as_str()), ("Budget 'day'", "Outlay"));
    assert_eq!((one.body.as_str(), one.urgency.as_str()), ("You've spent\n$4.00", "CRITICAL"));
}

#[test]
fn the_clock_moves_while_a_process_runs() {
    let clock = Clock::at("2026-11-18T12:00:00Z");
    let now = || {
        let date = Command::new("date").args(["-u", "+%F"]).envs(clock.environment()).output();
        String::from_utf8(date.unwrap().stdout).unwrap().trim().to_owned()
    };
    assert_eq!(now(), "2026-11-18");
    let running = Command::new("sh")
        .args(["-c", "read go; date -u +%FT%H"])
        .envs(clock.environment())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    clock.set("2027-02-03T04:05:06Z");
    let output = running.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "2027-02-03T04");
}
