//! `/bypass`: the time in which no limit refuses.

use axum::extract::State;
use axum::{Extension, Json};
use outlay_core::ledger::Bypass;
use outlay_core::report;
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::error::ApiError;
use super::input::{Body, Length, Query, read};
use crate::App;

/// The bypass in force, if any.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    bypass: Option<Bypass>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    seconds: Option<u32>,
    until: Option<String>,
    why: Option<String>,
}

pub(super) async fn show(State(app): State<App>, query: Query) -> Result<Json<Document>, ApiError> {
    query.finish()?;
    let now = app.now();
    let bypass = read(&app, move |ledger| report::bypass(ledger, now)).await?;
    Ok(Json(Document { bypass }))
}

pub(super) async fn start(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<Document>, ApiError> {
    let Start { seconds, until, why } = body.json()?;
    let Some(until) = Length::new(seconds, until).end(&app)? else {
        return Err(ApiError::invalid("a bypass ends: give 'seconds' or 'until'"));
    };
    let why = why.filter(|why| !why.trim().is_empty());
    let bypass = app.ledger().bypass(until, why, caller.actor(), app.now()).await?;
    Ok(Json(Document { bypass: Some(bypass) }))
}

pub(super) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Document>, ApiError> {
    app.ledger().end_bypass(caller.actor(), app.now()).await?;
    Ok(Json(Document { bypass: None }))
}
