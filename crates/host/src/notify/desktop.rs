//! The desktop's own notifications.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use notify_rust::Notification;
use outlay_core::alert::AlertKind;

use super::press::{Button, Press, buttons};
use super::{Channel, Note, Undelivered};

/// The icon that packages install.
const ICON: &str = "outlay-desktop";

/// The desktop entry that packages install: desktops keep a user's settings for notifications by it.
#[cfg(all(unix, not(target_os = "macos")))]
const ENTRY: &str = "Outlay";

/// The identifier of tauri.conf.json, which the shortcuts of Windows' installers carry.
#[cfg(windows)]
const APP_ID: &str = "dev.outlay.desktop";

/// So many notifications at once have somebody who waits for a press; further ones have no buttons.
const PRESSABLE_MAX: usize = 16;

/// So many of what is shown are remembered: a later number only comes within minutes.
const SHOWN_MAX: usize = 64;

/// The desktop's own notifications.
#[derive(Debug, Default)]
pub struct Desktop {
    press: Option<Press>,
    shown: HashMap<Topic, Shown>,
    waiting: Arc<AtomicUsize>,
}

/// What a notification is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    /// How a budget stands: only the latest of it is true, so it takes the place of the one before.
    Standing { budget: String },
    /// Something that happened: a later number of the same alert takes the place of the number before.
    Event { kind: Option<String>, subject: Option<String> },
}

/// A notification that was shown.
#[derive(Debug)]
struct Shown {
    /// Its number with the service that shows it.
    id: u32,
    /// Whether another is in its place: what is pressed there is no answer to this one.
    is_replaced: Arc<AtomicBool>,
}

/// How long it is shown that what was pressed is done.
#[cfg(all(unix, not(target_os = "macos")))]
const DONE_SHOWN_MS: i32 = 6_000;

impl Desktop {
    /// Notifications whose buttons do what `press` does; without it there are none.
    #[must_use]
    pub fn new(press: Option<Press>) -> Desktop {
        Desktop { press, ..Desktop::default() }
    }
}

impl Channel for Desktop {
    fn name(&self) -> &str {
        "desktop"
    }

    fn deliver(&mut self, note: &Note) -> Result<(), Undelivered> {
        let mut notification = ours();
        let service = Service::ask();
        notification.summary(&note.title).body(&service.text(&note.body));
        set_urgency(&mut notification, &note.severity);
        let topic = Topic::of(note);
        let earlier = self.shown.get(&topic).filter(|_| topic.takes_place(note));
        if let Some(earlier) = earlier {
            earlier.is_replaced.store(true, Ordering::Relaxed);
            notification.id(earlier.id);
        }
        let is_replaced = Arc::new(AtomicBool::new(false));
        let id = self.show(notification, note, &service, &is_replaced).map_err(|error| {
            let reason = untaken(&error.to_string());
            // Nobody wants to be shown later what a list has.
            Undelivered { reason, may_pass: false }
        })?;
        if self.shown.len() >= SHOWN_MAX {
            self.shown.clear();
        }
        self.shown.insert(topic, Shown { id, is_replaced });
        Ok(())
    }
}

impl Topic {
    fn of(note: &Note) -> Topic {
        let standings = [
            AlertKind::BudgetThreshold,
            AlertKind::BudgetRefused,
            AlertKind::BudgetOverrun,
            AlertKind::BackWithin,
        ];
        let is_standing = standings.iter().any(|kind| note.kind.as_deref() == Some(kind.as_str()));
        match &note.subject {
            Some(budget) if is_standing => Topic::Standing { budget: budget.clone() },
            subject => Topic::Event { kind: note.kind.clone(), subject: subject.clone() },
        }
    }

    fn takes_place(&self, note: &Note) -> bool {
        matches!(self, Topic::Standing { .. }) || note.attempts > 1
    }
}

/// One that says whose it is.
fn ours() -> Notification {
    let mut notification = Notification::new();
    notification.appname("Outlay").icon(ICON);
    #[cfg(all(unix, not(target_os = "macos")))]
    notification.hint(notify_rust::Hint::DesktopEntry(ENTRY.to_owned()));
    // Windows drops what an app sends that no shortcut names. Without an id it goes out as PowerShell's.
    #[cfg(windows)]
    if std::env::current_exe().is_ok_and(|program| is_installed(&program)) {
        notification.app_id(APP_ID);
    }
    notification
}

/// Whether an installer laid the program there: beside the app, and not in cargo's folder.
#[cfg(any(windows, test))]
fn is_installed(program: &std::path::Path) -> bool {
    let folder = program.parent().and_then(std::path::Path::file_name);
    let is_built = folder.is_some_and(|folder| folder == "debug" || folder == "release");
    !is_built && program.with_file_name("outlay-desktop.exe").is_file()
}

#[cfg(all(unix, not(target_os = "macos")))]
impl Desktop {
    /// Shows it with its buttons; its number.
    fn show(
        &self,
        mut notification: Notification,
        note: &Note,
        service: &Service,
        is_replaced: &Arc<AtomicBool>,
    ) -> notify_rust::error::Result<u32> {
        let pressing = self.press.as_ref().filter(|_| {
            service.has_actions && self.waiting.load(Ordering::Relaxed) < PRESSABLE_MAX
        });
        let Some(press) = pressing else { return notification.show().map(|handle| handle.id()) };
        let buttons = buttons(note);
        for button in &buttons {
            notification.action(button.key, &button.label);
        }
        let handle = notification.show()?;
        let id = handle.id();
        let (press, waiting) = (press.clone(), Arc::clone(&self.waiting));
        let is_replaced = Arc::clone(is_replaced);
        waiting.fetch_add(1, Ordering::Relaxed);
        let wait = move || {
            handle.wait_for_action(|key| {
                // One number may have two who wait for it.
                if !is_replaced.load(Ordering::Relaxed) {
                    pressed(&press, &buttons, key, id);
                }
            });
            waiting.fetch_sub(1, Ordering::Relaxed);
        };
        if std::thread::Builder::new().name("notification".into()).spawn(wait).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(id)
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
impl Desktop {
    /// Shows it; these systems tell nobody of a press.
    fn show(
        &self,
        notification: Notification,
        _note: &Note,
        _service: &Service,
        _is_replaced: &Arc<AtomicBool>,
    ) -> notify_rust::error::Result<u32> {
        notification.show().map(|_handle| 0)
    }
}

/// Whether a notification could be shown here, and by what.
///
/// # Errors
/// One sentence: why not.
#[cfg(all(unix, not(target_os = "macos")))]
pub fn service() -> Result<String, String> {
    notify_rust::get_server_information()
        .map(|server| format!("{} {}", server.name, server.version))
        .map_err(|error| {
            let said = error.to_string();
            no_session(&said).map_or(said, str::to_owned)
        })
}

/// Whether a notification could be shown here, and by what.
///
/// # Errors
/// Never: these systems bring a notification service of their own.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub fn service() -> Result<String, String> {
    Ok("the system's".to_owned())
}

/// Does what was pressed, and says in its place that it is done, or why not.
#[cfg(all(unix, not(target_os = "macos")))]
fn pressed(press: &Press, buttons: &[Button], key: &str, id: u32) {
    // Closing it is told as a press too.
    let Some(button) = buttons.iter().find(|button| button.key == key) else { return };
    let mut answer = ours();
    answer.id(id);
    match press.act(button.act.clone()) {
        // The dashboard that opened says it.
        Ok(None) => return,
        Ok(Some(done)) => {
            answer.summary(&done).timeout(DONE_SHOWN_MS);
            set_urgency(&mut answer, "info");
        }
        Err(reason) => {
            tracing::warn!("\"{}\" was pressed and not done: {reason}", button.label);
            answer.summary(&format!("Not done: {}", button.label));
            answer.body(&Service::ask().text(&reason));
        }
    }
    if let Err(error) = answer.show() {
        tracing::warn!("what came of \"{}\" could not be shown: {error}", button.label);
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn set_urgency(notification: &mut Notification, severity: &str) {
    notification.urgency(match severity {
        "critical" => notify_rust::Urgency::Critical,
        "warning" => notify_rust::Urgency::Normal,
        _ => notify_rust::Urgency::Low,
    });
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn set_urgency(_notification: &mut Notification, _severity: &str) {}

/// What the service that shows notifications can do.
#[derive(Debug, Default)]
struct Service {
    has_actions: bool,
    /// It takes a budget's name for markup.
    reads_markup: bool,
}

impl Service {
    #[cfg(all(unix, not(target_os = "macos")))]
    fn ask() -> Service {
        let capabilities = notify_rust::get_capabilities().unwrap_or_default();
        let has = |name: &str| capabilities.iter().any(|capability| capability == name);
        Service { has_actions: has("actions"), reads_markup: has("body-markup") }
    }

    #[cfg(not(all(unix, not(target_os = "macos"))))]
    fn ask() -> Service {
        Service::default()
    }

    /// The text, in the form that the service reads.
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.reads_markup { escape_markup(text).into() } else { text.into() }
    }
}

/// Why a notification was not shown, where the system said `error`.
fn untaken(error: &str) -> String {
    no_session(error).map_or_else(
        || format!("the desktop's notification service did not take it: {error}"),
        str::to_owned,
    )
}

/// In words that it is for want of a desktop; `None` where it is for something else.
fn no_session(error: &str) -> Option<&'static str> {
    // Neither names its own kind where no bus listens.
    let is_bus = error.contains("unix:") || error.contains("/bus") || error.contains("DBUS_");
    let is_away = ["No such file", "os error 2)", "Connection refused", "not set", "autolaunch"]
        .iter()
        .any(|part| error.contains(part));
    let found = is_bus && is_away;
    if found {
        tracing::debug!("no desktop session: {error}");
    }
    found.then_some("there is no desktop session to notify")
}

fn escape_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_installed_program_says_the_apps_id() {
        let folder = tempfile::tempdir().unwrap();
        for (name, with_the_app, expected) in
            [("Outlay", true, true), ("bin", false, false), ("release", true, false)]
        {
            let place = folder.path().join(name);
            std::fs::create_dir(&place).unwrap();
            if with_the_app {
                std::fs::write(place.join("outlay-desktop.exe"), "").unwrap();
            }
            assert_eq!(is_installed(&place.join("outlay.exe")), expected, "{name}");
        }
    }

    #[test]
    fn that_there_is_no_desktop_is_said_in_words() {
        let none = "there is no desktop session to notify";
        for (error, expected) in [
            (
                "failed to connect to unix:path=/run/user/0/bus: No such file or directory (os error 2)",
                none,
            ),
            ("failed to connect to unix:path=/tmp/bus: Connection refused (os error 111)", none),
            (
                "The name is not activatable",
                "the desktop's notification service did not take it: The name is not activatable",
            ),
            (
                "No such file or directory",
                "the desktop's notification service did not take it: No such file or directory",
            ),
        ] {
            assert_eq!(untaken(error), expected);
        }
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape_markup("a <b> & c"), "a &lt;b&gt; &amp; c");
    }
}
