//! Claude Code: `~/.claude/projects/**/*.jsonl`.
//!
//! A message stands in as many lines as it has content blocks, its output growing from line to line.
//! Resumed and forked sessions copy lines into other files, with the same ids. Sub-agents have lines
//! (and files) of their own. Older versions repeat sub-agents' messages inside `progress` lines.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

use super::fields::{self, BrokenLine, Lines, shared};
use super::{LogCall, LogKey, Tool};
use crate::anthropic::{MessageCounts, MessageUsage};
use crate::json::{Json, members};
use crate::scan::{after_space, value_end};

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));

/// What a line may need of those before it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    message_id: String,
    request_id: String,
    #[serde(skip)]
    key: Option<LogKey>,
    #[serde(skip)]
    last: Last,
}

/// The last line's texts, to be shared.
#[derive(Clone, Debug, Default)]
struct Last {
    session: Option<Arc<str>>,
    folder: Option<Arc<str>>,
    branch: Option<Arc<str>>,
    model: Option<Arc<str>>,
    tier: Option<Arc<str>>,
    provider: Option<Arc<str>>,
}

/// What is looked at in a line, wherever in it that stands.
#[derive(Debug, Default)]
struct Entry<'a> {
    kind: Option<Json<'a>>,
    request_id: Option<Json<'a>>,
    session: Option<Json<'a>>,
    folder: Option<Json<'a>>,
    branch: Option<Json<'a>>,
    time: Option<Json<'a>>,
    uuid: Option<Json<'a>>,
    cost: Option<Json<'a>>,
    is_error: Option<Json<'a>>,
    data: Option<Json<'a>>,
    message_id: Option<Json<'a>>,
    model: Option<Json<'a>>,
    usage: Option<Json<'a>>,
}

impl Lines for Context {
    fn may_tell(&self, line: &[u8]) -> bool {
        USAGE.find(line).is_some()
    }

    fn read(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let mut entry = Entry::default();
        let end = entry.read(line, 0);
        if end.is_none_or(|end| after_space(line.as_bytes(), end) != line.len()) {
            return Err(BrokenLine::NotJson);
        }
        let kind = entry.kind.and_then(Json::text);
        match kind.as_deref() {
            Some("assistant") => self.read_message(&entry, now, found),
            Some("progress") => {
                let Some(inner) = entry.data.and_then(|data| data.get("message")) else {
                    return Ok(());
                };
                let mut nested = Entry {
                    session: entry.session,
                    folder: entry.folder,
                    branch: entry.branch,
                    ..Entry::default()
                };
                nested.read(inner.raw(), 0).ok_or(BrokenLine::NotJson)?;
                match nested.kind.and_then(Json::text).as_deref() {
                    Some("assistant") => self.read_message(&nested, now, found),
                    _ => Ok(()),
                }
            }
            // What tools answer may have a `usage` too: a sub-agent's sum, which its own lines hold.
            _ => Ok(()),
        }
    }
}

impl Context {
    fn read_message(
        &mut self,
        entry: &Entry<'_>,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let Some(usage) = entry.usage.filter(|usage| usage.raw() != "null") else { return Ok(()) };
        let model = entry.model.and_then(Json::text);
        let is_error = entry.is_error.is_some_and(|is_error| is_error.raw() == "true");
        if is_error || model.as_deref() == Some("<synthetic>") {
            return Ok(());
        }
        let counted = Counted::read(usage)?;
        let read = counted.counts.read(model.as_deref()).ok_or(BrokenLine::NoCount)?;
        if !fields::is_anything(&read.main) && read.others.is_empty() {
            return Ok(());
        }
        let ended = fields::time(entry.time, now)?;
        let key = self.key(entry)?;
        let MessageUsage { main, others, model: served, .. } = read;
        let is_plain = others.is_empty() && served.is_none() && entry.cost.is_none();
        if let Some(before) = found.last_mut().filter(|before| is_plain && before.key == key) {
            // The same message's next block, which tells the same, or more of it.
            if before.usage.total_tokens() < main.total_tokens() {
                (before.usage, before.ended) = (main, ended);
            }
            return Ok(());
        }
        let last = &mut self.last;
        let tier = if counted.is_fast { Some(Json::new("\"fast\"")) } else { counted.tier };
        let message_id = entry.message_id.and_then(Json::text);
        let call = LogCall {
            provider: share_provider(&mut last.provider, message_id.as_deref(), model.as_deref()),
            model: match served {
                Some(served) => Some(Arc::from(served)),
                None => shared(&mut last.model, entry.model),
            },
            cost_logged: fields::cost(entry.cost),
            response_id: message_id.as_deref().map(Box::from),
            session: shared(&mut last.session, entry.session),
            folder: shared(&mut last.folder, entry.folder),
            branch: shared(&mut last.branch, entry.branch),
            service_tier: shared(&mut last.tier, tier),
            ..LogCall::new(key, ended, main)
        };
        for (model, usage) in others {
            let parts = [&*self.message_id, &*self.request_id, &model];
            found.push(LogCall {
                key: fields::key(Tool::ClaudeCode, &parts),
                model: Some(Arc::from(model)),
                usage,
                // One response, one row with its id; and a logged cost is the whole message's.
                response_id: None,
                cost_logged: None,
                ..call.clone()
            });
        }
        found.push(call);
        Ok(())
    }

    /// The message's id and the request's. Gateways leave the latter out, and some lines of a message
    /// do, which then are of the request that the message's other lines named.
    fn key(&mut self, entry: &Entry<'_>) -> Result<LogKey, BrokenLine> {
        let text = |value: Option<Json<'_>>| value.and_then(Json::string);
        let is = |value: Option<Json<'_>>, known: &str| {
            value.and_then(Json::text).is_some_and(|text| text == known)
        };
        let is_same_message = is(entry.message_id, &self.message_id);
        let is_same_request = is(entry.request_id, &self.request_id)
            || (entry.request_id.and_then(Json::text).is_none() && is_same_message);
        if let Some(key) = self.key.filter(|_| is_same_message && is_same_request) {
            return Ok(key);
        }
        if !is_same_request {
            self.request_id = text(entry.request_id).unwrap_or_default();
        }
        self.message_id = text(entry.message_id).unwrap_or_default();
        let uuid = match (self.message_id.is_empty(), self.request_id.is_empty()) {
            (true, true) => text(entry.uuid).ok_or(BrokenLine::NoName)?,
            _ => String::new(),
        };
        let key = fields::key(Tool::ClaudeCode, &[&self.message_id, &self.request_id, &uuid]);
        self.key = Some(key);
        Ok(key)
    }
}

impl<'a> Entry<'a> {
    /// Notes what is of interest in the object at `at`, and says where it ends.
    fn read(&mut self, text: &'a str, at: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        members(text, at, |key, at| {
            if key == "message" && bytes.get(at) == Some(&b'{') {
                return self.read_message(text, at);
            }
            let end = value_end(bytes, at)?;
            let slot = match key.as_ref() {
                "type" => &mut self.kind,
                "requestId" => &mut self.request_id,
                "sessionId" => &mut self.session,
                "cwd" => &mut self.folder,
                "gitBranch" => &mut self.branch,
                "timestamp" => &mut self.time,
                "uuid" => &mut self.uuid,
                "costUSD" => &mut self.cost,
                "isApiErrorMessage" => &mut self.is_error,
                "data" => &mut self.data,
                _ => return Some(end),
            };
            *slot = Some(Json::new(text.get(at..end)?));
            Some(end)
        })
    }

    fn read_message(&mut self, text: &'a str, at: usize) -> Option<usize> {
        members(text, at, |key, at| {
            let end = value_end(text.as_bytes(), at)?;
            let slot = match key.as_ref() {
                "id" => &mut self.message_id,
                "model" => &mut self.model,
                "usage" => &mut self.usage,
                _ => return Some(end),
            };
            *slot = Some(Json::new(text.get(at..end)?));
            Some(end)
        })
    }
}

/// A message's `usage`, read strictly.
#[derive(Debug, Default)]
struct Counted<'a> {
    counts: MessageCounts,
    tier: Option<Json<'a>>,
    is_fast: bool,
}

impl<'a> Counted<'a> {
    fn read(usage: Json<'a>) -> Result<Counted<'a>, BrokenLine> {
        let mut counted = Counted::default();
        let mut flaw = None;
        let mut has_parts = false;
        usage.each_member(|key, value| {
            let counts = &mut counted.counts;
            let slot = match key {
                "input_tokens" => &mut counts.input,
                "output_tokens" => &mut counts.output,
                "cache_read_input_tokens" => &mut counts.cache_read,
                "cache_creation_input_tokens" => &mut counts.cache_creation,
                "service_tier" => return counted.tier = Some(value),
                "speed" => return counted.is_fast = value.raw() == "\"fast\"",
                "iterations" => return has_parts = value.raw() != "[]",
                "cache_creation" | "output_tokens_details" | "server_tool_use" => {
                    return flaw = read_details(counts, value).err().or(flaw);
                }
                _ => return,
            };
            flaw = set(slot, value).err().or(flaw);
        });
        if let Some(flaw) = flaw {
            return Err(flaw);
        }
        if has_parts {
            counted.counts.merge(usage);
        }
        Ok(counted)
    }
}

fn read_details(counts: &mut MessageCounts, details: Json<'_>) -> Result<(), BrokenLine> {
    let mut flaw = None;
    details.each_member(|key, value| {
        let slot = match key {
            "ephemeral_5m_input_tokens" => &mut counts.cache_5m,
            "ephemeral_1h_input_tokens" => &mut counts.cache_1h,
            "thinking_tokens" => &mut counts.thinking,
            "web_search_requests" => &mut counts.web_searches,
            "web_fetch_requests" => &mut counts.web_fetches,
            "code_execution_requests" => &mut counts.code_executions,
            _ => return,
        };
        flaw = set(slot, value).err().or(flaw);
    });
    flaw.map_or(Ok(()), Err)
}

fn set(slot: &mut Option<u64>, value: Json<'_>) -> Result<(), BrokenLine> {
    *slot = if value.raw() == "null" { None } else { Some(fields::count_of(value.raw())?) };
    Ok(())
}

/// Who gave such an id: each cloud marks its own. What serves other models behind Anthropic's
/// protocol is of the user's choosing.
fn share_provider(
    last: &mut Option<Arc<str>>,
    message_id: Option<&str>,
    model: Option<&str>,
) -> Option<Arc<str>> {
    let id = message_id?;
    let name = match () {
        () if !id.starts_with("msg_") || !model?.starts_with("claude") => return None,
        () if id.starts_with("msg_bdrk_") => "bedrock",
        () if id.starts_with("msg_vrtx_") => "vertex",
        () => "anthropic",
    };
    super::provider::shared_route(last, Some(name))
}
