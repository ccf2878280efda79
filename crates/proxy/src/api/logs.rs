//! `/logs` and `/imports`: what tools have logged, and its way into the ledger.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::error::ApiError;
use super::input::{Body, Query};
use super::machine::ask;
use crate::App;
use crate::machine::{Imports, Logs};

pub(super) async fn list(State(app): State<App>, query: Query) -> Result<Json<Logs>, ApiError> {
    query.finish()?;
    ask(&app, |machine| machine.logs()).await.map(Json)
}

/// Begins one, which `GET` tells of.
pub(super) async fn import(
    State(app): State<App>,
    body: Body,
) -> Result<(StatusCode, Json<Imports>), ApiError> {
    let wanted = body.json_or_nothing()?.unwrap_or_default();
    let begun = ask(&app, |machine| machine.begin_import(wanted)).await?;
    Ok((StatusCode::ACCEPTED, Json(begun)))
}

pub(super) async fn imports(
    State(app): State<App>,
    query: Query,
) -> Result<Json<Imports>, ApiError> {
    query.finish()?;
    ask(&app, |machine| Ok(machine.imports())).await.map(Json)
}
