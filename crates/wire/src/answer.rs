//! What the dialects' readers gather while an answer passes.

use std::fmt;

use outlay_core::cost::Metered;
use outlay_core::usage::Usage;

use crate::errors::ErrorKind;
use crate::json::Json;
use crate::template::TextEvent;

/// Reads one dialect's answers, piece by piece: a whole body is one piece, a stream one per event.
pub(crate) trait AnswerReader: fmt::Debug + Send {
    /// One JSON value of the answer; `name` is the stream's `event` field, where it has one.
    fn read(&mut self, name: &str, json: Json<'_>);

    /// What was gathered so far.
    fn answer(&mut self) -> &mut Answer;

    /// The provider's count of all tokens generated so far, where it gave one.
    fn told_tokens(&mut self) -> Option<u64> {
        self.answer().metered.usage.as_ref().map(Usage::completion_tokens)
    }

    /// What was looked at in the piece that was read last, where it was nothing but text: another
    /// one that differs in its text alone would change nothing but the bytes of text. `None` where
    /// it was more, or may have been.
    fn text_event(&self) -> Option<TextEvent> {
        None
    }

    /// The last look, when everything has been read.
    fn finish(&mut self) {}
}

/// What is known of an answer so far.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) metered: Metered,
    /// Counts that were sent before the real ones: a floor for an estimate, never a bill.
    pub(crate) interim: Option<Usage>,
    /// Whether the end that the dialect prescribes was seen.
    pub(crate) is_ended: bool,
    pub(crate) failed: Option<ErrorKind>,
    pub(crate) output_bytes: u64,
}

impl Answer {
    /// Takes what a piece says about itself, once: the model that served, the tier, the id.
    pub(crate) fn note(
        &mut self,
        id: Option<Json<'_>>,
        model: Option<Json<'_>>,
        tier: Option<Json<'_>>,
    ) {
        let Metered { response_id, model: known_model, service_tier, .. } = &mut self.metered;
        for (known, value) in [(response_id, id), (known_model, model)] {
            let Some(value) = value.and_then(Json::text) else { continue };
            // Streams repeat it with every piece.
            if known.as_deref() != Some(value.as_ref()) {
                *known = Some(value.into_owned());
            }
        }
        if let Some(tier) = tier.and_then(Json::text)
            && !service_tier.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(&tier))
        {
            *service_tier = Some(tier.to_ascii_lowercase());
        }
    }
}
