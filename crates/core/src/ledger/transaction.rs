//! The one writing connection, and a group of operations in one transaction of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rusqlite::Connection;

use super::cache::Cache;
use super::error::LedgerError;
use super::operation::{Operation, Writing};
use super::schema::BUSY_MAX;
use crate::price::PriceList;

/// What is to be written with.
pub(crate) struct Setting {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) machine_id: [u8; 16],
    pub(crate) process_id: [u8; 16],
    pub(crate) prices: Arc<ArcSwap<PriceList>>,
    /// Called after each commit.
    pub(crate) changed: Arc<dyn Fn() + Send + Sync>,
}

/// Whether to wait while another process writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    None,
    Some,
}

/// What became of a group; each operation keeps its own outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Something was committed.
    Changed,
    Unchanged,
    /// Another process writes, and there was no patience: nothing was tried.
    Busy,
}

/// The connection, and what is remembered between its transactions.
pub(crate) struct State {
    setting: Setting,
    cache: Cache,
    patience: Patience,
    /// `false` while a transaction is open: one that was left by a panic is found by it.
    is_whole: bool,
}

/// Why a transaction came to nothing; it is rolled back.
enum Undone {
    /// An operation failed, and keeps why.
    ByOperation,
    /// It could not begin.
    AtBegin(LedgerError),
    ByCommit(LedgerError),
}

impl State {
    pub(crate) fn new(setting: Setting) -> State {
        State { setting, cache: Cache::default(), patience: Patience::Some, is_whole: true }
    }

    /// What is remembered of what has been committed.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.is_whole.then_some(&self.cache)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.setting.connection
    }

    pub(crate) fn changed(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::clone(&self.setting.changed)
    }

    /// Runs the group in one transaction; where an operation fails, each in one of its own, so that
    /// none suffers from another.
    pub(crate) fn run(&mut self, group: &mut [Box<dyn Operation>], patience: Patience) -> Ran {
        self.mend();
        if let Err(error) = self.wait_with(patience) {
            let failure = self.failure(&error);
            group.iter_mut().for_each(|operation| operation.fail(&failure));
            return Ran::Unchanged;
        }
        match self.transact(group) {
            Ok(has_changed) => ran(has_changed),
            Err(Undone::AtBegin(LedgerError::Busy { .. })) if patience == Patience::None => {
                Ran::Busy
            }
            Err(Undone::AtBegin(failure)) => {
                group.iter_mut().for_each(|operation| operation.fail(&failure));
                Ran::Unchanged
            }
            Err(Undone::ByCommit(failure)) if group.len() == 1 => {
                group[0].fail(&failure);
                Ran::Unchanged
            }
            Err(Undone::ByOperation) if group.len() == 1 => Ran::Unchanged,
            Err(Undone::ByOperation | Undone::ByCommit(_)) => {
                let mut has_changed = false;
                for operation in group {
                    match self.transact(std::slice::from_mut(operation)) {
                        Ok(changed) => has_changed |= changed,
                        Err(Undone::ByOperation) => {}
                        Err(Undone::AtBegin(failure) | Undone::ByCommit(failure)) => {
                            operation.fail(&failure);
                        }
                    }
                }
                ran(has_changed)
            }
        }
    }

    /// Undoes what a panic left behind.
    fn mend(&mut self) {
        if !self.is_whole {
            self.roll_back();
            self.is_whole = true;
        }
    }

    fn wait_with(&mut self, patience: Patience) -> rusqlite::Result<()> {
        if self.patience != patience {
            let busy_max = if patience == Patience::Some { BUSY_MAX } else { Duration::ZERO };
            self.setting.connection.busy_timeout(busy_max)?;
            self.patience = patience;
        }
        Ok(())
    }

    /// Runs the operations in one transaction; whether anything changed.
    fn transact(&mut self, group: &mut [Box<dyn Operation>]) -> Result<bool, Undone> {
        self.execute("BEGIN IMMEDIATE").map_err(|error| Undone::AtBegin(self.failure(&error)))?;
        self.is_whole = false;
        let outcome = self.run_in_transaction(group);
        if outcome.is_err() {
            self.roll_back();
        }
        self.is_whole = true;
        outcome
    }

    fn run_in_transaction(&mut self, group: &mut [Box<dyn Operation>]) -> Result<bool, Undone> {
        let State { setting, cache, .. } = self;
        let undone =
            |error: &rusqlite::Error| Undone::ByCommit(LedgerError::sqlite(&setting.path, error));
        let connection = &setting.connection;
        cache.forget_if_changed_elsewhere(connection).map_err(|error| undone(&error))?;
        let changes_before = connection.total_changes();
        for operation in group {
            let writing = &mut Writing {
                connection,
                cache: &mut *cache,
                machine_id: setting.machine_id,
                process_id: setting.process_id,
                prices: &setting.prices,
            };
            if !operation.run(writing, &setting.path) {
                return Err(Undone::ByOperation);
            }
        }
        cache.flush(connection).map_err(|error| undone(&error))?;
        let has_changed = connection.total_changes() != changes_before;
        execute(connection, if has_changed { "COMMIT" } else { "ROLLBACK" })
            .map_err(|error| undone(&error))?;
        Ok(has_changed)
    }

    /// Back to before the transaction, also where SQLite ended it by itself (a full disk).
    fn roll_back(&mut self) {
        // What was remembered may describe rows that are gone now.
        self.cache.clear();
        if !self.setting.connection.is_autocommit() {
            // Nothing is left to be done about a failure: the next transaction will tell.
            drop(self.execute("ROLLBACK"));
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        execute(&self.setting.connection, sql)
    }

    fn failure(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::sqlite(&self.setting.path, error)
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn ran(has_changed: bool) -> Ran {
    if has_changed { Ran::Changed } else { Ran::Unchanged }
}
