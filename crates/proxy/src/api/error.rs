//! How the API says that something went wrong: `{"error": CODE, "message": SENTENCE}`.

use axum::Json;
use axum::extract::OriginalUri;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use outlay_core::ledger::LedgerError;
use serde_json::json;

use crate::machine::MachineError;

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> ApiError {
        ApiError { status, code, message: message.into() }
    }

    /// The request makes no sense.
    pub(super) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// What was asked for is not there.
    pub(super) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Neither the token nor a bearer of ours.
    pub(super) fn unauthorized(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// Something here broke.
    pub(super) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "message": self.message });
        (self.status, Json(body)).into_response()
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> ApiError {
        let (status, code) = match &error {
            LedgerError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            LedgerError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            LedgerError::Busy { .. } | LedgerError::Closed => {
                (StatusCode::SERVICE_UNAVAILABLE, "ledger_busy")
            }
            LedgerError::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            LedgerError::DiskFailed { .. }
            | LedgerError::NotWritable { .. }
            | LedgerError::NewerFormat { .. }
            | LedgerError::Corrupt { .. }
            | LedgerError::Failed { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "ledger_failed"),
        };
        ApiError::new(status, code, error.to_string())
    }
}

impl From<MachineError> for ApiError {
    fn from(error: MachineError) -> ApiError {
        match error {
            MachineError::Invalid(sentence) => ApiError::invalid(sentence),
            MachineError::NotFound(sentence) => ApiError::not_found(sentence),
            MachineError::Conflict(sentence) => {
                ApiError::new(StatusCode::CONFLICT, "conflict", sentence)
            }
            MachineError::Failed(sentence) => ApiError::internal(sentence),
            MachineError::Ledger(error) => error.into(),
        }
    }
}

pub(super) async fn no_such_route(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::not_found(format!(
        "there is nothing at {}: /api/v1/openapi.json lists what there is",
        uri.path()
    ))
}

pub(super) async fn no_such_method(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{} does not understand {method}: the Allow header names what it does", uri.path()),
    )
}
