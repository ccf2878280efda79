//! What the dialects' readers gather while an answer passes.

use std::fmt;

use outlay_core::cost::Metered;
use outlay_core::usage::Usage;

use crate::errors::ErrorKind;
use crate::json::Json;

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
        let metered = &mut self.metered;
        if let Some(id) = id.and_then(Json::string) {
            metered.response_id = Some(id);
        }
        if let Some(model) = model.and_then(Json::string) {
            metered.model = Some(model);
        }
        if let Some(tier) = tier.and_then(Json::text) {
            metered.service_tier = Some(tier.to_ascii_lowercase());
        }
    }
}
