//! The most that a call can consume, from the few facts of its request.
//!
//! No tokenizer: a token of text is at least a byte, so the body's length bounds the prompt. What
//! the provider adds around it (roles, separators, its own instructions for tools) is bounded too.

use outlay_core::admission::Bounds;
use outlay_core::price::ModelLimits;
use outlay_wire::{Dialect, RequestFacts};

/// What providers put around a prompt, in tokens.
const FRAME_TOKENS: u64 = 64;
/// What they add to explain tools to the model.
const TOOLS_TOKENS: u64 = 1_024;
/// The longest prompt of a model whose context window is not known, where the body does not hold
/// all of it.
const PROMPT_TOKENS_DEFAULT: u64 = 200_000;
/// The longest answer of a model whose longest is not known.
const OUTPUT_TOKENS_DEFAULT: u64 = 16_384;
/// The least answer worth asking for.
const OUTPUT_TOKENS_MIN: u64 = 1_024;

/// What is known of a request's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a> {
    /// Its length, decoded.
    pub(crate) bytes: u64,
    /// Its fields; `None` where it cannot be read.
    pub(crate) facts: Option<&'a RequestFacts>,
    /// Whether it may be changed: neither signed nor unreadable.
    pub(crate) is_editable: bool,
    /// Whether it declares tools.
    pub(crate) has_tools: bool,
}

/// What a call may consume. `limits` is asked only where the request leaves something open.
pub(crate) fn bounds(
    dialect: Dialect,
    body: Body<'_>,
    limits: impl FnOnce() -> ModelLimits,
) -> Bounds {
    let Some(facts) = body.facts else {
        return Bounds {
            input_tokens_max: body.bytes.saturating_add(FRAME_TOKENS),
            output_tokens_max: None,
            output_tokens_default: OUTPUT_TOKENS_DEFAULT,
            output_tokens_floor: OUTPUT_TOKENS_MIN,
            can_cap: false,
        };
    };
    let is_embedding = matches!(dialect, Dialect::OpenAiEmbeddings | Dialect::GeminiEmbed);
    let is_open = facts.output_tokens_max.is_none() && !is_embedding;
    let reaches_out = facts.remote_input || facts.server_tools;
    let limits = if is_open || reaches_out || facts.media_bytes > 0 {
        limits()
    } else {
        ModelLimits::default()
    };
    let output_tokens_max = match facts.output_tokens_max {
        _ if is_embedding => Some(0),
        cap => cap.map(|cap| cap.saturating_mul(facts.choices)),
    };
    let longest = limits.output_max.unwrap_or(OUTPUT_TOKENS_DEFAULT);
    let output_tokens_default = longest.saturating_mul(facts.choices);
    let floor = facts.thinking_budget.unwrap_or(0).saturating_add(OUTPUT_TOKENS_MIN);
    Bounds {
        input_tokens_max: input_tokens_max(body, facts, reaches_out, limits),
        output_tokens_max,
        output_tokens_default,
        output_tokens_floor: floor.min(output_tokens_default),
        can_cap: body.is_editable && facts.choices == 1 && has_cap(dialect),
    }
}

fn input_tokens_max(
    body: Body<'_>,
    facts: &RequestFacts,
    reaches_out: bool,
    limits: ModelLimits,
) -> u64 {
    let window = limits.context_window.unwrap_or(PROMPT_TOKENS_DEFAULT);
    let frame = if body.has_tools { FRAME_TOKENS + TOOLS_TOKENS } else { FRAME_TOKENS };
    let text = facts.prompt_bytes.saturating_add(frame);
    // An image, a document or a recording is far shorter in tokens than in bytes, and none is
    // longer than the window.
    let media = facts.media_bytes.min(window);
    let held = text.saturating_add(media);
    if reaches_out { held.max(window) } else { held }
}

/// Whether requests of this dialect have a field for an output cap that providers enforce.
fn has_cap(dialect: Dialect) -> bool {
    match dialect {
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::OpenAiCompletions
        | Dialect::AnthropicMessages
        | Dialect::GeminiGenerate => true,
        Dialect::OpenAiEmbeddings | Dialect::GeminiEmbed | Dialect::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlay_core::cost;
    use outlay_core::money::Rate;
    use outlay_core::price::{PriceList, PriceQuery, UserPrice};

    const KNOWN: ModelLimits =
        ModelLimits { context_window: Some(400_000), output_max: Some(128_000) };

    fn facts() -> RequestFacts {
        RequestFacts { choices: 1, prompt_bytes: 1_000, ..RequestFacts::default() }
    }

    fn of(dialect: Dialect, facts: Option<&RequestFacts>, limits: ModelLimits) -> Bounds {
        let body = Body { bytes: 1_000, facts, is_editable: true, has_tools: false };
        bounds(dialect, body, || limits)
    }

    #[test]
    fn outputs() {
        use Dialect::{AnthropicMessages, OpenAiChat, OpenAiEmbeddings, Other};
        let capped = RequestFacts { output_tokens_max: Some(200), ..facts() };
        let three = RequestFacts { choices: 3, ..capped.clone() };
        let three_open = RequestFacts { choices: 3, ..facts() };
        let thinking = RequestFacts { thinking_budget: Some(8_000), ..facts() };
        let unknown = ModelLimits::default();
        let small = ModelLimits { output_max: Some(512), ..unknown };
        for (dialect, facts, limits, max, default, floor, can_cap) in [
            (OpenAiChat, &capped, KNOWN, Some(200), 16_384, 1_024, true),
            (OpenAiChat, &three, KNOWN, Some(600), 49_152, 1_024, false),
            (OpenAiChat, &facts(), KNOWN, None, 128_000, 1_024, true),
            (OpenAiChat, &facts(), unknown, None, 16_384, 1_024, true),
            (OpenAiChat, &facts(), small, None, 512, 512, true),
            (OpenAiChat, &three_open, unknown, None, 49_152, 1_024, false),
            (AnthropicMessages, &thinking, KNOWN, None, 128_000, 9_024, true),
            (OpenAiEmbeddings, &facts(), KNOWN, Some(0), 16_384, 1_024, false),
            (Other, &facts(), KNOWN, None, 128_000, 1_024, false),
        ] {
            let bounds = of(dialect, Some(facts), limits);
            assert_eq!(
                (
                    bounds.output_tokens_max,
                    bounds.output_tokens_default,
                    bounds.output_tokens_floor,
                    bounds.can_cap
                ),
                (max, default, floor, can_cap),
                "{dialect:?} {facts:?}"
            );
        }
    }

    #[test]
    fn inputs() {
        let plain = facts();
        let remote = RequestFacts { remote_input: true, ..facts() };
        let tools = RequestFacts { server_tools: true, ..facts() };
        let picture = RequestFacts { media_bytes: 50_000, ..facts() };
        let film = RequestFacts { media_bytes: 9_000_000, ..facts() };
        let unknown = ModelLimits::default();
        for (facts, limits, expected) in [
            (Some(&plain), KNOWN, 1_064),
            (Some(&remote), KNOWN, 400_000),
            (Some(&remote), unknown, 200_000),
            (Some(&tools), KNOWN, 400_000),
            (Some(&picture), KNOWN, 51_064),
            (Some(&film), KNOWN, 401_064),
            (None, KNOWN, 1_064),
        ] {
            let bounds = of(Dialect::OpenAiChat, facts, limits);
            assert_eq!(bounds.input_tokens_max, expected, "{facts:?}");
        }
        let body = Body { bytes: 1_000, facts: Some(&plain), is_editable: true, has_tools: true };
        let bounds = bounds(Dialect::OpenAiChat, body, || KNOWN);
        assert_eq!(bounds.input_tokens_max, 2_088);
    }

    #[test]
    fn a_body_that_cannot_be_changed_gets_no_cap() {
        let facts = facts();
        let body = Body { bytes: 9, facts: Some(&facts), is_editable: false, has_tools: false };
        assert!(!bounds(Dialect::OpenAiChat, body, || KNOWN).can_cap);
        assert!(!of(Dialect::OpenAiChat, None, KNOWN).can_cap);
    }

    #[test]
    fn two_hundred_tokens_at_ten_dollars_a_million_need_exactly_a_fifth_of_a_cent() {
        let at = "2026-11-21T12:00:00Z".parse().unwrap();
        let rate = |usd: &str| Rate::usd_per(usd, 1_000_000).unwrap();
        let list = PriceList::with_user_prices(vec![UserPrice {
            provider: Some("openai".to_owned()),
            model: "story-model".to_owned(),
            input: rate("0"),
            output: rate("10"),
            cache_read: None,
            cache_write: None,
            set_at: at,
        }]);
        let query = PriceQuery { provider: "openai", model: "story-model", at, service_tier: None };
        let price = list.find(&query).unwrap();
        let facts = RequestFacts { output_tokens_max: Some(200), ..facts() };
        let bounds = of(Dialect::OpenAiChat, Some(&facts), KNOWN);
        let most =
            cost::ceiling(&price, bounds.input_tokens_max, bounds.output_tokens_max.unwrap());
        assert_eq!(most.to_string(), "0.002");
    }
}
