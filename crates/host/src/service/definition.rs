//! What a service is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::ServiceError;
use crate::folders::Folders;

/// How long running calls may take to end when the service stops: less than what a user's session is
/// given for its end, so that everything is settled by then.
pub const DRAIN: &str = "100s";
/// When the service manager kills it: after the calls' end and their settlement.
pub(super) const STOP_SECONDS: u32 = 110;

/// What a service is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The program.
    pub program: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its environment: names and values.
    pub variables: Vec<(String, String)>,
}

/// A variable that is in force here and that the service does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left(pub String);

/// What changes how Outlay works and is no key; those that end in `_` are the beginnings of names.
const VARIABLES: [&str; 13] = [
    "OUTLAY_UPSTREAM_",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "RUST_LOG",
    "TZ",
];

impl Definition {
    /// The service of this program with the places in force. `named` says whether data folder and
    /// configuration were named, so that the service must be told; `variables` are the environment's.
    #[must_use]
    pub fn new(
        program: PathBuf,
        listen: SocketAddr,
        folders: &Folders,
        named: (bool, bool),
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> (Definition, Vec<Left>) {
        let absolute = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            path.display().to_string()
        };
        let mut kept = Vec::new();
        if named.0 {
            kept.push(("OUTLAY_DATA_DIR".to_owned(), absolute(folders.data())));
        }
        if named.1 {
            kept.push(("OUTLAY_CONFIG".to_owned(), absolute(folders.config())));
        }
        let mut left = Vec::new();
        for (name, value) in variables {
            match fate(&name, &value) {
                Fate::Kept => kept.push((name, value)),
                Fate::Left => left.push(Left(name)),
                Fate::NotOurs => {}
            }
        }
        kept.sort();
        left.sort_by(|a, b| a.0.cmp(&b.0));
        (Definition { program, listen, variables: kept }, left)
    }

    /// The program's path as text.
    pub(super) fn program(&self) -> Result<&str, ServiceError> {
        let unwritable = || ServiceError::Unwritable(format!("'{}'", self.program.display()));
        let text = self.program.to_str().ok_or_else(unwritable)?;
        if text.contains(char::is_control) { Err(unwritable()) } else { Ok(text) }
    }

    /// The environment, where it can be written on a line each.
    pub(super) fn variables(&self) -> Result<&[(String, String)], ServiceError> {
        match self.variables.iter().find(|(_, value)| value.contains(char::is_control)) {
            Some((name, _)) => Err(ServiceError::Unwritable(format!("the value of {name}"))),
            None => Ok(&self.variables),
        }
    }
}

/// What becomes of a variable.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    /// It would be kept, and may have a password in it.
    Left,
    NotOurs,
}

fn fate(name: &str, value: &str) -> Fate {
    let is_ours = VARIABLES
        .iter()
        .any(|known| name == *known || (known.ends_with('_') && name.starts_with(known)));
    let has_password = value.contains('@') || value.contains('?');
    match (is_ours && !value.is_empty(), has_password) {
        (false, _) => Fate::NotOurs,
        (true, true) => Fate::Left,
        (true, false) => Fate::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_and_keys_are_not() {
        for (name, value, expected) in [
            ("OUTLAY_UPSTREAM_OPENAI", "http://127.0.0.1:9", Fate::Kept),
            ("OUTLAY_UPSTREAM_OPENAI", "http://u:secret@127.0.0.1:9", Fate::Left),
            ("HTTPS_PROXY", "http://proxy:3128", Fate::Kept),
            ("HTTPS_PROXY", "http://u:secret@proxy:3128", Fate::Left),
            ("HTTPS_PROXY", "", Fate::NotOurs),
            ("NO_PROXY", "localhost", Fate::Kept),
            ("OPENAI_API_KEY", "sk-1", Fate::NotOurs),
            ("OUTLAY_PROJECT", "demo", Fate::NotOurs),
            ("PATH", "/bin", Fate::NotOurs),
        ] {
            assert_eq!(fate(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn named_places_are_told() {
        let folders =
            Folders::new(Some("/data of me".into()), Some("/etc/outlay.toml".into())).unwrap();
        let of = |named| {
            let listen = "127.0.0.1:4780".parse().unwrap();
            Definition::new("/usr/bin/outlay".into(), listen, &folders, named, []).0.variables
        };
        let data = ("OUTLAY_DATA_DIR".to_owned(), "/data of me".to_owned());
        let config = ("OUTLAY_CONFIG".to_owned(), "/etc/outlay.toml".to_owned());
        assert_eq!(of((false, false)), []);
        assert_eq!(of((true, false)), std::slice::from_ref(&data));
        assert_eq!(of((true, true)), [config, data]);
    }

    #[test]
    fn what_no_file_can_hold_is_said() {
        let definition = |program: &str, value: &str| Definition {
            program: program.into(),
            listen: "127.0.0.1:4780".parse().unwrap(),
            variables: vec![("OUTLAY_DATA_DIR".to_owned(), value.to_owned())],
        };
        assert!(definition("/bin/out\nlay", "/x").program().is_err());
        assert!(definition("/bin/outlay", "/x\ny").variables().is_err());
        assert!(definition("/bin/out lay %h \"", "/x y").program().is_ok());
    }
}
