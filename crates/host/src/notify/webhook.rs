//! Webhooks: a note as a POST, in the form that its receiver reads.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use url::{Host, Url};

use super::{Channel, Note, Undelivered};

/// How long a receiver may take in all.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Discord takes no longer text.
const DISCORD_LETTERS_MAX: usize = 2_000;

/// Where a webhook goes, as configured. The address is a secret: it lets anybody post there.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    url: Url,
    form: Form,
}

/// What a receiver reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The note, field by field.
    Json,
    /// Slack's, which Mattermost and Rocket.Chat read too.
    Slack,
    /// Discord's.
    Discord,
}

/// A webhook that notes are sent to.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    hook: Hook,
    agent: Agent,
}

impl Form {
    /// By its name in the configuration.
    #[must_use]
    pub fn named(name: &str) -> Option<Form> {
        match name {
            "json" => Some(Form::Json),
            "slack" => Some(Form::Slack),
            "discord" => Some(Form::Discord),
            _ => None,
        }
    }

    /// That of the receiver at this host.
    fn of(host: &str) -> Form {
        match host {
            "hooks.slack.com" | "hooks.slack-gov.com" => Form::Slack,
            "discord.com" | "discordapp.com" | "ptb.discord.com" | "canary.discord.com" => {
                Form::Discord
            }
            _ => Form::Json,
        }
    }
}

impl Hook {
    /// Reads an address; without a form it is told from the host. `None` where it is no address.
    #[must_use]
    pub fn parse(url: &str, form: Option<Form>) -> Option<Hook> {
        let url = Url::parse(url.trim()).ok()?;
        let is_http = matches!(url.scheme(), "http" | "https");
        let host = url.host_str().filter(|_| is_http)?;
        let form = form.unwrap_or_else(|| Form::of(host));
        Some(Hook { form, url })
    }

    /// The receiver's host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether it is on this machine, where no proxy leads.
    fn is_local(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("host", &self.host()).field("form", &self.form).finish()
    }
}

impl Webhook {
    /// One that posts to `hook`, called `name` among the webhooks.
    #[must_use]
    pub fn new(hook: Hook, name: &str) -> Webhook {
        let name = format!("webhook {name}");
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let mut config = Agent::config_builder()
            .timeout_global(Some(ANSWER_MAX))
            // An answer of any status is an answer, and a move is the user's to write down.
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls);
        if hook.is_local() {
            config = config.proxy(None);
        }
        Webhook { name, hook, agent: config.build().into() }
    }
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&mut self, note: &Note) -> Result<(), Undelivered> {
        let body = body(self.hook.form, note).to_string();
        let sent = self
            .agent
            .post(self.hook.url.as_str())
            .header("content-type", "application/json")
            .header("user-agent", concat!("outlay/", env!("CARGO_PKG_VERSION")))
            .send(body);
        match sent {
            Ok(answer) => verdict(answer.status().as_u16(), self.hook.host()),
            Err(error) => Err(Undelivered {
                // Its own words may have the address in them.
                reason: format!(
                    "{} could not be reached: {}; look at its address under [notifications] in outlay.toml",
                    self.hook.host(),
                    kind(&error)
                ),
                may_pass: true,
            }),
        }
    }
}

/// What an answer of this status means.
fn verdict(status: u16, host: &str) -> Result<(), Undelivered> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    let advice = match status {
        300..=399 => ": it has moved, write its new address into outlay.toml",
        400..=499 => ": look at its address under [notifications] in outlay.toml",
        _ => ": its own log may say why",
    };
    Err(Undelivered {
        reason: format!("{host} answered {status}{advice}"),
        may_pass: matches!(status, 408 | 425 | 429) || status >= 500,
    })
}

fn kind(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => {
            format!("it did not answer within {} seconds", ANSWER_MAX.as_secs())
        }
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        // The system's words, in which there is no address.
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::ConnectionFailed => "the connection failed".to_owned(),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "its certificate is not trusted".to_owned(),
        _ => "the request failed".to_owned(),
    }
}

/// The note in the receiver's form.
fn body(form: Form, note: &Note) -> Value {
    match form {
        Form::Json => json!(note),
        Form::Slack => {
            let text = format!("*{}*\n{}", for_slack(&note.title), for_slack(&note.body));
            json!({ "text": text })
        }
        Form::Discord => {
            let text = format!("**{}**\n{}", note.title, note.body);
            let text: String = text.chars().take(DISCORD_LETTERS_MAX).collect();
            // A project's name calls nobody.
            json!({ "username": "Outlay", "content": text, "allowed_mentions": { "parse": [] } })
        }
    }
}

/// Slack takes these for marks of its own.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        Note {
            since: "2026-11-21T12:00:00Z".parse().unwrap(),
            severity: "critical".to_owned(),
            kind: Some("budget_refused".to_owned()),
            subject: Some("<day>".to_owned()),
            title: "Calls are refused by budget '<day>'".to_owned(),
            body: "Used up & refused.".to_owned(),
            occurrences: 3,
            raise: None,
            alerts: Vec::new(),
            attempts: 1,
        }
    }

    #[test]
    fn each_receiver_gets_its_form() {
        for (url, form, expected) in [
            (
                "https://example.com/in",
                None,
                json!({
                    "time": "2026-11-21T12:00:00Z", "severity": "critical",
                    "kind": "budget_refused", "subject": "<day>",
                    "title": "Calls are refused by budget '<day>'", "body": "Used up & refused.",
                    "occurrences": 3,
                }),
            ),
            (
                "https://hooks.slack.com/services/T/B/secret",
                None,
                json!({ "text": "*Calls are refused by budget '&lt;day&gt;'*\nUsed up &amp; refused." }),
            ),
            (
                "http://127.0.0.1:1/hook",
                Some(Form::Discord),
                json!({
                    "username": "Outlay", "allowed_mentions": { "parse": [] },
                    "content": "**Calls are refused by budget '<day>'**\nUsed up & refused.",
                }),
            ),
        ] {
            let hook = Hook::parse(url, form).unwrap();
            assert_eq!(body(hook.form, &note()), expected, "{url}");
        }
        assert_eq!(
            Hook::parse("https://discord.com/api/webhooks/1/x", None).unwrap().form,
            Form::Discord
        );
    }

    #[test]
    fn an_address_is_told_to_nobody() {
        let hook = Hook::parse("https://hooks.slack.com/services/T/B/secret", None).unwrap();
        let webhook = Webhook::new(hook, "hooks.slack.com 2");
        assert_eq!(webhook.name(), "webhook hooks.slack.com 2");
        assert!(!format!("{webhook:?}").contains("secret"), "{webhook:?}");
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (status, is_told, may_pass) in [
            (204, true, false),
            (301, false, false),
            (400, false, false),
            (404, false, false),
            (408, false, true),
            (429, false, true),
            (500, false, true),
        ] {
            match verdict(status, "example.com") {
                Ok(()) => assert!(is_told, "{status}"),
                Err(why) => {
                    assert!(!is_told && why.may_pass == may_pass, "{status}: {why:?}");
                    assert!(why.reason.starts_with(&format!("example.com answered {status}")));
                }
            }
        }
    }
}
