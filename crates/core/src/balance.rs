//! Prepaid credit: grants, drawn earliest expiry first, and what an observed balance does to them.

use chrono::{DateTime, Utc};

use crate::money::Money;

/// One grant of credit and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What is left.
    pub remaining: Money,
    /// When the rest is lost; `None` for never.
    pub expires: Option<DateTime<Utc>>,
}

/// A top-up that the provider makes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Recharge {
    /// Below this balance.
    pub below: Money,
    /// By how much.
    pub amount: Money,
}

impl Recharge {
    /// A top-up that comes before the balance is below zero, and adds something.
    ///
    /// # Errors
    /// One sentence that says which of the two it is not.
    pub fn new(below: Money, amount: Money) -> Result<Recharge, &'static str> {
        if below < Money::ZERO {
            return Err("a top-up comes before the balance is below zero");
        }
        if amount <= Money::ZERO {
            return Err("a top-up adds something");
        }
        Ok(Recharge { below, amount })
    }
}

/// A level of a balance at which an alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarnLevel {
    /// Below so much.
    Below(Money),
    /// Below this share of what was there after the last top-up, 1 to 99 percent.
    Percent(u8),
    /// When it will be empty within so many hours; 0 for no such alert.
    Hours(u32),
    /// No alert of either kind.
    Off,
}

/// The levels that are set, `None` for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WarnLevels {
    pub(crate) below: Option<Money>,
    pub(crate) percent: Option<u8>,
    pub(crate) hours: Option<i64>,
    /// What was there after the last top-up.
    pub(crate) full: Option<Money>,
}

impl WarnLevels {
    /// The amount below which an alert fires.
    pub(crate) fn level(&self) -> Option<Money> {
        let share = self.full.zip(self.percent).map(|(full, percent)| {
            let share = i128::from(full.picodollars()) * i128::from(percent) / 100;
            Money::from_picodollars(i64::try_from(share).unwrap_or(i64::MAX))
        });
        self.below.or(share)
    }
}

impl std::fmt::Display for WarnLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WarnLevel::Below(amount) => write!(f, "warns below ${amount}"),
            WarnLevel::Percent(percent) => {
                write!(f, "warns below {percent} % of what was there after the last top-up")
            }
            WarnLevel::Hours(0) => write!(f, "does not warn of being empty soon"),
            WarnLevel::Hours(1) => write!(f, "warns when it will be empty within an hour"),
            WarnLevel::Hours(hours) => {
                write!(f, "warns when it will be empty within {hours} hours")
            }
            WarnLevel::Off => write!(f, "warns of nothing"),
        }
    }
}

impl std::str::FromStr for WarnLevel {
    type Err = String;

    /// `5`, `10%`, `12h`, `2d`, `off`.
    fn from_str(text: &str) -> Result<WarnLevel, String> {
        let wrong = || format!("'{text}' is no level: write it like 5, 10%, 12h, 2d or off");
        if text == "off" {
            return Ok(WarnLevel::Off);
        }
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim().parse().ok().filter(|percent| (1..100).contains(percent));
            return percent.map(WarnLevel::Percent).ok_or_else(wrong);
        }
        let hours = |count: &str, each: u32| {
            let count = count.parse::<u32>().ok()?.checked_mul(each)?;
            (count <= 24 * 366).then_some(WarnLevel::Hours(count))
        };
        match (text.strip_suffix('h'), text.strip_suffix('d')) {
            (Some(count), _) => hours(count, 1).ok_or_else(wrong),
            (_, Some(count)) => hours(count, 24).ok_or_else(wrong),
            _ => match Money::typed(text) {
                Ok(level) if level < Money::ZERO => {
                    Err(format!("a level below zero never warns in time: '{text}' is one"))
                }
                Ok(level) => Ok(WarnLevel::Below(level)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// What one grant gives towards a spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Index of the grant.
    pub grant: usize,
    /// How much is taken from it.
    pub amount: Money,
}

/// The draws that pay `amount` at `at`, earliest expiry first, grants that never expire last, and
/// the rest that no grant covers (which becomes the account's debt).
#[must_use]
pub fn draw(grants: &[Grant], amount: Money, at: DateTime<Utc>) -> (Vec<Draw>, Money) {
    let mut order: Vec<usize> = (0..grants.len()).filter(|&i| is_open(&grants[i], at)).collect();
    order.sort_by_key(|&i| grants[i].expires.unwrap_or(DateTime::<Utc>::MAX_UTC));
    let mut rest = amount;
    let mut draws = Vec::new();
    for grant in order {
        if rest <= Money::ZERO {
            break;
        }
        let amount = rest.min(grants[grant].remaining);
        rest = rest.saturating_sub(amount);
        draws.push(Draw { grant, amount });
    }
    (draws, rest)
}

/// What is left at `at`: open grants minus the debt. Negative when overdrawn.
#[must_use]
pub fn remaining(grants: &[Grant], debt: Money, at: DateTime<Utc>) -> Money {
    grants
        .iter()
        .filter(|grant| is_open(grant, at))
        .fold(Money::ZERO, |sum, grant| sum.saturating_add(grant.remaining))
        .saturating_sub(debt)
}

/// An amount as people read it: `$5.00`, `-$2.50`, `5.00 CNY`.
#[must_use]
pub fn spoken(amount: Money, currency: &str) -> String {
    let text = amount.to_string();
    match (currency, text.strip_prefix('-')) {
        ("USD", None) => format!("${text}"),
        ("USD", Some(rest)) => format!("-${rest}"),
        (other, _) => format!("{text} {other}"),
    }
}

/// Whether calls are refused: what is left is known, and at the floor or below it.
#[must_use]
pub fn stops(remaining: Option<Money>, floor: Option<Money>) -> bool {
    remaining.zip(floor).is_some_and(|(remaining, floor)| remaining <= floor)
}

/// What is left at the most from each coming expiry on, if nothing is spent; soonest first.
#[must_use]
pub fn falls(grants: &[Grant], debt: Money, at: DateTime<Utc>) -> Vec<(DateTime<Utc>, Money)> {
    let open = grants.iter().filter(|grant| is_open(grant, at));
    let mut ends: Vec<DateTime<Utc>> = open.filter_map(|grant| grant.expires).collect();
    ends.sort_unstable();
    ends.dedup();
    ends.into_iter().map(|end| (end, remaining(grants, debt, end))).collect()
}

fn is_open(grant: &Grant, at: DateTime<Utc>) -> bool {
    grant.remaining > Money::ZERO && grant.expires.is_none_or(|expires| at < expires)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn grant(remaining: i64, expires_in_days: Option<i64>) -> Grant {
        Grant {
            remaining: Money::from_picodollars(remaining),
            expires: expires_in_days.map(|days| NOW + TimeDelta::days(days)),
        }
    }

    #[test]
    fn the_grant_that_expires_first_pays_first() {
        for (grants, amount, draws, rest) in [
            (vec![], 5, vec![], 5),
            (vec![grant(10, None)], 4, vec![(0, 4)], 0),
            (
                vec![grant(10, None), grant(3, Some(9)), grant(2, Some(1))],
                6,
                vec![(2, 2), (1, 3), (0, 1)],
                0,
            ),
            (vec![grant(10, Some(0)), grant(3, None)], 4, vec![(1, 3)], 1),
            (vec![grant(0, None)], 1, vec![], 1),
        ] {
            let (got, left) = draw(&grants, Money::from_picodollars(amount), NOW);
            let got: Vec<_> = got.iter().map(|d| (d.grant, d.amount.picodollars())).collect();
            assert_eq!((got, left.picodollars()), (draws, rest));
        }
    }

    #[test]
    fn levels_are_typed_in_four_ways() {
        for (text, expected) in [
            ("5", Ok("warns below $5.00")),
            ("10%", Ok("warns below 10 % of what was there after the last top-up")),
            ("12h", Ok("warns when it will be empty within 12 hours")),
            ("2d", Ok("warns when it will be empty within 48 hours")),
            ("0h", Ok("does not warn of being empty soon")),
            ("off", Ok("warns of nothing")),
            ("0%", Err("'0%' is no level")),
            ("100%", Err("'100%' is no level")),
            ("xh", Err("'xh' is no level: write it like 5, 10%, 12h, 2d or off")),
        ] {
            match (text.parse::<WarnLevel>(), expected) {
                (Ok(level), Ok(expected)) => assert_eq!(level.to_string(), expected),
                (Err(error), Err(part)) => assert!(error.starts_with(part), "{error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_floor_stops_what_is_known_to_be_low() {
        for (remaining, floor, expected) in [
            (None, None, false),
            (None, Some(2), false),
            (Some(0), None, false),
            (Some(3), Some(2), false),
            (Some(2), Some(2), true),
            (Some(-1), Some(0), true),
            (Some(-1), Some(-2), false),
        ] {
            let [remaining, floor] =
                [remaining, floor].map(|amount: Option<i64>| amount.map(Money::from_picodollars));
            assert_eq!(stops(remaining, floor), expected, "{remaining:?} {floor:?}");
        }
    }

    #[test]
    fn what_expires_is_lost_in_steps() {
        let grants = [grant(10, None), grant(3, Some(9)), grant(2, Some(1)), grant(4, Some(0))];
        let falls = falls(&grants, Money::from_picodollars(1), NOW);
        let falls: Vec<_> =
            falls.iter().map(|(at, left)| ((*at - NOW).num_days(), left.picodollars())).collect();
        assert_eq!(falls, [(1, 12), (9, 9)]);
    }

    proptest! {
        #[test]
        fn a_spend_lowers_the_balance_by_exactly_itself(
            amounts in prop::collection::vec((0_i64..50, prop::option::of(-2_i64..5)), 0..6), spend in 0_i64..200
        ) {
            let mut grants: Vec<Grant> = amounts.iter().map(|&(a, e)| grant(a, e)).collect();
            let before = remaining(&grants, Money::ZERO, NOW);
            let (draws, debt) = draw(&grants, Money::from_picodollars(spend), NOW);
            for d in draws {
                grants[d.grant].remaining = grants[d.grant].remaining.saturating_sub(d.amount);
            }
            let after = remaining(&grants, debt, NOW);
            prop_assert_eq!(before.picodollars() - after.picodollars(), spend);
        }
    }
}
