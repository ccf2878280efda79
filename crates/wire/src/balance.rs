//! What is left in an account, as its provider tells it: a file per provider.
//!
//! All of them answer a GET with JSON. An amount may be a number or a text; it is read as it is
//! written, never as a float.

mod anywhere;
mod deepseek;
mod moonshot;
mod openrouter;
mod xai;

use outlay_core::money::Money;

pub use anywhere::at as at_pointer;

use crate::json::{Json, text_of};

/// Where an account's balance is told, as its user says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The whole address; `None` for a provider that tells in a way that is known.
    pub url: Option<String>,
    /// The header of the key: `authorization` (the default, with `Bearer`) or another.
    pub header: Option<String>,
    /// Where the amount stands in the answer, as a JSON pointer.
    pub pointer: Option<String>,
    /// The code of its currency; US dollars by default.
    pub currency: Option<String>,
    /// The environment variable that has the key.
    pub key_env: Option<String>,
}

/// What a provider says is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What can be spent; negative where something is owed.
    pub left: Money,
    /// Of `left`, by its code: `USD`, `CNY`.
    pub currency: String,
}

/// Why an answer tells no balance. Nothing of the answer is in it but a provider's own message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// An error instead of a balance.
    #[error("it answered with status {status}{}", said(message))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said of it; may be empty.
        message: String,
    },
    /// No JSON, or not the field that has it.
    #[error("its answer has no '{0}'")]
    Missing(String),
    /// The field holds something else.
    #[error("'{0}' in its answer is no amount")]
    NoAmount(String),
}

/// Reads the path to ask next.
type Next = fn(&str) -> Result<String, Untold>;

/// A provider that tells its balance.
#[derive(Clone, Copy, Debug)]
pub struct Teller {
    /// Its name in routes.
    pub provider: &'static str,
    /// The host that is asked, where it is not the one that calls go to.
    pub origin: Option<&'static str>,
    /// Where it is asked (first), below its base URL.
    pub path: &'static str,
    /// Where tools look for its key.
    pub key_variable: &'static str,
    /// What the first answer says to ask next, where it is not the balance yet.
    next: Option<Next>,
    read: fn(&str, &str) -> Result<Told, Untold>,
}

/// The providers that tell, in the order in which they are asked.
pub const TELLERS: [Teller; 5] = [
    Teller {
        provider: "deepseek",
        origin: None,
        path: "/user/balance",
        key_variable: "DEEPSEEK_API_KEY",
        next: None,
        read: deepseek::read,
    },
    Teller {
        provider: "moonshot",
        origin: None,
        path: "/v1/users/me/balance",
        key_variable: "MOONSHOT_API_KEY",
        next: None,
        read: moonshot::read,
    },
    Teller {
        provider: "openrouter",
        origin: None,
        path: "/api/v1/credits",
        key_variable: "OPENROUTER_API_KEY",
        next: None,
        read: openrouter::credits,
    },
    // Asked where the credits are not told, as to a key without that right.
    Teller {
        provider: "openrouter",
        origin: None,
        path: "/api/v1/key",
        key_variable: "OPENROUTER_API_KEY",
        next: None,
        read: openrouter::key,
    },
    Teller {
        provider: "xai",
        origin: Some("https://management-api.x.ai"),
        path: "/auth/management-keys/validation",
        key_variable: "XAI_MANAGEMENT_KEY",
        next: Some(xai::preview_path),
        read: xai::preview,
    },
];

impl Teller {
    /// The path to ask next, where the first answer is not the balance yet.
    ///
    /// # Errors
    /// Where the answer does not say.
    pub fn next(&self, status: u16, body: &[u8]) -> Result<Option<String>, Untold> {
        let Some(next) = self.next else { return Ok(None) };
        let body = text_of(body);
        refused(status, &body)?;
        next(&body).map(Some)
    }

    /// What its answer says. `host`: who was asked.
    ///
    /// # Errors
    /// Where it says nothing of a balance.
    pub fn read(&self, host: &str, status: u16, body: &[u8]) -> Result<Told, Untold> {
        let body = text_of(body);
        refused(status, &body)?;
        (self.read)(host, &body)
    }
}

/// An answer that is an error.
fn refused(status: u16, body: &str) -> Result<(), Untold> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(Untold::Refused { status, message: message(Json::new(body)) })
}

/// What a provider says of an error: `error.message`, `error` or `message`; at most 200 characters.
fn message(body: Json<'_>) -> String {
    let [error, message] = body.pick(["error", "message"]);
    let inner = error.and_then(|error| error.get("message")).or(error).or(message);
    let text = inner.and_then(Json::string).unwrap_or_default();
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

/// The amount in `object`'s member `name`.
fn amount(object: Option<Json<'_>>, name: &str) -> Result<Money, Untold> {
    let value = object.and_then(|object| object.get(name));
    let value = value.ok_or_else(|| Untold::Missing(name.to_owned()))?;
    as_amount(value).ok_or_else(|| Untold::NoAmount(name.to_owned()))
}

/// A number, or a text that is one.
fn as_amount(value: Json<'_>) -> Option<Money> {
    Money::parse_stated(value.number_text()?).ok()
}

fn usd(left: Money) -> Told {
    Told { left, currency: "USD".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, as `12.40 USD`, or the sentence that says why nothing is.
    pub(super) fn shown(told: Result<Told, Untold>) -> String {
        match told {
            Ok(told) => format!("{} {}", told.left, told.currency),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn errors_are_told_as_the_provider_tells_them() {
        for (status, body, expected) in [
            (
                401,
                r#"{"error":{"message":"User not found.","code":401}}"#,
                "it answered with status 401: User not found.",
            ),
            (403, r#"{"error":"no such right"}"#, "it answered with status 403: no such right"),
            (500, r#"{"message":"a\nb"}"#, "it answered with status 500: ab"),
            (502, "<html>", "it answered with status 502"),
            (200, "<html>", "its answer has no 'balance_infos'"),
            (200, "", "its answer has no 'balance_infos'"),
        ] {
            assert_eq!(shown(TELLERS[0].read("h", status, body.as_bytes())), expected, "{body}");
        }
    }
}
