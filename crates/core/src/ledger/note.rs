//! A call that was admitted, as another process has to know it when this one has died.

use std::borrow::Cow;

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
pub(crate) struct Note<'a> {
    id: Uuid,
    at_ms: i64,
    source: Cow<'a, str>,
    provider: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    tags: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Cow<'a, str>>,
    plan_login: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Cow<'a, str>>,
    input_tokens_max: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_cap: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling_pico: Option<i64>,
    /// Budget, period start and hold of each share.
    shares: Vec<(i64, i64, i64)>,
}

impl<'a> Note<'a> {
    pub(crate) fn new(
        call: &'a NewCall,
        output_cap: Option<u64>,
        ceiling: Option<Money>,
        shares: &[Share],
    ) -> Note<'a> {
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        Note {
            id: call.id,
            at_ms: to_ms(call.at),
            source: Cow::Borrowed(&call.source),
            provider: Cow::Borrowed(&call.provider),
            model: text(&call.model_requested),
            project: text(&call.project),
            session: text(&call.session),
            client: text(&call.client),
            key: text(&call.key),
            tags: Cow::Borrowed(&call.tags),
            run: text(&call.run),
            plan_login: call.plan_login,
            service_tier: text(&call.service_tier),
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
    pub(crate) fn of_text(text: &str) -> Option<Note<'_>> {
        serde_json::from_str(text).ok()
    }

    /// The call as it was asked for; of its bounds only what its row keeps.
    pub(crate) fn call(&self) -> NewCall {
        let owned = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        NewCall {
            id: self.id,
            at: from_ms(self.at_ms),
            source: self.source.to_string(),
            provider: self.provider.to_string(),
            model_requested: owned(&self.model),
            project: owned(&self.project),
            session: owned(&self.session),
            client: owned(&self.client),
            key: owned(&self.key),
            tags: self.tags.to_string(),
            run: owned(&self.run),
            plan_login: self.plan_login,
            service_tier: owned(&self.service_tier),
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
