//! `/settings`: what is configured, and whether it is in force.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::input::{Body, Query};
use super::machine::ask;
use crate::App;
use crate::machine::{SettingsChange, SettingsView};

pub(super) async fn show(
    State(app): State<App>,
    query: Query,
) -> Result<Json<SettingsView>, ApiError> {
    query.finish()?;
    let address = app.address();
    ask(&app, move |machine| machine.settings(address)).await.map(Json)
}

/// Writes them down; the answer says whether a restart is needed.
pub(super) async fn change(
    State(app): State<App>,
    body: Body,
) -> Result<Json<SettingsView>, ApiError> {
    let change: SettingsChange = body.json()?;
    let address = app.address();
    let changed = ask(&app, move |machine| {
        machine.change_settings(change)?;
        machine.settings(address)
    });
    changed.await.map(Json)
}
