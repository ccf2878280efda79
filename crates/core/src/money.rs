//! Exact money: US dollars as a whole number of picodollars (1 USD = 10^12).
//!
//! No float ever holds an amount. A [`Rate`] is a rational (picodollars per N units), products are
//! taken in `i128`, and each cost line is rounded once, half to even, to a picodollar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Picodollars in one US dollar.
pub const PICODOLLARS_PER_USD: i64 = 1_000_000_000_000;
const FRACTION_DIGITS: usize = 12;

/// An amount of US dollars, in picodollars. May be negative (a balance, a correction).
///
/// Its text is a decimal with at least two decimals and no further trailing zeros (`5.00`,
/// `0.000201`); the same text is its JSON and CSV form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "types", derive(ts_rs::TS), ts(type = "string"))]
pub struct Money(i64);

/// Why a text is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number at all.
    #[error("'{0}' is not an amount in US dollars: write it like 5, 5.00 or 0.000201")]
    Malformed(String),
    /// More decimals than a picodollar has.
    #[error("'{0}' has more than 12 decimals: the smallest amount is a picodollar")]
    TooFine(String),
    /// Outside plus or minus 9.2 million dollars.
    #[error("'{0}' is too large: amounts go up to 9,223,372 US dollars")]
    TooLarge(String),
}

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// The largest amount that can be held.
    pub const MAX: Money = Money(i64::MAX);

    /// From whole picodollars.
    #[must_use]
    pub const fn from_picodollars(picodollars: i64) -> Money {
        Money(picodollars)
    }

    /// As whole picodollars.
    #[must_use]
    pub const fn picodollars(self) -> i64 {
        self.0
    }

    /// A provider's stated cost, which may be finer than a picodollar or carry an exponent
    /// (`1.05e-05`): rounded once, half to even.
    ///
    /// # Errors
    /// When the text is no decimal number or the amount is out of range.
    pub fn parse_stated(text: &str) -> Result<Money, MoneyError> {
        let decimal = Decimal::parse(text)?;
        decimal.to_picodollars(Rounding::HalfEven).map(Money)
    }

    /// What a user typed: as [`Money::from_str`], and `$5`, `-$5` or `5 USD` as well.
    ///
    /// # Errors
    /// When the text is no amount of US dollars, or one that would have to be rounded.
    pub fn typed(text: &str) -> Result<Money, MoneyError> {
        let bare = text.trim();
        let bare = bare.strip_suffix("USD").or_else(|| bare.strip_suffix("usd")).unwrap_or(bare);
        let (sign, rest) = bare.strip_prefix('-').map_or(("", bare), |rest| ("-", rest));
        let Some(amount) = rest.strip_prefix('$') else { return bare.parse() };
        match amount.trim_start() {
            signed if signed.starts_with(['-', '+']) => Err(MoneyError::Malformed(text.to_owned())),
            amount => format!("{sign}{amount}").parse(),
        }
    }

    /// As much of it as is worth reading at a glance: whole cents from a dollar on, else two digits. Cut off
    /// and not rounded up: it never claims more than there is.
    #[must_use]
    pub fn at_a_glance(self) -> Money {
        Money(self.0 - self.0 % self.glance_step())
    }

    /// What is worth reading at a glance is a multiple of this.
    fn glance_step(self) -> i64 {
        let size = self.0.unsigned_abs();
        if size >= PICODOLLARS_PER_USD.unsigned_abs() {
            PICODOLLARS_PER_USD / 100
        } else {
            10_i64.pow(size.checked_ilog10().unwrap_or(0).saturating_sub(1))
        }
    }

    /// As [`Money::at_a_glance`], rounded half to even: for what was spent.
    #[must_use]
    pub fn rounded_at_a_glance(self) -> Money {
        let (cut, step) = (self.at_a_glance(), self.glance_step());
        let rest = (self.0 - cut.0).abs() * 2;
        let is_up = rest > step || (rest == step && (cut.0 / step) % 2 != 0);
        if is_up { Money(cut.0.saturating_add(step * self.0.signum())) } else { cut }
    }

    /// The sum, or `None` where it leaves the range.
    #[must_use]
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// The difference, or `None` where it leaves the range.
    #[must_use]
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        self.0.checked_sub(other.0).map(Money)
    }

    /// The sum, held at the ends of the range.
    #[must_use]
    pub fn saturating_add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// The difference, held at the ends of the range.
    #[must_use]
    pub fn saturating_sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Exact: an amount that a picodollar cannot express is an error, not rounded.
    fn from_str(text: &str) -> Result<Money, MoneyError> {
        Decimal::parse(text)?.to_picodollars(Rounding::Forbidden).map(Money)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let picodollars = self.0.unsigned_abs();
        let unit = PICODOLLARS_PER_USD.unsigned_abs();
        // Each call's headers have several of them: no text is made on the way.
        let mut digits = [b'0'; 12];
        let mut rest = picodollars % unit;
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
        let kept = (digits.len() - zeros).max(2);
        let fraction = std::str::from_utf8(&digits[..kept]).map_err(|_| fmt::Error)?;
        write!(f, "{sign}{}.{fraction}", picodollars / unit)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A price: `picodollars` for every `per` units of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rate {
    /// Picodollars for `per` units.
    pub picodollars: i64,
    /// How many units the amount buys; never 0.
    pub per: u32,
}

impl Rate {
    /// Free of charge.
    pub const FREE: Rate = Rate { picodollars: 0, per: 1 };

    /// From a price list's text, in US dollars per `per` units (`"0.0375"` per 1,000,000).
    ///
    /// # Errors
    /// When the text is no exact amount of picodollars.
    pub fn usd_per(usd: &str, per: u32) -> Result<Rate, MoneyError> {
        Ok(Rate { picodollars: usd.parse::<Money>()?.picodollars(), per })
    }

    /// What `units` cost, rounded once, half to even; held at [`Money::MAX`].
    #[must_use]
    pub fn amount(self, units: u64) -> Money {
        let product = i128::from(self.picodollars) * i128::from(units);
        Money(clamp_to_i64(div_half_even(product, i128::from(self.per))))
    }

    /// What `units` cost at the most: rounded up, for a hold that must not be too small.
    #[must_use]
    pub fn amount_ceiling(self, units: u64) -> Money {
        let product = i128::from(self.picodollars) * i128::from(units);
        let per = i128::from(self.per);
        Money(clamp_to_i64(product.div_euclid(per) + i128::from(product.rem_euclid(per) > 0)))
    }

    /// How many whole units `money` buys at the most, `None` where the rate is free.
    #[must_use]
    pub fn units_affordable(self, money: Money) -> Option<u64> {
        if self.picodollars <= 0 {
            return None;
        }
        let units =
            i128::from(money.0.max(0)) * i128::from(self.per) / i128::from(self.picodollars);
        Some(u64::try_from(units).unwrap_or(u64::MAX))
    }

    /// Whether nothing is charged.
    #[must_use]
    pub fn is_free(self) -> bool {
        self.picodollars == 0
    }
}

fn clamp_to_i64(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn div_half_even(numerator: i128, denominator: i128) -> i128 {
    let quotient = numerator.div_euclid(denominator);
    let twice_remainder = numerator.rem_euclid(denominator) * 2;
    match twice_remainder.cmp(&denominator) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

#[derive(Clone, Copy)]
enum Rounding {
    Forbidden,
    HalfEven,
}

/// A parsed decimal text: `digits` x 10^`exponent`.
struct Decimal<'a> {
    text: &'a str,
    negative: bool,
    digits: String,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Result<Decimal<'a>, MoneyError> {
        let malformed = || MoneyError::Malformed(text.to_owned());
        let body = text.trim();
        let (negative, body) = match body.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, body.strip_prefix('+').unwrap_or(body)),
        };
        let (mantissa, exponent) = match body.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().map_err(|_| malformed())?),
            None => (body, 0_i64),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_empty = whole.is_empty() && fraction.is_empty();
        if is_empty || !is_digits(whole) || !is_digits(fraction) {
            return Err(malformed());
        }
        let exponent = exponent.saturating_sub(i64::try_from(fraction.len()).unwrap_or(i64::MAX));
        let digits = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
        Ok(Decimal { text, negative, digits, exponent })
    }

    fn to_picodollars(&self, rounding: Rounding) -> Result<i64, MoneyError> {
        let too_large = || MoneyError::TooLarge(self.text.to_owned());
        let significant = self.digits.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(0);
        }
        let dropped_zeros = (self.digits.len() - significant.len()) as i64;
        let shift =
            self.exponent.saturating_add(dropped_zeros).saturating_add(FRACTION_DIGITS as i64);
        let magnitude = if shift >= 0 {
            let zeros = usize::try_from(shift).map_err(|_| too_large())?;
            if significant.len() + zeros > 19 {
                return Err(too_large());
            }
            format!("{significant}{}", "0".repeat(zeros))
                .parse::<i128>()
                .map_err(|_| too_large())?
        } else {
            match rounding {
                Rounding::Forbidden => return Err(MoneyError::TooFine(self.text.to_owned())),
                Rounding::HalfEven => {
                    round_digits(significant, shift.unsigned_abs()).ok_or_else(too_large)?
                }
            }
        };
        let signed = if self.negative { -magnitude } else { magnitude };
        i64::try_from(signed).map_err(|_| too_large())
    }
}

/// `digits` without its last `dropped` places, rounded half to even; `None` where it overflows.
fn round_digits(digits: &str, dropped: u64) -> Option<i128> {
    let dropped = usize::try_from(dropped).unwrap_or(usize::MAX);
    if dropped > digits.len() {
        return Some(0);
    }
    let (kept, rest) = digits.split_at(digits.len() - dropped);
    let kept: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let half = format!("5{}", "0".repeat(rest.len() - 1));
    Some(match rest.cmp(half.as_str()) {
        std::cmp::Ordering::Less => kept,
        std::cmp::Ordering::Greater => kept + 1,
        std::cmp::Ordering::Equal => kept + kept % 2,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_glance_takes_in_two_digits() {
        for (amount, cut, rounded) in [
            ("2.942775415", "2.94", "2.94"),
            ("2.945", "2.94", "2.94"),
            ("2.955", "2.95", "2.96"),
            ("-4.999", "-4.99", "-5.00"),
            ("1234.5", "1234.50", "1234.50"),
            ("0.999999", "0.99", "1.00"),
            ("0.84577", "0.84", "0.85"),
            ("0.002", "0.002", "0.002"),
            ("0.0001234", "0.00012", "0.00012"),
            ("0.000000000007", "0.000000000007", "0.000000000007"),
            ("0", "0.00", "0.00"),
        ] {
            let amount: Money = amount.parse().unwrap();
            assert_eq!(amount.at_a_glance().to_string(), cut);
            assert_eq!(amount.rounded_at_a_glance().to_string(), rounded);
        }
    }

    #[test]
    fn text_of_money() {
        for (picodollars, text) in [
            (0, "0.00"),
            (5 * PICODOLLARS_PER_USD, "5.00"),
            (201_000_000, "0.000201"),
            (1, "0.000000000001"),
            (-1_500_000_000_000, "-1.50"),
            (i64::MAX, "9223372.036854775807"),
            (i64::MIN, "-9223372.036854775808"),
        ] {
            assert_eq!(Money(picodollars).to_string(), text);
        }
    }

    #[test]
    fn exact_parsing() {
        for (text, expected) in [
            ("5", Ok(5 * PICODOLLARS_PER_USD)),
            (" 5.00 ", Ok(5 * PICODOLLARS_PER_USD)),
            (".5", Ok(500_000_000_000)),
            ("5.", Ok(5 * PICODOLLARS_PER_USD)),
            ("+1e-12", Ok(1)),
            ("0.0000000000010", Ok(1)),
            ("8E-7", Ok(800_000)),
            ("0e99999999999", Ok(0)),
            ("0.0000000000001", Err("more than 12 decimals")),
            ("9223373", Err("too large")),
            ("1e400", Err("too large")),
            ("", Err("not an amount")),
            (".", Err("not an amount")),
            ("1,50", Err("not an amount")),
            ("$5", Err("not an amount")),
            ("NaN", Err("not an amount")),
            ("1e", Err("not an amount")),
            ("--1", Err("not an amount")),
        ] {
            match (text.parse::<Money>(), expected) {
                (Ok(money), Ok(picodollars)) => assert_eq!(money.0, picodollars, "{text}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn users_write_the_currency_too() {
        for (text, expected) in [
            ("5", Some("5.00")),
            ("$5", Some("5.00")),
            (" $ 0.000201 ", Some("0.000201")),
            ("-$5", Some("-5.00")),
            ("5 USD", Some("5.00")),
            ("5usd", Some("5.00")),
            ("$5 USD", Some("5.00")),
            ("$-5", None),
            ("$", None),
            ("USD", None),
            ("$$5", None),
            ("5$", None),
            ("5 EUR", None),
            ("\u{20ac}5", None),
        ] {
            let typed = Money::typed(text).ok().map(|money| money.to_string());
            assert_eq!(typed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn stated_costs_round_half_to_even() {
        for (text, picodollars) in [
            ("0.0000000000005", 0),
            ("0.0000000000015", 2),
            ("0.00000000000050001", 1),
            ("1.05e-05", 10_500_000),
            ("1e-30", 0),
            ("0.012345678901249", 12_345_678_901),
        ] {
            assert_eq!(Money::parse_stated(text).unwrap().0, picodollars, "{text}");
        }
    }

    #[test]
    fn amounts_round_once_half_to_even() {
        for (picodollars, per, units, expected, ceiling) in [
            (3_000_000_000_000, 1_000_000, 17, 51_000_000, 51_000_000),
            (1, 2, 1, 0, 1),
            (1, 2, 3, 2, 2),
            (1, 3, 1, 0, 1),
            (i64::MAX, 1, u64::MAX, i64::MAX, i64::MAX),
        ] {
            let rate = Rate { picodollars, per };
            assert_eq!(rate.amount(units).0, expected);
            assert_eq!(rate.amount_ceiling(units).0, ceiling);
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(picodollars: i64) {
            let money = Money(picodollars);
            prop_assert_eq!(money.to_string().parse::<Money>().unwrap(), money);
        }

        #[test]
        fn a_rounded_amount_is_within_half_a_picodollar(
            picodollars in 0..i64::MAX / 4, per in 1_u32.., units in 0_u64..4
        ) {
            let rate = Rate { picodollars, per };
            let exact = i128::from(picodollars) * i128::from(units);
            let error = exact - i128::from(rate.amount(units).0) * i128::from(per);
            prop_assert!(2 * error.abs() <= i128::from(per));
            let over = i128::from(rate.amount_ceiling(units).0) * i128::from(per) - exact;
            prop_assert!((0..i128::from(per)).contains(&over));
        }

        #[test]
        fn affordable_units_cost_no_more_than_the_money(
            picodollars in 1..1_000_000_000_000_i64, per in 1_u32..2_000_000, money in 0..i64::MAX / 2
        ) {
            let rate = Rate { picodollars, per };
            let money = Money(money);
            let units = rate.units_affordable(money).unwrap();
            prop_assert!(rate.amount_ceiling(units) <= money);
        }
    }
}
