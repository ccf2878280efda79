//! A browser, or the desktop window, driven over the W3C WebDriver protocol.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Request;
use crate::desktop::{Display, require};
use crate::wait::{PATIENCE, eventually};

/// A driver with one session.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    /// Whether it is no browser but a program of ours.
    is_program: bool,
    _profile: TempDir,
}

impl Browser {
    /// A headless Chromium with a profile of its own.
    #[must_use]
    pub fn chromium() -> Browser {
        require("chromedriver", "chromium-driver");
        require("chromium", "chromium");
        let profile = tempfile::tempdir().unwrap();
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,1000",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}});
        Browser::connect(driver, port, &capabilities, profile)
    }

    /// The desktop window of `binary`, on a display and with this environment.
    #[must_use]
    pub fn desktop_window(
        binary: &Path,
        display: &Display,
        environment: &[(String, String)],
    ) -> Browser {
        Browser::desktop_window_told(binary, display, environment, &[])
    }

    /// The same, of a program that is started with these arguments.
    #[must_use]
    pub fn desktop_window_told(
        binary: &Path,
        display: &Display,
        environment: &[(String, String)],
        arguments: &[&str],
    ) -> Browser {
        require("WebKitWebDriver", "webkit2gtk-driver");
        let port = free_port();
        let driver = Command::new("WebKitWebDriver")
            .arg(format!("--port={port}"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .envs(display.environment())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let options = json!({"binary": binary, "args": arguments});
        let capabilities = json!({"alwaysMatch": {"webkitgtk:browserOptions": options}});
        let profile = tempfile::tempdir().unwrap();
        let mut window = Browser::connect(driver, port, &capabilities, profile);
        window.is_program = true;
        window
    }

    /// The processes that the driver started, the program itself first.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut rest = children(self.driver.id());
        while let Some(id) = rest.pop() {
            found.push(id);
            rest.extend(children(id));
        }
        found
    }

    fn connect(driver: Child, port: u16, capabilities: &Value, profile: TempDir) -> Browser {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let (session, is_program) = (String::new(), false);
        let mut browser = Browser { driver, address, session, is_program, _profile: profile };
        eventually("the driver is ready", || {
            let answer = Request::get("/status").try_send(address).ok()?;
            (answer.json()["value"]["ready"] == true).then_some(())
        });
        let body = json!({"capabilities": capabilities});
        let value = browser.command("POST", "", &body).unwrap();
        browser.session = format!("/{}", value["sessionId"].as_str().unwrap());
        browser
    }

    /// Loads a page.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({"url": url})).unwrap();
    }

    /// The address shown.
    #[must_use]
    pub fn url(&self) -> String {
        let url = self.command("GET", "/url", &Value::Null).unwrap();
        url.as_str().unwrap().to_owned()
    }

    /// What a function body returns in the page.
    ///
    /// # Panics
    /// When the script throws.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": []})).unwrap()
    }

    /// What a function body hands to the function that is its last argument.
    ///
    /// # Panics
    /// When it never does.
    #[must_use]
    pub fn run_until_done(&self, script: &str, arguments: &[Value]) -> Value {
        let body = json!({ "script": script, "args": arguments });
        self.command("POST", "/execute/async", &body).unwrap()
    }

    /// The visible texts of the elements with this `data-testid`, white space collapsed.
    #[must_use]
    pub fn texts(&self, testid: &str) -> Vec<String> {
        let texts = self.run(&format!(
            "return [...document.querySelectorAll('[data-testid=\"{testid}\"]')]
                .map(e => e.innerText.replace(/\\s+/g, ' ').trim())"
        ));
        serde_json::from_value(texts).unwrap()
    }

    /// The `value` attributes of the elements with this `data-testid`: exact, where the text is
    /// rounded for the eye.
    #[must_use]
    pub fn values(&self, testid: &str) -> Vec<String> {
        let values = self.run(&format!(
            "return [...document.querySelectorAll('data[data-testid=\"{testid}\"]')]
                .map(e => e.value)"
        ));
        serde_json::from_value(values).unwrap()
    }

    /// Waits until the only element with this `data-testid` has this `value`.
    ///
    /// # Panics
    /// When it never does.
    pub fn wait_for_value(&self, testid: &str, wanted: &str) {
        let what = format!("the page shows {testid} {wanted}");
        eventually(&what, || (self.values(testid) == [wanted]).then_some(()));
    }

    /// Waits until an element with this `data-testid` has a text that satisfies `wanted`.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait_for(&self, testid: &str, wanted: impl Fn(&str) -> bool) -> String {
        let what = format!("the page shows {testid}");
        eventually(&what, || self.texts(testid).into_iter().find(|text| wanted(text)))
    }

    /// Saves a picture of the page as PNG.
    ///
    /// # Panics
    /// When the driver gives none.
    pub fn screenshot(&self, file: &Path) {
        let picture = self.command("GET", "/screenshot", &Value::Null).unwrap();
        let engine = base64::engine::general_purpose::STANDARD;
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, engine.decode(picture.as_str().unwrap()).unwrap()).unwrap();
    }

    /// Ends the program as the system does: its window would only be hidden by what ends a session.
    fn end_program(&self) {
        let Some(program) = children(self.driver.id()).into_iter().next() else { return };
        drop(Command::new("kill").args(["-TERM", &program.to_string()]).status());
        let stat = format!("/proc/{program}/stat");
        let has_ended = || std::fs::read_to_string(&stat).map_or(true, |it| it.contains(") Z "));
        let deadline = Instant::now() + PATIENCE;
        while !has_ended() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One request of the protocol, and its answer's value.
    pub(crate) fn command(&self, method: &str, route: &str, body: &Value) -> Result<Value, String> {
        let target = format!("/session{}{route}", self.session);
        let request = match method {
            "POST" => Request::post(&target, body),
            _ => Request::new(method, &target),
        };
        let answer = request.try_send(self.address).map_err(|error| error.to_string())?;
        let value = answer.json()["value"].clone();
        if answer.status == 200 { Ok(value) } else { Err(format!("{method} {route}: {value}")) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if self.is_program {
            self.end_program();
        }
        if !self.session.is_empty() {
            drop(self.command("DELETE", "", &Value::Null));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The processes that another one's threads started.
fn children(id: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|ids| ids.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
