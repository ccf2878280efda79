//! `GET /usage`: sums over a range.

use axum::Json;
use axum::extract::State;
use outlay_core::budget::Window;
use outlay_core::report::{self, By, Usage, UsageQuery};

use super::error::ApiError;
use super::input::{self, Query, read};
use crate::App;

pub(super) async fn show(
    State(app): State<App>,
    mut query: Query,
) -> Result<Json<Usage>, ApiError> {
    let now = app.now();
    let timezone = match query.one("timezone")? {
        Some(name) => input::timezone(&name)?,
        None => app.settings().timezone,
    };
    let month = Window::MONTH.period(now, timezone).start;
    let since = query.instant("since", timezone)?.unwrap_or(month);
    let until = query.instant("until", timezone)?.unwrap_or(now);
    let by = by(&query.all("by"))?;
    query.finish()?;
    if since > until {
        return Err(ApiError::invalid("'since' is after 'until': swap them"));
    }
    let query = UsageQuery { since, until, by, timezone };
    read(&app, move |ledger| report::usage(ledger, &query)).await.map(Json)
}

fn by(names: &[String]) -> Result<By, ApiError> {
    match names {
        [] => Ok(By::Day),
        [name] => name.parse().map_err(ApiError::invalid),
        _ => Err(ApiError::invalid("'by' is given twice")),
    }
}
