//! `/budgets`: how they stand, and changes to them.

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use outlay_core::budget::{Anchor, BudgetUnit, Scope, Window, parse_warn_percent};
use outlay_core::ledger::{BudgetChange, BudgetEvent};
use outlay_core::report::{self, BudgetView, RehearsalQuery, RehearsalView};
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::error::ApiError;
use super::input::{self, Amount, Body, Length, Name, Query, read};
use crate::App;

/// How every budget stands.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(super) struct Budgets {
    budgets: Vec<BudgetView>,
}

/// What was done to a budget, oldest first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "BudgetHistory"))]
pub(super) struct History {
    events: Vec<BudgetEvent>,
}

/// What to set; what is not named stays as it is, or takes its default where the budget is new.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    limit: Option<Amount>,
    window: Option<String>,
    kind: Option<String>,
    unit: Option<String>,
    warn: Option<Warn>,
    scope: Option<Scope>,
    anchor_day: Option<u8>,
    week_start: Option<String>,
    reset_at: Option<String>,
    timezone: Option<String>,
    allow_unpriced: Option<bool>,
    no_cap: Option<bool>,
}

/// `[80, 95]` or `"80,95"`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "warn thresholds are written like [80, 95]")]
enum Warn {
    List(Vec<u8>),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raise {
    by: Amount,
    until: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopUp {
    by: Amount,
}

pub(super) async fn list(State(app): State<App>, query: Query) -> Result<Json<Budgets>, ApiError> {
    query.finish()?;
    let now = app.now();
    let budgets = read(&app, move |ledger| report::budgets(ledger, now)).await?;
    Ok(Json(Budgets { budgets }))
}

pub(super) async fn show(
    State(app): State<App>,
    Name(name): Name,
) -> Result<Json<BudgetView>, ApiError> {
    view(&app, name).await.map(Json)
}

pub(super) async fn history(
    State(app): State<App>,
    Name(name): Name,
) -> Result<Json<History>, ApiError> {
    let events = read(&app, move |ledger| ledger.budget_history(&name)).await?;
    Ok(Json(History { events }))
}

pub(super) async fn set(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
    body: Body,
) -> Result<Json<BudgetView>, ApiError> {
    let asked: Change = body.json()?;
    let window = window(&app, &name, &asked).await?;
    let change = asked.of(name.clone(), window)?;
    let timezone = app.settings().timezone;
    app.ledger().set_budget(change, caller.actor(), app.now(), timezone).await?;
    view(&app, name).await.map(Json)
}

/// What such a budget would have done to the last 30 days.
pub(super) async fn rehearse(
    State(app): State<App>,
    body: Body,
) -> Result<Json<RehearsalView>, ApiError> {
    let asked: Change = body.json()?;
    let window = window(&app, "", &asked).await?;
    let change = asked.of(String::new(), window)?;
    let (Some(limit), Some(window)) = (change.limit, change.window) else {
        return Err(ApiError::invalid("a limit is tried with 'limit' and 'window'"));
    };
    let query = RehearsalQuery {
        unit: change.unit.unwrap_or(BudgetUnit::Usd),
        limit,
        window,
        timezone: change.timezone.unwrap_or(app.settings().timezone),
        scope: change.scope.unwrap_or_default(),
    };
    let now = app.now();
    read(&app, move |ledger| report::rehearsal(ledger, &query, now)).await.map(Json)
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
) -> Result<StatusCode, ApiError> {
    app.ledger().remove_budget(name, caller.actor(), app.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn raise(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
    body: Body,
) -> Result<Json<BudgetView>, ApiError> {
    let raise: Raise = body.json()?;
    let now = app.now();
    let timezone = app.settings().timezone;
    let until = raise.until.map(|text| input::instant("until", &text, timezone)).transpose()?;
    if until.is_some_and(|until| until <= now) {
        return Err(ApiError::invalid("'until' is past: a raise ends later than now"));
    }
    app.ledger().raise_budget(name.clone(), raise.by.0, until, caller.actor(), now).await?;
    view(&app, name).await.map(Json)
}

pub(super) async fn lower(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
) -> Result<Json<BudgetView>, ApiError> {
    app.ledger().lower_budget(name.clone(), caller.actor(), app.now()).await?;
    view(&app, name).await.map(Json)
}

pub(super) async fn top_up(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
    body: Body,
) -> Result<Json<BudgetView>, ApiError> {
    let top_up: TopUp = body.json()?;
    app.ledger().top_up_budget(name.clone(), top_up.by.0, caller.actor(), app.now()).await?;
    view(&app, name).await.map(Json)
}

pub(super) async fn pause(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
    body: Body,
) -> Result<Json<BudgetView>, ApiError> {
    let length: Length = body.json_or_nothing()?.unwrap_or_default();
    let until = length.end(&app)?;
    app.ledger().pause_budget(name.clone(), until, caller.actor(), app.now()).await?;
    view(&app, name).await.map(Json)
}

pub(super) async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Name(name): Name,
) -> Result<Json<BudgetView>, ApiError> {
    app.ledger().resume_budget(name.clone(), caller.actor(), app.now()).await?;
    view(&app, name).await.map(Json)
}

async fn view(app: &App, name: String) -> Result<BudgetView, ApiError> {
    let now = app.now();
    read(app, move |ledger| {
        let budgets = report::budgets(ledger, now)?;
        let names: Vec<String> = budgets.iter().map(|budget| budget.name.clone()).collect();
        Ok(budgets.into_iter().find(|budget| budget.name == name).ok_or_else(|| {
            let known = match names.as_slice() {
                [] => "there are no budgets yet".to_owned(),
                names => format!("the budgets are: {}", names.join(", ")),
            };
            ApiError::not_found(format!("there is no budget '{name}'; {known}"))
        }))
    })
    .await?
}

/// The window to set: the one named, else the budget's own where its anchor is to move.
async fn window(app: &App, name: &str, asked: &Change) -> Result<Option<Window>, ApiError> {
    let anchor_day = asked.anchor_day.map(|day| day.to_string());
    let anchor = Anchor {
        anchor_day: anchor_day.as_deref(),
        week_start: asked.week_start.as_deref(),
        reset_at: asked.reset_at.as_deref(),
    };
    let window = match &asked.window {
        Some(window) => window.clone(),
        None if anchor == Anchor::default() => return Ok(None),
        None => view(app, name.to_owned()).await?.window,
    };
    Window::parse(&window)
        .and_then(|window| window.anchored(&anchor))
        .map(Some)
        .map_err(|error| ApiError::invalid(format!("'window' of the budget: {error}")))
}

impl Change {
    fn of(self, name: String, window: Option<Window>) -> Result<BudgetChange, ApiError> {
        let kind = self.kind.map(|kind| kind.parse()).transpose();
        let unit = self.unit.map(|unit| unit.parse()).transpose();
        let warn_percent = self.warn.map(|warn| parse_warn_percent(&warn.typed())).transpose();
        Ok(BudgetChange {
            name,
            kind: kind.map_err(|error: String| in_field("kind", &error))?,
            unit: unit.map_err(|error: String| in_field("unit", &error))?,
            limit: self.limit.map(|limit| limit.0),
            window,
            timezone: self.timezone.map(|name| input::timezone(&name)).transpose()?,
            warn_percent: warn_percent.map_err(|error| in_field("warn", &error))?,
            scope: self.scope,
            allow_unpriced: self.allow_unpriced,
            may_cap: self.no_cap.map(|no_cap| !no_cap),
        })
    }
}

impl Warn {
    fn typed(&self) -> String {
        match self {
            Warn::Text(text) => text.clone(),
            Warn::List(list) => list.iter().map(u8::to_string).collect::<Vec<_>>().join(","),
        }
    }
}

fn in_field(field: &str, error: &str) -> ApiError {
    ApiError::invalid(format!("'{field}' of the budget: {error}"))
}
