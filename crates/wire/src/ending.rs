//! The early end of a stream, in the form that its dialect's clients take best.
//!
//! A stream that a limit ends is never cut off: clients then send the whole request again, up to
//! eight times. They get a note that their user sees, then their dialect's own error, which none of
//! them answers with more than one further request. A tool call that is half sent is never closed:
//! some clients mend half a call and run it.
//!
//! A length end would make them ask for the rest at once, and tells nobody why, so an answer that a
//! cap of ours cut is ended in this form too. Gemini's clients are the exception: an error makes them
//! ask again, and calls reach them whole, so they get the note and a length end.

mod anthropic;
mod closing;
mod gemini;
mod openai_chat;
mod openai_responses;
mod whole;

use std::borrow::Cow;
use std::fmt;

use closing::{Closing, continuing, elements, events};

use crate::dialect::Dialect;
use crate::frames::{ElementEnds, EventEnds, Frames};
use crate::json::{Json, text_of};
use crate::refusal::RefusalFacts;
use crate::template::{Template, TextEvent};
pub use whole::with_note;

/// More than this of one event is not held back: such a stream can no longer be ended.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Follows a stream on its way to the client, so that it can be ended at any time.
///
/// Whole events pass, unchanged; one that is unfinished waits for its rest. Whether to end a stream
/// is best decided before the piece in hand is fed: what has passed cannot be taken back, and a
/// Gemini function call that has passed will run.
#[derive(Debug)]
pub struct StreamGate {
    frames: Form,
    follower: Box<dyn Follower>,
    /// What has not passed: whole events that wait for the next one, then the start of an event.
    held: Vec<u8>,
    /// Where in `held` the unfinished event begins.
    unfinished_at: usize,
    /// The whole events in `held`.
    waiting: Vec<Vec<u8>>,
    has_passed: bool,
    /// Whether the last byte that passed is a CR, which a LF may complete.
    is_after_cr: bool,
    state: State,
    template: Template,
}

#[derive(Debug)]
enum Form {
    /// Nothing but white space so far; what it will be, by its content type.
    Start {
        is_event_stream: bool,
        may_be_array: bool,
    },
    Framed(Frames),
    /// No stream, or one with too large an event: everything passes.
    Opaque,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The rest of the provider's stream is withheld.
    CapHit,
    /// Ended by us.
    Ended,
}

/// What a client may get now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gated<'a> {
    /// Whole events, the bytes as the provider sent them. A prefix of the bytes fed where that is
    /// all there is to pass.
    pub pass: Cow<'a, [u8]>,
    /// Whether the provider's stream ended by length, and that end is to be replaced: it is withheld
    /// with all that follows. [`StreamGate::end`] writes the other one.
    pub is_cap_hit: bool,
}

impl StreamGate {
    /// For the answer to a call that streams, decompressed. With `replaces_length_end` an end by
    /// length is withheld: for calls whose output cap was set or lowered because of a limit.
    ///
    /// `None` where the dialect has no form for an early end: embeddings, and endpoints without a
    /// dialect.
    #[must_use]
    pub fn new(
        dialect: Dialect,
        content_type: Option<&str>,
        replaces_length_end: bool,
    ) -> Option<StreamGate> {
        let follower: Box<dyn Follower> = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
                Box::new(openai_chat::ChatFollower::new(dialect, replaces_length_end))
            }
            Dialect::OpenAiResponses => {
                Box::new(openai_responses::ResponsesFollower::new(replaces_length_end))
            }
            Dialect::AnthropicMessages => {
                Box::new(anthropic::MessagesFollower::new(replaces_length_end))
            }
            Dialect::GeminiGenerate => Box::new(gemini::GeminiFollower::new(replaces_length_end)),
            Dialect::OpenAiEmbeddings | Dialect::GeminiEmbed | Dialect::Other => return None,
        };
        let may_be_array = dialect == Dialect::GeminiGenerate;
        let is_json =
            content_type.is_some_and(|kind| kind.trim_start().starts_with("application/json"));
        Some(StreamGate {
            frames: Form::Start { is_event_stream: !(may_be_array && is_json), may_be_array },
            follower,
            held: Vec::new(),
            unfinished_at: 0,
            waiting: Vec::new(),
            has_passed: false,
            is_after_cr: false,
            state: State::Open,
            template: Template::default(),
        })
    }

    /// Takes the next bytes of the provider's, and gives what the client may get.
    pub fn feed<'a>(&mut self, bytes: &'a [u8]) -> Gated<'a> {
        if self.state != State::Open {
            return Gated { pass: Cow::default(), is_cap_hit: false };
        }
        self.sniff(bytes);
        let Form::Framed(_) = self.frames else {
            return Gated { pass: Cow::Borrowed(bytes), is_cap_hit: false };
        };
        // Passes up to here.
        let mut end = None;
        let mut at = 0;
        while let Some(length) = self.next_end(&bytes[at..]) {
            let unfinished = &self.held[self.unfinished_at..];
            let frame = match (at, unfinished.is_empty()) {
                (0, false) => Cow::Owned([unfinished, &bytes[..length]].concat()),
                _ => Cow::Borrowed(&bytes[at..at + length]),
            };
            at += length;
            match self.judge(&frame) {
                Verdict::Pass => end = Some(at),
                Verdict::Wait => self.waiting.push(frame.into_owned()),
                Verdict::CapHit => {
                    self.state = State::CapHit;
                    break;
                }
            }
        }
        let pass = self.release(bytes, end, at);
        Gated { pass, is_cap_hit: self.state == State::CapHit }
    }

    /// What is left when the provider's stream ends by itself; its last event may lack the blank
    /// line.
    #[must_use]
    pub fn finish(&mut self) -> Gated<'static> {
        if self.state == State::Open && self.held.len() > self.unfinished_at {
            let unfinished = self.held.split_off(self.unfinished_at);
            if self.judge(&unfinished) == Verdict::CapHit {
                self.state = State::CapHit;
                return Gated { pass: Cow::default(), is_cap_hit: true };
            }
            self.held.extend(unfinished);
        }
        let pass = match self.state {
            State::Open => Cow::Owned(std::mem::take(&mut self.held)),
            State::CapHit | State::Ended => Cow::default(),
        };
        self.unfinished_at = 0;
        Gated { pass, is_cap_hit: false }
    }

    /// What ends the stream here, after what has passed: `note` where the user reads the answer,
    /// then the refusal as the dialect's error. What has not passed is dropped. Empty where the
    /// stream has come to its own end, or is none.
    pub fn end(&mut self, facts: &RefusalFacts, note: &str) -> Vec<u8> {
        let state = std::mem::replace(&mut self.state, State::Ended);
        self.held = Vec::new();
        self.unfinished_at = 0;
        self.waiting.clear();
        if state == State::Ended {
            return Vec::new();
        }
        let closing = self.follower.close(facts, note);
        match &self.frames {
            Form::Opaque => Vec::new(),
            Form::Framed(Frames::Elements(ends)) if ends.is_over() => Vec::new(),
            Form::Framed(Frames::Elements(_)) | Form::Start { is_event_stream: false, .. } => {
                elements(&closing, self.has_passed)
            }
            Form::Framed(Frames::Events(_)) | Form::Start { is_event_stream: true, .. } => {
                events(&closing, self.is_after_cr)
            }
        }
    }

    /// Whether what has passed is the whole answer: there is nothing to end.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended || self.follower.is_ended()
    }

    /// The first byte tells more than the content type, which gateways get wrong.
    fn sniff(&mut self, bytes: &[u8]) {
        let Form::Start { may_be_array, .. } = self.frames else { return };
        let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else { return };
        self.frames = match first {
            b'[' if may_be_array => Form::Framed(Frames::Elements(ElementEnds::default())),
            b'd' | b'e' | b'i' | b'r' | b':' | 0xef => {
                Form::Framed(Frames::Events(EventEnds::default()))
            }
            _ => Form::Opaque,
        };
    }

    fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        match &mut self.frames {
            Form::Framed(frames) => frames.next_end(bytes),
            Form::Start { .. } | Form::Opaque => None,
        }
    }

    /// Whether a whole event may pass; if so, it counts as passed, with those that waited for it.
    fn judge(&mut self, frame: &[u8]) -> Verdict {
        let StreamGate { frames: Form::Framed(frames), follower, waiting, template, .. } = self
        else {
            return Verdict::Pass;
        };
        let is_waiting = !waiting.is_empty();
        if !is_waiting && template.text_bytes("", frame).is_some() {
            return Verdict::Pass;
        }
        let (name, data) = frames.read(frame);
        if data.is_empty() {
            return if is_waiting { Verdict::Wait } else { Verdict::Pass };
        }
        let text = text_of(&data);
        let event = Event { name, json: Json::new(text.trim()) };
        let verdict = follower.verdict(&event, is_waiting);
        let mut text_event = None;
        if verdict == Verdict::Pass {
            for earlier in waiting.drain(..) {
                let (name, data) = frames.read(&earlier);
                let text = text_of(&data);
                follower.pass(&Event { name, json: Json::new(text.trim()) });
            }
            follower.pass(&event);
            text_event = follower.text_event(&event);
        }
        template.keep("", frame, event.json.raw(), text_event);
        if verdict == Verdict::CapHit {
            follower.withhold(&event);
        }
        verdict
    }

    /// Lets go what is held and `bytes` up to `end`, and keeps the rest, in which the unfinished
    /// event begins at `unfinished_at` of `bytes` (or earlier, if that is 0).
    fn release<'a>(
        &mut self,
        bytes: &'a [u8],
        end: Option<usize>,
        unfinished_at: usize,
    ) -> Cow<'a, [u8]> {
        let kept_from = end.unwrap_or(0);
        let pass = match end {
            None => Cow::default(),
            Some(end) if self.held.is_empty() => Cow::Borrowed(&bytes[..end]),
            Some(end) => {
                let mut pass = std::mem::take(&mut self.held);
                pass.extend_from_slice(&bytes[..end]);
                Cow::Owned(pass)
            }
        };
        self.has_passed |= end.is_some();
        self.is_after_cr = pass.last().map_or(self.is_after_cr, |last| *last == b'\r');
        if self.state != State::Open {
            self.held = Vec::new();
            return pass;
        }
        if unfinished_at > 0 {
            self.unfinished_at = self.held.len() + unfinished_at - kept_from;
        }
        self.held.extend_from_slice(&bytes[kept_from..]);
        if self.held.len() > HELD_BYTES_MAX {
            self.frames = Form::Opaque;
            let mut pass = pass.into_owned();
            pass.append(&mut self.held);
            return Cow::Owned(pass);
        }
        pass
    }
}

/// Whether a whole answer, one JSON document, ended by length and has a tool call in it. Where a cap
/// of ours did that, the client must get a refusal in its stead.
#[must_use]
pub fn is_cut_tool_call(dialect: Dialect, body: &[u8]) -> bool {
    let text = text_of(body);
    let json = Json::new(&text);
    match dialect {
        Dialect::OpenAiChat => openai_chat::is_cut(json),
        Dialect::OpenAiResponses => openai_responses::is_cut(json),
        Dialect::AnthropicMessages => anthropic::is_cut(json),
        Dialect::GeminiGenerate => gemini::is_cut(json),
        Dialect::OpenAiCompletions
        | Dialect::OpenAiEmbeddings
        | Dialect::GeminiEmbed
        | Dialect::Other => false,
    }
}

/// Follows one dialect's stream.
trait Follower: fmt::Debug + Send {
    /// Whether `event` may pass after all that has passed; `is_waiting` if others wait for it.
    fn verdict(&self, event: &Event<'_>, is_waiting: bool) -> Verdict;

    /// `event` passes.
    fn pass(&mut self, event: &Event<'_>);

    /// What was looked at in `event`, which has passed, where it was nothing but text: another one
    /// that differs in its text alone may pass, and changes nothing. `None` where it was more, or
    /// may have been.
    fn text_event(&self, _: &Event<'_>) -> Option<TextEvent> {
        None
    }

    /// `event` ends the answer by length and does not pass: text in it belongs before the note.
    fn withhold(&mut self, _: &Event<'_>) {}

    /// Whether the dialect's own end has passed.
    fn is_ended(&self) -> bool;

    /// The events that end the stream here.
    fn close(&self, facts: &RefusalFacts, note: &str) -> Vec<Closing>;
}

/// One event of a stream.
struct Event<'a> {
    name: &'a str,
    json: Json<'a>,
}

impl Event<'_> {
    /// What kind of event it is: its data's `type`, else its name.
    fn kind(&self) -> Cow<'_, str> {
        match self.json.leading_type() {
            Some(kind) => Cow::Borrowed(kind),
            None => self.json.get("type").and_then(Json::text).unwrap_or(Cow::Borrowed(self.name)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// Only the next event tells.
    Wait,
    /// The answer ends by length, and that end is to be replaced.
    CapHit,
}

#[cfg(test)]
impl StreamGate {
    /// The same, reading every event in full.
    pub(crate) fn in_full(mut self) -> StreamGate {
        self.template = Template::given_up();
        self
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }
}
