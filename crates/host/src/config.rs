//! The configuration: `outlay.toml` and the `OUTLAY_UPSTREAM_…` variables over it.
//!
//! A key that this version does not know is an error naming the nearest one that it does: nothing that is
//! written down is ignored.

mod balances;
mod loops;
mod notifications;
mod plans;
mod section;
mod written;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use chrono_tz::Tz;
use outlay_core::ledger::{Durability, Plan};
use outlay_wire::RefusalStatus;
use outlay_wire::balance::Place;

pub use self::loops::Loops;
pub use self::notifications::Notifications;
use self::section::Section;
pub use self::written::{Setting, WriteError, Written};

use crate::folders::Folders;

/// Where the proxy listens unless told otherwise.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4780);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Forecasts and suggestions look at the last 30 days.
const KEEP_DAYS: std::ops::RangeInclusive<u32> = 31..=36_500;
const KEEP_WANTED: &str =
    "write a whole number of days, 31 or more, or leave it out to keep every call";
/// What begins the names of variables that say where a provider is: its name comes behind it.
pub const UPSTREAM_VARIABLE: &str = "OUTLAY_UPSTREAM_";
const DIALECTS: [&str; 6] = ["openai", "anthropic", "gemini", "bedrock", "cohere", "ollama"];

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the proxy listens.
    pub listen: SocketAddr,
    /// Host names by which it may be called, beside the loopback ones.
    pub allowed_hosts: Vec<String>,
    /// The zone of days; `None` is this machine's.
    pub timezone: Option<Tz>,
    /// Providers that are changed, and further ones, by their names in routes.
    pub providers: BTreeMap<String, Provider>,
    /// Where balances are told, by account.
    pub balances: BTreeMap<String, Place>,
    /// The user's own plans.
    pub plans: Vec<Plan>,
    /// Which status a refusal has.
    pub refusal_status: RefusalStatus,
    /// How long a call waits for money that running calls hold.
    pub wait_max: Duration,
    /// Whether to refuse what cannot be bounded near a limit.
    pub strict: bool,
    /// What a call's reservation outlives before its client is answered.
    pub durability: Durability,
    /// Whether an account refuses calls once its provider said that it is empty.
    pub block_when_empty: bool,
    /// How long to read on for the usage when a client goes away.
    pub after_disconnect: Duration,
    /// For how many days calls are kept; `None` for ever.
    pub keep_days: Option<u32>,
    /// What is a loop, and what is done about one.
    pub loops: Loops,
    /// How alerts reach the user.
    pub notifications: Notifications,
}

/// A provider as configured; what is `None` stays as it is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provider {
    /// Scheme and host.
    pub base_url: Option<String>,
    /// `openai anthropic gemini bedrock cohere ollama`.
    pub dialect: Option<String>,
    /// The provider's own names for models.
    pub deployments: BTreeMap<String, String>,
}

/// Why the configuration cannot be used. Its text names the file (or variable) and the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    origin: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Unreadable(String),
    Syntax { line: usize, reason: String },
    Unknown { key: String, nearest: Option<String> },
    Value { key: String, value: String, wanted: String },
    Reason { key: String, reason: String },
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: LISTEN,
            allowed_hosts: Vec::new(),
            timezone: None,
            providers: BTreeMap::new(),
            balances: BTreeMap::new(),
            plans: Vec::new(),
            refusal_status: RefusalStatus::Auto,
            wait_max: WAIT_MAX,
            strict: false,
            durability: Durability::Process,
            block_when_empty: false,
            after_disconnect: Duration::ZERO,
            keep_days: None,
            loops: Loops::default(),
            notifications: Notifications::default(),
        }
    }
}

impl Config {
    /// Every plan there is: the user's own, and the built-in ones whose names are free.
    #[must_use]
    pub fn all_plans(&self) -> Vec<Plan> {
        let is_free = |plan: &Plan| !self.plans.iter().any(|own| own.name == plan.name);
        Plan::built_in().into_iter().filter(is_free).chain(self.plans.iter().cloned()).collect()
    }

    /// The configuration of this user: the file, which need not be there unless it was named, and
    /// the process's environment over it.
    ///
    /// # Errors
    /// One sentence naming the file (or variable), the key and what to write instead.
    pub fn load(folders: &Folders) -> Result<Config, ConfigError> {
        let file = folders.config();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && !folders.config_is_named() =>
            {
                String::new()
            }
            Err(error) => {
                let origin = file.display().to_string();
                let reason = match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        "there is no such file: name another, or leave --config out".to_owned()
                    }
                    _ => error.to_string(),
                };
                return Err(ConfigError { origin, problem: Problem::Unreadable(reason) });
            }
        };
        Config::parse(&text, file, variables())
    }

    /// The configuration of that text, with these variables over it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        text: &str,
        file: &Path,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut top = Section::parse(text, file)?;
        let mut config = Config::default();
        if let Some(listen) = top.text("listen")? {
            let wanted = "write it like \"127.0.0.1:4780\"";
            config.listen =
                top.value("listen", &listen, crate::port::parse_listen(&listen), wanted)?;
        }
        if let Some(hosts) = top.texts("allowed_hosts")? {
            config.allowed_hosts = hosts;
        }
        if let Some(name) = top.text("timezone")? {
            let zone = crate::zone::parse(&name);
            config.timezone =
                Some(top.value("timezone", &name, zone, "write \"Europe/Berlin\"")?);
        }
        if let Some(providers) = top.section("providers")? {
            config.providers = read_providers(providers)?;
        }
        if let Some(balances) = top.section("balances")? {
            config.balances = balances::read(balances)?;
        }
        if let Some(plans) = top.section("plans")? {
            config.plans = plans::read(plans)?;
        }
        config.read_sections(&mut top)?;
        top.finish()?;
        for (name, url) in variables {
            config.read_variable(&name, url)?;
        }
        Ok(config)
    }

    fn read_sections(&mut self, top: &mut Section) -> Result<(), ConfigError> {
        if let Some(mut refusal) = top.section("refusal")? {
            if let Some(status) = refusal.text_or_number("status")? {
                let wanted = "use auto, 400, 402, 403 or 429";
                self.refusal_status =
                    refusal.value("status", &status, RefusalStatus::from_str(&status), wanted)?;
            }
            refusal.finish()?;
        }
        if let Some(mut admission) = top.section("admission")? {
            if let Some(wait) = admission.duration("wait_max")? {
                self.wait_max = wait;
            }
            if let Some(strict) = admission.flag("strict")? {
                self.strict = strict;
            }
            if let Some(durability) = admission.text("durability")? {
                self.durability = match durability.as_str() {
                    "process" => Durability::Process,
                    "power" => Durability::Power,
                    other => {
                        return Err(admission.wrong("durability", other, "use process or power"));
                    }
                };
            }
            if let Some(block) = admission.flag("block_when_empty")? {
                self.block_when_empty = block;
            }
            admission.finish()?;
        }
        if let Some(mut metering) = top.section("metering")? {
            if let Some(after) = metering.duration("after_disconnect")? {
                self.after_disconnect = after;
            }
            metering.finish()?;
        }
        if let Some(mut ledger) = top.section("ledger")? {
            if let Some(days) = ledger.text_or_number("keep_days")? {
                let parsed = days.parse::<u32>().ok().filter(|days| KEEP_DAYS.contains(days));
                self.keep_days =
                    Some(parsed.ok_or_else(|| ledger.wrong("keep_days", &days, KEEP_WANTED))?);
            }
            ledger.finish()?;
        }
        if let Some(loops) = top.section("loops")? {
            self.loops = loops::read(loops)?;
        }
        if let Some(notifications) = top.section("notifications")? {
            self.notifications = notifications::read(notifications)?;
        }
        Ok(())
    }

    fn read_variable(&mut self, name: &str, url: String) -> Result<(), ConfigError> {
        let Some(provider) = name.strip_prefix(UPSTREAM_VARIABLE) else { return Ok(()) };
        if url.is_empty() {
            return Ok(());
        }
        if !is_base_url(&url) {
            return Err(ConfigError {
                origin: "the environment".to_owned(),
                problem: Problem::Value {
                    key: name.to_owned(),
                    value: url,
                    wanted: BASE_URL_WANTED.to_owned(),
                },
            });
        }
        self.providers.entry(provider.to_ascii_lowercase()).or_default().base_url = Some(url);
        Ok(())
    }
}

/// This process's variables; one that is not UTF-8 is none of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

const BASE_URL_WANTED: &str = "write an address like \"https://llm.example.com\"";

fn read_providers(mut all: Section) -> Result<BTreeMap<String, Provider>, ConfigError> {
    let mut providers = BTreeMap::new();
    for name in all.keys() {
        let Some(mut section) = all.section(&name)? else { continue };
        let base_url = section.text("base_url")?;
        if let Some(url) = base_url.as_deref().filter(|url| !is_base_url(url)) {
            return Err(section.wrong("base_url", url, BASE_URL_WANTED));
        }
        let dialect = section.text("dialect")?;
        if let Some(dialect) = dialect.as_deref().filter(|dialect| !DIALECTS.contains(dialect)) {
            let wanted = format!("use {}", DIALECTS.join(", "));
            return Err(section.wrong("dialect", dialect, &wanted));
        }
        let mut deployments = BTreeMap::new();
        if let Some(mut names) = section.section("deployments")? {
            for name in names.keys() {
                if let Some(model) = names.text(&name)? {
                    deployments.insert(name, model);
                }
            }
        }
        section.finish()?;
        providers.insert(name, Provider { base_url, dialect, deployments });
    }
    Ok(providers)
}

fn is_base_url(text: &str) -> bool {
    url::Url::parse(text.trim()).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    })
}

/// A duration as typed: a whole number and `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// One sentence where it is none.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = trimmed.split_at(digits);
    let unit_ms = match unit.trim_start() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let duration_ms: Option<u64> =
        unit_ms.and_then(|unit_ms| count.parse::<u64>().ok()?.checked_mul(unit_ms));
    duration_ms
        .map(Duration::from_millis)
        .ok_or_else(|| format!("'{text}' is not a duration: write it like 30s, 500ms, 2h or 3d"))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match &self.problem {
            Problem::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Problem::Syntax { line, reason } => write!(f, "line {line} is not TOML: {reason}"),
            Problem::Unknown { key, nearest: Some(nearest) } => {
                write!(f, "there is no key '{key}': did you mean '{nearest}'?")
            }
            Problem::Unknown { key, nearest: None } => {
                write!(f, "there is no key '{key}': remove it")
            }
            Problem::Value { key, value, wanted } => {
                write!(f, "'{key}' cannot be {value}: {wanted}")
            }
            Problem::Reason { key, reason } => write!(f, "'{key}': {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/outlay.toml"), std::iter::empty())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            r#"
            listen = "127.0.0.1:0"
            allowed_hosts = ["outlay.local"]
            timezone = "Europe/Berlin"
            [providers.openai]
            base_url = "http://127.0.0.1:9"
            [providers.work]
            base_url = "https://llm.example.com"
            dialect = "anthropic"
            deployments = { "gpt-prod" = "gpt-4.1" }
            [balances.work]
            url = "https://llm.example.com/credits"
            pointer = "/left"
            key_env = "WORK_KEY"
            [plans.mine]
            day = "5.00"
            total = "80"
            [refusal]
            status = 429
            [admission]
            wait_max = "500ms"
            strict = true
            block_when_empty = true
            durability = "power"
            [metering]
            after_disconnect = "1m"
            [ledger]
            keep_days = 400
            [notifications]
            desktop = false
            "#,
        )
        .unwrap();
        let work = &config.providers["work"];
        assert_eq!(config.listen.port(), 0);
        assert_eq!(config.allowed_hosts, ["outlay.local"]);
        assert_eq!(config.timezone, Some(Tz::Europe__Berlin));
        assert_eq!(config.providers["openai"].base_url.as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(work.dialect.as_deref(), Some("anthropic"));
        assert_eq!(work.deployments["gpt-prod"], "gpt-4.1");
        assert_eq!(config.balances["work"].pointer.as_deref(), Some("/left"));
        assert_eq!(config.plans[0].name, "mine");
        let limits: Vec<String> = config.plans[0]
            .limits()
            .iter()
            .map(|(name, limit)| format!("{name} {limit}"))
            .collect();
        assert_eq!(limits, ["day 5.00", "total 80.00"]);
        assert_eq!(config.refusal_status, RefusalStatus::Always(429));
        assert_eq!(config.wait_max, Duration::from_millis(500));
        assert!(config.strict && config.block_when_empty);
        assert_eq!(config.durability, Durability::Power);
        assert_eq!(config.after_disconnect, Duration::from_secs(60));
        assert!(!config.notifications.desktop);
        assert_eq!(config.keep_days, Some(400));
    }

    #[test]
    fn nothing_is_needed_and_what_is_off_may_be_written_down() {
        assert_eq!(parse(""), Ok(Config::default()));
        let off = "[admission]\ndurability = \"process\"\nblock_when_empty = false\n\
                   [notifications]\nquiet_hours = \"\"\nwebhook = []\ncommand = \"\"\n[plans]\n";
        assert_eq!(parse(off), Ok(Config::default()));
    }

    #[test]
    fn a_plan_of_the_users_own_stands_in_for_a_built_in_one() {
        let config = parse("[plans.solo]\nday = \"7\"\n[plans.mine]\n").unwrap();
        let plans: Vec<String> =
            config.all_plans().iter().map(|plan| format!("{} {:?}", plan.name, plan.day)).collect();
        assert_eq!(plans.len(), 5, "{plans:?}");
        assert!(
            plans.iter().any(|plan| plan.starts_with("solo") && plan.contains('7')),
            "{plans:?}"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        for (text, expected) in [
            ("lisen = 1", "there is no key 'lisen': did you mean 'listen'?"),
            ("[refusal]\nstats = 1", "no key 'refusal.stats': did you mean 'refusal.status'?"),
            ("[admision]\nstrict = true", "no key 'admision': did you mean 'admission'?"),
            ("desktop = true", "no key 'desktop': did you mean 'notifications.desktop'?"),
            ("zzz = 1", "there is no key 'zzz': remove it"),
            ("[providers.work]\nurl = \"x\"", "did you mean 'providers.work.base_url'?"),
            ("[plans.mine]\ndya = \"5\"", "did you mean 'plans.mine.day'?"),
            ("[plans.mine]\nday = \"five\"", "'plans.mine.day'"),
            ("[plans.mine]\nday = \"-5\"", "'plans.mine.day' cannot be \"-5\": a limit is zero"),
            ("[plans.mine]\nday = 5", "'plans.mine.day' cannot be 5: write a text in quotes"),
            ("[plans]\nmine = 5", "'plans.mine' cannot be 5: write a section"),
            (
                "[notifications]\nwebhook = [\"slack example.com/secret\"]",
                "'notifications.webhook' cannot be \"…\": write a list of addresses",
            ),
            (
                "[notifications]\nwebhook = [\"irc https://example.com/secret\"]",
                "'notifications.webhook' cannot be \"irc https://…\": write a list of addresses",
            ),
            (
                "[notifications]\nwebhook = \"https://example.com/secret\"",
                "'notifications.webhook' cannot be \"…\": write a list of addresses",
            ),
            (
                "[admission]\ndurability = \"disk\"",
                "'admission.durability' cannot be \"disk\": use process or power",
            ),
            (
                "[refusal]\nstatus = \"418\"",
                "'refusal.status': '418' is no status for refusals: use auto, 400",
            ),
            ("[ledger]\nkeep_days = 7", "'ledger.keep_days' cannot be \"7\": write a whole number"),
            ("[ledger]\nkeep = 400", "did you mean 'ledger.keep_days'?"),
            ("[admission]\nwait_max = \"soon\"", "'soon' is not a duration"),
            (
                "[balances.x]\nurl = \"https://x.example\"",
                "'balances.x.pointer' cannot be \"\": say where the amount stands",
            ),
            (
                "[balances.x]\ncurrency = \"yuan\"",
                "'balances.x.currency' cannot be \"yuan\": write its code",
            ),
            ("[admission]\nstrict = 1", "'admission.strict' cannot be 1: write true or false"),
            ("listen = 7", "'listen' cannot be 7: write a text in quotes"),
            ("listen = \"here\"", "'listen' cannot be \"here\": write it like"),
            ("allowed_hosts = [1]", "'allowed_hosts' cannot be [1]: write a list of texts"),
            ("refusal = 1", "'refusal' cannot be 1: write a section"),
            ("timezone = \"Europe/Berln\"", "did you mean Europe/Berlin?"),
            ("[providers.work]\nbase_url = \"no url\"", "'providers.work.base_url' cannot be"),
            ("[providers.work]\ndialect = \"x\"", "'providers.work.dialect' cannot be \"x\": use"),
            ("\n[[[", "line 2 is not TOML"),
        ] {
            let sentence = parse(text).unwrap_err();
            assert!(sentence.starts_with("/etc/outlay.toml: "), "{sentence}");
            assert!(sentence.contains(expected), "{sentence}");
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
        }
    }

    #[test]
    fn variables_outrank_the_file() {
        let file = "[providers.openai]\nbase_url = \"https://a.example\"\n";
        let parse = |name: &str, value: &str| {
            let variable = (name.to_owned(), value.to_owned());
            Config::parse(file, Path::new("outlay.toml"), std::iter::once(variable))
        };
        let base = |config: &Config, name: &str| config.providers[name].base_url.clone().unwrap();
        let config = parse("OUTLAY_UPSTREAM_OPENAI", "http://127.0.0.1:1").unwrap();
        assert_eq!(base(&config, "openai"), "http://127.0.0.1:1");
        let config = parse("OUTLAY_UPSTREAM_WORK", "http://127.0.0.1:2").unwrap();
        assert_eq!(base(&config, "openai"), "https://a.example");
        assert_eq!(base(&config, "work"), "http://127.0.0.1:2");
        let config = parse("OUTLAY_UPSTREAM_OPENAI", "").unwrap();
        assert_eq!(base(&config, "openai"), "https://a.example");
        let sentence = parse("OUTLAY_UPSTREAM_OPENAI", "nowhere").unwrap_err().to_string();
        assert!(sentence.contains("OUTLAY_UPSTREAM_OPENAI") && sentence.contains("nowhere"));
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("30s", Some(30_000)),
            ("500 ms", Some(500)),
            ("0s", Some(0)),
            ("2h", Some(7_200_000)),
            ("3d", Some(259_200_000)),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("99999999999999999999d", None),
        ] {
            let parsed = parse_duration(text).ok().map(|duration| duration.as_millis());
            assert_eq!(parsed, expected, "{text}");
        }
    }
}
