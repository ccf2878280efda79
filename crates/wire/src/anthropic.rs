//! Answers of Anthropic's `/messages`: one message, or events around one.

use std::borrow::Cow;

use outlay_core::usage::Usage;

use crate::answer::{Answer, AnswerReader};
use crate::counts;
use crate::dialect::Dialect;
use crate::errors;
use crate::json::Json;
use crate::openai::stated_cost;
use crate::template::TextEvent;
use crate::text::text_bytes;

/// Where the text of an answer stands.
pub(crate) const TEXT_KEYS: [&str; 3] = ["text", "thinking", "partial_json"];
/// What is looked at in a message or an event.
const KEYS: [&str; 6] = ["type", "message", "delta", "usage", "content_block", "error"];

#[derive(Debug, Default)]
pub(crate) struct AnthropicReader {
    provider: String,
    answer: Answer,
    counts: MessageCounts,
    /// The model asked once more after each run of server-side tool results.
    tool_rounds: u64,
    in_tool_results: bool,
    /// Fast mode is priced as a tier of its own.
    is_fast: bool,
    /// Whether the last event was a piece of text.
    was_text: bool,
}

impl AnthropicReader {
    pub(crate) fn new(provider: &str) -> AnthropicReader {
        AnthropicReader { provider: provider.to_owned(), ..AnthropicReader::default() }
    }

    fn read_message(&mut self, message: Json<'_>) {
        let [id, model, usage] = message.pick(["id", "model", "usage"]);
        self.answer.note(id, model, None);
        if let Some(usage) = usage {
            self.read_usage(usage);
        }
    }

    fn read_usage(&mut self, usage: Json<'_>) {
        self.counts.merge(usage);
        let metered = &mut self.answer.metered;
        metered.stated_cost = stated_cost(&self.provider, &usage.object()).or(metered.stated_cost);
        self.answer.note(None, None, usage.get("service_tier"));
        if usage.get("speed").and_then(Json::text).is_some_and(|speed| speed == "fast") {
            self.is_fast = true;
        }
    }

    fn read_block(&mut self, block: Option<Json<'_>>) {
        let kind =
            block.and_then(|block| block.get("type")).and_then(Json::text).unwrap_or_default();
        let is_result = kind.ends_with("_tool_result");
        self.tool_rounds += u64::from(is_result && !self.in_tool_results);
        self.in_tool_results = is_result;
    }
}

impl AnswerReader for AnthropicReader {
    fn read(&mut self, name: &str, json: Json<'_>) {
        let [kind, message, delta, usage, block, error] = json.pick(KEYS);
        let kind = kind.and_then(Json::text).unwrap_or(Cow::Borrowed(name));
        self.was_text = kind == "content_block_delta";
        match kind.as_ref() {
            "message_start" => {
                if let Some(message) = message {
                    self.read_message(message);
                }
            }
            "content_block_start" => self.read_block(block),
            "content_block_delta" => {
                let delta = delta.map_or("", Json::raw);
                self.answer.output_bytes += text_bytes(delta, &TEXT_KEYS, &[]);
            }
            "message_delta" => {
                if let Some(usage) = usage {
                    self.read_usage(usage);
                    self.counts.is_final |= usage.get("output_tokens").is_some();
                }
                let stop_reason = delta.and_then(|delta| delta.get("stop_reason"));
                self.answer.is_ended |= stop_reason.is_some();
            }
            "message_stop" => self.answer.is_ended = true,
            "error" => {
                self.answer.failed = Some(errors::of_error(Dialect::AnthropicMessages, 0, json));
            }
            "content_block_stop" | "ping" => {}
            _ if error.is_some() => {
                self.answer.failed = Some(errors::of_error(Dialect::AnthropicMessages, 0, json));
            }
            _ => {
                self.read_message(json);
                self.counts.is_final = true;
                self.answer.is_ended = true;
                for block in json.get("content").map(Json::items).unwrap_or_default() {
                    self.read_block(Some(block));
                    self.answer.output_bytes += text_bytes(block.raw(), &TEXT_KEYS, &["input"]);
                }
            }
        }
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }

    fn text_event(&self) -> Option<TextEvent> {
        let delta = TextEvent { keys: &KEYS, holder: Some("delta"), text_keys: &TEXT_KEYS };
        self.was_text.then_some(delta)
    }

    fn told_tokens(&mut self) -> Option<u64> {
        self.counts.output
    }

    fn finish(&mut self) {
        if self.is_fast {
            self.answer.metered.service_tier = Some("fast".to_owned());
        }
        let Some(read) = self.counts.read(self.answer.metered.model.as_deref()) else { return };
        // Before the end every count is provisional: the opening has a placeholder for the output,
        // and server-side loops report in between.
        if !self.counts.is_final || !self.answer.is_ended {
            self.answer.interim = Some(read.main);
            return;
        }
        let metered = &mut self.answer.metered;
        metered.model = read.model.or(metered.model.take());
        let average =
            (self.tool_rounds > 0).then(|| read.main.prompt_tokens() / (self.tool_rounds + 1));
        metered.turn_prompt_tokens = read.turn_prompt_tokens.or(average);
        metered.usage = Some(read.main);
        metered.other_models = read.others;
    }
}

/// The fields of `usage`, each with the last value that was sent: in a stream they are cumulative.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cache_read: Option<u64>,
    pub(crate) cache_creation: Option<u64>,
    pub(crate) cache_5m: Option<u64>,
    pub(crate) cache_1h: Option<u64>,
    pub(crate) thinking: Option<u64>,
    pub(crate) web_searches: Option<u64>,
    pub(crate) web_fetches: Option<u64>,
    pub(crate) code_executions: Option<u64>,
    iterations: Vec<Iteration>,
    is_final: bool,
}

#[derive(Debug)]
struct Iteration {
    kind: String,
    model: Option<String>,
    usage: Usage,
}

/// The counts of a message, by the model that is paid for them.
#[derive(Debug, PartialEq)]
pub(crate) struct MessageUsage {
    pub(crate) main: Usage,
    pub(crate) others: Vec<(String, Usage)>,
    pub(crate) turn_prompt_tokens: Option<u64>,
    pub(crate) model: Option<String>,
}

impl MessageCounts {
    /// Takes over every field that `usage` has.
    pub(crate) fn merge(&mut self, usage: Json<'_>) {
        let count = |value: Option<Json<'_>>| value.and_then(Json::count);
        let [input, output, cache_read, cache_creation, split, details, tools, iterations] = usage
            .pick([
                "input_tokens",
                "output_tokens",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
                "cache_creation",
                "output_tokens_details",
                "server_tool_use",
                "iterations",
            ]);
        let empty = Json::new("{}");
        let [cache_5m, cache_1h] =
            split.unwrap_or(empty).pick(["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]);
        let [web_searches, web_fetches, code_executions] = tools.unwrap_or(empty).pick([
            "web_search_requests",
            "web_fetch_requests",
            "code_execution_requests",
        ]);
        let thinking = details.and_then(|details| details.get("thinking_tokens"));
        for (field, value) in [
            (&mut self.input, input),
            (&mut self.output, output),
            (&mut self.cache_read, cache_read),
            (&mut self.cache_creation, cache_creation),
            (&mut self.cache_5m, cache_5m),
            (&mut self.cache_1h, cache_1h),
            (&mut self.thinking, thinking),
            (&mut self.web_searches, web_searches),
            (&mut self.web_fetches, web_fetches),
            (&mut self.code_executions, code_executions),
        ] {
            *field = count(value).or(*field);
        }
        let iterations = iterations.map(Json::items).unwrap_or_default();
        if !iterations.is_empty() {
            self.iterations = iterations.into_iter().filter_map(read_iteration).collect();
        }
    }

    /// The whole message's usage; `None` where input or output is unknown.
    pub(crate) fn read(&self, served_model: Option<&str>) -> Option<MessageUsage> {
        let (Some(_), Some(_)) = (self.input.or(self.cache_read), self.output) else { return None };
        let mut main = self.tokens();
        let mut others: Vec<(String, Usage)> = Vec::new();
        let mut turn_prompt_tokens = None;
        // A fallback answers as another model; the last one that answered is the one served.
        let own_model = self.iterations.iter().rev().filter(|part| !part.is_advice());
        let model = own_model.filter_map(|part| part.model.clone()).next();
        let served = model.as_deref().or(served_model);
        if !self.iterations.is_empty() {
            main = Usage::default();
            for part in &self.iterations {
                let is_others = part.model.as_deref().is_some_and(|model| Some(model) != served);
                match part.model.as_ref().filter(|_| is_others) {
                    None => {
                        main = counts::add(&main, &part.usage);
                        turn_prompt_tokens =
                            turn_prompt_tokens.max(Some(part.usage.prompt_tokens()));
                    }
                    Some(model) => match others.iter_mut().find(|(other, _)| other == model) {
                        Some((_, usage)) => *usage = counts::add(usage, &part.usage),
                        None => others.push((model.clone(), part.usage)),
                    },
                }
            }
            main.reasoning_tokens = main.reasoning_tokens.or(self.thinking);
        }
        main.web_searches = self.web_searches.unwrap_or(0);
        main.other_tool_calls =
            self.web_fetches.unwrap_or(0).saturating_add(self.code_executions.unwrap_or(0));
        Some(MessageUsage { main, others, turn_prompt_tokens, model })
    }

    fn tokens(&self) -> Usage {
        let (write_5m, write_1h) = match (self.cache_5m, self.cache_1h) {
            (None, None) => (self.cache_creation.unwrap_or(0), 0),
            (short, long) => {
                let long = long.unwrap_or(0);
                // What the split leaves over was written for the default time.
                let rest = self.cache_creation.unwrap_or(0).saturating_sub(long);
                (short.unwrap_or(0).max(rest), long)
            }
        };
        Usage {
            input_tokens: self.input.unwrap_or(0),
            cache_read_tokens: self.cache_read.unwrap_or(0),
            cache_write_5m_tokens: write_5m,
            cache_write_1h_tokens: write_1h,
            output_tokens: self.output.unwrap_or(0),
            reasoning_tokens: self.thinking,
            ..Usage::default()
        }
    }
}

impl Iteration {
    fn is_advice(&self) -> bool {
        self.kind == "advisor_message"
    }
}

fn read_iteration(part: Json<'_>) -> Option<Iteration> {
    if !part.is_object() {
        return None;
    }
    let mut counts = MessageCounts::default();
    counts.merge(part);
    let [kind, model] = part.pick(["type", "model"]);
    Some(Iteration {
        kind: kind.and_then(Json::string).unwrap_or_default(),
        model: model.and_then(Json::string),
        usage: counts.tokens(),
    })
}
