//! Why a call was not sent: the figures at that instant, one sentence, and the ways to go on.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::admission::RefusalReason;
use crate::alert::reset_text;
use crate::budget::{BudgetUnit, Quantity, QuotaStanding, Scope};
use crate::money::{Money, PICODOLLARS_PER_USD};

/// Why a call was not sent, with the figures at that instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The call's id.
    pub call: Uuid,
    /// Why.
    pub reason: RefusalReason,
    /// The budget that stopped it.
    pub budget: String,
    /// That budget's window (`day`).
    pub window: &'static str,
    /// What that budget counts.
    pub scope: Scope,
    /// The period's limit, with raises.
    pub limit: Quantity,
    /// Settled in the period.
    pub used: Quantity,
    /// Held by running calls.
    pub held: Quantity,
    /// What this call needs at the most; 0 where unknown.
    pub needed: Quantity,
    /// What is left in the period, never below zero.
    pub remaining: Quantity,
    /// What is left of the budget's top-up reserve.
    pub credits_remaining: Quantity,
    /// What is left of the account's prepaid credit; `None` if unknown.
    pub balance_remaining: Option<Money>,
    /// When the period ends; `None` where it does not.
    pub reset: Option<DateTime<Utc>>,
    /// The zone in which the budget's days begin.
    pub timezone: chrono_tz::Tz,
    /// The model asked for.
    pub model: Option<String>,
    /// Provider name as in the route.
    pub provider: String,
    /// For the `X-Quota-*` headers.
    pub standing: Option<QuotaStanding>,
}

/// One way to go on after a refusal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RefusalOption {
    /// `raise topup set price wait`.
    pub action: &'static str,
    /// The command that does it; `None` for waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The limit that it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Quantity>,
    /// When waiting ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// The sentence that the user reads, wherever the refusal is shown.
#[must_use]
pub fn message(refusal: &Refusal) -> String {
    let budget = &refusal.budget;
    let model = refusal.model.as_deref().unwrap_or("(none named)");
    match refusal.reason {
        RefusalReason::UnpricedModel if refusal.model.is_none() => format!(
            "Outlay: what this request costs cannot be known here, so hard budget '{budget}' cannot bound it. To go on: {}",
            allow_command(refusal)
        ),
        RefusalReason::UnpricedModel => format!(
            "Outlay: model '{model}' has no price, so hard budget '{budget}' cannot bound it. To go on: {}",
            price_command(refusal)
        ),
        RefusalReason::BudgetBusy => format!(
            "Outlay: what is left of hard budget '{budget}' is held by running calls ({} held, this call needs about {}). Try again when they have ended",
            refusal.held.spoken(),
            refusal.needed.spoken()
        ),
        RefusalReason::QuotaExceeded
        | RefusalReason::BalanceEmpty
        | RefusalReason::LoopDetected => {
            let state = if refusal.used.count >= refusal.limit.count {
                "is used up"
            } else {
                "is nearly used up"
            };
            let resets = refusal
                .reset
                .map(|reset| format!(" Resets {}.", reset_text(reset, refusal.timezone)))
                .unwrap_or_default();
            format!(
                "Outlay: hard budget '{budget}' of {} {state} ({} spent, this call needs about {}).{resets} To go on: {}",
                refusal.limit.spoken(),
                refusal.used.spoken(),
                refusal.needed.spoken(),
                raise_command(refusal).0
            )
        }
    }
}

/// The ways to go on, the mildest first. Only commands that exist.
#[must_use]
pub fn options(refusal: &Refusal) -> Vec<RefusalOption> {
    let budget = quoted(&refusal.budget);
    let with = |action, command: String, limit| RefusalOption {
        action,
        command: Some(command),
        limit,
        until: None,
    };
    let mut options = Vec::new();
    match refusal.reason {
        RefusalReason::UnpricedModel => {
            if refusal.model.is_some() {
                options.push(with("price", price_command(refusal), None));
            }
            options.push(with("allow", allow_command(refusal), None));
        }
        RefusalReason::BudgetBusy => {}
        RefusalReason::QuotaExceeded
        | RefusalReason::BalanceEmpty
        | RefusalReason::LoopDetected => {
            let (raise, raised) = raise_command(refusal);
            options.push(with("raise", raise, Some(raised)));
            let reserve = round_up(refusal.limit, shortfall(refusal).max(refusal.limit.count));
            options.push(with(
                "topup",
                format!("outlay budget topup {budget} --by {}", typed(reserve)),
                None,
            ));
            let after = refusal.used.count.saturating_add(refusal.held.count);
            let enough = after.saturating_add(refusal.needed.count);
            let limit = round_up(refusal.limit, enough.max(refusal.limit.count.saturating_mul(2)));
            let command = format!("outlay budget set {budget} --limit {}", typed(limit));
            options.push(with("set", command, Some(limit)));
        }
    }
    if let Some(reset) = refusal.reset.filter(|_| refusal.reason != RefusalReason::UnpricedModel) {
        options.push(RefusalOption {
            action: "wait",
            command: None,
            limit: None,
            until: Some(reset),
        });
    }
    options
}

fn price_command(refusal: &Refusal) -> String {
    let model = quoted(refusal.model.as_deref().unwrap_or("MODEL"));
    let provider = quoted(&refusal.provider);
    format!("outlay prices set {model} --provider {provider} --input N --output N")
}

fn allow_command(refusal: &Refusal) -> String {
    format!("outlay budget set {} --allow-unpriced", quoted(&refusal.budget))
}

/// A name as a shell reads it back: agents paste what they are told.
fn quoted(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:@-".contains(&byte);
    if !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("'{}'", name.replace('\'', r"'\''")))
}

fn raise_command(refusal: &Refusal) -> (String, Quantity) {
    let third = refusal.limit.count / 3;
    let by = round_up(refusal.limit, shortfall(refusal).max(third));
    let raised = Quantity { count: refusal.limit.count.saturating_add(by.count), ..by };
    (format!("outlay budget raise {} --by {}", quoted(&refusal.budget), typed(by)), raised)
}

/// How much more the budget needs for this call to fit.
fn shortfall(refusal: &Refusal) -> i64 {
    refusal
        .used
        .count
        .saturating_add(refusal.held.count)
        .saturating_add(refusal.needed.count)
        .saturating_sub(refusal.limit.count)
        .max(1)
}

/// The next of 1, 2, 5, 10, 20 … cents, tokens or calls (whole fractions of a cent below one).
fn round_up(like: Quantity, count: i64) -> Quantity {
    let mut step: i64 = 1;
    while step < count {
        let leading = step.to_string().starts_with('2');
        step = if leading { step / 2 * 5 } else { step.saturating_mul(2) };
        if step == i64::MAX {
            break;
        }
    }
    Quantity { count: step.max(count), unit: like.unit }
}

/// A quantity as one types it: whole dollars without decimals.
fn typed(quantity: Quantity) -> String {
    match quantity.unit {
        BudgetUnit::Usd if quantity.count % PICODOLLARS_PER_USD == 0 => {
            (quantity.count / PICODOLLARS_PER_USD).to_string()
        }
        _ => quantity.to_string(),
    }
}
