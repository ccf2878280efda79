//! The way to the providers.

use std::time::Duration;

/// The way to the providers: one client with its pool of connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Through the system's proxy, where it has one.
    outside: reqwest::Client,
    /// For this machine's own servers.
    loopback: reqwest::Client,
}

/// No client could be made.
#[derive(Debug, thiserror::Error)]
#[error("no connection to providers can be made: {0}; install the system's CA certificates")]
pub struct UpstreamError(#[source] reqwest::Error);

impl Upstream {
    pub(crate) fn new() -> Result<Upstream, UpstreamError> {
        let base = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .tcp_nodelay(true)
                .connect_timeout(Duration::from_secs(10))
                .pool_idle_timeout(Duration::from_secs(60))
        };
        Ok(Upstream {
            outside: base().build().map_err(UpstreamError)?,
            loopback: base().no_proxy().build().map_err(UpstreamError)?,
        })
    }
}
