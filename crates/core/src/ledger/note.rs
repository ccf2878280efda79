//! A call that was admitted, as another process has to know it when this one has died.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::call::NewCall;
use super::error::LedgerError;
use super::shares::Share;
use super::time::{from_ms, to_ms};
use crate::admission::Bounds;
use crate::money::Money;

/// A call that runs, as far as another process needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    id: Uuid,
    at_ms: i64,
    source: String,
    provider: String,
    model: Option<String>,
    project: Option<String>,
    session: Option<String>,
    client: Option<String>,
    key: Option<String>,
    tags: String,
    run: Option<String>,
    plan_login: bool,
    service_tier: Option<String>,
    input_tokens_max: u64,
    pub(crate) output_cap: Option<u64>,
    ceiling_pico: Option<i64>,
    /// Budget, period start and hold of each share.
    shares: Vec<(i64, i64, i64)>,
}

impl Note {
    pub(crate) fn new(
        call: &NewCall,
        output_cap: Option<u64>,
        ceiling: Option<Money>,
        shares: &[Share],
    ) -> Note {
        Note {
            id: call.id,
            at_ms: to_ms(call.at),
            source: call.source.clone(),
            provider: call.provider.clone(),
            model: call.model_requested.clone(),
            project: call.project.clone(),
            session: call.session.clone(),
            client: call.client.clone(),
            key: call.key.clone(),
            tags: call.tags.clone(),
            run: call.run.clone(),
            plan_login: call.plan_login,
            service_tier: call.service_tier.clone(),
            input_tokens_max: call.bounds.input_tokens_max,
            output_cap,
            ceiling_pico: ceiling.map(Money::picodollars),
            shares: shares
                .iter()
                .map(|share| (share.budget_seq, share.period_start_ms, share.held))
                .collect(),
        }
    }

    /// The note as text, in one line.
    pub(crate) fn text(&self) -> Result<String, LedgerError> {
        serde_json::to_string(self)
            .map_err(|error| LedgerError::Invalid(format!("a call cannot be noted: {error}")))
    }

    /// The note of that text; `None` where it is none.
    pub(crate) fn of_text(text: &str) -> Option<Note> {
        serde_json::from_str(text).ok()
    }

    /// The call as it was asked for; of its bounds only what its row keeps.
    pub(crate) fn call(&self) -> NewCall {
        NewCall {
            id: self.id,
            at: from_ms(self.at_ms),
            source: self.source.clone(),
            provider: self.provider.clone(),
            model_requested: self.model.clone(),
            project: self.project.clone(),
            session: self.session.clone(),
            client: self.client.clone(),
            key: self.key.clone(),
            tags: self.tags.clone(),
            run: self.run.clone(),
            plan_login: self.plan_login,
            service_tier: self.service_tier.clone(),
            bounds: Bounds {
                input_tokens_max: self.input_tokens_max,
                input_tokens_usual: self.input_tokens_max,
                output_tokens_max: self.output_cap,
                output_tokens_default: 0,
                default_is_proven: false,
                output_tokens_floor: 0,
                can_cap: false,
                can_stop: false,
                is_bounded: true,
            },
            is_strict: false,
        }
    }

    pub(crate) fn ceiling(&self) -> Option<Money> {
        self.ceiling_pico.map(Money::from_picodollars)
    }

    pub(crate) fn shares(&self) -> Vec<Share> {
        let share = |&(budget_seq, period_start_ms, held): &(i64, i64, i64)| Share {
            budget_seq,
            period_start_ms,
            held,
            charged: None,
        };
        self.shares.iter().map(share).collect()
    }
}
