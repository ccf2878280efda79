//! JSON, with or without comments, by its concrete syntax tree.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::errors::ParseError;
use serde_json::Value;

use super::{EditError, Step, shown};

/// What tools take: comments and trailing commas, and none of the rest of JSON5.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn read(text: &str) -> Result<Value, EditError> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value = parse(text)?.to_serde_value().unwrap_or(Value::Object(serde_json::Map::new()));
    if value.is_object() { Ok(value) } else { Err(EditError::Shape { path: "{".to_owned() }) }
}

pub(super) fn set(text: &str, path: &[Step], value: &Value) -> Result<String, EditError> {
    let root = parse(text)?;
    let wrong = |count: usize| EditError::Shape { path: shown(&path[..count]) };
    let Some((Step::Key(last), way)) = path.split_last() else { return Err(wrong(path.len())) };
    let mut group = root.object_value_or_create().ok_or_else(|| wrong(0))?;
    let mut steps = way.iter().enumerate();
    while let Some((nth, step)) = steps.next() {
        let Step::Key(key) = step else { return Err(wrong(nth + 1)) };
        group = match way.get(nth + 1) {
            Some(Step::Index(index)) => {
                steps.next();
                element(&group, key, *index).ok_or_else(|| wrong(nth + 2))?
            }
            _ => group.object_value_or_create(key).ok_or_else(|| wrong(nth + 1))?,
        };
    }
    match group.get(last) {
        Some(property) => match (property.value().and_then(|node| node.as_string_lit()), value) {
            // Only what is between the quotes' outsides changes.
            (Some(text), Value::String(_)) => text.set_raw_value(value.to_string()),
            _ => property.set_value(input(value)),
        },
        None => drop(group.append(last, input(value))),
    }
    Ok(root.to_string())
}

pub(super) fn remove(text: &str, path: &[Step], steps_before: usize) -> Result<String, EditError> {
    let root = parse(text)?;
    for count in (steps_before + 1..=path.len()).rev() {
        let Some((Step::Key(last), way)) = path[..count].split_last() else { break };
        let Some(property) = group_at(&root, way).and_then(|group| group.get(last)) else { break };
        let is_emptied = || property.object_value().is_some_and(|o| o.properties().is_empty());
        if count < path.len() && !is_emptied() {
            break;
        }
        property.remove();
    }
    Ok(root.to_string())
}

fn parse(text: &str) -> Result<CstRootNode, EditError> {
    CstRootNode::parse(text, &OPTIONS).map_err(|error: ParseError| EditError::Syntax {
        line: error.line_display(),
        column: error.column_display(),
        reason: error.kind().to_string(),
    })
}

fn group_at(root: &CstRootNode, path: &[Step]) -> Option<CstObject> {
    let mut node = root.value()?;
    for step in path {
        node = match step {
            Step::Key(key) => node.as_object()?.get(key)?.value()?,
            Step::Index(index) => node.as_array()?.elements().into_iter().nth(*index)?,
        };
    }
    node.as_object()
}

fn element(group: &CstObject, key: &str, index: usize) -> Option<CstObject> {
    let node: CstNode = group.array_value(key)?.elements().into_iter().nth(index)?;
    node.as_object()
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(entries) => CstInputValue::Object(
            entries.iter().map(|(key, value)| (key.clone(), input(value))).collect(),
        ),
    }
}
