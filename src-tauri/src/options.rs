//! What the desktop app is told on its command line.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use outlay_host::folders::{FolderError, Folders};

use crate::link::page_of;

/// The identifier of tauri.conf.json.
const IDENTIFIER: &str = "dev.outlay.desktop";

/// What the command line says; the same as `outlay serve` understands.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "outlay-desktop", version, about = "Outlay's window, tray and proxy")]
pub(crate) struct Options {
    /// Where the ledger is [default: the platform's data folder]
    #[arg(long, env = "OUTLAY_DATA_DIR", value_name = "DIR", hide_env_values = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration file [default: outlay.toml in the platform's config folder]
    #[arg(long, env = "OUTLAY_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where the proxy listens [default: the configuration's, else 127.0.0.1:4780]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Show no window until it is asked for in the tray
    #[arg(long)]
    pub(crate) in_tray: bool,
    /// A page to show: outlay://calls, outlay://budgets/day
    #[arg(value_name = "LINK")]
    pub(crate) link: Option<String>,
}

impl Options {
    /// What another launch was told; `None` where it makes no sense.
    pub(crate) fn of(arguments: Vec<String>) -> Option<Options> {
        Options::try_parse_from(arguments).ok()
    }

    /// The page that was asked for, as [`page_of`] has it.
    pub(crate) fn page(&self) -> Option<String> {
        self.link.as_deref().and_then(page_of)
    }

    /// What the app is told at login: the same, where the session may not have these variables, and
    /// no window that nobody asked for.
    pub(crate) fn at_login(&self) -> Vec<String> {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let path = |name: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!("--{name}={}", absolute(path).display()))
        };
        let listen = self.listen.map(|listen| format!("--listen={listen}"));
        let paths = [path("data-dir", &self.data_dir), path("config", &self.config)];
        let told = paths.into_iter().chain([listen]).flatten();
        std::iter::once("--in-tray".to_owned()).chain(told.map(login_argument)).collect()
    }

    /// The name by which a second launch on the same data folder finds the first.
    pub(crate) fn instance_id(&self) -> String {
        let Some(folder) = &self.data_dir else { return IDENTIFIER.to_owned() };
        let mut hasher = DefaultHasher::new();
        std::path::absolute(folder).unwrap_or_else(|_| folder.clone()).hash(&mut hasher);
        format!("{IDENTIFIER}.data{:016x}", hasher.finish())
    }

    /// # Errors
    /// Where the platform has no place for data.
    pub(crate) fn folders(&self) -> Result<Folders, FolderError> {
        Folders::new(self.data_dir.clone(), self.config.clone())
    }
}

/// An argument as the platform's list of what starts at login wants it: on macOS a list, elsewhere a
/// command line, which the plugin puts together with spaces.
fn login_argument(argument: String) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/:._=-+".contains(c);
    if cfg!(target_os = "macos") || argument.chars().all(is_plain) {
        return argument;
    }
    if cfg!(windows) {
        return format!("\"{argument}\"");
    }
    // The desktop entry specification: quoted, and the file's own escapes once more.
    let mut quoted = String::from("\"");
    for c in argument.chars() {
        match c {
            '"' | '`' | '$' => quoted.push_str("\\\\"),
            '\\' => quoted.push_str("\\\\\\"),
            '%' => quoted.push('%'),
            _ => {}
        }
        quoted.push(c);
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_at_login_is_told_the_same() {
        let options = Options {
            data_dir: Some("/data".into()),
            listen: "127.0.0.1:3".parse().ok(),
            ..Options::default()
        };
        let told = options.at_login();
        assert_eq!(told, ["--in-tray", "--data-dir=/data", "--listen=127.0.0.1:3"]);
        let again = Options::of([vec!["outlay-desktop".to_owned()], told].concat()).unwrap();
        assert!(again.in_tray);
        assert_eq!((again.data_dir, again.listen), (options.data_dir, options.listen));
        assert_eq!(Options::default().at_login(), ["--in-tray"]);
    }

    #[test]
    fn a_link_is_taken_beside_the_rest_and_not_kept() {
        for (words, page) in [
            (&["outlay://calls"][..], Some("/calls")),
            (&["--in-tray", "outlay://budgets/day"], Some("/budgets/day")),
            (&["https://example.com"], None),
            (&[], None),
        ] {
            let words = ["outlay-desktop"].iter().chain(words).map(|&word| word.to_owned());
            let options = Options::of(words.collect()).unwrap();
            assert_eq!(options.page().as_deref(), page);
            assert_eq!(options.at_login(), ["--in-tray"]);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_desktop_entry_reads_its_arguments_back() {
        for (argument, expected) in [
            ("--data-dir=/home/x/.data", "--data-dir=/home/x/.data"),
            ("--data-dir=/my data", "\"--data-dir=/my data\""),
            ("--config=/100%", "\"--config=/100%%\""),
            ("--config=/$x", "\"--config=/\\\\$x\""),
            ("--config=/a\\b", "\"--config=/a\\\\\\\\b\""),
        ] {
            assert_eq!(login_argument(argument.to_owned()), expected, "{argument}");
        }
    }

    #[test]
    fn each_data_folder_has_its_own_instance() {
        let options = |folder: Option<&str>| Options {
            data_dir: folder.map(PathBuf::from),
            ..Options::default()
        };
        let id = |folder| options(folder).instance_id();
        assert_eq!(id(None), IDENTIFIER);
        assert_eq!(id(Some("/a")), id(Some("/a/")));
        assert_ne!(id(Some("/a")), id(Some("/b")));
        assert!(id(Some("/a")).starts_with("dev.outlay.desktop.data"));
    }
}
