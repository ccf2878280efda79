//! What a call consumed, in disjoint buckets.
//!
//! Providers overlap their counts in different ways (OpenAI's `prompt_tokens` includes cached
//! tokens, Anthropic's `input_tokens` does not). `outlay-wire` normalises all of them to this form,
//! in which every billed unit stands in exactly one bucket, before anything is priced.

use serde::{Deserialize, Serialize};

/// What one call consumed. Every field but `reasoning_tokens` is disjoint from the others.
///
/// A value of this type means the counts are *known*; unknown usage is the absence of a `Usage`,
/// never one full of zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens at the full rate: text, and whatever the provider does not tell apart.
    pub input_tokens: u64,
    /// Prompt tokens read from a cache (any modality not counted below).
    pub cache_read_tokens: u64,
    /// Prompt tokens written to a cache that lives 5 minutes (or the provider's only kind).
    pub cache_write_5m_tokens: u64,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_1h_tokens: u64,
    /// Generated tokens, reasoning included, without the modalities below.
    pub output_tokens: u64,
    /// The part of `output_tokens` that was reasoning; `None` where the provider does not say.
    pub reasoning_tokens: Option<u64>,
    /// Uncached audio prompt tokens.
    pub audio_input_tokens: u64,
    /// Cached audio prompt tokens.
    pub audio_cache_read_tokens: u64,
    /// Uncached image prompt tokens, where the provider counts them apart.
    pub image_input_tokens: u64,
    /// Cached image prompt tokens.
    pub image_cache_read_tokens: u64,
    /// Uncached video prompt tokens, where the provider counts them apart.
    pub video_input_tokens: u64,
    /// Generated audio tokens.
    pub audio_output_tokens: u64,
    /// Generated image tokens.
    pub image_output_tokens: u64,
    /// Generated video tokens.
    pub video_output_tokens: u64,
    /// Audio billed by its length, in milliseconds.
    pub audio_ms: u64,
    /// Pages of documents read (OCR).
    pub pages: u64,
    /// Citation tokens (Perplexity's deep research).
    pub citation_tokens: u64,
    /// Server-side web searches (also grounding queries).
    pub web_searches: u64,
    /// Server-side searches in stored files.
    pub file_searches: u64,
    /// Other server-side tool calls (code interpreters and the like).
    pub other_tool_calls: u64,
}

impl Usage {
    /// All prompt tokens of the call, cached or not: what a context tier is chosen by.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        [
            self.input_tokens,
            self.cache_read_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
            self.audio_input_tokens,
            self.audio_cache_read_tokens,
            self.image_input_tokens,
            self.image_cache_read_tokens,
            self.video_input_tokens,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// All generated tokens of the call.
    #[must_use]
    pub fn completion_tokens(&self) -> u64 {
        [
            self.output_tokens,
            self.audio_output_tokens,
            self.image_output_tokens,
            self.video_output_tokens,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Every token of the call: what a budget in tokens counts.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens().saturating_add(self.completion_tokens())
    }

    /// Server-side tool calls of any kind.
    #[must_use]
    pub fn tool_calls(&self) -> u64 {
        self.web_searches.saturating_add(self.file_searches).saturating_add(self.other_tool_calls)
    }
}
