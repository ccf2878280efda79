//! Gemini CLI: `~/.gemini/tmp/*/chats/*`, lines since 0.58, one document before.
//!
//! A message is written again, under its id, whenever something is added to it, and `$set` may
//! repeat all of them. What was taken back (`$rewindTo`) was still paid.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use memchr::memmem;
use outlay_core::usage::Usage;
use serde::{Deserialize, Serialize};

use super::fields::{self, BrokenLine, Lines};
use super::{LogCall, Tool};
use crate::counts::{CompletionCounts, PromptCounts};
use crate::json::{Json, Object};

/// What a line may need of those before it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    session: Option<Arc<str>>,
    #[serde(skip)]
    model: Option<Arc<str>>,
    #[serde(skip)]
    provider: Option<Arc<str>>,
}

impl Lines for Context {
    fn may_tell(&self, line: &[u8]) -> bool {
        let has = |key: &[u8]| memmem::find(line, key).is_some();
        (self.session.is_none() && has(b"\"sessionId\"")) || has(b"\"tokens\"")
    }

    fn read(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        self.read_object(&fields::whole_object(line)?, now, found)
    }
}

impl Context {
    fn read_object(
        &mut self,
        object: &Object<'_>,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let [session, set, messages] = object.pick(["sessionId", "$set", "messages"]);
        self.session = fields::owned(session).or(self.session.take());
        let messages = messages.or(set.and_then(|set| set.get("messages")));
        let Some(messages) = messages.filter(|messages| messages.is_array()) else {
            return self.read_message(object, now, found);
        };
        fields::each_message(messages, |message| self.read_message(&message.object(), now, found))
    }

    fn read_message(
        &mut self,
        message: &Object<'_>,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let [kind, id, time, model, tokens] =
            message.pick(["type", "id", "timestamp", "model", "tokens"]);
        let Some(tokens) = tokens.filter(|tokens| tokens.is_object()) else { return Ok(()) };
        if kind.and_then(Json::text).as_deref() != Some("gemini") {
            return Ok(());
        }
        let usage = usage(tokens)?;
        if !fields::is_anything(&usage) {
            return Ok(());
        }
        let id = id.and_then(Json::text).ok_or(BrokenLine::NoName)?;
        let ended = fields::time(time, now)?;
        let model = fields::shared(&mut self.model, model);
        let is_googles = model.as_deref().is_some_and(|model| model.starts_with("gemini"));
        found.push(LogCall {
            provider: super::provider::shared_route(
                &mut self.provider,
                is_googles.then_some("gemini"),
            ),
            model,
            session: self.session.clone(),
            ..LogCall::new(fields::key(Tool::GeminiCli, &[&id]), ended, usage)
        });
        Ok(())
    }
}

/// A document of an older version.
pub(super) fn read_document(
    bytes: &[u8],
    now: DateTime<Utc>,
    found: &mut Vec<LogCall>,
) -> Result<(), BrokenLine> {
    let object = fields::whole_object(fields::text_of(bytes)?)?;
    Context::default().read_object(&object, now, found)
}

/// Thoughts are output, but stand beside it; what tools fed back is prompt, but stands beside it.
fn usage(tokens: Json<'_>) -> Result<Usage, BrokenLine> {
    let [input, output, cached, thoughts, tool] =
        tokens.pick(["input", "output", "cached", "thoughts", "tool"]).map(fields::count);
    let (Some(input), Some(output)) = (input?, output?) else { return Err(BrokenLine::NoCount) };
    let thoughts = thoughts?;
    let mut usage = Usage::default();
    PromptCounts {
        prompt: input.saturating_add(tool?.unwrap_or(0)),
        cached: cached?.unwrap_or(0),
        ..PromptCounts::default()
    }
    .fill(&mut usage);
    CompletionCounts {
        completion: output.saturating_add(thoughts.unwrap_or(0)),
        reasoning: thoughts,
        ..CompletionCounts::default()
    }
    .fill(&mut usage);
    Ok(usage)
}
