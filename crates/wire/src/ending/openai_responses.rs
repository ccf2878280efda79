//! Streams of `/responses`: the note as text of the open message, or as a message of its own, then
//! `response.failed`. Its code is `invalid_prompt`: any other makes Codex send the request again.
//! A call or a thought that is open stays open, for clients act on the `.done` of a call.

use serde_json::{Value, json};

use super::{Closing, Event, Follower, Verdict, continuing};
use crate::json::Json;
use crate::refusal::RefusalFacts;

/// Items that the client acts on.
const CLIENT_CALLS: [&str; 6] = [
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "computer_call",
];

#[derive(Debug, Default)]
pub(super) struct ResponsesFollower {
    replaces_length_end: bool,
    /// `id`, `created_at` and `model` of the response; `None` until it has begun.
    intro: Option<[Value; 3]>,
    sequence_next: u64,
    index_next: u64,
    /// Items that are open.
    open: Vec<Item>,
    is_ended: bool,
}

#[derive(Debug)]
struct Item {
    index: u64,
    id: String,
    kind: Kind,
    /// Parts that are done, as they were sent.
    parts: Vec<Value>,
    part: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Message,
    ClientCall,
    Other,
}

#[derive(Debug)]
struct Part {
    index: u64,
    is_refusal: bool,
    text: String,
}

impl ResponsesFollower {
    pub(super) fn new(replaces_length_end: bool) -> ResponsesFollower {
        ResponsesFollower { replaces_length_end, ..ResponsesFollower::default() }
    }

    fn has_open_call(&self) -> bool {
        self.open.iter().any(|item| item.kind == Kind::ClientCall)
    }

    fn item(&mut self, index: u64) -> Option<&mut Item> {
        self.open.iter_mut().find(|item| item.index == index)
    }

    fn add_item(&mut self, index: u64, item: Option<Json<'_>>) {
        self.index_next = self.index_next.max(index.saturating_add(1));
        let [id, kind] = item.map_or([None, None], |item| item.pick(["id", "type"]));
        let kind = match kind.and_then(Json::text).as_deref() {
            Some("message") => Kind::Message,
            Some(kind) if CLIENT_CALLS.contains(&kind) => Kind::ClientCall,
            _ => Kind::Other,
        };
        let id = id.and_then(Json::string).unwrap_or_default();
        self.open.push(Item { index, id, kind, parts: Vec::new(), part: None });
    }

    fn add_text(&mut self, item_index: u64, part_index: u64, delta: Option<Json<'_>>) {
        let Some(delta) = delta.and_then(Json::text) else { return };
        if let Some(item) = self.item(item_index) {
            let is_refusal = false;
            let part = item.part.get_or_insert_with(|| Part {
                index: part_index,
                is_refusal,
                text: String::new(),
            });
            part.text.push_str(&delta);
        }
    }

    /// The response as its own events show it.
    fn response(&self, status: &str, error: &Value) -> Value {
        let unknown = [json!("resp_outlay"), json!(0), json!("outlay")];
        let [id, created_at, model] = self.intro.as_ref().unwrap_or(&unknown);
        json!({
            "id": id,
            "object": "response",
            "created_at": created_at,
            "status": status,
            "error": error,
            "incomplete_details": null,
            "instructions": null,
            "metadata": {},
            "model": model,
            "output": [],
            "parallel_tool_calls": true,
            "temperature": null,
            "tool_choice": "auto",
            "tools": [],
            "top_p": null,
            "usage": null,
        })
    }

    /// An id that no other message of the client's history has.
    fn note_id(&self) -> String {
        let response = self.intro.as_ref().and_then(|[id, ..]| id.as_str()).unwrap_or_default();
        let tail = response.strip_prefix("resp_").unwrap_or(response);
        // OpenAI takes ids of up to 64 characters back.
        format!("msg_outlay_{tail}").chars().take(64).collect()
    }
}

impl Follower for ResponsesFollower {
    fn verdict(&self, event: &Event<'_>, is_waiting: bool) -> Verdict {
        if !self.replaces_length_end {
            return Verdict::Pass;
        }
        let kind = event.kind();
        if kind == "response.incomplete" && event.json.get("response").is_some_and(is_length) {
            return Verdict::CapHit;
        }
        if !self.has_open_call() {
            return Verdict::Pass;
        }
        // Whether a call is whole is told by its status, and by what comes after it.
        let [index, item] = event.json.pick(["output_index", "item"]);
        let index = index.and_then(Json::count).unwrap_or(0);
        let is_call = |open: &Item| open.index == index && open.kind == Kind::ClientCall;
        if kind.ends_with(".done") && self.open.iter().any(is_call) {
            let status = item.and_then(|item| item.get("status")).and_then(Json::text);
            let is_cut = status.is_some_and(|status| status == "incomplete");
            return if is_cut { Verdict::CapHit } else { Verdict::Wait };
        }
        if is_waiting && !kind.starts_with("response.") { Verdict::Wait } else { Verdict::Pass }
    }

    fn pass(&mut self, event: &Event<'_>) {
        let [sequence, index, content_index, delta, item, part, response] = event.json.pick([
            "sequence_number",
            "output_index",
            "content_index",
            "delta",
            "item",
            "part",
            "response",
        ]);
        let count = |value: Option<Json<'_>>| value.and_then(Json::count);
        if let Some(sequence) = count(sequence) {
            self.sequence_next = sequence.saturating_add(1);
        }
        let index = count(index).unwrap_or(0);
        let content_index = count(content_index).unwrap_or(0);
        match event.kind().as_ref() {
            "response.created" | "response.in_progress" | "response.queued" => {
                if let (None, Some(response)) = (&self.intro, response) {
                    let value = |value: Option<Json<'_>>| {
                        value.and_then(|value| serde_json::from_str(value.raw()).ok())
                    };
                    let fields = response.pick(["id", "created_at", "model"]);
                    self.intro = Some(fields.map(|field| value(field).unwrap_or_default()));
                }
            }
            "response.output_item.added" => self.add_item(index, item),
            "response.output_item.done" => self.open.retain(|open| open.index != index),
            "response.content_part.added" => {
                let kind = part.and_then(|part| part.get("type")).and_then(Json::text);
                let is_refusal = kind.is_some_and(|kind| kind == "refusal");
                if let Some(item) = self.item(index) {
                    let part = Part { index: content_index, is_refusal, text: String::new() };
                    item.part = Some(part);
                }
            }
            "response.content_part.done" => {
                if let Some(item) = self.item(index) {
                    item.part = None;
                    let part = part.and_then(|part| serde_json::from_str(part.raw()).ok());
                    item.parts.extend(part);
                }
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                self.add_text(index, content_index, delta);
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled"
            | "response.done"
            | "error" => self.is_ended = true,
            _ => {}
        }
    }

    fn is_ended(&self) -> bool {
        self.is_ended
    }

    fn close(&self, facts: &RefusalFacts, note: &str) -> Vec<Closing> {
        if self.is_ended {
            return Vec::new();
        }
        let mut events = Events { sequence: self.sequence_next, closing: Vec::new() };
        if self.intro.is_none() {
            let response = self.response("in_progress", &Value::Null);
            events.push("response.created", json!({"response": response}));
        }
        let mut messages = self.open.iter().filter(|item| item.kind == Kind::Message);
        match messages.next() {
            Some(message) => events.end_message(message, note),
            None => events.add_message(self.index_next, &self.note_id(), note),
        }
        let error = json!({"code": "invalid_prompt", "message": facts.message});
        let response = self.response("failed", &error);
        events.push("response.failed", json!({"response": response}));
        events.closing
    }
}

/// The events that end a stream, numbered on.
struct Events {
    sequence: u64,
    closing: Vec<Closing>,
}

impl Events {
    fn push(&mut self, kind: &'static str, mut data: Value) {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.sequence);
        self.sequence = self.sequence.saturating_add(1);
        self.closing.push(Closing::new(kind, &data));
    }

    /// A message of its own.
    fn add_message(&mut self, index: u64, id: &str, note: &str) {
        let item = message(id, "in_progress", &[]);
        self.push("response.output_item.added", json!({"output_index": index, "item": item}));
        let at = At { item: index, id, part: 0 };
        self.add_part(at);
        let part = self.write(at, "", note);
        let item = message(id, "completed", &[part]);
        self.push("response.output_item.done", json!({"output_index": index, "item": item}));
    }

    /// The rest of a message that has begun.
    fn end_message(&mut self, item: &Item, note: &str) {
        let mut parts = item.parts.clone();
        let at = |part| At { item: item.index, id: &item.id, part };
        match &item.part {
            Some(part) if !part.is_refusal => {
                parts.push(self.write(at(part.index), &part.text, note));
            }
            part => {
                if let Some(part) = part {
                    parts.push(self.end_refusal(at(part.index), &part.text));
                }
                let next = at(parts.len() as u64);
                self.add_part(next);
                parts.push(self.write(next, "", note));
            }
        }
        let done = message(&item.id, "incomplete", &parts);
        self.push("response.output_item.done", json!({"output_index": item.index, "item": done}));
    }

    fn add_part(&mut self, at: At<'_>) {
        let part = output_text("");
        self.push("response.content_part.added", at.with(json!({"part": part})));
    }

    /// The note after `text`, and the end of that part; the whole part.
    fn write(&mut self, at: At<'_>, text: &str, note: &str) -> Value {
        let delta = continuing(note, !text.is_empty());
        let text = format!("{text}{delta}");
        let part = output_text(&text);
        let delta = at.with(json!({"delta": delta, "logprobs": []}));
        self.push("response.output_text.delta", delta);
        let done = at.with(json!({"text": text, "logprobs": []}));
        self.push("response.output_text.done", done);
        self.push("response.content_part.done", at.with(json!({"part": part})));
        part
    }

    fn end_refusal(&mut self, at: At<'_>, text: &str) -> Value {
        let part = json!({"type": "refusal", "refusal": text});
        self.push("response.refusal.done", at.with(json!({"refusal": text})));
        self.push("response.content_part.done", at.with(json!({"part": part})));
        part
    }
}

/// Where a part stands.
#[derive(Clone, Copy)]
struct At<'a> {
    item: u64,
    id: &'a str,
    part: u64,
}

impl At<'_> {
    fn with(self, mut data: Value) -> Value {
        data["output_index"] = json!(self.item);
        data["item_id"] = json!(self.id);
        data["content_index"] = json!(self.part);
        data
    }
}

fn message(id: &str, status: &str, content: &[Value]) -> Value {
    json!({
        "id": id, "type": "message", "role": "assistant", "status": status, "content": content,
    })
}

/// Whether a whole answer ended by length and has a call for the client.
pub(super) fn is_cut(answer: Json<'_>) -> bool {
    let output = answer.get("output").map(Json::items).unwrap_or_default();
    let is_call = |item: &Json<'_>| {
        let kind = item.get("type").and_then(Json::text);
        kind.is_some_and(|kind| CLIENT_CALLS.contains(&kind.as_ref()))
    };
    is_length(answer) && output.iter().any(is_call)
}

/// Of a whole answer that ended by length: the content of its last message, else all that it has.
pub(super) fn cut_output(answer: Json<'_>) -> Option<(Option<Json<'_>>, Json<'_>)> {
    let output = answer.get("output").filter(|output| output.is_array() && is_length(answer))?;
    let is_message = |item: &Json<'_>| {
        item.get("type").and_then(Json::text).is_some_and(|kind| kind == "message")
    };
    let message = output.items().into_iter().rev().find(is_message);
    let content = message.and_then(|message| message.get("content"));
    Some((content.filter(|content| content.is_array()), output))
}

/// A message of its own with the note.
pub(super) fn noting(note: &str) -> Value {
    message("msg_outlay", "completed", &[output_text(note)])
}

pub(super) fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

fn is_length(response: Json<'_>) -> bool {
    let [status, details] = response.pick(["status", "incomplete_details"]);
    let reason = details.and_then(|details| details.get("reason")).and_then(Json::text);
    let is_incomplete = status.and_then(Json::text).is_none_or(|status| status == "incomplete");
    is_incomplete
        && reason.is_some_and(|reason| reason == "max_output_tokens" || reason == "max_tokens")
}
