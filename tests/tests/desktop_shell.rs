//! What is around the pages of the desktop app: links, where its window stands, what its page may not do.
//! `OUTLAY_DESKTOP_BIN` names the program.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use support::desktop::{self, Display, require};
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::story::{chat, price_the_model};
use support::wait::eventually;
use support::webdriver::Browser;

/// As large as [`Display`] makes its screen.
const SCREEN: (i32, i32) = (1280, 1000);
/// Three windows that open at once on two cores keep each other waiting longer than a test waits.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn with_a_call() -> (Home, String) {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    home.write_config("listen = \"127.0.0.1:0\"\n");
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "5", "--window", "day"]);
    let server = home.serve();
    assert_eq!(chat().send(server.address()).status, 200);
    let id = home.calls_at_rest()[0]["id"].clone();
    drop(server.stop());
    (home, id)
}

/// A launch of the app, in the environment of a home and on a display.
fn launch(binary: &Path, home: &Home, display: &Display, words: &[&str]) -> Command {
    let mut command = home.command_of(binary, words);
    command.envs(display.environment()).env("XDG_RUNTIME_DIR", home.path());
    command.stdout(Stdio::null());
    command
}

#[test]
fn a_link_selects_a_page_and_does_nothing_else() {
    let Some(binary) = desktop::program() else { return };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (home, id) = with_a_call();
    let display = Display::start();
    let environment = home.desktop_environment();
    let told = ["outlay://budgets/day"];
    let window = Browser::desktop_window_told(&binary, &display, &environment, &told);
    let at = |route: &str| {
        eventually(&format!("the window is at {route}"), || {
            window.url().ends_with(&format!("/#{route}")).then_some(())
        });
    };
    at("/budgets/day");
    window.wait_for_words("budget-day", "of $5");

    // A second launch hands its link over and ends; the page stays the same one.
    let _ = window.run("window.before = true; return 1");
    let follow = |link: &str| {
        let status = launch(&binary, &home, &display, &[link]).status().unwrap();
        assert!(status.success(), "{link}: {status}");
    };
    follow(&format!("outlay://calls/{id}"));
    at(&format!("/calls/{id}"));
    window.wait_for_words("call-detail", "$0.002");
    assert_eq!(window.run("return window.before"), true);

    for link in [
        "outlay://budgets?new=1",
        "outlay://calls/..%2F..%2Fbypass",
        "outlay://calls/'-alert(1)-'",
        "outlay://evil.example/calls",
        "https://example.com/",
        "javascript://calls",
    ] {
        follow(link);
    }
    // It came after those, so none of them is still to come.
    follow("outlay://reports");
    at("/reports");
    assert_eq!(window.run("return [window.before, history.length]"), json!([true, 3]));
    assert!(home.json(&["bypass"])["bypass"].is_null());
    drop(window);

    // The page last shown, where no link names another one.
    let window = Browser::desktop_window(&binary, &display, &environment);
    window.wait_for("report-table", |_| true);
    assert!(window.url().ends_with("#/reports"), "{}", window.url());
}

#[test]
fn the_page_can_neither_leave_nor_load_nor_command() {
    let Some(binary) = desktop::program() else { return };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (home, _) = with_a_call();
    let display = Display::start();
    let window = Browser::desktop_window(&binary, &display, &home.desktop_environment());
    window.wait_for_value("today-cost", "0.002");

    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = format!("http://{}", elsewhere.local_addr().unwrap());
    let tried = window.run_until_done(
        "const [address, done] = arguments;
         const policy = [];
         document.addEventListener('securitypolicyviolation', (event) => policy.push(event.effectiveDirective));
         const add = (tag, fields) => document.body.append(Object.assign(document.createElement(tag), fields));
         add('img', { src: address + '/picture' });
         add('script', { src: address + '/script' });
         add('script', { textContent: 'window.inlined = true' });
         add('iframe', { src: address + '/frame' });
         add('link', { rel: 'stylesheet', href: address + '/style' });
         let evaluated = 'yes';
         try { new Function('return 1')() } catch { evaluated = 'no' }
         const fetched = fetch(address + '/data').then(() => 'yes', () => 'no');
         fetched.then((fetched) => setTimeout(() => done({
           evaluated, fetched, inlined: window.inlined === true, policy: [...new Set(policy)].sort(),
         }), 300));",
        &[json!(address)],
    );
    assert_eq!(
        tried,
        json!({
            "evaluated": "no", "fetched": "no", "inlined": false,
            "policy": ["connect-src", "frame-src", "img-src", "script-src", "script-src-elem", "style-src-elem"],
        })
    );
    assert!(elsewhere.accept().is_err(), "something was loaded from elsewhere");

    let commands = [
        "plugin:app|version",
        "plugin:autostart|enable",
        "plugin:event|listen",
        "plugin:path|resolve_directory",
        "plugin:webview|create_webview_window",
        "plugin:window|close",
        "plugin:window-state|save_window_state",
    ];
    let told = window.run_until_done(
        "const [commands, done] = arguments;
         Promise.all(commands.map((command) => window.__TAURI_INTERNALS__.invoke(command, {})
           .then(() => 'done', (refusal) => String(refusal)))).then(done);",
        &[json!(commands)],
    );
    for (command, told) in commands.iter().zip(told.as_array().unwrap()) {
        assert!(told.as_str().unwrap().contains("not allowed"), "{command}: {told}");
    }
}

/// The app without a driver; ended with the value.
struct Running<'a> {
    child: Child,
    display: &'a Display,
}

impl Running<'_> {
    /// Where the window is, and how large; `None` while there is none.
    fn seen(&self) -> Option<[i32; 4]> {
        let id = self.xdotool(&["search", "--onlyvisible", "--name", "^Outlay$"]);
        let told = self.xdotool(&["getwindowgeometry", "--shell", id.lines().next()?]);
        let field =
            |name: &str| told.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
        Some([field("X=")?, field("Y=")?, field("WIDTH=")?, field("HEIGHT=")?])
    }

    fn put(&self, [x, y, width, height]: [i32; 4]) {
        let id = self.xdotool(&["search", "--onlyvisible", "--name", "^Outlay$"]);
        let id = id.lines().next().unwrap();
        self.xdotool(&["windowsize", id, &width.to_string(), &height.to_string()]);
        self.xdotool(&["windowmove", id, &x.to_string(), &y.to_string()]);
    }

    fn xdotool(&self, words: &[&str]) -> String {
        require("xdotool", "xdotool");
        let output = Command::new("xdotool").args(words).envs(self.display.environment()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    /// As the system ends programs when its user logs out.
    fn end(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        eventually("the app ends", || self.child.try_wait().unwrap());
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the window is at {:?}, the app {:?}", self.seen(), self.child.try_wait());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_window_is_found_where_it_was_left() {
    let Some(binary) = desktop::program() else { return };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (home, _) = with_a_call();
    let display = Display::start();
    let start = || {
        let child = launch(&binary, &home, &display, &[]).spawn().unwrap();
        Running { child, display: &display }
    };
    let first = start();
    eventually("it has its first size", || (first.seen()?[2..] == [1120, 800]).then_some(()));
    let left = [90, 120, 760, 620];
    first.put(left);
    eventually("it was moved", || (first.seen()? == left).then_some(()));
    first.end();

    let file = home.data_dir().join("window.json");
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!((&kept["main"]["width"], &kept["main"]["x"]), (&json!(760), &json!(90)), "{kept}");
    let second = start();
    eventually("it is where it was left", || (second.seen()? == left).then_some(()));
    second.end();

    // Its screen is gone, or all that can be seen of it is a sliver.
    for (x, y) in [(9000, 120), (1270, 120), (90, -600)] {
        let mut moved = kept.clone();
        moved["main"]["x"] = json!(x);
        moved["main"]["y"] = json!(y);
        fs::write(&file, moved.to_string()).unwrap();
        let app = start();
        eventually(&format!("it is brought back from {x}, {y}"), || {
            let [x, y, width, height] = app.seen()?;
            let is_whole = x >= 0 && y >= 0 && x + width <= SCREEN.0 && y + height <= SCREEN.1;
            is_whole.then_some(())
        });
        app.end();
    }

    // A file that holds nothing of use is no reason not to open.
    fs::write(&file, "{ broken").unwrap();
    let last = start();
    eventually("it has its first size again", || (last.seen()?[2..] == [1120, 800]).then_some(()));
    last.end();
    home.ok(&["uninstall", "--purge", "--yes"]);
    assert!(!file.exists());
}

#[test]
fn webkit_is_told_how_to_paint_and_to_hold_little_unless_its_user_has_said_otherwise() {
    const TOLD: [(&str, &str, &str); 4] = [
        ("WEBKIT_DISABLE_COMPOSITING_MODE", "1", "0"),
        ("JSC_useDFGJIT", "0", "1"),
        ("JSC_largeHeapSize", "4000000", "32000000"),
        ("JSC_forceRAMSize", "134217728", "8000000000"),
    ];
    let Some(binary) = desktop::program() else { return };
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (home, _) = with_a_call();
    let display = Display::start();
    let said_by_the_user: [&[usize]; 3] = [&[], &[0], &[0, 1, 2, 3]];
    for said in said_by_the_user {
        let mut command = launch(&binary, &home, &display, &[]);
        for (at, (variable, _, wanted)) in TOLD.iter().enumerate() {
            command.env_remove(variable).envs(said.contains(&at).then_some((variable, wanted)));
        }
        let app = Running { child: command.spawn().unwrap(), display: &display };
        eventually("it has a window", || app.seen());
        let surroundings = format!("/proc/{}/environ", app.child.id());
        let held = fs::read_to_string(surroundings).unwrap();
        for (at, (variable, usual, wanted)) in TOLD.iter().enumerate() {
            let value = if said.contains(&at) { wanted } else { usual };
            let expected = format!("{variable}={value}");
            assert!(held.split('\0').any(|variable| variable == expected), "{said:?}: {held}");
        }
        app.end();
    }
}
