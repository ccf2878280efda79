//! What stands in the ledger's file after a step, read past the ledger's own code.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use uuid::Uuid;

/// A call's row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) started: DateTime<Utc>,
    pub(crate) is_of_project: bool,
    pub(crate) shares: Vec<Share>,
    pub(crate) cost: Option<i64>,
    pub(crate) tokens: i64,
    pub(crate) is_owned: bool,
}

/// What a call holds in a budget, or was charged there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) budget: i64,
    pub(crate) period_ms: i64,
    pub(crate) held: i64,
    pub(crate) charged: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counter {
    pub(crate) spent: i64,
    pub(crate) held: i64,
    pub(crate) credits_used: i64,
}

/// All that the checks look at.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    pub(crate) rows: Vec<Row>,
    /// By budget and the beginning of the period.
    pub(crate) counters: BTreeMap<(i64, i64), Counter>,
    /// What was topped up, and what is used of it, by budget.
    pub(crate) credits: BTreeMap<i64, (i64, i64)>,
    /// Budgets and the calls that wait before them.
    pub(crate) waiting: Vec<(i64, i64)>,
}

impl Row {
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.status.as_str(), "settled" | "estimated")
    }

    pub(crate) fn share(&self, budget: i64) -> Option<&Share> {
        self.shares.iter().find(|share| share.budget == budget)
    }
}

impl Sight {
    pub(crate) fn row(&self, id: Uuid) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    pub(crate) fn of(file: &Connection) -> Sight {
        let read = || -> rusqlite::Result<Sight> {
            let snapshot = file.unchecked_transaction()?;
            Ok(Sight {
                rows: rows(&snapshot)?,
                counters: snapshot
                    .prepare_cached(
                        "SELECT budget_seq, period_start_ms, spent, held, credits_used FROM counter",
                    )?
                    .query_map([], |row| {
                        let counter = Counter {
                            spent: row.get(2)?,
                            held: row.get(3)?,
                            credits_used: row.get(4)?,
                        };
                        Ok(((row.get(0)?, row.get(1)?), counter))
                    })?
                    .collect::<rusqlite::Result<_>>()?,
                credits: snapshot
                    .prepare_cached("SELECT seq, credits_total, credits_used FROM budget")?
                    .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?
                    .collect::<rusqlite::Result<_>>()?,
                waiting: snapshot
                    .prepare_cached("SELECT budget_seq, call_seq FROM waiting")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<rusqlite::Result<_>>()?,
            })
        };
        read().unwrap()
    }
}

fn rows(file: &Connection) -> rusqlite::Result<Vec<Row>> {
    file.prepare_cached(
        "SELECT seq, id, status, started_ms, project_id IS NOT NULL, shares, cost_pico, \
         coalesce(input_tokens, 0) + coalesce(output_tokens, 0), owner IS NOT NULL \
         FROM call",
    )?
    .query_map([], |row| {
        let shares: Option<String> = row.get(5)?;
        Ok(Row {
            seq: row.get(0)?,
            id: Uuid::from_bytes(row.get(1)?),
            status: row.get(2)?,
            started: DateTime::from_timestamp_millis(row.get(3)?).unwrap(),
            is_of_project: row.get(4)?,
            shares: shares.map(|text| read_shares(&text)).unwrap_or_default(),
            cost: row.get(6)?,
            tokens: row.get(7)?,
            is_owned: row.get(8)?,
        })
    })?
    .collect()
}

fn read_shares(text: &str) -> Vec<Share> {
    let stored: Vec<(i64, i64, i64, Option<i64>)> = serde_json::from_str(text).unwrap();
    let share = |(budget, period_ms, held, charged)| Share { budget, period_ms, held, charged };
    stored.into_iter().map(share).collect()
}

/// Opens the file beside the ledgers that use it.
pub(crate) fn open(folder: &Path) -> Connection {
    Connection::open(folder.join("outlay.db")).unwrap()
}
