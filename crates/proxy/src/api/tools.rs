//! `/tools`: which tools are here, and the settings that bring their calls to Outlay.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::input::{Body, Name, Query};
use super::machine::ask;
use crate::App;
use crate::machine::{Connection, Tools};

pub(super) async fn list(State(app): State<App>, query: Query) -> Result<Json<Tools>, ApiError> {
    query.finish()?;
    let address = app.address();
    ask(&app, move |machine| machine.tools(address)).await.map(Json)
}

/// Changes the tool's own settings, or says what it would change.
pub(super) async fn connect(
    State(app): State<App>,
    Name(tool): Name,
    body: Body,
) -> Result<Json<Connection>, ApiError> {
    let wanted = body.json_or_nothing()?.unwrap_or_default();
    let address = app.address();
    ask(&app, move |machine| machine.connect(&tool, wanted, address)).await.map(Json)
}

pub(super) async fn disconnect(
    State(app): State<App>,
    Name(tool): Name,
    mut query: Query,
) -> Result<Json<Connection>, ApiError> {
    let is_dry = query.flag("dry_run")?;
    query.finish()?;
    ask(&app, move |machine| machine.disconnect(&tool, is_dry)).await.map(Json)
}
