//! YAML as aider's settings are written: scalars and lists of `NAME=value` under the top's keys. By
//! the places of the parser's events in the text.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScanError};
use serde_json::{Map, Value};

use super::{EditError, Step, line_end, plain, shown, with_line, without_lines};

/// A key of the top and what stands under it.
struct Entry {
    key: String,
    key_at: Range<usize>,
    value: Node,
}

enum Node {
    Scalar { text: String, at: Range<usize> },
    List { items: Vec<(String, Range<usize>)>, at: Range<usize> },
    Other,
}

pub(super) fn read(text: &str) -> Result<Value, EditError> {
    let mut said = Map::new();
    for entry in parse(text)? {
        let value = match entry.value {
            Node::Scalar { text, .. } => Value::String(text),
            Node::List { items, .. } => {
                let pairs = items.iter().filter_map(|(item, _)| item.split_once('='));
                let pairs = pairs.map(|(name, value)| (name.trim(), value.trim()));
                pairs
                    .map(|(name, value)| (name.to_owned(), Value::String(value.to_owned())))
                    .collect()
            }
            Node::Other => Value::Null,
        };
        said.insert(entry.key, value);
    }
    Ok(Value::Object(said))
}

pub(super) fn set(text: &str, path: &[Step], said: &Value) -> Result<String, EditError> {
    let value = scalar(&plain(said));
    let wrong = || EditError::Shape { path: shown(path) };
    let (key, name) = keys(path).ok_or_else(wrong)?;
    let entry = parse(text)?.into_iter().find(|entry| entry.key == key);
    let replaced =
        |at: Range<usize>, new: &str| format!("{}{new}{}", &text[..at.start], &text[at.end..]);
    let Some(name) = name else {
        return match entry {
            None => Ok(with_line(text, text.len(), &format!("{key}: {value}"))),
            Some(Entry { value: Node::Scalar { at, .. }, .. }) if !at.is_empty() => {
                Ok(replaced(at, &value))
            }
            Some(_) => Err(wrong()),
        };
    };
    let item = scalar(&format!("{name}={}", plain(said)));
    match entry {
        None => {
            let end = line_end(text);
            Ok(with_line(text, text.len(), &format!("{key}:{end}  - {item}")))
        }
        Some(Entry { value: Node::List { items, at }, .. }) => {
            match items.iter().find(|(item, _)| named(item, name)) {
                Some((_, at)) => Ok(replaced(at.clone(), &item)),
                None => with_item(text, &items, at, &item).ok_or_else(wrong),
            }
        }
        Some(_) => Err(wrong()),
    }
}

pub(super) fn remove(text: &str, path: &[Step], steps_before: usize) -> Result<String, EditError> {
    let unchanged = || Ok(text.to_owned());
    let Some((key, name)) = keys(path) else { return unchanged() };
    let Some(entry) = parse(text)?.into_iter().find(|entry| entry.key == key) else {
        return unchanged();
    };
    match (entry.value, name) {
        (Node::Scalar { at, .. }, None) => Ok(without_lines(text, entry.key_at.start, at.end)),
        (Node::List { items, at }, Some(name)) => {
            let Some(nth) = items.iter().position(|(item, _)| named(item, name)) else {
                return unchanged();
            };
            let item = items[nth].1.clone();
            if items.len() == 1 && steps_before == 0 {
                return Ok(without_lines(text, entry.key_at.start, item.end));
            }
            if !text[at.start..].starts_with('[') {
                return Ok(without_lines(text, item.start, item.end));
            }
            // Between brackets: with the comma before it, else the one after it.
            let cut = match nth.checked_sub(1).map(|nth| items[nth].1.end) {
                Some(before) => before..item.end,
                None => item.start..items.get(1).map_or(item.end, |(_, next)| next.start),
            };
            Ok(format!("{}{}", &text[..cut.start], &text[cut.end..]))
        }
        _ => unchanged(),
    }
}

/// The list with one more item, in the way that it is written.
fn with_item(
    text: &str,
    items: &[(String, Range<usize>)],
    at: Range<usize>,
    item: &str,
) -> Option<String> {
    let last = items.last().map(|(_, last)| last.clone());
    if text[at.start..].starts_with('[') {
        let (place, comma) = last.map_or((at.start + 1, ""), |last| (last.end, ", "));
        return Some(format!("{}{comma}{item}{}", &text[..place], &text[place..]));
    }
    let last = last?;
    let line_start = text[..last.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = text[line_start..last.start].split('-').next()?;
    let next = text[last.end..].find('\n').map_or(text.len(), |at| last.end + at + 1);
    Some(with_line(text, next, &format!("{indent}- {item}")))
}

fn named(item: &str, name: &str) -> bool {
    item.split_once('=').is_some_and(|(found, _)| found.trim() == name)
}

fn keys(path: &[Step]) -> Option<(&str, Option<&str>)> {
    match path {
        [Step::Key(key)] => Some((key, None)),
        [Step::Key(key), Step::Key(name)] => Some((key, Some(name))),
        _ => None,
    }
}

/// The top's keys. A text without any is empty; one that is a list or a scalar is of another shape.
fn parse(text: &str) -> Result<Vec<Entry>, EditError> {
    let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let byte = |index: usize| bytes.get(index).copied().unwrap_or(text.len());
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error: ScanError| EditError::Syntax {
            line: error.marker().line(),
            column: error.marker().col() + 1,
            reason: error.info().to_owned(),
        })?;
        let start = byte(span.start.index());
        let at = match event {
            Event::Scalar(..) => start..scalar_end(text, start, byte(span.end.index())),
            _ => start..byte(span.end.index()),
        };
        match event {
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
            event => events.push((event, at)),
        }
    }
    match events.first() {
        None => Ok(Vec::new()),
        Some((Event::MappingStart(..), _)) => Ok(entries(&events[1..])),
        Some((Event::Scalar(text, ..), _)) if text.is_empty() || text == "~" => Ok(Vec::new()),
        Some(_) => Err(EditError::Shape { path: "the file".to_owned() }),
    }
}

/// Where a scalar's text ends: the parser's end may be behind the blanks and the comment after it.
fn scalar_end(text: &str, start: usize, end: usize) -> usize {
    let inner = &text[start..end.max(start)];
    let length = match inner.chars().next() {
        Some('"') => {
            let mut escaped = false;
            let closing = inner[1..].find(|c| {
                let is_end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                is_end
            });
            closing.map(|at| at + 2)
        }
        Some('\'') => {
            let rest = inner[1..].replace("''", "..");
            rest.find('\'').map(|at| at + 2)
        }
        Some('|' | '>') | None => None,
        Some(_) => Some(inner.split(" #").next().unwrap_or(inner).trim_end().len()),
    };
    start + length.unwrap_or(inner.len())
}

/// The text as it may stand in YAML: bare where that is safe, else in quotes as JSON has them.
fn scalar(text: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || ":/._=-[]%~@+".contains(c);
    let is_bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_safe)
        && !text.ends_with(':')
        && !text.contains(['[', ']']);
    if is_bare { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

type Spanned<'a> = (Event<'a>, Range<usize>);

fn entries(events: &[Spanned<'_>]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some((Event::Scalar(key, ..), key_at)) = events.get(at) {
        let value = &events[at + 1..];
        let length = length(value);
        let value = node(&value[..length.min(value.len())]);
        entries.push(Entry { key: key.to_string(), key_at: key_at.clone(), value });
        at += 1 + length;
    }
    entries
}

/// How many events a node is.
fn length(events: &[Spanned<'_>]) -> usize {
    let mut depth = 0_usize;
    for (nth, (event, _)) in events.iter().enumerate() {
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return nth + 1;
        }
    }
    events.len()
}

fn node(events: &[Spanned<'_>]) -> Node {
    match events {
        [(Event::Scalar(text, ..), at)] => Node::Scalar { text: text.to_string(), at: at.clone() },
        [(Event::SequenceStart(..), start), items @ .., (Event::SequenceEnd, end)] => {
            let scalars: Option<Vec<_>> = items
                .iter()
                .map(|(event, at)| match event {
                    Event::Scalar(text, ..) => Some((text.to_string(), at.clone())),
                    _ => None,
                })
                .collect();
            match scalars {
                Some(items) => Node::List { items, at: start.start..end.end },
                None => Node::Other,
            }
        }
        _ => Node::Other,
    }
}
