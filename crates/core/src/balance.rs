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
pub struct Recharge {
    /// Below this balance.
    pub below: Money,
    /// By how much.
    pub amount: Money,
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
