//! `GET /calls`, `GET /calls/count`, `GET /calls/{id}` and `GET /calls/{id}/explanation`.

use axum::Json;
use axum::extract::State;
use outlay_core::ledger::{Matching, Place};
use outlay_core::report::{self, CallCount, CallDetail, CallPage, CallQuery, Explanation};
use uuid::Uuid;

use super::error::ApiError;
use super::input::{Name, Query, read};
use crate::App;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 1_000;
const STATUSES: [&str; 6] = ["settled", "estimated", "running", "waiting", "refused", "failed"];

pub(super) async fn list(
    State(app): State<App>,
    mut query: Query,
) -> Result<Json<CallPage>, ApiError> {
    let limit = query.count("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let cursor = query.one("cursor")?.map(|text| cursor(&text)).transpose()?;
    let offset = query.number("offset")?.unwrap_or(0);
    let asked = CallQuery { cursor, offset, ..asked(&app, &mut query)? };
    query.finish()?;
    read(&app, move |ledger| report::calls(ledger, &asked, limit)).await.map(Json)
}

pub(super) async fn count(
    State(app): State<App>,
    mut query: Query,
) -> Result<Json<CallCount>, ApiError> {
    let asked = asked(&app, &mut query)?;
    query.finish()?;
    read(&app, move |ledger| report::call_count(ledger, &asked)).await.map(Json)
}

/// Which calls a query asks for.
fn asked(app: &App, query: &mut Query) -> Result<CallQuery, ApiError> {
    let timezone = app.settings().timezone;
    let status = query.one("status")?;
    if let Some(status) = status.as_deref().filter(|status| !STATUSES.contains(status)) {
        let known = STATUSES.join(", ");
        return Err(ApiError::invalid(format!("'status' is one of {known}, not '{status}'")));
    }
    Ok(CallQuery {
        since: query.instant("since", timezone)?,
        until: query.instant("until", timezone)?,
        matching: Matching {
            provider: query.one("provider")?,
            account: query.one("account")?,
            model: query.one("model")?,
            project: query.one("project")?,
            session: query.one("session")?,
            client: query.one("client")?,
            key: query.one("key")?,
            source: query.one("source")?,
            status,
            search: query.one("search")?,
        },
        ..CallQuery::default()
    })
}

pub(super) async fn show(
    State(app): State<App>,
    Name(id): Name,
) -> Result<Json<CallDetail>, ApiError> {
    let id = uuid(&id)?;
    read(&app, move |ledger| report::call(ledger, id)).await?.map(Json).ok_or_else(|| unknown(id))
}

pub(super) async fn explain(
    State(app): State<App>,
    Name(id): Name,
) -> Result<Json<Explanation>, ApiError> {
    let id = uuid(&id)?;
    let found = read(&app, move |ledger| report::explanation(ledger, id)).await?;
    found.map(Json).ok_or_else(|| unknown(id))
}

fn uuid(id: &str) -> Result<Uuid, ApiError> {
    id.parse().map_err(|_| {
        ApiError::invalid(format!("'{id}' is not the id of a call: GET /calls lists them"))
    })
}

fn unknown(id: Uuid) -> ApiError {
    ApiError::not_found(format!("there is no call {id}: GET /calls lists them"))
}

fn cursor(text: &str) -> Result<Place, ApiError> {
    text.parse().map_err(|_| {
        ApiError::invalid(format!("'cursor' is what the page before ended with, not '{text}'"))
    })
}
