//! A section of the configuration file that is read key by key; what is left at the end is unknown.

use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

use super::{ConfigError, Problem, parse_duration};

/// Every key there is, `*` standing for a name of the user's. Used to guess what was meant.
const KEYS: [&str; 44] = [
    "listen",
    "allowed_hosts",
    "timezone",
    "providers",
    "providers.*.base_url",
    "providers.*.dialect",
    "providers.*.deployments",
    "balances",
    "balances.*.url",
    "balances.*.header",
    "balances.*.pointer",
    "balances.*.currency",
    "balances.*.key_env",
    "refusal",
    "refusal.status",
    "admission",
    "admission.wait_max",
    "admission.strict",
    "metering",
    "metering.after_disconnect",
    "loops",
    "loops.refuse",
    "loops.same_request",
    "loops.refused",
    "loops.short_streams",
    "loops.burst",
    "loops.idle_after",
    "loops.idle_spend",
    "loops.idle_calls",
    "loops.idle_refuse",
    "notifications",
    "notifications.desktop",
    "notifications.quiet_hours",
    "notifications.webhook",
    "notifications.command",
    "plans",
    "plans.*.day",
    "plans.*.week",
    "plans.*.month",
    "plans.*.total",
    "admission.durability",
    "admission.block_when_empty",
    "ledger",
    "ledger.keep_days",
];
/// Below this likeness (0 to 1) a guess only confuses.
const LIKENESS_MIN: f64 = 0.75;

/// What is not read yet of a section.
#[derive(Debug)]
pub(super) struct Section {
    origin: String,
    path: String,
    rest: Table,
}

impl Section {
    pub(super) fn parse(text: &str, file: &Path) -> Result<Section, ConfigError> {
        let origin = file.display().to_string();
        match text.parse::<Table>() {
            Ok(rest) => Ok(Section { origin, path: String::new(), rest }),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start.min(text.len()));
                let line = 1 + text.as_bytes()[..start].iter().filter(|b| **b == b'\n').count();
                let reason = error.message().lines().collect::<Vec<_>>().join(", ");
                Err(ConfigError { origin, problem: Problem::Syntax { line, reason } })
            }
        }
    }

    /// The names of what is not read yet.
    pub(super) fn keys(&self) -> Vec<String> {
        self.rest.keys().cloned().collect()
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.rest.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_kind(key, &other, "write a text in quotes")),
        }
    }

    pub(super) fn text_or_number(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.rest.get(key) {
            Some(Value::Integer(number)) => {
                let text = number.to_string();
                self.rest.remove(key);
                Ok(Some(text))
            }
            _ => self.text(key),
        }
    }

    /// As [`Section::texts`], of texts that are shown to nobody.
    pub(super) fn secret_texts(
        &mut self,
        key: &str,
        wanted: &str,
    ) -> Result<Option<Vec<String>>, ConfigError> {
        let is_list =
            |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_str));
        match self.rest.get(key) {
            Some(value) if !is_list(value) => Err(self.wrong(key, "…", wanted)),
            _ => self.texts(key),
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.rest.remove(key) else { return Ok(None) };
        let texts: Option<Vec<String>> = value
            .as_array()
            .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        match texts {
            Some(texts) => Ok(Some(texts)),
            None => Err(self.wrong_kind(key, &value, "write a list of texts, like [\"a\", \"b\"]")),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.rest.remove(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.wrong_kind(key, &other, "write true or false")),
        }
    }

    pub(super) fn duration(&mut self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        self.value(key, &text, parse_duration(&text), "write it like 30s").map(Some)
    }

    pub(super) fn section(&mut self, key: &str) -> Result<Option<Section>, ConfigError> {
        match self.rest.remove(key) {
            None => Ok(None),
            Some(Value::Table(rest)) => {
                Ok(Some(Section { origin: self.origin.clone(), path: self.full(key), rest }))
            }
            Some(other) => {
                let wanted = format!("write a section, like [{}]", self.full(key));
                Err(self.wrong_kind(key, &other, &wanted))
            }
        }
    }

    /// The parsed value; else the error's own sentence where it names the value, or `wanted`.
    pub(super) fn value<T, E>(
        &self,
        key: &str,
        text: &str,
        parsed: Result<T, E>,
        wanted: &str,
    ) -> Result<T, ConfigError>
    where
        E: std::fmt::Display,
    {
        parsed.map_err(|error| {
            let reason = error.to_string();
            if reason.starts_with(&format!("'{text}'")) {
                self.problem(Problem::Reason { key: self.full(key), reason })
            } else {
                self.wrong(key, text, wanted)
            }
        })
    }

    pub(super) fn wrong(&self, key: &str, text: &str, wanted: &str) -> ConfigError {
        self.wrong_kind(key, &Value::from(text), wanted)
    }

    /// Everything must have been read by now.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let Some(key) = self.rest.keys().next() else { return Ok(()) };
        let key = self.full(key);
        let nearest = nearest(&key);
        Err(self.problem(Problem::Unknown { key, nearest }))
    }

    fn wrong_kind(&self, key: &str, value: &Value, wanted: &str) -> ConfigError {
        let value = value.to_string().lines().collect::<Vec<_>>().join(" ");
        self.problem(Problem::Value { key: self.full(key), value, wanted: wanted.to_owned() })
    }

    fn problem(&self, problem: Problem) -> ConfigError {
        ConfigError { origin: self.origin.clone(), problem }
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The known key most like `key`, by its whole path or by its last name.
fn nearest(key: &str) -> Option<String> {
    let own = |known: &str| {
        // The user's own name of a provider stands where the list has a star.
        match (known.split_once(".*."), key.split('.').nth(1)) {
            (Some((head, tail)), Some(name)) => format!("{head}.{name}.{tail}"),
            _ => known.to_owned(),
        }
    };
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    KEYS.iter()
        .map(|known| own(known))
        .map(|known| {
            let by_path = strsim::jaro_winkler(&known, key);
            let by_name = strsim::jaro_winkler(&last(&known), &last(key));
            let contains = last(&known).contains(&last(key)) && last(key).len() >= 3;
            let in_section =
                known.rsplit_once('.').map(|(s, _)| s) == key.rsplit_once('.').map(|(s, _)| s);
            let likeness = by_name.max(by_path * 0.9) + if contains { 0.1 } else { 0.0 };
            (in_section, likeness + if in_section { 0.05 } else { 0.0 }, known)
        })
        .filter(|(_, likeness, _)| *likeness >= LIKENESS_MIN)
        // One of its own section was meant before the like of it elsewhere.
        .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, _, known)| known)
}
