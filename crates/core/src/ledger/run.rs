//! The budget of one `outlay run`: made with the run, removed with it, or when its process is found
//! dead.

use chrono::{DateTime, Utc};

use super::budget::{self, BudgetChange, Maker};
use super::error::OpError;
use super::writer::Writing;
use crate::budget::{Budget, BudgetKind, Scope, Window};

/// Limits what the calls of `run` cost in all to `limit` (as typed, in US dollars).
pub(crate) fn limit(
    writing: &mut Writing<'_>,
    run: &str,
    limit: &str,
    actor: &str,
    now: DateTime<Utc>,
    default_timezone: chrono_tz::Tz,
) -> Result<Budget, OpError> {
    let change = BudgetChange {
        name: format!("run-{run}"),
        kind: Some(BudgetKind::Hard),
        limit: Some(limit.to_owned()),
        window: Some(Window::Total),
        scope: Some(Scope { run: Some(run.to_owned()), ..Scope::default() }),
        ..BudgetChange::default()
    };
    budget::set(writing, &change, Maker::Run, actor, now, default_timezone)
}
