//! What is done to accounts: credit, observed balances, levels, and the keys that draw on them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Ledger;
use crate::balance::{Recharge, WarnLevel};
use crate::ledger::account::{self, AccountView};
use crate::ledger::error::LedgerError;
use crate::ledger::reply::Reply;
use crate::ledger::writer::Retry;
use crate::ledger::{credit, floor, level};
use crate::money::Money;

impl Ledger {
    /// Records prepaid credit; the reply is what is left.
    pub fn add_grant(
        &self,
        account: String,
        amount: Money,
        expires: Option<DateTime<Utc>>,
        note: Option<String>,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.submit(Retry::Never, move |writing| {
            credit::add(writing, &account, amount, expires, note.as_deref(), now)
        })
    }

    /// Re-anchors an account's balance to an observed one; the reply is what is left.
    pub fn set_balance(
        &self,
        account: String,
        observed: Money,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.set_balance_in(account, observed, None, now)
    }

    /// As [`Ledger::set_balance`], in a currency by its code (`CNY`); without one it stays in its
    /// own, US dollars at first. In another than before the balance begins anew.
    pub fn set_balance_in(
        &self,
        account: String,
        observed: Money,
        currency: Option<String>,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.submit(Retry::Never, move |writing| {
            credit::observe(writing, &account, observed, currency.as_deref(), now)
        })
    }

    /// Anchors an account's balance to what its provider told; the reply is what is left. A difference
    /// that the provider's delay explains changes nothing.
    pub fn set_told_balance(
        &self,
        account: String,
        told: Money,
        currency: String,
        now: DateTime<Utc>,
    ) -> Reply<Money> {
        self.submit(Retry::Never, move |writing| {
            credit::observe_told(writing, &account, told, &currency, now)
        })
    }

    /// Sets the level at or below which calls are refused; `None` for no level.
    pub fn set_floor(&self, account: String, floor: Option<Money>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| floor::set(writing, &account, floor))
    }

    /// Refuses the calls of the account that pays for `call`, until its balance is set or added to:
    /// its provider said that the money is gone.
    pub fn refuse_as_empty(&self, call: Uuid, now: DateTime<Utc>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| floor::empty(writing, call, now))
    }

    /// Notes the top-up that the provider makes by itself; `None` for none.
    pub fn set_recharge(
        &self,
        account: String,
        recharge: Option<Recharge>,
        now: DateTime<Utc>,
    ) -> Reply<()> {
        self.submit(Retry::Never, move |writing| level::recharge(writing, &account, recharge, now))
    }

    /// Sets a level at which an alert fires.
    pub fn warn_balance(&self, account: String, level: WarnLevel, now: DateTime<Utc>) -> Reply<()> {
        self.submit(Retry::Never, move |writing| level::warn(writing, &account, level, now))
    }

    /// All accounts and their keys.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accounts(&self) -> Result<Vec<AccountView>, LedgerError> {
        self.read(|connection| Ok(account::list(connection)?))
    }

    /// Lets a key (a fingerprint or its beginning) draw on `account`; the reply is its fingerprint.
    pub fn link_key(&self, key: String, account: String) -> Reply<String> {
        self.submit(Retry::Never, move |writing| account::link(writing, &key, &account))
    }

    /// Removes an account on which no call was made.
    pub fn remove_account(&self, account: String) -> Reply<()> {
        self.submit(Retry::Never, move |writing| account::remove(writing, &account))
    }
}
