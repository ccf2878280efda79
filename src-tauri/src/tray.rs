//! The tray: today's spend beside the icon, a menu below it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use tauri::image::Image;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{App, AppHandle, Manager, Wry, include_image};
use tower::ServiceExt;

use crate::backend::Backend;
use crate::standing::{Mood, Standing, Status};
use crate::window;

/// How often the ledger is looked at: often enough to watch spend grow.
const REFRESH: Duration = Duration::from_secs(2);

const OPEN: &str = "open";
const QUIT: &str = "quit";

/// Puts the icon into the tray and keeps it current for as long as the app runs.
///
/// # Errors
/// When the platform refuses a menu or an icon.
pub(crate) fn show(app: &App, backend: &Backend) -> tauri::Result<()> {
    let tray = Tray::new(app.handle(), Standing::unknown(), backend.notice())?;
    tauri::async_runtime::spawn(tray.follow(app.handle().clone()));
    Ok(())
}

/// The tray with what it shows now.
struct Tray {
    icon: TrayIcon<Wry>,
    today: MenuItem<Wry>,
    month: MenuItem<Wry>,
    budgets: MenuItem<Wry>,
    shown: Standing,
}

impl Tray {
    fn new(app: &AppHandle, shown: Standing, notice: Option<&str>) -> tauri::Result<Tray> {
        let line = |id: &str, text: &str| MenuItem::with_id(app, id, text, false, None::<&str>);
        let today = line("today", &shown.today)?;
        let month = line("month", &shown.month)?;
        let budgets = line("budgets", &shown.budgets)?;
        let open = MenuItem::with_id(app, OPEN, "Open Outlay", true, None::<&str>)?;
        let quit = MenuItem::with_id(app, QUIT, "Quit Outlay", true, None::<&str>)?;
        let (upper, lower) =
            (PredefinedMenuItem::separator(app)?, PredefinedMenuItem::separator(app)?);
        let menu =
            Menu::with_items(app, &[&today, &month, &budgets, &upper, &open, &lower, &quit])?;
        if let Some(notice) = notice {
            menu.prepend(&line("notice", notice)?)?;
        }
        let mut builder = TrayIconBuilder::with_id("outlay")
            .icon(image(shown.mood))
            .title(&shown.label)
            .tooltip(shown.tooltip())
            .menu(&menu)
            .show_menu_on_left_click(cfg!(not(windows)))
            .on_menu_event(|app, event| match event.id().as_ref() {
                OPEN => window::show(app),
                QUIT => app.exit(0),
                _ => {}
            })
            .on_tray_icon_event(|icon, event| {
                if let TrayIconEvent::DoubleClick { button: MouseButton::Left, .. } = event {
                    window::show(icon.app_handle());
                }
            });
        if let Some(folder) = icon_folder() {
            builder = builder.temp_dir_path(folder);
        }
        Ok(Tray { icon: builder.build(app)?, today, month, budgets, shown })
    }

    async fn follow(mut self, app: AppHandle) {
        let mut refresh = tokio::time::interval(REFRESH);
        refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            refresh.tick().await;
            let status = status(app.state::<Backend>().router()).await;
            let standing = status.as_ref().map_or_else(Standing::unknown, Standing::from);
            // A tray that could not be changed (the app is ending) is tried again.
            if standing != self.shown && self.change(&standing).is_ok() {
                self.shown = standing;
            }
        }
    }

    /// Changes what differs; each change is a message to the desktop's panel.
    fn change(&self, new: &Standing) -> tauri::Result<()> {
        if new.mood != self.shown.mood {
            self.icon.set_icon(Some(image(new.mood)))?;
        }
        self.icon.set_title(Some(&new.label))?;
        self.icon.set_tooltip(Some(new.tooltip()))?;
        self.today.set_text(&new.today)?;
        self.month.set_text(&new.month)?;
        self.budgets.set_text(&new.budgets)
    }
}

/// The API's status; `None` where it fails.
async fn status(router: Router) -> Option<Status> {
    let request = axum::http::Request::get("/api/v1/status").body(Body::empty()).ok()?;
    let response = router.oneshot(request).await.ok()?;
    let body = response.into_body().collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok()
}

fn image(mood: Mood) -> Image<'static> {
    match mood {
        Mood::Fine | Mood::Unknown => include_image!("src-tauri/icons/tray-ok.png"),
        Mood::Warned => include_image!("src-tauri/icons/tray-warned.png"),
        Mood::Blocked => include_image!("src-tauri/icons/tray-blocked.png"),
    }
}

/// Linux panels read the icon from a file: in the user's own runtime folder, not in a shared one.
fn icon_folder() -> Option<std::path::PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(std::path::PathBuf::from)
        .filter(|folder| folder.is_dir())
        .map(|folder| folder.join("outlay"))
}
