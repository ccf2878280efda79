//! Loops among the calls of this process: told once in an alert, and refused where that is switched
//! on.
//!
//! Of a request only a hash is kept, in memory, under a seed that no other process has.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use foldhash::quality::RandomState;
use outlay_core::alert::{AlertKind, Severity, loop_text};
use outlay_core::cost::Bill;
use outlay_core::ledger::{Ledger, LedgerError, NewAlert, NewCall};
use outlay_core::loops::{
    self, Ask, Caller, Finding, HowEnded, LoopKind, LoopRules, LoopWatch, TELL_AGAIN, Ticket,
};
use outlay_core::refusal::{Refusal, Repetition};
use outlay_core::report;
use outlay_wire::{Ending, Reading};

use crate::bill::End;

/// What is a loop, and what is done about one.
#[derive(Clone)]
pub struct LoopSetting {
    /// From when on something is one.
    pub rules: LoopRules,
    /// Whether loops and bursts are refused.
    pub refuse: bool,
    /// Whether calls are refused while nobody is there.
    pub idle_refuse: bool,
    /// How long nobody has touched keyboard or mouse; `None` where nobody can tell. Must return at
    /// once.
    pub idle: Arc<dyn Fn() -> Option<Duration> + Send + Sync>,
}

impl Default for LoopSetting {
    /// The usual rules; nothing is refused, and nobody can tell who is there.
    fn default() -> LoopSetting {
        LoopSetting {
            rules: LoopRules::default(),
            refuse: false,
            idle_refuse: false,
            idle: Arc::new(|| None),
        }
    }
}

impl fmt::Debug for LoopSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopSetting")
            .field("rules", &self.rules)
            .field("refuse", &self.refuse)
            .field("idle_refuse", &self.idle_refuse)
            .finish_non_exhaustive()
    }
}

/// Watches the calls of this process.
#[derive(Debug)]
pub(crate) struct Loops {
    setting: LoopSetting,
    watch: Mutex<LoopWatch>,
    hasher: RandomState,
}

/// A call that is watched until it is refused or ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    ticket: Ticket,
    /// The request's own output cap.
    output_tokens_max: Option<u64>,
}

/// Whether a call goes on.
#[derive(Debug)]
pub(crate) enum Passage {
    Free(Watched),
    Refused(Box<Refusal>),
}

impl Loops {
    /// Starts to watch, knowing from the ledger how busy each project usually is.
    pub(crate) fn new(setting: LoopSetting, ledger: &Ledger) -> Loops {
        let mut watch = LoopWatch::new(setting.rules);
        let past = report::pace(ledger).unwrap_or_else(|error| {
            tracing::warn!("how busy projects usually are cannot be read: {error}");
            BTreeMap::new()
        });
        for (project, minutes) in &past {
            watch.learn(project.as_deref(), minutes);
        }
        Loops { setting, watch: Mutex::new(watch), hasher: RandomState::default() }
    }

    /// The call asks to be sent to `path`, with `body` where it can be read. An alert tells of the
    /// loop that it is a part of.
    ///
    /// # Errors
    /// When its refusal cannot be written down.
    pub(crate) async fn asked(
        &self,
        ledger: &Ledger,
        call: &NewCall,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Passage, LedgerError> {
        let idle = (self.setting.idle)();
        let ask = Ask {
            caller: caller(call),
            body: body.map(|body| self.hasher.hash_one((path, body))),
            idle: idle.and_then(|idle| TimeDelta::from_std(idle).ok()),
            at: call.at,
        };
        let (ticket, found) = self.watch().asked(&ask);
        let watched = Watched { ticket, output_tokens_max: call.bounds.output_tokens_max };
        for finding in found.iter().filter(|finding| finding.is_news) {
            self.tell(ledger, call, finding);
        }
        let Some(finding) = found.iter().find(|finding| self.refuses(finding.kind)) else {
            return Ok(Passage::Free(watched));
        };
        let what = format!("{} ({})", finding.what(), finding.way_out());
        let repetition = Repetition { what, until: finding.until };
        let refusal = ledger.refuse_repetition(call.clone(), repetition).await?;
        Ok(match refusal {
            Some(refusal) => {
                self.watch().stopped(&ticket);
                Passage::Refused(refusal)
            }
            // Nothing is refused for a while.
            None => Passage::Free(watched),
        })
    }

    /// A budget refused the call.
    pub(crate) fn refused(&self, watched: &Watched, at: DateTime<Utc>) {
        self.watch().refused(&watched.ticket, at);
    }

    /// The call was never sent, for no reason of a limit's.
    pub(crate) fn given_up(&self, watched: &Watched) {
        self.watch().stopped(&watched.ticket);
    }

    /// The call was sent, and is over at `at` after `lasted`. `answer` is what was read of it and how
    /// its transfer ended, `bill` what is charged for it.
    pub(crate) fn ended(
        &self,
        watched: &Watched,
        at: DateTime<Utc>,
        lasted: Duration,
        answer: Option<(&Reading, End)>,
        bill: Option<&Bill>,
    ) {
        let output_tokens = bill.and_then(|bill| bill.usage).map(|usage| usage.completion_tokens());
        let is_capped =
            output_tokens.zip(watched.output_tokens_max).is_some_and(|(said, max)| said >= max);
        let end = loops::End {
            at,
            lasted: TimeDelta::from_std(lasted).unwrap_or(TimeDelta::MAX),
            is_billed: bill.is_some(),
            // One that broke off before its first event cannot be told from a document.
            is_stream: answer
                .is_some_and(|(reading, _)| !reading.whole || reading.ending == Ending::Cut),
            how: match answer {
                Some((reading, _)) if reading.ending == Ending::Complete && !is_capped => {
                    HowEnded::Whole
                }
                Some((_, End::ClientLeft)) => HowEnded::ClientLeft,
                Some(_) | None => HowEnded::Cut,
            },
            output_tokens,
            cost: bill.and_then(|bill| bill.cost),
        };
        self.watch().ended(&watched.ticket, &end);
    }

    fn refuses(&self, kind: LoopKind) -> bool {
        kind.can_refuse()
            && match kind {
                LoopKind::IdleSpend => self.setting.idle_refuse,
                _ => self.setting.refuse,
            }
    }

    fn tell(&self, ledger: &Ledger, call: &NewCall, finding: &Finding) {
        // Nobody waits for it: the ledger says itself what it could not write.
        drop(ledger.fire_alert(alert(call, finding, self.refuses(finding.kind)), call.at));
    }

    fn watch(&self) -> MutexGuard<'_, LoopWatch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn caller(call: &NewCall) -> Caller<'_> {
    Caller {
        project: call.project.as_deref(),
        client: call.client.as_deref(),
        session: call.session.as_deref(),
        key: call.key.as_deref(),
    }
}

/// The alert of a finding; processes that find the same at about the same time record it once.
fn alert(call: &NewCall, finding: &Finding, is_refused: bool) -> NewAlert {
    let Caller { project, client, session, key } = caller(call);
    let of = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let quarter = |at: DateTime<Utc>| at.duration_trunc(TELL_AGAIN).unwrap_or(at);
    let (kind, key, period_start, who, subject) = match finding.kind {
        LoopKind::SameRequest | LoopKind::RetriesAfterRefusal | LoopKind::TightLoop => (
            AlertKind::Loop,
            [of(project), of(client), of(session), of(key)].join("\u{1f}"),
            quarter(call.at),
            match (client, project) {
                (client, Some(project)) => format!("{} in '{project}'", client.unwrap_or(A_CLIENT)),
                (client, None) => client.unwrap_or(A_CLIENT).to_owned(),
            },
            client.or(project).unwrap_or("calls"),
        ),
        LoopKind::Burst => (
            AlertKind::Burst,
            of(project),
            quarter(call.at),
            project.map_or("without a project".to_owned(), |it| format!("in project '{it}'")),
            project.unwrap_or("calls"),
        ),
        LoopKind::IdleSpend => {
            let since = finding.since.duration_trunc(TimeDelta::hours(1)).unwrap_or(finding.since);
            (AlertKind::IdleSpend, String::new(), since, String::new(), "this machine")
        }
    };
    NewAlert {
        kind,
        severity: Severity::Warning,
        subject: subject.to_owned(),
        key: format!("{}\u{1f}{key}", finding.kind.as_str()),
        period_start,
        text: loop_text(finding, &who, is_refused),
    }
}

const A_CLIENT: &str = "A client";

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use outlay_core::admission::Bounds;
    use outlay_core::loops::Measure;

    use super::*;

    fn call(project: Option<&str>, client: Option<&str>, session: &str, minute: u32) -> NewCall {
        let at = Utc.with_ymd_and_hms(2026, 11, 21, 12, minute, 7).unwrap();
        NewCall {
            id: uuid::Uuid::nil(),
            at,
            source: "proxy".to_owned(),
            provider: "openai".to_owned(),
            model_requested: None,
            project: project.map(str::to_owned),
            session: Some(session.to_owned()),
            client: client.map(str::to_owned),
            key: None,
            tags: String::new(),
            run: None,
            plan_login: false,
            service_tier: None,
            bounds: Bounds {
                input_tokens_max: 1,
                input_tokens_usual: 1 / 2,
                output_tokens_max: None,
                output_tokens_default: 1,
                default_is_proven: true,
                output_tokens_floor: 1,
                can_cap: false,
                can_stop: false,
                is_bounded: true,
            },
            is_strict: false,
        }
    }

    fn told(kind: LoopKind, call: &NewCall) -> NewAlert {
        let since = call.at - TimeDelta::minutes(3);
        let window = TimeDelta::minutes(3);
        let measure = Measure::None;
        let finding =
            Finding { kind, count: 90, since, window, until: call.at, is_news: true, measure };
        alert(call, &finding, false)
    }

    #[test]
    fn the_subject_of_an_alert() {
        let (demo, pi) = (Some("demo"), Some("pi"));
        for (kind, project, client, subject, title) in [
            (LoopKind::TightLoop, demo, pi, "pi", "pi in 'demo' seems to be in a loop"),
            (LoopKind::TightLoop, None, pi, "pi", "pi seems to be in a loop"),
            (LoopKind::SameRequest, demo, None, "demo", "A client in 'demo' seems to be in a loop"),
            (LoopKind::SameRequest, None, None, "calls", "A client seems to be in a loop"),
            (LoopKind::Burst, demo, pi, "demo", "Far more calls than usual in project 'demo'"),
            (LoopKind::Burst, None, pi, "calls", "Far more calls than usual without a project"),
            (LoopKind::IdleSpend, demo, pi, "this machine", "Calls go on while nobody is there"),
        ] {
            let alert = told(kind, &call(project, client, "s", 0));
            assert_eq!((alert.subject.as_str(), alert.text.title.as_str()), (subject, title));
        }
    }

    #[test]
    fn alerts_that_are_the_same() {
        let (demo, other, pi) = (Some("demo"), Some("other"), Some("pi"));
        let first = call(demo, pi, "s", 16);
        for (kind, then, is_same) in [
            (LoopKind::SameRequest, call(demo, pi, "s", 29), true),
            (LoopKind::SameRequest, call(demo, pi, "s", 30), false),
            (LoopKind::SameRequest, call(demo, pi, "t", 16), false),
            (LoopKind::SameRequest, call(other, pi, "s", 16), false),
            (LoopKind::Burst, call(demo, None, "t", 16), true),
            (LoopKind::Burst, call(other, pi, "s", 16), false),
            (LoopKind::IdleSpend, call(other, None, "t", 40), true),
        ] {
            let same = |alert: NewAlert| (alert.kind, alert.key, alert.period_start);
            let is = same(told(kind, &first)) == same(told(kind, &then));
            assert_eq!(is, is_same, "{kind:?} {then:?}");
        }
    }
}
