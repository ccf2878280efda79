//! The dashboard's files, built into the binary.

use std::borrow::Cow;

use axum::Router;
use axum::extract::OriginalUri;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use rust_embed::RustEmbed;

use super::error::ApiError;
use crate::App;

/// What `npm run build` makes; nothing in a fresh clone.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

/// Vite puts a hash of the content into the names of these, so they never change.
const HASHED: &str = "/assets/";
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
    <title>Outlay</title></head>\n<body>\n<h1>Outlay is running</h1>\n\
    <p>This build has no dashboard in it. From the source folder, \
    <code>cargo xtask run</code> builds and starts one that has.</p>\n\
    <p>Until then <code>outlay status</code> shows the same figures in a terminal.</p>\n\
    </body>\n</html>\n";

pub(super) fn routes() -> Router<App> {
    let files = Files::iter().map(|name| format!("/{name}")).filter(|path| path != "/index.html");
    let router = Router::new().route("/", get(index));
    files.fold(router, |router, path| router.route(&path, get(file)))
}

pub(super) fn serves(path: &str) -> bool {
    path == "/" || path.starts_with(HASHED) || Files::get(name_of(path)).is_some()
}

async fn index(headers: HeaderMap) -> Response {
    match Files::get("index.html") {
        Some(file) => answer("/index.html", file.data, file.metadata.sha256_hash(), &headers),
        None => Html(NOT_BUILT).into_response(),
    }
}

async fn file(OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Response {
    match Files::get(name_of(uri.path())) {
        Some(file) => answer(uri.path(), file.data, file.metadata.sha256_hash(), &headers),
        None => ApiError::not_found("the dashboard has no such file").into_response(),
    }
}

fn name_of(path: &str) -> &str {
    path.trim_start_matches('/')
}

fn answer(path: &str, data: Cow<'static, [u8]>, hash: [u8; 32], asked: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex::encode(&hash[..16]));
    let caching =
        if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(ETAG, etag.clone()), (CACHE_CONTROL, caching.to_owned())];
    if is_known(asked, &etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let kind = match kind.type_().as_str() {
        "text" => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    (headers, [(CONTENT_TYPE, kind)], data).into_response()
}

fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|list| list.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cached_by_their_content() {
        let known = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, text.parse().unwrap());
            headers
        };
        let etag = format!("\"{}\"", "07".repeat(16));
        for (path, asked, status, kind, caching) in [
            ("/index.html", HeaderMap::new(), 200, "text/html; charset=utf-8", "no-cache"),
            ("/favicon.svg", HeaderMap::new(), 200, "image/svg+xml", "no-cache"),
            (
                "/assets/index-a1.js",
                HeaderMap::new(),
                200,
                "text/javascript; charset=utf-8",
                "public, max-age=31536000, immutable",
            ),
            ("/index.html", known("\"other\""), 200, "text/html; charset=utf-8", "no-cache"),
            ("/index.html", known(&format!("\"a\", W/{etag}")), 304, "", "no-cache"),
        ] {
            let answer = answer(path, Cow::Borrowed(b"body"), [7; 32], &asked);
            assert_eq!(answer.status(), status, "{path}");
            let header = |name| {
                answer
                    .headers()
                    .get(name)
                    .map_or("", |value: &http::HeaderValue| value.to_str().unwrap())
            };
            assert_eq!(header(CONTENT_TYPE), kind, "{path}");
            assert_eq!(header(CACHE_CONTROL), caching, "{path}");
            assert_eq!(header(ETAG), etag, "{path}");
        }
    }
}
