//! `GET /status`.

use axum::Json;
use axum::extract::State;
use outlay_core::report;

use super::error::ApiError;
use super::input::{Query, read};
use crate::App;

pub(super) async fn show(
    State(app): State<App>,
    query: Query,
) -> Result<Json<report::Status>, ApiError> {
    query.finish()?;
    let (now, timezone) = (app.now(), app.settings().timezone);
    read(&app, move |ledger| report::status(ledger, now, timezone)).await.map(Json)
}
