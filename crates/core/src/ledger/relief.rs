//! Ways out of a limit: raises, top-ups and pauses.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use serde_json::json;

use super::budget::{changed, find};
use super::counter;
use super::error::{LedgerError, OpError};
use super::time::{new_id, to_ms, to_the_millisecond};
use super::writer::Writing;
use crate::budget::{Budget, Quantity, QuantityError, Window};

/// Adds `by` (as typed) to the limit until `until`, or to the end of the current period; of a
/// rolling window for its own length. Returns the budget and when the raise ends.
pub(crate) fn raise(
    writing: &mut Writing<'_>,
    name: &str,
    by: &str,
    until: Option<DateTime<Utc>>,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<(Budget, Option<DateTime<Utc>>), OpError> {
    let active = find(writing.connection, name)?;
    let less = format!(
        "outlay budget set {name} --limit N lowers the limit itself, and outlay budget raise {name} --off takes its raises back"
    );
    let amount = positive(by, &active.budget, &less)?;
    let period_end = match active.budget.window {
        Window::Rolling { span } => Some(now + TimeDelta::milliseconds(span.ms())),
        window => window.period(now, active.budget.timezone).end,
    };
    let until = until.or(period_end).map(to_the_millisecond);
    if until.is_some_and(|until| until <= now) {
        return Err(LedgerError::Invalid("--until is in the past: give a later time".into()).into());
    }
    writing
        .connection
        .prepare_cached(
            "INSERT INTO budget_raise (id, budget_seq, amount, from_ms, until_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![new_id(now), active.seq, amount.count, to_ms(now), until.map(to_ms)])?;
    let detail = json!({ "by": amount, "until": until });
    changed(writing, active.seq, actor, now, "raised", &detail)?;
    Ok((active.budget, until))
}

/// Takes back all raises that are not over. Returns the budget, and how much they were.
pub(crate) fn lower(
    writing: &mut Writing<'_>,
    name: &str,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<(Budget, Quantity), OpError> {
    let active = find(writing.connection, name)?;
    // Those that have yet to begin were made before the clock was set back.
    let ended = writing
        .connection
        .prepare_cached(
            "UPDATE budget_raise SET until_ms = ?2 \
             WHERE budget_seq = ?1 AND (until_ms IS NULL OR until_ms > ?2) RETURNING amount",
        )?
        .query_map(params![active.seq, to_ms(now)], |row| row.get::<_, i64>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let by = ended.into_iter().fold(0, i64::saturating_add);
    let by = Quantity { unit: active.budget.unit, count: by };
    if by.count > 0 {
        changed(writing, active.seq, actor, now, "lowered", &json!({ "by": by }))?;
    }
    Ok((active.budget, by))
}

/// Adds `by` (as typed) to the reserve that is used after a period's limit and never expires.
pub(crate) fn top_up(
    writing: &mut Writing<'_>,
    name: &str,
    by: &str,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Budget, OpError> {
    let active = find(writing.connection, name)?;
    let amount = positive(
        by,
        &active.budget,
        &format!("outlay budget topup {name} --off takes back what is left of the reserve"),
    )?;
    writing
        .connection
        .prepare_cached(
            "UPDATE budget SET credits_total = credits_total + ?2, rev = rev + 1 WHERE seq = ?1",
        )?
        .execute(params![active.seq, amount.count])?;
    changed(writing, active.seq, actor, now, "topped_up", &json!({ "by": amount }))?;
    Ok(active.budget)
}

/// Takes back what is left of the reserve. Returns the budget, and how much that was.
pub(crate) fn empty_reserve(
    writing: &mut Writing<'_>,
    name: &str,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<(Budget, Quantity), OpError> {
    let active = find(writing.connection, name)?;
    let (total, used) = counter::credits(writing.connection, active.seq)?;
    let left = Quantity { unit: active.budget.unit, count: total.saturating_sub(used) };
    if left.count > 0 {
        writing
            .connection
            .prepare_cached(
                "UPDATE budget SET credits_total = credits_used, rev = rev + 1 WHERE seq = ?1",
            )?
            .execute([active.seq])?;
        changed(writing, active.seq, actor, now, "reserve_emptied", &json!({ "by": left }))?;
    }
    Ok((active.budget, left))
}

/// Lets a budget count without refusing, until `until` or until it is resumed.
pub(crate) fn pause(
    writing: &mut Writing<'_>,
    name: &str,
    until: Option<DateTime<Utc>>,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Budget, OpError> {
    let active = find(writing.connection, name)?;
    let until = until.map(to_the_millisecond);
    if until.is_some_and(|until| until <= now) {
        return Err(LedgerError::Invalid(
            "the pause would end in the past: give a later time".into(),
        )
        .into());
    }
    set_pause(writing.connection, active.seq, true, until)?;
    changed(writing, active.seq, actor, now, "paused", &json!({ "until": until }))?;
    Ok(active.budget)
}

/// Lets a paused budget refuse again; of one that is not paused nothing is changed.
pub(crate) fn resume(
    writing: &mut Writing<'_>,
    name: &str,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Budget, OpError> {
    let active = find(writing.connection, name)?;
    let is_paused =
        "SELECT paused = 1 AND coalesce(paused_until_ms > ?2, 1) FROM budget WHERE seq = ?1";
    let is_paused: bool = writing
        .connection
        .prepare_cached(is_paused)?
        .query_row(params![active.seq, to_ms(now)], |row| row.get(0))?;
    if is_paused {
        set_pause(writing.connection, active.seq, false, None)?;
        changed(writing, active.seq, actor, now, "resumed", &json!({}))?;
    }
    Ok(active.budget)
}

fn set_pause(
    connection: &Connection,
    seq: i64,
    paused: bool,
    until: Option<DateTime<Utc>>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE budget SET paused = ?2, paused_until_ms = ?3, rev = rev + 1 WHERE seq = ?1",
        )?
        .execute(params![seq, paused, until.map(to_ms)])
        .map(drop)
}

/// The amount that is typed; `less` says how it is made less instead.
fn positive(text: &str, budget: &Budget, less: &str) -> Result<Quantity, LedgerError> {
    let quantity = Quantity::parse(budget.unit, text).map_err(|error| {
        LedgerError::Invalid(match error {
            QuantityError::Negative(text) => {
                format!("'{text}' takes something away, and --by adds: {less}")
            }
            other => other.to_string(),
        })
    })?;
    if quantity.count == 0 {
        return Err(LedgerError::Invalid("--by is zero: give an amount above zero".into()));
    }
    Ok(quantity)
}
