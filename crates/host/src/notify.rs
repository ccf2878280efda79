//! Delivers alerts to the desktop: each once, by whichever process claims it first.

mod note;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::ledger::{AlertView, Ledger, LedgerError};
use outlay_core::report;

pub use self::note::Note;
use crate::config::Config;
use crate::quiet::QuietHours;
use crate::zone;

/// How often to look for alerts of other processes.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long to leave the ledger alone between two looks, however much changes.
const PAUSE: Duration = Duration::from_millis(200);
/// Undelivered alerts are among the latest; older ones were given up long ago.
const LOOK_BACK: u32 = 100;
/// An alert that nobody delivered for this long tells no news any more.
const STALE_AFTER: TimeDelta = TimeDelta::hours(24);

/// The current instant.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The way to the user.
pub trait Delivery: Send {
    /// Shows the note.
    ///
    /// # Errors
    /// One sentence: why it could not be shown.
    fn deliver(&self, note: &Note) -> Result<(), String>;
}

/// How and when alerts reach the user.
pub struct Manner {
    /// The way to the user.
    pub delivery: Box<dyn Delivery>,
    /// When only what is critical is told, and in which zone; the rest is told afterwards.
    pub quiet: Option<(QuietHours, Tz)>,
}

/// The desktop's own notifications.
#[derive(Debug, Default)]
pub struct Desktop;

/// Where notifications are turned off: alerts are recorded, and shown in lists only.
#[derive(Debug, Default)]
pub struct Silent;

/// Wakes a [`Notifier`]. Made before the ledger, whose changes are to wake it.
#[derive(Clone, Debug)]
pub struct Waker(SyncSender<Signal>);

/// The thread that delivers. Ends when it is dropped, after one last look.
#[derive(Debug)]
pub struct Notifier {
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Signal {
    Changed,
    Stop,
}

/// The two ends between who wakes and who delivers.
#[must_use]
pub fn channel() -> (Waker, Woken) {
    // One signal that waits is enough: a look sees everything.
    let (sender, receiver) = sync_channel(1);
    (Waker(sender), Woken(receiver))
}

/// The receiving end of a [`Waker`].
#[derive(Debug)]
pub struct Woken(Receiver<Signal>);

impl Waker {
    /// Something may have happened. Returns at once.
    pub fn wake(&self) {
        match self.0.try_send(Signal::Changed) {
            // Full: it will look anyway. Closed: nobody delivers any more.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Notifier {
    /// Starts to deliver the ledger's alerts.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        ledger: Ledger,
        manner: Manner,
        clock: Clock,
        channel: (Waker, Woken),
    ) -> std::io::Result<Notifier> {
        let (waker, woken) = channel;
        let thread = std::thread::Builder::new().name("notifier".into()).spawn(move || {
            loop {
                let signal = woken.0.recv_timeout(LOOK_EVERY);
                if let Err(error) = deliver_all(&ledger, &manner, &clock) {
                    tracing::warn!("alerts could not be delivered: {error}");
                }
                match signal {
                    Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    Ok(Signal::Changed) | Err(RecvTimeoutError::Timeout) => {}
                }
                std::thread::sleep(PAUSE);
            }
        })?;
        Ok(Notifier { waker, thread: Some(thread) })
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        // Waits for room where a change is still to be looked at.
        let stopped = self.waker.0.send(Signal::Stop);
        if let (Ok(()), Some(thread)) = (stopped, self.thread.take()) {
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Manner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manner").field("quiet", &self.quiet).finish_non_exhaustive()
    }
}

impl Manner {
    /// As the configuration wants it.
    #[must_use]
    pub fn configured(config: &Config) -> Manner {
        let delivery: Box<dyn Delivery> =
            if config.desktop_notifications { Box::new(Desktop) } else { Box::new(Silent) };
        let zone = config.timezone.unwrap_or_else(zone::system);
        Manner { delivery, quiet: config.quiet_hours.map(|hours| (hours, zone)) }
    }

    fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        self.quiet.is_some_and(|(hours, zone)| hours.is_now(now, zone))
    }
}

/// Delivers what is undelivered, once, and records how it went. In quiet hours what is not critical
/// stays for later.
///
/// # Errors
/// When the ledger cannot be read or written.
pub fn deliver_all(ledger: &Ledger, manner: &Manner, clock: &Clock) -> Result<(), LedgerError> {
    let is_quiet = manner.is_quiet(clock());
    // A look costs no commit; a claim does, and a commit would call for the next look.
    let waits = |alert: &AlertView| {
        let is_told_now = !is_quiet || alert.severity == "critical";
        alert.delivered_at.is_none() && alert.error.is_none() && is_told_now
    };
    if !report::alerts(ledger, LOOK_BACK)?.iter().any(waits) {
        return Ok(());
    }
    let claimed = match is_quiet {
        true => ledger.claim_critical_alerts(clock()).wait()?,
        false => ledger.claim_alerts(clock()).wait()?,
    };
    let is_stale = |alert: &AlertView| clock() - alert.time > STALE_AFTER;
    let (stale, news): (Vec<_>, Vec<_>) = claimed.into_iter().partition(is_stale);
    for alert in stale {
        let reason = "it was more than a day old when it could be told".to_owned();
        ledger.alert_delivered(alert.id, Err(reason), clock()).wait()?;
    }
    for note in note::notes(news) {
        let outcome = manner.delivery.deliver(&note);
        if let Err(reason) = &outcome {
            tracing::warn!("the alert \"{}\" was not shown: {reason}", note.title);
        }
        for alert in note.alerts {
            ledger.alert_delivered(alert, outcome.clone(), clock()).wait()?;
        }
    }
    Ok(())
}

impl Delivery for Silent {
    fn deliver(&self, _note: &Note) -> Result<(), String> {
        Err("desktop notifications are turned off in outlay.toml".to_owned())
    }
}

impl Delivery for Desktop {
    fn deliver(&self, note: &Note) -> Result<(), String> {
        let mut notification = notify_rust::Notification::new();
        notification.appname("Outlay").summary(&note.title).body(&body(note)).icon("outlay");
        set_urgency(&mut notification, &note.severity);
        notification
            .show()
            .map(drop)
            .map_err(|error| format!("the desktop's notification service did not take it: {error}"))
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
        .map_err(|error| error.to_string())
}

/// Whether a notification could be shown here, and by what.
///
/// # Errors
/// Never: these systems bring a notification service of their own.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub fn service() -> Result<String, String> {
    Ok("the system's".to_owned())
}

#[cfg(all(unix, not(target_os = "macos")))]
fn set_urgency(notification: &mut notify_rust::Notification, severity: &str) {
    notification.urgency(match severity {
        "critical" => notify_rust::Urgency::Critical,
        "warning" => notify_rust::Urgency::Normal,
        _ => notify_rust::Urgency::Low,
    });
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn set_urgency(_notification: &mut notify_rust::Notification, _severity: &str) {}

/// The text, in the form that the service reads: some take a budget's name for markup.
#[cfg(all(unix, not(target_os = "macos")))]
fn body(note: &Note) -> String {
    let capabilities = notify_rust::get_capabilities().unwrap_or_default();
    if capabilities.iter().any(|capability| capability == "body-markup") {
        escape_markup(&note.body)
    } else {
        note.body.clone()
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn body(note: &Note) -> String {
    note.body.clone()
}

#[cfg(any(test, all(unix, not(target_os = "macos"))))]
fn escape_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use outlay_core::ledger::{Opening, Role};
    use outlay_core::money::Money;

    use super::*;

    struct Recorded {
        shown: Arc<Mutex<Vec<String>>>,
        outcome: Result<(), String>,
    }

    impl Delivery for Recorded {
        fn deliver(&self, note: &Note) -> Result<(), String> {
            self.shown.lock().unwrap().push(note.title.clone());
            self.outcome.clone()
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// A ledger with one undelivered alert, recorded at noon.
    fn ledger_with_alert(folder: &std::path::Path, changed: Arc<dyn Fn() + Send + Sync>) -> Ledger {
        let now = at("2026-11-21T12:00:00Z");
        let ledger = Ledger::open(folder, Opening { role: Role::Use, now, changed }).unwrap();
        let usd = |text: &str| text.parse::<Money>().unwrap();
        ledger.add_grant("openai".to_owned(), usd("1"), None, None, now).wait().unwrap();
        ledger.warn_balance("openai".to_owned(), usd("5"), now).wait().unwrap();
        ledger
    }

    #[test]
    fn an_alert_is_delivered_once_and_its_outcome_kept() {
        let noon = "2026-11-21T12:00:00Z";
        for (outcome, now, shown_times, delivered, error) in [
            (Ok(()), noon, 1, true, None),
            (Err("no desktop".to_owned()), noon, 1, false, Some("no desktop")),
            (Ok(()), "2026-11-23T12:00:00Z", 0, false, Some("more than a day old")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let ledger = ledger_with_alert(folder.path(), Arc::new(|| {}));
            let shown = Arc::new(Mutex::new(Vec::new()));
            let delivery = Box::new(Recorded { shown: Arc::clone(&shown), outcome });
            let manner = Manner { delivery, quiet: None };
            let now = at(now);
            let clock: Clock = Arc::new(move || now);
            for _ in 0..2 {
                deliver_all(&ledger, &manner, &clock).unwrap();
            }
            assert_eq!(shown.lock().unwrap().len(), shown_times);
            let alert = report::alerts(&ledger, 1).unwrap().remove(0);
            assert_eq!(alert.delivered_at.is_some(), delivered);
            match (alert.error, error) {
                (None, None) => {}
                (Some(got), Some(part)) => assert!(got.contains(part), "{got}"),
                (got, expected) => panic!("{got:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn the_thread_delivers_what_is_there_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (waker, woken) = channel();
        let callback = waker.clone();
        let ledger = ledger_with_alert(folder.path(), Arc::new(move || callback.wake()));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let delivery = Box::new(Recorded { shown: Arc::clone(&shown), outcome: Ok(()) });
        let manner = Manner { delivery, quiet: None };
        let clock: Clock = Arc::new(|| at("2026-11-21T12:00:00Z"));
        drop(Notifier::start(ledger, manner, clock, (waker, woken)).unwrap());
        assert_eq!(*shown.lock().unwrap(), ["Balance of 'openai' is low"]);
    }

    #[test]
    fn quiet_hours_keep_all_but_what_is_critical_for_later() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger_with_alert(folder.path(), Arc::new(|| {}));
        let noon = at("2026-11-21T12:00:00Z");
        let alert = outlay_core::ledger::NewAlert {
            kind: outlay_core::alert::AlertKind::Test,
            severity: outlay_core::alert::Severity::Critical,
            subject: "test".to_owned(),
            key: "test".to_owned(),
            period_start: noon,
            text: outlay_core::alert::AlertText { title: "Now".to_owned(), body: String::new() },
        };
        ledger.fire_alert(alert, noon).wait().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let delivery = Box::new(Recorded { shown: Arc::clone(&shown), outcome: Ok(()) });
        let quiet = Some((QuietHours::parse("11:00-13:00").unwrap(), Tz::UTC));
        let manner = Manner { delivery, quiet };
        for (now, expected) in [
            ("12:00", vec!["Now"]),
            ("12:59", vec!["Now"]),
            ("13:00", vec!["Now", "Balance of 'openai' is low"]),
        ] {
            let now = at(&format!("2026-11-21T{now}:00Z"));
            let clock: Clock = Arc::new(move || now);
            deliver_all(&ledger, &manner, &clock).unwrap();
            assert_eq!(*shown.lock().unwrap(), expected, "{now}");
        }
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape_markup("a <b> & c"), "a &lt;b&gt; &amp; c");
    }
}
