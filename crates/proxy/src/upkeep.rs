//! What a process does beside answering calls, for as long as it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::alert::{AlertKind, Severity, clock_text};
use outlay_core::ledger::{Ledger, LedgerError, NewAlert, Surroundings};

use crate::balance::{self, Source};
use crate::clock::Clock;

/// How often calls of processes that died are looked for.
const RECOVER_EVERY: Duration = Duration::from_secs(5);
/// How often to look around for what no call tells.
const SURVEY_EVERY: Duration = Duration::from_secs(20);
/// How often old calls are deleted, and how often to look whether it is time: the machine may have slept.
const PRUNE_EVERY: TimeDelta = TimeDelta::days(1);
const PRUNE_LOOK_EVERY: Duration = Duration::from_secs(600);
/// A clock that is set by less is only put right.
const JUMP: TimeDelta = TimeDelta::minutes(2);

/// What a process knows of its machine, and asks elsewhere.
#[derive(Clone)]
pub struct Watched {
    /// Who is asked what is left.
    pub sources: Vec<Source>,
    /// The zone of days.
    pub zone: Tz,
    /// What the disk and the like say now; called on a thread of its own.
    pub surroundings: Arc<dyn Fn() -> Surroundings + Send + Sync>,
    /// For how many days calls are kept; `None` for ever.
    pub keep_days: Option<u32>,
    /// How long the machine has run, its sleep counted; `None` where it does not tell.
    pub uptime: Arc<dyn Fn() -> Option<Duration> + Send + Sync>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched")
            .field("sources", &self.sources)
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}

/// Settles the calls of processes that died, asks what is left, tells of what no call tells, and deletes what
/// is older than is kept, until it is dropped.
pub async fn upkeep(ledger: Ledger, watched: Watched, clock: Clock) {
    let asking = balance::keep_synced(ledger.clone(), watched.sources.clone(), clock.clone());
    let pruning = prune_now_and_then(ledger.clone(), watched.keep_days, clock.clone());
    let surveying = survey_now_and_then(ledger.clone(), watched, clock.clone());
    tokio::join!(recover_now_and_then(ledger, clock), asking, surveying, pruning);
}

async fn survey_now_and_then(ledger: Ledger, watched: Watched, clock: Clock) {
    let mut last = (clock(), (watched.uptime)());
    loop {
        let now = clock();
        let passed = (watched.uptime)();
        if let Some(by) = jump(last, (now, passed)) {
            tell_jump(&ledger, by, now).await;
        }
        last = (now, passed);
        let (ledger, watched) = (ledger.clone(), watched.clone());
        let survey = move || {
            let surroundings = (watched.surroundings)();
            ledger.survey(&surroundings, watched.zone, now)
        };
        let started = Instant::now();
        match tokio::task::spawn_blocking(survey).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("it could not be looked for what to tell: {error}"),
            Err(error) => tracing::warn!("looking for what to tell failed: {error}"),
        }
        // A large ledger takes its time, and is looked at the less often.
        tokio::time::sleep(SURVEY_EVERY.max(started.elapsed() * 100)).await;
    }
}

/// By how much the clock was set between two looks at it and at the time that really passed; `None` for
/// not, for little, and where that is not known.
fn jump(
    (then, uptime_then): (DateTime<Utc>, Option<Duration>),
    (now, uptime_now): (DateTime<Utc>, Option<Duration>),
) -> Option<TimeDelta> {
    let passed = TimeDelta::from_std(uptime_now?.checked_sub(uptime_then?)?).ok()?;
    let by = now - then - passed;
    (by.abs() >= JUMP).then_some(by)
}

async fn tell_jump(ledger: &Ledger, by: TimeDelta, now: DateTime<Utc>) {
    let alert = NewAlert {
        kind: AlertKind::ClockJumped,
        severity: Severity::Warning,
        subject: "clock".to_owned(),
        key: "clock".to_owned(),
        // Other processes saw it too.
        period_start: whole_minute(now),
        text: clock_text(by),
    };
    let told: Result<bool, LedgerError> = ledger.fire_alert(alert, now).await;
    if let Err(error) = told {
        tracing::warn!("that the clock was set could not be recorded: {error}");
    }
}

fn whole_minute(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now)
}

async fn prune_now_and_then(ledger: Ledger, keep_days: Option<u32>, clock: Clock) {
    let Some(keep) = keep_days.map(|days| TimeDelta::days(i64::from(days))) else { return };
    let mut last = None;
    loop {
        let now = clock();
        if last.is_none_or(|last| now - last >= PRUNE_EVERY || now < last) {
            let ledger = ledger.clone();
            let pruned = tokio::task::spawn_blocking(move || ledger.prune(now - keep, now)).await;
            match pruned {
                Ok(Ok(0)) => {}
                Ok(Ok(calls)) => tracing::info!("{calls} calls older than is kept were deleted"),
                Ok(Err(error)) => tracing::warn!("old calls could not be deleted: {error}"),
                Err(error) => tracing::warn!("deleting old calls broke off: {error}"),
            }
            last = Some(now);
        }
        tokio::time::sleep(PRUNE_LOOK_EVERY).await;
    }
}

async fn recover_now_and_then(ledger: Ledger, clock: Clock) {
    loop {
        tokio::time::sleep(RECOVER_EVERY).await;
        match ledger.recover(clock()).await {
            Ok(0) => {}
            Ok(calls) => tracing::warn!("{calls} calls of a process that died were settled"),
            Err(error) => tracing::warn!("calls of dead processes could not be settled: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told_from_sleep() {
        let at = |seconds: i64| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let up = |seconds: u64| Some(Duration::from_secs(seconds));
        for (case, before, after, expected_seconds) in [
            ("as it goes", (at(100), up(10)), (at(120), up(30)), None),
            ("asleep for a night", (at(100), up(10)), (at(28_900), up(28_810)), None),
            ("set back", (at(10_000), up(10)), (at(6_420), up(30)), Some(-3_600)),
            ("set ahead", (at(100), up(10)), (at(3_720), up(30)), Some(3_600)),
            ("put right", (at(100), up(10)), (at(239), up(30)), None),
            ("not known", (at(10_000), None), (at(0), None), None),
        ] {
            let found = jump(before, after).map(|by| by.num_seconds());
            assert_eq!(found, expected_seconds, "{case}");
        }
    }
}
