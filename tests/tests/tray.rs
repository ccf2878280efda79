//! The real tray, read and pressed over D-Bus as a panel does. `OUTLAY_DESKTOP_BIN` names the program.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;

use serde_json::json;
use support::client::Request;
use support::clipboard::pasted;
use support::desktop::{self, Display, require};
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::script::{Act, SCRIPT_HEADER, Script};
use support::story::{CHAT, MODEL, chat, chat_with, price_the_model};
use support::tray::{Panel, Row, TrayIcon};
use support::wait::eventually;

/// A desktop with a panel, and Outlay in its tray.
struct Desk<App> {
    app: App,
    icon: TrayIcon,
    display: Display,
    _panel: Panel,
}

/// The app where another process is the proxy; it is killed with the value.
struct Onlooker(Child);

impl Drop for Onlooker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts the app as the proxy; `None` where no program is named.
fn start(home: &Home) -> Option<Desk<Server>> {
    Desk::of(home, |command| home.serve_by(command).unwrap())
}

fn start_beside(home: &Home, _proxy: &Server) -> Option<Desk<Onlooker>> {
    Desk::of(home, |command| Onlooker(command.spawn().unwrap()))
}

impl<App> Desk<App> {
    fn of(home: &Home, start: impl FnOnce(&mut Command) -> App) -> Option<Desk<App>> {
        let binary = desktop::program()?;
        let display = Display::start();
        let panel = Panel::start(&display);
        let mut command = home.command_of(&binary, &["--listen", "127.0.0.1:0", "--in-tray"]);
        command.envs(display.environment()).env("XDG_RUNTIME_DIR", home.path());
        let app = start(&mut command);
        let icon = panel.icon();
        Some(Desk { app, icon, display, _panel: panel })
    }

    fn wait_for_row(&self, label: &str) -> Row {
        self.icon.wait_for(&format!("the menu says {label:?}"), |row| row.label == label)
    }

    /// Waits until the icon shows the picture of this name, to the pixel.
    fn wait_for_picture(&self, name: &str) {
        let wanted = pixels(&root().join(format!("src-tauri/icons/tray-{name}.png"))).unwrap();
        eventually(&format!("the icon shows {name}"), || {
            (pixels(&self.icon.picture())? == wanted).then_some(())
        });
    }

    /// The windows with this in their title.
    fn windows(&self, title: &str) -> Vec<String> {
        let words = ["search", "--onlyvisible", "--name", title];
        self.xdotool(&words).lines().map(str::to_owned).collect()
    }

    /// Clicks at the foot of a window, so many quarters of its width from the left: two buttons share
    /// it.
    fn click(&self, window: &str, quarters: u32) {
        let geometry = self.xdotool(&["getwindowgeometry", "--shell", window]);
        let size = |name: &str| -> u32 {
            let line = geometry.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {geometry}")).parse().unwrap()
        };
        let (x, y) = (size("WIDTH=") * quarters / 4, size("HEIGHT=") - 12);
        let place = [x.to_string(), y.to_string()];
        self.xdotool(&["mousemove", "--window", window, &place[0], &place[1], "click", "1"]);
    }

    fn xdotool(&self, words: &[&str]) -> String {
        let output =
            Command::new("xdotool").args(words).envs(self.display.environment()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A fingerprint of a picture's pixels; `None` while there is no such picture.
fn pixels(picture: &Path) -> Option<String> {
    require("identify", "imagemagick");
    let output = Command::new("identify").args(["-format", "%#"]).arg(picture).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

fn home(provider: &FakeProvider) -> Home {
    let home = Home::new(provider);
    price_the_model(&home);
    home
}

#[test]
fn a_refused_call_passes_after_a_click() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    home.ok(&["budget", "set", "day", "--limit", "0.004", "--window", "day", "--no-cap"]);
    home.ok(&["balance", "add", "openai", "12.40"]);
    let Some(desk) = start(&home) else { return };
    assert_eq!(desk.icon.label(), "$0.00");
    desk.wait_for_picture("fine");
    desk.wait_for_row("Today: $0.00, 0 calls");
    desk.wait_for_row("openai: $12.40 left");

    // An open menu stays open where only words change: its rows are the same ones.
    let ids = || -> Vec<i32> { desk.icon.menu().iter().map(|row| row.id).collect() };
    let before = ids();
    for _ in 0..2 {
        assert_eq!(chat().send(desk.app.address()).status, 200);
    }
    desk.wait_for_row("Today: <$0.01, 2 calls");
    desk.wait_for_row("day refuses: <$0.01 of $0.004, 100 %, resets 00:00");
    assert_eq!(ids(), before);
    let large = chat_with(&json!({"max_tokens": 400}));
    let refusal = large.send(desk.app.address());
    assert_eq!(refusal.status, 402);
    desk.wait_for_picture("refusing");
    desk.wait_for_row("Refusing calls: no room in day");
    eventually("the label follows", || (desk.icon.label() == "<$0.01").then_some(()));

    // What the refusal offers is what the tray offers: enough for the call, not only a third more.
    let command = refusal.json()["options"][0]["command"].as_str().unwrap().to_owned();
    let by = command.strip_prefix("outlay budget raise day --by ").unwrap();
    desk.icon.press(&format!("Allow ${by} more for day"));
    assert_ne!(ids(), before, "another item needs another menu");
    desk.wait_for_row("day: <$0.01 of $0.009, 44 %, resets 00:00");
    assert_eq!(chat().send(desk.app.address()).status, 200);
    let history = home.json(&["budget", "history", "day"]);
    let raised = history["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&raised["actor"], &raised["action"]), (&json!("desktop"), &json!("raised")));

    assert_eq!(large.send(desk.app.address()).status, 402);
    desk.icon.press("Pause all limits for an hour");
    desk.wait_for_row("Limits again");
    desk.wait_for_picture("warned");
    assert_eq!(large.send(desk.app.address()).status, 200);
    let bypass = &desk.app.read("/bypass")["bypass"];
    assert_eq!(bypass["actor"], "desktop");
    desk.icon.press("Limits again");
    desk.wait_for_picture("refusing");
    assert_eq!(chat().send(desk.app.address()).status, 402);
    assert!(desk.windows("Outlay").is_empty(), "no window was asked for");
}

#[test]
fn what_waits_and_what_is_down_has_a_shape_of_its_own() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    home.ok(&["budget", "set", "day", "--limit", "0.002", "--window", "day", "--no-cap"]);
    let server = home.serve();
    let Some(desk) = start_beside(&home, &server) else { return };
    desk.wait_for_picture("fine");

    let body = json!({
        "model": MODEL, "max_tokens": 198, "messages": [{"role": "user", "content": "Hello"}],
    });
    let script = Script { act: Act::Hang, ..Script::default() };
    let hangs = Request::post(CHAT, &body).json_header(SCRIPT_HEADER, &script);
    let address = server.address();
    let mut calls = Vec::new();
    for _ in 0..2 {
        let call = hangs.clone();
        calls.push(thread::spawn(move || drop(call.try_send(address))));
    }
    desk.wait_for_picture("waiting");
    desk.wait_for_row("Calls wait for day");
    desk.wait_for_row("day: $0.00 of $0.002, 0 %, 1 call waits, resets 00:00");

    server.kill();
    desk.wait_for_picture("down");
    desk.wait_for_row("No calls are metered: Outlay takes over in a moment");
    let copy = desk.wait_for_row("Copy base URL");
    assert!(!copy.is_enabled);
    for call in calls {
        call.join().unwrap();
    }

    // The app takes its place, at the same address.
    let can_be_copied = |row: &Row| row.label == "Copy base URL" && row.is_enabled;
    drop(desk.icon.wait_for("a base URL can be copied again", can_be_copied));
    assert_eq!(Request::get("/healthz").send(address).status, 200);
}

#[test]
fn the_other_items_do_what_they_say() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    let Some(desk) = start(&home) else { return };
    let display = desk.display.variable("DISPLAY");
    assert_eq!(pasted(&display), None);
    desk.icon.press("Copy base URL");
    let url = eventually("something is copied", || pasted(&display));
    assert_eq!(url, format!("http://{}", desk.app.address()));

    // What does not work is told, and the mark does not pretend.
    let folder = home.path().join(".config/autostart");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    require("xdotool", "xdotool");
    assert_eq!(desk.wait_for_row("Start at login").is_checked, Some(false));
    desk.icon.press("Start at login");
    eventually("it is told", || {
        let windows = desk.windows("Starting at login was not changed");
        windows.first().map(|window| desk.click(window, 2))
    });
    let mark = || desk.wait_for_row("Start at login").is_checked;
    eventually("the mark is gone", || (mark() == Some(false)).then_some(()));
    std::fs::remove_file(&folder).unwrap();

    let entry = folder.join("Outlay.desktop");
    desk.icon.press("Start at login");
    let told = eventually("it starts at login", || {
        std::fs::read_to_string(&entry).ok().filter(|told| !told.is_empty())
    });
    let arguments = format!(" --in-tray --data-dir={}", home.data_dir().display());
    assert!(told.contains(&arguments), "{told}");
    assert_eq!(mark(), Some(true));
    desk.icon.press("Start at login");
    eventually("it does not start at login", || (!entry.exists()).then_some(()));
    assert_eq!(mark(), Some(false));

    assert_eq!(desk.windows("^Outlay$").len(), 0);
    desk.icon.press("Open Outlay");
    eventually("the window is open", || (desk.windows("^Outlay$").len() == 1).then_some(()));
}

#[test]
fn quitting_asks_where_a_tool_would_be_left_alone() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    let Some(mut desk) = start(&home) else { return };
    require("xdotool", "xdotool");
    let named = chat().header("user-agent", "claude-cli/2.1.330 (external, cli)");
    assert_eq!(named.send(desk.app.address()).status, 200);
    let question = |desk: &Desk<Server>| {
        eventually("it is asked", || desk.windows("Quit Outlay").first().cloned())
    };

    desk.icon.press("Quit Outlay");
    let window = question(&desk);
    desk.click(&window, 3);
    eventually("the question is gone", || desk.windows("Quit Outlay").is_empty().then_some(()));
    assert_eq!(named.send(desk.app.address()).status, 200);

    desk.icon.press("Quit Outlay");
    let window = question(&desk);
    desk.click(&window, 1);
    eventually("it ends", || desk.app.has_ended().then_some(()));
}

#[test]
fn quitting_does_not_ask_where_nobody_called() {
    let provider = FakeProvider::start();
    let home = home(&provider);
    let Some(mut desk) = start(&home) else { return };
    desk.icon.press("Quit Outlay");
    eventually("it ends", || desk.app.has_ended().then_some(()));
}
