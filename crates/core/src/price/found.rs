//! Prices that were found lately: resolving a name costs more than most of what a call does.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use foldhash::HashMap;

use super::moment::Stretch;
use super::{Price, PriceQuery};

/// Names come from requests: a client that invents them must not grow the memory.
const NAMES_MAX: usize = 1_000;
/// Of a model with prices by the hour so many stretches of time are remembered.
const STRETCHES_MAX: usize = 8;

/// What was found, each for as long as it stays the same.
#[derive(Debug, Default)]
pub(super) struct Found(Mutex<HashMap<String, Vec<Held>>>);

/// The price of a stretch of time; `None` where there is none.
type Held = (Stretch, Option<Arc<Price>>);

impl Found {
    /// The price, or that there is none; `None` where that was not looked for yet.
    pub(super) fn get(&self, name: &str, at: DateTime<Utc>) -> Option<Option<Arc<Price>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, price) = known.get(name)?.iter().find(|(stretch, _)| stretch.contains(at))?;
        Some(price.clone())
    }

    pub(super) fn remember(&self, name: String, stretch: Stretch, price: Option<Arc<Price>>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES_MAX && !known.contains_key(&name) {
            known.clear();
        }
        let stretches = known.entry(name).or_default();
        stretches.truncate(STRETCHES_MAX - 1);
        stretches.insert(0, (stretch, price));
    }
}

/// What it is remembered by.
pub(super) fn name_of(query: &PriceQuery<'_>) -> String {
    [query.provider, query.model, query.service_tier.unwrap_or_default()].join("\0")
}
