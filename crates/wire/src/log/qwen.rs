//! Qwen Code: `usage/token-usage-*.jsonl` and the chats' `*.jsonl`.
//!
//! Both tell of the same calls: the usage file of all of them, the chat (unless that is switched
//! off) with the provider's id and the folder. Ids of their own they do not share, but they write the
//! same event: its session, its time to the millisecond, its model and counts are the key in both.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use memchr::memmem;
use outlay_core::usage::Usage;
use serde::{Deserialize, Serialize};

use super::fields::{self, BrokenLine, Lines};
use super::{LogCall, Tool, provider};
use crate::counts::{CompletionCounts, PromptCounts};
use crate::json::{Json, Object};

/// What a line may need of those before it: nothing; the last texts, to be shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Context {
    #[serde(skip)]
    session: Option<Arc<str>>,
    #[serde(skip)]
    folder: Option<Arc<str>>,
    #[serde(skip)]
    branch: Option<Arc<str>>,
    #[serde(skip)]
    model: Option<Arc<str>>,
    #[serde(skip)]
    provider: Option<Arc<str>>,
}

/// What both files say of a call.
#[derive(Debug, Default)]
struct Event<'a> {
    time: Option<Json<'a>>,
    model: Option<Json<'a>>,
    auth: Option<Json<'a>>,
    duration: Option<Json<'a>>,
    response_id: Option<Json<'a>>,
    /// Input, output, cached, thoughts, total.
    counts: [Option<Json<'a>>; 5],
}

impl Lines for Context {
    fn may_tell(&self, line: &[u8]) -> bool {
        let has = |text: &[u8]| memmem::find(line, text).is_some();
        // The third file has a line a session, with all its models' sums: it has no `schemaVersion`.
        has(b".api_response\"") || (has(b"\"schemaVersion\"") && has(b"\"inputTokens\""))
    }

    fn read(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let object = fields::whole_object(line)?;
        let [payload, version] = object.pick(["systemPayload", "schemaVersion"]);
        let event = match (payload, version) {
            (None, Some(_)) => Some(usage_event(&object)),
            _ => payload.and_then(|payload| payload.get("uiEvent")).and_then(chat_event),
        };
        event.map_or(Ok(()), |event| self.read_event(&object, &event, now, found))
    }
}

impl Context {
    fn read_event(
        &mut self,
        line: &Object<'_>,
        event: &Event<'_>,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let usage = usage(event.counts)?;
        if !fields::is_anything(&usage) {
            return Ok(());
        }
        let ended = fields::time(event.time, now)?;
        let [session, folder, branch] = line.pick(["sessionId", "cwd", "gitBranch"]);
        let session = fields::shared(&mut self.session, session);
        let model = fields::shared(&mut self.model, event.model);
        let auth = event.auth.and_then(Json::text);
        let name = auth.as_deref().filter(|name| *name != "openai");
        let key = key(session.as_deref(), ended, model.as_deref(), &usage);
        found.push(LogCall {
            duration: fields::millis(event.duration),
            // `openai` is whatever speaks its protocol.
            provider: provider::shared_route(&mut self.provider, name),
            model: model.filter(|model| &**model != "unknown"),
            response_id: event.response_id.and_then(Json::text).as_deref().map(Box::from),
            session,
            folder: fields::shared(&mut self.folder, folder),
            branch: fields::shared(&mut self.branch, branch),
            plan_login: name.and_then(provider::plan_login),
            ..LogCall::new(key, ended, usage)
        });
        Ok(())
    }
}

/// A line of the usage file.
fn usage_event<'a>(line: &Object<'a>) -> Event<'a> {
    let [time, model, auth, duration] =
        line.pick(["timestamp", "model", "authType", "apiDurationMs"]);
    let counts =
        line.pick(["inputTokens", "outputTokens", "cachedTokens", "thoughtsTokens", "totalTokens"]);
    Event { time, model, auth, duration, response_id: None, counts }
}

fn chat_event(event: Json<'_>) -> Option<Event<'_>> {
    let [name, time, model, auth, duration, response_id] = event.pick([
        "event.name",
        "event.timestamp",
        "model",
        "auth_type",
        "duration_ms",
        "response_id",
    ]);
    let counts = event.pick([
        "input_token_count",
        "output_token_count",
        "cached_content_token_count",
        "thoughts_token_count",
        "total_token_count",
    ]);
    let is_answer = name?.text()?.ends_with(".api_response");
    is_answer.then_some(Event { time, model, auth, duration, response_id, counts })
}

fn key(
    session: Option<&str>,
    ended: DateTime<Utc>,
    model: Option<&str>,
    usage: &Usage,
) -> super::LogKey {
    let counts =
        format!("{} {} {}", usage.input_tokens, usage.cache_read_tokens, usage.output_tokens);
    let millis = ended.timestamp_millis().to_string();
    // Where the event has no model, the usage file says `unknown` and the chat nothing.
    let model = model.unwrap_or("unknown");
    fields::key(Tool::Qwen, &[session.unwrap_or_default(), &millis, model, &counts])
}

/// As OpenAI counts: what was cached is inside the input, and thoughts are inside the output; but
/// those of Gemini stand beside it.
fn usage(counts: [Option<Json<'_>>; 5]) -> Result<Usage, BrokenLine> {
    let [input, output, cached, thoughts, total] = counts.map(fields::count);
    let (Some(prompt), Some(output)) = (input?, output?) else { return Err(BrokenLine::NoCount) };
    let thoughts = thoughts?;
    let beside = fields::stands_beside(prompt, output, thoughts.unwrap_or(0), total?);
    let completion = output.saturating_add(thoughts.filter(|_| beside).unwrap_or(0));
    let mut usage = Usage::default();
    let cached = cached?.unwrap_or(0);
    PromptCounts { prompt, cached, ..PromptCounts::default() }.fill(&mut usage);
    CompletionCounts { completion, reasoning: thoughts, ..CompletionCounts::default() }
        .fill(&mut usage);
    Ok(usage)
}
