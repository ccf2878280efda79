//! The window on the dashboard: one, never leaving it, hidden when closed, and found where it was left.

use std::time::Duration;

use tauri::plugin::TauriPlugin;
use tauri::utils::config::WebviewUrl;
use tauri::webview::{NewWindowResponse, WebviewWindowBuilder};
use tauri::{
    App, AppHandle, Manager, PhysicalPosition, PhysicalSize, WebviewWindow, Window, WindowEvent,
    Wry,
};
use tauri_plugin_window_state::{AppHandleExt, StateFlags};

use crate::options::Options;
use crate::place::{Area, brought_back};
use crate::scheme;

/// The window's label, as tauri.conf.json and the capability have it.
const LABEL: &str = "main";

/// When to look where a window that has just been shown stands.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS: usize = 3;

/// Makes the window that tauri.conf.json describes, on a page where one was asked for.
pub(crate) fn open(app: &App, is_visible: bool, page: Option<&str>) -> tauri::Result<()> {
    let config = app.config().app.windows.iter().find(|window| window.label == LABEL);
    let mut config = config.ok_or(tauri::Error::WindowNotFound)?.clone();
    if let WebviewUrl::External(url) | WebviewUrl::CustomProtocol(url) = &mut config.url {
        url.set_fragment(page);
    }
    let window = WebviewWindowBuilder::from_config(app, &config)?
        .visible(false)
        .on_navigation(scheme::is_own)
        .on_new_window(|_address, _features| NewWindowResponse::Deny)
        .build()?;
    // By now it has the size and place that it had: nobody sees it jump there.
    if is_visible { window.show() } else { Ok(()) }
}

/// Brings the window to the front, from wherever it is.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    // Each fails only while the app is ending.
    let _ = window.unminimize();
    let _ = window.show();
    let _ = window.set_focus();
    // The screen that it was on may be gone.
    bring_back_soon(app);
}

/// Shows a page (`/calls/<id>`), as a click on its link does: only what is behind `#` differs, so
/// nothing is loaded anew, and the page needs no right to listen.
pub(crate) fn go(app: &AppHandle, page: &str) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Ok(mut url) = window.url()
        && url.fragment() != Some(page)
    {
        url.set_fragment(Some(page));
        let _ = window.navigate(url);
    }
    show(app);
}

/// Closing the window leaves the proxy running, with the tray as the way back.
pub(crate) fn keep_when_closed(window: &Window, event: &WindowEvent) {
    if let WindowEvent::CloseRequested { api, .. } = event
        && window.hide().is_ok()
    {
        api.prevent_close();
        // Whatever ends the app later: where the window stood is kept. It is no loss if not.
        let _ = window.app_handle().save_window_state(KEPT);
    }
}

/// What is kept of the window between two starts.
const KEPT: StateFlags = StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED);

/// Keeps size and place of the window between two starts, in Outlay's own folder where there is one.
pub(crate) fn keeper(options: &Options) -> TauriPlugin<Wry> {
    let keeper = tauri_plugin_window_state::Builder::new().with_state_flags(KEPT);
    match options.folders() {
        Ok(folders) => keeper.with_filename(folders.window().to_string_lossy()).build(),
        // The window will say that there is no place for anything.
        Err(_) => keeper.build(),
    }
}

/// Brings the window back where its user could not reach it, once it stands: before, nobody knows
/// where that is.
pub(crate) fn bring_back_soon(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK_EVERY).await;
            let window = app.get_webview_window(LABEL);
            if let Some(window) = window.filter(|window| window.is_visible().unwrap_or(false)) {
                bring_back(&window);
            }
        }
    });
}

fn bring_back(window: &WebviewWindow) {
    let (Ok(position), Ok(size)) = (window.outer_position(), window.outer_size()) else { return };
    let area = |position: PhysicalPosition<i32>, size: PhysicalSize<u32>| Area {
        x: position.x,
        y: position.y,
        width: size.width,
        height: size.height,
    };
    let screens: Vec<Area> = window
        .available_monitors()
        .unwrap_or_default()
        .iter()
        .map(|screen| screen.work_area())
        .map(|screen| area(screen.position, screen.size))
        .collect();
    if let Some(place) = brought_back(area(position, size), &screens) {
        // Each fails only while the app is ending.
        let _ = window.set_size(PhysicalSize::new(place.width, place.height));
        let _ = window.set_position(PhysicalPosition::new(place.x, place.y));
    }
}
