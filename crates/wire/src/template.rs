//! Events that say again what the one before them said, but for their text.
//!
//! Of a stream nearly all events are such, and to look for everything that they might say costs
//! twenty times what their few words do. What was read off the one before then holds for them, so
//! that only their text is left to be looked at. Whatever differs in more is read in full.

use std::ops::Range;

use memchr::memchr2;

use crate::json::{items, members};
use crate::scan::{string_end, value_end};
use crate::text::{text_spans, unescaped_bytes};

/// Longer events are not kept to be compared.
const EVENT_BYTES_MAX: usize = 16 * 1024;
/// After so many events that all differed from the one before, no more are kept.
const IN_VAIN_MAX: u32 = 16;

/// What a reader reads off an event that is nothing but text: the same once more for an event
/// with other text changes nothing but the bytes of text that it has seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextEvent {
    /// The members that are looked at.
    pub(crate) keys: &'static [&'static str],
    /// The one of them that holds the text, an object or an array of objects; `None` where text may
    /// stand anywhere.
    pub(crate) holder: Option<&'static str>,
    /// The keys under which strings are text.
    pub(crate) text_keys: &'static [&'static str],
}

/// The last event that was read in full, with gaps where the next one may differ.
#[derive(Debug, Default)]
pub(crate) struct Template {
    /// Empty where there is none.
    event: Vec<u8>,
    name: String,
    gaps: Vec<Gap>,
    kept_in_vain: u32,
}

#[derive(Debug)]
struct Gap {
    place: Range<usize>,
    kind: GapKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GapKind {
    /// The inside of a string that is text.
    Text,
    /// The inside of a string that nobody reads.
    Unread,
    /// Digits that nobody reads.
    UnreadDigits,
}

impl Template {
    /// The bytes of text in an event that differs in nothing else from the last one; `None` where
    /// it has to be read.
    pub(crate) fn text_bytes(&mut self, name: &str, event: &[u8]) -> Option<u64> {
        if self.event.is_empty() || self.name != name {
            return None;
        }
        let (mut bytes, mut at, mut from) = (0, 0, 0);
        for Gap { place, kind } in &self.gaps {
            let literal = self.event.get(from..place.start)?;
            if !event.get(at..)?.starts_with(literal) {
                return None;
            }
            at += literal.len();
            let end = match kind {
                GapKind::UnreadDigits => digits_end(event, at)?,
                GapKind::Text | GapKind::Unread => string_end(event, at.checked_sub(1)?)? - 1,
            };
            let inside = event.get(at..end)?;
            if !is_sound(inside) {
                return None;
            }
            bytes += if *kind == GapKind::Text { unescaped_bytes(inside) } else { 0 };
            (at, from) = (end, place.end);
        }
        if event.get(at..)? != self.event.get(from..)? {
            return None;
        }
        self.kept_in_vain = 0;
        Some(bytes)
    }

    /// Keeps an event that has been read: `json` is the part of it that was looked at. An event that
    /// is more than text (`read` is `None`) is not kept, and the one before it is dropped.
    pub(crate) fn keep(&mut self, name: &str, event: &[u8], json: &str, read: Option<TextEvent>) {
        self.event.clear();
        let Some(read) = read else { return };
        if event.len() > EVENT_BYTES_MAX || self.kept_in_vain >= IN_VAIN_MAX {
            return;
        }
        let gaps = offset(event, json).and_then(|offset| gaps(json, offset, read));
        let Some(gaps) = gaps else { return };
        self.kept_in_vain += 1;
        self.gaps = gaps;
        self.event.extend_from_slice(event);
        self.name.clear();
        self.name.push_str(name);
    }
}

/// Where `json` stands in `event`; `None` where it is a copy of something in it.
fn offset(event: &[u8], json: &str) -> Option<usize> {
    let offset = (json.as_ptr() as usize).checked_sub(event.as_ptr() as usize)?;
    event.get(offset..)?.starts_with(json.as_bytes()).then_some(offset)
}

/// The gaps of an event whose JSON begins at `offset`; `None` where it is flawed.
fn gaps(json: &str, offset: usize, read: TextEvent) -> Option<Vec<Gap>> {
    let bytes = json.as_bytes();
    let mut gaps = Vec::new();
    let mut add = |place: Range<usize>, kind| {
        gaps.push(Gap { place: place.start + offset..place.end + offset, kind });
    };
    let mut holders = 0;
    members(json, 0, |key, at| {
        let is_read = read.keys.contains(&key.as_ref());
        let is_holder = read.holder.is_some_and(|holder| holder == key);
        if is_holder {
            holders += 1;
            holds_objects(json, at)?;
        }
        if is_holder || read.holder.is_none() {
            let (end, spans) = text_spans(json, &key, at, read.text_keys)?;
            if is_read || !spans.is_empty() {
                spans.into_iter().for_each(|span| add(span, GapKind::Text));
                return Some(end);
            }
        }
        let end = value_end(bytes, at)?;
        if !is_read && bytes.get(at) == Some(&b'"') {
            add(at + 1..end - 1, GapKind::Unread);
        } else if !is_read && digits_end(bytes, at) == Some(end) {
            add(at..end, GapKind::UnreadDigits);
        }
        Some(end)
    })?;
    // Of two equal keys only the last one is read.
    (holders <= 1).then_some(gaps)
}

/// `None` where the value at `at` is neither an object nor an array of objects.
fn holds_objects(json: &str, at: usize) -> Option<()> {
    let bytes = json.as_bytes();
    let is_object = |at: usize| bytes.get(at) == Some(&b'{');
    if !is_object(at) {
        items(json, at, |at| if is_object(at) { value_end(bytes, at) } else { None })?;
    }
    Some(())
}

fn digits_end(text: &[u8], at: usize) -> Option<usize> {
    let digits = text.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then_some(at + digits)
}

/// Whether the inside of a string is UTF-8, for what is not counts as what replaces it; and has no
/// line ends, for they may end an event.
fn is_sound(inside: &[u8]) -> bool {
    let is_plain = |byte: &u8| *byte >= b' ' && byte.is_ascii();
    inside.iter().fold(true, |all, byte| all & is_plain(byte))
        || memchr2(b'\n', b'\r', inside).is_none() && std::str::from_utf8(inside).is_ok()
}

#[cfg(test)]
mod agreement;

#[cfg(test)]
impl Template {
    /// One that never keeps an event.
    pub(crate) fn given_up() -> Template {
        Template { kept_in_vain: IN_VAIN_MAX, ..Template::default() }
    }

    /// Whether the last event was read by the one that is kept.
    pub(crate) fn has_fitted(&self) -> bool {
        !self.event.is_empty() && self.kept_in_vain == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: TextEvent = TextEvent {
        keys: &["id", "choices"],
        holder: Some("choices"),
        text_keys: &["content", "arguments"],
    };
    const ANYWHERE: TextEvent =
        TextEvent { keys: &["type"], holder: None, text_keys: &["delta", "text"] };

    #[test]
    fn what_differs_in_its_text_only() {
        const FIRST: &str =
            r#"{"id":"a","at":12,"choices":[{"content":"ab","x":"y"}],"pad":"pp"} "#;
        for (event, expected) in [
            (FIRST, Some(2)),
            (
                r#"{"id":"a","at":345,"choices":[{"content":"a\"\n\u00e9","x":"y"}],"pad":""} "#,
                Some(5),
            ),
            (r#"{"id":"a","at":1,"choices":[{"content":"","x":"y"}],"pad":"\\"} "#, Some(0)),
            (r#"{"id":"b","at":12,"choices":[{"content":"ab","x":"y"}],"pad":"pp"} "#, None),
            (r#"{"id":"a","at":12.5,"choices":[{"content":"ab","x":"y"}],"pad":"pp"} "#, None),
            (r#"{"id":"a","at":12,"choices":[{"content":"ab","x":"z"}],"pad":"pp"} "#, None),
            (r#"{"id":"a","at":12,"choices":[{"content":null,"x":"y"}],"pad":"pp"} "#, None),
            (r#"{"id":"a","at":12,"choices":[{"content":"ab","x":"y"}],"pad":"pp"}"#, None),
            (r#"{"id":"a","at":12,"choices":[{"content":"ab"#, None),
            (
                "{\"id\":\"a\",\"at\":12,\"choices\":[{\"content\":\"a\nb\",\"x\":\"y\"}],\"pad\":\"pp\"} ",
                None,
            ),
            ("", None),
        ] {
            let mut template = Template::default();
            template.keep("n", FIRST.as_bytes(), FIRST, Some(CHAT));
            assert_eq!(template.text_bytes("n", event.as_bytes()), expected, "{event}");
            assert_eq!(template.text_bytes("m", event.as_bytes()), None, "another name");
            template.keep("n", FIRST.as_bytes(), FIRST, None);
            assert_eq!(template.text_bytes("n", event.as_bytes()), None, "dropped");
        }
        let mut template = Template::default();
        template.keep("", FIRST.as_bytes(), FIRST, Some(CHAT));
        let broken = FIRST.replace("ab", "#").into_bytes();
        let broken: Vec<u8> =
            broken.into_iter().map(|byte| if byte == b'#' { 0xff } else { byte }).collect();
        assert_eq!(template.text_bytes("", &broken), None, "no UTF-8");
    }

    #[test]
    fn text_that_stands_anywhere() {
        const FIRST: &str =
            "data: {\"type\":\"d\",\"n\":1,\"delta\":\"a\",\"part\":{\"text\":\"b\"}}\n";
        let mut template = Template::default();
        template.keep("", FIRST.as_bytes(), FIRST[6..].trim(), Some(ANYWHERE));
        for (event, expected) in [
            (
                "data: {\"type\":\"d\",\"n\":20,\"delta\":\"abc\",\"part\":{\"text\":\"\"}}\n",
                Some(3),
            ),
            ("data: {\"type\":\"e\",\"n\":20,\"delta\":\"abc\",\"part\":{\"text\":\"\"}}\n", None),
            ("data:  {\"type\":\"d\",\"n\":1,\"delta\":\"a\",\"part\":{\"text\":\"b\"}}\n", None),
        ] {
            assert_eq!(template.text_bytes("", event.as_bytes()), expected, "{event}");
        }
    }

    #[test]
    fn events_that_are_not_kept() {
        let long = format!(r#"{{"choices":[{{"content":"{}"}}]}}"#, "x".repeat(EVENT_BYTES_MAX));
        for event in [
            r#"{"choices":[{"content":"a"}],"choices":[]}"#,
            r#"{"choices":[[{"content":"a"}]]}"#,
            r#"{"choices":["a"]}"#,
            r#"{"choices":[{"content":"a"}"#,
            &long,
        ] {
            let mut template = Template::default();
            template.keep("", event.as_bytes(), event, Some(CHAT));
            assert_eq!(template.text_bytes("", event.as_bytes()), None, "{event}");
        }
    }

    #[test]
    fn events_that_always_differ_are_given_up() {
        let mut template = Template::default();
        let event = |number: u32| format!(r#"{{"id":"{number}"}}"#);
        for number in 0..IN_VAIN_MAX {
            let event = event(number);
            template.keep("", event.as_bytes(), &event, Some(CHAT));
            assert!(number % 3 > 0 || template.text_bytes("", event.as_bytes()).is_some());
        }
        let mut keeps = |number: u32| {
            let event = event(number);
            template.keep("", event.as_bytes(), &event, Some(CHAT));
            !template.event.is_empty()
        };
        assert!((0..IN_VAIN_MAX).all(&mut keeps), "one fitted lately");
        assert!(!keeps(0), "none fitted since");
    }
}
