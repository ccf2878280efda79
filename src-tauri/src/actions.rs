//! What the menu's items do. Each goes through the API, so that it is in the ledger's history.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use arboard::Clipboard;
use serde_json::{Value, json};
use tauri::{AppHandle, Manager, Url};
use tauri_plugin_autostart::ManagerExt;
use tokio::sync::Notify;

use crate::backend::Backend;
use crate::documents::Calls;
use crate::menu::Action;
use crate::standing::Proxying;
use crate::{dialog, look, quit, updates, window};

/// What actions leave behind.
#[derive(Default)]
pub(crate) struct Actions {
    /// On X11 who copied has to answer those who paste.
    clipboard: Mutex<Option<Clipboard>>,
    is_quitting: AtomicBool,
    /// Something may have changed.
    pub(crate) done: Notify,
}

/// Does it, or says why not.
pub(crate) fn perform(app: &AppHandle, action: Action) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let (what, outcome) = match action {
            Action::Open => return window::show(&app),
            Action::Quit => return leave(&app).await,
            Action::CopyBaseUrl => ("The base URL was not copied", copy(&app).await),
            Action::StartAtLogin => ("Starting at login was not changed", start_at_login(&app)),
            Action::LookForUpdates => ("Outlay was not updated", updates::look(&app).await),
            Action::Pause => ("The limits were not paused", pause(&app).await),
            Action::Resume => ("The limits are still paused", resume(&app).await),
            Action::Allow { by, budget } => ("Nothing was added", allow(&app, &by, &budget).await),
        };
        app.state::<Actions>().done.notify_one();
        if let Err(reason) = outcome {
            dialog::tell(&app, what, &reason).await;
        }
    });
}

async fn pause(app: &AppHandle) -> Result<(), String> {
    send(app, "POST", "/api/v1/bypass", &json!({ "seconds": 3600 })).await
}

async fn resume(app: &AppHandle) -> Result<(), String> {
    send(app, "DELETE", "/api/v1/bypass", &Value::Null).await
}

async fn allow(app: &AppHandle, by: &str, budget: &str) -> Result<(), String> {
    send(app, "POST", &raises_of(budget), &json!({ "by": by })).await
}

/// The path of a budget's raises, whatever its name is.
fn raises_of(budget: &str) -> String {
    let mut url = Url::parse("http://localhost").ok();
    if let Some(mut path) = url.as_mut().and_then(|url| url.path_segments_mut().ok()) {
        path.extend(["api", "v1", "budgets", budget, "raises"]);
    }
    url.map(|url| url.path().to_owned()).unwrap_or_default()
}

async fn send(app: &AppHandle, method: &str, path: &str, body: &Value) -> Result<(), String> {
    look::send(app.state::<Backend>().router(), method, path, body).await
}

async fn copy(app: &AppHandle) -> Result<(), String> {
    let Some(address) = look::proxying(app).await.address() else {
        return Err("no proxy answers: quit and start Outlay again".to_owned());
    };
    let actions = app.state::<Actions>();
    let mut clipboard = actions.clipboard.lock().unwrap_or_else(PoisonError::into_inner);
    let told = |error: arboard::Error| format!("the clipboard did not take it: {error}");
    if clipboard.is_none() {
        *clipboard = Some(Clipboard::new().map_err(told)?);
    }
    match clipboard.as_mut() {
        Some(clipboard) => clipboard.set_text(format!("http://{address}")).map_err(told),
        None => Ok(()),
    }
}

/// The other way from what the system says now.
fn start_at_login(app: &AppHandle) -> Result<(), String> {
    let login = app.autolaunch();
    let changed = match login.is_enabled() {
        Ok(true) => login.disable(),
        Ok(false) => login.enable(),
        Err(error) => Err(error),
    };
    changed.map_err(|error| format!("the system did not allow it: {error}"))
}

/// Ends the app; asks first where that would leave tools without an answer.
async fn leave(app: &AppHandle) {
    let actions = app.state::<Actions>();
    if actions.is_quitting.swap(true, Ordering::Relaxed) {
        return;
    }
    let question = match look::proxying(app).await {
        Proxying::Here(_) => lately(app).await.as_ref().and_then(quit::question),
        Proxying::Elsewhere(_) | Proxying::Nowhere => None,
    };
    let is_sure = match question {
        Some(question) => dialog::ask(app, question).await,
        None => true,
    };
    actions.is_quitting.store(false, Ordering::Relaxed);
    if is_sure {
        app.exit(0);
    }
}

/// The latest calls of the last hour.
async fn lately(app: &AppHandle) -> Option<Calls> {
    let since = (chrono::Utc::now() - quit::LATELY).format("%Y-%m-%dT%H:%M:%SZ");
    let path = format!("/api/v1/calls?since={since}&limit=1000");
    look::read(app.state::<Backend>().router(), &path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_part_of_a_path() {
        for (name, expected) in [
            ("day", "/api/v1/budgets/day/raises"),
            ("my day/../x?y", "/api/v1/budgets/my%20day%2F..%2Fx%3Fy/raises"),
            ("100%", "/api/v1/budgets/100%25/raises"),
        ] {
            assert_eq!(raises_of(name), expected);
        }
    }
}
