//! Counting a budget anew: after it was made, or its window, unit, zone or scope changed.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::active::ActiveBudget;
use super::facts::{self, FACT_JOINS, FACTS, StoredFacts};
use super::gone;
use super::shares::{Share, Shares};
use super::time::{from_ms, to_ms};
use super::writer::Writing;
use crate::budget::{BudgetUnit, Window};

/// Counts anew what the budget's current period has spent and what running calls hold in it.
/// `before`: the window that it was counted by.
pub(crate) fn recount(
    writing: &mut Writing<'_>,
    active: &ActiveBudget,
    before: Option<Window>,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    let connection = writing.connection;
    let seq = active.seq;
    writing.cache.counters.release(connection, seq)?;
    writing.cache.forget_running();
    // What counts now drew from the reserve, and is drawn anew below.
    let (counts, since_ms) = match before {
        Some(Window::Rolling { span }) => ("period_start_ms > ?2", to_ms(span.reach(now))),
        _ => ("coalesce(period_end_ms, ?2 + 1) > ?2 AND period_start_ms <= ?2", to_ms(now)),
    };
    let sql = format!(
        "UPDATE budget SET credits_used = credits_used - coalesce((SELECT sum(credits_used) \
         FROM counter WHERE budget_seq = ?1 AND {counts}), 0) WHERE seq = ?1"
    );
    connection.execute(&sql, params![seq, since_ms])?;
    connection.execute("DELETE FROM counter WHERE budget_seq = ?1", [seq])?;
    let running = running(connection, active)?;
    if active.budget.window != Window::Call {
        let since = match active.budget.window {
            Window::Rolling { span } => span.reach(now),
            window => window.period(now, active.budget.timezone).start,
        };
        let mut spent = gone::spent_since(connection, active, since)?;
        spent.extend(spent_since(connection, active, since)?);
        for (started, spent) in spent {
            // The first quarter-hour may have begun before.
            let started = started.max(since);
            let period = active.budget.window.period(started, active.budget.timezone);
            writing.cache.counters.add(connection, active, period, spent, 0)?;
        }
        let standing = writing.cache.counters.standing(connection, active, now, false)?;
        let limit = active.limit_at(now);
        writing.cache.counters.draw_credits(connection, active, &standing, limit)?;
    }
    for call in running {
        hold(writing, active, call)?;
    }
    Ok(())
}

/// The first instant whose calls the budget's present period is counted anew from; `None` where it needs
/// none.
pub(crate) fn needed_since(
    connection: &Connection,
    active: &ActiveBudget,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    Ok(match active.budget.window {
        Window::Call => None,
        Window::Rolling { span } => Some(span.reach(now)),
        Window::Total => first_counted(connection, active)?,
        window => Some(window.period(now, active.budget.timezone).start),
    })
}

/// When the first call began that the budget counts.
fn first_counted(
    connection: &Connection,
    active: &ActiveBudget,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let sql = format!(
        "SELECT {FACTS}, min(call.started_ms) FROM call {FACT_JOINS} \
         WHERE call.status IN ('settled', 'estimated') GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut first: Option<i64> = None;
    while let Some(row) = rows.next()? {
        if StoredFacts::read(row)?.counts_for(active.budget.unit, &active.matcher) {
            let began: i64 = row.get(10)?;
            first = Some(first.map_or(began, |first| first.min(began)));
        }
    }
    Ok(first.map(from_ms))
}

const MINUTE_MS: i64 = 60_000;

/// What ended calls have spent since `start`, with the instant of the last of them.
fn spent_since(
    connection: &Connection,
    active: &ActiveBudget,
    start: DateTime<Utc>,
) -> rusqlite::Result<Vec<(DateTime<Utc>, i64)>> {
    let spent = facts::spent(active.budget.unit);
    let sum = format!("coalesce(sum({spent}), 0)");
    // All of the current calendar period is one sum; a rolling window's buckets are summed each, and
    // so is, by the minute, what a clock that was set back has left after that period.
    let (whole_until_ms, bucket_ms) = match active.budget.window {
        Window::Rolling { span } => (i64::MIN, span.bucket_ms()),
        window => {
            let end = window.period(start, active.budget.timezone).end;
            (end.map_or(i64::MAX, to_ms), MINUTE_MS)
        }
    };
    let sql = format!(
        "SELECT {FACTS}, {sum}, max(call.started_ms) FROM call {FACT_JOINS} \
         WHERE call.started_ms > ?1 - 1 AND call.status IN ('settled', 'estimated') \
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, \
         CASE WHEN call.started_ms >= ?3 THEN call.started_ms / ?2 END"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([to_ms(start), bucket_ms, whole_until_ms])?;
    let mut spent = Vec::new();
    while let Some(row) = rows.next()? {
        if StoredFacts::read(row)?.counts_for(active.budget.unit, &active.matcher) {
            spent.push((from_ms(row.get(11)?), row.get(10)?));
        }
    }
    Ok(spent)
}

/// A running call that the budget counts.
struct RunningCall {
    seq: i64,
    started: DateTime<Utc>,
    ceiling_pico: i64,
    shares: Shares,
    counts: bool,
}

fn running(connection: &Connection, active: &ActiveBudget) -> rusqlite::Result<Vec<RunningCall>> {
    let sql = format!(
        "SELECT {FACTS}, call.seq, call.started_ms, coalesce(call.ceiling_pico, 0), call.shares \
         FROM call {FACT_JOINS} WHERE call.owner IS NOT NULL AND call.status = 'running'"
    );
    connection
        .prepare(&sql)?
        .query_map([], |row| {
            Ok(RunningCall {
                seq: row.get(10)?,
                started: from_ms(row.get(11)?),
                ceiling_pico: row.get(12)?,
                shares: row.get(13)?,
                counts: StoredFacts::read(row)?.counts_for(active.budget.unit, &active.matcher),
            })
        })?
        .collect()
}

/// Gives a running call a hold in the budget, in the period that admitted it; the one it may have
/// had there by other rules is dropped.
fn hold(
    writing: &mut Writing<'_>,
    active: &ActiveBudget,
    call: RunningCall,
) -> rusqlite::Result<()> {
    let mut shares = call.shares;
    let before = shares.0.len();
    shares.0.retain(|share| share.budget_seq != active.seq);
    if call.counts {
        let held = match active.budget.unit {
            BudgetUnit::Usd => call.ceiling_pico,
            BudgetUnit::Calls => 1,
            // The ceiling in tokens is not stored: the call counts once it has ended.
            BudgetUnit::Tokens => 0,
        };
        let period = active.budget.window.period(call.started, active.budget.timezone);
        if active.budget.window != Window::Call {
            writing.cache.counters.add(writing.connection, active, period, 0, held)?;
        }
        let period_start_ms = to_ms(period.start);
        shares.0.push(Share { budget_seq: active.seq, period_start_ms, held, charged: None });
    } else if shares.0.len() == before {
        return Ok(());
    }
    writing
        .connection
        .prepare_cached("UPDATE call SET shares = ?2 WHERE seq = ?1")?
        .execute(params![call.seq, shares])
        .map(drop)
}
