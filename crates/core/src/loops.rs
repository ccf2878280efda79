//! Loops and storms: work that repeats itself without getting anywhere, told from the order and the
//! times of calls alone.
//!
//! [`LoopWatch`] is told what is asked, refused and ended, and answers with what it finds. It keeps
//! hashes and times, no text; a bounded number of callers; and takes constant time an event.
//!
//! What is no loop: bodies that grow (an agent's every turn), one body asked many times at once
//! (samples) or after failures, streams that overlap (agents side by side), that pause (completions
//! while somebody types) or that their client breaks off, and whatever is answered at length.

mod away;
mod bounded;
mod caller;
mod rate;
mod recent;
mod words;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use chrono::{DateTime, TimeDelta, Utc};

use self::away::Away;
use self::bounded::Bounded;
use self::caller::CallerState;
use self::rate::Rate;
use crate::money::Money;

/// In what time the same body counts as repeated.
pub const SAME_REQUEST_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// In what time refused asks add up.
pub const REFUSED_WITHIN: TimeDelta = TimeDelta::minutes(1);
/// In what time short streams add up.
pub const SHORT_STREAMS_WITHIN: TimeDelta = TimeDelta::minutes(2);
/// A loop is over when it has paused for this long.
pub const PAUSE: TimeDelta = TimeDelta::minutes(1);
/// A loop that goes on is news again after this long.
pub const TELL_AGAIN: TimeDelta = TimeDelta::minutes(15);
/// No burst is smaller, in calls a minute.
pub const BURST_CALLS_MIN: u32 = 60;

/// Callers that are remembered are at most twice as many, projects too.
const CALLERS_MAX: usize = 256;

/// From when on something is a loop. A count of 0 turns its rule off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopRules {
    /// How often one body is asked again after it was answered, within [`SAME_REQUEST_WITHIN`].
    pub same_request: u32,
    /// Asks of one caller that were refused, within [`REFUSED_WITHIN`].
    pub refused: u32,
    /// Streams of one caller in a row that were over at once, within [`SHORT_STREAMS_WITHIN`].
    pub short_streams: u32,
    /// How many times the calls of a project's usual busy minute.
    pub burst_times: u32,
    /// How long nobody must have touched keyboard or mouse to be away.
    pub idle_after: TimeDelta,
    /// What may be spent while nobody is there.
    pub idle_spend: Money,
    /// How many calls may be made while nobody is there.
    pub idle_calls: u32,
}

impl Default for LoopRules {
    fn default() -> LoopRules {
        LoopRules {
            same_request: 10,
            refused: 20,
            short_streams: 60,
            burst_times: 10,
            idle_after: TimeDelta::minutes(30),
            idle_spend: Money::from_picodollars(crate::money::PICODOLLARS_PER_USD),
            idle_calls: 100,
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller<'a> {
    /// Project, if any.
    pub project: Option<&'a str>,
    /// The client's name, if known.
    pub client: Option<&'a str>,
    /// The client's session, if any.
    pub session: Option<&'a str>,
    /// Fingerprint of the key, if any.
    pub key: Option<&'a str>,
}

/// A call that is about to be admitted.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub caller: Caller<'a>,
    /// Hash of what is asked, and of where; `None` where it cannot be read.
    pub body: Option<u64>,
    /// How long nobody has touched keyboard or mouse; `None` where the platform does not tell.
    pub idle: Option<TimeDelta>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The end of a call that was sent.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// When.
    pub at: DateTime<Utc>,
    /// Since it was asked.
    pub lasted: TimeDelta,
    /// Whether anything is charged for it. What failed repeats no work, and may be tried again.
    pub is_billed: bool,
    /// Whether it was a stream.
    pub is_stream: bool,
    /// How.
    pub how: HowEnded,
    /// Generated tokens; `None` where unknown.
    pub output_tokens: Option<u64>,
    /// What it cost; `None` where unknown.
    pub cost: Option<Money>,
}

/// How a call that was sent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowEnded {
    /// As it should.
    Whole,
    /// Broken off by the provider, failed, ended by us, or by its output cap.
    Cut,
    /// Its client went away.
    ClientLeft,
}

/// What is remembered of a call until it is refused or ends.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    caller: u64,
    project: u64,
    body: Option<u64>,
    at: DateTime<Utc>,
}

/// What is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoopKind {
    /// The same body, though it was answered.
    SameRequest,
    /// Asking on after refusals.
    RetriesAfterRefusal,
    /// Streams that are over at once, one after the other.
    TightLoop,
    /// Far more calls than the project's usual busy minute has.
    Burst,
    /// Calls while nobody is at the keyboard.
    IdleSpend,
}

/// A loop or a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is repeated.
    pub kind: LoopKind,
    /// How often, in `window`.
    pub count: u32,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The time in which it is counted.
    pub window: TimeDelta,
    /// When it is over, unless it goes on.
    pub until: DateTime<Utc>,
    /// Whether it is worth telling: it has begun, or was last told [`TELL_AGAIN`] ago.
    pub is_news: bool,
    /// What kinds have of their own.
    pub measure: Measure,
}

/// What a finding is measured by, beside its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Nothing else.
    None,
    /// Calls in the project's usual busy minute.
    Usual(u32),
    /// Spent since nobody is there.
    Spent(Money),
}

/// Watches calls for loops. Two of the same state and the same events find the same.
#[derive(Debug)]
pub struct LoopWatch {
    rules: LoopRules,
    callers: Bounded<CallerState>,
    projects: Bounded<Rate>,
    away: Away,
    hasher: RandomState,
}

impl LoopKind {
    /// The text in JSON and in an alert's key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            LoopKind::SameRequest => "same_request",
            LoopKind::RetriesAfterRefusal => "retries_after_refusal",
            LoopKind::TightLoop => "tight_loop",
            LoopKind::Burst => "burst",
            LoopKind::IdleSpend => "idle_spend",
        }
    }

    /// Whether a call can be refused for it. What is refused already costs nothing: refusing it for
    /// its retries too would only keep a raised budget shut.
    #[must_use]
    pub const fn can_refuse(self) -> bool {
        !matches!(self, LoopKind::RetriesAfterRefusal)
    }
}

impl LoopWatch {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(rules: LoopRules) -> LoopWatch {
        LoopWatch {
            rules,
            callers: Bounded::new(CALLERS_MAX),
            projects: Bounded::new(CALLERS_MAX),
            away: Away::default(),
            hasher: RandomState::new(),
        }
    }

    /// A call asks to be sent. The findings (mostly none) are those that it is a part of; the ticket
    /// is for what becomes of it.
    pub fn asked(&mut self, ask: &Ask<'_>) -> (Ticket, Vec<Finding>) {
        let ticket = Ticket {
            caller: self.hasher.hash_one(ask.caller),
            project: self.hasher.hash_one(ask.caller.project),
            body: ask.body,
            at: ask.at,
        };
        let caller = self.callers.entry(ticket.caller);
        let found = [
            ask.body.and_then(|body| caller.asked(body, ask.at, &self.rules)),
            caller.goes_on(ask.at),
            caller.retries(ask.at),
            self.projects.entry(ticket.project).asked(ask.at, &self.rules),
            self.away.asked(ask.idle, ask.at, &self.rules),
        ];
        (ticket, found.into_iter().flatten().collect())
    }

    /// A budget refused the call. What that makes is found when it is asked again.
    pub fn refused(&mut self, ticket: &Ticket, at: DateTime<Utc>) {
        self.callers.entry(ticket.caller).refused(ticket.body, at, &self.rules);
    }

    /// The call was refused for a finding: it counts for no rate, and nothing is spent for it.
    pub fn stopped(&mut self, ticket: &Ticket) {
        self.projects.entry(ticket.project).uncount(ticket.at);
        self.away.uncount();
    }

    /// The call was sent and is over. What that makes is found when it is asked again.
    pub fn ended(&mut self, ticket: &Ticket, end: &End) {
        self.away.ended(end.cost);
        self.callers.entry(ticket.caller).ended(ticket.body, end, &self.rules);
    }

    /// Tells how busy a project's past minutes were, in calls: those with any, oldest first.
    pub fn learn(&mut self, project: Option<&str>, busy_minutes: &[u32]) {
        let project = self.hasher.hash_one(project);
        self.projects.entry(project).learn(busy_minutes);
    }
}

#[cfg(test)]
mod tests;
