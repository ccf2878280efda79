//! How long nobody has touched keyboard or mouse, where the platform tells.
//!
//! | platform | who tells |
//! |---|---|
//! | Windows, macOS | the system |
//! | Linux, X11 | the display's screen saver extension |
//! | Linux, GNOME on Wayland | Mutter |
//! | Linux, other | logind, once the desktop (or a terminal's silence) has told it that all are idle |

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often to look, while somebody wants to know.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A look as old as this tells nothing any more.
const STALE_AFTER: Duration = Duration::from_secs(180);

/// Looks now and then, on a thread of its own, while it is asked. Clones share it.
#[derive(Clone, Debug)]
pub struct Idle {
    wanted: SyncSender<()>,
    look: Arc<Mutex<Look>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// When it was asked for; `None` before the first.
    asked: Option<Instant>,
    /// When the answer came, and what it was.
    answer: Option<(Instant, Option<Duration>)>,
}

impl Idle {
    /// Starts the thread. It ends with the last clone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> std::io::Result<Idle> {
        Idle::by(platform::idle)
    }

    fn by(mut idle: impl FnMut() -> Option<Duration> + Send + 'static) -> std::io::Result<Idle> {
        let (wanted, wants) = sync_channel::<()>(1);
        let look = Arc::new(Mutex::new(Look::default()));
        let kept = Arc::clone(&look);
        std::thread::Builder::new().name("idle".into()).spawn(move || {
            while wants.recv().is_ok() {
                let answer = Some((Instant::now(), idle()));
                kept.lock().unwrap_or_else(PoisonError::into_inner).answer = answer;
            }
        })?;
        Ok(Idle { wanted, look })
    }

    /// For how long nobody had touched anything at the latest look, at most three minutes ago;
    /// `None` where nobody can tell (yet). Returns at once.
    #[must_use]
    pub fn get(&self) -> Option<Duration> {
        let mut look = self.look.lock().unwrap_or_else(PoisonError::into_inner);
        if look.asked.is_none_or(|asked| asked.elapsed() >= LOOK_EVERY) {
            look.asked = Some(Instant::now());
            // A full channel means that it will look anyway.
            let _ = self.wanted.try_send(());
        }
        let (at, idle) = look.answer?;
        idle.filter(|_| at.elapsed() < STALE_AFTER)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::time::Duration;

    pub(super) fn idle() -> Option<Duration> {
        system_idle_time::get_idle_time().ok()
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use zbus::connection::Builder;
    use zbus::{Connection, OwnedVariant, block_on};

    /// A bus that takes longer does not tell.
    const ANSWER_MAX: Duration = Duration::from_secs(5);

    pub(super) fn idle() -> Option<Duration> {
        // On Wayland the X display sees the input of X programs only.
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let has_x11 = is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY");
        has_x11
            .then(|| system_idle_time::get_idle_time().ok())
            .flatten()
            .or_else(|| block_on(of_mutter()).ok())
            .or_else(|| block_on(of_logind()).ok().flatten())
    }

    async fn of_mutter() -> zbus::Result<Duration> {
        let bus = connect(Builder::session()).await?;
        let name = "org.gnome.Mutter.IdleMonitor";
        let path = "/org/gnome/Mutter/IdleMonitor/Core";
        let answer = bus.call_method(Some(name), path, Some(name), "GetIdletime", &()).await?;
        answer.body().deserialize().map(Duration::from_millis)
    }

    /// All sessions together: none is in use.
    async fn of_logind() -> zbus::Result<Option<Duration>> {
        let bus = connect(Builder::system()).await?;
        let is_idle = bool::try_from(of_manager(&bus, "IdleHint").await?)?;
        let since_us = u64::try_from(of_manager(&bus, "IdleSinceHint").await?)?;
        Ok(since(is_idle, since_us, SystemTime::now()))
    }

    /// Without anybody logged in it is idle since 0; while somebody is there it does not tell since
    /// when, and a desktop that tells it nothing looks the same.
    pub(super) fn since(is_idle: bool, since_us: u64, now: SystemTime) -> Option<Duration> {
        let since = UNIX_EPOCH.checked_add(Duration::from_micros(since_us))?;
        (is_idle && since_us > 0).then(|| now.duration_since(since).ok()).flatten()
    }

    async fn of_manager(bus: &Connection, property: &str) -> zbus::Result<OwnedVariant> {
        bus.call_method(
            Some("org.freedesktop.login1"),
            "/org/freedesktop/login1",
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &("org.freedesktop.login1.Manager", property),
        )
        .await?
        .body()
        .deserialize()
    }

    async fn connect(bus: Builder<'_>) -> zbus::Result<Connection> {
        bus.method_timeout(ANSWER_MAX).build().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn it_looks_once_a_minute_at_the_most_and_nobody_waits() {
        let (looked, looks) = channel();
        let (answers, answer) = channel();
        let idle = Idle::by(move || {
            looked.send(()).unwrap();
            answer.recv().unwrap()
        })
        .unwrap();
        assert_eq!(looks.try_recv().ok(), None, "nobody has asked yet");
        assert_eq!(idle.get(), None);
        looks.recv().unwrap();
        assert_eq!(idle.get(), None, "it is still looking");
        answers.send(Some(Duration::from_secs(1_800))).unwrap();
        let mut told = None;
        while told.is_none() {
            told = idle.get();
        }
        assert_eq!(told, Some(Duration::from_secs(1_800)));
        drop(idle);
        // The thread has ended: it looked no second time.
        assert!(looks.recv().is_err());
    }

    #[test]
    fn what_is_stale_or_unknown_is_not_told() {
        let idle = Idle::by(|| None).unwrap();
        let told = |age_s: u64, answer| {
            let at = Instant::now().checked_sub(Duration::from_secs(age_s)).unwrap();
            *idle.look.lock().unwrap() =
                Look { asked: Some(Instant::now()), answer: Some((at, answer)) };
            idle.get()
        };
        let hour = Some(Duration::from_secs(3_600));
        for (age_s, answer, expected) in
            [(0, hour, hour), (100, hour, hour), (180, hour, None), (0, None, None)]
        {
            assert_eq!(told(age_s, answer), expected, "{age_s} {answer:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn logind_tells_only_that_all_are_idle() {
        let now = std::time::UNIX_EPOCH + Duration::from_secs(10_000);
        for (is_idle, since_us, expected_s) in [
            (true, 4_000_000_000, Some(6_000)),
            (false, 4_000_000_000, None),
            (true, 0, None),
            (true, 20_000_000_000, None),
            (true, u64::MAX, None),
        ] {
            let idle = platform::since(is_idle, since_us, now);
            assert_eq!(idle.map(|idle| idle.as_secs()), expected_s, "{is_idle} {since_us}");
        }
    }
}
