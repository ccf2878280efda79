//! `/service`: what keeps the proxy running.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::input::Query;
use super::machine::ask;
use crate::App;
use crate::machine::ServiceView;

pub(super) async fn show(
    State(app): State<App>,
    query: Query,
) -> Result<Json<ServiceView>, ApiError> {
    query.finish()?;
    ask(&app, |machine| machine.service()).await.map(Json)
}

pub(super) async fn install(State(app): State<App>) -> Result<Json<ServiceView>, ApiError> {
    ask(&app, |machine| machine.install_service()).await.map(Json)
}

pub(super) async fn uninstall(State(app): State<App>) -> Result<Json<ServiceView>, ApiError> {
    ask(&app, |machine| machine.uninstall_service()).await.map(Json)
}
