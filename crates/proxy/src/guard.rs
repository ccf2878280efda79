//! Who may ask at all: programs of this machine, and pages that we served.
//!
//! A web page elsewhere can make the user's browser send requests here. It betrays itself by the
//! Host it called (DNS rebinding), its Origin, or `Sec-Fetch-Site`; all three are checked on every
//! route.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderMap, ORIGIN};
use http::uri::Authority;

/// Why a request is turned away, with status 403.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No Host, or more than one, or one that is no host.
    #[error("Outlay: the request names no host, so it is turned away: send one Host header")]
    NoHost,
    /// Called by a name that is not this machine's.
    #[error(
        "Outlay: called as '{host}', which is not this machine's loopback name and port: use http://127.0.0.1:{port}, or add the host to allowed_hosts in outlay.toml"
    )]
    ForeignHost {
        /// What was called.
        host: String,
        /// Our port.
        port: u16,
    },
    /// Sent by a page of somebody else's.
    #[error("Outlay: a page of '{0}' may not ask here: only Outlay's own dashboard may")]
    ForeignOrigin(String),
    /// Sent by a page of somebody else's, the browser says.
    #[error("Outlay: a page of another site may not ask here: only Outlay's own dashboard may")]
    CrossSite,
}

impl Denial {
    /// The code in `error`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Denial::NoHost | Denial::ForeignHost { .. } => "foreign_host",
            Denial::ForeignOrigin(_) | Denial::CrossSite => "foreign_origin",
        }
    }
}

/// Looks at who asks. `target` is the authority of the request's target, where it has one.
///
/// # Errors
/// One sentence for the caller.
pub fn check(
    headers: &HeaderMap,
    target: Option<&Authority>,
    address: SocketAddr,
    allowed_hosts: &[String],
) -> Result<(), Denial> {
    let rule = Rule { port: address.port(), allowed_hosts, own_names: true };
    rule.check(headers, target)
}

/// As [`check`], of who asks over the network: from there this machine's loopback names are forged.
///
/// # Errors
/// One sentence for the caller.
pub fn check_remote(
    headers: &HeaderMap,
    target: Option<&Authority>,
    address: SocketAddr,
    allowed_hosts: &[String],
) -> Result<(), Denial> {
    let rule = Rule { port: address.port(), allowed_hosts, own_names: false };
    rule.check(headers, target)
}

struct Rule<'a> {
    port: u16,
    allowed_hosts: &'a [String],
    /// Whether loopback names are ours.
    own_names: bool,
}

impl Rule<'_> {
    fn check(&self, headers: &HeaderMap, target: Option<&Authority>) -> Result<(), Denial> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next(), target) {
            (Some(host), None, _) => host.to_str().map_err(|_| Denial::NoHost)?,
            (None, None, Some(target)) => target.as_str(),
            _ => return Err(Denial::NoHost),
        };
        for host in [Some(host), target.map(Authority::as_str)].into_iter().flatten() {
            if !self.allows(host, 80) {
                return Err(Denial::ForeignHost { host: shown(host), port: self.port });
            }
        }
        for origin in headers.get_all(ORIGIN) {
            let text = origin.to_str().unwrap_or_default();
            if !self.allows_origin(text) {
                return Err(Denial::ForeignOrigin(shown(text)));
            }
        }
        let is_cross_site = |value: &http::HeaderValue| {
            value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"cross-site")
        };
        if headers.get_all("sec-fetch-site").iter().any(is_cross_site) {
            return Err(Denial::CrossSite);
        }
        Ok(())
    }

    fn allows(&self, host: &str, default_port: u16) -> bool {
        let Some((name, port)) = split(host) else { return false };
        let is_ours =
            self.own_names && port.unwrap_or(default_port) == self.port && is_loopback(&name);
        is_ours
            || self.allowed_hosts.iter().filter_map(|allowed| split(allowed)).any(
                |(allowed, allowed_port)| {
                    allowed == name && (allowed_port.is_none() || allowed_port == port)
                },
            )
    }

    fn allows_origin(&self, origin: &str) -> bool {
        match origin.split_once("://") {
            Some(("http", host)) => self.allows(host, 80),
            // Behind a TLS terminator that was allowed by name.
            Some(("https", host)) => {
                split(host).is_some_and(|(name, _)| !is_loopback(&name)) && self.allows(host, 443)
            }
            _ => false,
        }
    }
}

/// Name (lower case, without brackets and a closing dot) and port.
fn split(host: &str) -> Option<(String, Option<u16>)> {
    let host = host.trim();
    let (name, rest) = match host.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        Some(_) => return None,
        None if rest.is_empty() => None,
        None => return None,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (!name.is_empty()).then_some((name, port))
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a stranger sent, short enough for a sentence.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn verdict(rows: &[(&'static str, &str)], target: Option<&str>) -> &'static str {
        let mut headers = HeaderMap::new();
        for (name, value) in rows {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let target: Option<Authority> = target.map(|target| target.parse().unwrap());
        let address = "127.0.0.1:4780".parse().unwrap();
        let allowed = ["box.lan".to_owned(), "llm.example.com:8443".to_owned()];
        match check(&headers, target.as_ref(), address, &allowed) {
            Ok(()) => "ok",
            Err(denial) => denial.code(),
        }
    }

    #[test]
    fn over_the_network_only_the_names_that_were_allowed_count() {
        for (host, expected) in [
            ("box.lan", "ok"),
            ("llm.example.com:8443", "ok"),
            ("127.0.0.1:4780", "foreign_host"),
            ("localhost:4780", "foreign_host"),
            ("192.168.1.5:4780", "foreign_host"),
        ] {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            let address = "0.0.0.0:4780".parse().unwrap();
            let allowed = ["box.lan".to_owned(), "llm.example.com:8443".to_owned()];
            let denial = check_remote(&headers, None, address, &allowed).err();
            assert_eq!(denial.map_or("ok", |denial| denial.code()), expected, "{host}");
        }
    }

    #[test]
    fn hosts() {
        for (host, expected) in [
            ("127.0.0.1:4780", "ok"),
            ("localhost:4780", "ok"),
            ("LOCALHOST:4780", "ok"),
            ("localhost.:4780", "ok"),
            ("127.8.9.10:4780", "ok"),
            ("[::1]:4780", "ok"),
            ("box.lan", "ok"),
            ("box.lan:99", "ok"),
            ("llm.example.com:8443", "ok"),
            ("llm.example.com", "foreign_host"),
            ("127.0.0.1", "foreign_host"),
            ("127.0.0.1:4781", "foreign_host"),
            ("127.0.0.1:04780x", "foreign_host"),
            ("127.0.0.1:+4780", "foreign_host"),
            ("[::1:4780", "foreign_host"),
            ("[::1]4780", "foreign_host"),
            ("192.168.1.5:4780", "foreign_host"),
            ("localhost.evil.example:4780", "foreign_host"),
            ("evil.example:4780", "foreign_host"),
            ("127.0.0.1:4780@evil.example", "foreign_host"),
            ("", "foreign_host"),
        ] {
            assert_eq!(verdict(&[("host", host)], None), expected, "{host}");
        }
        assert_eq!(verdict(&[], None), "foreign_host");
        let twice = [("host", "127.0.0.1:4780"), ("host", "127.0.0.1:4780")];
        assert_eq!(verdict(&twice, None), "foreign_host");
        for (target, expected) in [("127.0.0.1:4780", "ok"), ("evil.example", "foreign_host")] {
            assert_eq!(verdict(&[("host", "127.0.0.1:4780")], Some(target)), expected, "{target}");
            assert_eq!(verdict(&[], Some(target)), expected, "{target}");
        }
    }

    #[test]
    fn origins() {
        for (origin, expected) in [
            ("http://127.0.0.1:4780", "ok"),
            ("http://localhost:4780", "ok"),
            ("http://box.lan:4780", "ok"),
            ("https://box.lan", "ok"),
            ("https://127.0.0.1:4780", "foreign_origin"),
            ("http://localhost:3000", "foreign_origin"),
            ("https://evil.example", "foreign_origin"),
            ("null", "foreign_origin"),
            ("", "foreign_origin"),
        ] {
            let headers = [("host", "127.0.0.1:4780"), ("origin", origin)];
            assert_eq!(verdict(&headers, None), expected, "{origin}");
        }
        for (site, expected) in [
            ("none", "ok"),
            ("same-origin", "ok"),
            ("cross-site", "foreign_origin"),
            ("Cross-Site", "foreign_origin"),
        ] {
            let headers = [("host", "127.0.0.1:4780"), ("sec-fetch-site", site)];
            assert_eq!(verdict(&headers, None), expected, "{site}");
        }
    }
}
