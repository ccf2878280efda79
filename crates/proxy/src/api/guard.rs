//! What holds for every answer: no stranger is answered, and no browser may use an answer for
//! anything but our own pages.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use super::error::ApiError;
use crate::{App, guard};

/// Scripts, styles and pictures from here only, nothing inline, and no frames.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Refuses requests that a page elsewhere made a browser send.
pub(super) async fn turn_strangers_away(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let target = request.uri().authority();
    let allowed = &app.settings().allowed_hosts;
    match guard::check(request.headers(), target, app.address(), allowed) {
        Ok(()) => next.run(request).await,
        Err(denial) => {
            let answer = ApiError::new(StatusCode::FORBIDDEN, denial.code(), denial.to_string());
            answer.into_response()
        }
    }
}

/// Tells browsers what they may do with the answer: as little as the dashboard needs.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}
