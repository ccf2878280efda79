//! Gemini's streams: one more chunk with the note as text and a length end, as event or as element
//! of the array. Function calls reach the client whole: one whose arguments come in parts waits
//! until it is.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Closing, Event, Follower, Verdict, continuing};
use crate::json::{Json, holds};
use crate::refusal::RefusalFacts;

#[derive(Debug, Default)]
pub(super) struct GeminiFollower {
    replaces_length_end: bool,
    candidates: Vec<Candidate>,
    /// What every chunk repeats, as the last one had it.
    common: Map<String, Value>,
    is_ended: bool,
}

#[derive(Debug, Default)]
struct Candidate {
    index: u64,
    has_text: bool,
    is_finished: bool,
}

impl GeminiFollower {
    pub(super) fn new(replaces_length_end: bool) -> GeminiFollower {
        GeminiFollower { replaces_length_end, ..GeminiFollower::default() }
    }
}

impl Follower for GeminiFollower {
    fn verdict(&self, event: &Event<'_>, is_waiting: bool) -> Verdict {
        if !is_waiting && !holds(event.json.raw().as_bytes(), "functionCall") {
            return Verdict::Pass;
        }
        let mut has_call = is_waiting;
        let mut is_partial = is_waiting;
        let mut finish = None;
        for candidate in event.json.get("candidates").map(Json::items).unwrap_or_default() {
            for call in calls(candidate) {
                has_call = true;
                is_partial = call.get("willContinue").and_then(Json::boolean) == Some(true);
            }
            finish = candidate.get("finishReason").or(finish);
        }
        match finish {
            Some(finish) if has_call && self.replaces_length_end && is_length(finish) => {
                Verdict::CapHit
            }
            None if is_partial && event.json.get("error").is_none() => Verdict::Wait,
            _ => Verdict::Pass,
        }
    }

    fn pass(&mut self, event: &Event<'_>) {
        let [candidates, feedback, error, usage, model, id] = event.json.pick([
            "candidates",
            "promptFeedback",
            "error",
            "usageMetadata",
            "modelVersion",
            "responseId",
        ]);
        for (key, value) in [("usageMetadata", usage), ("modelVersion", model), ("responseId", id)]
        {
            let Some(value) = value else { continue };
            if let Ok(value) = serde_json::from_str(value.raw()) {
                self.common.insert(key.to_owned(), value);
            }
        }
        let is_blocked = feedback.is_some_and(|feedback| feedback.get("blockReason").is_some());
        self.is_ended |= error.is_some() || is_blocked;
        for candidate in candidates.map(Json::items).unwrap_or_default() {
            let [index, finish] = candidate.pick(["index", "finishReason"]);
            let index = index.and_then(Json::count).unwrap_or(0);
            let at = self.candidates.iter().position(|known| known.index == index);
            let at = at.unwrap_or_else(|| {
                self.candidates.push(Candidate { index, ..Candidate::default() });
                self.candidates.len() - 1
            });
            let known = &mut self.candidates[at];
            known.is_finished |= finish.is_some();
            known.has_text = known.has_text || parts(candidate).into_iter().any(is_visible_text);
        }
    }

    fn is_ended(&self) -> bool {
        let is_finished = |candidate: &Candidate| candidate.is_finished;
        self.is_ended || !self.candidates.is_empty() && self.candidates.iter().all(is_finished)
    }

    fn close(&self, _: &RefusalFacts, note: &str) -> Vec<Closing> {
        if self.is_ended() {
            return Vec::new();
        }
        let first = [Candidate::default()];
        let known = if self.candidates.is_empty() { &first[..] } else { &self.candidates[..] };
        let open = known.iter().filter(|candidate| !candidate.is_finished);
        let ends: Vec<Value> = open
            .map(|candidate| {
                json!({
                    "index": candidate.index,
                    "content": {
                        "role": "model",
                        "parts": [{"text": continuing(note, candidate.has_text)}],
                    },
                    "finishReason": "MAX_TOKENS",
                })
            })
            .collect();
        let mut chunk = self.common.clone();
        chunk.insert("candidates".to_owned(), Value::Array(ends));
        vec![Closing::new("", &Value::Object(chunk))]
    }
}

/// Whether one of a whole answer's candidates ended by length and has a function call.
pub(super) fn is_cut(answer: Json<'_>) -> bool {
    answer.get("candidates").map(Json::items).unwrap_or_default().into_iter().any(|candidate| {
        candidate.get("finishReason").is_some_and(is_length) && !calls(candidate).is_empty()
    })
}

fn is_length(finish: Json<'_>) -> bool {
    finish.text() == Some(Cow::Borrowed("MAX_TOKENS"))
}

fn parts(candidate: Json<'_>) -> Vec<Json<'_>> {
    let parts = candidate.get("content").and_then(|content| content.get("parts"));
    parts.map(Json::items).unwrap_or_default()
}

fn calls(candidate: Json<'_>) -> Vec<Json<'_>> {
    parts(candidate).into_iter().filter_map(|part| part.get("functionCall")).collect()
}

fn is_visible_text(part: Json<'_>) -> bool {
    let [text, thought] = part.pick(["text", "thought"]);
    text.and_then(Json::text).is_some() && thought.and_then(Json::boolean) != Some(true)
}
