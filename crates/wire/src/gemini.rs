//! Answers of Gemini's `generateContent`, streamed or not, and of its embeddings.

use outlay_core::usage::Usage;

use crate::answer::{Answer, AnswerReader};
use crate::counts::{CompletionCounts, PromptCounts};
use crate::dialect::Dialect;
use crate::errors;
use crate::json::Json;
use crate::text::text_bytes;

const TEXT_KEYS: [&str; 3] = ["text", "code", "output"];

#[derive(Debug)]
pub(crate) struct GeminiReader {
    dialect: Dialect,
    answer: Answer,
    has_candidates: bool,
    web_searches: u64,
}

impl GeminiReader {
    pub(crate) fn new(dialect: Dialect) -> GeminiReader {
        GeminiReader { dialect, answer: Answer::default(), has_candidates: false, web_searches: 0 }
    }
}

impl AnswerReader for GeminiReader {
    fn read(&mut self, _: &str, json: Json<'_>) {
        let [id, model, candidates, feedback, metadata, embedding, embeddings, error] =
            json.pick([
                "responseId",
                "modelVersion",
                "candidates",
                "promptFeedback",
                "usageMetadata",
                "embedding",
                "embeddings",
                "error",
            ]);
        self.answer.note(id, model, None);
        if error.is_some() {
            self.answer.failed = Some(errors::of_error(self.dialect, 0, json));
        }
        let mut web_searches = 0;
        candidates.unwrap_or(Json::new("")).each_item(|candidate| {
            let [content, finish, grounding] =
                candidate.pick(["content", "finishReason", "groundingMetadata"]);
            self.has_candidates = true;
            self.answer.is_ended |= finish.is_some();
            let content = content.map_or("", Json::raw);
            self.answer.output_bytes += text_bytes(content, &TEXT_KEYS, &["args"]);
            let queries = grounding.and_then(|grounding| grounding.get("webSearchQueries"));
            web_searches += queries.map_or(0, |queries| queries.items().len() as u64);
        });
        // A stream may repeat its queries from chunk to chunk.
        self.web_searches = self.web_searches.max(web_searches);
        let is_blocked = feedback.and_then(|feedback| feedback.get("blockReason")).is_some();
        self.answer.is_ended |= is_blocked || embedding.is_some() || embeddings.is_some();
        if let Some(metadata) = metadata {
            self.read_metadata(metadata);
        }
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.answer
    }

    fn finish(&mut self) {
        if let Some(usage) = &mut self.answer.metered.usage {
            usage.web_searches = self.web_searches;
            // Live sessions count whole turns and never say how they finished.
            self.answer.is_ended |= !self.has_candidates;
        }
    }
}

impl GeminiReader {
    fn read_metadata(&mut self, metadata: Json<'_>) {
        let is_generation = self.dialect != Dialect::GeminiEmbed;
        let metered = &mut self.answer.metered;
        if let Some(usage) = read_usage(metadata, is_generation) {
            // Every chunk repeats the counts, grown: the last ones are the answer's.
            metered.usage = Some(usage.usage);
            metered.turn_prompt_tokens = usage.turn_prompt_tokens;
        }
        let [tier, traffic] = metadata.pick(["serviceTier", "trafficType"]);
        let tier = tier.and_then(Json::text).map(|tier| tier.to_ascii_lowercase());
        let traffic = traffic.and_then(Json::text).and_then(|traffic| {
            let tier = traffic.strip_prefix("ON_DEMAND_")?;
            Some(tier.to_ascii_lowercase())
        });
        metered.service_tier = tier.or(traffic).or(metered.service_tier.take());
    }
}

pub(crate) struct GeminiUsage {
    pub(crate) usage: Usage,
    /// The prompt without what server-side tools fed back.
    turn_prompt_tokens: Option<u64>,
}

/// Reads `usageMetadata`. Google leaves zeros out, so a missing part is a zero once the prompt or
/// the total is there.
pub(crate) fn read_usage(metadata: Json<'_>, is_generation: bool) -> Option<GeminiUsage> {
    let [prompt, candidates, response, thoughts, cached, tool_use, total] = metadata
        .pick([
            "promptTokenCount",
            "candidatesTokenCount",
            "responseTokenCount",
            "thoughtsTokenCount",
            "cachedContentTokenCount",
            "toolUsePromptTokenCount",
            "totalTokenCount",
        ])
        .map(|value| value.and_then(Json::count));
    let candidates = candidates.or(response);
    if prompt.is_none() && total.is_none() {
        return None;
    }
    let zero = |count: Option<u64>| count.unwrap_or(0);
    let known = zero(candidates).saturating_add(zero(thoughts)).saturating_add(zero(tool_use));
    let prompt = prompt.unwrap_or_else(|| zero(total).saturating_sub(known));
    let mut usage = Usage::default();

    let [prompt_details, tool_details, cache_details, output_details] = metadata.pick([
        "promptTokensDetails",
        "toolUsePromptTokensDetails",
        "cacheTokensDetails",
        "candidatesTokensDetails",
    ]);
    let output_details = output_details.or_else(|| metadata.get("responseTokensDetails"));
    let asked = Modalities::read(prompt_details);
    let fed_back = Modalities::read(tool_details);
    let from_cache = Modalities::read(cache_details);
    PromptCounts {
        // What tools fed back is input on top of the prompt.
        prompt: prompt.saturating_add(zero(tool_use)),
        cached: zero(cached),
        cache_write: 0,
        audio: asked.audio.saturating_add(fed_back.audio),
        image: asked.image.saturating_add(fed_back.image),
        video: asked.video.saturating_add(fed_back.video),
        cached_audio: from_cache.audio,
        cached_image: from_cache.image,
        cached_video: from_cache.video,
    }
    .fill(&mut usage);
    if is_generation {
        let generated = Modalities::read(output_details);
        CompletionCounts {
            completion: zero(candidates).saturating_add(zero(thoughts)),
            audio: generated.audio.min(zero(candidates)),
            image: generated.image.min(zero(candidates)),
            video: generated.video.min(zero(candidates)),
            reasoning: thoughts,
        }
        .fill(&mut usage);
    }
    let turn_prompt_tokens = tool_use.filter(|tool_use| *tool_use > 0).map(|_| prompt);
    Some(GeminiUsage { usage, turn_prompt_tokens })
}

/// Token counts by modality; text and documents are not told apart.
#[derive(Default)]
struct Modalities {
    audio: u64,
    image: u64,
    video: u64,
}

impl Modalities {
    fn read(details: Option<Json<'_>>) -> Modalities {
        let mut modalities = Modalities::default();
        details.unwrap_or(Json::new("")).each_item(|detail| {
            let [modality, count] = detail.pick(["modality", "tokenCount"]);
            let count = count.and_then(Json::count).unwrap_or(0);
            let Some(modality) = modality else { return };
            let name = modality.text();
            let is = |known: &str, number: u64| match &name {
                Some(name) => name.eq_ignore_ascii_case(known),
                None => modality.count() == Some(number),
            };
            let bucket = if is("IMAGE", 2) {
                &mut modalities.image
            } else if is("VIDEO", 3) {
                &mut modalities.video
            } else if is("AUDIO", 4) {
                &mut modalities.audio
            } else {
                return;
            };
            *bucket = bucket.saturating_add(count);
        });
        modalities
    }
}
