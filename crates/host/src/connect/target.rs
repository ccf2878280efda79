//! Where tools are to send their calls: the proxy, and the way to each provider there.

use std::net::SocketAddr;

use url::Url;

/// A proxy, and the providers behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    base: String,
    upstreams: Vec<(String, Url)>,
}

/// Not ours to send elsewhere: it costs nothing where it is, or owes nothing per call.
const LEFT_ALONE: [&str; 2] = ["ollama", "chatgpt"];

impl Target {
    /// The proxy at `address`; `upstreams` are the providers' names and base URLs, as configured.
    #[must_use]
    pub fn new(address: SocketAddr, upstreams: impl IntoIterator<Item = (String, Url)>) -> Target {
        let mut upstreams: Vec<(String, Url)> = upstreams.into_iter().collect();
        upstreams.retain(|(name, _)| !LEFT_ALONE.contains(&name.as_str()));
        // The longest path first: it is the nearest.
        upstreams.sort_by(|(a, a_url), (b, b_url)| {
            b_url.path().len().cmp(&a_url.path().len()).then(a.cmp(b))
        });
        Target { base: base(address), upstreams }
    }

    /// `http://127.0.0.1:4780`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The base URL of a provider here; `path` is what its clients have behind its host.
    pub(super) fn of(&self, provider: &str, path: &str) -> String {
        format!("{}/{provider}{path}", self.base)
    }

    /// The way here to what is there now; `None` where no provider of ours is behind that address.
    pub(super) fn mapped(&self, address: &str) -> Option<String> {
        if self.has(address) {
            return Some(address.to_owned());
        }
        let url = Url::parse(address.trim()).ok()?;
        let (name, rest) = self.upstreams.iter().find_map(|(name, upstream)| {
            let is_there = url.scheme() == upstream.scheme()
                && url.host_str() == upstream.host_str()
                && url.port_or_known_default() == upstream.port_or_known_default()
                && url.username().is_empty()
                && url.query().is_none();
            let rest = url.path().strip_prefix(upstream.path().trim_end_matches('/'))?;
            (is_there && (rest.is_empty() || rest.starts_with('/'))).then_some((name, rest))
        })?;
        Some(self.of(name, rest.trim_end_matches('/')))
    }

    /// Whether the address is one of this proxy's, whatever project stands in its path.
    pub(super) fn has(&self, address: &str) -> bool {
        address.strip_prefix(&self.base).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// How tools call a proxy at that address.
pub(super) fn base(address: SocketAddr) -> String {
    format!("http://{}", crate::running::reachable(address))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A proxy with the providers that these tests name.
    pub(in crate::connect) fn target() -> Target {
        let upstreams = [
            ("openai", "https://api.openai.com"),
            ("anthropic", "https://api.anthropic.com"),
            ("openrouter", "https://openrouter.ai"),
            ("work", "https://llm.example.com/gateway/"),
            ("ollama", "http://127.0.0.1:11434"),
        ];
        let upstreams = upstreams.map(|(name, url)| (name.to_owned(), Url::parse(url).unwrap()));
        Target::new("127.0.0.1:4780".parse().unwrap(), upstreams)
    }

    #[test]
    fn addresses_have_a_way_here() {
        for (address, expected) in [
            ("https://api.openai.com/v1", Some("http://127.0.0.1:4780/openai/v1")),
            ("https://api.openai.com/v1/", Some("http://127.0.0.1:4780/openai/v1")),
            ("https://api.anthropic.com", Some("http://127.0.0.1:4780/anthropic")),
            ("https://openrouter.ai/api/v1", Some("http://127.0.0.1:4780/openrouter/api/v1")),
            ("https://llm.example.com/gateway/v1", Some("http://127.0.0.1:4780/work/v1")),
            ("https://llm.example.com/gateways", None),
            ("https://llm.example.com/", None),
            ("http://api.openai.com/v1", None),
            ("https://me:pw@api.openai.com/v1", None),
            ("http://127.0.0.1:11434/v1", None),
            ("http://127.0.0.1:4780/p/x/openai/v1", Some("http://127.0.0.1:4780/p/x/openai/v1")),
            ("http://127.0.0.1:47800/openai/v1", None),
            ("nonsense", None),
        ] {
            assert_eq!(target().mapped(address).as_deref(), expected, "{address}");
        }
    }
}
