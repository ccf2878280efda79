//! How a price list recognises the many names of a model.

use chrono::NaiveDate;
use serde::Deserialize;

/// A test of a name in lower case, as the list writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Clause {
    /// `name` equals, `^part` starts with, `$part` ends with, `*part` contains, `#shape`.
    Text(&'static str),
    /// Any of them.
    Any(Vec<Clause>),
    /// Every one of them.
    All {
        /// The members.
        all: Vec<Clause>,
    },
    /// Not one of them.
    None {
        /// The members.
        none: Vec<Clause>,
    },
}

impl Clause {
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Clause::Text(text) => match text.split_at_checked(1) {
                Some(("^", part)) => name.starts_with(part),
                Some(("$", part)) => name.ends_with(part),
                Some(("*", part)) => name.contains(part),
                Some(("#", shape)) => has_shape(name, shape),
                _ => name == *text,
            },
            Clause::Any(clauses) => clauses.iter().any(|clause| clause.matches(name)),
            Clause::All { all } => all.iter().all(|clause| clause.matches(name)),
            Clause::None { none } => !none.iter().any(|clause| clause.matches(name)),
        }
    }

    /// The clauses of which any may match; those that are plain names come as `Ok`.
    pub(crate) fn alternatives(&self) -> Vec<Result<&'static str, Clause>> {
        match self {
            Clause::Text(text) if !text.starts_with(['^', '$', '*', '#']) => vec![Ok(text)],
            Clause::Any(clauses) => clauses.iter().flat_map(Clause::alternatives).collect(),
            other => vec![Err(other.clone())],
        }
    }
}

/// Whether `name` has this shape: `#` stands for a digit, a last `*` for any rest.
fn has_shape(name: &str, shape: &str) -> bool {
    let (shape, is_open) = match shape.strip_suffix('*') {
        Some(shape) => (shape, true),
        None => (shape, false),
    };
    let is_long_enough =
        if is_open { name.len() >= shape.len() } else { name.len() == shape.len() };
    is_long_enough
        && shape.bytes().zip(name.bytes()).all(|(expected, found)| match expected {
            b'#' => found.is_ascii_digit(),
            _ => expected == found,
        })
}

/// Whether `name` fits a pattern in which `*` stands for any text, also none.
pub(crate) fn fits(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        let Some(place) = name.find(part) else {
            return false;
        };
        name = &name[place + part.len()..];
    }
    name.ends_with(end)
}

/// `gpt-5.2-20251211` as `gpt-5.2-2025-12-11`: gateways write dates without dashes where the list
/// has them with. `None` where there is no such date.
pub(crate) fn with_dashed_dates(name: &str) -> Option<String> {
    let mut dashed = String::with_capacity(name.len() + 2);
    let mut rest = name;
    while let Some(place) = rest.find('-') {
        let (before, after) = rest.split_at(place + 1);
        dashed.push_str(before);
        rest = match leading_date(after) {
            Some(date) => {
                dashed.push_str(&date.format("%Y-%m-%d").to_string());
                &after[8..]
            }
            None => after,
        };
    }
    dashed.push_str(rest);
    (dashed.len() > name.len()).then_some(dashed)
}

fn leading_date(text: &str) -> Option<NaiveDate> {
    let (digits, rest) = text.split_at_checked(8)?;
    let is_date = digits.starts_with("20") && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_date || !(rest.is_empty() || rest.starts_with(['-', ':'])) {
        return None;
    }
    NaiveDate::parse_from_str(digits, "%Y%m%d").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses() {
        for (json, name, expected) in [
            (r#""gpt-4o""#, "gpt-4o", true),
            (r#""gpt-4o""#, "gpt-4o-mini", false),
            (r#""^gpt-4o""#, "gpt-4o-mini", true),
            (r#""$-tts""#, "a-tts", true),
            (r#""*claude""#, "us.anthropic.claude-3", true),
            (r##""#gpt-5-####-##-##""##, "gpt-5-2025-08-07", true),
            (r##""#gpt-5-####-##-##""##, "gpt-5-2025-08-07x", false),
            (r##""#o1*""##, "o1-mini", true),
            (r#"["a","^b"]"#, "bc", true),
            (r#"["a","^b"]"#, "c", false),
            (r#"{"all":["^gemini",{"none":["$-tts","*-tts-"]}]}"#, "gemini-pro", true),
            (r#"{"all":["^gemini",{"none":["$-tts","*-tts-"]}]}"#, "gemini-pro-tts", false),
        ] {
            let clause: Clause = serde_json::from_str(json).unwrap();
            assert_eq!(clause.matches(name), expected, "{json} on {name}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o", true),
            ("*claude-opus-4-1*", "us.anthropic.claude-opus-4-1-v1:0", true),
            ("*claude*-latest", "claude-x-latest", true),
            ("*claude*-latest", "claude-x-latest-2", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(name, pattern), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn compact_dates() {
        for (name, expected) in [
            ("gpt-5.2-20251211", Some("gpt-5.2-2025-12-11")),
            ("openai/gpt-5.2-20251211:free", Some("openai/gpt-5.2-2025-12-11:free")),
            ("m-20251211-v1-20260101", Some("m-2025-12-11-v1-2026-01-01")),
            ("gpt-5.2-20251311", None),
            ("gpt-5.2-20250230", None),
            ("gpt-5.2-202512110", None),
            ("gpt-5.2-19991211", None),
            ("gpt-5.2-2025-12-11", None),
            ("20251211", None),
            ("é-2025121é", None),
        ] {
            assert_eq!(with_dashed_dates(name).as_deref(), expected, "{name}");
        }
    }
}
