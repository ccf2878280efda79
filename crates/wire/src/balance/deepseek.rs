//! DeepSeek: `GET /user/balance` lists a balance for each currency.

use super::{Told, Untold, amount};
use crate::json::Json;

/// The balance that is not zero; of several the one in US dollars, in which calls are priced.
pub(super) fn read(_: &str, body: &str) -> Result<Told, Untold> {
    const LIST: &str = "balance_infos";
    let list = Json::new(body).get(LIST).ok_or_else(|| Untold::Missing(LIST.to_owned()))?;
    let mut told = Vec::new();
    for info in list.items() {
        let currency = info.get("currency").and_then(Json::string);
        let currency = currency.ok_or_else(|| Untold::Missing("currency".to_owned()))?;
        told.push(Told { left: amount(Some(info), "total_balance")?, currency });
    }
    told.sort_by_key(|told| (told.left.picodollars() == 0, told.currency != "USD"));
    told.into_iter().next().ok_or_else(|| Untold::Missing(LIST.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn the_currency_is_kept() {
        let info = |currency: &str, total: &str| {
            format!(
                r#"{{"currency":"{currency}","total_balance":{total},"granted_balance":"0.00","topped_up_balance":"1"}}"#
            )
        };
        for (infos, expected) in [
            (vec![info("CNY", r#""110.00""#)], "110.00 CNY"),
            (vec![info("USD", "2.5")], "2.50 USD"),
            (vec![info("CNY", r#""-0.31""#)], "-0.31 CNY"),
            (vec![info("CNY", r#""5""#), info("USD", r#""7""#)], "7.00 USD"),
            (vec![info("USD", r#""0.00""#), info("CNY", r#""5""#)], "5.00 CNY"),
            (vec![info("USD", r#""0.00""#)], "0.00 USD"),
            (vec![info("USD", "null")], "its answer has no 'total_balance'"),
            (vec![info("USD", r#""much""#)], "'total_balance' in its answer is no amount"),
            (vec![r#"{"total_balance":"1"}"#.to_owned()], "its answer has no 'currency'"),
            (vec![], "its answer has no 'balance_infos'"),
        ] {
            let body = format!(r#"{{"is_available":true,"balance_infos":[{}]}}"#, infos.join(","));
            assert_eq!(shown(read("", &body)), expected, "{body}");
        }
    }
}
