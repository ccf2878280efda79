//! One row a (budget, period): what is spent and held. Nothing is summed on the hot path.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::active::ActiveBudget;
use super::time::{from_ms, to_ms};
use crate::admission::Funds;
use crate::budget::{BudgetUnit, CallFacts, Period, QuotaStanding, Window};

/// The counts of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) spent: i64,
    pub(crate) held: i64,
    pub(crate) credits_used: i64,
    pub(crate) refusing: bool,
}

/// A budget with its period and what it has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) period: Period,
    pub(crate) counter: Counter,
    pub(crate) funds: Funds,
}

/// How the budget stands in the period of `at`.
pub(crate) fn standing(
    connection: &Connection,
    active: &ActiveBudget,
    at: DateTime<Utc>,
) -> rusqlite::Result<Standing> {
    let budget = &active.budget;
    let period = budget.window.period(at, budget.timezone);
    let counter = match budget.window {
        // Each call is its own period: nothing carries over.
        Window::Call => Counter::default(),
        _ => load(connection, active.seq, period.start)?,
    };
    let credits = if active.has_credits {
        let (total, used) = credits(connection, active.seq)?;
        total - used + counter.credits_used
    } else {
        0
    };
    let funds = Funds {
        kind: budget.kind,
        unit: budget.unit,
        limit: active.limit_at(at),
        credits,
        spent: counter.spent,
        held: counter.held,
        allow_unpriced: budget.allow_unpriced,
        may_cap: budget.may_cap,
    };
    Ok(Standing { period, counter, funds })
}

/// The standing with the least left in percent.
pub(crate) fn tightest<'a>(
    standings: impl Iterator<Item = (&'a ActiveBudget, Standing)>,
) -> Option<QuotaStanding> {
    standings.map(|(active, standing)| quota(active, &standing)).min_by(|a, b| {
        let left = |q: &QuotaStanding, other: &QuotaStanding| {
            i128::from(q.remaining()) * i128::from(other.cap.max(1))
        };
        left(a, b).cmp(&left(b, a))
    })
}

fn quota(active: &ActiveBudget, standing: &Standing) -> QuotaStanding {
    let cap = standing.funds.cap().max(0);
    let used = standing.funds.spent.saturating_add(standing.funds.held).clamp(0, cap);
    let first_warning = active.budget.warn_percent.first().copied().unwrap_or(100);
    let spent = i128::from(standing.funds.spent.saturating_add(standing.funds.held));
    QuotaStanding {
        budget: active.budget.name.clone(),
        unit: active.budget.unit,
        cap,
        used,
        reset: standing.period.end,
        warned: spent * 100 >= i128::from(cap) * i128::from(first_warning),
    }
}

fn load(
    connection: &Connection,
    budget_seq: i64,
    period_start: DateTime<Utc>,
) -> rusqlite::Result<Counter> {
    let row = connection
        .prepare_cached(
            "SELECT spent, held, credits_used, refusing FROM counter \
             WHERE budget_seq = ?1 AND period_start_ms = ?2",
        )?
        .query_row(params![budget_seq, to_ms(period_start)], |row| {
            Ok(Counter {
                spent: row.get(0)?,
                held: row.get(1)?,
                credits_used: row.get(2)?,
                refusing: row.get(3)?,
            })
        })
        .optional()?;
    Ok(row.unwrap_or_default())
}

/// The reserve's total and what periods have drawn from it.
pub(crate) fn credits(connection: &Connection, seq: i64) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached("SELECT credits_total, credits_used FROM budget WHERE seq = ?1")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Adds to a period's counts; negative figures take away.
pub(crate) fn add(
    connection: &Connection,
    budget_seq: i64,
    period: Period,
    spent: i64,
    held: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO counter (budget_seq, period_start_ms, period_end_ms, spent, held) \
             VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (budget_seq, period_start_ms) \
             DO UPDATE SET spent = spent + excluded.spent, held = held + excluded.held, \
             refusing = CASE WHEN excluded.held > 0 THEN 0 ELSE refusing END",
        )?
        .execute(params![budget_seq, to_ms(period.start), period.end.map(to_ms), spent, held])
        .map(drop)
}

/// Remembers that the period refuses, until a call is admitted in it.
pub(crate) fn set_refusing(
    connection: &Connection,
    budget_seq: i64,
    period: Period,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO counter (budget_seq, period_start_ms, period_end_ms, spent, held, refusing) \
             VALUES (?1, ?2, ?3, 0, 0, 1) \
             ON CONFLICT (budget_seq, period_start_ms) DO UPDATE SET refusing = 1",
        )?
        .execute(params![budget_seq, to_ms(period.start), period.end.map(to_ms)])
        .map(drop)
}

/// Forgets that the budget refuses: it was changed, and the next call will tell.
pub(crate) fn clear_refusing(connection: &Connection, budget_seq: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE counter SET refusing = 0 WHERE budget_seq = ?1 AND refusing = 1")?
        .execute([budget_seq])
        .map(drop)
}

/// Draws what a period has spent beyond `limit` from the budget's reserve.
pub(crate) fn draw_credits(
    connection: &Connection,
    active: &ActiveBudget,
    period: Period,
    limit: i64,
) -> rusqlite::Result<()> {
    if !active.has_credits {
        return Ok(());
    }
    let counter = load(connection, active.seq, period.start)?;
    let (total, used) = credits(connection, active.seq)?;
    let over = counter.spent.saturating_sub(limit).max(0);
    let drawn = over.saturating_sub(counter.credits_used).min(total - used);
    if drawn <= 0 {
        return Ok(());
    }
    connection
        .prepare_cached("UPDATE budget SET credits_used = credits_used + ?2 WHERE seq = ?1")?
        .execute(params![active.seq, drawn])?;
    connection
        .prepare_cached(
            "UPDATE counter SET credits_used = credits_used + ?3 \
             WHERE budget_seq = ?1 AND period_start_ms = ?2",
        )?
        .execute(params![active.seq, to_ms(period.start), drawn])
        .map(drop)
}

/// Counts anew what the budget's current period has spent and what running calls hold in it: after
/// the budget was made, or its window, unit, zone or scope changed.
pub(crate) fn recount(
    connection: &Connection,
    active: &ActiveBudget,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    if active.budget.window == Window::Call {
        return Ok(());
    }
    let period = active.budget.window.period(now, active.budget.timezone);
    let seq = active.seq;
    // What the current period drew from the reserve is drawn anew below.
    connection.execute(
        "UPDATE budget SET credits_used = credits_used - coalesce((SELECT credits_used FROM counter \
         WHERE budget_seq = ?1 AND coalesce(period_end_ms, ?2 + 1) > ?2 \
         AND period_start_ms <= ?2), 0) WHERE seq = ?1",
        params![seq, to_ms(now)],
    )?;
    connection.execute("DELETE FROM counter WHERE budget_seq = ?1", [seq])?;
    connection.execute(
        "DELETE FROM call_budget WHERE budget_seq = ?1 \
         AND call_seq IN (SELECT seq FROM call WHERE owner IS NOT NULL)",
        [seq],
    )?;
    add(connection, seq, period, spent_since(connection, active, period.start)?, 0)?;
    draw_credits(connection, active, period, active.limit_at(now))?;
    hold_running(connection, active)
}

const FACTS: &str = "p.text, a.name, coalesce(m.text, ''), j.text, k.text, c.text, s.text, \
     coalesce(t.text, ''), a.plan_login";
const FACT_JOINS: &str = "JOIN account a ON a.id = call.account_id \
     JOIN dimension p ON p.id = call.provider_id \
     LEFT JOIN dimension m ON m.id = call.model_requested_id \
     LEFT JOIN dimension j ON j.id = call.project_id \
     LEFT JOIN dimension k ON k.id = call.key_id \
     LEFT JOIN dimension c ON c.id = call.client_id \
     LEFT JOIN dimension s ON s.id = call.session_id \
     LEFT JOIN dimension t ON t.id = call.tags_id";

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
        };
        !(self.plan_login && active.budget.unit == BudgetUnit::Usd)
            && active.matcher.matches(&facts)
    }
}

fn spent_since(
    connection: &Connection,
    active: &ActiveBudget,
    start: DateTime<Utc>,
) -> rusqlite::Result<i64> {
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
    let sql = format!(
        "SELECT {FACTS}, {sum} FROM call {FACT_JOINS} \
         WHERE call.started_ms >= ?1 AND call.status IN ('settled', 'estimated') \
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([to_ms(start)])?;
    let mut spent = 0_i64;
    while let Some(row) = rows.next()? {
        if StoredFacts::read(row)?.counts_for(active) {
            spent = spent.saturating_add(row.get(9)?);
        }
    }
    Ok(spent)
}

/// Gives the running calls in scope a hold in the budget, in the period that admitted them.
fn hold_running(connection: &Connection, active: &ActiveBudget) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT {FACTS}, call.seq, call.started_ms, coalesce(call.ceiling_pico, 0) \
         FROM call {FACT_JOINS} WHERE call.owner IS NOT NULL"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !StoredFacts::read(row)?.counts_for(active) {
            continue;
        }
        let call_seq: i64 = row.get(9)?;
        let started = from_ms(row.get(10)?);
        let held = match active.budget.unit {
            BudgetUnit::Usd => row.get(11)?,
            BudgetUnit::Calls => 1,
            // The ceiling in tokens is not stored: the call counts once it has ended.
            BudgetUnit::Tokens => 0,
        };
        let period = active.budget.window.period(started, active.budget.timezone);
        add(connection, active.seq, period, 0, held)?;
        connection
            .prepare_cached(
                "INSERT INTO call_budget (call_seq, budget_seq, period_start_ms, held) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![call_seq, active.seq, to_ms(period.start), held])?;
    }
    Ok(())
}
