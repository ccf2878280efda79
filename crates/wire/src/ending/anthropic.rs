//! Anthropic's streams: the note in the open text block, or in one of its own, then an `error`
//! event. A tool call or a thought that is open stays open: closed, the one might be run, and the
//! other would go into the history without its signature.

use serde_json::{Value, json};

use super::{Closing, Event, Follower, Verdict, continuing};
use crate::anthropic::TEXT_KEYS;
use crate::dialect::Dialect;
use crate::json::Json;
use crate::refusal::{RefusalFacts, refusal_body};
use crate::template::TextEvent;

#[derive(Debug, Default)]
pub(super) struct MessagesFollower {
    replaces_length_end: bool,
    has_begun: bool,
    /// Blocks that are open.
    open: Vec<Block>,
    index_next: u64,
    has_stop_reason: bool,
    is_ended: bool,
}

#[derive(Debug)]
struct Block {
    index: u64,
    kind: Kind,
    has_text: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// A call of a tool that the client runs.
    ToolUse,
    Other,
}

impl MessagesFollower {
    pub(super) fn new(replaces_length_end: bool) -> MessagesFollower {
        MessagesFollower { replaces_length_end, ..MessagesFollower::default() }
    }

    fn has_open_tool_use(&self) -> bool {
        self.open.iter().any(|block| block.kind == Kind::ToolUse)
    }

    /// Whether a text block has no text yet.
    fn awaits_text(&self) -> bool {
        self.open.iter().any(|block| block.kind == Kind::Text && !block.has_text)
    }

    /// The note, in a block that is closed after it.
    fn note(&self, note: &str, closing: &mut Vec<Closing>) {
        let mut texts = self.open.iter().filter(|block| block.kind == Kind::Text);
        let (index, has_text) = match texts.next() {
            Some(block) => (block.index, block.has_text),
            None => {
                let block = json!({"type": "text", "text": ""});
                let start = json!({
                    "type": "content_block_start", "index": self.index_next, "content_block": block,
                });
                closing.push(Closing::new("content_block_start", &start));
                (self.index_next, false)
            }
        };
        let delta = json!({"type": "text_delta", "text": continuing(note, has_text)});
        let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
        closing.push(Closing::new("content_block_delta", &delta));
        for index in [index].into_iter().chain(texts.map(|block| block.index)) {
            let stop = json!({"type": "content_block_stop", "index": index});
            closing.push(Closing::new("content_block_stop", &stop));
        }
    }
}

impl Follower for MessagesFollower {
    fn verdict(&self, event: &Event<'_>, is_waiting: bool) -> Verdict {
        if !self.replaces_length_end {
            return Verdict::Pass;
        }
        match event.kind().as_ref() {
            // Whether the call is whole is told by what comes after its end.
            "content_block_stop" if self.has_open_tool_use() => Verdict::Wait,
            "ping" if is_waiting => Verdict::Wait,
            "message_delta" if event.json.get("delta").is_some_and(is_length) => Verdict::CapHit,
            _ => Verdict::Pass,
        }
    }

    fn pass(&mut self, event: &Event<'_>) {
        let index = || event.json.get("index").and_then(Json::count).unwrap_or(0);
        match event.kind().as_ref() {
            "message_start" => self.has_begun = true,
            "content_block_start" => {
                let index = index();
                let block = event.json.get("content_block").and_then(|block| block.get("type"));
                let kind = match block.and_then(Json::text).as_deref() {
                    Some("text") => Kind::Text,
                    Some("tool_use") => Kind::ToolUse,
                    _ => Kind::Other,
                };
                self.open.push(Block { index, kind, has_text: false });
                self.index_next = self.index_next.max(index.saturating_add(1));
            }
            "content_block_delta" if self.awaits_text() => {
                let index = index();
                let block = self.open.iter_mut().find(|block| block.index == index);
                block.into_iter().for_each(|block| block.has_text = true);
            }
            "content_block_stop" => {
                let index = index();
                self.open.retain(|block| block.index != index);
            }
            "message_delta" => {
                let delta = event.json.get("delta");
                self.has_stop_reason |= delta.and_then(|delta| delta.get("stop_reason")).is_some();
            }
            "message_stop" | "error" => self.is_ended = true,
            _ => {}
        }
    }

    fn text_event(&self, event: &Event<'_>) -> Option<TextEvent> {
        let is_text = event.kind() == "content_block_delta" && !self.awaits_text();
        is_text.then_some(TextEvent { keys: &["type"], holder: None, text_keys: &TEXT_KEYS })
    }

    fn is_ended(&self) -> bool {
        self.is_ended || self.has_stop_reason
    }

    fn close(&self, facts: &RefusalFacts, note: &str) -> Vec<Closing> {
        let mut closing = Vec::new();
        if self.is_ended {
            return closing;
        }
        if self.has_stop_reason {
            closing.push(Closing::new("message_stop", &json!({"type": "message_stop"})));
            return closing;
        }
        if !self.has_begun {
            closing.push(Closing::new("message_start", &message_start()));
        }
        self.note(note, &mut closing);
        let error = refusal_body(Dialect::AnthropicMessages, 402, facts);
        let data = String::from_utf8_lossy(&error).into_owned();
        closing.push(Closing { name: "error", data });
        closing
    }
}

/// Whether a whole answer ended by length and has a call for the client.
pub(super) fn is_cut(answer: Json<'_>) -> bool {
    let content = answer.get("content").map(Json::items).unwrap_or_default();
    let is_call = |block: &Json<'_>| {
        block.get("type").and_then(Json::text).is_some_and(|kind| kind == "tool_use")
    };
    is_length(answer) && content.iter().any(is_call)
}

/// The content of a whole answer that ended by length, to which a block can be added.
pub(super) fn cut_content(answer: Json<'_>) -> Option<Json<'_>> {
    answer.get("content").filter(|content| content.is_array() && is_length(answer))
}

fn is_length(message: Json<'_>) -> bool {
    message.get("stop_reason").and_then(Json::text).is_some_and(|reason| reason == "max_tokens")
}

fn message_start() -> Value {
    json!({
        "type": "message_start",
        "message": {
            "id": "msg_outlay",
            "type": "message",
            "role": "assistant",
            "model": "outlay",
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        },
    })
}
