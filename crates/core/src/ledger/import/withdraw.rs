//! Takes a call that an import made out of the ledger again: its whole entry came later, or the proxy's
//! own row did.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::ledger::error::OpError;
use crate::ledger::outside::Sums;
use crate::ledger::rollup::{RollupKey, Value};
use crate::ledger::shares::Shares;
use crate::ledger::time::{from_ms, uuid_of};
use crate::ledger::writer::Writing;
use crate::ledger::{budget, credit};
use crate::money::Money;
use crate::usage::Usage;

/// What the entry that takes its place may lack.
pub(crate) struct Withdrawn {
    pub(crate) id: Uuid,
    pub(crate) response_id: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) cost: Option<Money>,
}

/// What the sums have of a call.
struct Row {
    id: Uuid,
    source: i64,
    started: DateTime<Utc>,
    key: RollupKey,
    usage: Usage,
    cost: Option<Money>,
    plan_login: bool,
    shares: Shares,
    response_id: Option<String>,
    project: Option<String>,
}

/// Takes the call out; what it was, or `None` where it is not there.
pub(crate) fn withdraw(
    writing: &mut Writing<'_>,
    seq: i64,
    outside: &mut Sums,
    now: DateTime<Utc>,
) -> Result<Option<Withdrawn>, OpError> {
    let Some(row) = read(writing.connection, seq)? else { return Ok(None) };
    let value = if row.plan_login { Value::OfPlan(row.cost) } else { Value::Owed(row.cost) };
    writing.cache.rollups.subtract(row.started, row.key, Some(&row.usage), value);
    outside.add(row.started, row.source, value, -1);
    uncharge(writing, &row.shares)?;
    if !row.plan_login {
        let cost = row.cost.unwrap_or_default();
        credit::unspend(writing, row.key.account, cost, row.started, now)?;
    }
    writing.connection.prepare_cached("DELETE FROM call WHERE seq = ?1")?.execute([seq])?;
    Ok(Some(Withdrawn {
        id: row.id,
        response_id: row.response_id,
        project: row.project,
        cost: row.cost,
    }))
}

/// What the call cost, where that is known.
pub(crate) fn cost(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Money>> {
    let cost: Option<Option<i64>> = connection
        .prepare_cached("SELECT cost_pico FROM call WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    Ok(cost.flatten().map(Money::from_picodollars))
}

fn uncharge(writing: &mut Writing<'_>, shares: &Shares) -> Result<(), OpError> {
    if shares.0.is_empty() {
        return Ok(());
    }
    let budgets = budget::active(writing)?;
    for share in &shares.0 {
        let Some(active) = budgets.iter().find(|active| active.seq == share.budget_seq) else {
            continue;
        };
        if active.budget.window == crate::budget::Window::Call {
            continue;
        }
        let (connection, counters) = (writing.connection, &mut writing.cache.counters);
        let period = counters.period(active, from_ms(share.period_start_ms));
        counters.add(connection, active, period, -share.charged.unwrap_or(0), 0)?;
    }
    Ok(())
}

fn read(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Row>> {
    let count = |value: Option<i64>| u64::try_from(value.unwrap_or(0)).unwrap_or(0);
    connection
        .prepare_cached(
            "SELECT c.id, c.source_id, c.started_ms, c.account_id, c.provider_id, \
             coalesce(c.model_id, c.model_requested_id, 0), coalesce(c.project_id, 0), \
             coalesce(c.key_id, 0), coalesce(c.client_id, 0), c.input_tokens, c.cache_read_tokens, \
             c.cache_write_5m_tokens, c.cache_write_1h_tokens, c.output_tokens, c.reasoning_tokens, \
             c.cost_pico, a.plan_login, c.shares, c.response_id, j.text \
             FROM call c JOIN account a ON a.id = c.account_id \
             LEFT JOIN dimension j ON j.id = c.project_id WHERE c.seq = ?1",
        )?
        .query_row([seq], |row| {
            Ok(Row {
                id: uuid_of(row.get(0)?),
                source: row.get(1)?,
                started: from_ms(row.get(2)?),
                key: RollupKey {
                    account: row.get(3)?,
                    provider: row.get(4)?,
                    model: row.get(5)?,
                    project: row.get(6)?,
                    key: row.get(7)?,
                    client: row.get(8)?,
                },
                usage: Usage {
                    input_tokens: count(row.get(9)?),
                    cache_read_tokens: count(row.get(10)?),
                    cache_write_5m_tokens: count(row.get(11)?),
                    cache_write_1h_tokens: count(row.get(12)?),
                    output_tokens: count(row.get(13)?),
                    reasoning_tokens: row.get::<_, Option<i64>>(14)?.map(|tokens| count(Some(tokens))),
                    ..Usage::default()
                },
                cost: row.get::<_, Option<i64>>(15)?.map(Money::from_picodollars),
                plan_login: row.get(16)?,
                shares: row.get(17)?,
                response_id: row.get(18)?,
                project: row.get(19)?,
            })
        })
        .optional()
}
