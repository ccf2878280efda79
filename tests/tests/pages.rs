//! The dashboard's pages in Debian's Chromium, driven by Playwright: each page's main task, by mouse
//! and by keyboard, and what axe finds. The specs are in `tests/pages`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::desktop::require;
use support::log_tree;
use support::month::Month;
use support::outlay::{Home, binary, target_dir};

#[test]
fn each_page_does_its_task_and_is_open_to_everybody() {
    require("chromium", "chromium");
    require("setpriv", "util-linux");
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let playwright = pages.join("node_modules/.bin/playwright");
    assert!(playwright.exists(), "run `npm ci` in tests/pages, as cargo xtask test does");

    // Specs that change something work on a copy, which wants a ledger that nobody writes.
    let month = Month::of(|home| home);
    let (_, said) = month.server.stop();
    assert!(!said.contains("panicked"), "{said}");
    let logs = Home::bare();
    assert!(!log_tree::write(logs.path(), 1).calls.is_empty());
    let bare = Home::bare();
    let home = month.home.command(&[]);
    // Its clock and its provider; each copy says by itself where it is.
    let environment: BTreeMap<_, _> = home
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
        .filter(|(name, _)| !["HOME", "OUTLAY_DATA_DIR", "OUTLAY_CONFIG"].contains(name))
        .collect();
    let prepared = json!({
        "binary": binary(),
        "environment": environment,
        "homes": {"month": month.home.path(), "logs": logs.path(), "bare": bare.path()},
    });

    let mut command = Command::new(playwright);
    command.args(["test", "--config"]).arg(pages.join("playwright.config.ts"));
    // Part of it, or other ways to run it: `OUTLAY_PAGES="budgets --headed"`.
    command.args(env::var("OUTLAY_PAGES").unwrap_or_default().split_whitespace());
    command.env("OUTLAY_PAGES_PREPARED", prepared.to_string());
    command.env("OUTLAY_PAGES_OUT", target_dir().join("pages"));
    let status = command.current_dir(&pages).status().unwrap();
    assert!(status.success(), "a page failed: the lines above say which");
}
