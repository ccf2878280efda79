//! The way to the providers: one pool of connections, nothing changed on the way.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use tokio::sync::OnceCell;
use url::{Host, Url};

use crate::dispatch::Dispatch;
use crate::reply::Failure;

const CONNECT_MAX: Duration = Duration::from_secs(15);
const IDLE_MAX: Duration = Duration::from_secs(90);
/// How often a request is sent that the provider gives back untouched.
const SENDS_MAX: usize = 3;
/// Silence after which a provider is given up. Models may think for long before they speak.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);

/// The way to the providers: clients with their pools of connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// For this machine's own servers.
    loopback: reqwest::Client,
    /// The same, over TLS. Made at its first use: reading the trusted certificates takes a while.
    loopback_tls: OnceCell<reqwest::Client>,
    /// Through the system's proxy, where it has one. Also made at its first use.
    outside: OnceCell<reqwest::Client>,
}

/// No client could be made.
#[derive(Debug, thiserror::Error)]
#[error("no connection to providers can be made ({}): install the system's CA certificates", root_cause(.0))]
pub struct UpstreamError(#[source] reqwest::Error);

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

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
    pub(crate) fn new() -> Result<Upstream, UpstreamError> {
        let loopback = client().no_proxy().tls_certs_only([]).build().map_err(UpstreamError)?;
        Ok(Upstream { loopback, loopback_tls: OnceCell::new(), outside: OnceCell::new() })
    }

    /// Makes what the first call to a provider would have to wait for.
    pub(crate) async fn warm_up(&self) {
        if let Err(error) = self.outside().await {
            tracing::warn!(%error, "providers cannot be reached");
        }
    }

    async fn outside(&self) -> Result<&reqwest::Client, UpstreamError> {
        self.outside.get_or_try_init(|| make(client)).await
    }

    async fn client(&self, url: &Url) -> Result<&reqwest::Client, UpstreamError> {
        match (is_loopback(url), url.scheme()) {
            (true, "http") => Ok(&self.loopback),
            (true, _) => self.loopback_tls.get_or_try_init(|| make(|| client().no_proxy())).await,
            (false, _) => self.outside().await,
        }
    }

    /// Sends it and waits for the head of the answer. `dispatch` learns when it leaves.
    pub(crate) async fn send(
        &self,
        outgoing: Outgoing,
        dispatch: &Dispatch,
    ) -> Result<Response<reqwest::Body>, SendError> {
        let client = self
            .client(&outgoing.url)
            .await
            .map_err(|error| SendError::Unsent(error.to_string()))?;
        let mut sends = 0;
        loop {
            sends += 1;
            let request = outgoing.request(dispatch);
            let error = match tokio::time::timeout(SILENCE_MAX, client.execute(request)).await {
                Ok(Ok(response)) => {
                    dispatch.leaves();
                    return Ok(response.into());
                }
                Ok(Err(error)) => error,
                Err(_) => return Err(SendError::Silence),
            };
            let is_given_back = is_given_back(&error);
            if is_given_back && sends < SENDS_MAX {
                continue;
            }
            let is_unsent = is_given_back || error.is_connect() || dispatch.left_at().is_none();
            let cause = root_cause(&error.without_url());
            return Err(match is_unsent {
                true => SendError::Unsent(cause),
                false => SendError::NoAnswer(cause),
            });
        }
    }
}

impl Outgoing {
    fn request(&self, dispatch: &Dispatch) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        if self.body.is_empty() {
            // Nothing will be asked for.
            dispatch.leaves();
        }
        let may_have_body = matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        if !self.body.is_empty() || may_have_body {
            *request.body_mut() = Some(reqwest::Body::wrap(dispatch.body(self.body.clone())));
        }
        request
    }
}

/// Whether an HTTP/2 provider said that it has not looked at the request: its connection was about
/// to close, or it had enough of them. reqwest sends again by itself only what it can copy, which a
/// body that tells when it leaves is not.
fn is_given_back(error: &reqwest::Error) -> bool {
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

fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .connect_timeout(CONNECT_MAX)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(128)
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(20))
}

/// Makes a client where nobody waits for the files that it reads.
async fn make(
    builder: impl FnOnce() -> reqwest::ClientBuilder + Send + 'static,
) -> Result<reqwest::Client, UpstreamError> {
    let made = tokio::task::spawn_blocking(move || builder().build()).await;
    match made {
        Ok(made) => made.map_err(UpstreamError),
        // Only where the runtime is being shut down.
        Err(_) => client().build().map_err(UpstreamError),
    }
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

/// The address of `url`, if it is passed on just as it was written.
///
/// # Errors
/// A sentence where it cannot be: a parser would change it (`..`, characters that no URL has).
pub(crate) fn address(url: &str, path_and_query: &str) -> Result<Url, Failure> {
    let failure = || {
        Failure {
        status: 400,
        code: "bad_path",
        message: "Outlay: this path cannot be passed on unchanged: write it without '..' and with special characters percent-encoded".to_owned(),
    }
    };
    let parsed = Url::parse(url).map_err(|_| failure())?;
    let is_same = path_and_query.is_empty() || parsed.as_str().ends_with(path_and_query);
    if is_same && parsed.as_str().len() <= url.len() + 1 { Ok(parsed) } else { Err(failure()) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// The last two links of the chain, which say what happened.
fn root_cause(error: &dyn Error) -> String {
    let mut links = vec![error.to_string()];
    let mut source = error.source();
    while let Some(link) = source {
        links.push(link.to_string());
        source = link.source();
    }
    links.dedup();
    let from = links.len().saturating_sub(2).max(1.min(links.len() - 1));
    links[from..].join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_as_written() {
        for (path, expected) in [
            ("/v1/chat/completions", true),
            ("/v1/x%2Fy%3A1?key=a%20b&alt=sse", true),
            ("/v1beta/models/gemini-3:streamGenerateContent", true),
            ("//v1//x/", true),
            ("/v1/x|y", true),
            ("", true),
            ("/v1/../x", false),
            ("/v1/%2e%2e/x", false),
            ("/v1/./x", false),
            ("/v1/\"x\"", false),
            ("/v1\\x", false),
        ] {
            let url = format!("https://llm.example.com/gateway{path}");
            let found = address(&url, path).map(|url| url.as_str().to_owned());
            assert_eq!(found.is_ok(), expected, "{path}");
            if let Ok(found) = found {
                assert_eq!(found, url);
            }
        }
    }

    #[test]
    fn loopbacks_need_no_proxy() {
        for (url, expected) in [
            ("http://127.0.0.1:11434/", true),
            ("http://localhost/", true),
            ("http://[::1]:9/", true),
            ("https://api.openai.com/", false),
            ("http://192.168.0.1/", false),
            ("http://127.example.com/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
