//! `GET /prices`.

use axum::Json;
use axum::extract::State;
use outlay_core::report::{self, PriceFilter, Prices};

use super::error::ApiError;
use super::input::{Query, read};
use crate::App;

pub(super) async fn list(
    State(app): State<App>,
    mut query: Query,
) -> Result<Json<Prices>, ApiError> {
    let filter = PriceFilter { provider: query.one("provider")?, search: query.one("search")? };
    query.finish()?;
    let now = app.now();
    read(&app, move |ledger| Ok(report::prices(ledger, &filter, now))).await.map(Json)
}
