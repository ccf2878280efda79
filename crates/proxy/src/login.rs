//! How a browser gets in: a code in the dashboard's address, good once and for a minute, is traded
//! for a bearer that the page keeps as long as its tab lives.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq;

/// How long a code can be traded.
pub(crate) const CODE_LIFE: TimeDelta = TimeDelta::seconds(60);
/// Codes that wait to be traded; older ones make room.
const CODES_MAX: usize = 64;
/// Bearers in use; older ones make room.
const BEARERS_MAX: usize = 256;

/// The codes given out and the bearers they were traded for. They last as long as the process.
#[derive(Default)]
pub struct LoginCodes(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    codes: Vec<(String, DateTime<Utc>)>,
    bearers: Vec<String>,
}

impl LoginCodes {
    /// A fresh code, in hex. `None` where the system has no randomness to offer.
    #[must_use]
    pub fn issue(&self, now: DateTime<Utc>) -> Option<String> {
        let code = random()?;
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.codes.retain(|(_, issued)| is_fresh(*issued, now));
        make_room(&mut inner.codes, CODES_MAX);
        inner.codes.push((code.clone(), now));
        Some(code)
    }

    /// Trades a code for a bearer, in hex. `None` where the code is unknown, used or too old.
    #[must_use]
    pub fn trade(&self, code: &str, now: DateTime<Utc>) -> Option<String> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = inner.codes.iter().position(|(known, _)| is_same(known, code))?;
        let (_, issued) = inner.codes.swap_remove(index);
        if !is_fresh(issued, now) {
            return None;
        }
        let bearer = random()?;
        make_room(&mut inner.bearers, BEARERS_MAX);
        inner.bearers.push(bearer.clone());
        Some(bearer)
    }

    /// Whether this is a bearer that a code was traded for.
    #[must_use]
    pub fn is_bearer(&self, text: &str) -> bool {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.bearers.iter().any(|known| is_same(known, text))
    }
}

impl fmt::Debug for LoginCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginCodes")
    }
}

fn is_fresh(issued: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - issued < CODE_LIFE && issued - now < CODE_LIFE
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn make_room<T>(items: &mut Vec<T>, max: usize) {
    if items.len() >= max {
        items.remove(0);
    }
}

fn random() -> Option<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        for (seconds, trades_before, expected) in
            [(0, 0, true), (59, 0, true), (60, 0, false), (1, 1, false), (-61, 0, false)]
        {
            let codes = LoginCodes::default();
            let code = codes.issue(now).unwrap();
            for _ in 0..trades_before {
                assert!(codes.trade(&code, now).is_some());
            }
            let bearer = codes.trade(&code, now + TimeDelta::seconds(seconds));
            assert_eq!(bearer.is_some(), expected, "{seconds} {trades_before}");
            assert_eq!(bearer.is_some_and(|bearer| codes.is_bearer(&bearer)), expected);
            assert!(!codes.is_bearer(&code));
        }
        assert!(LoginCodes::default().trade("", now).is_none());
        assert!(!LoginCodes::default().is_bearer(""));
    }
}
