//! What all formats have in common: strict numbers, times, amounts, keys.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use outlay_core::money::Money;
use outlay_core::usage::Usage;
use sha2::{Digest, Sha256};

use super::{LogCall, LogKey, Tool};
use crate::json::{Json, Object, members};
use crate::scan::{after_space, value_end};

/// Beyond it JavaScript, in which most tools are written, no longer tells whole numbers apart.
const COUNT_MAX: u64 = 1 << 53;
/// 2020-01-01: there were no paid calls before.
const EARLIEST_SECONDS: i64 = 1_577_836_800;
/// Clocks differ, and a reader's idea of now may be some hours old.
const AHEAD_MAX: TimeDelta = TimeDelta::days(1);

/// Why a line tells of no call although it should. Never says what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BrokenLine {
    /// Cut off, binary, or otherwise not one JSON value.
    #[error("it is not whole JSON text")]
    NotJson,
    /// No time, or one that cannot be read.
    #[error("it has no readable time")]
    NoTime,
    /// Before there were such calls, or in the future.
    #[error("its time is in the future or before 2020")]
    ImplausibleTime,
    /// A token count that is negative, no whole number or beyond 2^53.
    #[error("a token count in it is no whole number from 0 to 2^53")]
    ImplausibleCount,
    /// More of the input was cached than there was.
    #[error("more of its input was cached than it has")]
    CachedAboveInput,
    /// A sum of several.
    #[error(
        "it sums up {0} requests, and the ledger has no sums: only rows of single requests are imported"
    )]
    ManyRequests(u64),
    /// Tokens without their other half.
    #[error("it has no count of input and output tokens")]
    NoCount,
    /// Nothing tells it from other calls.
    #[error("nothing in it names the call")]
    NoName,
}

/// A tool's lines, as far as one is read with what those before it told.
pub(super) trait Lines {
    /// Whether the line may tell of anything. Most do not, and are long: a look at their bytes.
    fn may_tell(&self, line: &[u8]) -> bool;

    /// Puts what the line tells of into `found`.
    ///
    /// # Errors
    /// When it tells of a call, but not so that it can be believed.
    fn read(
        &mut self,
        line: &str,
        now: DateTime<Utc>,
        found: &mut Vec<LogCall>,
    ) -> Result<(), BrokenLine>;
}

/// Reads each of a document's messages; the first flaw.
pub(super) fn each_message<'a>(
    messages: Json<'a>,
    mut read: impl FnMut(Json<'a>) -> Result<(), BrokenLine>,
) -> Result<(), BrokenLine> {
    let mut flaw = Ok(());
    for message in messages.items() {
        flaw = flaw.and(read(message));
    }
    flaw
}

/// Bytes as text.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, BrokenLine> {
    std::str::from_utf8(bytes).map_err(|_| BrokenLine::NotJson)
}

/// The members of the object that `text` is from its first to its last byte.
pub(super) fn whole_object(text: &str) -> Result<Object<'_>, BrokenLine> {
    let mut found = Vec::with_capacity(16);
    let end = members(text, 0, |key, start| {
        let end = value_end(text.as_bytes(), start)?;
        found.push((key, Json::new(text.get(start..end)?)));
        Some(end)
    });
    if end.is_none_or(|end| after_space(text.as_bytes(), end) != text.len()) {
        return Err(BrokenLine::NotJson);
    }
    Ok(Object(found))
}

/// A count of something; absent where there is none.
pub(super) fn count(value: Option<Json<'_>>) -> Result<Option<u64>, BrokenLine> {
    value.map(|value| count_of(value.raw())).transpose()
}

/// A count in a JSON text: strict, for a wrong one is worse than none.
pub(super) fn count_of(text: &str) -> Result<u64, BrokenLine> {
    // So many digits cannot overflow; and all of a log's numbers are read here.
    if (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let count = text.bytes().fold(0, |count, digit| count * 10 + u64::from(digit - b'0'));
        return if count > COUNT_MAX { Err(BrokenLine::ImplausibleCount) } else { Ok(count) };
    }
    let count = fractionless(text.trim()).filter(|count| *count <= COUNT_MAX);
    count.ok_or(BrokenLine::ImplausibleCount)
}

/// Some tools write `12.0`.
fn fractionless(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.')?;
    let is_number = !fraction.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    let is_plain = is_number && whole.bytes().all(|digit| digit.is_ascii_digit());
    is_plain.then(|| whole.parse().ok()).flatten()
}

/// An amount of US dollars that somebody worked out. Tools write 0 where they know no price, so
/// that 0 tells nothing.
pub(super) fn cost(value: Option<Json<'_>>) -> Option<Money> {
    let cost = Money::parse_stated(value?.number_text()?).ok()?;
    (cost > Money::ZERO).then_some(cost)
}

/// When something happened: RFC 3339, or milliseconds since 1970.
pub(super) fn time(
    value: Option<Json<'_>>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, BrokenLine> {
    let value = value.ok_or(BrokenLine::NoTime)?;
    let time = match value.raw().strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').and_then(moment),
        None => value.raw().parse().ok().and_then(DateTime::from_timestamp_millis),
    };
    plausible(time.ok_or(BrokenLine::NoTime)?, now)
}

/// `time` where it may be that of a call.
pub(super) fn plausible(
    time: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, BrokenLine> {
    if time.timestamp() < EARLIEST_SECONDS || time > now + AHEAD_MAX {
        return Err(BrokenLine::ImplausibleTime);
    }
    Ok(time)
}

/// A moment in RFC 3339.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    utc_millis(text.as_bytes())
        .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()))
}

/// `2026-11-21T20:05:41.858Z`, as JavaScript writes it: most of a log's lines have one, and the
/// general way takes longer than all else that is read of them.
fn utc_millis(text: &[u8]) -> Option<DateTime<Utc>> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let is_shaped =
        [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')]
            .iter()
            .all(|(at, byte)| text[*at] == *byte);
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0_u32, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
        })
    };
    if !is_shaped {
        return None;
    }
    let date =
        NaiveDate::from_ymd_opt(number(0, 4)?.try_into().ok()?, number(5, 7)?, number(8, 10)?)?;
    date.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?)
        .map(|time| time.and_utc())
}

/// So many milliseconds.
pub(super) fn millis(value: Option<Json<'_>>) -> Option<TimeDelta> {
    TimeDelta::try_milliseconds(value?.raw().parse().ok()?)
        .filter(|time| *time >= TimeDelta::zero())
}

/// The key of the call that the tool names by `parts`.
pub(super) fn key(tool: Tool, parts: &[&str]) -> LogKey {
    key_of(tool.as_str(), parts)
}

/// The key of the call that a log of the kind `kind` names by `parts`.
pub(super) fn key_of(kind: &str, parts: &[&str]) -> LogKey {
    let mut hash = Sha256::new();
    hash.update(kind);
    for part in parts {
        // No byte of UTF-8, so that no two lists of parts look alike.
        hash.update([0xff]);
        hash.update(part);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize()[..16]);
    LogKey(key)
}

/// Whether a call with this usage consumed anything: tools also log calls that failed.
pub(super) fn is_anything(usage: &Usage) -> bool {
    usage.total_tokens() > 0 || usage.tool_calls() > 0
}

/// `text`, shared with the last line's where it is the same.
pub(super) fn shared(last: &mut Option<Arc<str>>, text: Option<Json<'_>>) -> Option<Arc<str>> {
    let text = text?;
    let inner = text.raw().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match last {
        // A text with escapes never looks like what it says.
        Some(last) if inner == Some(&**last) && !last.contains('\\') && !last.is_empty() => {}
        _ => *last = Some(Arc::from(text.text()?.as_ref())),
    }
    last.clone()
}

/// A text of one's own.
pub(super) fn owned(text: Option<Json<'_>>) -> Option<Arc<str>> {
    text?.text().map(|text| Arc::from(text.as_ref()))
}

/// Whether reasoning tokens stand beside the output's count and not inside it, as the total tells.
pub(super) fn stands_beside(prompt: u64, output: u64, reasoning: u64, total: Option<u64>) -> bool {
    let without = prompt.saturating_add(output);
    reasoning > 0 && total == Some(without.saturating_add(reasoning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("9007199254740992", Some(COUNT_MAX)),
            ("9007199254740993", None),
            ("18446744073709551616", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("1.", None),
            ("\"12\"", None),
            ("true", None),
            ("{}", None),
        ] {
            assert_eq!(count_of(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn times() {
        let now = moment("2026-11-22T00:00:00Z").unwrap();
        let broken = |error| Err::<&str, _>(error);
        for (text, expected) in [
            (r#""2026-11-21T20:05:41.858Z""#, Ok("2026-11-21T20:05:41.858Z")),
            (r#""2026-11-21T20:05:41Z""#, Ok("2026-11-21T20:05:41Z")),
            (r#""2026-11-21T20:05:41.858123+01:00""#, Ok("2026-11-21T19:05:41.858123Z")),
            ("1795291678301", Ok("2026-11-21T20:07:58.301Z")),
            (r#""2026-11-22T23:59:59.000Z""#, Ok("2026-11-22T23:59:59Z")),
            (r#""2026-11-24T00:00:00.000Z""#, broken(BrokenLine::ImplausibleTime)),
            (r#""2019-12-31T23:59:59.999Z""#, broken(BrokenLine::ImplausibleTime)),
            ("0", broken(BrokenLine::ImplausibleTime)),
            ("9223372036854775807", broken(BrokenLine::NoTime)),
            (r#""2026-02-30T20:05:41.858Z""#, broken(BrokenLine::NoTime)),
            (r#""2026-11-21T20:05:4x.858Z""#, broken(BrokenLine::NoTime)),
            (r#""yesterday""#, broken(BrokenLine::NoTime)),
            ("{}", broken(BrokenLine::NoTime)),
        ] {
            let expected = expected.map(|text| moment(text).unwrap());
            assert_eq!(time(Some(Json::new(text)), now), expected, "{text}");
        }
        assert_eq!(time(None, now), Err(BrokenLine::NoTime));
    }

    #[test]
    fn keys_tell_their_parts_apart() {
        let keys = [
            key(Tool::ClaudeCode, &["a", "b"]),
            key(Tool::ClaudeCode, &["ab", ""]),
            key(Tool::ClaudeCode, &["a"]),
            key(Tool::Codex, &["a", "b"]),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(keys[at + 1..].iter().all(|other| other != one));
        }
    }
}
