//! Usage estimated from bytes, for answers whose provider does not say.
//!
//! Over the recorded exchanges of this repository's tests the median is 3.1 (Anthropic) to 3.8
//! (OpenAI) bytes of visible text for each generated token, and more bytes of request for each
//! prompt token (5 to 9, short requests being mostly JSON). The rates below stay under that, for an
//! estimate stands in for a bill: it should rather be a little high.

use outlay_core::usage::Usage;

/// Request body bytes for each prompt token.
pub const PROMPT_BYTES_PER_TOKEN: u64 = 4;
/// Bytes of visible text for each generated token.
pub const OUTPUT_BYTES_PER_TOKEN: u64 = 3;

/// The usage of a call of which `prompt_bytes` went out and `output_bytes` of text came back.
/// `floor` is what the provider said before it stopped talking: its prompt counts stand, and its
/// output counts are at least reached.
#[must_use]
pub fn usage(prompt_bytes: u64, output_bytes: u64, floor: Option<&Usage>) -> Usage {
    let output_tokens = shown_tokens(output_bytes);
    match floor {
        Some(floor) => Usage { output_tokens: floor.output_tokens.max(output_tokens), ..*floor },
        None => Usage {
            input_tokens: prompt_bytes.div_ceil(PROMPT_BYTES_PER_TOKEN),
            output_tokens,
            ..Usage::default()
        },
    }
}

/// The generated tokens that so many bytes of text show.
pub(crate) const fn shown_tokens(output_bytes: u64) -> u64 {
    output_bytes.div_ceil(OUTPUT_BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates() {
        let opening = Usage {
            input_tokens: 900,
            cache_read_tokens: 80,
            output_tokens: 3,
            ..Usage::default()
        };
        for (prompt_bytes, output_bytes, floor, input, output) in [
            (4000, 301, None, 1000, 101),
            (0, 0, None, 0, 0),
            (4000, 301, Some(&opening), 900, 101),
            (4000, 4, Some(&opening), 900, 3),
        ] {
            let usage = usage(prompt_bytes, output_bytes, floor);
            assert_eq!((usage.input_tokens, usage.output_tokens), (input, output));
            assert_eq!(usage.cache_read_tokens, floor.map_or(0, |floor| floor.cache_read_tokens));
        }
    }
}
