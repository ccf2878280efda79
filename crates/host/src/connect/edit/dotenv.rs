//! `NAME=value` lines, as shells and tools read them.

use std::ops::Range;

use serde_json::{Map, Value};

use super::{with_line, without_lines};

pub(super) fn read(text: &str) -> Value {
    let said: Map<String, Value> = lines(text)
        .filter_map(|(_, line)| assignment(line))
        .map(|(name, value)| (name.to_owned(), Value::String(unquoted(value).to_owned())))
        .collect();
    Value::Object(said)
}

pub(super) fn set(text: &str, name: &str, value: &str) -> String {
    match find(text, name) {
        Some(line) => {
            let old = &text[line.clone()];
            let (head, _) = old.split_once('=').unwrap_or((old, ""));
            let end = if old.ends_with('\r') { "\r" } else { "" };
            format!("{}{head}={value}{end}{}", &text[..line.start], &text[line.end..])
        }
        None => with_line(text, text.len(), &format!("{name}={value}")),
    }
}

pub(super) fn remove(text: &str, name: &str) -> String {
    match find(text, name) {
        Some(line) => without_lines(text, line.start, line.end),
        None => text.to_owned(),
    }
}

/// The line that counts: the last of that name.
fn find(text: &str, name: &str) -> Option<Range<usize>> {
    let is_it = |line: &str| assignment(line).is_some_and(|(found, _)| found == name);
    lines(text).filter(|(_, line)| is_it(line)).last().map(|(range, _)| range)
}

fn lines(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        (start..start + line.len(), line)
    })
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    (!name.is_empty() && !name.starts_with('#')).then_some((name, value.trim()))
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\'', '`'] {
        if let Some(inner) = value.strip_prefix(quote) {
            return inner.split(quote).next().unwrap_or(inner);
        }
    }
    value.split(" #").next().unwrap_or(value).trim_end()
}
