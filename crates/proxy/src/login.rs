//! How a browser gets in: a code in the dashboard's address, good once and for a minute, is traded
//! for a bearer that the page keeps as long as its tab lives. Nobody keeps a list of bearers: each shows by
//! itself that it was given out by who knows the token, so that it is good for the next process too.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How long a code can be traded.
pub(crate) const CODE_LIFE: TimeDelta = TimeDelta::seconds(60);
/// How long a bearer is good, in whatever tab is left open.
const BEARER_LIFE: TimeDelta = TimeDelta::days(30);
/// Codes that wait to be traded; older ones make room.
const CODES_MAX: usize = 64;

/// The codes given out, and what bearers are signed with.
pub struct LoginCodes {
    codes: Mutex<Vec<(String, DateTime<Utc>)>>,
    key: [u8; 32],
}

impl LoginCodes {
    /// Bearers of the same token are good for each other's processes.
    #[must_use]
    pub fn new(token: &str) -> LoginCodes {
        // Not the token itself: anybody may have challenges signed with that.
        let key = Sha256::new().chain_update("outlay dashboard bearer\0").chain_update(token);
        LoginCodes { codes: Mutex::default(), key: key.finalize().into() }
    }

    /// A fresh code, in hex. `None` where the system has no randomness to offer.
    #[must_use]
    pub fn issue(&self, now: DateTime<Utc>) -> Option<String> {
        let code = random()?;
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|(_, issued)| is_fresh(*issued, now));
        if codes.len() >= CODES_MAX {
            codes.remove(0);
        }
        codes.push((code.clone(), now));
        Some(code)
    }

    /// Trades a code for a bearer: when it ends (unix seconds), what tells it from others and its signature,
    /// with dots between them. `None` where the code is unknown, used or too old.
    #[must_use]
    pub fn trade(&self, code: &str, now: DateTime<Utc>) -> Option<String> {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = codes.iter().position(|(known, _)| is_same(known, code))?;
        let (_, issued) = codes.swap_remove(index);
        if !is_fresh(issued, now) {
            return None;
        }
        let claim = format!("{}.{}", (now + BEARER_LIFE).timestamp(), random()?);
        let signature = signed(&self.key, &[claim.as_bytes()])?;
        Some(format!("{claim}.{signature}"))
    }

    /// Whether this is a bearer that a code was traded for, and still good.
    #[must_use]
    pub fn is_bearer(&self, text: &str, now: DateTime<Utc>) -> bool {
        let Some((claim, signature)) = text.rsplit_once('.') else { return false };
        let ends = claim.split_once('.').and_then(|(ends, _)| ends.parse::<i64>().ok());
        signed(&self.key, &[claim.as_bytes()]).is_some_and(|own| is_same(&own, signature))
            && ends.is_some_and(|ends| now.timestamp() < ends)
    }
}

/// The hexadecimal HMAC-SHA-256 of what these are together; keys of any length do.
pub(crate) fn signed(key: &[u8], parts: &[&[u8]]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(hex::encode(mac.finalize().into_bytes()))
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

fn random() -> Option<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let now = noon();
        for (seconds, trades_before, expected) in
            [(0, 0, true), (59, 0, true), (60, 0, false), (1, 1, false), (-61, 0, false)]
        {
            let codes = LoginCodes::new("token");
            let code = codes.issue(now).unwrap();
            for _ in 0..trades_before {
                assert!(codes.trade(&code, now).is_some());
            }
            let bearer = codes.trade(&code, now + TimeDelta::seconds(seconds));
            assert_eq!(bearer.is_some(), expected, "{seconds} {trades_before}");
            assert_eq!(bearer.is_some_and(|bearer| codes.is_bearer(&bearer, now)), expected);
            assert!(!codes.is_bearer(&code, now));
        }
        assert!(LoginCodes::new("token").trade("", now).is_none());
    }

    #[test]
    fn a_bearer_is_good_for_every_process_with_the_token_and_for_thirty_days() {
        let codes = LoginCodes::new("token");
        let code = codes.issue(noon()).unwrap();
        let bearer = codes.trade(&code, noon()).unwrap();
        let (claim, signature) = bearer.rsplit_once('.').unwrap();
        let later = format!("9{claim}.{signature}");
        for (token, shown, days, expected) in [
            ("token", &*bearer, 0, true),
            ("token", &*bearer, 29, true),
            ("token", &*bearer, 30, false),
            ("another", &*bearer, 0, false),
            ("token", &*later, 0, false),
            ("token", claim, 0, false),
            ("token", "", 0, false),
            ("token", ".", 0, false),
        ] {
            let next = LoginCodes::new(token);
            let at = noon() + TimeDelta::days(days);
            assert_eq!(next.is_bearer(shown, at), expected, "{token} {shown} {days}");
        }
    }
}
