//! Edits of a request that keep every other byte as the client wrote it.

use crate::dialect::Dialect;
use crate::json::{Json, Object, members};
use crate::scan::{after_space, value_end};

/// The request with its output capped at `cap` tokens: a higher cap is lowered, a missing one set,
/// a lower one stays.
///
/// `None` where that is not possible: the body is no JSON object, its cap is not a number, or the
/// dialect has no cap.
#[must_use]
pub fn with_output_cap(dialect: Dialect, body: &[u8], cap: u64) -> Option<Vec<u8>> {
    let (text, object) = whole_object(body)?;
    let mut edits = Edits::default();
    match dialect {
        Dialect::OpenAiChat => {
            let has_cap =
                edits.lower(text, &object, &["max_tokens", "max_completion_tokens"], cap)?;
            if !has_cap {
                edits.insert(text, &object, chat_cap_key(&object), &cap.to_string())?;
            }
        }
        Dialect::OpenAiCompletions | Dialect::AnthropicMessages => {
            edits.set(text, &object, &["max_tokens"], cap)?;
        }
        Dialect::OpenAiResponses => edits.set(text, &object, &["max_output_tokens"], cap)?,
        Dialect::GeminiGenerate => edits.set_gemini(text, &object, cap)?,
        Dialect::OpenAiEmbeddings | Dialect::GeminiEmbed | Dialect::Other => return None,
    }
    Some(edits.apply(text))
}

/// A chat request that streams, with `stream_options.include_usage` set.
///
/// `None` where there is nothing to do: it does not stream, or says itself whether it wants usage.
#[must_use]
pub fn with_include_usage(body: &[u8]) -> Option<Vec<u8>> {
    let (text, object) = whole_object(body)?;
    if object.get("stream").and_then(Json::boolean) != Some(true) {
        return None;
    }
    let mut edits = Edits::default();
    let options = object.values(&["stream_options"]);
    if options.is_empty() {
        edits.insert(text, &object, "stream_options", r#"{"include_usage":true}"#)?;
    }
    for options in options {
        if options.raw() == "null" {
            edits.replace(text, options, r#"{"include_usage":true}"#)?;
            continue;
        }
        let options = Members::of(options)?;
        let wishes = options.values(&["include_usage"]);
        if wishes.is_empty() {
            edits.insert(text, &options, "include_usage", "true")?;
        }
        for wish in wishes {
            if wish.raw() != "null" {
                return None;
            }
            edits.replace(text, wish, "true")?;
        }
    }
    Some(edits.apply(text))
}

/// OpenAI's own models take `max_completion_tokens` (its reasoning models nothing else); everyone
/// else's servers know `max_tokens`.
fn chat_cap_key(object: &Members<'_>) -> &'static str {
    let model = object.get("model").and_then(Json::string).unwrap_or_default();
    let name = model.rsplit('/').next().unwrap_or_default();
    let is_numbered_o =
        name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_openai = ["gpt-", "chatgpt-", "codex-", "ft:gpt-", "ft:o"]
        .iter()
        .any(|start| name.starts_with(start));
    if is_openai && !name.starts_with("gpt-oss") || is_numbered_o {
        "max_completion_tokens"
    } else {
        "max_tokens"
    }
}

/// An object and its members, found in one pass.
struct Members<'a> {
    object: Json<'a>,
    members: Object<'a>,
}

impl<'a> Members<'a> {
    /// Of the object that begins at `at` in `text`.
    fn read(text: &'a str, at: usize) -> Option<Members<'a>> {
        let mut found = Vec::new();
        let end = members(text, at, |key, at| {
            let end = value_end(text.as_bytes(), at)?;
            found.push((key, Json::new(text.get(at..end)?)));
            Some(end)
        })?;
        Some(Members { object: Json::new(text.get(at..end)?), members: Object(found) })
    }

    fn of(object: Json<'a>) -> Option<Members<'a>> {
        Members::read(object.raw(), 0)
    }

    fn get(&self, key: &str) -> Option<Json<'a>> {
        let [value] = self.members.pick([key]);
        value
    }

    /// All values of these keys, repeated keys included: whichever of them a server heeds, it has to
    /// meet the edit.
    fn values(&self, keys: &[&str]) -> Vec<Json<'a>> {
        let Object(members) = &self.members;
        let wanted = members.iter().filter(|(key, _)| keys.contains(&key.as_ref()));
        wanted.map(|(_, value)| *value).collect()
    }
}

/// The body as text, and its top-level object; `None` where it is anything else.
fn whole_object(body: &[u8]) -> Option<(&str, Members<'_>)> {
    let text = std::str::from_utf8(body).ok()?;
    let start = after_space(body, 0);
    let members = Members::read(text, start)?;
    let end = start + members.object.raw().len();
    (after_space(body, end) == body.len()).then_some((text, members))
}

/// Replacements in a text, by place.
#[derive(Default)]
struct Edits(Vec<(usize, usize, String)>);

impl Edits {
    fn set(&mut self, text: &str, object: &Members<'_>, keys: &[&str], cap: u64) -> Option<()> {
        if !self.lower(text, object, keys, cap)? {
            self.insert(text, object, keys.first()?, &cap.to_string())?;
        }
        Some(())
    }

    /// Lowers every value of `keys` to `cap`; whether there was one. `None` where one is no number.
    fn lower(&mut self, text: &str, object: &Members<'_>, keys: &[&str], cap: u64) -> Option<bool> {
        let values = object.values(keys);
        let has_any = !values.is_empty();
        let mut is_capped = false;
        let mut nulls = Vec::new();
        for value in values {
            if value.raw() == "null" {
                nulls.push(value);
                continue;
            }
            // Negative and fractional caps mean nothing that could be relied on.
            let current: f64 = value.raw().parse().ok()?;
            is_capped = true;
            if !(0.0..=cap as f64).contains(&current) {
                self.replace(text, value, &cap.to_string())?;
            }
        }
        if !is_capped && let Some(last) = nulls.pop() {
            self.replace(text, last, &cap.to_string())?;
        }
        Some(has_any)
    }

    fn set_gemini(&mut self, text: &str, object: &Members<'_>, cap: u64) -> Option<()> {
        const CAP: [&str; 2] = ["maxOutputTokens", "max_output_tokens"];
        let configs = object.values(&["generationConfig", "generation_config"]);
        if configs.is_empty() {
            let config = format!(r#"{{"maxOutputTokens":{cap}}}"#);
            return self.insert(text, object, "generationConfig", &config);
        }
        for config in configs {
            if config.raw() == "null" {
                self.replace(text, config, &format!(r#"{{"maxOutputTokens":{cap}}}"#))?;
            } else {
                self.set(text, &Members::of(config)?, &CAP, cap)?;
            }
        }
        Some(())
    }

    /// A member in front of all others.
    fn insert(&mut self, text: &str, object: &Members<'_>, key: &str, value: &str) -> Option<()> {
        let start = offset(text, object.object)? + 1;
        let Object(members) = &object.members;
        let comma = if members.is_empty() { "" } else { "," };
        self.0.push((start, start, format!("\"{key}\":{value}{comma}")));
        Some(())
    }

    fn replace(&mut self, text: &str, value: Json<'_>, with: &str) -> Option<()> {
        let start = offset(text, value)?;
        self.0.push((start, start + value.raw().len(), with.to_owned()));
        Some(())
    }

    fn apply(mut self, text: &str) -> Vec<u8> {
        self.0.sort_by_key(|(start, ..)| *start);
        let mut edited = String::with_capacity(text.len() + 64);
        let mut copied = 0;
        for (start, end, with) in &self.0 {
            edited.push_str(&text[copied..*start]);
            edited.push_str(with);
            copied = *end;
        }
        edited.push_str(&text[copied..]);
        edited.into_bytes()
    }
}

/// Where a piece of `text` stands in it.
fn offset(text: &str, part: Json<'_>) -> Option<usize> {
    let offset = (part.raw().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (offset + part.raw().len() <= text.len()).then_some(offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    use Dialect::{AnthropicMessages, GeminiGenerate, OpenAiChat, OpenAiResponses};

    const CAPS: &[(Dialect, &str, Option<&str>)] = &[
        (
            OpenAiChat,
            r#"{"model":"gpt-5"}"#,
            Some(r#"{"max_completion_tokens":100,"model":"gpt-5"}"#),
        ),
        (
            OpenAiChat,
            r#"{"model":"mistral-large"}"#,
            Some(r#"{"max_tokens":100,"model":"mistral-large"}"#),
        ),
        (
            OpenAiChat,
            r#"{"model":"openai/o3"}"#,
            Some(r#"{"max_completion_tokens":100,"model":"openai/o3"}"#),
        ),
        (
            OpenAiChat,
            r#"{"model":"openai/gpt-oss-120b"}"#,
            Some(r#"{"max_tokens":100,"model":"openai/gpt-oss-120b"}"#),
        ),
        (
            OpenAiChat,
            " {\n  \"max_tokens\" : 500 ,\"x\":1.50}\n",
            Some(" {\n  \"max_tokens\" : 100 ,\"x\":1.50}\n"),
        ),
        (OpenAiChat, r#"{"max_tokens":50}"#, Some(r#"{"max_tokens":50}"#)),
        (
            OpenAiChat,
            r#"{"max_tokens":500,"max_completion_tokens":50}"#,
            Some(r#"{"max_tokens":100,"max_completion_tokens":50}"#),
        ),
        (
            OpenAiChat,
            r#"{"max_tokens":500,"max_tokens":600}"#,
            Some(r#"{"max_tokens":100,"max_tokens":100}"#),
        ),
        (OpenAiChat, r#"{"max\u005ftokens":500}"#, Some(r#"{"max\u005ftokens":100}"#)),
        (
            OpenAiChat,
            r#"{"max_tokens":null,"a":"max_tokens\":9"}"#,
            Some(r#"{"max_tokens":100,"a":"max_tokens\":9"}"#),
        ),
        (
            OpenAiChat,
            r#"{"max_tokens":null,"max_completion_tokens":7}"#,
            Some(r#"{"max_tokens":null,"max_completion_tokens":7}"#),
        ),
        (
            OpenAiChat,
            r#"{"max_tokens":1e9,"t":{"max_tokens":9e9}}"#,
            Some(r#"{"max_tokens":100,"t":{"max_tokens":9e9}}"#),
        ),
        (OpenAiChat, r#"{"max_tokens":-1}"#, Some(r#"{"max_tokens":100}"#)),
        (OpenAiChat, r#"{"max_tokens":"500"}"#, None),
        (OpenAiResponses, "{}", Some(r#"{"max_output_tokens":100}"#)),
        (
            AnthropicMessages,
            r#"{"max_tokens":64000,"messages":[]}"#,
            Some(r#"{"max_tokens":100,"messages":[]}"#),
        ),
        (
            GeminiGenerate,
            r#"{"contents":[]}"#,
            Some(r#"{"generationConfig":{"maxOutputTokens":100},"contents":[]}"#),
        ),
        (
            GeminiGenerate,
            r#"{"generationConfig":{ "topK":1}}"#,
            Some(r#"{"generationConfig":{"maxOutputTokens":100, "topK":1}}"#),
        ),
        (
            GeminiGenerate,
            r#"{"generationConfig":{}}"#,
            Some(r#"{"generationConfig":{"maxOutputTokens":100}}"#),
        ),
        (
            GeminiGenerate,
            r#"{"generation_config":{"max_output_tokens":900}}"#,
            Some(r#"{"generation_config":{"max_output_tokens":100}}"#),
        ),
        (
            GeminiGenerate,
            r#"{"generationConfig":null}"#,
            Some(r#"{"generationConfig":{"maxOutputTokens":100}}"#),
        ),
        (GeminiGenerate, r#"{"generationConfig":[]}"#, None),
        (Dialect::OpenAiEmbeddings, "{}", None),
        (OpenAiChat, "[]", None),
        (OpenAiChat, r#"{"max_tokens":5"#, None),
        (OpenAiChat, r#"{} {}"#, None),
    ];

    #[test]
    fn caps() {
        for &(dialect, body, expected) in CAPS {
            let edited = with_output_cap(dialect, body.as_bytes(), 100);
            let edited = edited.map(|edited| String::from_utf8(edited).unwrap());
            assert_eq!(edited.as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn usage_asked_for() {
        for (body, expected) in [
            (
                r#"{"stream":true}"#,
                Some(r#"{"stream_options":{"include_usage":true},"stream":true}"#),
            ),
            (
                r#"{"stream":true,"stream_options":null}"#,
                Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
            ),
            (
                r#"{"stream":true,"stream_options":{ }}"#,
                Some(r#"{"stream":true,"stream_options":{"include_usage":true }}"#),
            ),
            (
                r#"{"stream":true,"stream_options":{"x":1}}"#,
                Some(r#"{"stream":true,"stream_options":{"include_usage":true,"x":1}}"#),
            ),
            (
                r#"{"stream":true,"stream_options":{"include_usage":null}}"#,
                Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
            ),
            (r#"{"stream":true,"stream_options":{"include_usage":true}}"#, None),
            (r#"{"stream":true,"stream_options":{"include_usage":false}}"#, None),
            (r#"{"stream":true,"stream_options":3}"#, None),
            (r#"{"stream":false}"#, None),
            ("{}", None),
            ("", None),
        ] {
            let edited = with_include_usage(body.as_bytes());
            let edited = edited.map(|edited| String::from_utf8(edited).unwrap());
            assert_eq!(edited.as_deref(), expected, "{body}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u32>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map(".{0,5}|max_tokens", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn only_the_cap_changes(
            members in proptest::collection::hash_map("[a-z\"\\\\ ]{0,4}", any_json(), 0..5),
            current in proptest::option::of(0..1000_u64),
            cap in 0..1000_u64,
            is_pretty: bool
        ) {
            let mut body = Value::Object(members.into_iter().collect());
            if let Some(current) = current {
                body["max_tokens"] = json!(current);
            }
            let text = if is_pretty {
                serde_json::to_string_pretty(&body).unwrap()
            } else {
                body.to_string()
            };
            let edited = with_output_cap(Dialect::AnthropicMessages, text.as_bytes(), cap).unwrap();
            let mut reread: Value = serde_json::from_slice(&edited).unwrap();
            prop_assert_eq!(&reread["max_tokens"], &json!(current.map_or(cap, |current| current.min(cap))));
            reread.as_object_mut().unwrap().remove("max_tokens");
            body.as_object_mut().unwrap().remove("max_tokens");
            prop_assert_eq!(reread, body);
            let (before, after) = (text.as_bytes(), &edited[..]);
            let prefix = before.iter().zip(after).take_while(|(a, b)| a == b).count();
            let suffix = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
            prop_assert!(prefix + suffix + 4 >= before.len(), "one small place differs");
        }
    }
}
