//! What became of calls that logs tell of.

use crate::money::Money;

/// What became of calls that logs tell of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Calls that were not in the ledger; and what those that were in it in part cost more.
    pub new: Sum,
    /// Calls that were in it, of which more is known now.
    pub grown: u64,
    /// Calls that were in it by an import.
    pub known: u64,
    /// Calls that passed the proxy, by the id of their answer.
    pub merged: u64,
    /// Calls that passed the proxy, by model, tokens and time.
    pub matched: u64,
    /// Entries of a time to come, or without end; not taken.
    pub refused: u64,
}

/// A sum of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub calls: u64,
    /// Of these, the ones of unknown cost.
    pub unpriced: u64,
    /// What they cost.
    pub cost: Money,
    /// What subscriptions used, at API prices.
    pub plan_value: Money,
}

impl Imported {
    /// Adds what became of others.
    pub fn add(&mut self, other: &Imported) {
        self.new.calls += other.new.calls;
        self.new.unpriced += other.new.unpriced;
        self.new.cost = self.new.cost.saturating_add(other.new.cost);
        self.new.plan_value = self.new.plan_value.saturating_add(other.new.plan_value);
        self.grown += other.grown;
        self.known += other.known;
        self.merged += other.merged;
        self.matched += other.matched;
        self.refused += other.refused;
    }
}

impl Sum {
    pub(super) fn count(&mut self, plan_login: bool, cost: Option<Money>) {
        self.calls += 1;
        self.unpriced += u64::from(cost.is_none());
        self.change(plan_login, None, cost);
    }

    pub(super) fn change(&mut self, plan_login: bool, before: Option<Money>, after: Option<Money>) {
        let sum = if plan_login { &mut self.plan_value } else { &mut self.cost };
        let more = after.unwrap_or_default().saturating_sub(before.unwrap_or_default());
        *sum = sum.saturating_add(more);
    }
}
