//! Looking into JSON text without building a tree.
//!
//! Bodies can be megabytes of prose around a few numbers. [`Json`] is a piece of JSON text; asking
//! it for members scans past everything else. Whatever is missing, `null` or of an unexpected kind
//! is simply absent, so a provider's odd field never hides the ones we came for. Where a key
//! repeats, the last one counts.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::scan::{after_space, plain_string_end, string_end, value_end};

/// Bytes as text. What is no UTF-8 shows as replacement characters.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    // Looking for what to replace is much slower than finding that there is nothing.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// One piece of JSON text. It may be truncated: what is complete in it can still be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// The text is not checked: a flaw in it shows as absent members.
    pub(crate) fn new(text: &'a str) -> Json<'a> {
        Json(text)
    }

    pub(crate) fn raw(self) -> &'a str {
        self.0
    }

    /// The values of `keys` in this object; all absent where this is no object.
    pub(crate) fn pick<const N: usize>(self, keys: [&str; N]) -> [Option<Json<'a>>; N] {
        let mut found = [None; N];
        self.each_member(|key, value| {
            if let Some(index) = keys.iter().position(|wanted| *wanted == key) {
                found[index] = if value.0 == "null" { None } else { Some(value) };
            }
        });
        found
    }

    /// The value of one key of this object.
    pub(crate) fn get(self, key: &str) -> Option<Json<'a>> {
        let [value] = self.pick([key]);
        value
    }

    /// All members of this object, for those who ask for many of them.
    pub(crate) fn object(self) -> Object<'a> {
        let mut found = Vec::with_capacity(8);
        let _ = members(self.0, 0, |key, start| {
            let end = value_end(self.0.as_bytes(), start)?;
            found.push((key, Json(self.0.get(start..end)?)));
            Some(end)
        });
        Object(found)
    }

    /// Calls `see` with every member of this object, in order, as they are complete. A flaw ends the
    /// walk; the members before it have been seen.
    pub(crate) fn each_member(self, see: impl FnMut(&str, Json<'a>)) {
        let mut see = see;
        let _ = members(self.0, 0, |key, start| {
            let end = value_end(self.0.as_bytes(), start)?;
            see(&key, Json(self.0.get(start..end)?));
            Some(end)
        });
    }

    /// Calls `see` with every element of this array, in order, as they are complete.
    pub(crate) fn each_item(self, see: impl FnMut(Json<'a>)) {
        let mut see = see;
        let _ = items(self.0, 0, |start| {
            let end = value_end(self.0.as_bytes(), start)?;
            see(Json(self.0.get(start..end)?));
            Some(end)
        });
    }

    /// The elements of this array; none where this is no array.
    pub(crate) fn items(self) -> Vec<Json<'a>> {
        let mut items = Vec::new();
        self.each_item(|item| items.push(item));
        items
    }

    /// The `type` of an object that begins with it, as nearly all events do: saves walking over long
    /// ones.
    pub(crate) fn leading_type(self) -> Option<&'a str> {
        let rest = self.0.strip_prefix(r#"{"type":""#)?;
        rest.split_once('"').map(|(kind, _)| kind)
    }

    /// A whole number of something: also from `12.0`, `1.2e1` and `"12"`, as some gateways write.
    pub(crate) fn count(self) -> Option<u64> {
        let text = self.number_text()?;
        if let Ok(count) = text.parse() {
            return Some(count);
        }
        let float: f64 = text.parse().ok()?;
        // Beyond 2^53 a float no longer tells whole numbers apart.
        (float.is_finite() && (0.0..9_007_199_254_740_992.0).contains(&float))
            .then_some(float.round() as u64)
    }

    /// A count of thousandths: `36.71` is 36,710.
    pub(crate) fn count_in_thousandths(self) -> Option<u64> {
        let float: f64 = self.number_text()?.parse().ok()?;
        (float.is_finite() && (0.0..9e12).contains(&float))
            .then_some((float * 1000.0).round() as u64)
    }

    /// The digits of a number as they were sent, whether or not they stand in quotes.
    pub(crate) fn number_text(self) -> Option<&'a str> {
        let text =
            self.0.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(self.0);
        let text = text.trim();
        text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
            .then_some(text)
    }

    /// A string that is not empty.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?;
        let inner = match memchr::memchr(b'\\', inner.as_bytes()) {
            None => Cow::Borrowed(inner.strip_suffix('"')?),
            Some(_) => Cow::Owned(serde_json::from_str(self.0).ok()?),
        };
        Some(inner).filter(|text| !text.is_empty())
    }

    /// [`Json::text`], owned.
    pub(crate) fn string(self) -> Option<String> {
        self.text().map(Cow::into_owned)
    }

    pub(crate) fn boolean(self) -> Option<bool> {
        self.0.parse().ok()
    }

    pub(crate) fn is_object(self) -> bool {
        self.starts_with('{')
    }

    pub(crate) fn is_string(self) -> bool {
        self.starts_with('"')
    }

    pub(crate) fn is_array(self) -> bool {
        self.starts_with('[')
    }

    fn starts_with(self, first: char) -> bool {
        self.0.starts_with(first) || self.0.trim_start().starts_with(first)
    }

    /// Whether this is an array without elements.
    pub(crate) fn is_empty_array(self) -> bool {
        let inner = self.0.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.trim().is_empty())
    }
}

/// The members of an object, found in one pass.
#[derive(Debug, Default)]
pub(crate) struct Object<'a>(pub(crate) Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// The values of `keys`, like [`Json::pick`].
    pub(crate) fn pick<const N: usize>(&self, keys: [&str; N]) -> [Option<Json<'a>>; N] {
        keys.map(|wanted| {
            let last = self.0.iter().rev().find(|(key, _)| key == wanted);
            last.map(|(_, value)| *value).filter(|value| value.0 != "null")
        })
    }

    /// The value of one key.
    pub(crate) fn get(&self, key: &str) -> Option<Json<'a>> {
        let [value] = self.pick([key]);
        value
    }
}

/// Walks over the members of the object at `at` in `text`, and says where it ends. `read` gets each
/// key and where its value begins, and says where the value ends. `None` where there is no object, or
/// a flaw in it.
pub(crate) fn members<'a>(
    text: &'a str,
    at: usize,
    mut read: impl FnMut(Cow<'a, str>, usize) -> Option<usize>,
) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = after_space(bytes, at);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut is_first = true;
    loop {
        at = after_space(bytes, at + 1);
        if is_first && bytes.get(at) == Some(&b'}') {
            return Some(at + 1);
        }
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let (key, end) = key(text, at)?;
        at = after_space(bytes, end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        at = read(key, after_space(bytes, at + 1))?;
        is_first = false;
        at = after_space(bytes, at);
        match bytes.get(at)? {
            b',' => {}
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The key whose opening quote is at `at`, and where its string ends.
fn key(text: &str, at: usize) -> Option<(Cow<'_, str>, usize)> {
    let bytes = text.as_bytes();
    if let Some(end) = plain_string_end(bytes, at) {
        return Some((Cow::Borrowed(text.get(at + 1..end - 1)?), end));
    }
    let end = string_end(bytes, at)?;
    let quoted = text.get(at..end)?;
    let key = match quoted.as_bytes().contains(&b'\\') {
        false => Cow::Borrowed(text.get(at + 1..end - 1)?),
        true => Cow::Owned(serde_json::from_str(quoted).ok()?),
    };
    Some((key, end))
}

/// Walks over the elements of the array at `at` in `text`, like [`members`].
pub(crate) fn items(
    text: &str,
    at: usize,
    mut read: impl FnMut(usize) -> Option<usize>,
) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = after_space(bytes, at);
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    at = after_space(bytes, at + 1);
    if bytes.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at = after_space(bytes, read(at)?);
        match bytes.get(at)? {
            b',' => at = after_space(bytes, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The top-level values of a body: one for a document, several for JSON lines; and how it ended.
pub(crate) fn documents(text: &str) -> (Vec<Json<'_>>, TextEnd<'_>) {
    let mut documents = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    loop {
        let start = values.byte_offset();
        match values.next() {
            None => return (documents, TextEnd::Whole),
            Some(Ok(raw)) => documents.push(Json(raw.get())),
            Some(Err(error)) if error.is_eof() => {
                return (documents, TextEnd::Truncated(Json(&text[start..])));
            }
            Some(Err(_)) => return (documents, TextEnd::NotJson),
        }
    }
}

/// How a JSON text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextEnd<'a> {
    Whole,
    /// In the middle of this value.
    Truncated(Json<'a>),
    NotJson,
}

/// Whether `data` has the key `key` with a value other than `null`: a cheap test before a closer
/// look. Text inside strings does not match, its quotes being escaped.
pub(crate) fn holds(data: &[u8], key: &str) -> bool {
    let mut rest = data;
    while let Some(at) = memchr::memmem::find(rest, key.as_bytes()) {
        let quoted = at > 0 && rest[at - 1] == b'"';
        rest = &rest[at + key.len()..];
        if !quoted || rest.first() != Some(&b'"') {
            continue;
        }
        let after = rest[1..].trim_ascii_start();
        let value = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        if value.is_some_and(|value| !value.starts_with(b"null")) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1.2e1", Some(12)),
            ("\"12\"", Some(12)),
            ("18446744073709551615", Some(u64::MAX)),
            ("-1", None),
            ("1e300", None),
            ("\"many\"", None),
            ("true", None),
            ("{}", None),
        ] {
            assert_eq!(Json::new(text).count(), expected, "{text}");
        }
    }

    #[test]
    fn members() {
        let json =
            Json::new(r#" {"a": {"b": 1}, "x\u0061": "y\n", "c": null, "a": [2], "d": {"e": "#);
        let [a, escaped, c, d] = json.pick(["a", "xa", "c", "d"]);
        assert_eq!(a, Some(Json("[2]")), "the last of two equal keys");
        assert_eq!(escaped.and_then(Json::string).as_deref(), Some("y\n"));
        assert_eq!((c, d), (None, None), "null and truncated members");
        let all: Vec<Json<'_>> = Json::new(r#" [1 , {"a": [2]},"]\"" ] "#).items();
        assert_eq!(all, [Json("1"), Json(r#"{"a": [2]}"#), Json(r#""]\"""#)]);
        for not_an_object in ["", "[1]", "3", "nul", "\"a\""] {
            assert_eq!(Json::new(not_an_object).get("a"), None);
        }
    }

    #[test]
    fn cheap_test_for_a_key() {
        for (data, expected) in [
            (r#"{"usage":{"a":1}}"#, true),
            (r#"{"usage" : 1}"#, true),
            (r#"{"usage":null}"#, false),
            (r#"{"usage":null,"x":{"usage":0}}"#, true),
            (r#"{"text":"\"usage\":1"}"#, false),
            (r#"{"my_usage":1}"#, false),
            (r#"["usage"]"#, false),
        ] {
            assert_eq!(holds(data.as_bytes(), "usage"), expected, "{data}");
        }
    }
}
