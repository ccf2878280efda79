//! What the writer remembers between transactions, dropped whenever another connection has written,
//! and what it has still to write in the one that is open.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use rusqlite::Connection;

use super::active::{ActiveBudget, Bypass};
use super::alert_row::AlertRows;
use super::call_row::CallRows;
use super::counter::Counters;
use super::rollup::Rollups;
use super::running::Running;
use crate::admission::History;
use crate::price::PriceList;

/// Session ids and tags come and go: past this many strings the memory starts anew.
const DIMENSIONS_MAX: usize = 50_000;
/// Models come from requests: a client that invents names must not grow the memory by their histories.
const HISTORIES_MAX: usize = 1_000;
/// Callers that are refused again and again.
const REFUSED_MAX: usize = 10_000;

/// Their numbers are below this.
const DIMENSION_KINDS: usize = 10;

#[derive(Default)]
pub(crate) struct Cache {
    data_version: i64,
    /// What [`Cache::flush`] adds to them.
    pub(crate) rollups: Rollups,
    /// What it writes of calls.
    pub(crate) rows: CallRows,
    /// What it writes of alerts.
    pub(crate) alerts: AlertRows,
    /// By the number of their kind.
    dimensions: [HashMap<String, i64>; DIMENSION_KINDS],
    dimension_count: usize,
    accounts: HashMap<String, i64>,
    account_names: HashMap<i64, Arc<str>>,
    /// Accounts by (provider, fingerprint).
    keys: HashMap<String, i64>,
    budgets: Option<Arc<[Arc<ActiveBudget>]>>,
    /// What each budget's periods have spent and hold.
    pub(crate) counters: Counters,
    /// The bypass that was found last.
    bypass: Option<Option<Bypass>>,
    /// This process's running calls, by id.
    running: HashMap<[u8; 16], Running>,
    /// Whether nobody waits before any budget.
    queue_is_empty: bool,
    /// What calls consumed lately, by provider and model.
    histories: HashMap<(i64, i64), History>,
    /// Refusals that are counted together, by what they have in common.
    refused: HashMap<u64, Refused>,
    prices: HashSet<String>,
    /// Whether an account has a balance to keep, by account id.
    balances: HashMap<i64, bool>,
    /// Whether any account refuses below a floor or since its provider said that it is empty.
    has_floors: Option<bool>,
    price_list: Option<(i64, Arc<PriceList>)>,
    /// Whether `price_list` is known to be the stored one.
    price_list_checked: bool,
    /// Whether readers have yet to be given `price_list`.
    price_list_is_news: bool,
}

/// Refusals of the same call by the same budget within a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) minute: i64,
    pub(crate) count: u32,
    /// The last of them that has a row.
    pub(crate) call_seq: i64,
    pub(crate) call_id: [u8; 16],
}

impl Cache {
    /// Forgets all: after a rollback, what is remembered may never have been stored.
    pub(crate) fn clear(&mut self) {
        *self = Cache { data_version: self.data_version, ..Cache::default() };
    }

    /// Forgets what another connection may have changed. Interned strings and kept
    /// prices are only ever added.
    fn forget_changeable(&mut self) {
        self.keys.clear();
        self.forget_accounts();
        self.forget_budgets();
        self.counters.clear();
        self.rollups.forget();
        self.rows.forget();
        self.running.clear();
        self.queue_is_empty = false;
        self.balances.clear();
        self.has_floors = None;
        self.price_list_checked = false;
    }

    /// Whether another connection has written since the last transaction.
    pub(crate) fn forget_if_changed_elsewhere(
        &mut self,
        connection: &Connection,
    ) -> rusqlite::Result<bool> {
        let version: i64 =
            connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let is_first = self.data_version == 0;
        let has_changed = version != self.data_version;
        if has_changed {
            self.forget_changeable();
            self.data_version = version;
        }
        Ok(has_changed && !is_first)
    }

    /// Writes down what the open transaction has still to say, before it is committed.
    pub(crate) fn flush(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.rows.write(connection)?;
        self.alerts.write(connection)?;
        self.counters.flush(connection)?;
        self.rollups.flush(connection)
    }

    pub(crate) fn dimension(&self, kind: usize, text: &str) -> Option<i64> {
        self.dimensions.get(kind)?.get(text).copied()
    }

    pub(crate) fn remember_dimension(&mut self, kind: usize, text: &str, id: i64) {
        if self.dimension_count >= DIMENSIONS_MAX {
            self.dimensions = Default::default();
            self.dimension_count = 0;
        }
        if let Some(of_kind) = self.dimensions.get_mut(kind) {
            of_kind.insert(text.to_owned(), id);
            self.dimension_count += 1;
        }
    }

    pub(crate) fn account(&self, name: &str) -> Option<i64> {
        self.accounts.get(name).copied()
    }

    pub(crate) fn remember_account(&mut self, name: &str, id: i64) {
        self.accounts.insert(name.to_owned(), id);
    }

    /// One of them is gone, and its id may be another's.
    pub(crate) fn forget_accounts(&mut self) {
        self.accounts.clear();
        self.account_names.clear();
        self.balances.clear();
        self.has_floors = None;
    }

    pub(crate) fn account_name(&self, id: i64) -> Option<Arc<str>> {
        self.account_names.get(&id).cloned()
    }

    pub(crate) fn remember_account_name(&mut self, id: i64, name: Arc<str>) {
        self.account_names.insert(id, name);
    }

    pub(crate) fn key_account(&self, provider: &str, fingerprint: &str) -> Option<i64> {
        self.keys.get(&[provider, fingerprint].join("\0")).copied()
    }

    pub(crate) fn remember_key(&mut self, provider: &str, fingerprint: &str, account_id: i64) {
        self.keys.insert([provider, fingerprint].join("\0"), account_id);
    }

    pub(crate) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    pub(crate) fn budgets(&self) -> Option<Arc<[Arc<ActiveBudget>]>> {
        self.budgets.clone()
    }

    pub(crate) fn remember_budgets(&mut self, budgets: Arc<[Arc<ActiveBudget>]>) {
        self.budgets = Some(budgets);
    }

    pub(crate) fn forget_budgets(&mut self) {
        self.budgets = None;
        self.bypass = None;
    }

    pub(crate) fn bypass(&self) -> Option<&Option<Bypass>> {
        self.bypass.as_ref()
    }

    pub(crate) fn remember_bypass(&mut self, bypass: Option<Bypass>) {
        self.bypass = Some(bypass);
    }

    pub(crate) fn running(&self, id: [u8; 16]) -> Option<&Running> {
        self.running.get(&id)
    }

    pub(crate) fn take_running(&mut self, id: [u8; 16]) -> Option<Running> {
        self.running.remove(&id)
    }

    pub(crate) fn remember_running(&mut self, id: [u8; 16], call: Running) {
        self.running.insert(id, call);
    }

    pub(crate) fn forget_running(&mut self) {
        self.running.clear();
    }

    pub(crate) fn queue_is_empty(&self) -> bool {
        self.queue_is_empty
    }

    pub(crate) fn remember_queue(&mut self, is_empty: bool) {
        self.queue_is_empty = is_empty;
    }

    pub(crate) fn history(&mut self, provider: i64, model: i64) -> Option<&mut History> {
        self.histories.get_mut(&(provider, model))
    }

    pub(crate) fn remember_history(&mut self, provider: i64, model: i64, history: History) {
        if self.histories.len() >= HISTORIES_MAX {
            self.histories.clear();
        }
        self.histories.insert((provider, model), history);
    }

    pub(crate) fn refused(&self, alike: u64) -> Option<Refused> {
        self.refused.get(&alike).copied()
    }

    pub(crate) fn remember_refused(&mut self, alike: u64, refused: Refused) {
        if self.refused.len() >= REFUSED_MAX {
            self.refused.clear();
        }
        self.refused.insert(alike, refused);
    }

    pub(crate) fn has_price(&self, id: &str) -> bool {
        self.prices.contains(id)
    }

    pub(crate) fn remember_price(&mut self, id: &str) {
        self.prices.insert(id.to_owned());
    }

    pub(crate) fn keeps_balance(&self, account_id: i64) -> Option<bool> {
        self.balances.get(&account_id).copied()
    }

    pub(crate) fn remember_balance(&mut self, account_id: i64, kept: bool) {
        self.balances.insert(account_id, kept);
    }

    pub(crate) fn forget_balance(&mut self, account_id: i64) {
        self.balances.remove(&account_id);
    }

    pub(crate) fn has_floors(&self) -> Option<bool> {
        self.has_floors
    }

    pub(crate) fn remember_floors(&mut self, has_floors: Option<bool>) {
        self.has_floors = has_floors;
    }

    pub(crate) fn price_list(&self) -> Option<Arc<PriceList>> {
        let (_, list) = self.price_list.as_ref().filter(|_| self.price_list_checked)?;
        Some(Arc::clone(list))
    }

    pub(crate) fn price_list_at(&self, revision: i64) -> Option<Arc<PriceList>> {
        let (_, list) = self.price_list.as_ref().filter(|(known, _)| *known == revision)?;
        Some(Arc::clone(list))
    }

    pub(crate) fn remember_price_list(&mut self, revision: i64, list: Arc<PriceList>) {
        self.price_list = Some((revision, list));
        self.price_list_checked = true;
        self.price_list_is_news = true;
    }

    /// The price list that readers have yet to be given, once what was done is committed.
    pub(crate) fn take_price_news(&mut self) -> Option<Arc<PriceList>> {
        let is_news = std::mem::take(&mut self.price_list_is_news);
        let (_, list) = self.price_list.as_ref().filter(|_| is_news)?;
        Some(Arc::clone(list))
    }

    pub(crate) fn forget_price_list(&mut self) {
        self.price_list = None;
    }
}
