//! A budget as it stands in the file.

use rusqlite::{Connection, Row};

use super::active::{ActiveBudget, Pause, Raise};
use super::error::{LedgerError, OpError};
use super::time::{from_ms, uuid_of};
use crate::budget::{Budget, BudgetId, Window};

/// What [`read_row`] expects a query to select.
pub(crate) const COLUMNS: &str = "seq, id, name, kind, unit, limit_count, window_name, window_anchor, \
     timezone, warn_percent, scope, allow_unpriced, may_cap, credits_total, paused, paused_until_ms";

/// A budget's row, not yet understood.
pub(crate) struct StoredBudget {
    seq: i64,
    id: [u8; 16],
    name: String,
    kind: String,
    unit: String,
    limit: i64,
    window_name: String,
    window_anchor: i64,
    timezone: String,
    warn_percent: String,
    scope: String,
    allow_unpriced: bool,
    may_cap: bool,
    credits_total: i64,
    paused: bool,
    paused_until_ms: Option<i64>,
}

/// Reads a row of [`COLUMNS`].
pub(crate) fn read_row(row: &Row<'_>) -> rusqlite::Result<StoredBudget> {
    Ok(StoredBudget {
        seq: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        kind: row.get(3)?,
        unit: row.get(4)?,
        limit: row.get(5)?,
        window_name: row.get(6)?,
        window_anchor: row.get(7)?,
        timezone: row.get(8)?,
        warn_percent: row.get(9)?,
        scope: row.get(10)?,
        allow_unpriced: row.get(11)?,
        may_cap: row.get(12)?,
        credits_total: row.get(13)?,
        paused: row.get(14)?,
        paused_until_ms: row.get(15)?,
    })
}

impl StoredBudget {
    /// The budget with its raises, ready to be asked.
    ///
    /// # Errors
    /// When a newer version wrote something that this one cannot read.
    pub(crate) fn activate(self, connection: &Connection) -> Result<ActiveBudget, OpError> {
        let name = self.name.clone();
        let unreadable = |what: &str| {
            LedgerError::Invalid(format!(
                "budget '{name}' has a {what} that this version cannot read: upgrade Outlay, or remove it with outlay budget rm {name}"
            ))
        };
        let budget = Budget {
            id: BudgetId(uuid_of(self.id)),
            kind: self.kind.parse().map_err(|_| unreadable("kind"))?,
            unit: self.unit.parse().map_err(|_| unreadable("unit"))?,
            limit: self.limit,
            window: Window::parse(&self.window_name)
                .map_err(|_| unreadable("window"))?
                .with_anchor(self.window_anchor),
            timezone: self.timezone.parse().map_err(|_| unreadable("time zone"))?,
            warn_percent: serde_json::from_str(&self.warn_percent)
                .map_err(|_| unreadable("warn threshold"))?,
            scope: serde_json::from_str(&self.scope).map_err(|_| unreadable("scope"))?,
            allow_unpriced: self.allow_unpriced,
            may_cap: self.may_cap,
            name: self.name,
        };
        let matcher = budget.scope.matcher().map_err(|_| unreadable("scope"))?;
        Ok(ActiveBudget {
            seq: self.seq,
            raises: raises(connection, self.seq)?,
            has_credits: self.credits_total > 0,
            pause: self.paused.then(|| Pause { until: self.paused_until_ms.map(from_ms) }),
            matcher,
            budget,
        })
    }
}

fn raises(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<Raise>> {
    connection
        .prepare_cached("SELECT amount, from_ms, until_ms FROM budget_raise WHERE budget_seq = ?1")?
        .query_map([seq], |row| {
            Ok(Raise {
                amount: row.get(0)?,
                from: from_ms(row.get(1)?),
                until: row.get::<_, Option<i64>>(2)?.map(from_ms),
            })
        })?
        .collect()
}
