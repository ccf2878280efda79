//! xAI: its management API, which has keys of its own. Amounts are US cents as texts, credit below zero.

use outlay_core::money::{Money, PICODOLLARS_PER_USD};

use super::{Told, Untold, usd};
use crate::json::Json;

const PICODOLLARS_PER_CENT: i64 = PICODOLLARS_PER_USD / 100;

/// `GET /auth/management-keys/validation`: where the team of the key is asked for its balance.
pub(super) fn preview_path(body: &str) -> Result<String, Untold> {
    const TEAM: &str = "teamId";
    let team = Json::new(body).get(TEAM).and_then(Json::string);
    let is_plain = |team: &String| {
        !team.is_empty() && team.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let team = team.filter(is_plain).ok_or_else(|| Untold::Missing(TEAM.to_owned()))?;
    Ok(format!("/v1/billing/teams/{team}/postpaid/invoice/preview"))
}

/// The preview of this month's invoice: the prepaid credit less what was drawn from it since the month
/// began. What is booked as prepaid balance knows nothing of the present month.
pub(super) fn preview(_: &str, body: &str) -> Result<Told, Untold> {
    let invoice = Json::new(body).get("coreInvoice");
    let credit = |name: &str| -> Result<Money, Untold> {
        let cents = invoice.and_then(|invoice| invoice.get(name)).and_then(|it| it.get("val"));
        let cents = cents.ok_or_else(|| Untold::Missing(name.to_owned()))?;
        let cents = cents.number_text().and_then(|text| text.parse::<i64>().ok());
        cents
            .and_then(|cents| cents.checked_neg()?.checked_mul(PICODOLLARS_PER_CENT))
            .map(Money::from_picodollars)
            .ok_or_else(|| Untold::NoAmount(name.to_owned()))
    };
    Ok(usd(credit("prepaidCredits")?.saturating_sub(credit("prepaidCreditsUsed")?)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    #[test]
    fn credit_less_what_the_month_has_drawn() {
        let invoice = |credit: &str, drawn: &str| {
            format!(
                r#"{{"coreInvoice":{{"totalWithCorr":{{"val":"46951"}},"prepaidCredits":{{"val":{credit}}},"prepaidCreditsUsed":{{"val":{drawn}}}}}}}"#
            )
        };
        for (body, expected) in [
            (invoice(r#""-16847""#, r#""-11666""#), "51.81 USD"),
            (invoice(r#""-1000""#, r#""0""#), "10.00 USD"),
            (invoice(r#""-1000""#, r#""-1001""#), "-0.01 USD"),
            (invoice("-1000", "-1"), "9.99 USD"),
            (invoice(r#""ten""#, "0"), "'prepaidCredits' in its answer is no amount"),
            (
                r#"{"coreInvoice":{"prepaidCredits":{"val":"-5"}}}"#.to_owned(),
                "its answer has no 'prepaidCreditsUsed'",
            ),
            ("{}".to_owned(), "its answer has no 'prepaidCredits'"),
        ] {
            assert_eq!(shown(preview("", &body)), expected, "{body}");
        }
    }

    #[test]
    fn a_key_knows_its_team() {
        let path = "/v1/billing/teams/0a1b-2c/postpaid/invoice/preview";
        for (body, expected) in [
            (r#"{"apiKeyId":"k","teamId":"0a1b-2c"}"#, Some(path)),
            (r#"{"teamId":"../x"}"#, None),
            (r#"{"teamId":""}"#, None),
            ("{}", None),
        ] {
            assert_eq!(preview_path(body).ok().as_deref(), expected, "{body}");
        }
    }
}
