//! OpenRouter: credits are US dollars.

use super::{Told, Untold, amount, usd};
use crate::json::Json;

/// `GET /api/v1/credits`: what was bought and what was used, of the whole account.
pub(super) fn credits(_: &str, body: &str) -> Result<Told, Untold> {
    let data = Json::new(body).get("data");
    let bought = amount(data, "total_credits")?;
    let used = amount(data, "total_usage")?;
    Ok(usd(bought.saturating_sub(used)))
}

/// `GET /api/v1/key`: what is left of the key's own limit. A key without one tells nothing.
pub(super) fn key(_: &str, body: &str) -> Result<Told, Untold> {
    let data = Json::new(body).get("data");
    amount(data, "limit_remaining")
        .or_else(|_| {
            // As it was told before there was a field for it.
            Ok(amount(data, "limit")?.saturating_sub(amount(data, "usage")?))
        })
        .map(usd)
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn credits_less_usage() {
        for (body, expected) in [
            (r#"{"data":{"total_credits":100.5,"total_usage":25.75}}"#, "74.75 USD"),
            (r#"{"data":{"total_credits":5,"total_usage":5.0000012}}"#, "-0.0000012 USD"),
            (r#"{"data":{"total_credits":"10","total_usage":"1.5e-3"}}"#, "9.9985 USD"),
            (r#"{"data":{"total_credits":10}}"#, "its answer has no 'total_usage'"),
            (
                r#"{"data":{"total_credits":null,"total_usage":1}}"#,
                "its answer has no 'total_credits'",
            ),
            (
                r#"{"data":{"total_credits":true,"total_usage":1}}"#,
                "'total_credits' in its answer is no amount",
            ),
            (r#"{}"#, "its answer has no 'total_credits'"),
        ] {
            assert_eq!(shown(credits("", body)), expected, "{body}");
        }
    }

    #[test]
    fn a_key_has_what_is_left_of_its_limit() {
        for (body, expected) in [
            (r#"{"data":{"limit":20,"limit_remaining":7.25,"usage":90}}"#, "7.25 USD"),
            (r#"{"data":{"limit":20,"usage":12.5}}"#, "7.50 USD"),
            (
                r#"{"data":{"limit":null,"limit_remaining":null,"usage":3}}"#,
                "its answer has no 'limit'",
            ),
        ] {
            assert_eq!(shown(key("", body)), expected, "{body}");
        }
    }
}
