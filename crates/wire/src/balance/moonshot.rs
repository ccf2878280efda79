//! Moonshot: `GET /v1/users/me/balance`, in yuan at its Chinese address and in dollars elsewhere.

use super::{Told, Untold, amount};
use crate::json::Json;

/// What can be spent, less what is owed: a debt is a negative `cash_balance` that the available
/// amount leaves out.
pub(super) fn read(host: &str, body: &str) -> Result<Told, Untold> {
    let data = Json::new(body).get("data");
    let available = amount(data, "available_balance")?;
    let cash = amount(data, "cash_balance").unwrap_or_default();
    let owed = cash.min(outlay_core::money::Money::ZERO);
    let currency = if host.ends_with(".cn") { "CNY" } else { "USD" };
    Ok(Told { left: available.saturating_add(owed), currency: currency.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn the_address_tells_the_currency() {
        const PLAIN: &str = r#"{"code":0,"data":{"available_balance":49.58894,"voucher_balance":46.58893,"cash_balance":3.00001},"scode":"0x0","status":true}"#;
        const OWING: &str =
            r#"{"data":{"available_balance":2,"voucher_balance":2,"cash_balance":-3.5}}"#;
        for (host, body, expected) in [
            ("api.moonshot.ai", PLAIN, "49.58894 USD"),
            ("api.moonshot.cn", PLAIN, "49.58894 CNY"),
            ("api.moonshot.ai", OWING, "-1.50 USD"),
            ("api.moonshot.ai", r#"{"data":{"available_balance":"8"}}"#, "8.00 USD"),
            (
                "api.moonshot.ai",
                r#"{"code":5,"data":null}"#,
                "its answer has no 'available_balance'",
            ),
        ] {
            assert_eq!(shown(read(host, body)), expected, "{body}");
        }
    }
}
