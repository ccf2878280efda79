//! `GET /balances` and `POST /grants`: prepaid credit.

use axum::Json;
use axum::extract::State;
use outlay_core::ledger::BalanceView;
use outlay_core::money::Money;
use outlay_core::report;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::input::{self, Amount, Body, Query, read};
use crate::App;

/// What is left, by account.
#[derive(Debug, Serialize)]
pub(super) struct Balances {
    balances: Vec<BalanceView>,
}

/// Credit that was bought or given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    account: String,
    amount: Amount,
    expires: Option<String>,
    note: Option<String>,
}

pub(super) async fn list(State(app): State<App>, query: Query) -> Result<Json<Balances>, ApiError> {
    query.finish()?;
    let (now, timezone) = (app.now(), app.settings().timezone);
    let balances = read(&app, move |ledger| report::balances(ledger, now, timezone)).await?;
    Ok(Json(Balances { balances }))
}

pub(super) async fn grant(
    State(app): State<App>,
    body: Body,
) -> Result<Json<BalanceView>, ApiError> {
    let grant: Grant = body.json()?;
    let amount: Money = grant
        .amount
        .0
        .parse()
        .map_err(|error| ApiError::invalid(format!("'amount' of the grant: {error}")))?;
    if grant.account.trim().is_empty() {
        return Err(ApiError::invalid("'account' is empty: name it, like openai"));
    }
    let timezone = app.settings().timezone;
    let expires =
        grant.expires.map(|text| input::instant("expires", &text, timezone)).transpose()?;
    let now = app.now();
    let account = grant.account;
    app.ledger().add_grant(account.clone(), amount, expires, grant.note, now).await?;
    let balances = read(&app, move |ledger| report::balances(ledger, now, timezone)).await?;
    let balance = balances.into_iter().find(|balance| balance.account == account);
    balance.map(Json).ok_or_else(|| {
        ApiError::internal(format!("the grant is recorded, but '{account}' shows no balance"))
    })
}
