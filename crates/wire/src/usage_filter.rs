//! Hides the usage chunk that we asked for from a client that did not.
//!
//! A chat stream with `include_usage` ends with a chunk whose `choices` are empty, which programs
//! that read `choices[0]` of every chunk do not survive. Everything else passes byte for byte.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::frames::EventEnds;
use crate::json::{Json, holds, text_of};
use crate::sse::SseReader;

/// Made once: it takes longer than to look through an event.
static USAGE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"usage\""));

/// An event longer than this is no usage chunk: its bytes are not held back.
const HELD_BYTES_MAX: usize = 256 * 1024;

/// Takes a chat stream's bytes in any pieces and gives back those the client should see. At most
/// one unfinished event is held back.
#[derive(Debug, Default)]
pub struct UsageChunkFilter {
    mode: Mode,
    ends: EventEnds,
    /// What there is of an unfinished event.
    held: Vec<u8>,
    /// Whether the last event was hidden up to a CR, which a LF may complete.
    hides_lf: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Nothing seen yet.
    #[default]
    Start,
    Events,
    /// Within an event too long to be held.
    LongEvent,
    /// No event stream: everything passes.
    NotEvents,
}

impl UsageChunkFilter {
    /// A filter at the start of a stream. Its bytes must not be compressed.
    #[must_use]
    pub fn new() -> UsageChunkFilter {
        UsageChunkFilter::default()
    }

    /// The bytes to pass on now.
    pub fn feed<'a>(&mut self, chunk: &'a [u8]) -> Cow<'a, [u8]> {
        if let (Mode::Start, Some(first)) = (self.mode, chunk.first()) {
            let begins_a_line = b"deir:\r\n\xef".contains(first);
            self.mode = if begins_a_line { Mode::Events } else { Mode::NotEvents };
        }
        if self.mode == Mode::NotEvents {
            return Cow::Borrowed(chunk);
        }
        let mut shown = Cow::Borrowed(&chunk[..0]);
        let mut at = 0;
        while let Some(length) = self.ends.next_end(&chunk[at..]) {
            let event = &chunk[at..at + length];
            at += length;
            if self.held.is_empty() {
                match (self.shown_instead(event), &mut shown) {
                    (Some(instead), shown) => shown.to_mut().extend(instead),
                    // All that came before it passed too.
                    (None, Cow::Borrowed(passed)) if passed.len() + length == at => {
                        *passed = &chunk[..at];
                    }
                    (None, shown) => shown.to_mut().extend_from_slice(event),
                }
            } else {
                let mut whole = std::mem::take(&mut self.held);
                whole.extend_from_slice(event);
                let instead = self.shown_instead(&whole);
                shown.to_mut().extend(instead.unwrap_or(whole));
            }
        }
        self.held.extend_from_slice(&chunk[at..]);
        if self.held.len() > HELD_BYTES_MAX {
            self.mode = Mode::LongEvent;
        }
        if self.mode == Mode::LongEvent && !self.held.is_empty() {
            shown.to_mut().append(&mut self.held);
        }
        shown
    }

    /// What was held back when the stream ended.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        if self.mode == Mode::Events && is_usage_event(&self.held) {
            return comments(&self.held);
        }
        self.held
    }

    /// What is left of an event that is hidden; `None` where it passes.
    fn shown_instead(&mut self, event: &[u8]) -> Option<Vec<u8>> {
        let may_be_hidden = self.mode == Mode::Events && event.len() <= HELD_BYTES_MAX;
        self.mode = Mode::Events;
        if std::mem::take(&mut self.hides_lf) && event == b"\n" {
            return Some(Vec::new());
        }
        if !may_be_hidden || !is_usage_event(event) {
            return None;
        }
        self.hides_lf = event.ends_with(b"\r");
        Some(comments(event))
    }
}

/// Whether these lines are the chunk with usage and without choices.
fn is_usage_event(lines: &[u8]) -> bool {
    if USAGE.find(lines).is_none() || !holds(lines, "usage") {
        return false;
    }
    let mut events = 0;
    let mut is_usage = false;
    let mut reader = SseReader::new();
    let mut see = |event: crate::sse::SseEvent<'_>| {
        events += 1;
        let text = text_of(event.data);
        let [choices, usage] = Json::new(&text).pick(["choices", "usage"]);
        is_usage = choices.is_some_and(Json::is_empty_array) && usage.is_some_and(Json::is_object);
    };
    reader.feed(lines, &mut see);
    reader.finish(&mut see);
    is_usage && events == 1
}

/// The comment lines among these lines, with their line ends.
fn comments(lines: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut is_kept = false;
    for line in lines.split_inclusive(|byte| *byte == b'\n' || *byte == b'\r') {
        let is_line_end_of_kept = is_kept && line == b"\n" && kept.last() == Some(&b'\r');
        is_kept = line.starts_with(b":") || is_line_end_of_kept;
        if is_kept {
            kept.extend_from_slice(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filtered<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut filter = UsageChunkFilter::new();
        let mut shown = Vec::new();
        for chunk in chunks {
            shown.extend_from_slice(&filter.feed(chunk));
        }
        shown.append(&mut filter.finish());
        String::from_utf8_lossy(&shown).into_owned()
    }

    const TEXT: &str =
        r#"data: {"choices":[{"index":0,"delta":{"content":"\"usage\":1"}}],"usage":null}"#;
    const USAGE: &str =
        r#"data: {"choices": [ ],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    const AZURE: &str = r#"data: {"choices":[],"prompt_filter_results":[]}"#;
    const LAST: &str = r#"data: {"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":1}}"#;

    #[test]
    fn hides_the_usage_chunk_only() {
        for (stream, expected) in [
            (
                format!("{TEXT}\n\n{USAGE}\n\ndata: [DONE]\n\n"),
                format!("{TEXT}\n\ndata: [DONE]\n\n"),
            ),
            (
                format!("{TEXT}\r\n\r\n{USAGE}\r\n\r\ndata: [DONE]\r\n\r\n"),
                format!("{TEXT}\r\n\r\ndata: [DONE]\r\n\r\n"),
            ),
            (format!("{TEXT}\r\r{USAGE}\r\rdata: x\r\r"), format!("{TEXT}\r\rdata: x\r\r")),
            (format!("{USAGE}\n\n"), String::new()),
            (format!("{TEXT}\n\n{USAGE}"), format!("{TEXT}\n\n")),
            (
                format!(": ping\n\n: a\r\nevent: x\r\n{USAGE}\r\n\r\n"),
                ": ping\n\n: a\r\n".to_owned(),
            ),
            ("data: {\"choices\":[],\ndata: \"usage\":{}}\n\nx".to_owned(), "x".to_owned()),
        ] {
            assert_eq!(filtered([stream.as_bytes()]), expected, "{stream:?}");
            assert_eq!(filtered(stream.as_bytes().chunks(1)), expected, "{stream:?} byte by byte");
        }
        for untouched in [
            format!("{AZURE}\n\n{LAST}\n\n"),
            format!("{{\"choices\":[],\"usage\":{{}}}}\n\n{USAGE}\n\n"),
            format!("data: {}{USAGE}\n\n", " ".repeat(HELD_BYTES_MAX + 1)),
            "\n\n\r\n\r\r\ndata: {\"usage\":{".to_owned(),
            String::new(),
        ] {
            assert_eq!(filtered([untouched.as_bytes()]), untouched);
            assert_eq!(filtered(untouched.as_bytes().chunks(3)), untouched);
        }
    }

    #[test]
    fn passes_each_event_as_soon_as_it_is_whole() {
        let mut filter = UsageChunkFilter::new();
        let event = format!("{TEXT}\n\n");
        assert_eq!(filter.feed(event.as_bytes()), event.as_bytes());
        let long = vec![b'x'; HELD_BYTES_MAX + 10];
        assert!(filter.feed(b"data: ").is_empty());
        assert_eq!(filter.feed(&long).len(), long.len() + 6);
        assert_eq!(*filter.feed(b"yy"), *b"yy", "a long event is not held back");
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(
            parts in proptest::collection::vec(
                prop_oneof![Just(TEXT), Just(USAGE), Just(AZURE), Just(": c"), Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n"), Just("\r\n\r\n")],
                0..20
            ),
            sizes in proptest::collection::vec(1..40_usize, 1..10)
        ) {
            let stream = parts.concat();
            let mut chunks = Vec::new();
            let mut rest = stream.as_bytes();
            let mut sizes = sizes.iter().cycle();
            while !rest.is_empty() {
                let size = (*sizes.next().unwrap()).min(rest.len());
                let (chunk, after) = rest.split_at(size);
                chunks.push(chunk);
                rest = after;
            }
            prop_assert_eq!(filtered(chunks), filtered([stream.as_bytes()]));
        }
    }
}
