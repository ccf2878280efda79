//! The one writing connection, and groups of operations in transactions of it.
//!
//! While no other process writes, the transaction of calls that had room is left open for some
//! milliseconds: their answers are given at once, and one commit holds what came meanwhile. Nobody
//! else can write in between, so that each decision is made on all of those before it. What was
//! told is owed: where the commit fails it is redone until it is stored, and where the process dies
//! the journal has it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rusqlite::Connection;

use super::cache::Cache;
use super::error::{LedgerError, is_locked};
use super::journal::Journal;
use super::knock::{self, Knock};
use super::operation::{Answer, Course, Operation, Writing};
use super::schema::BUSY_MAX;
use crate::price::PriceList;

/// How long a transaction is left open while operations come.
const OPEN_MAX: Duration = Duration::from_millis(10);
/// After this it is committed also by who has other things to do.
const OVERDUE: Duration = Duration::from_millis(20);
/// How long after another process has written each group is committed at once again.
const NOT_ALONE: Duration = Duration::from_secs(2);

/// What is to be written with.
pub(crate) struct Setting {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) machine_id: [u8; 16],
    pub(crate) process_id: [u8; 16],
    pub(crate) prices: Arc<ArcSwap<PriceList>>,
    /// Called after each commit.
    pub(crate) changed: Arc<dyn Fn() + Send + Sync>,
    /// Where calls are noted that are told before their commit; `None` where none is.
    pub(crate) journal: Option<Journal>,
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
    /// How long the connection waits for a lock, where that was set.
    busy_max: Option<Duration>,
    /// `false` while operations run: a transaction that was left by a panic is found by it.
    is_whole: bool,
    /// The transaction that was left open.
    open: Option<Open>,
    /// What was told and is not stored: to be redone before anything else.
    owed: Vec<Box<dyn Operation>>,
    notes: Vec<String>,
    /// Until when each group is committed at once.
    not_alone_until: Option<Instant>,
    door: PathBuf,
}

/// A transaction that was left open.
struct Open {
    since: Instant,
    changes_before: u64,
    told: Vec<Box<dyn Operation>>,
}

/// Why a transaction came to nothing; it is rolled back.
enum Undone {
    /// An operation failed, and keeps why.
    ByOperation,
    /// It could not begin.
    AtBegin(LedgerError),
    ByCommit(LedgerError),
}

impl Undone {
    fn is_busy(&self) -> bool {
        matches!(self, Undone::AtBegin(LedgerError::Busy { .. }))
    }
}

impl State {
    pub(crate) fn new(setting: Setting) -> State {
        State {
            door: knock::door(&setting.path),
            setting,
            cache: Cache::default(),
            patience: Patience::Some,
            busy_max: None,
            is_whole: true,
            open: None,
            owed: Vec::new(),
            notes: Vec::new(),
            not_alone_until: None,
        }
    }

    /// What is remembered of what has been told.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        (self.is_whole && self.owed.is_empty()).then_some(&self.cache)
    }

    /// The connection, with no transaction open.
    pub(crate) fn connection(&mut self) -> &Connection {
        // What cannot be committed is owed, and the transaction closed all the same.
        drop(self.close());
        &self.setting.connection
    }

    pub(crate) fn changed(&self) -> Arc<dyn Fn() + Send + Sync> {
        Arc::clone(&self.setting.changed)
    }

    /// Whether something is told that is not committed.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether that has been so for long enough.
    pub(crate) fn is_due(&self) -> bool {
        self.is_open_for(OPEN_MAX)
    }

    /// Whether something that was told could not be committed.
    pub(crate) fn is_owing(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Whether all that was told is stored.
    ///
    /// # Errors
    /// Where it is not, which is tried again.
    pub(crate) fn stored(&self) -> Result<(), LedgerError> {
        let failure = || LedgerError::DiskFailed {
            path: self.setting.path.clone(),
            reason: "what was admitted could not be stored yet".to_owned(),
        };
        if self.is_owing() { Err(failure()) } else { Ok(()) }
    }

    /// Runs the group. Operations that are told at once leave it, and their answers go to `told`;
    /// of the others each keeps its outcome, which may be told now.
    pub(crate) fn run(
        &mut self,
        group: &mut Vec<Box<dyn Operation>>,
        patience: Patience,
        told: &mut Vec<Answer>,
    ) -> Ran {
        self.mend();
        self.patience = patience;
        if let Err(undone) = self.make_good() {
            return self.undone(group, &undone);
        }
        if self.may_stay_open(group) {
            return self.run_open(group, told);
        }
        let has_changed = match self.close() {
            Ok(has_changed) => has_changed,
            Err(undone) => return self.undone(group, &undone),
        };
        match self.run_closed(group) {
            Ran::Unchanged => ran(has_changed),
            ran => ran,
        }
    }

    /// Commits what was told.
    pub(crate) fn close_if_open(&mut self) -> Ran {
        ran(matches!(self.close(), Ok(true)))
    }

    /// Writes a slice of what a storm of alerts has left for a commit that is due, so that no call waits
    /// for all of it; `false` where the commit itself is next.
    pub(crate) fn write_ahead(&mut self) -> bool {
        let is_overdue = self.is_open_for(OVERDUE);
        if !self.is_whole || !self.is_due() || is_overdue || !self.cache.alerts.are_many() {
            return false;
        }
        if self.cache.alerts.write_slice(&self.setting.connection).is_err() {
            self.roll_back();
        }
        true
    }

    /// Commits what was told, or tries again to store it.
    pub(crate) fn catch_up(&mut self) -> Ran {
        self.mend();
        self.patience = Patience::Some;
        let has_changed = matches!(self.close(), Ok(true));
        let is_owing = self.is_owing();
        let is_paid = self.make_good().is_ok() && is_owing;
        ran(has_changed || is_paid)
    }

    /// Commits what was told and closes the connection. What cannot be stored stays in the journal,
    /// for whoever opens the ledger next.
    pub(crate) fn end(mut self) {
        self.catch_up();
        let is_owing = self.is_owing();
        if let Some(journal) = self.setting.journal.take().filter(|_| !is_owing) {
            journal.discard();
        }
    }

    fn undone(&self, group: &mut [Box<dyn Operation>], undone: &Undone) -> Ran {
        if undone.is_busy() && self.patience == Patience::None {
            return Ran::Busy;
        }
        if let Undone::AtBegin(failure) | Undone::ByCommit(failure) = undone {
            group.iter_mut().for_each(|operation| operation.fail(failure));
        }
        Ran::Unchanged
    }

    /// Whether the group may share a transaction that is left open.
    fn may_stay_open(&self, group: &[Box<dyn Operation>]) -> bool {
        self.setting.journal.is_some()
            && group.iter().all(|operation| operation.may_be_firm())
            && (self.open.is_some() || (self.is_alone() && !knock::is_heard(&self.door)))
    }

    /// Whether no other process has written lately, as far as the last transaction saw.
    fn is_alone(&self) -> bool {
        self.not_alone_until.is_none_or(|until| until <= Instant::now())
    }

    fn is_open_for(&self, span: Duration) -> bool {
        self.open.as_ref().is_some_and(|open| open.since.elapsed() >= span)
    }

    fn run_open(&mut self, group: &mut Vec<Box<dyn Operation>>, told: &mut Vec<Answer>) -> Ran {
        if self.open.is_none()
            && let Err(undone) = self.begin_open()
        {
            return self.undone(group, &undone);
        }
        self.notes.clear();
        self.is_whole = false;
        let is_done = group.iter_mut().all(|operation| self.run_one(operation, Course::Open));
        if !is_done {
            self.roll_back();
            self.is_whole = true;
            return self.run_after_what_is_owed(group);
        }
        self.is_whole = true;
        let is_firm = group.iter().all(|operation| operation.is_firm());
        let is_noted = is_firm && self.is_alone() && self.note();
        if is_noted {
            // Read from what others have committed: who sets prices is told after the commit.
            self.publish_prices();
            for operation in group.iter_mut() {
                told.push(operation.answer());
            }
            if let Some(open) = &mut self.open {
                open.told.append(group);
            }
            let open_max = match self.patience {
                Patience::Some if !self.cache.alerts.are_many() => OPEN_MAX,
                // The thread is asked to, or has some slices to write before.
                Patience::Some | Patience::None => OVERDUE,
            };
            if !self.is_open_for(open_max) {
                return Ran::Unchanged;
            }
        }
        match self.close() {
            Ok(has_changed) => ran(has_changed),
            Err(_) => self.run_after_what_is_owed(group),
        }
    }

    /// Stores what was told before, and only then runs what was not: it may build on it.
    fn run_after_what_is_owed(&mut self, group: &mut [Box<dyn Operation>]) -> Ran {
        match self.make_good() {
            Ok(()) => self.run_closed(group),
            Err(undone) => self.undone(group, &undone),
        }
    }

    /// Writes down what must outlive this process; whether that is done.
    fn note(&mut self) -> bool {
        let notes = std::mem::take(&mut self.notes);
        let journal = self.setting.journal.as_mut();
        notes.is_empty() || journal.is_some_and(|journal| journal.write(&notes).is_ok())
    }

    fn begin_open(&mut self) -> Result<(), Undone> {
        self.begin()?;
        self.open = Some(Open {
            since: Instant::now(),
            changes_before: self.setting.connection.total_changes(),
            told: Vec::new(),
        });
        Ok(())
    }

    /// Commits the transaction that was left open; whether that changed anything.
    fn close(&mut self) -> Result<bool, Undone> {
        let Some(open) = self.open.take() else { return Ok(false) };
        self.is_whole = false;
        let outcome = self.commit(open.changes_before);
        if outcome.is_err() {
            self.owed = open.told;
            self.roll_back();
        } else if let Some(journal) = &mut self.setting.journal
            && journal.begin_anew().is_err()
        {
            self.setting.journal = None;
        }
        self.is_whole = true;
        outcome
    }

    /// Redoes what was told and has been rolled back.
    fn make_good(&mut self) -> Result<(), Undone> {
        if self.owed.is_empty() {
            return Ok(());
        }
        let mut owed = std::mem::take(&mut self.owed);
        let outcome = match self.transact(&mut owed, Course::Redone) {
            Err(Undone::ByOperation) => self.make_good_singly(&mut owed),
            outcome => outcome.map(drop),
        };
        if outcome.is_err() {
            self.owed = owed;
        }
        outcome
    }

    /// As [`State::make_good`], where one of them cannot be redone: it must not stop the others.
    fn make_good_singly(&mut self, owed: &mut Vec<Box<dyn Operation>>) -> Result<(), Undone> {
        while let Some(first) = owed.first_mut() {
            match self.transact(std::slice::from_mut(first), Course::Redone) {
                // It was told: whoever asked for it, what may pass is tried again.
                Err(Undone::ByOperation) => match first.passing_failure() {
                    Some(failure) => return Err(Undone::AtBegin(failure.clone())),
                    None => drop(owed.remove(0)),
                },
                Ok(_) => drop(owed.remove(0)),
                Err(undone) => return Err(undone),
            }
        }
        Ok(())
    }

    /// Runs the group in one transaction; where an operation fails, each in one of its own, so that
    /// none suffers from another.
    fn run_closed(&mut self, group: &mut [Box<dyn Operation>]) -> Ran {
        let undone = match self.transact(group, Course::Closed) {
            Ok(has_changed) => return ran(has_changed),
            Err(undone) => undone,
        };
        if group.len() <= 1 || matches!(undone, Undone::AtBegin(_)) {
            return self.undone(group, &undone);
        }
        let mut has_changed = false;
        for operation in group {
            match self.transact(std::slice::from_mut(operation), Course::Closed) {
                Ok(changed) => has_changed |= changed,
                Err(Undone::ByOperation) => {}
                Err(Undone::AtBegin(failure) | Undone::ByCommit(failure)) => {
                    operation.fail(&failure);
                }
            }
        }
        ran(has_changed)
    }

    /// Undoes what a panic left behind.
    fn mend(&mut self) {
        if !self.is_whole {
            self.roll_back();
            self.is_whole = true;
        }
    }

    /// Runs the operations in one transaction; whether anything changed.
    fn transact(
        &mut self,
        group: &mut [Box<dyn Operation>],
        course: Course,
    ) -> Result<bool, Undone> {
        self.begin()?;
        self.is_whole = false;
        let changes_before = self.setting.connection.total_changes();
        let is_done = group.iter_mut().all(|operation| self.run_one(operation, course));
        let outcome = match is_done {
            true => self.commit(changes_before),
            false => Err(Undone::ByOperation),
        };
        if outcome.is_err() {
            self.roll_back();
        }
        self.is_whole = true;
        outcome
    }

    fn begin(&mut self) -> Result<(), Undone> {
        let mut begun = self.waiting_for(Duration::ZERO, |state| state.execute("BEGIN IMMEDIATE"));
        if self.patience == Patience::Some && begun.as_ref().is_err_and(is_locked) {
            let knock = Knock::at(&self.setting.path);
            begun = self.waiting_for(BUSY_MAX, |state| state.execute("BEGIN IMMEDIATE"));
            drop(knock);
        }
        begun.map_err(|error| Undone::AtBegin(self.failure(&error)))?;
        match self.cache.forget_if_changed_elsewhere(&self.setting.connection) {
            Ok(false) => {}
            Ok(true) => self.not_alone_until = Some(Instant::now() + NOT_ALONE),
            Err(error) => {
                self.roll_back();
                return Err(Undone::AtBegin(self.failure(&error)));
            }
        }
        Ok(())
    }

    /// Does something for which a lock is waited for so long at the most.
    fn waiting_for<T>(
        &mut self,
        busy_max: Duration,
        act: impl FnOnce(&State) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if self.busy_max != Some(busy_max) {
            self.setting.connection.busy_timeout(busy_max)?;
            self.busy_max = Some(busy_max);
        }
        act(self)
    }

    fn run_one(&mut self, operation: &mut Box<dyn Operation>, course: Course) -> bool {
        let State { setting, cache, notes, .. } = self;
        let writing = &mut Writing {
            connection: &setting.connection,
            cache,
            machine_id: setting.machine_id,
            process_id: setting.process_id,
            notes,
            course,
        };
        operation.run(writing, &setting.path)
    }

    fn commit(&mut self, changes_before: u64) -> Result<bool, Undone> {
        let State { setting, cache, .. } = self;
        let connection = &setting.connection;
        let mut commit = || {
            cache.flush(connection)?;
            let has_changed = connection.total_changes() != changes_before;
            execute(connection, if has_changed { "COMMIT" } else { "ROLLBACK" })?;
            Ok(has_changed)
        };
        let committed = commit().map_err(|error| LedgerError::sqlite(&setting.path, &error));
        let has_changed = committed.map_err(Undone::ByCommit)?;
        self.publish_prices();
        Ok(has_changed)
    }

    fn publish_prices(&mut self) {
        if let Some(list) = self.cache.take_price_news() {
            self.setting.prices.store(list);
        }
    }

    /// Back to before the transaction, also where SQLite ended it by itself (a full disk).
    fn roll_back(&mut self) {
        if let Some(open) = self.open.take() {
            self.owed = open.told;
        }
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

#[cfg(test)]
mod tests;
