//! The row of a call, as far as sums, budgets and another entry of the same call need it.

use chrono::TimeDelta;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row as Columns};
use uuid::Uuid;

use super::ImportedCall;
use crate::ledger::rollup::{RollupKey, Value};
use crate::ledger::shares::Shares;
use crate::ledger::time::{from_ms, uuid_of};
use crate::money::Money;
use crate::usage::Usage;

/// The row of a call.
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) id: Uuid,
    pub(crate) source: i64,
    /// What its sums are by.
    pub(crate) key: RollupKey,
    pub(crate) session: Option<i64>,
    pub(crate) cost: Option<Money>,
    /// Whether sums have it: what was not billed is in none.
    pub(crate) is_billed: bool,
    pub(crate) shares: Shares,
    /// What an entry would tell of it.
    pub(crate) call: ImportedCall,
}

impl Row {
    pub(crate) fn read(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Row>> {
        connection
            .prepare_cached(
                "SELECT c.id, c.source_id, c.account_id, c.provider_id, \
                 coalesce(c.model_id, c.model_requested_id, 0), coalesce(c.project_id, 0), \
                 coalesce(c.key_id, 0), coalesce(c.client_id, 0), c.session_id, c.cost_pico, \
                 c.basis IS NOT NULL, c.shares, c.log_key, c.started_ms, c.duration_ms, s.text, \
                 p.text, m.text, j.text, n.text, k.text, t.text, c.service_tier, c.usage_json, \
                 c.input_tokens, c.cache_read_tokens, c.cache_write_5m_tokens, \
                 c.cache_write_1h_tokens, c.output_tokens, c.reasoning_tokens, \
                 c.cost_stated_pico, c.response_id, a.plan_login \
                 FROM call c JOIN account a ON a.id = c.account_id \
                 JOIN dimension s ON s.id = c.source_id JOIN dimension p ON p.id = c.provider_id \
                 LEFT JOIN dimension m ON m.id = coalesce(c.model_id, c.model_requested_id) \
                 LEFT JOIN dimension j ON j.id = c.project_id \
                 LEFT JOIN dimension n ON n.id = c.session_id \
                 LEFT JOIN dimension k ON k.id = c.client_id \
                 LEFT JOIN dimension t ON t.id = c.tags_id WHERE c.seq = ?1",
            )?
            .query_row([seq], |row| Row::of(seq, row))
            .optional()
    }

    fn of(seq: i64, row: &Columns<'_>) -> rusqlite::Result<Row> {
        Ok(Row {
            seq,
            id: uuid_of(row.get(0)?),
            source: row.get(1)?,
            key: RollupKey {
                account: row.get(2)?,
                provider: row.get(3)?,
                model: row.get(4)?,
                project: row.get(5)?,
                key: row.get(6)?,
                client: row.get(7)?,
            },
            session: row.get(8)?,
            cost: row.get::<_, Option<i64>>(9)?.map(Money::from_picodollars),
            is_billed: row.get(10)?,
            shares: row.get(11)?,
            call: told(row)?,
        })
    }

    pub(crate) fn value(&self) -> Value {
        self.call.value(self.cost)
    }
}

fn told(row: &Columns<'_>) -> rusqlite::Result<ImportedCall> {
    let text = |column| row.get::<_, Option<String>>(column);
    let duration = row.get::<_, Option<i64>>(14)?.map(TimeDelta::milliseconds);
    Ok(ImportedCall {
        key: row.get::<_, Option<_>>(12)?.unwrap_or_default(),
        ended: from_ms(row.get(13)?) + duration.unwrap_or_default(),
        duration,
        source: row.get::<_, String>(15)?.into(),
        provider: row.get::<_, String>(16)?.into(),
        model: text(17)?.map(Into::into),
        project: text(18)?.map(Into::into),
        session: text(19)?.map(Into::into),
        client: text(20)?.map(Into::into),
        tags: text(21)?.unwrap_or_default().into(),
        service_tier: text(22)?.map(Into::into),
        usage: usage(row)?,
        cost_logged: row.get::<_, Option<i64>>(30)?.map(Money::from_picodollars),
        response_id: text(31)?.map(Into::into),
        plan_login: row.get(32)?,
        is_billing_told: false,
    })
}

fn usage(row: &Columns<'_>) -> rusqlite::Result<Usage> {
    if let Some(json) = row.get::<_, Option<String>>(23)? {
        return serde_json::from_str(&json).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(23, Type::Text, Box::new(error))
        });
    }
    let count = |column| {
        let count: Option<i64> = row.get(column)?;
        Ok::<_, rusqlite::Error>(count.map(|count| u64::try_from(count).unwrap_or(0)))
    };
    Ok(Usage {
        input_tokens: count(24)?.unwrap_or(0),
        cache_read_tokens: count(25)?.unwrap_or(0),
        cache_write_5m_tokens: count(26)?.unwrap_or(0),
        cache_write_1h_tokens: count(27)?.unwrap_or(0),
        output_tokens: count(28)?.unwrap_or(0),
        reasoning_tokens: count(29)?,
        ..Usage::default()
    })
}
