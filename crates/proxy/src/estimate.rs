//! The most that a call can consume, from the few facts of its request.
//!
//! No tokenizer: a token of text is at least a byte, so the body's length bounds the prompt. What
//! the provider adds around it (roles, separators, its own instructions for tools) is bounded too.
//!
//! Media is not bounded by bytes: a picture of one pixel was billed as 8,513 tokens. Pictures are
//! counted, each at the most that any published rule bills for one; whatever has pages or seconds
//! can fill the model's context window, so it counts as that.

use outlay_core::admission::Bounds;
use outlay_wire::{Dialect, RequestFacts};

/// What providers put around a prompt, in tokens.
const FRAME_TOKENS: u64 = 64;
/// What they add to explain tools to the model.
const TOOLS_TOKENS: u64 = 1_024;
/// The longest prompt of a model whose context window is not known, where the body does not hold
/// all of it.
const PROMPT_TOKENS_DEFAULT: u64 = 200_000;
/// The most a picture bills: gpt-4o-mini's 2,833 and 5,667 for each of eight tiles are 48,169.
const IMAGE_TOKENS: u64 = 50_000;
/// The most it bills on Claude, which shrinks it to fit: 4,784.
const IMAGE_TOKENS_CLAUDE: u64 = 6_000;
/// The longest answer of a model whose longest is not known.
const OUTPUT_TOKENS_DEFAULT: u64 = 16_384;
/// Bytes of text that are a token at the least, as prompts usually go.
const BYTES_A_TOKEN: u64 = 2;
/// The least answer worth asking for where the money ends: a short one is better than a refusal.
const OUTPUT_TOKENS_MIN: u64 = 64;

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

/// How long prompts and answers can be, over all models that the call may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Tokens of prompt and answer together; `None` where not known.
    pub(crate) context_window: Option<u64>,
    /// Tokens of one answer; `None` where not known.
    pub(crate) output_max: Option<u64>,
    /// Whether every server of the model ends there.
    pub(crate) is_output_proven: bool,
}

/// What a call may consume. `limits` is asked only where the request leaves something open.
pub(crate) fn bounds(dialect: Dialect, body: Body<'_>, limits: impl FnOnce() -> Limits) -> Bounds {
    let Some(facts) = body.facts else {
        return Bounds {
            input_tokens_max: body.bytes.saturating_add(FRAME_TOKENS),
            input_tokens_usual: body.bytes.div_ceil(BYTES_A_TOKEN),
            output_tokens_max: None,
            output_tokens_default: OUTPUT_TOKENS_DEFAULT,
            default_is_proven: false,
            output_tokens_floor: OUTPUT_TOKENS_MIN,
            can_cap: false,
            can_stop: false,
            is_bounded: false,
        };
    };
    let is_embedding = matches!(dialect, Dialect::OpenAiEmbeddings | Dialect::GeminiEmbed);
    let is_open = facts.output_tokens_max.is_none() && !is_embedding;
    let reaches_out = facts.remote_input || facts.server_tools;
    let limits =
        if is_open || reaches_out || facts.media_parts > 0 { limits() } else { Limits::default() };
    let output_tokens_max = match facts.output_tokens_max {
        _ if is_embedding => Some(0),
        cap => cap.map(|cap| cap.saturating_mul(facts.choices)),
    };
    let is_seen = !(facts.media_output || facts.background);
    let can_cap = body.is_editable && facts.choices == 1 && has_cap(dialect);
    let floor = facts.thinking_budget.unwrap_or(0).saturating_add(OUTPUT_TOKENS_MIN);
    let (longest, default_is_proven) = match limits {
        Limits { output_max: Some(longest), is_output_proven, .. }
            if is_output_proven || can_cap =>
        {
            (longest, is_output_proven)
        }
        // What cannot be capped still ends with the window.
        Limits { context_window: Some(window), .. } if !can_cap => (window, true),
        Limits { output_max: Some(longest), .. } => (longest, false),
        // The cap that will be set has to leave room for the reasoning.
        _ => (OUTPUT_TOKENS_DEFAULT.max(floor), false),
    };
    let output_tokens_default = longest.saturating_mul(facts.choices);
    let held = input_tokens_held(body, facts, limits);
    let reaches_further = reaches_out || facts.has_long_media;
    let window = limits.context_window.unwrap_or(PROMPT_TOKENS_DEFAULT);
    Bounds {
        input_tokens_max: if reaches_further { held.max(window) } else { held },
        input_tokens_usual: held.div_ceil(BYTES_A_TOKEN),
        output_tokens_max,
        output_tokens_default,
        default_is_proven,
        output_tokens_floor: floor.min(output_tokens_default),
        can_cap,
        can_stop: facts.stream && is_seen && has_ending(dialect),
        is_bounded: is_seen && !facts.server_tools,
    }
}

/// The most tokens of prompt that the body itself holds.
fn input_tokens_held(body: Body<'_>, facts: &RequestFacts, limits: Limits) -> u64 {
    let frame = if body.has_tools { FRAME_TOKENS + TOOLS_TOKENS } else { FRAME_TOKENS };
    let text = facts.prompt_bytes.saturating_add(frame);
    let image = match facts.model.as_deref() {
        Some(model) if model.contains("claude") => IMAGE_TOKENS_CLAUDE,
        _ => IMAGE_TOKENS,
    };
    let parts = facts.media_parts.saturating_mul(image);
    // The bytes of what only pictures hold say nothing; those of nobody knows what may be text.
    let is_pictures = facts.media_parts > 0 && !facts.has_long_media;
    let media = if is_pictures { parts } else { parts.saturating_add(facts.media_bytes) };
    // However much there is of it, no prompt is longer than the window.
    let media = limits.context_window.map_or(media, |window| media.min(window));
    text.saturating_add(media)
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

/// Whether a stream of this dialect can be ended early so that its clients understand.
fn has_ending(dialect: Dialect) -> bool {
    matches!(
        dialect,
        Dialect::OpenAiChat
            | Dialect::OpenAiResponses
            | Dialect::AnthropicMessages
            | Dialect::GeminiGenerate
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlay_core::cost;
    use outlay_core::money::Rate;
    use outlay_core::price::{PriceList, PriceQuery, UserPrice};

    const KNOWN: Limits =
        Limits { context_window: Some(400_000), output_max: Some(128_000), is_output_proven: true };

    fn facts() -> RequestFacts {
        RequestFacts { choices: 1, prompt_bytes: 1_000, ..RequestFacts::default() }
    }

    fn of(dialect: Dialect, facts: Option<&RequestFacts>, limits: Limits) -> Bounds {
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
        let unknown = Limits::default();
        let small = Limits { output_max: Some(512), is_output_proven: true, ..unknown };
        let vendors = Limits { is_output_proven: false, ..KNOWN };
        let window = Limits { context_window: Some(400_000), ..unknown };
        let no_window = Limits { context_window: None, ..vendors };
        let much_thinking = RequestFacts { thinking_budget: Some(20_000), ..facts() };
        for (dialect, facts, limits, max, default, is_proven, floor, can_cap) in [
            (OpenAiChat, &capped, KNOWN, Some(200), 16_384, false, 64, true),
            (OpenAiChat, &three, KNOWN, Some(600), 49_152, false, 64, false),
            (OpenAiChat, &facts(), KNOWN, None, 128_000, true, 64, true),
            (OpenAiChat, &facts(), unknown, None, 16_384, false, 64, true),
            (OpenAiChat, &facts(), window, None, 16_384, false, 64, true),
            (OpenAiChat, &facts(), vendors, None, 128_000, false, 64, true),
            (AnthropicMessages, &much_thinking, unknown, None, 20_064, false, 20_064, true),
            (OpenAiChat, &facts(), small, None, 512, true, 64, true),
            (OpenAiChat, &three_open, unknown, None, 49_152, false, 64, false),
            (OpenAiChat, &three_open, window, None, 1_200_000, true, 64, false),
            (OpenAiChat, &three_open, vendors, None, 1_200_000, true, 64, false),
            (OpenAiChat, &three_open, no_window, None, 384_000, false, 64, false),
            (AnthropicMessages, &thinking, KNOWN, None, 128_000, true, 8_064, true),
            (OpenAiEmbeddings, &facts(), KNOWN, Some(0), 16_384, false, 64, false),
            (Other, &facts(), KNOWN, None, 128_000, true, 64, false),
        ] {
            let bounds = of(dialect, Some(facts), limits);
            assert_eq!(
                (
                    bounds.output_tokens_max,
                    bounds.output_tokens_default,
                    bounds.default_is_proven,
                    bounds.output_tokens_floor,
                    bounds.can_cap
                ),
                (max, default, is_proven, floor, can_cap),
                "{dialect:?} {facts:?}"
            );
        }
    }

    #[test]
    fn inputs() {
        let plain = facts();
        let remote = RequestFacts { remote_input: true, ..facts() };
        let tools = RequestFacts { server_tools: true, ..facts() };
        let pixel = RequestFacts { media_parts: 1, ..facts() };
        let picture = RequestFacts { media_bytes: 5_000_000, ..pixel.clone() };
        let claude = Some("claude-opus-4-5".to_owned());
        let claude = RequestFacts { model: claude, media_parts: 2, ..facts() };
        let album = RequestFacts { media_parts: 90, ..facts() };
        let paper = RequestFacts { has_long_media: true, ..pixel.clone() };
        let film = RequestFacts { media_bytes: 9_000_000, ..paper.clone() };
        let blob = RequestFacts { media_bytes: 300_000, ..facts() };
        let unknown = Limits::default();
        for (facts, limits, expected) in [
            (Some(&plain), KNOWN, 1_064),
            (Some(&remote), KNOWN, 400_000),
            (Some(&remote), unknown, 200_000),
            (Some(&tools), KNOWN, 400_000),
            (Some(&pixel), KNOWN, 51_064),
            (Some(&picture), KNOWN, 51_064),
            (Some(&picture), unknown, 51_064),
            (Some(&claude), KNOWN, 13_064),
            (Some(&album), KNOWN, 401_064),
            (Some(&album), unknown, 4_501_064),
            (Some(&paper), KNOWN, 400_000),
            (Some(&paper), unknown, 200_000),
            (Some(&film), KNOWN, 401_064),
            (Some(&film), unknown, 9_051_064),
            (Some(&blob), KNOWN, 301_064),
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
