//! Gemini's streams: one more chunk with the note as text and a length end, as event or as element
//! of the array. Function calls reach the client whole: one whose arguments come in parts waits
//! until it is.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Closing, Event, Follower, Verdict, continuing};
use crate::json::{Json, holds};
use crate::refusal::RefusalFacts;

/// Members that every chunk repeats.
const COMMON: [&str; 3] = ["usageMetadata", "modelVersion", "responseId"];

#[derive(Debug, Default)]
pub(super) struct GeminiFollower {
    replaces_length_end: bool,
    candidates: Vec<Candidate>,
    /// What every chunk repeats, as JSON: the usage so far, the model's version, the answer's id.
    common: [Option<String>; 3],
    /// What came with a length end that does not pass: visible text, as JSON.
    withheld: Vec<Value>,
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
        let data = event.json.raw().as_bytes();
        let may_be_cut = self.replaces_length_end && holds(data, "finishReason");
        if !is_waiting && !may_be_cut && !holds(data, "functionCall") {
            return Verdict::Pass;
        }
        let mut is_partial = is_waiting;
        let mut finish = None;
        for candidate in event.json.get("candidates").map(Json::items).unwrap_or_default() {
            for call in calls(candidate) {
                is_partial = call.get("willContinue").and_then(Json::boolean) == Some(true);
            }
            finish = candidate.get("finishReason").or(finish);
        }
        match finish {
            Some(finish) if self.replaces_length_end && is_length(finish) => Verdict::CapHit,
            None if is_partial && event.json.get("error").is_none() => Verdict::Wait,
            _ => Verdict::Pass,
        }
    }

    fn pass(&mut self, event: &Event<'_>) {
        let [usage, model, id, candidates, feedback, error] = event.json.pick([
            COMMON[0],
            COMMON[1],
            COMMON[2],
            "candidates",
            "promptFeedback",
            "error",
        ]);
        for (known, value) in self.common.iter_mut().zip([usage, model, id]) {
            let Some(value) = value else { continue };
            let known = known.get_or_insert_default();
            known.clear();
            known.push_str(value.raw());
        }
        let is_blocked = feedback.is_some_and(|feedback| feedback.get("blockReason").is_some());
        self.is_ended |= error.is_some() || is_blocked;
        candidates.unwrap_or(Json::new("")).each_item(|candidate| {
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
        });
    }

    fn withhold(&mut self, event: &Event<'_>) {
        let candidates = event.json.get("candidates").map(Json::items).unwrap_or_default();
        let parts = candidates.into_iter().flat_map(parts).filter(|part| is_visible_text(*part));
        self.withheld = parts.filter_map(|part| serde_json::from_str(part.raw()).ok()).collect();
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
                let has_text = candidate.has_text || !self.withheld.is_empty();
                let mut parts = self.withheld.clone();
                parts.push(json!({"text": continuing(note, has_text)}));
                json!({
                    "index": candidate.index,
                    "content": {"role": "model", "parts": parts},
                    "finishReason": "MAX_TOKENS",
                })
            })
            .collect();
        let mut chunk = Map::new();
        for (key, value) in COMMON.into_iter().zip(&self.common) {
            let value = value.as_deref().and_then(|value| serde_json::from_str(value).ok());
            chunk.extend(value.map(|value| (key.to_owned(), value)));
        }
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

/// The candidate that ended by length in a whole answer.
pub(super) fn cut_candidate(answer: Json<'_>) -> Option<Json<'_>> {
    let candidates = answer.get("candidates").map(Json::items).unwrap_or_default();
    let is_cut = |candidate: &Json<'_>| candidate.get("finishReason").is_some_and(is_length);
    candidates.into_iter().find(is_cut)
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
