//! Tells alerts: to the desktop, to webhooks, to a command of the user's. Each alert goes each way once,
//! by whichever process takes it first.
//!
//! | file | holds |
//! |---|---|
//! | `note` | what is told at once: a storm of alerts is a handful of notes |
//! | `courier` | one way's thread: takes what is due, tries it, records what came of it |
//! | `retry` | when a way that failed is tried again |
//! | `desktop`, `press` | notifications, and what their buttons do |
//! | `webhook`, `command` | the other ways |

mod command;
mod courier;
mod desktop;
mod note;
mod press;
mod retry;
mod webhook;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::alert::Severity;
use outlay_core::ledger::{Ledger, LedgerError};

pub use self::command::Command;
pub use self::desktop::{Desktop, service};
pub use self::note::Note;
pub use self::press::Press;
pub use self::webhook::{Form, Hook, Webhook};
use crate::config::Config;
use crate::quiet::QuietHours;
use crate::zone;

/// How often to look for alerts of other processes, and for what is to be tried again.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long to leave the ledger alone between two looks, however much changes.
const PAUSE: Duration = Duration::from_millis(200);
/// For so long a storm of alerts is left to itself once its first ones are told.
const STORM_BEGINS: Duration = Duration::from_secs(1);
/// How long to leave the ledger alone once all of a storm is told.
const STORM_PAUSE: Duration = Duration::from_secs(5);
/// For so long calls have the ledger for themselves between two slices of a storm.
const ROOM: Duration = Duration::from_millis(10);

/// The current instant.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A way to the user.
pub trait Channel: Send {
    /// What it is called in the ledger; tells no secret.
    fn name(&self) -> &str;

    /// Tells the note.
    ///
    /// # Errors
    /// Why it was not told.
    fn deliver(&mut self, note: &Note) -> Result<(), Undelivered>;
}

/// Why a note was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// One sentence, without a secret.
    pub reason: String,
    /// Whether it may do later.
    pub may_pass: bool,
}

/// How and when alerts reach the user.
pub struct Manner {
    /// The ways to the user.
    pub channels: Vec<Box<dyn Channel>>,
    /// When only what is critical is told, and in which zone; the rest is told afterwards.
    pub quiet: Option<(QuietHours, Tz)>,
}

/// Wakes a [`Notifier`]. Made before the ledger, whose changes are to wake it.
#[derive(Clone, Debug)]
pub struct Waker(SyncSender<Signal>);

/// The threads that deliver. They end when it is dropped, after one last look.
#[derive(Debug)]
pub struct Notifier {
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// How much there was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Few,
    /// So many alerts at once that their first ones are enough to tell for the moment.
    StormBegins,
    /// So many that the user has heard of it for a while.
    Storm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// Waits for room where a change is still to be looked at; whether anybody is there to stop.
    fn stop(&self) -> bool {
        self.0.send(Signal::Stop).is_ok()
    }
}

impl Woken {
    /// `Changed` after so long, whatever changes meanwhile; `Stop` where that comes first.
    fn after(&self, pause: Duration) -> Signal {
        let ends = Instant::now() + pause;
        loop {
            let rest = ends.saturating_duration_since(Instant::now());
            match self.0.recv_timeout(rest) {
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return Signal::Stop,
                Err(RecvTimeoutError::Timeout) => return Signal::Changed,
                Ok(Signal::Changed) => {}
            }
        }
    }

    /// As [`Woken::next`], when the ledger has been left alone for a while.
    fn rest(&self, load: Load) -> Signal {
        match load {
            Load::StormBegins => self.after(STORM_BEGINS),
            // More of it is told when it is over, or in a while.
            Load::Storm => self.after(STORM_PAUSE),
            Load::Few => {
                std::thread::sleep(PAUSE);
                self.next()
            }
        }
    }

    /// The next signal, or a look that is due anyway.
    fn next(&self) -> Signal {
        match self.0.recv_timeout(LOOK_EVERY) {
            Ok(signal) => signal,
            Err(RecvTimeoutError::Timeout) => Signal::Changed,
            Err(RecvTimeoutError::Disconnected) => Signal::Stop,
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
        (waker, woken): (Waker, Woken),
    ) -> std::io::Result<Notifier> {
        let names = manner.names();
        let quiet = manner.quiet;
        let couriers = manner
            .channels
            .into_iter()
            .map(|channel| courier::start(ledger.clone(), channel, quiet, Arc::clone(&clock)))
            .collect::<std::io::Result<Vec<Notifier>>>()?;
        let thread = std::thread::Builder::new().name("notifier".into()).spawn(move || {
            let mut room = Room { woken: Some(&woken), signal: woken.next() };
            let mut load = Load::Few;
            loop {
                load =
                    hand_over(&ledger, &names, clock(), load, &mut room).unwrap_or_else(|error| {
                        tracing::warn!("alerts could not be handed over: {error}");
                        Load::Few
                    });
                if room.signal == Signal::Stop {
                    return;
                }
                couriers.iter().for_each(|courier| courier.waker.wake());
                room.signal = woken.rest(load);
            }
        })?;
        Ok(Notifier { waker, thread: Some(thread) })
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let (true, Some(thread)) = (self.waker.stop(), self.thread.take()) {
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Manner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manner")
            .field("channels", &self.names())
            .field("quiet", &self.quiet)
            .finish()
    }
}

impl Manner {
    /// As the configuration wants it; buttons on notifications do what `press` does, and without it there
    /// are none.
    #[must_use]
    pub fn configured(config: &Config, press: Option<Press>) -> Manner {
        let mut channels: Vec<Box<dyn Channel>> = Vec::new();
        if config.notifications.desktop {
            channels.push(Box::new(Desktop::new(press)));
        }
        let names = config.notifications.webhook_names();
        for (hook, name) in config.notifications.webhooks.iter().zip(names) {
            channels.push(Box::new(Webhook::new(hook.clone(), &name)));
        }
        if let Some(line) = &config.notifications.command {
            channels.push(Box::new(Command::new(line.clone())));
        }
        let zone = config.timezone.unwrap_or_else(zone::system);
        Manner { channels, quiet: config.notifications.quiet_hours.map(|hours| (hours, zone)) }
    }

    /// What its ways are called.
    #[must_use]
    pub fn names(&self) -> Arc<[String]> {
        self.channels.iter().map(|channel| channel.name().to_owned()).collect()
    }
}

/// Delivers what is undelivered, once, and records how it went. In quiet hours what is not critical
/// stays for later.
///
/// # Errors
/// When the ledger cannot be read or written.
pub fn deliver_all(ledger: &Ledger, manner: &mut Manner, clock: &Clock) -> Result<(), LedgerError> {
    let mut room = Room { woken: None, signal: Signal::Stop };
    hand_over(ledger, &manner.names(), clock(), Load::Few, &mut room)?;
    for channel in &mut manner.channels {
        courier::deliver(ledger, channel.as_mut(), manner.quiet, clock, &mut room)?;
    }
    Ok(())
}

/// Room for calls between the slices of a storm.
struct Room<'a> {
    /// `None` where nobody is woken, and none is left.
    woken: Option<&'a Woken>,
    /// The last one that came; who is to stop leaves no room any more.
    signal: Signal,
}

impl Room<'_> {
    fn leave(&mut self) {
        if let Some(woken) = self.woken.filter(|_| self.signal != Signal::Stop) {
            self.signal = woken.after(ROOM);
        }
    }
}

/// Hands new alerts to the channels: of a storm that begins its first ones, of one that went on all.
fn hand_over(
    ledger: &Ledger,
    channels: &Arc<[String]>,
    now: DateTime<Utc>,
    before: Load,
    room: &mut Room<'_>,
) -> Result<Load, LedgerError> {
    // A look costs no commit; handing over does, and a commit would call for the next look.
    if !ledger.has_new_alerts(now)? {
        return Ok(Load::Few);
    }
    let mut load = Load::Few;
    while ledger.dispatch_alerts(Arc::clone(channels), now).wait()? {
        if before == Load::Few && room.signal != Signal::Stop {
            return Ok(Load::StormBegins);
        }
        load = Load::Storm;
        room.leave();
    }
    Ok(load)
}

/// How much an alert must matter to be told now.
fn least(quiet: Option<(QuietHours, Tz)>, now: DateTime<Utc>) -> Severity {
    match quiet.is_some_and(|(hours, zone)| hours.is_now(now, zone)) {
        true => Severity::Critical,
        false => Severity::Info,
    }
}

#[cfg(test)]
mod tests;
