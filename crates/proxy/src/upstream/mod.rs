//! The way to the providers: one pool of connections, nothing changed on the way.

mod address;
mod answer;
mod cause;
mod dial;
mod host;
mod idle;
mod line;
mod outgoing;
mod socks;

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use http::Response;
use url::Url;

use self::cause::root_cause;
use self::dial::Dialer;
use self::host::{Host, Unanswered};
use crate::dispatch::Dispatch;
use crate::reply::Failure;

pub(crate) use self::address::address;
pub(crate) use self::answer::AnswerBody;
pub(crate) use self::outgoing::Outgoing;

/// How often a request is sent that the provider gives back untouched.
const SENDS_MAX: usize = 3;
/// Silence after which a provider is given up. Models may think for long before they speak.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);

/// The way to the providers: their hosts with their connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    dialer: Dialer,
    /// By scheme, host and port.
    hosts: HashMap<String, Host>,
}

/// A provider's address that nothing can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "base_url '{0}' names no host that can be connected to: write it like https://llm.example.com"
)]
pub struct UpstreamError(String);

/// Why no answer came.
#[derive(Clone, Debug)]
pub(crate) enum SendError {
    /// The request did not leave this machine, or the provider gave it back untouched.
    Unsent(String),
    /// It did, and what came back was no answer.
    NoAnswer(String),
    /// It did, and nothing came back.
    Silence,
}

impl Upstream {
    /// The way to these addresses, and to no others.
    ///
    /// # Errors
    /// When one of them has no host.
    pub(crate) fn new<'a>(
        base_urls: impl IntoIterator<Item = &'a Url>,
    ) -> Result<Upstream, UpstreamError> {
        let host = |url: &Url| {
            let host = Host::of(url).ok_or_else(|| UpstreamError(url.to_string()))?;
            Ok((address::origin(url.as_str()).to_owned(), host))
        };
        let hosts = base_urls.into_iter().map(host).collect::<Result<_, _>>()?;
        Ok(Upstream { dialer: Dialer::new(), hosts })
    }

    /// Makes what the first call to a provider would have to wait for.
    pub(crate) async fn warm_up(&self) {
        if let Err(error) = self.dialer.warm_up().await {
            let cause = root_cause(&*error);
            tracing::warn!(
                "providers cannot be reached ({cause}): install the system's CA certificates"
            );
        }
    }

    /// Sends it and waits for the head of the answer. `dispatch` learns when it leaves.
    pub(crate) async fn send(
        &self,
        mut outgoing: Outgoing,
        dispatch: &Dispatch,
    ) -> Result<Response<AnswerBody>, SendError> {
        let host = self.hosts.get(&outgoing.url.origin);
        let host = host.ok_or_else(|| SendError::Unsent("its address is not known".to_owned()))?;
        let mut sends = 0;
        loop {
            sends += 1;
            let sent = host.send(&self.dialer, &mut outgoing, dispatch);
            let unanswered = match tokio::time::timeout(SILENCE_MAX, sent).await {
                Ok(Ok(answer)) => {
                    dispatch.leaves();
                    return Ok(answer);
                }
                Ok(Err(unanswered)) => unanswered,
                Err(_) => return Err(SendError::Silence),
            };
            return Err(match unanswered {
                Unanswered::Unreached(error) => SendError::Unsent(root_cause(&*error)),
                Unanswered::Untaken(error) => SendError::Unsent(root_cause(&error)),
                Unanswered::Broken(error) if is_given_back(&error) => {
                    if sends < SENDS_MAX {
                        continue;
                    }
                    SendError::Unsent(root_cause(&error))
                }
                Unanswered::Broken(error) if dispatch.left_at().is_none() => {
                    SendError::Unsent(root_cause(&error))
                }
                Unanswered::Broken(error) => SendError::NoAnswer(root_cause(&error)),
            });
        }
    }
}

/// Whether an HTTP/2 provider said that it has not looked at the request: its connection was about
/// to close, or it had enough of them.
fn is_given_back(error: &hyper::Error) -> bool {
    let mut source = error.source();
    while let Some(link) = source {
        if let Some(error) = link.downcast_ref::<h2::Error>() {
            let reason = error.reason();
            return error.is_remote()
                && ((error.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
                    || (error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM)));
        }
        source = link.source();
    }
    false
}

impl SendError {
    /// What the caller is told. `provider` is at `authority`.
    pub(crate) fn failure(&self, provider: &str, authority: &str) -> Failure {
        let (status, code, message) = match self {
            SendError::Unsent(cause) => (
                502,
                "upstream_unreachable",
                format!(
                    "Outlay: {provider} at {authority} cannot be reached ({cause}). Nothing was sent or spent: check the network, or the provider's base_url"
                ),
            ),
            SendError::NoAnswer(cause) => (
                502,
                "upstream_broken",
                format!(
                    "Outlay: {provider} at {authority} took the request and gave no proper answer ({cause}). It may be billed, so it is counted: try again, or see the provider's status page"
                ),
            ),
            SendError::Silence => (
                504,
                "upstream_silent",
                format!(
                    "Outlay: {provider} at {authority} took the request and has been silent for {} minutes. It may be billed, so it is counted: try again, or see the provider's status page",
                    SILENCE_MAX.as_secs() / 60
                ),
            ),
        };
        Failure { status, code, message }
    }
}
