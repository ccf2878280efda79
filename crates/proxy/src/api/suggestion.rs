//! `GET /suggestion`: limits that would have suited the last 30 days.

use axum::Json;
use axum::extract::State;
use outlay_core::report::{self, Suggestion};

use super::error::ApiError;
use super::input::{Query, read};
use crate::App;

pub(super) async fn show(
    State(app): State<App>,
    query: Query,
) -> Result<Json<Suggestion>, ApiError> {
    query.finish()?;
    let (now, timezone) = (app.now(), app.settings().timezone);
    read(&app, move |ledger| report::suggestion(ledger, now, timezone)).await.map(Json)
}
