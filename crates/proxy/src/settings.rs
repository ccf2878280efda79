//! What a running Outlay is told. Plain values: where they come from is the binaries' business.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use chrono_tz::Tz;
use outlay_core::ledger::{Durability, Plan};
use outlay_wire::RefusalStatus;
use url::Url;

use crate::loops::LoopSetting;

/// What a running Outlay is told.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether it may listen where other machines reach it.
    pub expose: bool,
    /// Host names by which it may be called beside the loopback ones, each with or without a port.
    pub allowed_hosts: Vec<String>,
    /// The zone in which days are shown.
    pub timezone: Tz,
    /// Providers by their name in a route.
    pub upstreams: HashMap<String, UpstreamSetting>,
    /// Which status a refusal has.
    pub refusal_status: RefusalStatus,
    /// How long a call waits for money that running calls hold.
    pub wait_max: Duration,
    /// How long to read on for the usage when a client goes away.
    pub after_disconnect: Duration,
    /// Whether to refuse what cannot be bounded near a limit.
    pub strict: bool,
    /// What a call's reservation outlives before its client is answered.
    pub durability: Durability,
    /// Whether an account refuses calls once its provider said that it is empty.
    pub block_when_empty: bool,
    /// What is a loop, and what is done about one.
    pub loops: LoopSetting,
    /// The plans that can be put in use.
    pub plans: Vec<Plan>,
    /// The local API's token.
    pub token: String,
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSetting {
    /// Scheme and host, and a path in front where there is one; `None` where only the user knows.
    pub base_url: Option<Url>,
    /// What it speaks.
    pub family: Family,
    /// The provider's own names for models, and the models they stand for.
    pub deployments: HashMap<String, String>,
}

/// What a provider speaks, where an endpoint's path does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// OpenAI's, and everyone's compatible with it.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Google's.
    Gemini,
    /// Amazon's.
    Bedrock,
    /// Cohere's.
    Cohere,
    /// Ollama's.
    Ollama,
}

/// A provider as a configuration names it; what is `None` stays as it is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderPart {
    /// Its name in routes.
    pub name: String,
    /// Its address.
    pub base_url: Option<String>,
    /// What it speaks: the text of a [`Family`].
    pub dialect: Option<String>,
    /// The provider's own names for models.
    pub deployments: HashMap<String, String>,
}

/// Plain values that [`Settings`] are made of.
#[derive(Clone)]
pub struct Parts {
    /// See [`Settings::listen`].
    pub listen: SocketAddr,
    /// See [`Settings::allowed_hosts`].
    pub allowed_hosts: Vec<String>,
    /// See [`Settings::timezone`].
    pub timezone: Tz,
    /// Built-in providers that are changed, and further ones; later parts win.
    pub providers: Vec<ProviderPart>,
    /// `auto`, `400`, `402`, `403` or `429`.
    pub refusal_status: String,
    /// See [`Settings::wait_max`].
    pub wait_max: Duration,
    /// See [`Settings::after_disconnect`].
    pub after_disconnect: Duration,
    /// See [`Settings::strict`].
    pub strict: bool,
    /// See [`Settings::loops`].
    pub loops: LoopSetting,
    /// See [`Settings::token`].
    pub token: String,
}

/// Why values make no settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A provider's address is none.
    #[error(
        "base_url '{base_url}' of provider '{provider}' is no address: write it like https://llm.example.com"
    )]
    BaseUrl {
        /// The provider.
        provider: String,
        /// What was given.
        base_url: String,
    },
    /// A provider speaks something unknown.
    #[error(
        "dialect '{dialect}' of provider '{provider}' is not known: use openai, anthropic, gemini, bedrock, cohere or ollama"
    )]
    Dialect {
        /// The provider.
        provider: String,
        /// What was given.
        dialect: String,
    },
    /// A further provider without an address.
    #[error("provider '{0}' has no base_url: give it one, like https://llm.example.com")]
    NoBaseUrl(String),
    /// A name that no route can carry.
    #[error("provider name '{0}' cannot stand in a route: use lower-case letters, digits, - and _")]
    Name(String),
    /// A refusal status that clients do not understand.
    #[error("refusal status '{0}' is not one of auto, 400, 402, 403, 429")]
    RefusalStatus(String),
}

/// Names that routes use for something else.
const RESERVED: [&str; 10] =
    ["p", "r", "t", "api", "help", "healthz", "metrics", "assets", "v1", "v1beta"];

impl Settings {
    /// Settings of plain values: the built-in providers with the given ones over them.
    ///
    /// # Errors
    /// One sentence naming the value that makes no sense.
    pub fn from_parts(parts: Parts) -> Result<Settings, SettingsError> {
        let mut upstreams = Settings::builtin_upstreams();
        for provider in parts.providers {
            apply(&mut upstreams, provider)?;
        }
        Ok(Settings {
            listen: parts.listen,
            expose: false,
            allowed_hosts: parts.allowed_hosts,
            timezone: parts.timezone,
            upstreams,
            refusal_status: parts
                .refusal_status
                .parse()
                .map_err(|_| SettingsError::RefusalStatus(parts.refusal_status))?,
            wait_max: parts.wait_max,
            after_disconnect: parts.after_disconnect,
            strict: parts.strict,
            durability: Durability::Process,
            block_when_empty: false,
            loops: parts.loops,
            plans: Plan::built_in(),
            token: parts.token,
        })
    }

    /// With reservations that outlive so much before their clients are answered.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Settings {
        Settings { durability, ..self }
    }

    /// That may listen where other machines reach it, or may not.
    #[must_use]
    pub fn with_expose(self, expose: bool) -> Settings {
        Settings { expose, ..self }
    }

    /// With accounts that refuse calls, or do not, once their provider said that they are empty.
    #[must_use]
    pub fn with_block_when_empty(self, block_when_empty: bool) -> Settings {
        Settings { block_when_empty, ..self }
    }

    /// With these plans in place of the built-in ones.
    #[must_use]
    pub fn with_plans(self, plans: Vec<Plan>) -> Settings {
        Settings { plans, ..self }
    }

    /// The providers that need no configuration, and those that need only an address.
    #[must_use]
    pub fn builtin_upstreams() -> HashMap<String, UpstreamSetting> {
        BUILTIN
            .iter()
            .map(|(name, base_url, family)| {
                let upstream = UpstreamSetting {
                    base_url: Url::parse(base_url).ok(),
                    family: *family,
                    deployments: HashMap::new(),
                };
                ((*name).to_owned(), upstream)
            })
            .collect()
    }

    /// The address that a built-in provider has unless it is changed.
    pub(crate) fn builtin_base_url(name: &str) -> Option<&'static str> {
        let (_, base_url, _) = BUILTIN.iter().find(|(known, ..)| *known == name)?;
        Some(*base_url).filter(|base_url| !base_url.is_empty())
    }
}

/// Name, base URL (empty: only the user knows it) and family.
const BUILTIN: [(&str, &str, Family); 20] = [
    ("openai", "https://api.openai.com", Family::OpenAi),
    ("anthropic", "https://api.anthropic.com", Family::Anthropic),
    ("gemini", "https://generativelanguage.googleapis.com", Family::Gemini),
    ("vertex", "", Family::Gemini),
    ("azure", "", Family::OpenAi),
    ("bedrock", "", Family::Bedrock),
    ("mistral", "https://api.mistral.ai", Family::OpenAi),
    ("groq", "https://api.groq.com", Family::OpenAi),
    ("deepseek", "https://api.deepseek.com", Family::OpenAi),
    ("xai", "https://api.x.ai", Family::OpenAi),
    ("openrouter", "https://openrouter.ai", Family::OpenAi),
    ("perplexity", "https://api.perplexity.ai", Family::OpenAi),
    ("together", "https://api.together.xyz", Family::OpenAi),
    ("fireworks", "https://api.fireworks.ai", Family::OpenAi),
    ("cerebras", "https://api.cerebras.ai", Family::OpenAi),
    ("cohere", "https://api.cohere.com", Family::Cohere),
    ("moonshot", "https://api.moonshot.ai", Family::OpenAi),
    ("zai", "https://api.z.ai", Family::OpenAi),
    ("ollama", "http://127.0.0.1:11434", Family::Ollama),
    // Where OpenAI's subscription logins go.
    ("chatgpt", "https://chatgpt.com", Family::OpenAi),
];

fn apply(
    upstreams: &mut HashMap<String, UpstreamSetting>,
    part: ProviderPart,
) -> Result<(), SettingsError> {
    let name = part.name;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) || RESERVED.contains(&name.as_str()) {
        return Err(SettingsError::Name(name));
    }
    let base_url = part
        .base_url
        .map(|text| {
            base_url(&text)
                .ok_or_else(|| SettingsError::BaseUrl { provider: name.clone(), base_url: text })
        })
        .transpose()?;
    let family = part
        .dialect
        .map(|text| {
            text.parse::<Family>()
                .map_err(|()| SettingsError::Dialect { provider: name.clone(), dialect: text })
        })
        .transpose()?;
    match upstreams.get_mut(&name) {
        Some(upstream) => {
            upstream.base_url = base_url.or(upstream.base_url.take());
            upstream.family = family.unwrap_or(upstream.family);
            upstream.deployments.extend(part.deployments);
        }
        None => {
            let upstream = UpstreamSetting {
                base_url: Some(base_url.ok_or_else(|| SettingsError::NoBaseUrl(name.clone()))?),
                family: family.unwrap_or(Family::OpenAi),
                deployments: part.deployments,
            };
            upstreams.insert(name, upstream);
        }
    }
    Ok(())
}

fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let is_http = matches!(url.scheme(), "http" | "https");
    (is_http && url.has_host() && url.query().is_none() && url.fragment().is_none()).then_some(url)
}

impl Family {
    /// Its name in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::OpenAi => "openai",
            Family::Anthropic => "anthropic",
            Family::Gemini => "gemini",
            Family::Bedrock => "bedrock",
            Family::Cohere => "cohere",
            Family::Ollama => "ollama",
        }
    }
}

impl FromStr for Family {
    type Err = ();

    fn from_str(text: &str) -> Result<Family, ()> {
        [
            Family::OpenAi,
            Family::Anthropic,
            Family::Gemini,
            Family::Bedrock,
            Family::Cohere,
            Family::Ollama,
        ]
        .into_iter()
        .find(|family| family.as_str() == text)
        .ok_or(())
    }
}

impl fmt::Debug for Parts {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("listen", &self.listen)
            .field("allowed_hosts", &self.allowed_hosts)
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("allowed_hosts", &self.allowed_hosts)
            .field("upstreams", &self.upstreams)
            .finish_non_exhaustive()
    }
}
