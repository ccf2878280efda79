//! Instants and time-ordered ids as the ledger stores them.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

/// Unix milliseconds.
pub(crate) fn to_ms(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_millis()
}

/// The instant of Unix milliseconds; the epoch where they are outside the calendar.
pub(crate) fn from_ms(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// The instant as the ledger keeps it.
pub(crate) fn to_the_millisecond(instant: DateTime<Utc>) -> DateTime<Utc> {
    from_ms(to_ms(instant))
}

/// A new UUIDv7 of that instant, as bytes. Ids of one process and the same millisecond are in the
/// order they were made in.
pub(crate) fn new_id(now: DateTime<Utc>) -> [u8; 16] {
    static ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());
    let order = ORDER.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let timestamp = Timestamp::from_unix(&*order, seconds, now.timestamp_subsec_nanos());
    *Uuid::new_v7(timestamp).as_bytes()
}

/// The UUIDv7 of that instant for what has this name already, which needs no dice: of one name and instant
/// there is one.
pub(crate) fn id_named(name: [u8; 16], instant: DateTime<Utc>) -> Uuid {
    let ms = u64::try_from(to_ms(instant)).unwrap_or(0);
    let [_, _, _, _, _, _, random @ ..] = name;
    uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
}

/// The id of stored bytes.
pub(crate) fn uuid_of(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}

/// The instant inside a UUIDv7.
pub(crate) fn instant_of(id: Uuid) -> DateTime<Utc> {
    let (seconds, nanoseconds) = id.get_timestamp().map_or((0, 0), |stamp| stamp.to_unix());
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, nanoseconds))
        .unwrap_or_default()
}
