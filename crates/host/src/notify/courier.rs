//! One way to the user: what is due on it is taken, tried, and what came of it recorded.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::alert::AlertKind;
use outlay_core::ledger::{ALERTS_AT_ONCE, Attempt, Due, Ledger, LedgerError};

use super::note::{self, Note};
use super::{Channel, Clock, Load, Notifier, Room, Signal, Undelivered, channel, least, retry};
use crate::quiet::QuietHours;

/// An alert that nobody delivered for this long tells no news any more.
const STALE_AFTER: TimeDelta = TimeDelta::hours(24);
/// So many alerts at once are a storm.
const STORM: usize = 20;

/// A thread of its own for the channel: a slow one keeps no other waiting.
pub(super) fn start(
    ledger: Ledger,
    mut way: Box<dyn Channel>,
    quiet: Option<(QuietHours, Tz)>,
    clock: Clock,
) -> std::io::Result<Notifier> {
    let (waker, woken) = channel();
    let thread = std::thread::Builder::new().name("courier".into()).spawn(move || {
        let mut room = Room { woken: Some(&woken), signal: woken.next() };
        loop {
            // What is handed over while the stop comes is looked for once more.
            let is_last = room.signal == Signal::Stop;
            let told = deliver(&ledger, way.as_mut(), quiet, &clock, &mut room);
            let load = told.unwrap_or_else(|error| {
                tracing::warn!("alerts could not be delivered: {error}");
                Load::Few
            });
            if is_last {
                return;
            }
            if room.signal != Signal::Stop {
                room.signal = woken.rest(load);
            }
        }
    })?;
    Ok(Notifier { waker, thread: Some(thread) })
}

/// Tells what is due on the channel.
pub(super) fn deliver(
    ledger: &Ledger,
    way: &mut dyn Channel,
    quiet: Option<(QuietHours, Tz)>,
    clock: &Clock,
    room: &mut Room<'_>,
) -> Result<Load, LedgerError> {
    let now = clock();
    let least = least(quiet, now);
    if !ledger.has_due_alerts(way.name(), least, now)? {
        return Ok(Load::Few);
    }
    let mut due = Vec::new();
    loop {
        let slice = ledger.claim_alerts(way.name().to_owned(), least, clock()).wait()?;
        let is_last = slice.len() < ALERTS_AT_ONCE;
        due.extend(slice);
        if is_last {
            break;
        }
        room.leave();
    }
    let load = if due.len() < STORM { Load::Few } else { Load::Storm };
    let is_stale = |due: &Due| now - due.alert.time > STALE_AFTER;
    let (stale, news): (Vec<_>, Vec<_>) = due.into_iter().partition(is_stale);
    if !stale.is_empty() {
        let reason = "it was more than a day old when it could be told".to_owned();
        let told = stale.iter().map(|due| (due.alert.id, 0)).collect();
        let failed = Attempt::Failed { reason, retry_at: None };
        record(ledger, way.name(), told, &failed, now, room)?;
    }
    for note in note::notes(news) {
        let attempt = match way.deliver(&note) {
            Ok(()) => Attempt::Delivered,
            Err(undelivered) => failed(way.name(), &note, undelivered, clock()),
        };
        record(ledger, way.name(), note.alerts, &attempt, clock(), room)?;
    }
    Ok(load)
}

fn failed(channel: &str, note: &Note, undelivered: Undelivered, now: DateTime<Utc>) -> Attempt {
    let Undelivered { reason, may_pass } = undelivered;
    // Who asked for a test waits for it now.
    let is_test = note.kind.as_deref() == Some(AlertKind::Test.as_str());
    let retry_at =
        (may_pass && !is_test).then(|| retry::at(note.attempts, note.since, now)).flatten();
    tracing::warn!("the alert \"{}\" was not told by {channel}: {reason}", note.title);
    Attempt::Failed { reason, retry_at }
}

fn record(
    ledger: &Ledger,
    channel: &str,
    mut alerts: Vec<(uuid::Uuid, u32)>,
    attempt: &Attempt,
    now: DateTime<Utc>,
    room: &mut Room<'_>,
) -> Result<(), LedgerError> {
    loop {
        let slice = alerts.split_off(alerts.len().saturating_sub(ALERTS_AT_ONCE));
        ledger.alerts_attempted(channel.to_owned(), slice, attempt.clone(), now).wait()?;
        if alerts.is_empty() {
            return Ok(());
        }
        room.leave();
    }
}
