//! Calls that are past, one after the other, as a budget would see them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::budget::{BudgetUnit, ScopeMatcher};
use crate::ledger::facts::{FACT_JOINS, FACTS, StoredFacts, spent};
use crate::ledger::time::{from_ms, to_ms, uuid_of};
use crate::money::Money;

/// An ended call that a budget would have counted.
#[derive(Clone, Debug)]
pub(crate) struct PastCall {
    pub(crate) at: DateTime<Utc>,
    /// In the budget's unit.
    pub(crate) spent: i64,
    pub(crate) id: Uuid,
    pub(crate) cost: Option<Money>,
    seq: i64,
}

/// What tells apart calls that a scope may see differently: their account, strings and run.
type About = [Option<i64>; 9];

/// Visits every ended call since then that a budget of this unit and scope counts, oldest first.
pub(crate) fn past(
    connection: &Connection,
    since: DateTime<Utc>,
    unit: BudgetUnit,
    scope: &ScopeMatcher,
    mut visit: impl FnMut(&PastCall),
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT seq, id, started_ms, cost_pico, {}, account_id, provider_id, model_requested_id, \
         project_id, key_id, client_id, session_id, tags_id, run_id FROM call \
         WHERE started_ms >= ?1 AND status IN ('settled', 'estimated') ORDER BY started_ms, seq",
        spent(unit)
    );
    let facts = format!("SELECT {FACTS} FROM call {FACT_JOINS} WHERE call.seq = ?1");
    let mut facts = connection.prepare_cached(&facts)?;
    // Calls are many, what they are about is repeated: each is looked at once.
    let mut counts: HashMap<About, bool> = HashMap::new();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([to_ms(since)])?;
    while let Some(row) = rows.next()? {
        let call = read(row)?;
        let about = about(row)?;
        let is_counted = match counts.get(&about) {
            Some(counted) => *counted,
            None => {
                let stored = facts.query_row([call.seq], StoredFacts::read)?;
                let counted = stored.counts_for(unit, scope);
                counts.insert(about, counted);
                counted
            }
        };
        if is_counted {
            visit(&call);
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<PastCall> {
    Ok(PastCall {
        seq: row.get(0)?,
        id: uuid_of(row.get(1)?),
        at: from_ms(row.get(2)?),
        cost: row.get::<_, Option<i64>>(3)?.map(Money::from_picodollars),
        spent: row.get(4)?,
    })
}

fn about(row: &Row<'_>) -> rusqlite::Result<About> {
    let mut about = About::default();
    for (index, value) in about.iter_mut().enumerate() {
        *value = row.get(5 + index)?;
    }
    Ok(about)
}
