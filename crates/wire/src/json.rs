//! Looking into JSON text without building a tree.
//!
//! Bodies can be megabytes of prose around a few numbers. [`Json`] is a piece of JSON text; asking
//! it for members scans past everything else. Whatever is missing, `null` or of an unexpected kind
//! is simply absent, so a provider's odd field never hides the ones we came for. Where a key
//! repeats, the last one counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

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

    /// Calls `see` with every member of this object, in order, as they are complete.
    pub(crate) fn each_member(self, see: impl FnMut(&str, Json<'a>)) {
        let mut see = see;
        let mut deserializer = serde_json::Deserializer::from_str(self.0);
        let members = Members(|key: Cow<'a, str>, value| see(&key, value));
        // A flaw ends the walk; the members before it have been seen.
        let _ = Deserializer::deserialize_any(&mut deserializer, members);
    }

    /// The elements of this array; none where this is no array.
    pub(crate) fn items(self) -> Vec<Json<'a>> {
        let mut items = Vec::new();
        let mut deserializer = serde_json::Deserializer::from_str(self.0);
        let _ = Deserializer::deserialize_any(&mut deserializer, Items(&mut items));
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
        if !self.0.starts_with('"') {
            return None;
        }
        let mut deserializer = serde_json::Deserializer::from_str(self.0);
        Text::deserialize(&mut deserializer).ok().map(|text| text.0).filter(|text| !text.is_empty())
    }

    /// [`Json::text`], owned.
    pub(crate) fn string(self) -> Option<String> {
        self.text().map(Cow::into_owned)
    }

    pub(crate) fn boolean(self) -> Option<bool> {
        self.0.parse().ok()
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.trim_start().starts_with('{')
    }

    pub(crate) fn is_string(self) -> bool {
        self.0.trim_start().starts_with('"')
    }

    pub(crate) fn is_array(self) -> bool {
        self.0.trim_start().starts_with('[')
    }

    /// Whether this is an array without elements.
    pub(crate) fn is_empty_array(self) -> bool {
        let inner = self.0.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.trim().is_empty())
    }
}

/// The members of an object, found in one pass.
#[derive(Debug)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// Reads a text that is one whole JSON object, or `None` where it is anything else.
    pub(crate) fn parse(text: &'a str) -> Option<Object<'a>> {
        let mut members = Vec::new();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = Members(|key: Cow<'a, str>, value| members.push((key, value)));
        Deserializer::deserialize_map(&mut deserializer, read).ok()?;
        deserializer.end().ok()?;
        Some(Object(members))
    }

    /// The values of `keys`, like [`Json::pick`].
    pub(crate) fn pick<const N: usize>(&self, keys: [&str; N]) -> [Option<Json<'a>>; N] {
        keys.map(|wanted| {
            let last = self.0.iter().rev().find(|(key, _)| key == wanted);
            last.map(|(_, value)| *value).filter(|value| value.0 != "null")
        })
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

/// Bytes of text under any of `keys`, and of whole values under any of `whole_keys`, at any depth.
pub(crate) fn text_bytes(text: &str, keys: &[&str], whole_keys: &[&str]) -> u64 {
    let mut total = 0;
    let walk = TextBytes { keys, whole_keys, counts: false, total: &mut total };
    let _ = walk.deserialize(&mut serde_json::Deserializer::from_str(text));
    total
}

struct Members<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, Json<'de>)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            let value: &RawValue = map.next_value()?;
            (self.0)(key, Json(value.get()));
        }
        Ok(())
    }
}

struct Items<'v, 'a>(&'v mut Vec<Json<'a>>);

impl<'de> Visitor<'de> for Items<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<&RawValue>()? {
            self.0.push(Json(item.get()));
        }
        Ok(())
    }
}

/// A string, borrowed where it has no escapes.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'de>, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextBytes<'k, 't> {
    keys: &'k [&'k str],
    whole_keys: &'k [&'k str],
    counts: bool,
    total: &'t mut u64,
}

impl<'de> DeserializeSeed<'de> for TextBytes<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextBytes<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.counts {
            *self.total += text.len() as u64;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let TextBytes { keys, whole_keys, counts, total } = self;
        while seq.next_element_seed(TextBytes { keys, whole_keys, counts, total })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let TextBytes { keys, whole_keys, total, .. } = self;
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            if whole_keys.contains(&key.as_ref()) {
                let value: &RawValue = map.next_value()?;
                let is_bare = !value.get().starts_with(['{', '[']);
                *total += if is_bare { 0 } else { value.get().len() as u64 };
            } else if key == "b64_json" || key == "thoughtSignature" || key == "signature" {
                map.next_value::<IgnoredAny>()?;
            } else {
                let counts = keys.contains(&key.as_ref());
                map.next_value_seed(TextBytes { keys, whole_keys, counts, total })?;
            }
        }
        Ok(())
    }
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

    #[test]
    fn visible_text() {
        for (text, expected) in [
            (r#"{"delta":{"content":"ab\n"}}"#, 3),
            (r#"{"content":[{"type":"text","text":"abc"}],"id":"zzz"}"#, 3),
            (r#"{"args":{"x":1},"text":"q"}"#, 8),
            (r#"{"signature":"abc","text":"unfinis"#, 0),
            ("3", 0),
        ] {
            assert_eq!(text_bytes(text, &["content", "text"], &["args"]), expected, "{text}");
        }
    }
}
