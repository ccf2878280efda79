//! How much text stands in JSON, and where.

use std::ops::Range;

use crate::json::{Json, items, members};
use crate::scan::{after_space, string_end, value_end};

/// Values nested deeper than this are not looked into.
const DEPTH_MAX: u64 = 128;

/// Bytes of text under any of `keys`, and of whole values under any of `whole_keys`, at any depth.
pub(crate) fn text_bytes(text: &str, keys: &[&str], whole_keys: &[&str]) -> u64 {
    let mut sum = TextBytes { text, keys, whole_keys, total: 0, spans: None };
    let _ = sum.value(after_space(text.as_bytes(), 0), false, 0);
    sum.total
}

/// [`text_bytes`] of an object, and the values of its own members `picked`, as [`Json::pick`] gives
/// them: in one walk. Members after a flaw are absent.
pub(crate) fn text_bytes_and<'a, const N: usize>(
    object: Json<'a>,
    keys: &[&str],
    picked: [&str; N],
) -> (u64, [Option<Json<'a>>; N]) {
    let text = object.raw();
    let mut sum = TextBytes { text, keys, whole_keys: &[], total: 0, spans: None };
    let mut found = [None; N];
    let _ = members(text, 0, |key, start| {
        let end = sum.member(&key, start, 0)?;
        if let Some(index) = picked.iter().position(|wanted| *wanted == key) {
            let value = text.get(start..end)?;
            found[index] = (value != "null").then_some(Json::new(value));
        }
        Some(end)
    });
    (sum.total, found)
}

/// Where the member `key`, whose value is at `at` in `text`, ends; and the insides of the strings in
/// it that [`text_bytes`] counts.
pub(crate) fn text_spans(
    text: &str,
    key: &str,
    at: usize,
    keys: &[&str],
) -> Option<(usize, Vec<Range<usize>>)> {
    let mut sum = TextBytes { text, keys, whole_keys: &[], total: 0, spans: Some(Vec::new()) };
    let end = sum.member(key, at, 0)?;
    Some((end, sum.spans.unwrap_or_default()))
}

struct TextBytes<'a> {
    text: &'a str,
    keys: &'a [&'a str],
    whole_keys: &'a [&'a str],
    total: u64,
    /// The insides of what was counted, where they are wanted.
    spans: Option<Vec<Range<usize>>>,
}

impl TextBytes<'_> {
    /// Where the value at `at` ends. A flaw ends the sum.
    fn value(&mut self, at: usize, counts: bool, depth: u64) -> Option<usize> {
        let text = self.text;
        let bytes = text.as_bytes();
        match bytes.get(at)? {
            _ if depth > DEPTH_MAX => None,
            b'"' => {
                let end = string_end(bytes, at)?;
                if counts {
                    self.total += unescaped_bytes(&bytes[at + 1..end - 1]);
                    self.spans.iter_mut().for_each(|spans| spans.push(at + 1..end - 1));
                }
                Some(end)
            }
            b'[' => items(text, at, |at| self.value(at, counts, depth + 1)),
            b'{' => members(text, at, |key, at| self.member(&key, at, depth)),
            _ => value_end(bytes, at),
        }
    }

    /// Where the value of the member `key` ends, which is at `at`.
    fn member(&mut self, key: &str, at: usize, depth: u64) -> Option<usize> {
        let bytes = self.text.as_bytes();
        if self.whole_keys.contains(&key) {
            let end = value_end(bytes, at)?;
            let is_bare = !matches!(bytes[at], b'{' | b'[');
            self.total += if is_bare { 0 } else { (end - at) as u64 };
            return Some(end);
        }
        if matches!(key, "b64_json" | "thoughtSignature" | "signature") {
            return value_end(bytes, at);
        }
        self.value(at, self.keys.contains(&key), depth + 1)
    }
}

/// The length of what stands between two quotes, its escapes undone.
pub(crate) fn unescaped_bytes(escaped: &[u8]) -> u64 {
    let mut total = 0;
    let mut rest = escaped;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        total += at;
        let hex = rest.get(at + 2..at + 6).filter(|_| rest.get(at + 1) == Some(&b'u'));
        let unit = hex.and_then(|hex| u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        let (escape, length) = match unit {
            None => (2, 1),
            Some(0..=0x7f) => (6, 1),
            // Each half of a surrogate pair is half of four bytes.
            Some(0x80..=0x7ff | 0xd800..=0xdfff) => (6, 2),
            Some(_) => (6, 3),
        };
        total += length;
        rest = rest.get(at + escape..).unwrap_or_default();
    }
    (total + rest.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_text() {
        for (text, expected) in [
            (r#"{"delta":{"content":"ab\n"}}"#, 3),
            (r#"{"content":[{"type":"text","text":"abc"}],"id":"zzz"}"#, 3),
            (r#"{"args":{"x":1},"text":"q"}"#, 8),
            (r#"{"signature":"abc","text":"unfinis"#, 0),
            (r#"{"text":"\\\u00e9\ud83d\ude00\u4f60\u0041\n"}"#, 12),
            ("3", 0),
        ] {
            assert_eq!(text_bytes(text, &["content", "text"], &["args"]), expected, "{text}");
        }
    }

    #[test]
    fn visible_text_and_members_in_one_walk() {
        for (text, expected) in [
            (
                r#"{"delta":{"content":"ab"},"end":"stop","usage":null}"#,
                (2, Some("\"stop\""), None),
            ),
            (r#" {"usage":{"a":1},"text":"abc","end":null}"#, (3, None, Some("{\"a\":1}"))),
            (r#"{"end":1,"delta":{"content":"ab","end":2},"end":"#, (2, Some("1"), None)),
            ("[1]", (0, None, None)),
        ] {
            let (bytes, [end, usage]) =
                text_bytes_and(Json::new(text), &["content", "text"], ["end", "usage"]);
            let found = (bytes, end.map(Json::raw), usage.map(Json::raw));
            assert_eq!(found, expected, "{text}");
            assert_eq!(bytes, text_bytes(text, &["content", "text"], &[]), "{text}");
        }
    }
}
