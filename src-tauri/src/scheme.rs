//! The custom URI scheme: the window's requests, answered by the API's router in this process.

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use tauri::Url;
use tauri::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use tauri::http::{Request, Response, StatusCode, Uri};
use tower::ServiceExt;

/// The scheme's name, as tauri.conf.json has it.
pub(crate) const NAME: &str = "outlay-app";

/// What a page in the window may load: itself. The scheme counts as local to Tauri, so no script
/// that is not the dashboard's own may ever run here. Styles may be inline: the page of a failed
/// start brings its own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-src 'none'; \
     object-src 'none'; worker-src 'none'",
);

/// Whether the window may show this address: only the dashboard's own pages.
pub(crate) fn is_own(url: &Url) -> bool {
    match url.scheme() {
        NAME => url.host_str() == Some("localhost"),
        // How Windows spells the same.
        "http" => cfg!(windows) && url.host_str() == Some("outlay-app.localhost"),
        _ => false,
    }
}

/// The router's answer, whole (this scheme does not stream), under our policy.
pub(crate) async fn answer(router: Router, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
    let Ok(request) = without_scheme(request) else {
        return failure(StatusCode::BAD_REQUEST, "the window asked for no valid path");
    };
    let answered = match router.oneshot(request).await {
        Ok(answered) => answered,
        Err(never) => match never {},
    };
    let (mut head, body) = answered.into_parts();
    let Ok(body) = body.collect().await else {
        return failure(StatusCode::BAD_GATEWAY, "the answer broke off: reload the page");
    };
    // Appended, not set: where the router has a policy of its own both hold.
    head.headers.append(CONTENT_SECURITY_POLICY, POLICY);
    Response::from_parts(head, body.to_bytes().to_vec())
}

/// The router knows paths, not `outlay-app://localhost`.
fn without_scheme(request: Request<Vec<u8>>) -> Result<Request<Body>, tauri::http::Error> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = Uri::builder().path_and_query(path).build()?;
    Ok(Request::from_parts(head, Body::from(body)))
}

fn failure(status: StatusCode, sentence: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(sentence.as_bytes().to_vec());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};

    use super::*;

    #[test]
    fn only_the_dashboard_is_its_own() {
        for (address, expected) in [
            ("outlay-app://localhost/", true),
            ("outlay-app://localhost/calls?day=2026-11-21#top", true),
            ("outlay-app://evil.example/", false),
            ("http://outlay-app.localhost/", cfg!(windows)),
            ("http://127.0.0.1:4780/", false),
            ("https://example.com/", false),
            ("tauri://localhost/", false),
            ("file:///etc/passwd", false),
            ("data:text/html,hello", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(is_own(&address.parse().unwrap()), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn the_router_sees_path_query_and_body() {
        let router = Router::new()
            .route("/where", get(|uri: Uri| async move { uri.to_string() }))
            .route("/echo", post(|body: String| async move { body }));
        for (method, address, body, expected) in [
            ("GET", "outlay-app://localhost/where?by=day", "", "/where?by=day"),
            ("POST", "outlay-app://localhost/echo", "{\"a\":1}", "{\"a\":1}"),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(address)
                .body(body.as_bytes().to_vec())
                .unwrap();
            let response = answer(router.clone(), request).await;
            assert_eq!(response.status(), StatusCode::OK, "{address}");
            assert_eq!(response.body().as_slice(), expected.as_bytes(), "{address}");
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        }
    }

    #[tokio::test]
    async fn a_policy_of_the_router_stays() {
        let theirs = HeaderValue::from_static("script-src 'none'");
        let sent = theirs.clone();
        let router = Router::new()
            .route("/", get(|| async move { ([(CONTENT_SECURITY_POLICY, sent)], "page") }));
        let request = Request::builder().uri("outlay-app://localhost/").body(Vec::new()).unwrap();
        let response = answer(router, request).await;
        let policies: Vec<_> = response.headers().get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, [&theirs, &POLICY]);
    }
}
