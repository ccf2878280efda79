//! A call's shares in the budgets that look at it: a column of its row, for it is read with its
//! call or not at all.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// What one call holds in one budget and, once it has ended, was charged there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) budget_seq: i64,
    pub(crate) period_start_ms: i64,
    pub(crate) held: i64,
    pub(crate) charged: Option<i64>,
}

/// All shares of a call. In the file: `[[budget_seq, period_start_ms, held, charged], …]`, NULL
/// where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shares(pub(crate) Vec<Share>);

type Stored = (i64, i64, i64, Option<i64>);

impl ToSql for Shares {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        if self.0.is_empty() {
            return Ok(ToSqlOutput::from(rusqlite::types::Null));
        }
        let stored: Vec<Stored> = self
            .0
            .iter()
            .map(|share| (share.budget_seq, share.period_start_ms, share.held, share.charged))
            .collect();
        serde_json::to_string(&stored)
            .map(ToSqlOutput::from)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl FromSql for Shares {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Shares> {
        let Some(text) = value.as_str_or_null()? else { return Ok(Shares::default()) };
        let stored: Vec<Stored> =
            serde_json::from_str(text).map_err(|error| FromSqlError::Other(Box::new(error)))?;
        let share = |(budget_seq, period_start_ms, held, charged)| Share {
            budget_seq,
            period_start_ms,
            held,
            charged,
        };
        Ok(Shares(stored.into_iter().map(share).collect()))
    }
}
