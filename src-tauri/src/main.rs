//! Outlay on the desktop: the proxy, a window on the dashboard, and today's spend in the tray.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod actions;
mod backend;
mod dialog;
mod documents;
mod lines;
mod link;
mod look;
mod menu;
mod options;
mod place;
mod quit;
mod scheme;
mod standing;
mod tray;
mod updates;
mod vacancy;
#[cfg(target_os = "linux")]
mod webkit;
mod window;
mod words;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tauri::{App, AppHandle, Manager, RunEvent};

use crate::backend::Backend;
use crate::options::Options;

/// What a notification opens: the page that has it at its top.
const ALERTS: &str = "/alerts";

fn main() -> ExitCode {
    let options = Options::parse();
    if !display_found() {
        eprintln!("outlay-desktop: there is no display for the window: run `outlay serve` instead");
        return ExitCode::FAILURE;
    }
    #[cfg(target_os = "linux")]
    if let Err(reason) = webkit::tell() {
        eprintln!("outlay-desktop: the window takes more memory than it has to: {reason}");
    }
    let builder = tauri::Builder::default();
    // It does nothing until it is asked, and cannot be without an address to ask.
    #[cfg(feature = "updater")]
    let builder = builder.plugin(tauri_plugin_updater::Builder::new().build());
    let app = builder
        .plugin(
            tauri_plugin_single_instance::Builder::new()
                .callback(|app, arguments, _folder| follow(app, Options::of(arguments)))
                .dbus_id(options.instance_id())
                .build(),
        )
        .plugin(
            tauri_plugin_autostart::Builder::new()
                .app_name("Outlay")
                .args(options.at_login())
                .build(),
        )
        .plugin(window::keeper(&options))
        .register_asynchronous_uri_scheme_protocol(scheme::NAME, |context, request, responder| {
            let router = context.app_handle().state::<Backend>().router();
            tauri::async_runtime::spawn(async move {
                responder.respond(scheme::answer(router, request).await);
            });
        })
        .on_window_event(window::keep_when_closed)
        .setup(move |app| Ok(start(app, &options)?))
        .build(tauri::generate_context!());
    match app {
        Ok(app) => {
            app.run(|app, event| on_event(app, &event));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("outlay-desktop: the window could not be made: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What another launch asked of the one that runs.
fn follow(app: &AppHandle, asked: Option<Options>) {
    let asked = asked.unwrap_or_default();
    match asked.page() {
        Some(page) => window::go(app, &page),
        None if asked.in_tray => {}
        None => window::show(app),
    }
}

/// Starts the proxy, then what shows it: the page exists before the window asks for it.
fn start(app: &mut App, options: &Options) -> tauri::Result<()> {
    let handle = app.handle().clone();
    let show = Arc::new(move || window::go(&handle, ALERTS));
    let backend = tauri::async_runtime::block_on(Backend::start(options, show));
    app.manage(backend);
    window::open(app, !options.in_tray, options.page().as_deref())?;
    tray::show(app);
    quit_on_signals(app.handle().clone());
    Ok(())
}

fn on_event(app: &AppHandle, event: &RunEvent) {
    match event {
        RunEvent::Exit => {
            tauri::async_runtime::block_on(app.state::<Backend>().stop());
        }
        RunEvent::Ready => window::bring_back_soon(app),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::show(app),
        // How links come on macOS, also those that started the app.
        #[cfg(target_os = "macos")]
        RunEvent::Opened { urls } => {
            if let Some(page) = urls.iter().find_map(|url| link::page_of(url.as_str())) {
                window::go(app, &page);
            }
        }
        _ => {}
    }
}

/// Ctrl-C in the terminal that started the app ends it as its menu does.
fn quit_on_signals(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        if termination().await.is_ok() {
            app.exit(0);
        }
    });
}

#[cfg(unix)]
async fn termination() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn termination() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// GTK would only panic.
fn display_found() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
