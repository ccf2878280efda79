//! What one caller repeats: bodies, asks after refusals, short streams.

use chrono::{DateTime, TimeDelta, Utc};

use super::recent::Recent;
use super::{
    End, Finding, HowEnded, LoopKind, LoopRules, Measure, PAUSE, REFUSED_WITHIN,
    SAME_REQUEST_WITHIN, SHORT_STREAMS_WITHIN, TELL_AGAIN,
};

/// Bodies that are remembered: a loop's own and those of the calls between.
const BODIES_MAX: usize = 8;
/// A stream that says more has got somewhere.
const SHORT_OUTPUT_TOKENS_MAX: u64 = 64;
/// A stream that takes longer is no tight loop.
const SHORT_LASTS_MAX: TimeDelta = TimeDelta::seconds(10);
/// A longer pause between two streams, and the loop is not tight.
const GAP_MAX: TimeDelta = TimeDelta::seconds(1);
/// A client may ask again before the connection of its last stream is seen to end.
const OVERLAP_MAX: TimeDelta = TimeDelta::milliseconds(100);

#[derive(Debug, Default)]
pub(super) struct CallerState {
    bodies: Vec<Body>,
    refused: Recent,
    retries: Option<Running>,
    retries_told: Told,
    short: Recent,
    short_ended: Option<DateTime<Utc>>,
    tight: Option<Running>,
    tight_told: Told,
}

#[derive(Debug)]
struct Body {
    hash: u64,
    asked: Recent,
    last: DateTime<Utc>,
    /// Whether one of its asks came to an end since it was last counted.
    is_answered: bool,
    /// The loop, once it is one.
    running: Option<Running>,
    told: Told,
}

/// A loop that goes on until it pauses.
#[derive(Clone, Copy, Debug)]
struct Running {
    count: u32,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// When something was last told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told(Option<DateTime<Utc>>);

impl Told {
    /// Whether to tell it now; then it is told.
    pub(super) fn tell(&mut self, at: DateTime<Utc>) -> bool {
        let is_due = self.0.is_none_or(|told| at - told >= TELL_AGAIN || at < told);
        if is_due {
            self.0 = Some(at);
        }
        is_due
    }
}

impl Running {
    fn begun(count: u32, since: DateTime<Utc>, at: DateTime<Utc>) -> Running {
        Running { count, since, until: at + PAUSE }
    }

    /// The loop with one more turn; `None` if it had paused.
    fn again(self, at: DateTime<Utc>) -> Option<Running> {
        (at < self.until && at >= self.since).then(|| Running {
            count: self.count.saturating_add(1),
            until: at + PAUSE,
            ..self
        })
    }

    fn finding(self, kind: LoopKind, at: DateTime<Utc>, is_news: bool) -> Finding {
        Finding {
            kind,
            count: self.count,
            since: self.since,
            window: at - self.since,
            until: self.until,
            is_news,
            measure: Measure::None,
        }
    }
}

impl CallerState {
    /// This body is asked.
    pub(super) fn asked(
        &mut self,
        hash: u64,
        at: DateTime<Utc>,
        rules: &LoopRules,
    ) -> Option<Finding> {
        if rules.same_request == 0 {
            return None;
        }
        let body = self.body(hash, at);
        body.last = at;
        if let Some(running) = body.running {
            body.running = running.again(at);
            if body.running.is_none() {
                body.asked.clear();
                body.is_answered = true;
            }
        }
        if body.running.is_none() && std::mem::take(&mut body.is_answered) {
            body.running = body
                .asked
                .push(at, rules.same_request, SAME_REQUEST_WITHIN)
                .map(|since| Running::begun(rules.same_request, since, at));
        }
        let running = body.running?;
        Some(running.finding(LoopKind::SameRequest, at, body.told.tell(at)))
    }

    /// Anything is asked: a tight loop goes on.
    pub(super) fn goes_on(&mut self, at: DateTime<Utc>) -> Option<Finding> {
        self.tight = self.tight?.again(at);
        if self.tight.is_none() {
            self.short.clear();
        }
        Some(self.tight?.finding(LoopKind::TightLoop, at, self.tight_told.tell(at)))
    }

    /// Anything is asked: again, after all those refusals?
    pub(super) fn retries(&mut self, at: DateTime<Utc>) -> Option<Finding> {
        let running = self.retries.filter(|running| at >= running.since && at < running.until)?;
        let is_news = self.retries_told.tell(at);
        Some(running.finding(LoopKind::RetriesAfterRefusal, at, is_news))
    }

    /// A budget refused what was asked. That repeats no work.
    pub(super) fn refused(&mut self, hash: Option<u64>, at: DateTime<Utc>, rules: &LoopRules) {
        if let Some(body) = self.known(hash) {
            body.asked.pop();
            body.is_answered = true;
        }
        if rules.refused == 0 {
            return;
        }
        let since = self.refused.push(at, rules.refused, REFUSED_WITHIN);
        let begun = || since.map(|since| Running::begun(rules.refused, since, at));
        self.retries = self.retries.and_then(|running| running.again(at)).or_else(begun);
    }

    /// An answer is over.
    pub(super) fn ended(&mut self, hash: Option<u64>, end: &End, rules: &LoopRules) {
        if let Some(body) = self.known(hash) {
            body.is_answered = true;
            if !end.is_billed {
                body.asked.pop();
            }
        }
        if end.is_stream && end.is_billed && rules.short_streams > 0 {
            self.stream_ended(end, rules);
        }
    }

    fn stream_ended(&mut self, end: &End, rules: &LoopRules) {
        let says_little = match (end.how, end.output_tokens) {
            (HowEnded::Cut, _) => true,
            (HowEnded::Whole, Some(tokens)) => tokens <= SHORT_OUTPUT_TOKENS_MAX,
            // Nobody knows whether it got anywhere.
            (HowEnded::Whole, None) | (HowEnded::ClientLeft, _) => return,
        };
        if !says_little || end.lasted > SHORT_LASTS_MAX {
            self.short.clear();
            self.tight = None;
            return;
        }
        let begun = end.at - end.lasted;
        let follows = |last| begun + OVERLAP_MAX >= last && begun - GAP_MAX <= last;
        if !self.short_ended.is_some_and(follows) {
            self.short.clear();
        }
        self.short_ended = Some(end.at);
        if self.tight.is_none() {
            self.tight = self
                .short
                .push(end.at, rules.short_streams, SHORT_STREAMS_WITHIN)
                .map(|since| Running::begun(rules.short_streams, since, end.at));
        }
    }

    fn known(&mut self, hash: Option<u64>) -> Option<&mut Body> {
        let hash = hash?;
        self.bodies.iter_mut().find(|body| body.hash == hash)
    }

    /// The body of that hash; a new one takes the place of the one not asked for longest.
    fn body(&mut self, hash: u64, at: DateTime<Utc>) -> &mut Body {
        let place = self.bodies.iter().position(|body| body.hash == hash).unwrap_or_else(|| {
            if self.bodies.len() < BODIES_MAX {
                self.bodies.push(Body::new(hash, at));
                return self.bodies.len() - 1;
            }
            let oldest = self.bodies.iter().enumerate().min_by_key(|(_, body)| body.last);
            let place = oldest.map_or(0, |(place, _)| place);
            self.bodies[place].renew(hash, at);
            place
        });
        &mut self.bodies[place]
    }
}

impl Body {
    fn new(hash: u64, at: DateTime<Utc>) -> Body {
        Body {
            hash,
            asked: Recent::default(),
            last: at,
            // The first ask counts.
            is_answered: true,
            running: None,
            told: Told::default(),
        }
    }

    /// As new, with the memory of the one before: bodies that grow come with each call.
    fn renew(&mut self, hash: u64, at: DateTime<Utc>) {
        let mut asked = std::mem::take(&mut self.asked);
        asked.clear();
        *self = Body { asked, ..Body::new(hash, at) };
    }
}
