//! TOML, by the places of values in the text: its own writer would turn CRLF into LF. A value that is
//! there may be anywhere, one that is added goes to the top's keys.

use serde_json::Value;
use toml_edit::{Document, Item, TomlError};

use super::{EditError, Step, place, shown, with_line, without_lines};

pub(super) fn read(text: &str) -> Result<Value, EditError> {
    let document = parse(text)?;
    Ok(Value::Object(document.iter().map(|(key, item)| (key.to_owned(), value_of(item))).collect()))
}

pub(super) fn set(text: &str, path: &[Step], value: &Value) -> Result<String, EditError> {
    let wrong = || EditError::Shape { path: shown(path) };
    let document = parse(text)?;
    // TOML's basic strings escape as JSON's do.
    let literal = value.to_string();
    if let Some(item) = find(&document, path) {
        let span = item.as_value().and_then(toml_edit::Value::span).ok_or_else(wrong)?;
        return Ok(format!("{}{literal}{}", &text[..span.start], &text[span.end..]));
    }
    let [Step::Key(key)] = path else { return Err(wrong()) };
    let last = document.iter().filter_map(|(_, item)| item.as_value()?.span()).map(|span| span.end);
    let at = match last.max() {
        Some(end) => text[end..].find('\n').map_or(text.len(), |at| end + at + 1),
        None => 0,
    };
    Ok(with_line(text, at, &format!("{key} = {literal}")))
}

pub(super) fn remove(text: &str, path: &[Step]) -> Result<String, EditError> {
    let document = parse(text)?;
    let span = find(&document, path).and_then(|item| item.as_value()?.span());
    Ok(span.map_or_else(|| text.to_owned(), |span| without_lines(text, span.start, span.end)))
}

fn find<'a>(document: &'a Document<&str>, path: &[Step]) -> Option<&'a Item> {
    path.iter().try_fold(document.as_item(), |item, step| match step {
        Step::Key(key) => item.get(key),
        Step::Index(_) => None,
    })
}

fn parse(text: &str) -> Result<Document<&str>, EditError> {
    Document::parse(text).map_err(|error: TomlError| {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = place(text, at);
        let reason = error.message().lines().collect::<Vec<_>>().join(", ");
        EditError::Syntax { line, column, reason }
    })
}

fn value_of(item: &Item) -> Value {
    if let Some(text) = item.as_str() {
        return Value::String(text.to_owned());
    }
    if let Some(table) = item.as_table_like() {
        let entries = table.iter().map(|(key, item)| (key.to_owned(), value_of(item)));
        return Value::Object(entries.collect());
    }
    // Nothing that is set or looked at here is anything else.
    Value::Null
}
