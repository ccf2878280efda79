//! `POST /backups` and `POST /exports`: what is written for the user, and where.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::error::ApiError;
use super::input::{Body, instant};
use super::machine::ask;
use crate::App;
use crate::machine::{BackedUp, ExportForm, ExportWanted, Exported};

/// Which calls, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    format: ExportForm,
    since: Option<String>,
    until: Option<String>,
}

/// What a copy could be told; nothing so far.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) async fn back_up(
    State(app): State<App>,
    body: Body,
) -> Result<Json<BackedUp>, ApiError> {
    let Nothing {} = body.json_or_nothing()?.unwrap_or_default();
    ask(&app, |machine| machine.back_up()).await.map(Json)
}

pub(super) async fn export(State(app): State<App>, body: Body) -> Result<Json<Exported>, ApiError> {
    let Wanted { format, since, until } = body.json()?;
    let zone = app.settings().timezone;
    let at =
        |name: &str, text: Option<String>| text.map(|text| instant(name, &text, zone)).transpose();
    let (since, until) = (at("since", since)?, at("until", until)?);
    if since.zip(until).is_some_and(|(since, until)| until <= since) {
        return Err(ApiError::invalid("'until' is not after 'since': no call can be between them"));
    }
    let wanted = ExportWanted { form: format, since, until };
    ask(&app, move |machine| machine.export(wanted)).await.map(Json)
}
