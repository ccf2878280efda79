//! `[notifications]`: how alerts reach the user.

use super::ConfigError;
use super::section::Section;
use crate::notify::{Form, Hook};
use crate::quiet::QuietHours;

/// How alerts reach the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notifications {
    /// Whether they are shown on the desktop.
    pub desktop: bool,
    /// When only critical ones are told.
    pub quiet_hours: Option<QuietHours>,
    /// Where they are posted.
    pub webhooks: Vec<Hook>,
    /// What is run for them.
    pub command: Option<String>,
}

impl Default for Notifications {
    fn default() -> Notifications {
        Notifications { desktop: true, quiet_hours: None, webhooks: Vec::new(), command: None }
    }
}

impl Notifications {
    /// What its webhooks are called: by their hosts, as the rest may be a secret.
    #[must_use]
    pub fn webhook_names(&self) -> Vec<String> {
        let name = |(index, hook): (usize, &Hook)| {
            let earlier = &self.webhooks[..index];
            match earlier.iter().filter(|other| other.host() == hook.host()).count() {
                0 => hook.host().to_owned(),
                same => format!("{} {}", hook.host(), same + 1),
            }
        };
        self.webhooks.iter().enumerate().map(name).collect()
    }
}

pub(super) fn read(mut section: Section) -> Result<Notifications, ConfigError> {
    let mut read = Notifications::default();
    if let Some(desktop) = section.flag("desktop")? {
        read.desktop = desktop;
    }
    if let Some(hours) = section.text("quiet_hours")?.filter(|text| !text.is_empty()) {
        let parsed = QuietHours::parse(&hours);
        let wanted = "write it like \"22:00-07:00\"";
        read.quiet_hours = Some(section.value("quiet_hours", &hours, parsed, wanted)?);
    }
    let wanted = "write a list of addresses, like [\"https://example.com/hook\"], with \"slack \" or \
                  \"discord \" before one that reads their form";
    for text in section.secret_texts("webhook", wanted)?.unwrap_or_default() {
        let Some(hook) = hook(&text) else {
            // An address may be a secret.
            return Err(section.wrong("webhook", &hidden(&text), wanted));
        };
        read.webhooks.push(hook);
    }
    read.command = section.text("command")?.filter(|line| !line.trim().is_empty());
    section.finish()?;
    Ok(read)
}

/// `https://…`, or `slack https://…`.
pub(super) fn hook(text: &str) -> Option<Hook> {
    match text.trim().split_once(char::is_whitespace) {
        None => Hook::parse(text, None),
        Some((form, url)) => Hook::parse(url, Some(Form::named(form)?)),
    }
}

/// As much of an address as may be shown.
fn hidden(text: &str) -> String {
    text.split_once("://").map_or("…".to_owned(), |(scheme, _)| format!("{scheme}://…"))
}
