//! The tray: today's spend beside the icon, a menu below it.

use std::time::Duration;

use tauri::image::Image;
use tauri::menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{App, AppHandle, Manager, Wry, include_image};

use crate::actions::{self, Actions};
use crate::backend::Backend;
use crate::look::{Known, look};
use crate::menu::{Action, Entry, Seen, entries};
use crate::standing::{Mood, Standing};
use crate::vacancy::Vacancy;
use crate::window;

/// How often the ledger is looked at: often enough to watch spend grow.
const REFRESH: Duration = Duration::from_secs(2);

/// Puts the icon into the tray and keeps it current for as long as the app runs. The window does not wait
/// for what the icon tells.
pub(crate) fn show(app: &App) {
    app.manage(Actions::default());
    let app = app.handle().clone();
    tauri::async_runtime::spawn(async move {
        let mut known = Known::default();
        let seen = look(&app, &mut known).await;
        match Tray::new(&app, Shown::of(&seen)) {
            Ok(tray) => tray.follow(app, known).await,
            Err(reason) => eprintln!("outlay-desktop: there is no icon in the tray: {reason}"),
        }
    });
}

/// Everything the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    standing: Standing,
    entries: Vec<Entry>,
}

/// The tray with what it shows now.
struct Tray {
    icon: TrayIcon<Wry>,
    rows: Vec<Row>,
    shown: Shown,
}

/// An entry as the platform has it.
enum Row {
    Fixed(PredefinedMenuItem<Wry>),
    Item(MenuItem<Wry>),
    Check(CheckMenuItem<Wry>),
}

impl Shown {
    fn of(seen: &Seen) -> Shown {
        let standing = Standing::new(seen.status.as_ref(), seen.proxying, seen.notice.as_deref());
        let entries = entries(seen, &standing);
        Shown { standing, entries }
    }
}

impl Tray {
    fn new(app: &AppHandle, shown: Shown) -> tauri::Result<Tray> {
        let (menu, rows) = menu(app, &shown.entries)?;
        let mut builder = TrayIconBuilder::with_id("outlay")
            .icon(image(shown.standing.mood))
            .title(&shown.standing.label)
            .tooltip(shown.standing.tooltip())
            .menu(&menu)
            .show_menu_on_left_click(cfg!(not(windows)))
            .on_menu_event(|app, event| {
                if let Some(action) = Action::of_id(event.id().as_ref()) {
                    actions::perform(app, action);
                }
            })
            .on_tray_icon_event(|icon, event| {
                if let TrayIconEvent::DoubleClick { button: MouseButton::Left, .. } = event {
                    window::show(icon.app_handle());
                }
            });
        if let Some(folder) = icon_folder() {
            builder = builder.temp_dir_path(folder);
        }
        Ok(Tray { icon: builder.build(app)?, rows, shown })
    }

    async fn follow(mut self, app: AppHandle, mut known: Known) {
        let mut refresh = tokio::time::interval(REFRESH);
        let mut vacancy = Vacancy::default();
        let actions = app.state::<Actions>();
        refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_pressed = tokio::select! {
                _ = refresh.tick() => false,
                () = actions.done.notified() => true,
            };
            let seen = look(&app, &mut known).await;
            if !is_pressed && vacancy.is_to_end(seen.proxying) {
                app.state::<Backend>().take_over().await;
            }
            let shown = Shown::of(&seen);
            // Where an item was pressed the platform may have changed its check mark by itself.
            // A tray that could not be changed (the app is ending) is tried again.
            if (is_pressed || shown != self.shown) && self.change(&app, &shown).is_ok() {
                self.shown = shown;
            }
        }
    }

    /// Changes what differs; each change is a message to the desktop's panel.
    fn change(&mut self, app: &AppHandle, new: &Shown) -> tauri::Result<()> {
        if new.standing.mood != self.shown.standing.mood {
            self.icon.set_icon(Some(image(new.standing.mood)))?;
        }
        if new.standing.label != self.shown.standing.label {
            self.icon.set_title(Some(&new.standing.label))?;
        }
        if new.standing.tooltip() != self.shown.standing.tooltip() {
            self.icon.set_tooltip(Some(new.standing.tooltip()))?;
        }
        self.change_menu(app, &new.entries)
    }

    fn change_menu(&mut self, app: &AppHandle, new: &[Entry]) -> tauri::Result<()> {
        let old = &self.shown.entries;
        let fits =
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old.can_become(new));
        if !fits {
            let (menu, rows) = menu(app, new)?;
            self.icon.set_menu(Some(menu))?;
            self.rows = rows;
            return Ok(());
        }
        for ((row, old), new) in self.rows.iter().zip(old).zip(new) {
            row.change(old, new)?;
        }
        Ok(())
    }
}

impl Row {
    fn of(app: &AppHandle, entry: &Entry) -> tauri::Result<Row> {
        let none = None::<&str>;
        Ok(match entry {
            Entry::Separator => Row::Fixed(PredefinedMenuItem::separator(app)?),
            Entry::Line(text) => Row::Item(MenuItem::new(app, plain(text), false, none)?),
            Entry::Item { action, text, enabled } => {
                Row::Item(MenuItem::with_id(app, action.id(), plain(text), *enabled, none)?)
            }
            Entry::Check { action, text, checked } => Row::Check(CheckMenuItem::with_id(
                app,
                action.id(),
                plain(text),
                true,
                *checked,
                none,
            )?),
        })
    }

    fn change(&self, old: &Entry, new: &Entry) -> tauri::Result<()> {
        match (self, new) {
            (Row::Check(item), Entry::Check { checked, .. }) => item.set_checked(*checked),
            _ if old == new => Ok(()),
            (Row::Item(item), Entry::Line(text)) => item.set_text(plain(text)),
            (Row::Item(item), Entry::Item { text, enabled, .. }) => {
                item.set_text(plain(text))?;
                item.set_enabled(*enabled)
            }
            _ => Ok(()),
        }
    }

    fn item(&self) -> &dyn IsMenuItem<Wry> {
        match self {
            Row::Fixed(item) => item,
            Row::Item(item) => item,
            Row::Check(item) => item,
        }
    }
}

fn menu(app: &AppHandle, entries: &[Entry]) -> tauri::Result<(Menu<Wry>, Vec<Row>)> {
    let rows: Vec<Row> =
        entries.iter().map(|entry| Row::of(app, entry)).collect::<tauri::Result<_>>()?;
    let items: Vec<&dyn IsMenuItem<Wry>> = rows.iter().map(Row::item).collect();
    let menu = Menu::with_items(app, &items)?;
    Ok((menu, rows))
}

/// A text in which no letter is underlined.
fn plain(text: &str) -> String {
    text.replace('&', "&&")
}

fn image(mood: Mood) -> Image<'static> {
    match mood {
        Mood::Fine => include_image!("src-tauri/icons/tray-fine.png"),
        Mood::Warned => include_image!("src-tauri/icons/tray-warned.png"),
        Mood::Waiting => include_image!("src-tauri/icons/tray-waiting.png"),
        Mood::Refusing => include_image!("src-tauri/icons/tray-refusing.png"),
        Mood::Down => include_image!("src-tauri/icons/tray-down.png"),
    }
}

/// Linux panels read the icon from a file: in the user's own runtime folder, not in a shared one.
fn icon_folder() -> Option<std::path::PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(std::path::PathBuf::from)
        .filter(|folder| folder.is_dir())
        .map(|folder| folder.join("outlay"))
}
