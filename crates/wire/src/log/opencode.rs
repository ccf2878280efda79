//! opencode: the rows of `message` in its `opencode.db`.
//!
//! A session that is forked copies its messages under ids of their own, but with their times, models
//! and counts: these are the key, and not the id.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use outlay_core::usage::Usage;

use super::fields::{self, BrokenLine};
use super::{LogCall, Tool, provider};
use crate::json::Json;

/// The call that the message `data` of the session `session` tells of, which works in `folder`.
/// `None` for messages of the user, and while the answer is still coming.
///
/// # Errors
/// When the message tells of a call, but not so that it can be believed.
pub fn call(
    session: &str,
    data: &str,
    folder: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<LogCall>, BrokenLine> {
    let object = fields::whole_object(data)?;
    let [role, tokens, cost, model, name, time, path] =
        object.pick(["role", "tokens", "cost", "modelID", "providerID", "time", "path"]);
    let Some(tokens) = tokens.filter(|tokens| tokens.is_object()) else { return Ok(None) };
    let times = time.map_or([None; 2], |time| time.pick(["created", "completed"]));
    let [created, completed @ Some(_)] = times else { return Ok(None) };
    if role.and_then(Json::text).as_deref() != Some("assistant") {
        return Ok(None);
    }
    let usage = usage(tokens)?;
    if !fields::is_anything(&usage) {
        return Ok(None);
    }
    let ended = fields::time(completed, now)?;
    let created = fields::time(created, now)?;
    let name = name.and_then(Json::text);
    let path = path.and_then(|path| path.get("cwd")).and_then(Json::text);
    let model = fields::owned(model);
    let parts = [
        created.timestamp_millis().to_string(),
        ended.timestamp_millis().to_string(),
        name.as_deref().unwrap_or_default().to_owned(),
        model.as_deref().unwrap_or_default().to_owned(),
        format!("{} {}", usage.prompt_tokens(), usage.completion_tokens()),
    ];
    let key = fields::key(Tool::Opencode, &parts.each_ref().map(String::as_str));
    Ok(Some(LogCall {
        duration: Some(ended - created).filter(|time| time.num_milliseconds() >= 0),
        provider: name.as_deref().and_then(provider::route).map(Arc::from),
        model,
        cost_logged: fields::cost(cost),
        session: Some(Arc::from(session)),
        folder: folder.or(path.as_deref()).map(Arc::from),
        plan_login: name.as_deref().and_then(provider::plan_login),
        ..LogCall::new(key, ended, usage)
    }))
}

/// Disjoint, but for reasoning, which stands beside the output.
fn usage(tokens: Json<'_>) -> Result<Usage, BrokenLine> {
    let [input, output, reasoning, cache] = tokens.pick(["input", "output", "reasoning", "cache"]);
    let (Some(input), Some(output)) = (fields::count(input)?, fields::count(output)?) else {
        return Err(BrokenLine::NoCount);
    };
    let reasoning = fields::count(reasoning)?;
    let [read, write] = cache.map_or([None; 2], |cache| cache.pick(["read", "write"]));
    Ok(Usage {
        input_tokens: input,
        cache_read_tokens: fields::count(read)?.unwrap_or(0),
        cache_write_5m_tokens: fields::count(write)?.unwrap_or(0),
        output_tokens: output.saturating_add(reasoning.unwrap_or(0)),
        reasoning_tokens: reasoning,
        ..Usage::default()
    })
}
