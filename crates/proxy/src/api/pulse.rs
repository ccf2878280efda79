//! `GET /pulse`: cheap to ask every second.

use axum::Json;
use axum::extract::State;
use outlay_core::report;
use serde::Serialize;

use super::error::ApiError;
use super::input::{Query, read};
use crate::App;

/// A number that changes when anything shown would.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(super) struct Pulse {
    revision: i64,
}

pub(super) async fn show(State(app): State<App>, query: Query) -> Result<Json<Pulse>, ApiError> {
    query.finish()?;
    let revision = read(&app, report::revision).await?;
    Ok(Json(Pulse { revision }))
}
