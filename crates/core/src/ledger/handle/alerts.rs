//! What fires alerts beside calls, and who hands them over.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Ledger;
use crate::alert::Severity;
use crate::ledger::alert::{self, NewAlert};
use crate::ledger::error::LedgerError;
use crate::ledger::outbox::{self, Attempt, Due};
use crate::ledger::reply::Reply;
use crate::ledger::survey::{self, Surroundings};
use crate::ledger::writer::Retry;

impl Ledger {
    /// Records an alert that no change of the ledger caused: once per (kind, key, period start);
    /// whether it is new.
    pub fn fire_alert(&self, alert: NewAlert, now: DateTime<Utc>) -> Reply<bool> {
        self.submit(Retry::Never, move |writing| Ok(alert::fire_new(writing, &alert, now)?))
    }

    /// Looks around for what no call tells (what will run out, what has room again, what is old) and
    /// records alerts of it. Blocks: reads and writes in its own time. Days are those of `zone`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn survey(
        &self,
        surroundings: &Surroundings,
        zone: chrono_tz::Tz,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let prices = self.prices();
        let found = self.read(|connection| {
            let found = survey::look(connection, &prices, surroundings, zone, now)?;
            // Nobody reads the same pages again until the next look.
            connection.execute_batch("PRAGMA shrink_memory")?;
            Ok(found)
        })?;
        if found.is_empty() {
            return Ok(());
        }
        self.submit(Retry::Never, move |writing| survey::record(writing, &found, now)).wait()
    }

    /// Whether there are alerts to hand over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_new_alerts(&self, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.read(|connection| Ok(outbox::has_new(connection, now)?))
    }

    /// Whether there are alerts to try on the channel, that matter at least so much.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_due_alerts(
        &self,
        channel: &str,
        least: Severity,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        self.read(|connection| Ok(outbox::is_due(connection, channel, least, now)?))
    }

    /// Hands a slice of the new alerts to these channels; whether there may be more of them.
    pub fn dispatch_alerts(&self, channels: Arc<[String]>, now: DateTime<Utc>) -> Reply<bool> {
        self.submit(Retry::Never, move |writing| outbox::dispatch(writing, &channels, now))
    }

    /// Takes a slice of the alerts that are to be tried on the channel, for this process.
    pub fn claim_alerts(
        &self,
        channel: String,
        least: Severity,
        now: DateTime<Utc>,
    ) -> Reply<Vec<Due>> {
        self.submit(Retry::Never, move |writing| outbox::claim(writing, &channel, least, now))
    }

    /// Records what came of an attempt to tell these alerts, not more than [`ALERTS_AT_ONCE`](crate::ledger::ALERTS_AT_ONCE),
    /// each with the occurrences that were told.
    pub fn alerts_attempted(
        &self,
        channel: String,
        alerts: Vec<(Uuid, u32)>,
        attempt: Attempt,
        now: DateTime<Utc>,
    ) -> Reply<()> {
        self.submit(Retry::UntilDone, move |writing| {
            outbox::attempted(writing, &channel, &alerts, &attempt, now)
        })
    }

    /// Marks these alerts as seen to, or all of them; the reply is how many were not before.
    pub fn acknowledge_alerts(&self, ids: Option<Vec<Uuid>>, now: DateTime<Utc>) -> Reply<u64> {
        self.submit(Retry::Never, move |writing| alert::acknowledge(writing, ids.as_deref(), now))
    }
}
