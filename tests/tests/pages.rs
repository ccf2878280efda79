//! The dashboard's pages in Debian's Chromium, driven by Playwright: each page's main task, by mouse
//! and by keyboard, and what axe finds.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use support::month::Month;
use support::outlay::{binary, target_dir};

#[test]
fn each_page_does_its_task_and_is_open_to_everybody() {
    let month = Month::of(|home| home);
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let playwright = pages.join("node_modules/.bin/playwright");
    assert!(playwright.exists(), "run `npm ci` in tests/pages, as cargo xtask test does");
    // The commands that the pages' tests run live in the month's home.
    let mut command = Command::new(playwright);
    let home = month.home.command(&[]);
    command.envs(home.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Not in the browser, which is of today.
    for name in ["LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE"] {
        command.env_remove(name);
    }
    command.args(["test", "--config"]).arg(pages.join("playwright.config.ts"));
    command.env("OUTLAY_BIN", binary()).env("OUTLAY_PAGES_OUT", target_dir().join("pages"));
    let status = command.current_dir(&pages).status().unwrap();
    assert!(status.success(), "a page failed: the lines above say which");
}
