//! Alerts: the recorded fact that a threshold was crossed. Their delivery is the host's job.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::balance::{Recharge, spoken};
use crate::budget::Quantity;
use crate::loops::{Finding, LoopKind};
use crate::money::Money;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A budget's spend passed a warn threshold (or its limit).
    BudgetThreshold,
    /// A hard budget refused a call.
    BudgetRefused,
    /// An account's prepaid credit fell below its warn level.
    BalanceLow,
    /// Calls are refused because an account has too little left.
    BalanceFloor,
    /// A top-up that the provider was to make has not come.
    RechargeMissing,
    /// The provider says that the money is gone.
    UpstreamEmpty,
    /// A client repeats itself without getting anywhere.
    Loop,
    /// A project makes far more calls than usual.
    Burst,
    /// Money is spent while nobody is at the keyboard.
    IdleSpend,
    /// Nothing: somebody wants to see whether alerts arrive.
    Test,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it soon.
    Warning,
    /// Work has stopped or is about to.
    Critical,
}

impl AlertKind {
    /// The text in the ledger and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AlertKind::BudgetThreshold => "budget_threshold",
            AlertKind::BudgetRefused => "budget_refused",
            AlertKind::BalanceLow => "balance_low",
            AlertKind::BalanceFloor => "balance_floor",
            AlertKind::RechargeMissing => "recharge_missing",
            AlertKind::UpstreamEmpty => "upstream_empty",
            AlertKind::Loop => "loop",
            AlertKind::Burst => "burst",
            AlertKind::IdleSpend => "idle_spend",
            AlertKind::Test => "test",
        }
    }
}

impl Severity {
    /// The text in the ledger and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// A number that grows with how much it matters.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Severity::Info => 0,
            Severity::Warning => 1,
            Severity::Critical => 2,
        }
    }
}

/// The words of an alert, as the user reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertText {
    /// One short line.
    pub title: String,
    /// One or two sentences: the figures, and what to do.
    pub body: String,
}

/// The thresholds, in percent of `limit`, that a change of spend from `before` to `after` crossed;
/// 100 is always among the thresholds. Empty where the limit is zero or nothing was crossed.
#[must_use]
pub fn crossed(before: i64, after: i64, limit: i64, warn_percent: &[u8]) -> Vec<u8> {
    if limit <= 0 {
        return Vec::new();
    }
    let reaches = |spent: i64, percent: u8| {
        i128::from(spent) * 100 >= i128::from(limit) * i128::from(percent)
    };
    let implied = (!warn_percent.contains(&100)).then_some(100);
    warn_percent
        .iter()
        .copied()
        .chain(implied)
        .filter(|&percent| !reaches(before, percent) && reaches(after, percent))
        .collect()
}

/// The words for a budget's crossed threshold.
#[must_use]
pub fn threshold_text(
    budget: &str,
    percent: u8,
    spent: Quantity,
    limit: Quantity,
    reset: Option<&str>,
) -> AlertText {
    let title = if percent >= 100 {
        format!("Budget '{budget}' is used up")
    } else {
        format!("Budget '{budget}' is {percent} % used")
    };
    let resets = reset.map(|reset| format!(" Resets {reset}.")).unwrap_or_default();
    AlertText { title, body: format!("{} of {} spent.{resets}", spent.spoken(), limit.spoken()) }
}

/// The words for a refusal by a hard budget; `message` is the refusal's own sentence.
#[must_use]
pub fn refused_text(budget: &str, message: &str) -> AlertText {
    AlertText { title: format!("Calls are refused by budget '{budget}'"), body: message.to_owned() }
}

/// The words for prepaid credit below its warn level.
#[must_use]
pub fn balance_text(
    account: &str,
    remaining: Money,
    warn_below: Money,
    currency: &str,
) -> AlertText {
    let [remaining, warn_below] = [remaining, warn_below].map(|amount| spoken(amount, currency));
    AlertText {
        title: format!("Balance of '{account}' is low"),
        body: format!(
            "{remaining} left, below your warning level of {warn_below}. Top it up with the provider, then run: outlay balance add {account} AMOUNT"
        ),
    }
}

/// The words for calls that are refused for lack of credit; `message` is the refusal's own sentence.
#[must_use]
pub fn floor_text(account: &str, message: &str) -> AlertText {
    AlertText {
        title: format!("Calls are refused: too little is left in '{account}'"),
        body: message.to_owned(),
    }
}

/// The words for a top-up that did not come.
#[must_use]
pub fn recharge_text(
    account: &str,
    remaining: Money,
    recharge: Recharge,
    currency: &str,
) -> AlertText {
    let [below, amount, remaining] =
        [recharge.below, recharge.amount, remaining].map(|amount| spoken(amount, currency));
    AlertText {
        title: format!("No top-up came for '{account}'"),
        body: format!(
            "{amount} was to be added below {below}, and {remaining} is left. Look at the provider's billing page for a failed card or a spending cap; if it did come, run: outlay balance set {account} USD"
        ),
    }
}

/// The words for an upstream that says the money is gone.
#[must_use]
pub fn upstream_empty_text(provider: &str, account: &str) -> AlertText {
    AlertText {
        title: format!("{provider} says that the money is gone"),
        body: format!(
            "{provider} refused a call for lack of credit (account '{account}'). Look at its billing page for an empty balance, a spending cap or a failed card; retrying does not help."
        ),
    }
}

/// The words for a loop or a storm; `who` makes the calls, and they are refused from now on or not.
#[must_use]
pub fn loop_text(finding: &Finding, who: &str, is_refused: bool) -> AlertText {
    let title = match finding.kind {
        LoopKind::SameRequest | LoopKind::RetriesAfterRefusal | LoopKind::TightLoop => {
            format!("{who} seems to be in a loop")
        }
        LoopKind::Burst => format!("Far more calls than usual {who}"),
        LoopKind::IdleSpend => "Calls go on while nobody is there".to_owned(),
    };
    let then = match (is_refused, finding.kind.can_refuse()) {
        (true, _) => {
            format!("Refused until it stops: {}, or run: outlay bypass 10m", finding.way_out())
        }
        (false, true) => {
            let switch = if finding.kind == LoopKind::IdleSpend { "idle_refuse" } else { "refuse" };
            format!(
                "Nothing is refused for it, as {switch} under [loops] in outlay.toml is off. Look at it: outlay calls"
            )
        }
        (false, false) => "Look at it: outlay calls".to_owned(),
    };
    AlertText { title, body: format!("{}. {then}", capitalized(&finding.what())) }
}

fn capitalized(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A reset as a reader of an alert wants it: local date, time and offset.
#[must_use]
pub fn reset_text(reset: DateTime<Utc>, timezone: chrono_tz::Tz) -> String {
    reset.with_timezone(&timezone).to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::PICODOLLARS_PER_USD;

    #[test]
    fn thresholds_are_crossed_once_on_the_way_up() {
        for (before, after, limit, warn, expected) in [
            (0, 79, 100, &[80, 95][..], &[][..]),
            (0, 80, 100, &[80, 95], &[80]),
            (80, 94, 100, &[80, 95], &[]),
            (80, 100, 100, &[80, 95], &[95, 100]),
            (0, 250, 100, &[80, 95], &[80, 95, 100]),
            (100, 250, 100, &[80], &[]),
            (0, 100, 100, &[100], &[100]),
            (90, 10, 100, &[80], &[]),
            (0, 5, 0, &[80], &[]),
        ] {
            assert_eq!(crossed(before, after, limit, warn), expected, "{before} {after} {limit}");
        }
    }

    #[test]
    fn loops_are_told_with_what_to_do() {
        use crate::loops::Measure;
        let since = DateTime::UNIX_EPOCH;
        let window = chrono::TimeDelta::minutes(2);
        let finding = |kind, measure| Finding {
            kind,
            count: 90,
            since,
            window,
            until: since,
            is_news: true,
            measure,
        };
        let spent = Measure::Spent(Money::from_picodollars(2 * PICODOLLARS_PER_USD));
        for (kind, measure, is_refused, title, body) in [
            (
                LoopKind::SameRequest,
                Measure::None,
                true,
                "pi in 'demo' seems to be in a loop",
                "The same request was sent 90 times in 2 minutes. Refused until it stops: a changed request passes, or run: outlay bypass 10m",
            ),
            (
                LoopKind::TightLoop,
                Measure::None,
                false,
                "pi in 'demo' seems to be in a loop",
                "90 streams in a row were over at once, in 2 minutes. Nothing is refused for it, as refuse under [loops] in outlay.toml is off. Look at it: outlay calls",
            ),
            (
                LoopKind::RetriesAfterRefusal,
                Measure::None,
                false,
                "pi in 'demo' seems to be in a loop",
                "90 calls were refused in 2 minutes, and it asks again. Look at it: outlay calls",
            ),
            (
                LoopKind::IdleSpend,
                spent,
                false,
                "Calls go on while nobody is there",
                "90 calls for $2.00 while nobody has touched keyboard or mouse for 2 minutes. Nothing is refused for it, as idle_refuse under [loops] in outlay.toml is off. Look at it: outlay calls",
            ),
        ] {
            let text = loop_text(&finding(kind, measure), "pi in 'demo'", is_refused);
            assert_eq!((text.title.as_str(), text.body.as_str()), (title, body));
        }
    }

    proptest! {
        #[test]
        fn no_sequence_of_spends_misses_or_repeats_a_threshold(
            spends in prop::collection::vec(0_i64..400, 1..40), limit in 1_i64..2_000
        ) {
            let warn = [50, 80, 95];
            let mut total = 0;
            let mut seen = Vec::new();
            for spend in spends {
                seen.extend(crossed(total, total + spend, limit, &warn));
                total += spend;
            }
            let expected: Vec<u8> = [50_u8, 80, 95, 100]
                .into_iter()
                .filter(|percent| total * 100 >= limit * i64::from(*percent))
                .collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
