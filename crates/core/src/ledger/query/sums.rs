//! Sums over ended calls, from the rollups where they carry the dimension.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, Row, params};

use super::calendar::{Calendar, Span, spans};
use crate::ledger::rollup::{CoarseBy, DAY_MS, QUARTER_MS, days_until};
use crate::ledger::time::to_ms;
use crate::money::Money;

/// What sums are by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SumBy {
    Date(Calendar, Tz),
    Provider,
    Account,
    Model,
    Project,
    Key,
    Client,
    Session,
    Tag,
}

impl SumBy {
    /// The calendar and its zone, where it is by dates.
    pub(crate) fn calendar(self) -> Option<(Calendar, Tz)> {
        match self {
            SumBy::Date(calendar, timezone) => Some((calendar, timezone)),
            _ => None,
        }
    }
}

/// One sum. Token counts are those that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SumRow {
    /// `None` where the calls have none.
    pub(crate) key: Option<String>,
    pub(crate) calls: i64,
    pub(crate) unpriced_calls: i64,
    pub(crate) input_tokens: i64,
    pub(crate) cache_read_tokens: i64,
    pub(crate) cache_write_5m_tokens: i64,
    pub(crate) cache_write_1h_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) reasoning_tokens: i64,
    /// Money owed.
    pub(crate) cost: Money,
    /// What subscription logins used, at API prices.
    pub(crate) plan_value: Money,
}

impl SumRow {
    /// Adds `other`'s counts and cost.
    pub(crate) fn add(&mut self, other: &SumRow) {
        self.calls += other.calls;
        self.unpriced_calls += other.unpriced_calls;
        self.input_tokens += other.input_tokens;
        self.cache_read_tokens += other.cache_read_tokens;
        self.cache_write_5m_tokens += other.cache_write_5m_tokens;
        self.cache_write_1h_tokens += other.cache_write_1h_tokens;
        self.output_tokens += other.output_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.cost = self.cost.saturating_add(other.cost);
        self.plan_value = self.plan_value.saturating_add(other.plan_value);
    }
}

pub(super) const SUMS: &str = "sum(calls), sum(unpriced_calls), sum(input_tokens), \
     sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(output_tokens), \
     sum(reasoning_tokens), sum(cost_pico), sum(plan_value_pico)";

/// The sum of all calls from the quarter-hour of `since` on.
pub(crate) fn total(connection: &Connection, since: DateTime<Utc>) -> rusqlite::Result<SumRow> {
    let sql = format!("SELECT NULL, {SUMS} FROM rollup_quarter WHERE quarter >= ?1");
    connection.prepare_cached(&sql)?.query_row([quarter(since)], read_row)
}

/// Sums over `[since, until)` by one dimension.
pub(crate) fn sums(
    connection: &Connection,
    by: SumBy,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> rusqlite::Result<Vec<SumRow>> {
    let column = match by {
        SumBy::Date(calendar, timezone) => {
            return by_date(connection, (calendar, timezone), since, until);
        }
        SumBy::Session => return from_calls(connection, "session_id", since, until),
        SumBy::Tag => return from_calls(connection, "tags_id", since, until),
        SumBy::Model => return with_coarse(connection, CoarseBy::Model, since, until),
        SumBy::Project => return with_coarse(connection, CoarseBy::Project, since, until),
        SumBy::Provider => "provider_id",
        SumBy::Key => "key_id",
        SumBy::Client => "client_id",
        SumBy::Account => {
            let sql = format!(
                "SELECT a.name, {SUMS} FROM rollup_quarter JOIN account a ON a.id = account_id \
                 WHERE quarter >= ?1 AND quarter < ?2 GROUP BY account_id"
            );
            return rows(connection, &sql, quarter(since), quarter_up(until));
        }
    };
    let sql = format!(
        "SELECT d.text, {SUMS} FROM rollup_quarter LEFT JOIN dimension d ON d.id = {column} \
         WHERE quarter >= ?1 AND quarter < ?2 GROUP BY {column}"
    );
    rows(connection, &sql, quarter(since), quarter_up(until))
}

fn by_date(
    connection: &Connection,
    by: (Calendar, Tz),
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> rusqlite::Result<Vec<SumRow>> {
    let sql = format!(
        "SELECT NULL, {SUMS} FROM rollup_quarter WHERE quarter >= ?1 AND quarter < ?2 \
         HAVING count(*) > 0"
    );
    let mut found = Vec::new();
    let spans = spans(connection, [Some(by)], quarter(since), quarter_up(until))?;
    for Span { from, until, names: [name] } in spans {
        let sums = rows(connection, &sql, from, until)?;
        found.extend(sums.into_iter().map(|sum| SumRow { key: name.clone(), ..sum }));
    }
    Ok(found)
}

/// Whole UTC days inside the range come from the coarse sums, its edges and the days that have none
/// yet from quarter-hours.
fn with_coarse(
    connection: &Connection,
    by: CoarseBy,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> rusqlite::Result<Vec<SumRow>> {
    let column = match by {
        CoarseBy::Model => "model_id",
        CoarseBy::Project => "project_id",
    };
    let (since, until) = (quarter(since), quarter_up(until));
    let quarters_a_day = DAY_MS / QUARTER_MS;
    let first_day = (since + quarters_a_day - 1).div_euclid(quarters_a_day);
    let end_day = until.div_euclid(quarters_a_day).min(days_until(connection)?).max(first_day);
    let edges = [
        (since, until.min(first_day * quarters_a_day)),
        (since.max(end_day * quarters_a_day), until),
    ];
    let inside_one_day = first_day * quarters_a_day >= until;
    let mut found = Vec::new();
    if inside_one_day {
        found.extend(fine(connection, column, since, until)?);
    } else {
        for (since, until) in edges {
            found.extend(fine(connection, column, since, until)?);
        }
        let sql = format!(
            "SELECT d.text, {SUMS} FROM rollup_day LEFT JOIN dimension d ON d.id = dimension_id \
             WHERE by_kind = {} AND day >= ?1 AND day < ?2 GROUP BY dimension_id",
            by as i64
        );
        found.extend(rows(connection, &sql, first_day, end_day)?);
    }
    let mut merged: Vec<SumRow> = Vec::new();
    for row in found {
        match merged.iter_mut().find(|known| known.key == row.key) {
            Some(known) => known.add(&row),
            None => merged.push(row),
        }
    }
    Ok(merged)
}

fn fine(
    connection: &Connection,
    column: &str,
    since: i64,
    until: i64,
) -> rusqlite::Result<Vec<SumRow>> {
    let sql = format!(
        "SELECT d.text, {SUMS} FROM rollup_quarter LEFT JOIN dimension d ON d.id = {column} \
         WHERE quarter >= ?1 AND quarter < ?2 GROUP BY {column}"
    );
    rows(connection, &sql, since, until)
}

/// Sessions and tags are too many for rollups: summed from the calls themselves.
fn from_calls(
    connection: &Connection,
    column: &str,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> rusqlite::Result<Vec<SumRow>> {
    let sql = format!(
        "SELECT d.text, count(*), sum(cost_pico IS NULL), sum(coalesce(input_tokens, 0)), \
         sum(coalesce(cache_read_tokens, 0)), sum(coalesce(cache_write_5m_tokens, 0)), \
         sum(coalesce(cache_write_1h_tokens, 0)), sum(coalesce(output_tokens, 0)), \
         sum(coalesce(reasoning_tokens, 0)), \
         sum(CASE WHEN a.plan_login THEN 0 ELSE coalesce(cost_pico, 0) END), \
         sum(CASE WHEN a.plan_login THEN coalesce(cost_pico, 0) ELSE 0 END) \
         FROM call JOIN account a ON a.id = account_id LEFT JOIN dimension d ON d.id = {column} \
         WHERE started_ms >= ?1 AND started_ms < ?2 AND status IN ('settled', 'estimated') \
         GROUP BY {column}"
    );
    let until = quarter_up(until).saturating_mul(QUARTER_MS);
    rows(connection, &sql, quarter(since).saturating_mul(QUARTER_MS), until)
}

fn rows(connection: &Connection, sql: &str, from: i64, to: i64) -> rusqlite::Result<Vec<SumRow>> {
    connection.prepare_cached(sql)?.query_map(params![from, to], read_row)?.collect()
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<SumRow> {
    Ok(SumRow { key: row.get(0)?, ..counts(row, 1)? })
}

/// The columns of [`SUMS`], which begin at `first`.
pub(super) fn counts(row: &Row<'_>, first: usize) -> rusqlite::Result<SumRow> {
    let count = |offset: usize| {
        Ok::<i64, rusqlite::Error>(row.get::<_, Option<i64>>(first + offset)?.unwrap_or(0))
    };
    Ok(SumRow {
        key: None,
        calls: count(0)?,
        unpriced_calls: count(1)?,
        input_tokens: count(2)?,
        cache_read_tokens: count(3)?,
        cache_write_5m_tokens: count(4)?,
        cache_write_1h_tokens: count(5)?,
        output_tokens: count(6)?,
        reasoning_tokens: count(7)?,
        cost: Money::from_picodollars(count(8)?),
        plan_value: Money::from_picodollars(count(9)?),
    })
}

pub(super) fn quarter(instant: DateTime<Utc>) -> i64 {
    to_ms(instant).div_euclid(QUARTER_MS)
}

pub(super) fn quarter_up(instant: DateTime<Utc>) -> i64 {
    (to_ms(instant) + QUARTER_MS - 1).div_euclid(QUARTER_MS)
}
