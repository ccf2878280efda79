//! Which headers pass, and those we add.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST,
    HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use outlay_core::budget::{Quantity, QuotaStanding};
use outlay_core::money::Money;
use uuid::Uuid;

const CALL: HeaderName = HeaderName::from_static("x-outlay-call");
const COST: HeaderName = HeaderName::from_static("x-outlay-cost");
const LIMIT: HeaderName = HeaderName::from_static("x-outlay-limit");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const QUOTA_CAP: HeaderName = HeaderName::from_static("x-quota-cap");
const QUOTA_USED: HeaderName = HeaderName::from_static("x-quota-used");
const QUOTA_REMAINING: HeaderName = HeaderName::from_static("x-quota-remaining");
const QUOTA_UNIT: HeaderName = HeaderName::from_static("x-quota-unit");
const QUOTA_RESET: HeaderName = HeaderName::from_static("x-quota-reset");
const QUOTA_WARNING: HeaderName = HeaderName::from_static("x-quota-warning");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What concerns one connection only.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
];

/// Room for those that are added: all figures of an answer.
const ADDED: usize = 8;
/// What a provider gets otherwise, or not at all.
const NOT_FOR_UPSTREAM: [HeaderName; 4] = [HOST, CONTENT_LENGTH, EXPECT, PROXY_AUTHORIZATION];
const CREDENTIALS: [HeaderName; 2] = [AUTHORIZATION, HeaderName::from_static("x-api-key")];

/// The client's headers as the provider gets them. `is_ours` tells our own credentials, which no
/// provider may see.
pub(crate) fn for_upstream(client: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> HeaderMap {
    passing(client, |name, value| {
        let is_credential_of_ours = || {
            let secret = value.to_str().unwrap_or_default();
            CREDENTIALS.contains(name) && is_ours(secret.rsplit(' ').next().unwrap_or_default())
        };
        !NOT_FOR_UPSTREAM.contains(name)
            && !name.as_str().starts_with("x-outlay-")
            && !is_credential_of_ours()
    })
}

/// The provider's headers as the client gets them.
pub(crate) fn for_client(upstream: &HeaderMap) -> HeaderMap {
    passing(upstream, |name, _| *name != PROXY_AUTHENTICATE)
}

/// Those of `headers` that concern more than one connection and may pass.
fn passing(headers: &HeaderMap, may_pass: impl Fn(&HeaderName, &HeaderValue) -> bool) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let mut passing = HeaderMap::with_capacity(headers.len() + ADDED);
    for (name, value) in headers {
        if !HOP_BY_HOP.contains(name) && !named.contains(name) && may_pass(name, value) {
            passing.append(name, value.clone());
        }
    }
    passing
}

/// Adds how the tightest budget stands; nothing where no budget applies.
pub(crate) fn add_quota(headers: &mut HeaderMap, standing: Option<&QuotaStanding>) {
    let Some(standing) = standing else { return };
    let mut add_quantity = |name, count| {
        let text = Quantity { unit: standing.unit, count }.to_string();
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    add_quantity(QUOTA_CAP, standing.cap);
    add_quantity(QUOTA_USED, standing.used);
    add_quantity(QUOTA_REMAINING, standing.remaining().max(0));
    headers.insert(QUOTA_UNIT, HeaderValue::from_static(standing.unit.as_str()));
    if let Some(reset) = standing.reset {
        headers.insert(QUOTA_RESET, HeaderValue::from(reset.timestamp()));
    }
    if standing.warned {
        headers.insert(QUOTA_WARNING, HeaderValue::from_static("1"));
    }
}

/// Adds the call's id.
pub(crate) fn add_call(headers: &mut HeaderMap, call: Uuid) {
    if let Ok(value) = HeaderValue::from_str(call.as_hyphenated().encode_lower(&mut [0; 36])) {
        headers.insert(CALL, value);
    }
}

/// Adds what the call cost, where that is known.
pub(crate) fn add_cost(headers: &mut HeaderMap, cost: Option<Money>) {
    if let Some(Ok(value)) = cost.map(|cost| HeaderValue::try_from(cost.to_string())) {
        headers.insert(COST, value);
    }
}

/// Says that a limit ended the answer, of a body that is not as the provider sent it.
pub(crate) fn add_ended(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_ENCODING);
    headers.insert(LIMIT, HeaderValue::from_static("ended"));
}

/// Says that asking again is useless.
pub(crate) fn add_no_retry(headers: &mut HeaderMap) {
    headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
}

/// The media type, without parameters and in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A header's value, where it is text.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlay_core::budget::BudgetUnit;

    fn headers(rows: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in rows {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_the_provider_gets() {
        let client = headers(&[
            ("host", "127.0.0.1:4780"),
            ("connection", "keep-alive, X-Hop"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "9"),
            ("expect", "100-continue"),
            ("te", "trailers"),
            ("x-outlay-project", "demo"),
            ("x-outlay-tags", "a=b"),
            ("authorization", "Bearer sk-1"),
            ("content-encoding", "zstd"),
            ("accept-encoding", "br"),
            ("x-custom", "kept"),
        ]);
        let sent = for_upstream(&client, |secret| secret == "ours");
        let expected = ["accept-encoding", "authorization", "content-encoding", "x-custom"];
        assert_eq!(names(&sent), expected);
        for (name, value, expected) in [
            ("authorization", "Bearer ours", false),
            ("x-api-key", "ours", false),
            ("authorization", "Bearer sk-1", true),
        ] {
            let sent = for_upstream(&headers(&[(name, value)]), |secret| secret == "ours");
            assert_eq!(sent.contains_key(name), expected, "{name}: {value}");
        }
    }

    #[test]
    fn what_the_client_gets() {
        let upstream = headers(&[
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("content-length", "9"),
            ("content-encoding", "gzip"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        let passed = for_client(&upstream);
        assert_eq!(names(&passed), ["content-encoding", "content-length", "set-cookie"]);
        assert_eq!(passed.get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn quotas() {
        let standing = |unit, cap, used, warned: bool| QuotaStanding {
            budget: "day".to_owned(),
            unit,
            cap,
            used,
            reset: warned.then(|| "2026-11-21T23:00:00Z".parse().unwrap()),
            warned,
        };
        for (standing, expected) in [
            (None, vec![]),
            (
                Some(standing(BudgetUnit::Usd, 20_000_000_000, 16_000_000_000, true)),
                vec!["0.02", "0.016", "0.004", "USD", "1795302000", "1"],
            ),
            (
                Some(standing(BudgetUnit::Tokens, 1_000, 1_000, false)),
                vec!["1000", "1000", "0", "tokens"],
            ),
        ] {
            let mut headers = HeaderMap::new();
            add_quota(&mut headers, standing.as_ref());
            let names = ["cap", "used", "remaining", "unit", "reset", "warning"];
            let values: Vec<&str> = names
                .iter()
                .filter_map(|name| headers.get(format!("x-quota-{name}"))?.to_str().ok())
                .collect();
            assert_eq!(values, expected);
        }
    }
}
