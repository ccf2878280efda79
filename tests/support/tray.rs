//! A desktop's panel: tray icons register with it, and it reads and presses what they show.
#![allow(clippy::needless_pass_by_value, reason = "what the interface macro hands over")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use zbus::connection::Builder;
use zbus::message::Header;
use zbus::{Connection, ObjectPath, OwnedObjectPath, OwnedVariant, Variant, block_on, interface};

use crate::desktop::Display;
use crate::wait::eventually;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// A panel on the display's session bus.
#[derive(Debug)]
pub struct Panel {
    bus: Connection,
    registered: Registered,
}

/// The icon of one program.
#[derive(Debug)]
pub struct TrayIcon {
    bus: Connection,
    owner: String,
    path: OwnedObjectPath,
}

/// A row of an icon's menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, which another row never gets.
    pub id: i32,
    /// What it says; a separator says nothing.
    pub label: String,
    /// Whether it can be pressed.
    pub is_enabled: bool,
    /// Whether it has a check mark; `None` where it never has.
    pub is_checked: Option<bool>,
}

/// Who registered, and the object that is the icon.
type Registered = Arc<Mutex<Vec<(String, String)>>>;

struct Watcher(Registered);

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: Header<'_>) {
        let owner = header.sender().unwrap().to_string();
        self.0.lock().unwrap().push((owner, service));
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

impl Panel {
    /// Starts one.
    ///
    /// # Panics
    /// When the bus does not have it.
    #[must_use]
    pub fn start(display: &Display) -> Panel {
        let registered = Registered::default();
        let address = display.variable("DBUS_SESSION_BUS_ADDRESS");
        let watcher = Watcher(registered.clone());
        let bus = Builder::address(address.as_str())
            .serve_at("/StatusNotifierWatcher", watcher)
            .name(WATCHER);
        Panel { bus: block_on(bus.build()).unwrap(), registered }
    }

    /// The icon that registered first.
    ///
    /// # Panics
    /// When none does.
    #[must_use]
    pub fn icon(&self) -> TrayIcon {
        let (owner, path) = eventually("an icon is in the tray", || {
            self.registered.lock().unwrap().first().cloned()
        });
        TrayIcon { bus: self.bus.clone(), owner, path: path.try_into().unwrap() }
    }
}

impl TrayIcon {
    /// The text beside the icon.
    #[must_use]
    pub fn label(&self) -> String {
        self.property("XAyatanaLabel").try_into().unwrap()
    }

    /// The picture's file.
    #[must_use]
    pub fn picture(&self) -> PathBuf {
        String::try_from(self.property("IconName")).unwrap().into()
    }

    /// The menu's rows from top to bottom.
    #[must_use]
    pub fn menu(&self) -> Vec<Row> {
        type Node = (i32, HashMap<String, OwnedVariant>, Vec<OwnedVariant>);
        let nothing: Vec<&str> = Vec::new();
        let answer = self.call(self.menu_path(), MENU, "GetLayout", &(0_i32, -1_i32, nothing));
        let (_, root): (u32, Node) = answer.body().deserialize().unwrap();
        let rows = root.2.into_iter().map(|row| {
            let (id, mut properties, _): Node = row.try_into().unwrap();
            let mut taken = |name| properties.remove(name);
            Row {
                id,
                label: taken("label").map_or_else(String::new, |text| text.try_into().unwrap()),
                is_enabled: taken("enabled").is_none_or(|value| value.try_into().unwrap()),
                is_checked: taken("toggle-state").map(|state| i32::try_from(state).unwrap() == 1),
            }
        });
        rows.collect()
    }

    /// Waits until a row says what `is` wants, and returns it.
    ///
    /// # Panics
    /// When none does.
    #[must_use]
    pub fn wait_for(&self, what: &str, is: impl Fn(&Row) -> bool) -> Row {
        eventually(what, || self.menu().into_iter().find(&is))
    }

    /// Presses the row that says `label`, once it is there.
    ///
    /// # Panics
    /// When it does not come, or cannot be pressed.
    pub fn press(&self, label: &str) {
        let row = self.wait_for(&format!("the menu has {label:?}"), |row| row.label == label);
        assert!(row.is_enabled, "{label:?} is grey");
        let event = (row.id, "clicked", Variant::from(0_i32), 0_u32);
        self.call(self.menu_path(), MENU, "Event", &event);
    }

    fn menu_path(&self) -> OwnedObjectPath {
        self.property("Menu").try_into().unwrap()
    }

    fn property(&self, name: &str) -> OwnedVariant {
        let interface = "org.freedesktop.DBus.Properties";
        let answer = self.call(self.path.clone(), interface, "Get", &(ITEM, name));
        answer.body().deserialize().unwrap()
    }

    fn call<'p, B>(
        &self,
        path: impl TryInto<ObjectPath<'p>, Error = impl Into<zbus::Error>>,
        interface: &str,
        method: &str,
        body: &B,
    ) -> zbus::Message
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let owner = self.owner.as_str();
        block_on(self.bus.call_method(Some(owner), path, Some(interface), method, body)).unwrap()
    }
}
