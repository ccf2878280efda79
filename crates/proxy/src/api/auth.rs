//! Who may use the API: who knows the token, a page that traded a login code, and the desktop
//! window.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq;

use super::error::ApiError;
use crate::App;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Someone with the token or a bearer.
    Api,
    /// The desktop window. Only the router of the window sets this, never a request.
    Desktop,
}

impl Caller {
    /// The name in a budget's history.
    pub(super) const fn actor(self) -> &'static str {
        match self {
            Caller::Api => "api",
            Caller::Desktop => "desktop",
        }
    }
}

/// Answers 401 unless the caller is trusted or shows the token or a bearer.
pub(super) async fn require(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if request.extensions().get::<Caller>() != Some(&Caller::Desktop) {
        if let Err(error) = check(&app, request.headers()) {
            let mut answer = error.into_response();
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        }
        request.extensions_mut().insert(Caller::Api);
    }
    next.run(request).await
}

fn check(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(shown) = shown(headers) else {
        return Err(ApiError::unauthorized(
            "the API needs its token: send Authorization: Bearer TOKEN or X-API-Key: TOKEN (the file 'token' in the data folder); outlay dashboard opens the dashboard",
        ));
    };
    let is_token: bool = shown.as_bytes().ct_eq(app.settings().token.as_bytes()).into();
    if !shown.is_empty() && (is_token || app.login_codes().is_bearer(shown, app.now())) {
        return Ok(());
    }
    Err(ApiError::unauthorized(
        "that is not the API's token: it is in the file 'token' in the data folder; outlay dashboard opens the dashboard anew",
    ))
}

fn shown(headers: &HeaderMap) -> Option<&str> {
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(token.trim());
    }
    headers.get("x-api-key")?.to_str().ok()
}
