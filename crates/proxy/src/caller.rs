//! Who is calling, told by headers: client, session, key, project, tags.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, USER_AGENT};

use crate::settings::Family;

/// The longest name taken over from a request, in characters.
const LABEL_CHARS_MAX: usize = 128;
/// The most tags of one call.
const TAGS_MAX: usize = 32;

// Names that are not looked through at each call.
const PROJECT: HeaderName = HeaderName::from_static("x-outlay-project");
const TAGS: HeaderName = HeaderName::from_static("x-outlay-tags");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const CHATGPT_ACCOUNT: HeaderName = HeaderName::from_static("chatgpt-account-id");
static KEY_HEADERS: [HeaderName; 3] =
    [API_KEY, HeaderName::from_static("api-key"), HeaderName::from_static("x-goog-api-key")];
static SESSION_HEADERS: [HeaderName; 6] = [
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("thread-id"),
    HeaderName::from_static("conversation_id"),
];

/// Who is calling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The program (`claude-code`).
    pub(crate) client: Option<String>,
    /// Its session, where a header tells.
    pub(crate) session: Option<String>,
    /// The project that a header names.
    pub(crate) project: Option<String>,
    /// `k=v;k=v` in order of keys; empty for none.
    pub(crate) tags: String,
    /// Fingerprint of the key.
    pub(crate) key: Option<String>,
    /// What the credential is.
    pub(crate) login: Login,
}

/// What a credential is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Login {
    /// An API key, billed by the call; or none.
    #[default]
    Key,
    /// A subscription at Anthropic (Claude Pro, Max).
    Claude,
    /// A subscription at OpenAI (ChatGPT).
    ChatGpt,
}

impl Login {
    /// Whether calls owe nothing one by one.
    pub(crate) fn is_plan(self) -> bool {
        self != Login::Key
    }
}

/// Reads who is calling a provider of `family`. `query` is only looked at for Google's `key=`.
pub(crate) fn read(
    headers: &HeaderMap,
    query: Option<&str>,
    family: Family,
    fingerprint: impl Fn(&str) -> String,
) -> Caller {
    let login = login(headers, family);
    Caller {
        client: text(headers, &USER_AGENT).and_then(client),
        session: SESSION_HEADERS.iter().find_map(|name| label(&free_text(headers, name)?)),
        project: free_text(headers, &PROJECT).and_then(|text| label(&text)),
        tags: free_text(headers, &TAGS).map(|text| tags(&text)).unwrap_or_default(),
        key: key(headers, query, login).map(fingerprint),
        login,
    }
}

/// Tells a ChatGPT login before it is known where the request goes.
pub(crate) fn is_chatgpt(headers: &HeaderMap) -> bool {
    headers.contains_key(CHATGPT_ACCOUNT)
        && !bearer(headers).is_some_and(|bearer| bearer.starts_with("sk-"))
}

/// A name as it is kept: without control characters or those that reorder a line, trimmed, bounded; `None` if nothing is left.
pub(crate) fn label(text: &str) -> Option<String> {
    // Nearly all names are plain: nothing has to be looked at by character.
    if text.len() <= LABEL_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let kept: String =
        text.trim().chars().filter(|c| !is_unprintable(*c)).take(LABEL_CHARS_MAX).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn login(headers: &HeaderMap, family: Family) -> Login {
    match family {
        Family::OpenAi if is_chatgpt(headers) => Login::ChatGpt,
        Family::Anthropic if !headers.contains_key(API_KEY) => match bearer(headers) {
            Some(bearer) if bearer.starts_with("sk-ant-oat") => Login::Claude,
            _ => Login::Key,
        },
        _ => Login::Key,
    }
}

/// The secret, or the name of it, by which calls of one key are told together. Not for tokens that
/// change every few hours: each would look like a key of its own.
fn key<'a>(headers: &'a HeaderMap, query: Option<&'a str>, login: Login) -> Option<&'a str> {
    match login {
        Login::ChatGpt => return text(headers, &CHATGPT_ACCOUNT),
        Login::Claude => return None,
        Login::Key => {}
    }
    let in_header = KEY_HEADERS
        .iter()
        .find_map(|name| text(headers, name).map(str::trim).filter(|key| !key.is_empty()));
    let in_query = || {
        let parts = query.unwrap_or_default().split('&');
        parts.filter_map(|part| part.strip_prefix("key=")).find(|key| !key.is_empty())
    };
    in_header
        .or_else(|| bearer(headers).filter(|bearer| !bearer.starts_with("ya29.")))
        .or_else(|| aws_key_id(headers))
        .or_else(in_query)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, &AUTHORIZATION)?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether the request's body is signed, so that a change of it would be refused.
pub(crate) fn is_signed(headers: &HeaderMap) -> bool {
    text(headers, &AUTHORIZATION).is_some_and(|text| text.trim().starts_with("AWS4-"))
}

fn aws_key_id(headers: &HeaderMap) -> Option<&str> {
    let text = text(headers, &AUTHORIZATION)?.trim();
    let (_, credential) = text.strip_prefix("AWS4-")?.split_once("Credential=")?;
    credential.split('/').next().filter(|id| !id.is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What a person may have typed: UTF-8, else Latin-1, which is what browsers, Node and Python send.
fn free_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let bytes = headers.get(name)?.as_bytes();
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    })
}

/// User agents by how they begin, in lower case, and what we call them.
const CLIENTS: [(&str, &str); 20] = [
    ("claude-cli/", "claude-code"),
    ("claude-code/", "claude-code"),
    ("codex", "codex"),
    ("opencode/", "opencode"),
    ("geminicli", "gemini-cli"),
    ("qwen", "qwen-code"),
    ("openai/python", "openai-python"),
    ("asyncopenai/python", "openai-python"),
    ("azureopenai/python", "openai-python"),
    ("asyncazureopenai/python", "openai-python"),
    ("openai/js", "openai-js"),
    ("azureopenai/js", "openai-js"),
    ("anthropic/python", "anthropic-python"),
    ("asyncanthropic/python", "anthropic-python"),
    ("anthropic/js", "anthropic-js"),
    ("google-genai-sdk/", "google-genai"),
    ("litellm/", "litellm"),
    ("ai-sdk/", "ai-sdk"),
    ("ai/", "ai-sdk"),
    ("pi/", "pi"),
];

/// The program of this User-Agent: by the table, else its first word without the version.
fn client(user_agent: &str) -> Option<String> {
    let lower = user_agent.trim().to_ascii_lowercase();
    if let Some((_, name)) = CLIENTS.iter().find(|(start, _)| lower.starts_with(start)) {
        return Some((*name).to_owned());
    }
    let word = lower.split(['/', ' ', '(']).next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = !word.is_empty() && word.len() <= 40 && word.chars().all(is_plain);
    is_name.then(|| word.to_owned())
}

/// `b=2; a=1` as `a=1;b=2`: one text for one set of tags. A key named twice has its last value.
fn tags(text: &str) -> String {
    let parts = text.split(';').filter_map(|part| {
        let (key, value) = part.split_once('=')?;
        Some((label(key)?, label(value).unwrap_or_default()))
    });
    let tags: BTreeMap<String, String> = parts.take(TAGS_MAX).collect();
    let parts: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    parts.join(";")
}

/// The tags of a path and those of a header, which count where both have a key.
pub(crate) fn tags_of(path: Option<&str>, header: String) -> String {
    match path {
        Some(path) => tags(&format!("{path};{header}")),
        None => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(rows: &[(&'static str, &str)]) -> HeaderMap {
        rows.iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    fn caller(rows: &[(&'static str, &str)], query: Option<&str>, family: Family) -> Caller {
        read(&headers(rows), query, family, |key| format!("<{key}>"))
    }

    #[test]
    fn clients() {
        for (user_agent, expected) in [
            ("claude-cli/2.1.330 (external, cli)", Some("claude-code")),
            ("codex_cli_rs/0.169.0 (Linux)", Some("codex")),
            ("GeminiCLI/0.61.0/gemini-3 (linux; x64)", Some("gemini-cli")),
            ("AsyncOpenAI/Python 2.1.0", Some("openai-python")),
            ("Anthropic/JS 0.70", Some("anthropic-js")),
            ("curl/8.1", Some("curl")),
            ("Mozilla/5.0 (X11)", Some("mozilla")),
            ("(none)", None),
            ("", None),
        ] {
            let caller = caller(&[("user-agent", user_agent)], None, Family::OpenAi);
            assert_eq!(caller.client.as_deref(), expected, "{user_agent}");
        }
    }

    #[test]
    fn keys_and_logins() {
        use Family::{Anthropic, Bedrock, Gemini, OpenAi};
        let signed = "AWS4-HMAC-SHA256 Credential=AKIA1/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=ab";
        type Row<'a> =
            (&'a [(&'static str, &'a str)], Option<&'a str>, Family, Option<&'a str>, Login);
        let rows: [Row<'_>; 14] = [
            (&[("authorization", "Bearer sk-1")], None, OpenAi, Some("<sk-1>"), Login::Key),
            (&[("authorization", "bearer  sk-1 ")], None, OpenAi, Some("<sk-1>"), Login::Key),
            (&[("x-api-key", "sk-ant-1")], None, Anthropic, Some("<sk-ant-1>"), Login::Key),
            (&[("authorization", "Bearer sk-ant-oat01-x")], None, Anthropic, None, Login::Claude),
            (
                &[("authorization", "Bearer sk-ant-oat01-x"), ("x-api-key", "k")],
                None,
                Anthropic,
                Some("<k>"),
                Login::Key,
            ),
            (
                &[("authorization", "Bearer sk-ant-oat01-x")],
                None,
                OpenAi,
                Some("<sk-ant-oat01-x>"),
                Login::Key,
            ),
            (
                &[("authorization", "Bearer eyJ"), ("chatgpt-account-id", "acc")],
                None,
                OpenAi,
                Some("<acc>"),
                Login::ChatGpt,
            ),
            (
                &[("authorization", "Bearer sk-1"), ("chatgpt-account-id", "acc")],
                None,
                OpenAi,
                Some("<sk-1>"),
                Login::Key,
            ),
            (&[("x-goog-api-key", "g")], Some("key=q"), Gemini, Some("<g>"), Login::Key),
            (&[], Some("alt=sse&key=q"), Gemini, Some("<q>"), Login::Key),
            (&[("authorization", "Bearer ya29.a0")], None, Gemini, None, Login::Key),
            (&[("authorization", signed)], None, Bedrock, Some("<AKIA1>"), Login::Key),
            (&[("authorization", "Basic eDp5")], None, OpenAi, None, Login::Key),
            (&[], None, OpenAi, None, Login::Key),
        ];
        for (rows, query, family, key, login) in rows {
            let caller = caller(rows, query, family);
            assert_eq!((caller.key.as_deref(), caller.login), (key, login), "{rows:?}");
        }
    }

    #[test]
    fn labels() {
        for (text, expected) in [
            ("demo", Some("demo")),
            ("  my app\u{7} ", Some("my app")),
            ("", None),
            (" \n", None),
            ("caf\u{e9}", Some("caf\u{e9}")),
            ("a\u{202e}b\u{9b}", Some("ab")),
        ] {
            assert_eq!(label(text).as_deref(), expected, "{text:?}");
        }
        assert_eq!(label(&"x".repeat(1000)).unwrap().len(), LABEL_CHARS_MAX);
    }

    #[test]
    fn names_may_have_any_letters() {
        for (bytes, expected) in [
            ("caf\u{e9}".as_bytes(), Some("caf\u{e9}")),
            (b"caf\xe9", Some("caf\u{e9}")),
            ("\u{6771}\u{4eac}".as_bytes(), Some("\u{6771}\u{4eac}")),
            (b"a\xc2\x9bb", Some("ab")),
            (b"a\xffb", Some("a\u{ff}b")),
            (b"\xc2\x80", None),
        ] {
            let value = HeaderValue::from_bytes(bytes).unwrap();
            let tag = HeaderValue::from_bytes(&[b"k=", bytes].concat()).unwrap();
            let headers = HeaderMap::from_iter([
                (HeaderName::from_static("x-outlay-project"), value.clone()),
                (HeaderName::from_static("x-session-id"), value),
                (HeaderName::from_static("x-outlay-tags"), tag),
            ]);
            let caller = read(&headers, None, Family::OpenAi, str::to_owned);
            assert_eq!(caller.project.as_deref(), expected, "{bytes:?}");
            assert_eq!(caller.session.as_deref(), expected, "{bytes:?}");
            assert_eq!(caller.tags, format!("k={}", expected.unwrap_or_default()));
        }
    }

    #[test]
    fn a_headers_tags_outrank_the_paths() {
        for (path, header, expected) in [
            (None, "a=1", "a=1"),
            (Some("branch=main"), "", "branch=main"),
            (Some("branch=main;a=1"), "a=2;b=3", "a=2;b=3;branch=main"),
        ] {
            assert_eq!(tags_of(path, header.to_owned()), expected);
        }
    }

    #[test]
    fn tags_have_one_text() {
        for (text, expected) in [
            ("team=a;run=7", "run=7;team=a"),
            (" b = 2 ;a=1;; junk ; a=3", "a=3;b=2"),
            ("a=", "a="),
            ("=x", ""),
            ("", ""),
        ] {
            assert_eq!(tags(text), expected, "{text}");
        }
    }
}
