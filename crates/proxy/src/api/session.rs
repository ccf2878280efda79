//! How a page gets a bearer, and how a client finds out whom it talks to.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::input::Body;
use crate::App;
use crate::login::{CODE_LIFE, signed};

/// Shorter challenges could be guessed or used again.
const CHALLENGE_BYTES_MIN: usize = 16;
const CHALLENGE_BYTES_MAX: usize = 256;

/// A code for the dashboard's address.
#[derive(Debug, Serialize)]
pub(super) struct Code {
    code: String,
    expires_at: DateTime<Utc>,
}

/// What a page keeps as long as its tab lives.
#[derive(Debug, Serialize)]
pub(super) struct Bearer {
    token: String,
}

/// That the server knows the token.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    proof: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    code: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Challenge {
    challenge: String,
}

/// The hexadecimal HMAC-SHA-256 of a challenge's bytes and the server's address under the token:
/// who can say it knows the token, without showing it. The address keeps a stranger on one port
/// from passing on the answer of the real server on another.
#[must_use]
pub fn proof(token: &str, address: SocketAddr, challenge: &[u8]) -> String {
    signed(token.as_bytes(), &[challenge, address.to_string().as_bytes()]).unwrap_or_default()
}

pub(super) async fn issue_code(State(app): State<App>) -> Result<Json<Code>, ApiError> {
    let now = app.now();
    let code = app.login_codes().issue(now).ok_or_else(|| {
        ApiError::internal("the system has no randomness to offer: no code can be made")
    })?;
    Ok(Json(Code { code, expires_at: now + CODE_LIFE }))
}

pub(super) async fn log_in(State(app): State<App>, body: Body) -> Result<Json<Bearer>, ApiError> {
    let LogIn { code } = body.json()?;
    let token = app.login_codes().trade(&code, app.now()).ok_or_else(|| {
        ApiError::unauthorized(
            "the login code is used, too old or unknown: run outlay dashboard for a new one",
        )
    })?;
    Ok(Json(Bearer { token }))
}

pub(super) async fn prove(State(app): State<App>, body: Body) -> Result<Json<Proof>, ApiError> {
    let Challenge { challenge } = body.json()?;
    let bytes = hex::decode(&challenge)
        .ok()
        .filter(|bytes| (CHALLENGE_BYTES_MIN..=CHALLENGE_BYTES_MAX).contains(&bytes.len()));
    let bytes = bytes.ok_or_else(|| {
        ApiError::invalid(format!(
            "'challenge' is {CHALLENGE_BYTES_MIN} to {CHALLENGE_BYTES_MAX} random bytes in hexadecimal"
        ))
    })?;
    Ok(Json(Proof { proof: proof(&app.settings().token, app.address(), &bytes) }))
}
