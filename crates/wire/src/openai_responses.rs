//! Answers of `/responses`: one response object, or a stream of events that ends with it.

use std::borrow::Cow;

use crate::answer::{Answer, AnswerReader};
use crate::dialect::Dialect;
use crate::errors;
use crate::json::Json;
use crate::openai::{Completion, read_usage};
use crate::openai_chat::TEXT_KEYS;
use crate::template::TextEvent;
use crate::text::text_bytes;

#[derive(Debug)]
pub(crate) struct ResponsesReader {
    provider: String,
    answer: Answer,
    /// Whether the last event was a piece of text.
    was_text: bool,
}

impl ResponsesReader {
    pub(crate) fn new(provider: &str) -> ResponsesReader {
        ResponsesReader {
            provider: provider.to_owned(),
            answer: Answer::default(),
            was_text: false,
        }
    }

    /// A response object, as a whole answer or inside the events that open and close a stream.
    fn read_response(&mut self, response: Json<'_>) {
        let [id, model, tier, status, usage, output, tool_usage, error] = response.pick([
            "id",
            "model",
            "service_tier",
            "status",
            "usage",
            "output",
            "tool_usage",
            "error",
        ]);
        self.answer.note(id, model, tier);
        let status = status.and_then(Json::text).unwrap_or_default();
        if error.is_some() || status == "failed" {
            self.answer.failed = Some(errors::of_error(Dialect::OpenAiResponses, 0, response));
        }
        let Some(usage) = usage else { return };
        let Some(mut read) = read_usage(&self.provider, usage, Completion::Generated) else {
            return;
        };
        let output = output.map(Json::items).unwrap_or_default();
        let rounds = tool_rounds(&output);
        if !read.counts_tools {
            let tools = Tools::of_output(&output);
            read.usage.web_searches = stated_searches(tool_usage)
                .unwrap_or(tools.web_searches)
                .max(read.usage.web_searches);
            read.usage.file_searches = tools.file_searches;
            read.usage.other_tool_calls = tools.others;
        }
        let metered = &mut self.answer.metered;
        // The prompts of a loop over server tools are summed; a context tier goes by one of them.
        metered.turn_prompt_tokens = read
            .turn_prompt_tokens
            .or_else(|| (rounds > 0).then(|| read.usage.prompt_tokens() / (rounds + 1)));
        metered.usage = Some(read.usage);
        metered.stated_cost = read.stated_cost.or(metered.stated_cost);
    }
}

impl AnswerReader for ResponsesReader {
    fn read(&mut self, name: &str, json: Json<'_>) {
        let data = json.raw();
        let kind = match json.leading_type() {
            Some(kind) => Cow::Borrowed(kind),
            None => json.get("type").and_then(Json::text).unwrap_or(Cow::Borrowed(name)),
        };
        self.was_text = kind.ends_with(".delta");
        if self.was_text {
            if kind.contains("audio") || kind.contains("image") {
                self.was_text = false;
            } else {
                self.answer.output_bytes += text_bytes(data, &TEXT_KEYS, &[]);
            }
            return;
        }
        match kind.as_ref() {
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled"
            | "response.done" => {
                self.answer.is_ended = true;
                if kind == "response.failed" {
                    self.answer.failed = Some(errors::ErrorKind::Other);
                }
                self.read_response(json.get("response").unwrap_or(json));
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                if let Some(response) = json.get("response") {
                    self.read_response(response);
                }
            }
            "error" | "response.error" => {
                self.answer.failed = Some(errors::of_error(Dialect::OpenAiResponses, 0, json));
            }
            _ if kind.starts_with("response.") => {}
            _ => {
                self.read_response(json);
                let output = json.get("output").map_or("", Json::raw);
                self.answer.output_bytes += text_bytes(output, &TEXT_KEYS, &[]);
                self.answer.is_ended = true;
            }
        }
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }

    fn text_event(&self) -> Option<TextEvent> {
        let delta = TextEvent { keys: &["type"], holder: None, text_keys: &TEXT_KEYS };
        self.was_text.then_some(delta)
    }
}

/// Server-side tool calls among the items of an output.
#[derive(Default)]
struct Tools {
    web_searches: u64,
    file_searches: u64,
    others: u64,
}

impl Tools {
    fn of_output(items: &[Json<'_>]) -> Tools {
        let mut tools = Tools::default();
        for item in items {
            match item.get("type").and_then(Json::text).as_deref() {
                Some("web_search_call") if is_billed_search(*item) => tools.web_searches += 1,
                Some("file_search_call") => tools.file_searches += 1,
                Some("code_interpreter_call") => tools.others += 1,
                _ => {}
            }
        }
        tools
    }
}

/// Opening a page found before, or looking for text in it, is part of the search that found it.
fn is_billed_search(item: Json<'_>) -> bool {
    let action = item.get("action").and_then(|action| action.get("type")).and_then(Json::text);
    action.is_none_or(|action| action == "search")
}

fn stated_searches(tool_usage: Option<Json<'_>>) -> Option<u64> {
    tool_usage?.get("web_search")?.get("num_requests")?.count()
}

/// How often the model was asked again after a server-side tool: tools that run together count as
/// one round.
fn tool_rounds(items: &[Json<'_>]) -> u64 {
    const SERVER_TOOLS: [&str; 4] =
        ["web_search_call", "file_search_call", "code_interpreter_call", "mcp_call"];
    let mut rounds = 0;
    let mut in_tools = false;
    for item in items {
        let kind = item.get("type").and_then(Json::text);
        let is_tool = kind.is_some_and(|kind| SERVER_TOOLS.contains(&kind.as_ref()));
        rounds += u64::from(is_tool && !in_tools);
        in_tools = is_tool;
    }
    rounds
}
