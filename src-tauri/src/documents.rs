//! The parts of the API's documents that the tray reads.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::budget::{BudgetKind, BudgetUnit, Quantity};
use outlay_core::money::Money;
use serde::{Deserialize, Deserializer, de};
use serde_json::Number;

/// Shorter waits are over before anybody has looked.
const WAIT_SHOWN: TimeDelta = TimeDelta::seconds(2);

/// `GET /api/v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Status {
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) timezone: Tz,
    pub(crate) today: Spend,
    pub(crate) month: Spend,
    pub(crate) bypass: Option<Bypass>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) balances: Vec<Balance>,
}

/// A period's calls and their cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Spend {
    pub(crate) calls: u64,
    pub(crate) cost_usd: Money,
}

/// A time in which no limit refuses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Bypass {
    pub(crate) until: DateTime<Utc>,
}

/// How a budget stands; figures are counts of its unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Budget {
    pub(crate) name: String,
    pub(crate) window: String,
    pub(crate) unit: BudgetUnit,
    pub(crate) kind: BudgetKind,
    #[serde(deserialize_with = "count")]
    pub(crate) limit: i64,
    #[serde(deserialize_with = "count")]
    pub(crate) used: i64,
    #[serde(deserialize_with = "count")]
    pub(crate) held: i64,
    #[serde(deserialize_with = "count")]
    pub(crate) remaining: i64,
    #[serde(deserialize_with = "count")]
    pub(crate) credits_remaining: i64,
    pub(crate) percent: Number,
    pub(crate) state: State,
    pub(crate) reset_date: Option<DateTime<Utc>>,
    pub(crate) paused_until: Option<DateTime<Utc>>,
    pub(crate) waiting: u64,
    pub(crate) waiting_since: Option<DateTime<Utc>>,
    pub(crate) timezone: Tz,
}

/// Where a budget stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Blocked,
    Waiting,
    Warned,
    Paused,
    Bypassed,
    #[serde(other)]
    Ok,
}

/// What is left of an account's prepaid credit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Balance {
    pub(crate) account: String,
    pub(crate) remaining: Money,
    pub(crate) currency: String,
    pub(crate) warn_below: Option<Money>,
    pub(crate) refusing: bool,
    pub(crate) is_stale: bool,
    pub(crate) empty_at: Option<DateTime<Utc>>,
}

/// `GET /api/v1/calls`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Calls {
    pub(crate) rows: Vec<Call>,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) client: Option<String>,
    pub(crate) source: String,
    pub(crate) refused_by: Option<String>,
}

/// `GET /api/v1/calls/{id}/explanation`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Explanation {
    decisions: Vec<Decision>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Decision {
    budgets: Vec<Look>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Look {
    budget: String,
    #[serde(deserialize_with = "count")]
    needed: i64,
}

impl Status {
    /// Whether calls have waited for this budget for long enough to be told.
    pub(crate) fn waits_for(&self, budget: &Budget) -> bool {
        budget.waiting_since.is_some_and(|since| self.as_of - since >= WAIT_SHOWN)
    }
}

impl Budget {
    /// A count in the budget's unit.
    pub(crate) fn quantity(&self, count: i64) -> Quantity {
        Quantity { unit: self.unit, count }
    }

    /// The worse state first, then the smaller share that is left.
    pub(crate) fn tightest_first(one: &Budget, other: &Budget) -> Ordering {
        let left = |budget: &Budget, other: &Budget| {
            i128::from(budget.remaining) * i128::from(other.limit.max(1))
        };
        one.state.cmp(&other.state).then_with(|| left(one, other).cmp(&left(other, one)))
    }
}

impl Balance {
    pub(crate) fn is_low(&self) -> bool {
        self.warn_below.is_some_and(|level| self.remaining < level)
    }
}

impl Explanation {
    /// What the call needed of this budget, in its unit.
    pub(crate) fn needed(&self, budget: &str) -> Option<i64> {
        let looks = &self.decisions.last()?.budgets;
        looks.iter().find(|look| look.budget == budget).map(|look| look.needed)
    }
}

/// Money is written as text, other units as whole numbers.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Figure {
        Money(Money),
        Whole(i64),
    }
    match Figure::deserialize(deserializer) {
        Ok(Figure::Money(money)) => Ok(money.picodollars()),
        Ok(Figure::Whole(count)) => Ok(count),
        Err(error) => Err(de::Error::custom(error)),
    }
}

/// Documents for tests: JSON as the API writes it, with what differs.
#[cfg(test)]
pub(crate) mod samples {
    use serde_json::{Map, Value, json};

    use super::Status;

    /// A budget of $5 a day of which nothing is used, but for these fields.
    pub(crate) fn budget(name: &str, fields: &str) -> String {
        let usual = json!({
            "name": name, "window": "day", "unit": "USD", "kind": "hard", "limit": "5.00",
            "used": "0.00", "held": "0.00", "remaining": "5.00", "credits_remaining": "0.00",
            "percent": 0.0, "state": "ok", "reset_date": null, "paused_until": null,
            "waiting": 0, "waiting_since": null, "timezone": "Europe/Berlin",
        });
        changed(usual, fields)
    }

    /// An account with $50, but for these fields.
    pub(crate) fn balance(account: &str, fields: &str) -> String {
        let usual = json!({
            "account": account, "remaining": "50.00", "currency": "USD", "warn_below": null,
            "refusing": false, "is_stale": false, "empty_at": null,
        });
        changed(usual, fields)
    }

    /// Noon in Greenwich, as seen from Berlin.
    pub(crate) fn status(budgets: &[String], balances: &[String], bypass: &str) -> Status {
        let (budgets, balances) = (budgets.join(","), balances.join(","));
        let document = format!(
            r#"{{"as_of":"2026-11-21T12:00:00Z","timezone":"Europe/Berlin",
                "today":{{"calls":12,"cost_usd":"4.98"}},"month":{{"calls":1,"cost_usd":"61.20"}},
                "budgets":[{budgets}],"balances":[{balances}],"bypass":{bypass}}}"#
        );
        serde_json::from_str(&document).unwrap()
    }

    fn changed(mut usual: Value, fields: &str) -> String {
        let fields: Map<String, Value> = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
        usual.as_object_mut().unwrap().extend(fields);
        usual.to_string()
    }
}
