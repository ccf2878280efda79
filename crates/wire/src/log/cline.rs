//! Cline: `~/.cline/data/sessions/*/*.messages.json`.
//!
//! One document a session, and one beside it that knows the folder. Whoever goes on with an old
//! session copies its messages, with their ids.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use outlay_core::usage::Usage;

use super::fields::{self, BrokenLine};
use super::{LogCall, Tool, provider};
use crate::counts::PromptCounts;
use crate::json::Json;

/// The folder that a session worked in, of the document `<session>.json`.
#[must_use]
pub fn folder(session: &[u8]) -> Option<Arc<str>> {
    let object = fields::whole_object(fields::text_of(session).ok()?).ok()?;
    let [folder, root] = object.pick(["cwd", "workspace_root"]);
    fields::owned(folder.or(root))
}

/// A session's messages.
pub(super) fn read(
    bytes: &[u8],
    now: DateTime<Utc>,
    found: &mut Vec<LogCall>,
) -> Result<(), BrokenLine> {
    let object = fields::whole_object(fields::text_of(bytes)?)?;
    let [session, messages] = object.pick(["sessionId", "messages"]);
    let session = fields::owned(session);
    let Some(messages) = messages else { return Ok(()) };
    fields::each_message(messages, |message| {
        found.extend(read_message(message, session.as_ref(), now)?);
        Ok(())
    })
}

fn read_message(
    message: Json<'_>,
    session: Option<&Arc<str>>,
    now: DateTime<Utc>,
) -> Result<Option<LogCall>, BrokenLine> {
    let [id, role, time, model, metrics] =
        message.pick(["id", "role", "ts", "modelInfo", "metrics"]);
    let Some(metrics) = metrics.filter(|metrics| metrics.is_object()) else { return Ok(None) };
    if role.and_then(Json::text).as_deref() != Some("assistant") {
        return Ok(None);
    }
    let usage = usage(metrics)?;
    if !fields::is_anything(&usage) {
        return Ok(None);
    }
    let id = id.and_then(Json::text).ok_or(BrokenLine::NoName)?;
    let [model, name] = model.map_or([None; 2], |model| model.pick(["id", "provider"]));
    let name = name.and_then(Json::text);
    let ended = fields::time(time, now)?;
    Ok(Some(LogCall {
        provider: name.as_deref().and_then(provider::route).map(Arc::from),
        model: fields::owned(model),
        cost_logged: fields::cost(metrics.get("cost")),
        session: session.cloned(),
        plan_login: name.as_deref().and_then(provider::plan_login),
        ..LogCall::new(fields::key(Tool::Cline, &[&id]), ended, usage)
    }))
}

/// What was read from and written to a cache is inside the input, with every provider.
fn usage(metrics: Json<'_>) -> Result<Usage, BrokenLine> {
    let [input, output, read, write] = metrics
        .pick(["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"])
        .map(fields::count);
    let (Some(prompt), Some(output)) = (input?, output?) else { return Err(BrokenLine::NoCount) };
    let mut usage = Usage { output_tokens: output, ..Usage::default() };
    PromptCounts {
        prompt,
        cached: read?.unwrap_or(0),
        cache_write: write?.unwrap_or(0),
        ..PromptCounts::default()
    }
    .fill(&mut usage);
    Ok(usage)
}
