//! What a call will probably consume, told by what calls of its model consumed lately.

use std::collections::VecDeque;

use super::Bounds;

/// How many ended calls of a model are remembered.
const SAMPLES_MAX: usize = 64;
/// Below so many samples the prior is still believed as well.
const SAMPLES_FEW: usize = 5;
/// Tokens that an answer is expected to have before anything is known: more than nine in ten answers
/// of chats and agents.
const OUTPUT_PRIOR: u64 = 1_024;
/// Which part of the answers is at most as long as expected, in percent.
const QUANTILE_PERCENT: usize = 90;

/// Tokens that answers are billed for beside their text: roles, separators, the frames of tool calls.
pub(crate) const FRAME_TOKENS: u64 = 64;
/// So many answers have to have shown what they were billed for before one is taken at what it shows.
const SHOWN_MIN: usize = 16;
/// An answer that is billed for more than so many tokens to each hundred that show tells nothing while
/// it passes: most of it is out of sight.
const BILLED_PERCENT_MAX: u64 = 200;

/// What a call will probably consume, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its prompt: as many tokens a byte as the densest prompt lately, the usual number before
    /// anything is known.
    pub input_tokens: u64,
    /// Its answer: at most so long in nine cases of ten.
    pub output_tokens: u64,
    /// What its answer will show of that while it passes.
    pub visibility: Visibility,
}

/// What answers of a model show of the tokens that they are billed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Too few have been seen to tell.
    Unknown,
    /// All of it: so many tokens are billed to each hundred that show, at least 100.
    Clear {
        /// As many as with the worst answer lately.
        billed_percent: u64,
    },
    /// Most of it is out of sight.
    Hidden,
}

/// What one ended call consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The proven bound on its prompt, in tokens.
    pub input_tokens_max: u64,
    /// What its prompt really was.
    pub input_tokens: u64,
    /// What it generated.
    pub output_tokens: u64,
    /// What of that showed, as it is counted while an answer passes; `None` where nobody counted.
    pub output_shown_tokens: Option<u64>,
}

/// What calls of one model consumed lately.
#[derive(Clone, Debug, Default)]
pub struct History {
    samples: VecDeque<Sample>,
}

impl Visibility {
    /// Tokens that are taken to be billed to each hundred that show, where nothing but what shows can
    /// tell when to end a call.
    pub(super) fn billed_percent(self) -> u64 {
        match self {
            Visibility::Unknown => 100,
            Visibility::Clear { billed_percent } => billed_percent,
            Visibility::Hidden => BILLED_PERCENT_MAX,
        }
    }
}

impl Expected {
    /// What a stream holds at first: a third more and its frame, for text is counted from its bytes
    /// while it passes, which often makes more of it than it is.
    #[must_use]
    pub fn first_tranche(&self) -> u64 {
        self.output_tokens.saturating_add(self.output_tokens / 3).saturating_add(FRAME_TOKENS)
    }
}

impl History {
    /// Adds the latest call; the oldest is forgotten.
    pub fn add(&mut self, sample: Sample) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// What a call with these bounds will probably consume.
    #[must_use]
    pub fn expected(&self, bounds: &Bounds) -> Expected {
        let is_few = self.samples.len() < SAMPLES_FEW;
        let mut outputs: Vec<u64> =
            self.samples.iter().map(|sample| sample.output_tokens).collect();
        outputs.sort_unstable();
        let rank = (outputs.len() * QUANTILE_PERCENT).div_ceil(100).max(1) - 1;
        let seen = outputs.get(rank).copied().unwrap_or(0);
        let output_tokens = if is_few { seen.max(OUTPUT_PRIOR) } else { seen };
        let bound = bounds.input_tokens_max;
        let densest = self
            .samples
            .iter()
            .filter(|sample| sample.input_tokens_max > 0)
            .map(|sample| scaled(bound, sample.input_tokens, sample.input_tokens_max))
            .max();
        let prior = bounds.input_tokens_usual;
        let input_tokens = match densest {
            Some(densest) if is_few => densest.max(prior),
            Some(densest) => densest,
            None => prior,
        };
        Expected {
            // A bound is proven: no estimate is above it.
            input_tokens: input_tokens.min(bound),
            output_tokens: output_tokens
                .min(bounds.output_tokens_max.unwrap_or(bounds.output_tokens_default)),
            visibility: self.visibility(),
        }
    }

    fn visibility(&self) -> Visibility {
        let known = self.samples.iter().filter_map(Sample::billed_percent);
        let (count, most) =
            known.fold((0, 100), |(count, most), percent| (count + 1, most.max(percent)));
        match most {
            _ if count < SHOWN_MIN => Visibility::Unknown,
            billed_percent @ ..=BILLED_PERCENT_MAX => Visibility::Clear { billed_percent },
            _ => Visibility::Hidden,
        }
    }
}

impl Sample {
    fn billed_percent(&self) -> Option<u64> {
        let shown = self.output_shown_tokens?;
        Some(scaled(100, self.output_tokens.saturating_sub(FRAME_TOKENS), shown))
    }
}

/// `bound * part / whole`, rounded up.
fn scaled(bound: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(bound) * u128::from(part);
    u64::try_from(product.div_ceil(u128::from(whole.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        input_tokens_max: 4_000,
        input_tokens_usual: 2_000,
        output_tokens_max: None,
        output_tokens_default: 16_384,
        default_is_proven: false,
        output_tokens_floor: 64,
        can_cap: true,
        can_stop: true,
        is_bounded: true,
    };

    #[test]
    fn expectations_follow_what_calls_lately_consumed() {
        let short = Bounds { output_tokens_max: Some(200), ..BOUNDS };
        for (case, samples, bounds, input, output) in [
            ("nothing known", vec![], BOUNDS, 2_000, 1_024),
            ("never above the cap", vec![], short, 2_000, 200),
            ("few do not lower the prior", vec![(1_000, 4_000, 300)], BOUNDS, 2_000, 1_024),
            ("few raise it", vec![(3_600, 4_000, 9_000)], BOUNDS, 3_600, 9_000),
            ("enough", vec![(250, 1_000, 500); 5], BOUNDS, 1_000, 500),
            (
                "the densest prompt",
                [vec![(250, 1_000, 500); 9], vec![(400, 1_000, 500)]].concat(),
                BOUNDS,
                1_600,
                500,
            ),
            (
                "one in ten may be longer",
                [vec![(1, 4, 500); 9], vec![(1, 4, 8_000)]].concat(),
                BOUNDS,
                1_000,
                500,
            ),
            (
                "two in ten count",
                [vec![(1, 4, 500); 8], vec![(1, 4, 8_000); 2]].concat(),
                BOUNDS,
                1_000,
                8_000,
            ),
            (
                "old ones are forgotten",
                [vec![(1, 1, 8_000); 64], vec![(1, 4, 10); 64]].concat(),
                BOUNDS,
                1_000,
                10,
            ),
            ("rounded up", vec![(1, 3, 10); 5], BOUNDS, 1_334, 10),
        ] {
            let mut history = History::default();
            for (input_tokens, input_tokens_max, output_tokens) in samples {
                history.add(Sample {
                    input_tokens_max,
                    input_tokens,
                    output_tokens,
                    output_shown_tokens: None,
                });
            }
            let expected = Expected {
                input_tokens: input,
                output_tokens: output,
                visibility: Visibility::Unknown,
            };
            assert_eq!(history.expected(&bounds), expected, "{case}");
        }
    }

    /// One that differs, and so many that showed all.
    fn with(count: usize, first: (u64, Option<u64>)) -> Vec<(u64, Option<u64>)> {
        [vec![first], vec![(300, Some(400)); count]].concat()
    }

    #[test]
    fn what_shows_counts_as_much_as_it_was_billed_for_lately() {
        let clear = |billed_percent| Visibility::Clear { billed_percent };
        for (case, samples, expected) in [
            ("nothing known", vec![], Visibility::Unknown),
            ("nobody counted", vec![(300, None); 64], Visibility::Unknown),
            ("too few", vec![(300, Some(400)); 15], Visibility::Unknown),
            ("all showed", vec![(300, Some(400)); 16], clear(100)),
            ("an answer's frame shows nowhere", vec![(64, Some(0)); 16], clear(100)),
            ("dense text", vec![(364, Some(200)); 16], clear(150)),
            ("rounded up", vec![(364, Some(299)); 16], clear(101)),
            ("the worst counts", with(16, (364, Some(200))), clear(150)),
            ("as much again", with(16, (464, Some(200))), clear(200)),
            ("more is out of sight", with(16, (465, Some(200))), Visibility::Hidden),
            ("all is", with(16, (800, Some(0))), Visibility::Hidden),
            ("all was, long ago", with(64, (800, Some(0))), clear(100)),
        ] {
            let mut history = History::default();
            for (output_tokens, output_shown_tokens) in samples {
                let (input_tokens_max, input_tokens) = (1_000, 300);
                history.add(Sample {
                    input_tokens_max,
                    input_tokens,
                    output_tokens,
                    output_shown_tokens,
                });
            }
            assert_eq!(history.expected(&BOUNDS).visibility, expected, "{case}");
        }
    }
}
