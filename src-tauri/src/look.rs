//! What the tray asks of this process: the API's router, the proxy, the system.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tauri::{AppHandle, Manager};
use tauri_plugin_autostart::ManagerExt;
use tower::ServiceExt;

use crate::backend::Backend;
use crate::documents::{Calls, Explanation, State, Status};
use crate::menu::Seen;
use crate::standing::Proxying;

/// So long what the ledger told stands where nothing is written: what only time changes (a new day, the end
/// of a pause) shows this much later at the most.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// What the ledger told last, and when.
#[derive(Debug, Default)]
pub(crate) struct Known(Option<(Instant, Pulse, Told)>);

/// `GET /api/v1/pulse`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
struct Pulse {
    revision: i64,
}

/// The state of things, and what [`needed`] says of it.
type Told = (Option<Status>, Vec<(String, i64)>);

/// Everything at this instant; the ledger is not asked again for what is `known`.
pub(crate) async fn look(app: &AppHandle, known: &mut Known) -> Seen {
    let router = app.state::<Backend>().router();
    let (status, needed) = told(router, known).await;
    Seen {
        status,
        needed,
        proxying: proxying(app).await,
        notice: app.state::<Backend>().notice(),
        starts_at_login: app.autolaunch().is_enabled().ok(),
    }
}

async fn told(router: Router, known: &mut Known) -> Told {
    let pulse: Option<Pulse> = read(router.clone(), "/api/v1/pulse").await;
    if let Some((at, of, told)) = &known.0
        && Some(*of) == pulse
        && at.elapsed() < KNOWN_FOR
    {
        return told.clone();
    }
    let status: Option<Status> = read(router.clone(), "/api/v1/status").await;
    let needed = match &status {
        Some(status) => needed(router, status).await,
        None => Vec::new(),
    };
    let told = (status, needed);
    known.0 = pulse.map(|pulse| (Instant::now(), pulse, told.clone()));
    told
}

/// Who meters calls now.
pub(crate) async fn proxying(app: &AppHandle) -> Proxying {
    let app = app.clone();
    let asked = tokio::task::spawn_blocking(move || app.state::<Backend>().proxying());
    asked.await.unwrap_or(Proxying::Nowhere)
}

/// What the API answers; `None` where it fails.
pub(crate) async fn read<T: DeserializeOwned>(router: Router, path: &str) -> Option<T> {
    let request = Request::get(path).body(Body::empty()).ok()?;
    let (_, body) = answer(router, request).await.ok()?;
    serde_json::from_slice(&body).ok()
}

/// Has the API do something.
///
/// # Errors
/// Its sentence.
pub(crate) async fn send(
    router: Router,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Refused {
        message: String,
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .map_err(|error| error.to_string())?;
    let (is_success, body) = answer(router, request).await?;
    if is_success {
        return Ok(());
    }
    let told = serde_json::from_slice::<Refused>(&body).map(|refused| refused.message);
    Err(told.unwrap_or_else(|_| "Outlay's own API did not answer: quit and start it again".into()))
}

async fn answer(router: Router, request: Request<Body>) -> Result<(bool, Vec<u8>), String> {
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let is_success = response.status().is_success();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok((is_success, body.to_bytes().to_vec()))
}

/// What the last call that each refusing budget refused had needed of it: the refusal offered as
/// much more.
async fn needed(router: Router, status: &Status) -> Vec<(String, i64)> {
    let refusing = status.budgets.iter().filter(|budget| budget.state == State::Blocked);
    let refusing: Vec<&str> = refusing.map(|budget| budget.name.as_str()).collect();
    if refusing.is_empty() {
        return Vec::new();
    }
    let Some(calls) = read::<Calls>(router.clone(), "/api/v1/calls?limit=100").await else {
        return Vec::new();
    };
    let mut needed = Vec::new();
    for name in refusing {
        let refused = |call: &&crate::documents::Call| call.refused_by.as_deref() == Some(name);
        let Some(call) = calls.rows.iter().find(refused) else { continue };
        let path = format!("/api/v1/calls/{}/explanation", call.id);
        let explanation: Option<Explanation> = read(router.clone(), &path).await;
        let count = explanation.and_then(|explanation| explanation.needed(name));
        needed.extend(count.map(|count| (name.to_owned(), count)));
    }
    needed
}
