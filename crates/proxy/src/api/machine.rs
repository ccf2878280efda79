//! What all routes about the user's machine share: they are answered to the machine itself only, by a
//! process that was given it, and off the threads that answer calls.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::error::ApiError;
use crate::App;
use crate::machine::{Machine, MachineError};

/// A request that came in over the network. Only the server sets this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromAfar;

/// Refuses who asks from another machine: a token that was lent for spending must not change programs.
pub(super) async fn near_only(request: Request, next: Next) -> Response {
    if request.extensions().get::<FromAfar>().is_some() {
        let message = "this is about the machine that Outlay runs on, and is answered there only: \
                       open the dashboard on it";
        return ApiError::new(StatusCode::FORBIDDEN, "not_from_afar", message).into_response();
    }
    next.run(request).await
}

/// Asks the machine where it holds up no call.
pub(super) async fn ask<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&dyn Machine) -> Result<T, MachineError> + Send + 'static,
) -> Result<T, ApiError> {
    let Some(machine) = app.machine() else {
        return Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "no_machine",
            "this proxy ends with the run that it was started for, and changes nothing here: \
             start outlay serve, and ask that",
        ));
    };
    match tokio::task::spawn_blocking(move || question(machine.as_ref())).await {
        Ok(outcome) => outcome.map_err(ApiError::from),
        Err(_) => Err(ApiError::internal("what was asked of this machine broke off: see the log")),
    }
}
