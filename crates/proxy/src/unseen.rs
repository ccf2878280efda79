//! What an answer need not show of a call's usage, and what is charged for it where nobody says.
//!
//! Usage that stays unknown is charged at its bound, unless what passed bounds it. Visible text
//! bounds what a model generates, except where it reasons out of sight; the request's text bounds
//! the prompt, except where it points elsewhere or holds media.

use std::time::Duration;

use outlay_core::admission::Bounds;
use outlay_core::usage::Usage;
use outlay_wire::{Reading, RequestFacts};

/// How fast hidden reasoning is taken to be, in tokens a second: models that reason out of sight
/// generate some 50 to 200.
const REASONING_TOKENS_PER_S: u64 = 200;

/// What neither the request's text nor the answer's tells, as the most that it can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unseen {
    /// Prompt tokens; `None` where the request is text and all of it.
    pub(crate) input_tokens_max: Option<u64>,
    /// Generated tokens; `None` where the model shows all that it generates.
    pub(crate) output_tokens_max: Option<u64>,
}

impl Unseen {
    /// For a call to `model` with these facts and this (decoded) body; `output_cap` is what we set.
    pub(crate) fn of(
        model: &str,
        facts: Option<&RequestFacts>,
        body: Option<&[u8]>,
        bounds: &Bounds,
        output_cap: Option<u64>,
    ) -> Unseen {
        let is_text = facts.is_some_and(|facts| {
            !facts.remote_input && !facts.server_tools && facts.media_bytes == 0
        });
        let output_tokens_max =
            output_cap.or(bounds.output_tokens_max).unwrap_or(bounds.output_tokens_default);
        let thinking_budget = facts.and_then(|facts| facts.thinking_budget);
        let may_reason = thinking_budget != Some(0)
            && (thinking_budget.is_some()
                || reasons_by_itself(model)
                || body.is_some_and(asks_for_reasoning));
        Unseen {
            input_tokens_max: (!is_text).then_some(bounds.input_tokens_max),
            output_tokens_max: may_reason.then_some(output_tokens_max),
        }
    }

    /// The usage to charge for an answer that took `lasted` and whose provider did not say, or not
    /// to the end.
    pub(crate) fn usage(&self, reading: &Reading, prompt_bytes: u64, lasted: Duration) -> Usage {
        let mut usage = reading.estimated_usage(prompt_bytes);
        // Counts that the provider gave for the prompt stand, whatever came of the rest.
        let is_prompt_told = reading.metered.usage.or(reading.interim).is_some();
        if let (false, Some(most)) = (is_prompt_told, self.input_tokens_max) {
            usage.input_tokens = usage.input_tokens.max(most);
        }
        // Running counts have the reasoning in them.
        if let (None, Some(most)) = (reading.metered.usage, self.output_tokens_max) {
            let hidden = hidden_tokens(lasted).min(most.saturating_sub(usage.output_tokens));
            usage.output_tokens = usage.output_tokens.saturating_add(hidden);
        }
        usage
    }
}

/// What can have been generated out of sight in that time; at least 1.
fn hidden_tokens(lasted: Duration) -> u64 {
    let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
    lasted_ms.saturating_mul(REASONING_TOKENS_PER_S).div_ceil(1_000).max(1)
}

/// Whether models of this name reason without being asked to.
fn reasons_by_itself(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    // Gateways put the maker before the name.
    let name = model.rsplit('/').next().unwrap_or_default();
    let is_o_series = name
        .strip_prefix('o')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let is_thinking_gemini = name.strip_prefix("gemini-").is_some_and(|version| {
        !["1.", "2.0", "embedding"].iter().any(|older| version.starts_with(older))
    });
    let is_thinking_grok = name.starts_with("grok-")
        && (name.starts_with("grok-3-mini") || !name.starts_with("grok-3"))
        && !name.starts_with("grok-2");
    if name.contains("non-reasoning") || name.contains("gpt-5-chat") {
        return false;
    }
    is_o_series
        || is_thinking_gemini
        || is_thinking_grok
        || ["gpt-5", "gpt-6", "gpt-oss", "codex", "magistral"]
            .iter()
            .any(|start| name.starts_with(start))
        || ["reasoner", "reasoning", "thinking", "deepseek-r1", "deep-research"]
            .iter()
            .any(|word| name.contains(word))
}

/// Whether a request switches reasoning on. Errs on the side of yes.
fn asks_for_reasoning(body: &[u8]) -> bool {
    const SWITCHES: [&[u8]; 5] = [
        b"\"thinking\"",
        b"\"reasoning\"",
        b"\"reasoning_effort\"",
        b"\"thinkingConfig\"",
        b"\"thinking_config\"",
    ];
    const OFF: [&[u8]; 4] = [b"\"disabled\"", b"\"none\"", b"null", b"false"];
    SWITCHES.iter().any(|key| {
        memchr::memmem::find_iter(body, key).any(|at| {
            let after = body[at + key.len()..].trim_ascii_start();
            let Some(value) = after.strip_prefix(b":").map(<[u8]>::trim_ascii_start) else {
                return false;
            };
            // Text of an earlier turn's reasoning has the same name and is a plain string.
            let is_switch = value.starts_with(b"{") || key.ends_with(b"effort\"");
            let end = memchr::memchr2(b'}', b',', value).unwrap_or(value.len());
            is_switch && !OFF.iter().any(|off| memchr::memmem::find(&value[..end], off).is_some())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlay_core::cost::Metered;
    use outlay_wire::Ending;

    const MOST: Option<u64> = Some(10_000);

    #[test]
    fn models_that_reason_by_themselves() {
        for (model, expected) in [
            ("o3-mini", true),
            ("o4-mini-deep-research", true),
            ("openai/gpt-5.1-codex", true),
            ("gpt-5-chat-latest", false),
            ("gpt-4.1", false),
            ("gpt-4o", false),
            ("omni-moderation-latest", false),
            ("gemini-2.5-flash", true),
            ("gemini-3-pro-preview", true),
            ("gemini-flash-latest", true),
            ("gemini-2.0-flash", false),
            ("gemini-1.5-pro", false),
            ("deepseek-reasoner", true),
            ("deepseek-chat", false),
            ("grok-4-fast-reasoning", true),
            ("grok-4-fast-non-reasoning", false),
            ("grok-3", false),
            ("grok-3-mini", true),
            ("claude-sonnet-4-5", false),
            ("", false),
        ] {
            assert_eq!(reasons_by_itself(model), expected, "{model}");
        }
    }

    #[test]
    fn requests_that_ask_for_reasoning() {
        for (body, expected) in [
            (r#"{"thinking": {"type": "enabled", "budget_tokens": 9000}}"#, true),
            (r#"{"thinking":{"type":"adaptive"}}"#, true),
            (r#"{"thinking":{"type":"disabled"}}"#, false),
            (r#"{"content":[{"type":"thinking","thinking":"I see"}]}"#, false),
            (r#"{"reasoning":{"effort":"high"}}"#, true),
            (r#"{"reasoning":{"effort":"none"}}"#, false),
            (r#"{"reasoning":null}"#, false),
            (r#"{"reasoning_effort":"low"}"#, true),
            (r#"{"reasoning_effort":"none","temperature":1}"#, false),
            (r#"{"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#, true),
            (r#"{"input":[{"type":"reasoning","summary":[]}]}"#, false),
            ("{}", false),
        ] {
            assert_eq!(asks_for_reasoning(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_unseen_of_a_request() {
        let bounds = Bounds {
            input_tokens_max: 200_000,
            output_tokens_max: Some(8_000),
            ..crate::estimate::bounds(
                outlay_wire::Dialect::Other,
                crate::estimate::Body {
                    bytes: 0,
                    facts: None,
                    is_editable: false,
                    has_tools: false,
                },
                Default::default,
            )
        };
        let text = RequestFacts::default;
        let all = Some(200_000);
        for (model, facts, cap, input, output) in [
            ("gpt-4.1", Some(text()), None, None, None),
            ("gpt-4.1", Some(RequestFacts { remote_input: true, ..text() }), None, all, None),
            ("gpt-4.1", Some(RequestFacts { server_tools: true, ..text() }), None, all, None),
            ("gpt-4.1", Some(RequestFacts { media_bytes: 1, ..text() }), None, all, None),
            ("gpt-4.1", None, None, all, None),
            ("gpt-5", Some(text()), None, None, Some(8_000)),
            ("gpt-5", Some(text()), Some(500), None, Some(500)),
            (
                "claude-sonnet-4-5",
                Some(RequestFacts { thinking_budget: Some(4_000), ..text() }),
                None,
                None,
                Some(8_000),
            ),
            (
                "gemini-2.5-flash",
                Some(RequestFacts { thinking_budget: Some(0), ..text() }),
                None,
                None,
                None,
            ),
        ] {
            let unseen = Unseen::of(model, facts.as_ref(), None, &bounds, cap);
            let expected = Unseen { input_tokens_max: input, output_tokens_max: output };
            assert_eq!(unseen, expected, "{model} {facts:?} {cap:?}");
        }
    }

    #[test]
    fn usage_that_stays_unknown() {
        let told = Usage { input_tokens: 900, output_tokens: 40, ..Usage::default() };
        let seen = Unseen::default();
        let remote = Unseen { input_tokens_max: Some(200_000), ..seen };
        let thinks = Unseen { output_tokens_max: MOST, ..seen };
        // 4,000 bytes are 1,000 tokens of prompt, 300 bytes are 100 of text.
        for (unseen, usage, interim, lasted_ms, input, output) in [
            (seen, None, None, 5_000, 1_000, 100),
            (remote, None, None, 5_000, 200_000, 100),
            (remote, None, Some(told), 5_000, 900, 100),
            (thinks, None, None, 0, 1_000, 101),
            (thinks, None, None, 500, 1_000, 200),
            (thinks, None, Some(told), 5_000, 900, 1_100),
            (thinks, None, None, 3_600_000, 1_000, 10_000),
            (thinks, Some(told), None, 5_000, 900, 100),
        ] {
            let reading = Reading {
                metered: Metered { usage, ..Metered::default() },
                interim,
                ending: Ending::Cut,
                output_bytes: 300,
                whole: false,
                readable: true,
            };
            let usage = unseen.usage(&reading, 4_000, Duration::from_millis(lasted_ms));
            assert_eq!(
                (usage.input_tokens, usage.output_tokens),
                (input, output),
                "{unseen:?} {interim:?} {lasted_ms}"
            );
        }
    }
}
