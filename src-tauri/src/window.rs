//! The window on the dashboard: one, never leaving it, hidden when closed.

use tauri::webview::{NewWindowResponse, WebviewWindowBuilder};
use tauri::{App, AppHandle, Manager, Window, WindowEvent};

use crate::scheme;

/// The window's label, as tauri.conf.json and the capability have it.
const LABEL: &str = "main";

/// Makes the window that tauri.conf.json describes.
pub(crate) fn open(app: &App, is_visible: bool) -> tauri::Result<()> {
    let config = app.config().app.windows.iter().find(|window| window.label == LABEL);
    let config = config.ok_or(tauri::Error::WindowNotFound)?;
    WebviewWindowBuilder::from_config(app, config)?
        .visible(is_visible)
        .on_navigation(scheme::is_own)
        .on_new_window(|_address, _features| NewWindowResponse::Deny)
        .build()?;
    Ok(())
}

/// Brings the window to the front, from wherever it is.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    // Each fails only while the app is ending.
    let _ = window.unminimize();
    let _ = window.show();
    let _ = window.set_focus();
}

/// Closing the window leaves the proxy running, with the tray as the way back.
pub(crate) fn keep_when_closed(window: &Window, event: &WindowEvent) {
    if let WindowEvent::CloseRequested { api, .. } = event
        && window.hide().is_ok()
    {
        api.prevent_close();
    }
}
