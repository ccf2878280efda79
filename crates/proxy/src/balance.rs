//! Asking providers what is left in an account.
//!
//! A key is taken from the environment for the one request, and is in nothing that is written.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::{BodyExt, Limited};
use outlay_core::ledger::{Ledger, LedgerError};
use outlay_core::report;
use outlay_wire::balance::{self, Place, TELLERS, Teller, Told};
use url::Url;

use crate::Settings;
use crate::clock::Clock;
use crate::dispatch::Dispatch;
use crate::upstream::{Outgoing, Upstream, address};

/// How long an answer may take, and how long it may be.
const ANSWER_MAX: Duration = Duration::from_secs(20);
const BYTES_MAX: usize = 64 * 1024;
/// How often a running proxy asks.
const ASK_EVERY: Duration = Duration::from_secs(15 * 60);

/// One who is asked.
#[derive(Clone, Debug)]
pub struct Source {
    /// The account.
    pub account: String,
    /// All ways to ask, the best first.
    ways: Vec<Way>,
}

#[derive(Clone, Debug)]
struct Way {
    url: Url,
    header: HeaderName,
    /// Marked as sensitive: it shows in no log.
    key: HeaderValue,
    reading: Reading,
}

#[derive(Clone, Debug)]
enum Reading {
    Teller(Teller),
    Pointer { pointer: String, currency: String },
}

/// What came of asking for one account.
#[derive(Debug)]
pub struct Answered {
    /// The account.
    pub account: String,
    /// What is left; else why nobody can tell, in a sentence's end.
    pub told: Result<Told, String>,
}

/// Everybody who can be asked: the providers that tell, where `variable` has their key, and the
/// `places` of further accounts. Beside them why others, whose keys are missing or no keys, cannot be: a
/// sentence for each.
///
/// # Errors
/// One sentence naming the place that makes no sense.
pub fn sources(
    settings: &Settings,
    places: &BTreeMap<String, Place>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Vec<Source>, Vec<String>), String> {
    let key_of =
        |name: &str| variable(name).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    let (mut sources, mut problems) = (Vec::<Source>::new(), Vec::new());
    for teller in TELLERS {
        let place = places.get(teller.provider);
        let name = place.and_then(|place| place.key_env.as_deref()).unwrap_or(teller.key_variable);
        let Some(key) = key_of(name) else { continue };
        // An address with a pointer is another way to tell, read below; alone it is the provider's.
        let address = place.and_then(|place| place.url.as_deref());
        if place.is_some_and(|place| place.pointer.is_some()) {
            continue;
        }
        let upstream = settings.upstreams.get(teller.provider).and_then(|up| up.base_url.clone());
        let own = address.or(teller.origin).and_then(|address| Url::parse(address).ok());
        let Some(base) = own.or(upstream) else { continue };
        let Ok(url) = base.join(teller.path) else { continue };
        let Some(way) = way(url, None, &key, Reading::Teller(teller)) else {
            problems.push(format!(
                "the key in {name} cannot be sent: it has other than plain characters"
            ));
            continue;
        };
        match sources.iter_mut().find(|source| source.account == teller.provider) {
            Some(source) => source.ways.push(way),
            None => sources.push(Source { account: teller.provider.to_owned(), ways: vec![way] }),
        }
    }
    for (account, place) in places {
        match configured(account, place, key_of)? {
            Ok(source) => sources.extend(source),
            Err(problem) => problems.push(problem),
        }
    }
    Ok((sources, problems))
}

/// The source that a place with an address adds; else why it adds none for now.
fn configured(
    account: &str,
    place: &Place,
    key_of: impl Fn(&str) -> Option<String>,
) -> Result<Result<Option<Source>, String>, String> {
    let (Some(url), Some(pointer)) = (&place.url, &place.pointer) else {
        if TELLERS.iter().any(|teller| teller.provider == account) {
            return Ok(Ok(None));
        }
        return Err(format!(
            "[balances.{account}] in outlay.toml needs url and pointer: '{account}' is no provider that tells its balance"
        ));
    };
    let key = match &place.key_env {
        Some(name) => match key_of(name) {
            Some(key) => key,
            None => {
                let problem =
                    format!("[balances.{account}] needs a key in the variable {name}: set it");
                return Ok(Err(problem));
            }
        },
        None => String::new(),
    };
    let url = url.parse().map_err(|error| format!("'url' of [balances.{account}]: {error}"))?;
    let currency = place.currency.clone().unwrap_or_else(|| "USD".to_owned());
    let reading = Reading::Pointer { pointer: pointer.clone(), currency };
    Ok(match way(url, place.header.as_deref(), &key, reading) {
        Some(way) => Ok(Some(Source { account: account.to_owned(), ways: vec![way] })),
        None => Err(format!(
            "'header' of [balances.{account}], or its key, cannot be sent: it has other than plain characters"
        )),
    })
}

fn way(url: Url, header: Option<&str>, key: &str, reading: Reading) -> Option<Way> {
    let header = header.map_or(Ok(AUTHORIZATION), |name| name.to_ascii_lowercase().parse()).ok()?;
    let text = if header == AUTHORIZATION { format!("Bearer {key}") } else { key.to_owned() };
    let mut key = HeaderValue::from_str(&text).ok()?;
    key.set_sensitive(true);
    Some(Way { url, header, key, reading })
}

/// Asks, and anchors the accounts to what is told.
///
/// # Errors
/// When the ledger cannot be written.
pub async fn sync(
    ledger: &Ledger,
    sources: &[Source],
    now: impl Fn() -> DateTime<Utc>,
) -> Result<Vec<Answered>, LedgerError> {
    let mut all = Vec::with_capacity(sources.len());
    for source in sources {
        let told = source.ask().await;
        if let Ok(told) = &told {
            let (account, currency) = (source.account.clone(), told.currency.clone());
            ledger.set_told_balance(account, told.left, currency, now()).await?;
        }
        all.push(Answered { account: source.account.clone(), told });
    }
    Ok(all)
}

/// Asks again and again for the accounts whose balance is known already; ends where nobody can be asked.
pub(crate) async fn keep_synced(ledger: Ledger, sources: Vec<Source>, clock: Clock) {
    if sources.is_empty() {
        return;
    }
    loop {
        let known = report::balances(&ledger, clock(), chrono_tz::UTC).unwrap_or_default();
        let is_known = |source: &&Source| known.iter().any(|one| one.account == source.account);
        let known: Vec<Source> = sources.iter().filter(is_known).cloned().collect();
        match sync(&ledger, &known, || clock()).await {
            Ok(all) => {
                for Answered { account, told } in all {
                    if let Err(error) = told {
                        tracing::warn!("the balance of '{account}' is not told: {error}");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "balances cannot be stored"),
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

impl Source {
    /// What is left; else why the last way to ask did not tell.
    async fn ask(&self) -> Result<Told, String> {
        let mut told = Err("nobody is asked".to_owned());
        for way in &self.ways {
            told = match tokio::time::timeout(ANSWER_MAX, way.ask(&self.account)).await {
                Ok(told) => told,
                Err(_) => Err(format!("{} is silent", way.host())),
            };
            if told.is_ok() {
                break;
            }
        }
        told
    }
}

impl Way {
    async fn ask(&self, account: &str) -> Result<Told, String> {
        let untold = |untold: balance::Untold| format!("{}: {untold}", self.host());
        let (status, body) = self.get(account, &self.url).await?;
        let told = match &self.reading {
            Reading::Teller(teller) => match teller.next(status, &body).map_err(untold)? {
                None => teller.read(self.host(), status, &body),
                Some(path) => {
                    let next = self.url.join(&path).map_err(|error| error.to_string())?;
                    let (status, body) = self.get(account, &next).await?;
                    teller.read(self.host(), status, &body)
                }
            },
            Reading::Pointer { pointer, currency } => balance::at_pointer(pointer, status, &body)
                .map(|left| Told { left, currency: currency.clone() }),
        };
        told.map_err(untold)
    }

    /// The status and the body of the answer at `url`.
    async fn get(&self, account: &str, url: &Url) -> Result<(u16, Bytes), String> {
        let host = self.host();
        let url = address(url.as_str(), url.path()).map_err(|failure| failure.message)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(self.header.clone(), self.key.clone());
        let upstream = Upstream::new([&self.url]).map_err(|error| error.to_string())?;
        let outgoing = Outgoing { method: Method::GET, url, headers, body: Bytes::new() };
        let answer = upstream.send(outgoing, &Dispatch::default()).await.map_err(|error| {
            let message = error.failure(account, host).message;
            message.strip_prefix("Outlay: ").map_or(message.clone(), str::to_owned)
        })?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), BYTES_MAX).collect().await;
        let body = body.map_err(|_| format!("the answer of {host} broke off or is too long"))?;
        Ok((status, body.to_bytes()))
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(
        places: &[(&str, Place)],
        variables: &[(&str, &str)],
    ) -> Result<Vec<(String, usize)>, String> {
        let settings = crate::api::tests::settings();
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let places = places.iter().map(|(name, place)| ((*name).to_owned(), place.clone()));
        let (sources, problems) = sources(&settings, &places.collect(), value)?;
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        Ok(sources.into_iter().map(|source| (source.account, source.ways.len())).collect())
    }

    #[test]
    fn who_has_a_key_is_asked() {
        let known = Place::default;
        let elsewhere = || Place {
            url: Some("https://llm.example.com/left".to_owned()),
            pointer: Some("/left".to_owned()),
            ..known()
        };
        let mine = |place: Place| Place { key_env: Some("MINE".to_owned()), ..place };
        for (places, variables, expected) in [
            (vec![], vec![], Ok(vec![])),
            (
                vec![],
                vec![("OPENROUTER_API_KEY", "k"), ("MOONSHOT_API_KEY", " ")],
                Ok(vec![("openrouter", 2)]),
            ),
            (vec![("deepseek", mine(known()))], vec![("DEEPSEEK_API_KEY", "k")], Ok(vec![])),
            (vec![("deepseek", mine(known()))], vec![("MINE", "k")], Ok(vec![("deepseek", 1)])),
            (vec![("work", elsewhere())], vec![], Ok(vec![("work", 1)])),
            (
                vec![("deepseek", elsewhere())],
                vec![("DEEPSEEK_API_KEY", "k")],
                Ok(vec![("deepseek", 1)]),
            ),
            (vec![("work", mine(elsewhere()))], vec![], Err("needs a key in the variable MINE")),
            (
                vec![("work", known())],
                vec![],
                Err("[balances.work] in outlay.toml needs url and pointer"),
            ),
            (
                vec![],
                vec![("DEEPSEEK_API_KEY", "a\nb")],
                Err("the key in DEEPSEEK_API_KEY cannot be sent"),
            ),
        ] {
            match (accounts(&places, &variables), expected) {
                (Ok(got), Ok(expected)) => {
                    let got: Vec<_> =
                        got.iter().map(|(name, ways)| (name.as_str(), *ways)).collect();
                    assert_eq!(got, expected, "{places:?}");
                }
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (got, expected) => panic!("{places:?}: {got:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_key_shows_nowhere() {
        let settings = crate::api::tests::settings();
        let sources =
            sources(&settings, &BTreeMap::new(), |_| Some("sk-secret".to_owned())).unwrap().0;
        assert!(!sources.is_empty() && !format!("{sources:?}").contains("sk-secret"));
    }
}
