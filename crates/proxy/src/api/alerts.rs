//! `GET /alerts`: newest first, `POST /alerts/acknowledgements` and `POST /alerts/tests`.

use axum::Json;
use axum::extract::State;
use outlay_core::ledger::AlertView;
use outlay_core::report;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ApiError;
use super::input::{Body, Query, read};
use super::machine::ask;
use crate::App;
use crate::machine::AlertTest;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 1_000;

/// What fired, and whether it was delivered.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
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

/// Which alerts are seen to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// `None` for all.
    ids: Option<Vec<Uuid>>,
}

/// How many were marked that were not before.
#[derive(Debug, Serialize)]
pub(super) struct Marked {
    acknowledged: u64,
}

pub(super) async fn acknowledge(
    State(app): State<App>,
    body: Body,
) -> Result<Json<Marked>, ApiError> {
    let Seen { ids } = body.json()?;
    let acknowledged = app.ledger().acknowledge_alerts(ids, app.now()).await?;
    Ok(Json(Marked { acknowledged }))
}

/// Sends one the whole way, and answers when it has arrived or failed.
pub(super) async fn test(State(app): State<App>) -> Result<Json<AlertTest>, ApiError> {
    ask(&app, |machine| machine.test_alerts()).await.map(Json)
}
