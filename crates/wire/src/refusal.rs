//! The answer to a call that a limit stops, in the caller's own dialect.
//!
//! Its status and shape were chosen by what clients do with it: whether their user sees the
//! sentence, and whether they ask again.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use outlay_core::admission::RefusalReason;
use outlay_core::budget::{Quantity, Scope};
use outlay_core::money::Money;
use outlay_core::refusal::{self, Refusal, RefusalOption};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::dialect::Dialect;

/// Everything a refusal tells, the same in every dialect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefusalFacts {
    /// Why the call was stopped.
    pub reason: RefusalReason,
    /// One sentence for the user: what is used up, until when, and what to do.
    pub message: String,
    /// A page that says more.
    pub docs: String,
    /// The name of the budget that stops it; `None` where none does.
    pub budget: Option<String>,
    /// That budget's window: `day`, `5h`, …
    pub window: Option<String>,
    /// What the amounts count: `USD`, `tokens` or `calls`.
    pub unit: Option<&'static str>,
    /// What the budget is limited to; `{}` where it covers everything.
    pub scope: Scope,
    /// The period's limit.
    pub limit: Option<Quantity>,
    /// What is spent, without holds.
    pub used: Option<Quantity>,
    /// What running calls hold.
    pub held: Option<Quantity>,
    /// What this call needs; `None` where unknown.
    pub needed: Option<Quantity>,
    /// What the period still has.
    pub quota_remaining: Option<Quantity>,
    /// What the budget's top-ups still have.
    pub credits_remaining: Option<Quantity>,
    /// The account's prepaid credit; `None` where unknown.
    pub balance_remaining: Option<Money>,
    /// When the budget starts anew; `None` where it never does.
    #[serde(serialize_with = "instant")]
    pub reset_date: Option<DateTime<Utc>>,
    /// Whether a top-up would let the call through.
    pub addon_available: bool,
    /// What the user can do.
    pub options: Vec<RefusalOption>,
}

impl RefusalFacts {
    /// The facts of the ledger's refusal. Help is at `base_url`, which has no slash at its end
    /// (`http://127.0.0.1:4780`).
    #[must_use]
    pub fn of(refusal: &Refusal, base_url: &str) -> RefusalFacts {
        let is_cost_known = refusal.reason != RefusalReason::UnpricedModel;
        let stop = refusal.budget.as_ref();
        let repetition = refusal.repetition.as_ref();
        RefusalFacts {
            reason: refusal.reason,
            message: refusal::message(refusal),
            docs: format!("{base_url}/help/{}", refusal.reason.code()),
            budget: stop.map(|stop| stop.name.clone()),
            window: stop.map(|stop| stop.window.clone()),
            unit: stop.map(|stop| stop.limit.unit.as_str()),
            scope: stop.map(|stop| stop.scope.clone()).unwrap_or_default(),
            limit: stop.map(|stop| stop.limit),
            used: stop.map(|stop| stop.used),
            held: stop.map(|stop| stop.held),
            needed: stop.map(|stop| stop.needed).filter(|_| is_cost_known),
            quota_remaining: stop.map(|stop| stop.remaining),
            credits_remaining: stop.map(|stop| stop.credits_remaining),
            balance_remaining: refusal.balance_remaining,
            reset_date: stop
                .and_then(|stop| stop.reset)
                .or(repetition.map(|repetition| repetition.until)),
            addon_available: matches!(
                refusal.reason,
                RefusalReason::QuotaExceeded | RefusalReason::BalanceEmpty
            ),
            options: refusal::options(refusal),
        }
    }
}

/// The body of a refusal that is answered with `status`, as JSON.
#[must_use]
pub fn refusal_body(dialect: Dialect, status: u16, facts: &RefusalFacts) -> Vec<u8> {
    let code = facts.reason.code();
    let mut body = Map::new();
    let error = match dialect {
        Dialect::AnthropicMessages => {
            body.insert("type".to_owned(), json!("error"));
            json!({"type": "billing_error", "code": code, "message": facts.message})
        }
        Dialect::GeminiGenerate | Dialect::GeminiEmbed => json!({
            "code": status,
            "message": facts.message,
            "status": "FAILED_PRECONDITION",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": code,
                "domain": "outlay",
            }],
        }),
        _ => {
            json!({"type": "billing_error", "code": code, "param": null, "message": facts.message})
        }
    };
    body.insert("error".to_owned(), error);
    // A struct of strings and numbers always becomes an object.
    if let Ok(Value::Object(facts)) = serde_json::to_value(facts) {
        body.extend(facts);
    }
    Value::Object(body).to_string().into_bytes()
}

/// Which status a refusal has: chosen for the client, or the same for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefusalStatus {
    /// 402, and 400 for the clients that are known to send again after a 402.
    #[default]
    Auto,
    /// This one.
    Always(u16),
}

/// Why a text is no refusal status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no status for refusals: use auto, 400, 402, 403 or 429")]
pub struct RefusalStatusError(String);

impl FromStr for RefusalStatus {
    type Err = RefusalStatusError;

    fn from_str(text: &str) -> Result<RefusalStatus, RefusalStatusError> {
        match text {
            "auto" => Ok(RefusalStatus::Auto),
            "400" => Ok(RefusalStatus::Always(400)),
            "402" => Ok(RefusalStatus::Always(402)),
            "403" => Ok(RefusalStatus::Always(403)),
            "429" => Ok(RefusalStatus::Always(429)),
            _ => Err(RefusalStatusError(text.to_owned())),
        }
    }
}

impl fmt::Display for RefusalStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefusalStatus::Auto => f.write_str("auto"),
            RefusalStatus::Always(status) => write!(f, "{status}"),
        }
    }
}

/// User agents, in lower case, that send a request again after a 402.
const RESENDS_AFTER_402: [UserAgent; 3] = [
    UserAgent::StartsWith("codex"),
    UserAgent::StartsWith("litellm/"),
    // Also AsyncOpenAI/Python and AzureOpenAI/Python; aider looks like the plain SDK.
    UserAgent::Contains("openai/python"),
];

enum UserAgent {
    StartsWith(&'static str),
    Contains(&'static str),
}

/// The status of a refusal for the client with this User-Agent.
#[must_use]
pub fn refusal_status(setting: RefusalStatus, user_agent: Option<&str>) -> u16 {
    if let RefusalStatus::Always(status) = setting {
        return status;
    }
    let user_agent = user_agent.unwrap_or_default().trim().to_ascii_lowercase();
    let resends = RESENDS_AFTER_402.iter().any(|known| match known {
        UserAgent::StartsWith(start) => user_agent.starts_with(start),
        UserAgent::Contains(part) => user_agent.contains(part),
    });
    if resends { 400 } else { 402 }
}

fn instant<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)).serialize(serializer)
}

#[cfg(test)]
pub(crate) mod tests {
    use outlay_core::budget::BudgetUnit;
    use outlay_core::refusal::{BudgetStop, Repetition};

    use super::*;

    fn refused() -> Refusal {
        let usd = |text: &str| Quantity {
            unit: BudgetUnit::Usd,
            count: text.parse::<Money>().unwrap().picodollars(),
        };
        Refusal {
            call: uuid::Uuid::nil(),
            reason: RefusalReason::QuotaExceeded,
            budget: Some(BudgetStop {
                name: "day".to_owned(),
                window: "day".to_owned(),
                scope: Scope { project: Some("demo".to_owned()), ..Scope::default() },
                limit: usd("5"),
                used: usd("4.98"),
                held: usd("0"),
                needed: usd("0.12"),
                remaining: usd("0.02"),
                credits_remaining: usd("0"),
                reset: Some(DateTime::parse_from_rfc3339("2026-11-21T23:00:00Z").unwrap().to_utc()),
                timezone: chrono_tz::Europe::Berlin,
            }),
            repetition: None,
            credit: None,
            balance_remaining: Some("12.40".parse().unwrap()),
            model: Some("gpt-5".to_owned()),
            provider: "openai".to_owned(),
            standing: None,
        }
    }

    /// Of some refusal, for tests.
    pub(crate) fn facts() -> RefusalFacts {
        RefusalFacts::of(&refused(), "http://127.0.0.1:4780")
    }

    #[test]
    fn bodies() {
        for (name, dialect, status) in [
            ("openai_chat", Dialect::OpenAiChat, 402),
            ("openai_responses", Dialect::OpenAiResponses, 400),
            ("anthropic", Dialect::AnthropicMessages, 402),
            ("gemini", Dialect::GeminiGenerate, 402),
            ("other", Dialect::Other, 403),
        ] {
            let body: Value =
                serde_json::from_slice(&refusal_body(dialect, status, &facts())).unwrap();
            insta::assert_json_snapshot!(format!("refusal_{name}"), body);
        }
    }

    #[test]
    fn counts_are_numbers_and_unknowns_null() {
        let tokens = |count| Quantity { unit: BudgetUnit::Tokens, count };
        let mut refusal = refused();
        refusal.reason = RefusalReason::UnpricedModel;
        refusal.balance_remaining = None;
        if let Some(stop) = &mut refusal.budget {
            (stop.limit, stop.used, stop.reset) = (tokens(1000), tokens(7), None);
        }
        let facts = RefusalFacts::of(&refusal, "http://127.0.0.1:4780");
        let body = refusal_body(Dialect::OpenAiChat, 402, &facts);
        let body: Value = serde_json::from_slice(&body).unwrap();
        for (key, expected) in [
            ("limit", json!(1000)),
            ("used", json!(7)),
            ("unit", json!("tokens")),
            ("reason", json!("unpriced_model")),
            ("docs", json!("http://127.0.0.1:4780/help/unpriced_model")),
            ("needed", Value::Null),
            ("balance_remaining", Value::Null),
            ("reset_date", Value::Null),
            ("addon_available", json!(false)),
        ] {
            assert_eq!(body[key], expected, "{key}");
        }
        assert_eq!(body["error"]["code"], json!("unpriced_model"));
    }

    #[test]
    fn a_loop_has_no_budget_and_a_way_out() {
        let until = DateTime::parse_from_rfc3339("2026-11-21T23:00:00Z").unwrap().to_utc();
        let what = "the same request was sent 10 times in 5 minutes".to_owned();
        let refusal = Refusal {
            reason: RefusalReason::LoopDetected,
            budget: None,
            repetition: Some(Repetition { what, until }),
            ..refused()
        };
        let facts = RefusalFacts::of(&refusal, "http://127.0.0.1:4780");
        let body = refusal_body(Dialect::OpenAiChat, 402, &facts);
        insta::assert_json_snapshot!(serde_json::from_slice::<Value>(&body).unwrap());
    }

    #[test]
    fn statuses() {
        for (setting, user_agent, expected) in [
            ("auto", None, 402),
            ("auto", Some("claude-cli/2.1.330 (external, cli)"), 402),
            ("auto", Some("codex_cli_rs/0.169.0 (Linux)"), 400),
            ("auto", Some("Codex-TUI/1"), 400),
            ("auto", Some("my-codex/1"), 402),
            ("auto", Some("litellm/1.106.2"), 400),
            ("auto", Some("uses litellm/1"), 402),
            ("auto", Some("OpenAI/Python 2.1.0"), 400),
            ("auto", Some("AsyncOpenAI/Python 2.1.0"), 400),
            ("auto", Some("azureopenai/python 1"), 400),
            ("auto", Some("OpenAI/JS 6.0"), 402),
            ("auto", Some("GeminiCLI/0.61.0"), 402),
            ("403", Some("codex"), 403),
            ("429", None, 429),
        ] {
            let setting: RefusalStatus = setting.parse().unwrap();
            assert_eq!(refusal_status(setting, user_agent), expected, "{setting} {user_agent:?}");
        }
        let error = "418".parse::<RefusalStatus>().unwrap_err();
        assert!(error.to_string().contains("auto, 400, 402, 403 or 429"), "{error}");
    }
}
