//! The configuration file as its user wrote it, changed value by value: comments, order and line ends
//! stay. Nothing is written that the parser would not read.

use std::io::Write;
use std::path::{Path, PathBuf};

use toml_edit::{Array, Document, DocumentMut, Item, Table, TableLike, Value};

use super::notifications::hook;
use super::{Config, ConfigError, variables};
use crate::connect::ConnectError;
use crate::connect::file::Found;
use crate::folders::Folders;

/// The configuration file, to be changed.
#[derive(Debug)]
pub struct Written {
    found: Found,
    /// What it says now.
    before: Config,
    document: DocumentMut,
    /// The document as the writer puts it, to know whether it has changed.
    unchanged: String,
    has_mark: bool,
    has_crlf: bool,
}

/// A value to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Count(u32),
}

/// Why the configuration stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file itself stands in the way.
    #[error(transparent)]
    File(#[from] ConnectError),
    /// It cannot be read as it is.
    #[error(transparent)]
    Broken(ConfigError),
    /// It could not be read any more.
    #[error(transparent)]
    Refused(ConfigError),
    /// Neither an address nor one that is there.
    #[error(
        "'{0}' is no webhook that there is, and no address: write one like https://example.com/hook, with \"slack \" or \"discord \" before one that reads their form"
    )]
    NoWebhook(String),
}

const MARK: char = '\u{feff}';
const NOTIFICATIONS: &str = "notifications";
const WEBHOOK: &str = "webhook";

impl Written {
    /// Reads it; one that is not there says nothing.
    ///
    /// # Errors
    /// One sentence where it is not as it should be.
    pub fn read(folders: &Folders) -> Result<Written, WriteError> {
        let found = Found::read(folders.config())?;
        let text = found.text.clone().unwrap_or_default();
        let before = Config::parse(&text, &found.path, variables()).map_err(WriteError::Broken)?;
        let bare = text.strip_prefix(MARK).unwrap_or(&text);
        // What the parser reads is TOML.
        let document: DocumentMut = bare.parse().unwrap_or_default();
        let unchanged = document.to_string();
        let (has_mark, has_crlf) = (bare.len() < text.len(), bare.contains("\r\n"));
        Ok(Written { found, before, document, unchanged, has_mark, has_crlf })
    }

    /// Sets a value of a section, or of the top.
    pub fn set(&mut self, section: Option<&str>, key: &str, setting: Setting) {
        let value = match setting {
            Setting::Text(text) => Value::from(text),
            Setting::Flag(flag) => Value::from(flag),
            Setting::Count(count) => Value::from(i64::from(count)),
        };
        self.change(section, |table| set(table, key, value));
    }

    /// Takes a value out; comments above it stay.
    pub fn remove(&mut self, section: Option<&str>, key: &str) {
        let path: Vec<&str> = section.into_iter().chain([key]).collect();
        let text = self.document.to_string();
        let span = Document::parse(text.as_str()).ok().and_then(|document| {
            let item = path.iter().try_fold(document.as_item(), |item, key| item.get(key))?;
            let parent = section.and_then(|section| document.get(section));
            // On a line with others it cannot go by its line.
            let is_alone = !parent.is_some_and(Item::is_inline_table);
            item.span().filter(|_| is_alone)
        });
        match span {
            Some(span) => {
                let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
                let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
                let rest = format!("{}{}", &text[..start], &text[end..]);
                self.document = rest.parse().unwrap_or_default();
            }
            None if self.document.contains_key(path[0]) => {
                self.change(section, |table| drop(table.remove(key)));
            }
            None => {}
        }
    }

    /// Sets where alerts are posted: each a whole address, or the name of one that is there
    /// ([`super::Notifications::webhook_names`]) and stays.
    ///
    /// # Errors
    /// Where one is neither.
    pub fn set_webhooks(&mut self, wanted: &[String]) -> Result<(), WriteError> {
        let names = self.before.notifications.webhook_names();
        let array = |item: &Item| item.as_array().cloned();
        let now = self.document.get(NOTIFICATIONS).and_then(|section| array(section.get(WEBHOOK)?));
        let now = now.unwrap_or_default();
        let mut kept = Vec::new();
        let mut added = Vec::new();
        for entry in wanted {
            match names.iter().position(|name| name == entry) {
                Some(index) if !kept.contains(&index) => kept.push(index),
                _ if hook(entry).is_some() => added.push(entry),
                // What looks like an address may be a secret.
                _ if entry.contains("://") => return Err(WriteError::NoWebhook("…".to_owned())),
                _ => return Err(WriteError::NoWebhook(entry.clone())),
            }
        }
        if added.is_empty() && kept.len() == now.len() {
            return Ok(());
        }
        // The white space of a list that goes is not kept.
        let mut array = if kept.is_empty() { Array::new() } else { now };
        for index in (0..array.len()).rev().filter(|index| !kept.contains(index)) {
            array.remove(index);
        }
        added.into_iter().for_each(|address| array.push(address.as_str()));
        self.change(Some(NOTIFICATIONS), |table| set(table, WEBHOOK, Value::Array(array)));
        Ok(())
    }

    /// Writes it, with a copy of what it said in `backup`; what it says then.
    ///
    /// # Errors
    /// The parser's sentence where it would not be understood, else why it cannot be written; the file is
    /// then as it was.
    pub fn write(self, backup: &Path) -> Result<Config, WriteError> {
        if self.document.to_string() == self.unchanged {
            return Ok(self.before);
        }
        let text = self.text();
        let config =
            Config::parse(&text, &self.found.path, variables()).map_err(WriteError::Refused)?;
        if let Some(before) = &self.found.text {
            keep(before, backup).map_err(|source| ConnectError::Unwritable {
                path: PathBuf::from(backup),
                source,
            })?;
        }
        self.found.replace(Some(&text))?;
        Ok(config)
    }

    fn text(&self) -> String {
        let text = self.document.to_string();
        // The writer knows one line end only.
        let text =
            if self.has_crlf { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text };
        if self.has_mark { format!("{MARK}{text}") } else { text }
    }

    /// Changes the top, or a section, which is made at the end where it is not there.
    fn change(&mut self, section: Option<&str>, act: impl FnOnce(&mut dyn TableLike)) {
        let Some(name) = section else { return act(self.document.as_table_mut()) };
        if !self.document.get(name).is_some_and(Item::is_table_like) {
            let mut table = Table::new();
            if !self.document.is_empty() {
                table.decor_mut().set_prefix("\n");
            }
            self.document.insert(name, Item::Table(table));
        }
        if let Some(table) = self.document.get_mut(name).and_then(Item::as_table_like_mut) {
            act(table);
        }
    }
}

fn set(table: &mut dyn TableLike, key: &str, value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

fn keep(text: &str, backup: &Path) -> std::io::Result<()> {
    let folder = backup.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // A temporary file is its user's alone from its beginning.
    let mut file = tempfile::Builder::new().prefix(".outlay-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(backup).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str, act: impl FnOnce(&mut Written)) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("outlay.toml");
        std::fs::write(&file, text).unwrap();
        let folders = Folders::new(Some(folder.path().join("data")), Some(file.clone())).unwrap();
        let mut written = Written::read(&folders).map_err(|error| error.to_string())?;
        act(&mut written);
        let outcome = written.write(&folders.config_before()).map_err(|error| error.to_string());
        let after = std::fs::read_to_string(&file).unwrap();
        match outcome {
            Ok(_) if after != text => {
                assert_eq!(std::fs::read_to_string(folders.config_before()).unwrap(), text);
            }
            Ok(_) => assert!(!folders.config_before().exists()),
            Err(_) => assert_eq!(after, text, "refused, and changed nevertheless"),
        }
        outcome.map(|_| after)
    }

    #[test]
    fn a_value_is_changed_where_it_stands() {
        let strict = |written: &mut Written| {
            written.set(Some("admission"), "strict", Setting::Flag(true));
        };
        for (before, after) in [
            ("", "[admission]\nstrict = true\n"),
            (
                "# mine\ntimezone = 'UTC'  # days\n",
                "# mine\ntimezone = 'UTC'  # days\n\n[admission]\nstrict = true\n",
            ),
            (
                "[admission]\n# why\nstrict  =  false # no\nwait_max = \"1s\"\n\n[loops]\n",
                "[admission]\n# why\nstrict  =  true # no\nwait_max = \"1s\"\n\n[loops]\n",
            ),
            (
                "[admission]\nwait_max = \"1s\"\n\n# the rest\n[loops]\n",
                "[admission]\nwait_max = \"1s\"\nstrict = true\n\n# the rest\n[loops]\n",
            ),
            (
                "admission.wait_max = \"1s\"\n",
                "admission.wait_max = \"1s\"\nadmission.strict = true\n",
            ),
            (
                "admission = { wait_max = \"1s\" }\n",
                "admission = { wait_max = \"1s\" , strict = true }\n",
            ),
            (
                "[admission]\r\nwait_max = \"1s\"\r\n",
                "[admission]\r\nwait_max = \"1s\"\r\nstrict = true\r\n",
            ),
            ("[admission]\nstrict = true", "[admission]\nstrict = true"),
        ] {
            assert_eq!(change(before, strict).as_deref(), Ok(after), "{before}");
        }
    }

    #[test]
    fn a_value_at_the_top_stays_there_and_goes_without_its_comments() {
        let set = |written: &mut Written| {
            written.set(None, "timezone", Setting::Text("Europe/Berlin".to_owned()));
        };
        let after = change("# mine\n[loops]\n", set).unwrap();
        assert!(after.contains("timezone = \"Europe/Berlin\"\n"), "{after}");
        assert!(after.contains("# mine"), "{after}");
        for (before, after) in [
            ("# days\ntimezone = \"UTC\"\nlisten = \"4799\"\n", "# days\nlisten = \"4799\"\n"),
            ("listen = \"4799\"\r\ntimezone = \"UTC\"", "listen = \"4799\"\r\n"),
            ("listen = \"4799\"\n", "listen = \"4799\"\n"),
        ] {
            let removed = change(before, |written| written.remove(None, "timezone"));
            assert_eq!(removed.as_deref(), Ok(after), "{before}");
        }
        let inline = "admission = { strict = true, wait_max = \"1s\" }\n";
        let removed = change(inline, |written| written.remove(Some("admission"), "strict"));
        assert!(removed.as_ref().is_ok_and(|text| text.contains("wait_max")), "{removed:?}");
        assert!(!removed.unwrap().contains("strict"));
    }

    #[test]
    fn what_would_not_be_read_is_not_written() {
        let text = "[notifications]\ndesktop = true\n";
        let error = change(text, |written| {
            let hours = Setting::Text("late".to_owned());
            written.set(Some("notifications"), "quiet_hours", hours);
        });
        assert!(error.unwrap_err().contains("'notifications.quiet_hours'"));
        let broken = change("strict = true\n", |_| {}).unwrap_err();
        assert!(broken.contains("there is no key 'strict'"), "{broken}");
    }

    #[test]
    fn webhooks_are_kept_by_name_and_never_told() {
        let text = "[notifications]\nwebhook = [\n  \"https://a.example/1\", # ops\n  \
                    \"slack https://a.example/2\",\n]\n";
        let with = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&entry| entry.to_owned()).collect();
            let mut told = None;
            let text = change(text, |written| told = written.set_webhooks(&wanted).err());
            told.map_or(text, |error| Err(error.to_string()))
        };
        assert_eq!(with(&["a.example", "a.example 2"]).as_deref(), Ok(text));
        let second = with(&["a.example 2", "discord https://b.example/3"]).unwrap();
        assert!(!second.contains("/1") && second.contains("slack https://a.example/2"), "{second}");
        assert!(second.contains("\"discord https://b.example/3\""), "{second}");
        assert!(with(&[]).unwrap().contains("webhook = []"));
        assert!(with(&["c.example"]).unwrap_err().contains("'c.example'"));
        let secret = with(&["irc https://b.example/secret"]).unwrap_err();
        assert!(!secret.contains("secret"), "{secret}");
    }
}
