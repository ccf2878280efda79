//! Connections through a SOCKS proxy.

use std::error::Error;
use std::net::SocketAddr;

use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

type AnyError = Box<dyn Error + Send + Sync>;

/// Where SOCKS proxies listen whose address names no port.
const PORT: u16 = 1080;

/// Which SOCKS a proxy speaks, and who looks up names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socks {
    is_v4: bool,
    /// Whether names are looked up here, not by the proxy.
    is_local_dns: bool,
}

impl Socks {
    /// By the scheme of the proxy's address; `None` for other proxies.
    pub(super) fn of(proxy: &Uri) -> Option<Socks> {
        let (is_v4, is_local_dns) = match proxy.scheme_str()? {
            "socks4" => (true, true),
            "socks4a" => (true, false),
            "socks5" => (false, true),
            "socks5h" => (false, false),
            _ => return None,
        };
        Some(Socks { is_v4, is_local_dns })
    }

    /// Connects to a provider through the proxy.
    ///
    /// # Errors
    /// When its name is not known here, the proxy cannot be reached, or what the proxy said.
    pub(super) async fn dial(
        self,
        mut tcp: HttpConnector,
        proxy: &Intercept,
        to: &Uri,
    ) -> Result<TokioIo<TcpStream>, AnyError> {
        let to = match self.is_local_dns {
            // The library would look it up where all calls wait for it.
            true => looked_up(to, self.is_v4).await?,
            // And would take port 443 for whatever names none.
            false => at(to, to.host().unwrap_or_default(), port_of(to))?,
        };
        let uri = proxy.uri();
        let uri = at(uri, uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(PORT))?;
        // And would keep to itself why the proxy cannot be reached.
        let mut connection = Some(tcp.call(uri.clone()).await?);
        let connected = tower::service_fn(move |_: Uri| {
            std::future::ready(connection.take().ok_or("it was connected to already"))
        });
        if self.is_v4 {
            return Ok(SocksV4::new(uri, connected).call(to).await?);
        }
        let mut socks = SocksV5::new(uri, connected);
        if let Some((user, password)) = proxy.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        Ok(socks.call(to).await?)
    }
}

/// The same with an address in the place of the name.
async fn looked_up(to: &Uri, is_v4: bool) -> Result<Uri, AnyError> {
    let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
    let mut addresses = tokio::net::lookup_host((host, port_of(to))).await?;
    let address = addresses.find(|address| address.is_ipv4() || !is_v4);
    let address = address.ok_or_else(|| format!("{host} has no address that SOCKS 4 knows"))?;
    let host = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    at(to, &host, address.port())
}

fn at(uri: &Uri, host: &str, port: u16) -> Result<Uri, AnyError> {
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(Authority::try_from(format!("{host}:{port}"))?);
    Ok(Uri::from_parts(parts)?)
}

fn port_of(to: &Uri) -> u16 {
    let usual = if to.scheme_str() == Some("https") { 443 } else { 80 };
    to.port_u16().unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_that_are_looked_up_here_become_addresses() {
        for (to, is_v4, expected) in [
            ("http://localhost/", true, Some("http://127.0.0.1:80/")),
            ("https://localhost/", true, Some("https://127.0.0.1:443/")),
            ("https://localhost:8443/", true, Some("https://127.0.0.1:8443/")),
            ("http://[::1]:9/", false, Some("http://[::1]:9/")),
            ("http://[::1]:9/", true, None),
        ] {
            let found = looked_up(&to.parse().unwrap(), is_v4).await;
            assert_eq!(found.ok().map(|uri| uri.to_string()).as_deref(), expected, "{to}");
        }
    }
}
