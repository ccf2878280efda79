//! `GET /alerts`: newest first.

use axum::Json;
use axum::extract::State;
use outlay_core::ledger::AlertView;
use outlay_core::report;
use serde::Serialize;

use super::error::ApiError;
use super::input::{Query, read};
use crate::App;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 1_000;

/// What fired, and whether it was delivered.
#[derive(Debug, Serialize)]
pub(super) struct Alerts {
    alerts: Vec<AlertView>,
}

pub(super) async fn list(
    State(app): State<App>,
    mut query: Query,
) -> Result<Json<Alerts>, ApiError> {
    let limit = query.count("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    query.finish()?;
    let alerts = read(&app, move |ledger| report::alerts(ledger, limit)).await?;
    Ok(Json(Alerts { alerts }))
}
