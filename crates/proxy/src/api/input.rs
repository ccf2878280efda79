//! How requests are read: queries, path parts, bodies, instants, amounts. Every mistake is named.

use std::fmt;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::IntoResponse;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use http::StatusCode;
use http::request::Parts;
use outlay_core::budget::Window;
use outlay_core::ledger::{Ledger, LedgerError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::ApiError;
use crate::App;

/// Runs a read of the ledger where it does not hold up other requests.
pub(super) async fn read<T: Send + 'static>(
    app: &App,
    query: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, ApiError> {
    let ledger = app.ledger().clone();
    match tokio::task::spawn_blocking(move || query(&ledger)).await {
        Ok(outcome) => outcome.map_err(ApiError::from),
        Err(_) => Err(ApiError::internal("reading the ledger broke off: look at the log")),
    }
}

/// A request's query, to be taken apart; what is left over at the end is a mistake.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The value of a parameter that may be given once.
    pub(super) fn one(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        let mut values = self.all(name).into_iter();
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(ApiError::invalid(format!("'{name}' is given twice"))),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// The values of a parameter that may be given several times.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        let named = self.0.extract_if(.., |(given, _)| given == name);
        named.map(|(_, value)| value).collect()
    }

    /// A whole number from 1 to `max`.
    pub(super) fn count(&mut self, name: &str, default: u32, max: u32) -> Result<u32, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(default) };
        let count = text.parse().ok().filter(|count| (1..=max).contains(count));
        count.ok_or_else(|| {
            ApiError::invalid(format!("'{name}' is a whole number from 1 to {max}, not '{text}'"))
        })
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            ApiError::invalid(format!("'{name}' is a whole number, 0 or more, not '{text}'"))
        })
    }

    /// `true` or `false`, which it is where it is not given.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, ApiError> {
        match self.one(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => {
                Err(ApiError::invalid(format!("'{name}' is true or false, not '{text}'")))
            }
        }
    }

    /// An instant, or a date in `timezone`.
    pub(super) fn instant(
        &mut self,
        name: &str,
        timezone: Tz,
    ) -> Result<Option<DateTime<Utc>>, ApiError> {
        self.one(name)?.map(|text| instant(name, &text, timezone)).transpose()
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(ApiError::invalid(format!("'{name}' is not a parameter of this route")))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Query(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

/// The one variable part of a path.
#[derive(Debug)]
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Name, ApiError> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Name(name)),
            Err(rejection) => Err(ApiError::invalid(rejection.body_text())),
        }
    }
}

/// A request's whole body, at most the 2 MB that axum takes by default.
#[derive(Debug)]
pub(super) struct Body(pub(super) Bytes);

impl Body {
    /// Reads the body as JSON where there is one.
    pub(super) fn json_or_nothing<T: DeserializeOwned>(&self) -> Result<Option<T>, ApiError> {
        if self.0.trim_ascii().is_empty() { Ok(None) } else { self.json().map(Some) }
    }

    /// Reads the body as JSON; an error names the field.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if self.0.trim_ascii().is_empty() {
            return Err(ApiError::invalid("the request has no body: send JSON"));
        }
        Json::from_bytes(&self.0).map(|Json(value)| value).map_err(|rejection| {
            // The source says where and what; axum's own text only repeats that it is no JSON.
            let reason = std::error::Error::source(&rejection)
                .map_or_else(|| rejection.body_text(), ToString::to_string);
            ApiError::invalid(format!("the body is not understood: {reason}"))
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Body, ApiError> {
        Bytes::from_request(request, state).await.map(Body).map_err(|rejection: BytesRejection| {
            let message = rejection.body_text();
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    "the body is larger than 2 MB: send less at a time",
                ),
                status => ApiError::new(status, "invalid_request", message),
            }
        })
    }
}

/// An amount as typed, `"5.00"` or `5`: kept as text, so that no float ever holds money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Amount(pub(super) String);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text.starts_with('"') {
            serde_json::from_str(text).map(Amount).map_err(serde::de::Error::custom)
        } else if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            Ok(Amount(text.to_owned()))
        } else {
            Err(serde::de::Error::custom("an amount is a number or a text like \"5.00\""))
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long something is to last: so many seconds, or until an instant; neither is for good.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Length {
    seconds: Option<u32>,
    until: Option<String>,
}

impl Length {
    pub(super) fn new(seconds: Option<u32>, until: Option<String>) -> Length {
        Length { seconds, until }
    }

    /// When it ends.
    pub(super) fn end(&self, app: &App) -> Result<Option<DateTime<Utc>>, ApiError> {
        let until = match (self.seconds, &self.until) {
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid("give 'seconds' or 'until', not both"));
            }
            (Some(seconds), None) => Some(app.now() + TimeDelta::seconds(i64::from(seconds))),
            (None, Some(text)) => Some(instant("until", text, app.settings().timezone)?),
            (None, None) => None,
        };
        match until {
            Some(until) if until <= app.now() => Err(ApiError::invalid(
                "it would be over at once: give more 'seconds', or a later 'until'",
            )),
            until => Ok(until),
        }
    }
}

/// An instant (RFC 3339), or the beginning of a date in `timezone`.
pub(super) fn instant(name: &str, text: &str, timezone: Tz) -> Result<DateTime<Utc>, ApiError> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        let noon = date.and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default());
        let inside = timezone.from_local_datetime(&noon).earliest();
        let inside = inside.map_or_else(|| noon.and_utc(), |noon| noon.with_timezone(&Utc));
        return Ok(Window::DAY.period(inside, timezone).start);
    }
    let instant = DateTime::parse_from_rfc3339(text).map_err(|_| {
        ApiError::invalid(format!(
            "'{name}' is a date like 2026-11-21 or an instant like 2026-11-21T12:00:00Z, not '{text}'"
        ))
    })?;
    Ok(instant.with_timezone(&Utc))
}

/// A time zone by its IANA name.
pub(super) fn timezone(text: &str) -> Result<Tz, ApiError> {
    text.parse().map_err(|_| {
        ApiError::invalid(format!("'timezone' is a name like Europe/Berlin, not '{text}'"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        limit: Amount,
    }

    #[test]
    fn amounts_keep_every_digit() {
        for (body, expected) in [
            (r#"{"limit": 0.1234567890123456789}"#, Ok("0.1234567890123456789")),
            (r#"{"limit": "5.00"}"#, Ok("5.00")),
            (r#"{"limit": 5}"#, Ok("5")),
            (r#"{"limit": null}"#, Err("limit")),
            (r#"{"limit": [5]}"#, Err("limit")),
            (r#"{}"#, Err("limit")),
            (r#"{"limit": 5, "limits": 6}"#, Err("limits")),
            (r#"{"limit": "#, Err("EOF")),
            ("", Err("no body")),
        ] {
            match (Body(Bytes::from(body)).json::<Limits>(), expected) {
                (Ok(limits), Ok(expected)) => assert_eq!(limits.limit.to_string(), expected),
                (Err(error), Err(part)) => {
                    assert!(format!("{error:?}").contains(part), "{body}: {error:?}");
                }
                (got, _) => panic!("{body}: {got:?}"),
            }
        }
    }

    #[test]
    fn instants_and_dates() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let apia: Tz = "Pacific/Apia".parse().unwrap();
        for (text, zone, expected) in [
            ("2026-11-21", berlin, Some("2026-11-20T23:00:00Z")),
            ("2026-07-01", berlin, Some("2026-06-30T22:00:00Z")),
            ("2026-11-21", Tz::UTC, Some("2026-11-21T00:00:00Z")),
            ("2011-12-31", apia, Some("2011-12-30T10:00:00Z")),
            ("2026-11-21T12:00:00+01:00", berlin, Some("2026-11-21T11:00:00Z")),
            ("2026-11-21T12:00:00", berlin, None),
            ("2026-02-30", berlin, None),
            ("yesterday", berlin, None),
        ] {
            let got = instant("since", text, zone).ok();
            let expected = expected.map(|expected| expected.parse::<DateTime<Utc>>().unwrap());
            assert_eq!(got, expected, "{text}");
        }
    }
}
