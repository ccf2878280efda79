//! A call that a tool's log tells of.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::cost::{self, Basis};
use crate::ledger::rollup::Value;
use crate::money::Money;
use crate::price::{Price, PriceList, PriceQuery};
use crate::usage::Usage;

/// A call that a tool's log tells of.
#[derive(Clone, Debug)]
pub struct ImportedCall {
    /// The same in every copy of the entry.
    pub key: [u8; 16],
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// From its beginning to its end, where known.
    pub duration: Option<TimeDelta>,
    /// `import:<tool>`.
    pub source: Arc<str>,
    /// Provider name as in a route.
    pub provider: Arc<str>,
    /// The model, where known.
    pub model: Option<Arc<str>>,
    /// Project, if any.
    pub project: Option<Arc<str>>,
    /// The tool's session, if any.
    pub session: Option<Arc<str>>,
    /// The tool.
    pub client: Option<Arc<str>>,
    /// `k=v;k=v` in order of keys; empty for none.
    pub tags: Arc<str>,
    /// The service tier that served it.
    pub service_tier: Option<Arc<str>>,
    /// What it consumed.
    pub usage: Usage,
    /// What the log says that it cost: kept beside, and charged only where no price is known.
    pub cost_logged: Option<Money>,
    /// The provider's id of the answer.
    pub response_id: Option<Box<str>>,
    /// Whether a subscription paid for it.
    pub plan_login: bool,
    /// Whether the user says so: what was imported otherwise is booked anew.
    pub is_billing_told: bool,
}

impl ImportedCall {
    /// As far as a look for the same call needs it.
    pub(super) fn seen(
        ended: DateTime<Utc>,
        response_id: Option<String>,
        model: Option<String>,
        usage: Usage,
    ) -> ImportedCall {
        ImportedCall {
            key: [0; 16],
            ended,
            duration: None,
            source: "".into(),
            provider: "".into(),
            model: model.map(Into::into),
            project: None,
            session: None,
            client: None,
            tags: "".into(),
            service_tier: None,
            usage,
            cost_logged: None,
            response_id: response_id.map(Into::into),
            plan_login: false,
            is_billing_told: false,
        }
    }

    pub(super) fn started(&self) -> DateTime<Utc> {
        self.ended - self.duration.unwrap_or_default()
    }

    pub(super) fn value(&self, cost: Option<Money>) -> Value {
        if self.plan_login { Value::OfPlan(cost) } else { Value::Owed(cost) }
    }

    /// What it costs as the ledger prices it, at the price of its own day.
    pub(super) fn bill(&self, prices: &PriceList) -> Bill {
        let price = prices.find(&PriceQuery {
            provider: &self.provider,
            model: self.model.as_deref().unwrap_or_default(),
            at: self.started(),
            service_tier: self.service_tier.as_deref(),
        });
        let priced = price.as_ref().and_then(|price| cost::of_usage(&self.usage, price));
        let (cost, basis) = match (priced, self.cost_logged) {
            (Some(cost), _) => (Some(cost), Basis::Priced),
            // Nobody here knows better.
            (None, Some(logged)) => (Some(logged), Basis::Stated),
            (None, None) => (None, Basis::Unpriced),
        };
        Bill { cost, basis, price }
    }
}

/// What a call of a log costs, and why.
#[derive(Clone, Debug)]
pub(super) struct Bill {
    pub(super) cost: Option<Money>,
    pub(super) basis: Basis,
    pub(super) price: Option<Arc<Price>>,
}
