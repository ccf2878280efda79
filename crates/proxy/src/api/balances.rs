//! `/balances` and `/grants`: prepaid credit.

use axum::Json;
use axum::extract::State;
use outlay_core::balance::{Recharge, WarnLevel};
use outlay_core::ledger::{BalanceView, GrantView};
use outlay_core::money::Money;
use outlay_core::report;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::error::ApiError;
use super::input::{self, Amount, Body, Name, Query, read};
use crate::App;

/// What is left, by account.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(super) struct Balances {
    balances: Vec<BalanceView>,
}

/// What was bought and given.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(super) struct Grants {
    grants: Vec<GrantView>,
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

/// What to set of an account's credit; what is not named stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    observed: Option<Amount>,
    warn: Option<String>,
    floor: Option<String>,
    recharge: Option<TopUp>,
}

/// The top-up that the provider makes by itself, or a word for none.
#[derive(Debug)]
enum TopUp {
    Made(Made),
    Word(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    below: Amount,
    amount: Amount,
}

impl<'de> Deserialize<'de> for TopUp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TopUp, D::Error> {
        // As it stands: an amount is kept as it was typed.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let read = match raw.get() {
            word if word.starts_with('"') => serde_json::from_str(word).map(TopUp::Word),
            made => serde_json::from_str(made).map(TopUp::Made),
        };
        read.map_err(serde::de::Error::custom)
    }
}

pub(super) async fn list(State(app): State<App>, query: Query) -> Result<Json<Balances>, ApiError> {
    query.finish()?;
    let (now, timezone) = (app.now(), app.settings().timezone);
    let balances = read(&app, move |ledger| report::balances(ledger, now, timezone)).await?;
    Ok(Json(Balances { balances }))
}

pub(super) async fn grants(
    State(app): State<App>,
    mut query: Query,
) -> Result<Json<Grants>, ApiError> {
    let account = query.one("account")?;
    query.finish()?;
    let now = app.now();
    let grants = read(&app, move |ledger| report::grants(ledger, account.as_deref(), now)).await?;
    Ok(Json(Grants { grants }))
}

pub(super) async fn grant(
    State(app): State<App>,
    body: Body,
) -> Result<Json<BalanceView>, ApiError> {
    let grant: Grant = body.json()?;
    let amount = money("amount", &grant.amount.0)?;
    if grant.account.trim().is_empty() {
        return Err(ApiError::invalid("'account' is empty: name it, like openai"));
    }
    let timezone = app.settings().timezone;
    let expires =
        grant.expires.map(|text| input::instant("expires", &text, timezone)).transpose()?;
    let account = grant.account;
    app.ledger().add_grant(account.clone(), amount, expires, grant.note, app.now()).await?;
    view(&app, &account).await?.map(Json).ok_or_else(|| {
        ApiError::internal(format!("the grant is recorded, but '{account}' shows no balance"))
    })
}

pub(super) async fn set(
    State(app): State<App>,
    Name(account): Name,
    body: Body,
) -> Result<Json<BalanceView>, ApiError> {
    let change: Change = body.json()?;
    let in_field = |field: &str, error: String| ApiError::invalid(format!("'{field}': {error}"));
    // All of it is read before anything is done: a mistake in one changes none.
    let observed = change.observed.map(|amount| money("observed", &amount.0)).transpose()?;
    let warn = change.warn.map(|text| match text.trim() {
        "" => Ok(WarnLevel::Off),
        text => text.parse().map_err(|error| in_field("warn", error)),
    });
    let warn: Option<WarnLevel> = warn.transpose()?;
    let floor = change.floor.map(|text| match text.trim() {
        "" | "off" => Ok(None),
        text => money("floor", text).map(Some),
    });
    let floor = floor.transpose()?;
    let recharge = change.recharge.map(TopUp::read).transpose()?;
    let (ledger, now) = (app.ledger(), app.now());
    if let Some(observed) = observed {
        ledger.set_balance(account.clone(), observed, now).await?;
    }
    if let Some(warn) = warn {
        ledger.warn_balance(account.clone(), warn, now).await?;
    }
    if let Some(floor) = floor {
        ledger.set_floor(account.clone(), floor).await?;
    }
    if let Some(recharge) = recharge {
        ledger.set_recharge(account.clone(), recharge, now).await?;
    }
    view(&app, &account).await?.map(Json).ok_or_else(|| {
        ApiError::not_found(format!(
            "nothing is known of what is left in '{account}': send 'observed' once"
        ))
    })
}

impl TopUp {
    /// As the ledger takes it; `None` for none.
    fn read(self) -> Result<Option<Recharge>, ApiError> {
        let invalid = |what: &str| ApiError::invalid(format!("'recharge': {what}"));
        match self {
            TopUp::Made(Made { below, amount }) => {
                let below = money("recharge.below", &below.0)?;
                let amount = money("recharge.amount", &amount.0)?;
                Recharge::new(below, amount).map(Some).map_err(invalid)
            }
            TopUp::Word(word) if matches!(word.trim(), "" | "off") => Ok(None),
            TopUp::Word(_) => Err(invalid("write {\"below\": …, \"amount\": …}, or off")),
        }
    }
}

async fn view(app: &App, account: &str) -> Result<Option<BalanceView>, ApiError> {
    let (now, timezone) = (app.now(), app.settings().timezone);
    let balances = read(app, move |ledger| report::balances(ledger, now, timezone)).await?;
    Ok(balances.into_iter().find(|balance| balance.account == account))
}

fn money(field: &str, text: &str) -> Result<Money, ApiError> {
    text.parse().map_err(|error| ApiError::invalid(format!("'{field}': {error}")))
}
