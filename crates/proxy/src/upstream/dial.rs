//! Connections to providers: TCP and TLS, through the system's proxy where it names one.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};
use tower::Service;

use super::cause::root_cause;
use super::socks::Socks;

/// How long one may take, shared by the addresses that a name has.
const CONNECT_MAX: Duration = Duration::from_secs(15);
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may stay without an acknowledgement.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

pub(super) type AnyError = Box<dyn Error + Send + Sync>;

/// Where bytes are read and written.
pub(super) trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

/// A connection to a provider.
pub(super) struct Dialed {
    pub(super) io: Box<dyn Io>,
    /// Whether HTTP/2 was agreed on.
    pub(super) is_http2: bool,
    /// Set where a proxy reads the requests and passes them on.
    pub(super) forwarder: Option<Forwarder>,
}

/// A proxy that wants whole addresses.
#[derive(Clone, Debug)]
pub(super) struct Forwarder {
    pub(super) authorization: Option<HeaderValue>,
}

/// Whom to connect to.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// Scheme, host and port.
    pub(super) uri: Uri,
    /// Whether it is on this machine, where no proxy is asked.
    pub(super) is_loopback: bool,
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct Dialer {
    tcp: HttpConnector,
    /// Made at its first use: reading the trusted certificates takes a while.
    outside: OnceCell<Outside>,
}

/// What only providers elsewhere need, and TLS.
#[derive(Debug)]
struct Outside {
    /// With HTTP/2, where the provider has it.
    tls: Arc<ClientConfig>,
    proxy_tls: Arc<ClientConfig>,
    proxies: Matcher,
}

impl Dialer {
    pub(super) fn new() -> Dialer {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
        Dialer { tcp, outside: OnceCell::new() }
    }

    /// Makes what the first connection would have to wait for.
    ///
    /// # Errors
    /// When the system has no trusted certificates.
    pub(super) async fn warm_up(&self) -> Result<(), AnyError> {
        self.outside().await.map(drop)
    }

    async fn outside(&self) -> Result<&Outside, AnyError> {
        // Where nobody waits for the files that are read.
        let make = || async { Ok(tokio::task::spawn_blocking(Outside::new).await??) };
        self.outside.get_or_try_init(make).await
    }

    /// Connects, as far as to where a request can be sent.
    ///
    /// # Errors
    /// Whatever the system, the proxy or TLS says.
    pub(super) async fn dial(&self, to: &Destination) -> Result<Dialed, AnyError> {
        let is_tls = to.uri.scheme_str() == Some("https");
        if to.is_loopback && !is_tls {
            return Ok(plain(self.tcp.clone().call(to.uri.clone()).await?));
        }
        let outside = self.outside().await?;
        if let Some(proxy) = outside.proxies.intercept(&to.uri).filter(|_| !to.is_loopback) {
            let dialed = self.dial_through(&proxy, outside, &to.uri).await;
            return dialed.map_err(|error| through(&proxy, &*error));
        }
        let tcp = self.tcp.clone().call(to.uri.clone()).await?;
        match is_tls {
            true => encrypted(&outside.tls, &to.uri, tcp.into_inner()).await,
            false => Ok(plain(tcp)),
        }
    }

    async fn dial_through(
        &self,
        proxy: &Intercept,
        outside: &Outside,
        to: &Uri,
    ) -> Result<Dialed, AnyError> {
        let is_tls = to.scheme_str() == Some("https");
        let io: Box<dyn Io> = if let Some(socks) = Socks::of(proxy.uri()) {
            Box::new(socks.dial(self.tcp.clone(), proxy, to).await?)
        } else {
            let (tcp, tls) = (self.tcp.clone(), outside.proxy_tls.clone());
            let mut connect =
                tower::service_fn(move |proxy| to_proxy(tcp.clone(), tls.clone(), proxy));
            if !is_tls {
                let io = connect.call(proxy.uri().clone()).await?;
                let authorization = proxy.basic_auth().cloned();
                return Ok(Dialed { forwarder: Some(Forwarder { authorization }), ..plain(io) });
            }
            let mut tunnel = Tunnel::new(proxy.uri().clone(), connect);
            if let Some(authorization) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            tunnel.call(to.clone()).await?
        };
        match is_tls {
            true => encrypted(&outside.tls, to, TokioIo::new(io)).await,
            false => Ok(plain(io)),
        }
    }
}

impl Outside {
    fn new() -> Result<Outside, rustls::Error> {
        let crypto = CryptoProvider::get_default().cloned();
        let crypto = crypto.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
        let verifier = Verifier::new(crypto.clone())?;
        let mut tls = ClientConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let proxy_tls = Arc::new(tls.clone());
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Outside { tls: Arc::new(tls), proxy_tls, proxies: Matcher::from_system() })
    }
}

async fn to_proxy(
    mut tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    proxy: Uri,
) -> Result<Box<dyn Io>, AnyError> {
    let io = tcp.call(proxy.clone()).await?;
    match proxy.scheme_str() {
        Some("https") => Ok(encrypted(&tls, &proxy, io.into_inner()).await?.io),
        _ => Ok(Box::new(io)),
    }
}

/// An error that tells where it happened.
fn through(proxy: &Intercept, error: &(dyn Error + 'static)) -> AnyError {
    let has_user = proxy.basic_auth().is_some() || proxy.raw_auth().is_some();
    let user = if has_user { "" } else { " without a user" };
    let address = proxy.uri().to_string();
    let address = address.trim_end_matches('/');
    format!("through the proxy {address}{user}: {}", root_cause(error)).into()
}

fn plain(io: impl Io + 'static) -> Dialed {
    Dialed { io: Box::new(io), is_http2: false, forwarder: None }
}

async fn encrypted(
    tls: &Arc<ClientConfig>,
    to: &Uri,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Dialed, AnyError> {
    let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned())?;
    let stream = TlsConnector::from(tls.clone()).connect(name, io).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(Dialed { io: Box::new(TokioIo::new(stream)), is_http2, forwarder: None })
}
