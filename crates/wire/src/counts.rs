//! From a provider's overlapping counts to disjoint buckets.

use outlay_core::usage::Usage;

/// Prompt counts as most providers send them: `prompt` is everything, each other count a part of
/// it that may itself overlap with `cached`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PromptCounts {
    pub(crate) prompt: u64,
    /// All tokens read from a cache, of any modality.
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
    pub(crate) audio: u64,
    pub(crate) image: u64,
    pub(crate) video: u64,
    pub(crate) cached_audio: u64,
    pub(crate) cached_image: u64,
    pub(crate) cached_video: u64,
}

impl PromptCounts {
    /// Fills the prompt buckets of `usage`, whose sum is then exactly `prompt`: parts that claim
    /// more than the whole (Grok on Azure: 161 cached of 7) are cut down, the last named first.
    pub(crate) fn fill(&self, usage: &mut Usage) {
        let cached = self.cached.min(self.prompt);
        let mut uncached = self.prompt - cached;
        let mut cached_left = cached;

        let mut split = |all: u64, cached_part: u64| {
            let cached_part = cached_part.min(all).min(cached_left);
            cached_left -= cached_part;
            let mut uncached_part = all - cached_part;
            if uncached_part > uncached {
                // Some of it must have been cached without being named so.
                uncached_part = uncached;
            }
            uncached -= uncached_part;
            let unnamed = (all - cached_part - uncached_part).min(cached_left);
            cached_left -= unnamed;
            (uncached_part, cached_part + unnamed)
        };
        (usage.audio_input_tokens, usage.audio_cache_read_tokens) =
            split(self.audio, self.cached_audio);
        (usage.image_input_tokens, usage.image_cache_read_tokens) =
            split(self.image, self.cached_image);
        let (video, cached_video) = split(self.video, self.cached_video);
        usage.video_input_tokens = video;
        // There is no bucket for cached video: it is cached input like any other.
        usage.cache_read_tokens = cached_left + cached_video;
        usage.cache_write_5m_tokens = self.cache_write.min(uncached);
        usage.input_tokens = uncached - usage.cache_write_5m_tokens;
    }
}

/// Completion counts: `completion` is everything, the others are parts of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CompletionCounts {
    pub(crate) completion: u64,
    pub(crate) audio: u64,
    pub(crate) image: u64,
    pub(crate) video: u64,
    pub(crate) reasoning: Option<u64>,
}

impl CompletionCounts {
    /// Fills the output buckets of `usage`, whose sum is then exactly `completion`.
    pub(crate) fn fill(&self, usage: &mut Usage) {
        let mut left = self.completion;
        let mut take = |part: u64| {
            let taken = part.min(left);
            left -= taken;
            taken
        };
        usage.audio_output_tokens = take(self.audio);
        usage.image_output_tokens = take(self.image);
        usage.video_output_tokens = take(self.video);
        usage.output_tokens = left;
        usage.reasoning_tokens = self.reasoning.map(|reasoning| reasoning.min(left));
    }
}

/// The sum of two parts of one call, bucket by bucket.
pub(crate) fn add(left: &Usage, right: &Usage) -> Usage {
    let reasoning = match (left.reasoning_tokens, right.reasoning_tokens) {
        (None, None) => None,
        (left, right) => Some(left.unwrap_or(0).saturating_add(right.unwrap_or(0))),
    };
    Usage {
        input_tokens: left.input_tokens.saturating_add(right.input_tokens),
        cache_read_tokens: left.cache_read_tokens.saturating_add(right.cache_read_tokens),
        cache_write_5m_tokens: left
            .cache_write_5m_tokens
            .saturating_add(right.cache_write_5m_tokens),
        cache_write_1h_tokens: left
            .cache_write_1h_tokens
            .saturating_add(right.cache_write_1h_tokens),
        output_tokens: left.output_tokens.saturating_add(right.output_tokens),
        reasoning_tokens: reasoning,
        web_searches: left.web_searches.saturating_add(right.web_searches),
        ..*left
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn disjoint_prompts() {
        for (counts, [input, read, write, audio, audio_read]) in [
            (PromptCounts { prompt: 100, ..Default::default() }, [100, 0, 0, 0, 0]),
            (PromptCounts { prompt: 100, cached: 60, ..Default::default() }, [40, 60, 0, 0, 0]),
            (PromptCounts { prompt: 7, cached: 161, ..Default::default() }, [0, 7, 0, 0, 0]),
            (
                PromptCounts { prompt: 100, cached: 60, cache_write: 30, ..Default::default() },
                [10, 60, 30, 0, 0],
            ),
            (
                PromptCounts { prompt: 100, cached: 60, audio: 20, ..Default::default() },
                [20, 60, 0, 20, 0],
            ),
            (
                PromptCounts {
                    prompt: 100,
                    cached: 60,
                    audio: 50,
                    cached_audio: 20,
                    ..Default::default()
                },
                [10, 40, 0, 30, 20],
            ),
            (
                PromptCounts { prompt: 100, cached: 90, audio: 50, ..Default::default() },
                [0, 50, 0, 10, 40],
            ),
        ] {
            let mut usage = Usage::default();
            counts.fill(&mut usage);
            let got = [
                usage.input_tokens,
                usage.cache_read_tokens,
                usage.cache_write_5m_tokens,
                usage.audio_input_tokens,
                usage.audio_cache_read_tokens,
            ];
            assert_eq!(got, [input, read, write, audio, audio_read], "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn no_token_is_lost_or_counted_twice(parts in proptest::array::uniform9(0..200_u64)) {
            let [prompt, cached, cache_write, audio, image, video, cached_audio, cached_image, cached_video] = parts;
            let counts = PromptCounts {
                prompt, cached, cache_write, audio, image, video, cached_audio, cached_image, cached_video,
            };
            let mut usage = Usage::default();
            counts.fill(&mut usage);
            prop_assert_eq!(usage.prompt_tokens(), prompt);
            let completion = CompletionCounts { completion: prompt, audio, image, video, reasoning: Some(cached) };
            completion.fill(&mut usage);
            prop_assert_eq!(usage.completion_tokens(), prompt);
        }
    }
}
