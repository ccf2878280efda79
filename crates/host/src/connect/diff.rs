//! What a change looks like to the user, without the keys that settings may hold.

use similar::TextDiff;

const CONTEXT: usize = 2;
const MASK: &str = "********";
/// Names whose values are nobody's business.
const SECRET_NAMES: [&str; 7] =
    ["key", "token", "secret", "password", "passwd", "authorization", "credential"];
/// How providers' keys begin.
const KEY_STARTS: [&str; 10] =
    ["sk-", "AIza", "gsk_", "xai-", "ghp_", "hf_", "pplx-", "Bearer ", "eyJ", "AKIA"];
/// A word so long that has digits and letters is taken for a key.
const KEY_LENGTH: usize = 32;

/// The difference in the form of `diff -u`, keys masked; empty where there is none.
pub(super) fn unified(name: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = diff.unified_diff();
    let text =
        lines.context_radius(CONTEXT).missing_newline_hint(false).header(name, name).to_string();
    // By line ends of our own: a terminal takes a bare CR for a jump.
    text.split('\n').map(|line| masked(line.trim_end_matches('\r'))).collect::<Vec<_>>().join("\n")
}

/// The line without what looks like a key in it.
fn masked(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut name = String::new();
    for piece in pieces(line) {
        if is_word(piece) {
            let follows_secret = is_secret_name(&name);
            let is_name = name.is_empty() && !looks_like_key(piece);
            if !is_name && (follows_secret || looks_like_key(piece)) {
                masked.push_str(MASK);
            } else {
                masked.push_str(&without_user(piece));
            }
            name.push_str(piece);
        } else {
            // What separates an entry from the next ends the name's reach.
            if piece.contains([',', '{', '[', '}']) {
                name.clear();
            }
            masked.push_str(piece);
        }
    }
    masked
}

/// Words and what is between them. An address is one word.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c.is_whitespace() || "\"'`,;={}[]()".contains(c);
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let kind = is_between(first) || first == ':';
        let mut end = rest.len();
        for (at, c) in rest.char_indices() {
            let colon = c == ':' && {
                let after = &rest[at + 1..];
                after.is_empty() || after.starts_with([' ', '"', '\''])
            };
            let between = is_between(c) || colon || (kind && c == ':');
            if between != kind {
                end = at;
                break;
            }
        }
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

fn is_word(piece: &str) -> bool {
    piece.chars().any(char::is_alphanumeric)
}

/// `apiKey`, `ANTHROPIC_API_KEY` and the like, but not `keybindings` nor `max_tokens`.
fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SECRET_NAMES
        .iter()
        .any(|secret| lower.ends_with(secret) || lower.contains(&format!("{secret}_")))
        || lower.contains("api-key")
        || lower.contains("apikey")
        || lower.contains("api_key")
        || lower.contains("headers")
}

fn looks_like_key(word: &str) -> bool {
    let is_long = word.len() >= KEY_LENGTH
        && !word.contains('/')
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_alphabetic());
    is_long
        || KEY_STARTS.iter().any(|start| word.starts_with(start) && word.len() > start.len() + 2)
}

/// An address without the user and password in it, and without its query.
pub(super) fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host =
        host.rsplit_once('@').map_or_else(|| host.to_owned(), |(_, host)| format!("{MASK}@{host}"));
    let path =
        path.split_once('?').map_or_else(|| path.to_owned(), |(path, _)| format!("{path}?{MASK}"));
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_masked_and_the_rest_is_not() {
        for (line, expected) in [
            (r#" "apiKey": "hunter2","#, r#" "apiKey": "********","#),
            (
                r#" "ANTHROPIC_API_KEY": "sk-ant-api03-abc","#,
                r#" "ANTHROPIC_API_KEY": "********","#,
            ),
            ("export GEMINI_API_KEY=abc", "export GEMINI_API_KEY=********"),
            ("openai-api-key: abc", "openai-api-key: ********"),
            ("  - OPENROUTER_API_KEY=x1", "  - OPENROUTER_API_KEY=********"),
            (
                r#"{"a": {"token": "t", "model": "gpt-5.4"}}"#,
                r#"{"a": {"token": "********", "model": "gpt-5.4"}}"#,
            ),
            (r#" "x": "AIzaSyA1234567890","#, r#" "x": "********","#),
            (
                r#"+  "baseUrl": "http://127.0.0.1:4780/openai/v1""#,
                r#"+  "baseUrl": "http://127.0.0.1:4780/openai/v1""#,
            ),
            (
                r#"-"url": "https://me:pw@gw.example.com/v1?key=1","#,
                r#"-"url": "https://********@gw.example.com/v1?********=********","#,
            ),
            (
                r#" "max_tokens": 4096, "keybindings": "vim""#,
                r#" "max_tokens": 4096, "keybindings": "vim""#,
            ),
            ("model = \"claude-sonnet-4-20250514\"", "model = \"claude-sonnet-4-20250514\""),
            ("# my settings, keep them", "# my settings, keep them"),
            ("@@ -1,2 +1,3 @@", "@@ -1,2 +1,3 @@"),
        ] {
            assert_eq!(masked(line), expected);
        }
    }

    #[test]
    fn a_difference_reads_as_diff_writes_it() {
        let text = unified("f.json", "{\r\n  \"a\": 1\r\n}\r\n", "{\r\n  \"a\": 2\r\n}\r\n");
        assert_eq!(
            text,
            "--- f.json\n+++ f.json\n@@ -1,3 +1,3 @@\n {\n-  \"a\": 1\n+  \"a\": 2\n }\n"
        );
        assert_eq!(unified("f", "same", "same"), "");
    }
}
