//! Counting a budget anew: after it was made, or its window, unit, zone or scope changed.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::active::ActiveBudget;
use super::shares::{Share, Shares};
use super::time::{from_ms, to_ms};
use super::writer::Writing;
use crate::budget::{BudgetUnit, CallFacts, Window};

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
        for (started, spent) in spent_since(connection, active, since)? {
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

const MINUTE_MS: i64 = 60_000;

const FACTS: &str = "p.text, a.name, coalesce(m.text, ''), j.text, k.text, c.text, s.text, \
     coalesce(t.text, ''), a.plan_login, r.text";
const FACT_JOINS: &str = "JOIN account a ON a.id = call.account_id \
     JOIN dimension p ON p.id = call.provider_id \
     LEFT JOIN dimension m ON m.id = call.model_requested_id \
     LEFT JOIN dimension j ON j.id = call.project_id \
     LEFT JOIN dimension k ON k.id = call.key_id \
     LEFT JOIN dimension c ON c.id = call.client_id \
     LEFT JOIN dimension s ON s.id = call.session_id \
     LEFT JOIN dimension t ON t.id = call.tags_id \
     LEFT JOIN dimension r ON r.id = call.run_id";

struct StoredFacts {
    provider: String,
    account: String,
    model: String,
    project: Option<String>,
    key: Option<String>,
    client: Option<String>,
    session: Option<String>,
    tags: String,
    plan_login: bool,
    run: Option<String>,
}

impl StoredFacts {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredFacts> {
        Ok(StoredFacts {
            provider: row.get(0)?,
            account: row.get(1)?,
            model: row.get(2)?,
            project: row.get(3)?,
            key: row.get(4)?,
            client: row.get(5)?,
            session: row.get(6)?,
            tags: row.get(7)?,
            plan_login: row.get(8)?,
            run: row.get(9)?,
        })
    }

    fn counts_for(&self, active: &ActiveBudget) -> bool {
        let facts = CallFacts {
            provider: &self.provider,
            account: &self.account,
            model: &self.model,
            project: self.project.as_deref(),
            key: self.key.as_deref(),
            client: self.client.as_deref(),
            session: self.session.as_deref(),
            tags: &self.tags,
            run: self.run.as_deref(),
        };
        !(self.plan_login && active.budget.unit == BudgetUnit::Usd)
            && active.matcher.matches(&facts)
    }
}

/// What ended calls have spent since `start`, with the instant of the last of them.
fn spent_since(
    connection: &Connection,
    active: &ActiveBudget,
    start: DateTime<Utc>,
) -> rusqlite::Result<Vec<(DateTime<Utc>, i64)>> {
    let sum = match active.budget.unit {
        BudgetUnit::Usd => "coalesce(sum(cost_pico), 0)",
        BudgetUnit::Calls => "count(*)",
        BudgetUnit::Tokens => {
            "coalesce(sum(coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) \
             + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0) \
             + coalesce(output_tokens, 0) + coalesce(audio_input_tokens, 0) \
             + coalesce(audio_output_tokens, 0)), 0)"
        }
    };
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
        if StoredFacts::read(row)?.counts_for(active) {
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
                counts: StoredFacts::read(row)?.counts_for(active),
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
