//! Two processes on one file, the calls they run, and what each step does to them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use outlay_core::ledger::{Admission, Ledger, NewCall, Opening, Role, Ticket};
use rusqlite::Connection;
use uuid::Uuid;

use crate::budgets::Known;
use crate::desk::{call, noon};
use crate::provider::{Consumed, Served};
use crate::schedule::{CallPlan, End, Schedule, Step};
use crate::sight::{self, Sight};

/// What went wrong, in words.
pub(crate) type Checked = Result<(), String>;

/// A process that forwards calls.
struct Process {
    ledger: Ledger,
    /// The file by which others know that it lives.
    lock: PathBuf,
}

/// A call that runs.
pub(crate) struct Running {
    pub(crate) id: Uuid,
    pub(crate) process: usize,
    pub(crate) served: Served,
    /// Budgets that refused when it was admitted, and have held for it since.
    pub(crate) promised: Vec<i64>,
    /// Whether some budget counts it that cannot bound it.
    pub(crate) is_unbounded: bool,
}

/// Where a call waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) budget: i64,
    /// Not for money: bounded calls pass it.
    pub(crate) for_its_like: bool,
}

/// A call that waits, or whose process died while it did.
pub(crate) struct Waiter {
    pub(crate) id: Uuid,
    process: usize,
    pub(crate) plan: CallPlan,
    /// `None` once its process is dead.
    ticket: Option<Ticket>,
    /// Its place among all calls.
    pub(crate) order: u64,
    /// When it last asked: it moves forward only.
    at: DateTime<Utc>,
    /// The budgets that it was told to wait for.
    pub(crate) budgets: Vec<Queued>,
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) plan: CallPlan,
    pub(crate) order: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) is_last: bool,
    /// The budgets before which it waits already.
    budgets: &'a [Queued],
}

pub(crate) struct World {
    folder: PathBuf,
    pub(crate) file: Connection,
    known: RefCell<Option<(i64, Rc<Sight>)>>,
    processes: Vec<Process>,
    pub(crate) running: Vec<Running>,
    pub(crate) waiting: Vec<Waiter>,
    /// Running calls whose process is dead.
    pub(crate) orphans: Vec<Running>,
    /// What dead processes left behind in memory: tidied up only when the schedule is over.
    graves: Vec<(Ledger, Vec<Ticket>)>,
    buried: Vec<Running>,
    pub(crate) budgets: Vec<Known>,
    pub(crate) bypasses: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) made: usize,
    /// Whether a budget was changed, or bypassed, since the beginning.
    pub(crate) has_changed: bool,
    pub(crate) now: DateTime<Utc>,
    arrivals: u64,
    pub(crate) shown_percent: u64,
    /// What the calls that ended were charged, in picodollars.
    pub(crate) billed: i64,
}

impl World {
    /// A world in `folder`, on a copy of `template`.
    pub(crate) fn new(folder: &Path, template: &[u8], schedule: &Schedule) -> World {
        std::fs::write(folder.join("outlay.db"), template).unwrap();
        let mut world = World {
            folder: folder.to_owned(),
            file: sight::open(folder),
            known: RefCell::default(),
            processes: Vec::new(),
            running: Vec::new(),
            waiting: Vec::new(),
            orphans: Vec::new(),
            graves: Vec::new(),
            buried: Vec::new(),
            budgets: Vec::new(),
            bypasses: Vec::new(),
            made: 0,
            has_changed: false,
            now: noon(),
            arrivals: 0,
            shown_percent: schedule.shown_percent,
            billed: 0,
        };
        for _ in 0..2 {
            let process = world.begin_process();
            world.processes.push(process);
        }
        world
    }

    fn begin_process(&self) -> Process {
        let locks = || -> BTreeSet<PathBuf> {
            let Ok(entries) = std::fs::read_dir(self.folder.join("processes")) else {
                return BTreeSet::new();
            };
            let paths = entries.map(|entry| entry.unwrap().path());
            paths.filter(|path| path.extension().is_some_and(|ending| ending == "lock")).collect()
        };
        let before = locks();
        let opening = Opening { role: Role::Forward, now: self.now, changed: Arc::new(|| {}) };
        let ledger = Ledger::open(&self.folder, opening).unwrap();
        let lock = locks().difference(&before).next().unwrap().clone();
        Process { ledger, lock }
    }

    /// What stands in the file now; it is read again only when somebody has written.
    pub(crate) fn sight(&self) -> Rc<Sight> {
        let version: i64 =
            self.file.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap();
        let mut known = self.known.borrow_mut();
        match &*known {
            Some((at, sight)) if *at == version => Rc::clone(sight),
            _ => {
                let sight = Rc::new(Sight::of(&self.file));
                *known = Some((version, Rc::clone(&sight)));
                sight
            }
        }
    }

    /// The first process's ledger.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.processes[0].ledger
    }

    pub(crate) fn step(&mut self, step: &Step) -> Checked {
        match step {
            Step::Call(plan) => self.ask_first(*plan)?,
            Step::Generate { which, tokens } => self.generate(*which, *tokens)?,
            Step::End { which, how } => {
                if !self.running.is_empty() {
                    let running = self.running.remove(which % self.running.len());
                    self.end(running, *how)?;
                }
            }
            Step::Ask { which } => self.ask(*which, false)?,
            Step::AskLast { which } => self.ask(*which, true)?,
            Step::Leave { which } => {
                if let Some(mut waiter) = self.take_waiter(*which) {
                    drop(waiter.ticket.take());
                    self.settle_down(waiter.process)?;
                }
            }
            Step::Crash { process } => self.crash(*process),
            Step::Recover { process } => self.recover(*process)?,
            Step::Clock { ms } => self.now += TimeDelta::milliseconds(*ms),
            change => {
                self.has_changed = true;
                self.change_budget(change)?;
            }
        }
        self.check_all(&self.sight())
    }

    fn ask_first(&mut self, plan: CallPlan) -> Checked {
        let new = NewCall {
            bounds: plan.bounds(),
            is_strict: plan.is_strict,
            project: plan.is_of_project.then(|| "p".to_owned()),
            ..call(self.now, None)
        };
        self.arrivals += 1;
        let asking =
            Asking { plan, order: self.arrivals, at: self.now, is_last: false, budgets: &[] };
        let answer = self.processes[plan.process].ledger.reserve(new).wait();
        let answer = answer.map_err(|error| format!("reserve: {error}"))?;
        self.answered(asking, plan.process, answer)
    }

    /// The `which`th of the waiting calls whose process lives.
    fn take_waiter(&mut self, which: usize) -> Option<Waiter> {
        let living: Vec<usize> =
            (0..self.waiting.len()).filter(|at| self.waiting[*at].ticket.is_some()).collect();
        let at = *living.get(which % living.len().max(1))?;
        Some(self.waiting.remove(at))
    }

    fn ask(&mut self, which: usize, is_last: bool) -> Checked {
        match self.take_waiter(which) {
            Some(waiter) => self.ask_again(waiter, is_last),
            None => Ok(()),
        }
    }

    fn ask_again(&mut self, mut waiter: Waiter, is_last: bool) -> Checked {
        let Some(ticket) = waiter.ticket.take() else { return Ok(()) };
        let ledger = &self.processes[waiter.process].ledger;
        let at = waiter.at.max(self.now);
        let answer = match is_last {
            true => ledger.ask_last(ticket, self.now).wait(),
            false => ledger.ask_again(ticket, self.now).wait(),
        };
        let answer = answer.map_err(|error| format!("ask again: {error}"))?;
        let (plan, order, budgets) = (waiter.plan, waiter.order, &waiter.budgets);
        self.answered(Asking { plan, order, at, is_last, budgets }, waiter.process, answer)
    }

    fn answered(&mut self, asking: Asking<'_>, process: usize, answer: Admission) -> Checked {
        let sight = self.sight();
        match answer {
            Admission::Admitted { reservation, output_cap, .. } => {
                let id = reservation.call();
                let served = Served::new(asking.plan, reservation, output_cap, self.shown_percent);
                self.check_admitted(&asking, &served, &sight)?;
                let promised = self.refusing(asking.plan.is_of_project, asking.at);
                let promised = promised.map(|known| known.seq).collect();
                let is_unbounded = self.budgets.iter().any(|known| {
                    known.counts(asking.plan.is_of_project)
                        && !asking.plan.is_bounded_in(&known.plan)
                });
                self.running.push(Running { id, process, served, promised, is_unbounded });
            }
            Admission::Wait(ticket) => {
                self.check_waits(&asking, &ticket, &sight)?;
                let name = ticket.refusal().budget.as_ref().map(|stop| stop.name.clone());
                let known = self.budgets.iter().find(|known| Some(&known.name) == name.as_ref());
                let seq = known.ok_or("it waits for a budget that is not there")?.seq;
                let mut budgets = asking.budgets.to_vec();
                budgets.retain(|queued| queued.budget != seq);
                budgets.push(Queued { budget: seq, for_its_like: ticket.is_for_its_like() });
                let waiter = Waiter {
                    id: ticket.refusal().call,
                    process,
                    plan: asking.plan,
                    ticket: Some(ticket),
                    order: asking.order,
                    at: asking.at,
                    budgets,
                };
                let place = self.waiting.partition_point(|other| other.order < waiter.order);
                self.waiting.insert(place, waiter);
            }
            Admission::Refused(refusal) => self.check_refused(&asking, &refusal, &sight)?,
        }
        Ok(())
    }

    /// Ends a running call.
    pub(crate) fn end(&mut self, running: Running, how: End) -> Checked {
        match how {
            End::ByItself => self.end_by_itself(running),
            End::Aborted(percent) => {
                let consumed = running.served.consumed(percent);
                self.settle(running, Some(consumed), false)
            }
            End::Failed => self.settle(running, None, false),
            End::Lost | End::Unsent => {
                let was_sent = matches!(how, End::Lost);
                let Running { id, process, served, promised, .. } = running;
                if was_sent {
                    served.reservation.mark_sent();
                }
                let facts = served.facts();
                drop(served);
                self.settle_down(process)?;
                self.check_abandoned(id, &facts, &promised, was_sent)
            }
        }
    }

    pub(crate) fn settle(
        &mut self,
        running: Running,
        consumed: Option<Consumed>,
        ended: bool,
    ) -> Checked {
        let Running { id, process, served, promised, .. } = running;
        let ledger = &self.processes[process].ledger;
        let settlement = served.settlement(ledger, consumed, ended, self.now);
        let facts = served.facts();
        let settled = served.reservation.settle(settlement).wait();
        settled.map_err(|error| format!("settle: {error}"))?;
        self.check_settled(id, &facts, &promised, consumed)
    }

    /// Waits until what was dropped has reached the file.
    fn settle_down(&self, process: usize) -> Checked {
        let reply = self.processes[process].ledger.acknowledge_alerts(None, self.now).wait();
        reply.map(drop).map_err(|error| format!("settle down: {error}"))
    }

    fn crash(&mut self, process: usize) {
        // Nobody tidies up after it: its reservations are kept from settling until the schedule is
        // over, and its lock is gone.
        std::fs::remove_file(&self.processes[process].lock).unwrap();
        let next = self.begin_process();
        let dead = std::mem::replace(&mut self.processes[process], next);
        let (died, live): (Vec<_>, Vec<_>) =
            self.running.drain(..).partition(|running| running.process == process);
        self.running = live;
        self.orphans.extend(died);
        let waited = self.waiting.iter_mut().filter(|waiter| waiter.process == process);
        let tickets = waited.filter_map(|waiter| waiter.ticket.take()).collect();
        self.graves.push((dead.ledger, tickets));
    }

    pub(crate) fn recover(&mut self, process: usize) -> Checked {
        let recovered = self.processes[process].ledger.recover(self.now).wait();
        let recovered = recovered.map_err(|error| format!("recover: {error}"))?;
        let orphans = std::mem::take(&mut self.orphans);
        if recovered != orphans.len() as u64 {
            return Err(format!("recovered {recovered} calls of {}", orphans.len()));
        }
        for orphan in orphans {
            self.check_abandoned(orphan.id, &orphan.served.facts(), &orphan.promised, true)?;
            self.buried.push(orphan);
        }
        let sight = self.sight();
        for dead in self.waiting.extract_if(.., |waiter| waiter.ticket.is_none()) {
            if sight.row(dead.id).is_none_or(|row| row.status != "failed") {
                return Err(format!("a dead process's call still waits: {}", dead.id));
            }
        }
        Ok(())
    }

    /// Lets everything come to its end: whoever waits goes or is refused once nothing is held.
    pub(crate) fn finish(&mut self) -> Checked {
        self.recover(1)?;
        loop {
            while let Some(running) = self.running.pop() {
                self.end(running, End::ByItself)?;
            }
            if self.waiting.is_empty() {
                break;
            }
            let first = self.waiting.remove(0);
            let id = first.id;
            self.ask_again(first, false)?;
            if self.waiting.iter().any(|waiter| waiter.id == id) {
                return Err(format!("{id} waits, and nobody holds anything"));
            }
        }
        let sight = self.sight();
        self.check_all(&sight)?;
        self.check_at_rest(&sight)?;
        // What the dead still have in memory changes nothing any more.
        self.buried.clear();
        for (ledger, tickets) in std::mem::take(&mut self.graves) {
            drop(tickets);
            drop(ledger);
        }
        self.check_at_rest(&self.sight())
    }
}
