//! Codex: `~/.codex/sessions/**/rollout-*.jsonl`.
//!
//! Newer files have a `token_usage_record` for each response, with its id. Beside it, and alone in
//! older files, `token_count` tells the sums so far and what the last response added; it is repeated
//! whenever the rate limits change. Where a file has records, they count and the sums do not.
//!
//! A forked thread, and some sub-agents', begins with a copy of its parent's lines: their times may
//! be those of the copying, and the records may be left out. So a copied `token_count` cannot be
//! found again in the parent's file by any key, and is passed over here. A turn's id is a UUIDv7 and
//! tells when the turn began: what is of a turn from before the thread is a copy. Turns of older
//! files have no such id; there the copies are the lines that were written in one go with the first.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem;
use outlay_core::usage::Usage;
use serde::{Deserialize, Serialize};

use super::fields::{self, BrokenLine, Lines, shared};
use super::{LogCall, LogKey, Tool, provider};
use crate::counts::{CompletionCounts, PromptCounts};
use crate::json::{Json, members};
use crate::scan::value_end;

/// Copied lines follow each other faster than any answer does.
const COPYING_GAP: TimeDelta = TimeDelta::seconds(1);

/// What a line may need of those before it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    /// The file's own thread: a copied one has a `session_meta` of its own, which comes later.
    thread: Option<Arc<str>>,
    /// When the thread began, in milliseconds.
    born_ms: Option<i64>,
    session: Option<Arc<str>>,
    folder: Option<Arc<str>>,
    branch: Option<Arc<str>>,
    provider: Option<Arc<str>>,
    model: Option<Arc<str>>,
    turn: Option<Arc<str>>,
    plan_login: Option<bool>,
    is_fork: bool,
    /// The time of the last line that was copied; none any more after the first that was not.
    copied_until: Option<DateTime<Utc>>,
    has_records: bool,
    sums: Option<Counts>,
    /// The last response, while it is not known who paid for it.
    unpaid: Option<Told>,
}

/// Token counts as OpenAI gives them: what was cached is inside the input, reasoning inside the
/// output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
}

/// One response.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Told {
    key: [u8; 16],
    ended: DateTime<Utc>,
    response_id: Option<Box<str>>,
    session: Option<Arc<str>>,
    usage: Usage,
}

/// A line's outer members.
struct Line<'a> {
    kind: &'a str,
    time: Option<Json<'a>>,
    payload: Json<'a>,
}

impl Lines for Context {
    fn may_tell(&self, line: &[u8]) -> bool {
        is_of_interest(line)
    }

    fn read(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let Some(line) = outer(line)? else { return Ok(()) };
        match line.kind {
            "session_meta" => self.read_meta(&line, now),
            "turn_context" => self.read_turn(line.payload),
            "token_usage_record" => self.read_record(&line, now, found)?,
            "event_msg" => {
                let kind = line.payload.get("type").and_then(Json::text);
                match kind.as_deref() {
                    Some("token_count") => self.read_sums(&line, now, found)?,
                    Some("task_started") => self.read_turn(line.payload),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Context {
    fn read_meta(&mut self, line: &Line<'_>, now: DateTime<Utc>) {
        let [id, session, folder, git, provider, forked_from, parent, source] =
            line.payload.pick([
                "id",
                "session_id",
                "cwd",
                "git",
                "model_provider",
                "forked_from_id",
                "parent_thread_id",
                "source",
            ]);
        let id = id.or(session).and_then(Json::text);
        if self.thread.is_some() {
            self.is_fork |= id.as_deref() != self.thread.as_deref();
            return;
        }
        let time = fields::time(line.time, now).ok();
        let is_agents = source.is_some_and(|source| source.get("subagent").is_some());
        self.is_fork = forked_from.is_some() || parent.is_some() || is_agents;
        self.copied_until = time;
        self.born_ms = id.as_deref().and_then(uuid_ms).or(time.map(|time| time.timestamp_millis()));
        self.thread = id.map(|id| Arc::from(id.as_ref()));
        self.session = fields::owned(session).or(self.thread.clone());
        self.folder = fields::owned(folder);
        self.branch = fields::owned(git.and_then(|git| git.get("branch")));
        let name = provider.and_then(Json::text);
        self.provider = provider::shared_route(&mut None, name.as_deref());
    }

    fn read_turn(&mut self, payload: Json<'_>) {
        let [id, model, folder] = payload.pick(["turn_id", "model", "cwd"]);
        self.turn = fields::owned(id).or(self.turn.take());
        if model.is_some() {
            shared(&mut self.model, model);
        }
        if folder.is_some() {
            shared(&mut self.folder, folder);
        }
    }

    fn read_record(
        &mut self,
        line: &Line<'_>,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        self.has_records = true;
        let [usage, response_id, thread, turn, session, sums] = line.payload.pick([
            "usage",
            "response_id",
            "thread_id",
            "turn_id",
            "session_id",
            "thread_token_usage",
        ]);
        let usage = Counts::read(usage.ok_or(BrokenLine::NoCount)?)?.usage();
        if !fields::is_anything(&usage) {
            return Ok(());
        }
        let text = |value: Option<Json<'_>>| value.and_then(Json::string);
        let response_id = text(response_id);
        let key = match (&response_id, text(thread), text(turn)) {
            (Some(id), _, _) => fields::key(Tool::Codex, &[id]),
            (None, None, None) => return Err(BrokenLine::NoName),
            (None, thread, turn) => {
                let sums = sums.map_or("", Json::raw);
                let parts = [thread.unwrap_or_default(), turn.unwrap_or_default()];
                fields::key(Tool::Codex, &[&parts[0], &parts[1], sums])
            }
        };
        let told = Told {
            key: key.0,
            ended: fields::time(line.time, now)?,
            response_id: response_id.map(String::into_boxed_str),
            session: fields::owned(session),
            usage,
        };
        found.push(self.call(&told));
        self.unpaid = self.plan_login.is_none().then_some(told);
        Ok(())
    }

    fn read_sums(
        &mut self,
        line: &Line<'_>,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine> {
        let [info, limits] = line.payload.pick(["info", "rate_limits"]);
        let plan = limits.and_then(|limits| limits.get("plan_type")).and_then(Json::text);
        if plan.is_some() {
            self.plan_login = Some(true);
            self.tell_who_paid(found);
        }
        let Some(info) = info.filter(|info| info.is_object()) else { return Ok(()) };
        let [sums, last] = info.pick(["total_token_usage", "last_token_usage"]);
        let last = last.map(Counts::read).transpose()?;
        let Some(sums) = sums.map(Counts::read).transpose()? else { return Ok(()) };
        let before = self.sums.replace(sums);
        if self.has_records || before == Some(sums) {
            return Ok(());
        }
        let ended = fields::time(line.time, now)?;
        if self.is_copy(ended) {
            return Ok(());
        }
        // Where the sums went down they were begun anew; where none came before, they may be those of
        // a history that is not in this file.
        let added = match before.and_then(|before| sums.since(before)) {
            Some(added) => added,
            None => last.unwrap_or(sums),
        };
        let usage = added.usage();
        if fields::is_anything(&usage) {
            let key = self.sums_key(sums).0;
            let told = Told { key, ended, response_id: None, session: None, usage };
            found.push(self.call(&told));
        }
        Ok(())
    }

    /// Sums only grow within a turn, and a turn's id is its own.
    fn sums_key(&self, sums: Counts) -> LogKey {
        let owner = self.turn.as_deref().or(self.thread.as_deref()).unwrap_or_default();
        let Counts { input, cached, cache_write, output, reasoning } = sums;
        let sums = format!("{input} {cached} {cache_write} {output} {reasoning}");
        fields::key(Tool::Codex, &[owner, &sums])
    }

    /// Whether what was told at `time` is a copy of a line in another thread's file.
    fn is_copy(&mut self, time: DateTime<Utc>) -> bool {
        if !self.is_fork {
            return false;
        }
        if let Some(turn_ms) = self.turn.as_deref().and_then(uuid_ms) {
            return self.born_ms.is_some_and(|born_ms| turn_ms < born_ms);
        }
        match self.copied_until {
            Some(until) if time <= until + COPYING_GAP => {
                self.copied_until = Some(until.max(time));
                true
            }
            _ => {
                self.copied_until = None;
                false
            }
        }
    }

    /// The first response of a session is told before it is known whether a subscription pays.
    fn tell_who_paid(&mut self, found: &mut Vec<LogCall>) {
        let Some(told) = self.unpaid.take() else { return };
        match found.last_mut().filter(|call| call.key.0 == told.key) {
            Some(call) => call.plan_login = self.plan_login,
            None => found.push(self.call(&told)),
        }
    }

    fn call(&self, told: &Told) -> LogCall {
        LogCall {
            provider: self.provider.clone(),
            model: self.model.clone(),
            response_id: told.response_id.clone(),
            session: told.session.clone().or(self.session.clone()),
            folder: self.folder.clone(),
            branch: self.branch.clone(),
            plan_login: self.plan_login,
            ..LogCall::new(LogKey(told.key), told.ended, told.usage)
        }
    }
}

impl Counts {
    fn read(counts: Json<'_>) -> Result<Counts, BrokenLine> {
        let [input, cached, cache_write, output, reasoning, total] = counts
            .pick([
                "input_tokens",
                "cached_input_tokens",
                "cache_write_input_tokens",
                "output_tokens",
                "reasoning_output_tokens",
                "total_tokens",
            ])
            .map(fields::count);
        let (Some(input), Some(output)) = (input?, output?) else {
            return Err(BrokenLine::NoCount);
        };
        let reasoning = reasoning?.unwrap_or(0);
        let beside = fields::stands_beside(input, output, reasoning, total?);
        Ok(Counts {
            input,
            cached: cached?.unwrap_or(0),
            cache_write: cache_write?.unwrap_or(0),
            output: if beside { output.saturating_add(reasoning) } else { output },
            reasoning,
        })
    }

    /// What came on top of `before`; none where anything went down.
    fn since(self, before: Counts) -> Option<Counts> {
        Some(Counts {
            input: self.input.checked_sub(before.input)?,
            cached: self.cached.checked_sub(before.cached)?,
            cache_write: self.cache_write.checked_sub(before.cache_write)?,
            output: self.output.checked_sub(before.output)?,
            reasoning: self.reasoning.checked_sub(before.reasoning)?,
        })
    }

    fn usage(self) -> Usage {
        let Counts { input: prompt, cached, cache_write, output: completion, reasoning } = self;
        let mut usage = Usage::default();
        PromptCounts { prompt, cached, cache_write, ..PromptCounts::default() }.fill(&mut usage);
        let reasoning = Some(reasoning);
        CompletionCounts { completion, reasoning, ..CompletionCounts::default() }.fill(&mut usage);
        usage
    }
}

/// Most of a file are messages, some of them very long: their type stands near their beginning.
fn is_of_interest(line: &[u8]) -> bool {
    let has = |text: &[u8]| memmem::find(line, text).is_some();
    let beginning = line.get(..160).unwrap_or(line);
    let is_message = memmem::find(beginning, b"\"response_item\"").is_some();
    !is_message
        && (has(b"token_count")
            || has(b"token_usage_record")
            || has(b"turn_context")
            || has(b"session_meta")
            || has(b"task_started"))
}

fn outer(text: &str) -> Result<Option<Line<'_>>, BrokenLine> {
    let (mut kind, mut time, mut payload) = (None, None, None);
    let end = members(text, 0, |key, at| {
        let end = value_end(text.as_bytes(), at)?;
        let slot = match key.as_ref() {
            "type" => &mut kind,
            "timestamp" => &mut time,
            "payload" => &mut payload,
            _ => return Some(end),
        };
        *slot = Some(Json::new(text.get(at..end)?));
        Some(end)
    });
    end.ok_or(BrokenLine::NotJson)?;
    let kind = kind.and_then(|kind| kind.raw().strip_prefix('"')?.strip_suffix('"'));
    Ok(kind.zip(payload).map(|(kind, payload)| Line { kind, time, payload }))
}

/// When a UUIDv7 was made, in milliseconds since 1970.
fn uuid_ms(id: &str) -> Option<i64> {
    let (high, rest) = id.split_once('-')?;
    let (low, rest) = rest.split_once('-')?;
    let is_v7 = high.len() == 8 && low.len() == 4 && rest.starts_with('7') && id.len() == 36;
    is_v7.then(|| i64::from_str_radix(&format!("{high}{low}"), 16).ok()).flatten()
}
