//! Budgets: a limit on money, tokens or calls over a window of time, soft (warn) or hard (refuse).
//!
//! A *window* is the rule (`month`, from the 15th, in Europe/Berlin); a *period* is one turn of it.
//! Everything here is pure: which budgets apply to a call, and which period an instant belongs to.

mod rehearsal;
mod scope;
mod standing;
mod window;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use rehearsal::{Rehearsal, Rehearsed};
pub use scope::{CallFacts, Scope, ScopeError, ScopeMatcher};
pub use standing::QuotaStanding;
pub use window::{Anchor, Period, Span, SpanUnit, Window, WindowError};

use crate::money::{Money, MoneyError};

/// What a budget is known by across machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BudgetId(pub Uuid);

/// Whether crossing the limit warns or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum BudgetKind {
    /// Warns, never refuses.
    Soft,
    /// Refuses the call that would cross it.
    Hard,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub enum BudgetUnit {
    /// US dollars; quantities are picodollars.
    #[serde(rename = "USD")]
    Usd,
    /// Tokens of any bucket.
    #[serde(rename = "tokens")]
    Tokens,
    /// Admitted calls.
    #[serde(rename = "calls")]
    Calls,
}

/// A quantity in a budget's unit. JSON: a money string for USD, else a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "types", derive(ts_rs::TS), ts(type = "string | number"))]
pub struct Quantity {
    /// The unit.
    pub unit: BudgetUnit,
    /// Picodollars, tokens or calls.
    pub count: i64,
}

/// Why a text is no quantity of the unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No amount of money.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// No whole number of tokens or calls.
    #[error("'{0}' is not a whole number: a limit in tokens or calls is written like 200000")]
    NotWhole(String),
    /// Below zero.
    #[error("'{0}' is negative: write an amount of zero or more")]
    Negative(String),
}

/// A budget as the user set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its id.
    pub id: BudgetId,
    /// Its name, unique among the budgets that are not deleted.
    pub name: String,
    /// Warn or refuse.
    pub kind: BudgetKind,
    /// What is counted.
    pub unit: BudgetUnit,
    /// The limit of one period, in the unit, before raises and top-ups.
    pub limit: i64,
    /// The window.
    pub window: Window,
    /// The zone in which the window's days begin.
    pub timezone: chrono_tz::Tz,
    /// Warn thresholds, in percent of the limit, ascending; 100 is implied.
    pub warn_percent: Vec<u8>,
    /// Which calls count.
    pub scope: Scope,
    /// Whether calls of models without a price may pass a hard budget.
    pub allow_unpriced: bool,
    /// Whether a request's output may be bounded near the limit.
    pub may_cap: bool,
}

impl BudgetUnit {
    /// The text of the unit in JSON, CSV and headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            BudgetUnit::Usd => "USD",
            BudgetUnit::Tokens => "tokens",
            BudgetUnit::Calls => "calls",
        }
    }
}

impl FromStr for BudgetUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<BudgetUnit, String> {
        match text {
            "usd" | "USD" => Ok(BudgetUnit::Usd),
            "tokens" => Ok(BudgetUnit::Tokens),
            "calls" => Ok(BudgetUnit::Calls),
            _ => Err(format!("'{text}' is not a unit: use usd, tokens or calls")),
        }
    }
}

impl BudgetKind {
    /// The text of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            BudgetKind::Soft => "soft",
            BudgetKind::Hard => "hard",
        }
    }
}

impl FromStr for BudgetKind {
    type Err = String;

    fn from_str(text: &str) -> Result<BudgetKind, String> {
        match text {
            "soft" => Ok(BudgetKind::Soft),
            "hard" => Ok(BudgetKind::Hard),
            _ => Err(format!("'{text}' is not a kind of budget: use soft or hard")),
        }
    }
}

impl Quantity {
    /// Reads what a user typed: `5.00` dollars, `200000` tokens.
    ///
    /// # Errors
    /// When the text is no quantity of the unit or below zero.
    pub fn parse(unit: BudgetUnit, text: &str) -> Result<Quantity, QuantityError> {
        let count = match unit {
            BudgetUnit::Usd => Money::typed(text)?.picodollars(),
            BudgetUnit::Tokens | BudgetUnit::Calls => text
                .replace('_', "")
                .parse::<i64>()
                .map_err(|_| QuantityError::NotWhole(text.to_owned()))?,
        };
        if count < 0 {
            return Err(QuantityError::Negative(text.to_owned()));
        }
        Ok(Quantity { unit, count })
    }
}

impl fmt::Display for Quantity {
    /// The bare figure, as in JSON and headers: `4.98`, `200000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            BudgetUnit::Usd => Money::from_picodollars(self.count).fmt(f),
            BudgetUnit::Tokens | BudgetUnit::Calls => self.count.fmt(f),
        }
    }
}

impl Quantity {
    /// As in a sentence: `$4.98`, `200000 tokens`, `1 call`.
    #[must_use]
    pub fn spoken(&self) -> String {
        let one_or_many = |one, many| if self.count == 1 { one } else { many };
        match self.unit {
            BudgetUnit::Usd => format!("${self}"),
            BudgetUnit::Tokens => format!("{self} {}", one_or_many("token", "tokens")),
            BudgetUnit::Calls => format!("{self} {}", one_or_many("call", "calls")),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.unit {
            BudgetUnit::Usd => Money::from_picodollars(self.count).serialize(serializer),
            BudgetUnit::Tokens | BudgetUnit::Calls => serializer.serialize_i64(self.count),
        }
    }
}

/// Warn thresholds as typed: `70,80,95`, each 1 to 100 percent; sorted, without repeats.
///
/// # Errors
/// One sentence when a part is no such number.
pub fn parse_warn_percent(text: &str) -> Result<Vec<u8>, String> {
    let mut thresholds = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.trim_end_matches('%').parse::<u8>() {
            Ok(percent @ 1..=100) => thresholds.push(percent),
            _ => {
                return Err(format!(
                    "'{part}' is not a percentage from 1 to 100: write --warn 70,80,95"
                ));
            }
        }
    }
    thresholds.sort_unstable();
    thresholds.dedup();
    Ok(thresholds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_their_unit() {
        for (unit, text, expected) in [
            (BudgetUnit::Usd, "5", Ok("5.00")),
            (BudgetUnit::Usd, "0.02", Ok("0.02")),
            (BudgetUnit::Usd, "$5", Ok("5.00")),
            (BudgetUnit::Calls, "$5", Err("whole number")),
            (BudgetUnit::Usd, "-1", Err("negative")),
            (BudgetUnit::Tokens, "200_000", Ok("200000")),
            (BudgetUnit::Tokens, "1.5", Err("whole number")),
            (BudgetUnit::Calls, "x", Err("whole number")),
        ] {
            match (Quantity::parse(unit, text), expected) {
                (Ok(quantity), Ok(shown)) => assert_eq!(quantity.to_string(), shown),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn quantities_are_spoken_as_one_or_many() {
        for (unit, count, expected) in [
            (BudgetUnit::Usd, 4_980_000_000_000, "$4.98"),
            (BudgetUnit::Tokens, 1, "1 token"),
            (BudgetUnit::Calls, 0, "0 calls"),
            (BudgetUnit::Calls, 1, "1 call"),
            (BudgetUnit::Calls, 20, "20 calls"),
        ] {
            assert_eq!(Quantity { unit, count }.spoken(), expected);
        }
    }

    #[test]
    fn warn_thresholds_are_sorted_percentages() {
        assert_eq!(parse_warn_percent("95, 80%,80"), Ok(vec![80, 95]));
        assert_eq!(parse_warn_percent(""), Ok(vec![]));
        assert!(parse_warn_percent("0").is_err());
        assert!(parse_warn_percent("101").is_err());
    }
}
