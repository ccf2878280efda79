//! pi: `~/.pi/agent/sessions/**/*.jsonl`.
//!
//! A session that is forked or cloned copies its messages, with their ids and times, under a session
//! id of its own.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use memchr::memmem;
use outlay_core::usage::Usage;
use serde::{Deserialize, Serialize};

use super::fields::{self, BrokenLine, Lines};
use super::{LogCall, Tool, provider};
use crate::json::Json;

/// What a line may need of those before it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    session: Option<Arc<str>>,
    folder: Option<Arc<str>>,
    #[serde(skip)]
    model: Option<Arc<str>>,
    #[serde(skip)]
    provider: Option<Arc<str>>,
}

impl Lines for Context {
    fn may_tell(&self, line: &[u8]) -> bool {
        let has = |key: &[u8]| memmem::find(line, key).is_some();
        (self.session.is_none() && has(b"\"session\"")) || has(b"\"usage\"")
    }

    fn read(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let object = fields::whole_object(line)?;
        let [kind, message, id, folder, time] =
            object.pick(["type", "message", "id", "cwd", "timestamp"]);
        match kind.and_then(Json::text).as_deref() {
            Some("session") => {
                self.session = fields::owned(id);
                self.folder = fields::owned(folder);
                Ok(())
            }
            Some("message") => {
                let message = message.ok_or(BrokenLine::NotJson)?;
                self.read_message(message, time, now, found)
            }
            _ => Ok(()),
        }
    }
}

impl Context {
    fn read_message(
        &mut self,
        message: Json<'_>,
        time: Option<Json<'_>>,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let [role, tokens, provider, model, response_id, started] =
            message.pick(["role", "usage", "provider", "model", "responseId", "timestamp"]);
        let Some(tokens) = tokens.filter(|tokens| tokens.is_object()) else { return Ok(()) };
        if role.and_then(Json::text).as_deref() != Some("assistant") {
            return Ok(());
        }
        let usage = usage(tokens)?;
        if !fields::is_anything(&usage) {
            return Ok(());
        }
        let ended = fields::time(time, now)?;
        let started = fields::time(started, now).ok();
        let provider = provider.and_then(Json::text);
        let name = provider.as_deref();
        let response_id = response_id.and_then(Json::text);
        let key = match &response_id {
            Some(id) => fields::key(Tool::Pi, &[id]),
            None => {
                let started = started.ok_or(BrokenLine::NoName)?.timestamp_millis().to_string();
                let model = model.and_then(Json::text).unwrap_or_default();
                fields::key(Tool::Pi, &[&started, &model, tokens.raw()])
            }
        };
        found.push(LogCall {
            duration: started
                .map(|started| ended - started)
                .filter(|time| time.num_milliseconds() >= 0),
            provider: provider::shared_route(&mut self.provider, name),
            model: fields::shared(&mut self.model, model),
            cost_logged: fields::cost(tokens.get("cost").and_then(|cost| cost.get("total"))),
            response_id: response_id.as_deref().map(Box::from),
            session: self.session.clone(),
            folder: self.folder.clone(),
            plan_login: name.and_then(provider::plan_login),
            ..LogCall::new(key, ended, usage)
        });
        Ok(())
    }
}

/// Disjoint already; reasoning is inside the output.
fn usage(tokens: Json<'_>) -> Result<Usage, BrokenLine> {
    let [input, output, read, write, reasoning] =
        tokens.pick(["input", "output", "cacheRead", "cacheWrite", "reasoning"]).map(fields::count);
    let (Some(input), Some(output)) = (input?, output?) else { return Err(BrokenLine::NoCount) };
    Ok(Usage {
        input_tokens: input,
        cache_read_tokens: read?.unwrap_or(0),
        cache_write_5m_tokens: write?.unwrap_or(0),
        output_tokens: output,
        reasoning_tokens: reasoning?.map(|reasoning| reasoning.min(output)),
        ..Usage::default()
    })
}
