//! `/plans` and `/plan`: named sets of hard budgets, and the one in use.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use outlay_core::report::{self, Plans, ReplacedLimit};
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::error::ApiError;
use super::input::{Body, Query, read};
use crate::App;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    plan: String,
    /// Whether limits that the user set may be replaced.
    #[serde(default)]
    replace: bool,
}

/// What putting a plan in use did.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    plan: String,
    /// The budgets that it made or changed.
    set: Vec<String>,
    /// The earlier plan's budgets that it took away.
    removed: Vec<String>,
}

pub(super) async fn list(State(app): State<App>, query: Query) -> Result<Json<Plans>, ApiError> {
    query.finish()?;
    all(&app).await.map(Json)
}

/// As the list, with the plan in use alone.
pub(super) async fn show(State(app): State<App>, query: Query) -> Result<Json<Plans>, ApiError> {
    query.finish()?;
    let Plans { plan, mut plans } = all(&app).await?;
    plans.retain(|known| Some(&known.name) == plan.as_ref());
    Ok(Json(Plans { plan, plans }))
}

pub(super) async fn put_in_use(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<Used>, ApiError> {
    let Use { plan: name, replace } = body.json()?;
    let settings = app.settings();
    let plan = settings.plans.iter().find(|plan| plan.name == name).cloned().ok_or_else(|| {
        let names: Vec<&str> = settings.plans.iter().map(|plan| plan.name.as_str()).collect();
        let names = names.join(", ");
        ApiError::not_found(format!("there is no plan '{name}'; the plans are: {names}"))
    })?;
    if !replace {
        let (asked, now) = (plan.clone(), app.now());
        let limits = read(&app, move |ledger| report::replaced_limits(ledger, &asked, now)).await?;
        spare_own(&name, &limits)?;
    }
    let done = app.ledger().use_plan(plan, caller.actor(), app.now(), settings.timezone).await?;
    Ok(Json(Used { plan: name, set: done.set, removed: done.removed }))
}

/// The user's own limits are not replaced without a word.
fn spare_own(plan: &str, limits: &[ReplacedLimit]) -> Result<(), ApiError> {
    let own: Vec<String> =
        limits.iter().filter(|limit| limit.is_own).map(ReplacedLimit::spoken).collect();
    if own.is_empty() {
        return Ok(());
    }
    let own = own.join(", ");
    Err(ApiError::new(
        StatusCode::CONFLICT,
        "own_limits",
        format!(
            "plan '{plan}' would replace limits that you set: {own}: \"replace\": true does it"
        ),
    ))
}

async fn all(app: &App) -> Result<Plans, ApiError> {
    let plans = app.settings().plans.clone();
    read(app, move |ledger| report::plans(ledger, plans)).await
}
