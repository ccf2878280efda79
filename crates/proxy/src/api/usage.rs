//! `GET /usage`: sums over a range.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use outlay_core::budget::Window;
use outlay_core::report::{self, By, UsageQuery};

use super::error::ApiError;
use super::input::{self, Query, read};
use crate::App;

pub(super) async fn show(State(app): State<App>, mut query: Query) -> Result<Response, ApiError> {
    let now = app.now();
    let timezone = match query.one("timezone")? {
        Some(name) => input::timezone(&name)?,
        None => app.settings().timezone,
    };
    let month = Window::MONTH.period(now, timezone).start;
    let since = query.instant("since", timezone)?.unwrap_or(month);
    let until = query.instant("until", timezone)?.unwrap_or(now);
    let (by, second) = by(&query.all("by"))?;
    query.finish()?;
    if since > until {
        return Err(ApiError::invalid("'since' is after 'until': swap them"));
    }
    let query = UsageQuery { since, until, by, timezone };
    Ok(match second {
        None => {
            let usage = read(&app, move |ledger| report::usage(ledger, &query)).await?;
            Json(usage).into_response()
        }
        Some(second) => {
            let usage = read(&app, move |ledger| report::usage_by_two(ledger, &query, second));
            Json(usage.await?).into_response()
        }
    })
}

/// What rows are by: `by` once or twice.
fn by(names: &[String]) -> Result<(By, Option<By>), ApiError> {
    let parse = |name: &String| name.parse().map_err(ApiError::invalid);
    match names {
        [] => Ok((By::Day, None)),
        [name] => Ok((parse(name)?, None)),
        [first, second] if first != second => Ok((parse(first)?, Some(parse(second)?))),
        _ => Err(ApiError::invalid("'by' is given once, or twice with different names")),
    }
}
