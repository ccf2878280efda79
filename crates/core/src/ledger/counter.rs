//! What each (budget, period) has spent and holds: a row each, of which the writer keeps those in
//! use in memory and writes the changed ones once a commit. Nothing is summed over calls here.
//!
//! A rolling window is a row of buckets; those within its reach are summed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use foldhash::HashMap;
use rusqlite::{Connection, ToSql, params};

use super::active::ActiveBudget;
use super::time::{from_ms, to_ms};
use crate::admission::Funds;
use crate::budget::{BudgetKind, Period, QuotaStanding, Window};

/// The counts of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) spent: i64,
    pub(crate) held: i64,
    pub(crate) credits_used: i64,
    pub(crate) refusing: bool,
    /// The highest warn threshold that was told and is still reached; 0 for none.
    pub(crate) told_percent: u8,
}

/// A budget with its period and what it has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Where a call of that instant is counted.
    pub(crate) period: Period,
    /// When something comes back: the period's end, or the oldest spend's leave.
    pub(crate) reset: Option<DateTime<Utc>>,
    pub(crate) counter: Counter,
    pub(crate) funds: Funds,
}

impl Standing {
    fn new(
        active: &ActiveBudget,
        at: DateTime<Utc>,
        is_bypassed: bool,
        (period, reset): (Period, Option<DateTime<Utc>>),
        counter: Counter,
        credits: i64,
    ) -> Standing {
        let budget = &active.budget;
        let kind = if is_bypassed { BudgetKind::Soft } else { active.kind_at(at) };
        let funds = Funds {
            kind,
            unit: budget.unit,
            limit: active.limit_at(at),
            credits,
            spent: counter.spent,
            held: counter.held,
            has_unbounded: false,
            allow_unpriced: budget.allow_unpriced,
            may_cap: budget.may_cap,
        };
        Standing { period, reset, counter, funds }
    }
}

/// The rows in use, by budget and the beginning of their period.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    budgets: HashMap<i64, Periods>,
    has_changes: bool,
}

#[derive(Debug, Default)]
struct Periods {
    /// The period that was asked for last: whose day it is in which zone costs more to tell than to
    /// remember.
    latest: Option<Period>,
    rows: BTreeMap<i64, Row>,
    /// Of a rolling window: all rows that begin after this are there.
    whole_after_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    end_ms: Option<i64>,
    counter: Counter,
    is_changed: bool,
}

impl Counters {
    /// How the budget stands for a call of `at`. `is_bypassed`: no limit refuses now.
    pub(crate) fn standing(
        &mut self,
        connection: &Connection,
        active: &ActiveBudget,
        at: DateTime<Utc>,
        is_bypassed: bool,
    ) -> rusqlite::Result<Standing> {
        let period = self.period(active, at);
        let (counter, reset) = match active.budget.window {
            // Each call is its own period: nothing carries over.
            Window::Call => (Counter::default(), None),
            Window::Rolling { span } => {
                let reach_ms = to_ms(span.reach(at));
                let periods = self.reaching(connection, active.seq, reach_ms)?;
                let within = periods.rows.range(reach_ms + 1..);
                let first =
                    within.clone().find(|(_, row)| row.counter.spent + row.counter.held > 0);
                let reset = first.map(|(start_ms, _)| span.leaves_at(from_ms(*start_ms)));
                (sum(within.map(|(_, row)| row.counter)), reset)
            }
            _ => (self.row(connection, active.seq, period)?.counter, period.end),
        };
        let credits = match active.has_credits {
            true => {
                let (total, used) = credits(connection, active.seq)?;
                let claimed = self.claimed_elsewhere(connection, active, period)?;
                (total - used - claimed).max(0) + counter.credits_used
            }
            false => 0,
        };
        Ok(Standing::new(active, at, is_bypassed, (period, reset), counter, credits))
    }

    /// What calls that run on in other periods than this one may still draw from the reserve.
    fn claimed_elsewhere(
        &mut self,
        connection: &Connection,
        active: &ActiveBudget,
        period: Period,
    ) -> rusqlite::Result<i64> {
        let window = active.budget.window;
        if window.is_rolling() || window == Window::Call {
            return Ok(0);
        }
        self.flush(connection)?;
        connection
            .prepare_cached(
                "SELECT period_end_ms, spent + held, credits_used FROM counter \
                 WHERE budget_seq = ?1 AND period_start_ms <> ?2 AND held > 0",
            )?
            .query_map(params![active.seq, to_ms(period.start)], |row| {
                let (end_ms, all, drawn): (Option<i64>, i64, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                let last = end_ms.map_or(period.start, |end_ms| from_ms(end_ms - 1));
                Ok(all.saturating_sub(active.limit_at(last)).saturating_sub(drawn).max(0))
            })?
            .try_fold(0, |sum: i64, claim| Ok(sum.saturating_add(claim?)))
    }

    /// The budget's period of `at`.
    pub(crate) fn period(&mut self, active: &ActiveBudget, at: DateTime<Utc>) -> Period {
        let budget = &active.budget;
        let period = || budget.window.period(at, budget.timezone);
        if budget.window.is_rolling() {
            return period();
        }
        let latest = &mut self.budgets.entry(active.seq).or_default().latest;
        match latest {
            Some(latest) if contains(latest, at) => *latest,
            _ => *latest.insert(period()),
        }
    }

    /// How the budget stands for a call of `at`, by what is remembered; `None` where the file would
    /// have to be asked.
    pub(crate) fn known(&self, active: &ActiveBudget, at: DateTime<Utc>) -> Option<Standing> {
        if active.has_credits {
            return None;
        }
        if active.budget.window.is_rolling() {
            return None;
        }
        let periods = self.budgets.get(&active.seq)?;
        let period = periods.latest.filter(|latest| contains(latest, at))?;
        let (counter, reset) = match active.budget.window {
            Window::Call => (Counter::default(), None),
            _ => (periods.rows.get(&to_ms(period.start))?.counter, period.end),
        };
        Some(Standing::new(active, at, false, (period, reset), counter, 0))
    }

    /// When a call that needs `needed` more would fit, by what leaves of itself; `None` where it
    /// never will.
    pub(crate) fn fits_at(
        &mut self,
        connection: &Connection,
        active: &ActiveBudget,
        standing: &Standing,
        needed: i64,
        at: DateTime<Utc>,
    ) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let Window::Rolling { span } = active.budget.window else { return Ok(standing.reset) };
        let reach_ms = to_ms(span.reach(at));
        let mut short = needed.saturating_sub(standing.funds.free());
        for (start_ms, row) in
            self.reaching(connection, active.seq, reach_ms)?.rows.range(reach_ms + 1..)
        {
            short = short.saturating_sub(row.counter.spent).saturating_sub(row.counter.held);
            if short <= 0 {
                return Ok(Some(span.leaves_at(from_ms(*start_ms))));
            }
        }
        Ok(None)
    }

    /// Adds to a period's counts; negative figures take away.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        active: &ActiveBudget,
        period: Period,
        spent: i64,
        held: i64,
    ) -> rusqlite::Result<()> {
        let counter = &mut self.changing(connection, active.seq, period)?.counter;
        counter.spent = counter.spent.saturating_add(spent);
        counter.held = counter.held.saturating_add(held);
        let was_admitted = held > 0 && counter.refusing;
        counter.refusing &= !was_admitted;
        if held > 0 && active.budget.window.is_rolling() {
            self.stop_refusing(active.seq);
        }
        Ok(())
    }

    /// Remembers that the period refuses, until a call is admitted in it.
    pub(crate) fn set_refusing(
        &mut self,
        connection: &Connection,
        budget_seq: i64,
        period: Period,
    ) -> rusqlite::Result<()> {
        if !self.row(connection, budget_seq, period)?.counter.refusing {
            self.changing(connection, budget_seq, period)?.counter.refusing = true;
        }
        Ok(())
    }

    /// Remembers the highest warn threshold that was told in the period and is still reached.
    pub(crate) fn set_told(
        &mut self,
        connection: &Connection,
        budget_seq: i64,
        period: Period,
        percent: u8,
    ) -> rusqlite::Result<()> {
        self.changing(connection, budget_seq, period)?.counter.told_percent = percent;
        Ok(())
    }

    /// Draws what the budget has spent beyond `limit` from its reserve, for the period of `at`.
    pub(crate) fn draw_credits(
        &mut self,
        connection: &Connection,
        active: &ActiveBudget,
        standing: &Standing,
        limit: i64,
    ) -> rusqlite::Result<()> {
        if !active.has_credits {
            return Ok(());
        }
        let (total, used) = credits(connection, active.seq)?;
        let over = standing.counter.spent.saturating_sub(limit).max(0);
        let drawn = over.saturating_sub(standing.counter.credits_used).min(total - used);
        if drawn <= 0 {
            return Ok(());
        }
        connection
            .prepare_cached("UPDATE budget SET credits_used = credits_used + ?2 WHERE seq = ?1")?
            .execute(params![active.seq, drawn])?;
        self.changing(connection, active.seq, standing.period)?.counter.credits_used += drawn;
        Ok(())
    }

    /// Writes the changed rows: to be called before each commit.
    pub(crate) fn flush(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !std::mem::take(&mut self.has_changes) {
            return Ok(());
        }
        let mut update = connection.prepare_cached(
            "UPDATE counter SET period_end_ms = ?3, spent = ?4, held = ?5, credits_used = ?6, \
             refusing = ?7, told_percent = ?8 WHERE budget_seq = ?1 AND period_start_ms = ?2",
        )?;
        for (budget_seq, periods) in &mut self.budgets {
            for (start_ms, row) in periods.rows.iter_mut().filter(|(_, row)| row.is_changed) {
                row.is_changed = false;
                let Counter { spent, held, credits_used, refusing, told_percent } = row.counter;
                let values = params![
                    budget_seq,
                    start_ms,
                    row.end_ms,
                    spent,
                    held,
                    credits_used,
                    refusing,
                    told_percent
                ];
                if update.execute(values)? == 0 {
                    insert(connection, values)?;
                }
            }
        }
        Ok(())
    }

    /// Forgets everything: what was not written is lost.
    pub(crate) fn clear(&mut self) {
        self.budgets.clear();
        self.has_changes = false;
    }

    /// Writes and forgets what is known of one budget, whose rows are about to change in the file.
    pub(crate) fn release(
        &mut self,
        connection: &Connection,
        budget_seq: i64,
    ) -> rusqlite::Result<()> {
        self.flush(connection)?;
        self.budgets.remove(&budget_seq);
        Ok(())
    }

    fn stop_refusing(&mut self, budget_seq: i64) {
        let Some(periods) = self.budgets.get_mut(&budget_seq) else { return };
        for row in periods.rows.values_mut().filter(|row| row.counter.refusing) {
            row.counter.refusing = false;
            row.is_changed = true;
            self.has_changes = true;
        }
    }

    fn changing(
        &mut self,
        connection: &Connection,
        budget_seq: i64,
        period: Period,
    ) -> rusqlite::Result<&mut Row> {
        self.has_changes = true;
        let row = self.row(connection, budget_seq, period)?;
        row.is_changed = true;
        Ok(row)
    }

    fn row(
        &mut self,
        connection: &Connection,
        budget_seq: i64,
        period: Period,
    ) -> rusqlite::Result<&mut Row> {
        let rows = &mut self.budgets.entry(budget_seq).or_default().rows;
        let start_ms = to_ms(period.start);
        let row = match rows.entry(start_ms) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(unknown) => {
                let stored = load(connection, budget_seq, start_ms, start_ms)?;
                let (_, row) = stored.into_iter().next().unwrap_or_default();
                unknown.insert(row)
            }
        };
        row.end_ms = period.end.map(to_ms);
        Ok(row)
    }

    /// The rows of a rolling window that begin after `reach_ms`.
    fn reaching(
        &mut self,
        connection: &Connection,
        budget_seq: i64,
        reach_ms: i64,
    ) -> rusqlite::Result<&Periods> {
        let periods = self.budgets.entry(budget_seq).or_default();
        match periods.whole_after_ms {
            Some(whole_after_ms) if whole_after_ms <= reach_ms => {
                // What no longer counts need not be remembered.
                periods.rows.retain(|start_ms, row| *start_ms > reach_ms || row.is_changed);
                periods.whole_after_ms = Some(reach_ms);
            }
            _ => {
                for (start_ms, row) in load(connection, budget_seq, reach_ms + 1, i64::MAX)? {
                    periods.rows.entry(start_ms).or_insert(row);
                }
                periods.whole_after_ms = Some(reach_ms);
            }
        }
        Ok(periods)
    }
}

fn contains(period: &Period, at: DateTime<Utc>) -> bool {
    period.start <= at && period.end.is_none_or(|end| at < end)
}

/// The standing with the least left in percent.
pub(crate) fn tightest<'a>(
    standings: impl Iterator<Item = (&'a ActiveBudget, Standing)>,
) -> Option<QuotaStanding> {
    standings
        .min_by(|(_, a), (_, b)| {
            let left = |standing: &Standing, other: &Standing| {
                i128::from(shown(standing).1) * i128::from(other.funds.cap().max(1))
            };
            left(a, b).cmp(&left(b, a))
        })
        .map(|(active, standing)| quota(active, &standing))
}

/// What is used, spent and held, and what remains: together the cap.
fn shown(standing: &Standing) -> (i64, i64) {
    let cap = standing.funds.cap().max(0);
    let used = standing.funds.spent.saturating_add(standing.funds.held).clamp(0, cap);
    (used, cap - used)
}

fn quota(active: &ActiveBudget, standing: &Standing) -> QuotaStanding {
    let cap = standing.funds.cap().max(0);
    let (used, _) = shown(standing);
    let first_warning = active.budget.warn_percent.first().copied().unwrap_or(100);
    let spent = i128::from(standing.funds.spent.saturating_add(standing.funds.held));
    QuotaStanding {
        budget: active.budget.name.clone(),
        unit: active.budget.unit,
        cap,
        used,
        reset: standing.reset,
        warned: spent * 100 >= i128::from(cap) * i128::from(first_warning),
    }
}

fn sum(counters: impl Iterator<Item = Counter>) -> Counter {
    counters.fold(Counter::default(), |sum, counter| Counter {
        spent: sum.spent.saturating_add(counter.spent),
        held: sum.held.saturating_add(counter.held),
        credits_used: sum.credits_used.saturating_add(counter.credits_used),
        refusing: sum.refusing || counter.refusing,
        told_percent: sum.told_percent.max(counter.told_percent),
    })
}

fn load(
    connection: &Connection,
    budget_seq: i64,
    from_ms: i64,
    to_ms: i64,
) -> rusqlite::Result<Vec<(i64, Row)>> {
    connection
        .prepare_cached(
            "SELECT period_start_ms, period_end_ms, spent, held, credits_used, refusing, \
             told_percent FROM counter WHERE budget_seq = ?1 AND period_start_ms BETWEEN ?2 AND ?3",
        )?
        .query_map([budget_seq, from_ms, to_ms], |row| {
            let counter = Counter {
                spent: row.get(2)?,
                held: row.get(3)?,
                credits_used: row.get(4)?,
                refusing: row.get(5)?,
                told_percent: row.get(6)?,
            };
            Ok((row.get(0)?, Row { end_ms: row.get(1)?, counter, is_changed: false }))
        })?
        .collect()
}

fn insert(connection: &Connection, values: &[&dyn ToSql]) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO counter (budget_seq, period_start_ms, period_end_ms, spent, held, \
             credits_used, refusing, told_percent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(values)
        .map(drop)
}

/// The reserve's total and what periods have drawn from it.
pub(crate) fn credits(connection: &Connection, seq: i64) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached("SELECT credits_total, credits_used FROM budget WHERE seq = ?1")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Forgets that the budget refuses: it was changed, and the next call will tell.
pub(crate) fn clear_refusing(
    counters: &mut Counters,
    connection: &Connection,
    budget_seq: i64,
) -> rusqlite::Result<()> {
    counters.release(connection, budget_seq)?;
    connection
        .prepare_cached("UPDATE counter SET refusing = 0 WHERE budget_seq = ?1 AND refusing = 1")?
        .execute([budget_seq])
        .map(drop)
}
