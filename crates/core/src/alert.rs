//! Alerts: the recorded fact that a threshold was crossed. Their delivery is the host's job.

mod words;

use serde::{Deserialize, Serialize};

pub use words::{
    AlertText, back_text, balance_back_text, balance_text, clock_text, disk_text, expiring_text,
    floor_text, logs_gone_text, loop_text, overrun_text, recharge_text, refused_text, reset_text,
    runway_text, spike_text, stale_prices_text, threshold_text, unpriced_text, upstream_empty_text,
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A budget's spend passed a warn threshold (or its limit).
    BudgetThreshold,
    /// A hard budget refused a call.
    BudgetRefused,
    /// At the present rate a budget is used up before it resets.
    BudgetOverrun,
    /// A budget or a balance that had run out has room again.
    BackWithin,
    /// An account's prepaid credit fell below its warn level.
    BalanceLow,
    /// An account's prepaid credit will be gone within hours.
    BalanceRunway,
    /// A part of an account's prepaid credit is about to expire.
    GrantExpiring,
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
    /// Far more is spent than at this hour of other days.
    Spike,
    /// Calls of a model that has no price: what they cost is not known.
    UnpricedModel,
    /// The price list is old.
    StalePrices,
    /// The disk that the ledger is on is nearly full.
    DiskFull,
    /// Logs that were imported from are gone, all of a tool.
    LogsGone,
    /// The system's clock was set.
    ClockJumped,
    /// Nothing: somebody wants to see whether alerts arrive.
    Test,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
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
            AlertKind::BudgetOverrun => "budget_overrun",
            AlertKind::BackWithin => "back_within",
            AlertKind::BalanceLow => "balance_low",
            AlertKind::BalanceRunway => "balance_runway",
            AlertKind::GrantExpiring => "grant_expiring",
            AlertKind::BalanceFloor => "balance_floor",
            AlertKind::RechargeMissing => "recharge_missing",
            AlertKind::UpstreamEmpty => "upstream_empty",
            AlertKind::Loop => "loop",
            AlertKind::Burst => "burst",
            AlertKind::IdleSpend => "idle_spend",
            AlertKind::Spike => "spike",
            AlertKind::UnpricedModel => "unpriced_model",
            AlertKind::StalePrices => "stale_prices",
            AlertKind::DiskFull => "disk_full",
            AlertKind::LogsGone => "logs_gone",
            AlertKind::ClockJumped => "clock_jumped",
            AlertKind::Test => "test",
        }
    }

    /// Whether each time that it is found is one more occurrence. The others hold for a while, and are
    /// only looked at more often.
    #[must_use]
    pub const fn is_counted(self) -> bool {
        matches!(
            self,
            AlertKind::BudgetRefused
                | AlertKind::BalanceFloor
                | AlertKind::UpstreamEmpty
                | AlertKind::Loop
                | AlertKind::Burst
                | AlertKind::IdleSpend
        )
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

/// The highest threshold, in percent of `limit`, that `spent` has reached; 0 for none. 100 is always
/// among the thresholds; a limit of zero has none.
#[must_use]
pub fn reached(spent: i64, limit: i64, warn_percent: &[u8]) -> u8 {
    if limit <= 0 {
        return 0;
    }
    let is_reached =
        |percent: &u8| i128::from(spent) * 100 >= i128::from(limit) * i128::from(*percent);
    warn_percent.iter().copied().chain([100]).filter(is_reached).max().unwrap_or(0)
}

/// What a change of spend from `before` to `after` tells where `told` is the highest threshold that was
/// told: the threshold to tell now, if any, and the highest told one afterwards. What was left since it
/// was told (the limit was raised) is told again when it is reached again; of several that are crossed at
/// once only the highest is worth a word.
#[must_use]
pub fn to_tell(before: u8, after: u8, told: u8) -> (Option<u8>, u8) {
    let told = told.min(before);
    match after > told {
        true => (Some(after), after),
        false => (None, told),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_highest_threshold_counts() {
        for (spent, limit, warn, expected) in [
            (79, 100, &[80, 95][..], 0),
            (80, 100, &[80, 95], 80),
            (94, 100, &[80, 95], 80),
            (100, 100, &[80, 95], 100),
            (250, 100, &[], 100),
            (5, 0, &[80], 0),
        ] {
            assert_eq!(reached(spent, limit, warn), expected, "{spent} of {limit}");
        }
    }

    #[test]
    fn a_threshold_is_told_once_until_it_was_left() {
        for (case, before, after, told, expected) in [
            ("on the way up", 0, 80, 0, (Some(80), 80)),
            ("still there", 80, 80, 80, (None, 80)),
            ("the next", 80, 100, 80, (Some(100), 100)),
            ("several at once", 0, 100, 0, (Some(100), 100)),
            ("raised, and below all", 0, 0, 80, (None, 0)),
            ("raised, and there again", 0, 80, 80, (Some(80), 80)),
            ("raised, from the limit to the first", 80, 80, 100, (None, 80)),
            ("lowered: above it without a spend", 80, 80, 0, (Some(80), 80)),
        ] {
            assert_eq!(to_tell(before, after, told), expected, "{case}");
        }
    }

    proptest! {
        #[test]
        fn no_sequence_of_spends_and_limits_misses_or_repeats_a_threshold(
            steps in prop::collection::vec((0_i64..400, prop::option::of(1_i64..2_000)), 1..60)
        ) {
            let warn = [50, 80, 95];
            let (mut spent, mut limit, mut told) = (0, 1_000, 0);
            // By threshold: whether its being reached was told since it last was not.
            let mut known = [false; 4];
            for (spend, new_limit) in steps {
                limit = new_limit.unwrap_or(limit);
                let before = reached(spent, limit, &warn);
                for (index, percent) in [50, 80, 95, 100].iter().enumerate() {
                    known[index] &= *percent <= before;
                }
                spent += spend;
                let after = reached(spent, limit, &warn);
                let (tells, now_told) = to_tell(before, after, told);
                told = now_told;
                let news = [50_u8, 80, 95, 100]
                    .iter()
                    .enumerate()
                    .filter(|(index, percent)| **percent <= after && !known[*index])
                    .map(|(_, percent)| *percent)
                    .max()
                    .filter(|news| *news == after);
                prop_assert_eq!(tells, news, "{} of {}", spent, limit);
                for (index, percent) in [50, 80, 95, 100].iter().enumerate() {
                    known[index] |= *percent <= after;
                }
            }
        }
    }
}
