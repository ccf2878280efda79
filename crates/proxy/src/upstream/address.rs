//! Where a request goes, as the caller wrote it.

use http::uri::PathAndQuery;
use url::{Position, Url};

use crate::reply::Failure;

/// An address that is passed on just as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// Scheme, host and port.
    pub(super) origin: String,
    pub(super) target: PathAndQuery,
}

/// The address of `url`, which ends in `path_and_query`, if it is passed on just as it was written.
///
/// # Errors
/// A sentence where it cannot be: a parser would change it (`..`, characters that no URL has).
pub(crate) fn address(url: &str, path_and_query: &str) -> Result<Address, Failure> {
    let found = match is_plain(path_and_query) {
        true => as_written(url),
        false => as_parsed(url, path_and_query),
    };
    found.ok_or_else(|| {
        Failure {
            status: 400,
            code: "bad_path",
            message: "Outlay: this path cannot be passed on unchanged: write it without '..' and with special characters percent-encoded".to_owned(),
        }
    })
}

/// Scheme, host and port of `url`: all before its path.
pub(super) fn origin(url: &str) -> &str {
    let host_at = url.find("://").map_or(0, |at| at + 3);
    let path_at = url[host_at..].find(['/', '?']).map_or(url.len(), |at| host_at + at);
    &url[..path_at]
}

/// Whether no parser would change it, as nearly all paths are: not worth one.
fn is_plain(path_and_query: &str) -> bool {
    let is_kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_~/:@!$&()*+,;=?.".contains(byte);
    path_and_query.bytes().all(|byte| is_kept(&byte)) && !path_and_query.contains("/.")
}

fn as_written(url: &str) -> Option<Address> {
    let origin = origin(url);
    let target = match &url[origin.len()..] {
        target if target.starts_with('/') => target.parse().ok()?,
        query => format!("/{query}").parse().ok()?,
    };
    Some(Address { origin: origin.to_owned(), target })
}

fn as_parsed(url: &str, path_and_query: &str) -> Option<Address> {
    let parsed = Url::parse(url).ok()?;
    let is_same =
        parsed.as_str().ends_with(path_and_query) && parsed.as_str().len() <= url.len() + 1;
    let target = parsed[Position::BeforePath..].parse().ok()?;
    is_same.then(|| Address { origin: origin(url).to_owned(), target })
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
            ("/v1/.well-known/x?a=/../b", true),
            ("/v1/...", true),
            ("", true),
            ("?a=b", true),
            ("/v1/../x", false),
            ("/v1/%2e%2e/x", false),
            ("/v1/./x", false),
            ("/v1/..", false),
            ("/v1/.%2E?x", false),
            ("/v1/\"x\"", false),
            ("/v1\\x", false),
        ] {
            for base in ["https://llm.example.com:8443/gateway", "https://llm.example.com:8443"] {
                let url = format!("{base}{path}");
                let found = address(&url, path);
                assert_eq!(found.is_ok(), expected, "{path}");
                if let Ok(Address { origin, target }) = found {
                    assert_eq!(origin, "https://llm.example.com:8443");
                    let written = url.strip_prefix(&origin).unwrap();
                    let slash = if written.starts_with('/') { "" } else { "/" };
                    assert_eq!(target.as_str(), format!("{slash}{written}"));
                }
            }
        }
    }
}
