//! Our own answers, in the caller's dialect: refusals and errors.

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use outlay_core::refusal::Refusal;
use outlay_wire::{Dialect, RefusalFacts};
use serde_json::json;

use crate::headers;

/// An error of ours: status, code, and one sentence that begins with `Outlay`.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// The answer to a call that a limit stops.
pub(crate) fn refused(
    refusal: &Refusal,
    dialect: Dialect,
    status: u16,
    base_url: &str,
) -> Response<Body> {
    let body = outlay_wire::refusal_body(dialect, status, &RefusalFacts::of(refusal, base_url));
    let mut response = json_response(status, body);
    headers::add_no_retry(response.headers_mut());
    headers::add_quota(response.headers_mut(), refusal.standing.as_ref());
    headers::add_call(response.headers_mut(), refusal.call);
    response
}

/// The answer to a request that failed here or on its way.
pub(crate) fn failed(failure: &Failure, dialect: Dialect) -> Response<Body> {
    let Failure { status, code, message } = failure;
    let body = match dialect {
        Dialect::AnthropicMessages => json!({
            "type": "error",
            "error": {"type": anthropic_type(*status), "code": code, "message": message},
            "reason": code,
            "message": message,
        }),
        dialect if dialect.is_gemini() => json!({
            "error": {
                "code": status,
                "message": message,
                "status": google_status(*status),
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": code,
                    "domain": "outlay",
                }],
            },
            "reason": code,
            "message": message,
        }),
        _ => json!({
            "error": {
                "type": openai_type(*status), "code": code, "param": null, "message": message
            },
            "reason": code,
            "message": message,
        }),
    };
    json_response(*status, body.to_string().into_bytes())
}

fn json_response(status: u16, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn openai_type(status: u16) -> &'static str {
    if status >= 500 { "server_error" } else { "invalid_request_error" }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
