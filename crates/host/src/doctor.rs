//! What may be wrong on this machine, and one sentence on how to mend it.
//!
//! [`facts`] looks around, each look a function of its own; [`findings`] says what that means, without
//! looking anywhere.

mod facts;
mod findings;
mod looks;

use chrono::{DateTime, Utc};

pub use crate::finding::{Finding, State};

use crate::config::Config;
use crate::folders::Folders;
use crate::service::Activity;
use crate::{connect, running, service};

/// Looks at everything.
#[must_use]
pub fn examine(folders: &Folders, now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings = findings::of(&looks::around(folders, now));
    findings.extend(connections(folders));
    findings
}

/// The command that starts a proxy here.
#[must_use]
pub fn start() -> &'static str {
    match service::state() {
        // No service manager answers: it starts nothing either.
        service::State { file: Some(_), activity, .. } if activity != Activity::Unknown => {
            "outlay service restart"
        }
        service::State { .. } => "outlay serve",
    }
}

/// The tools whose settings were changed so that their calls come here.
fn connections(folders: &Folders) -> Vec<Finding> {
    let running = running::find(folders).ok().flatten();
    let configured = || Config::load(folders).map(|config| config.listen).ok();
    let Some(here) = running.map(|proxy| proxy.running().address).or_else(configured) else {
        return Vec::new();
    };
    // Without a home there are no tools' settings either.
    connect::Connections::new(folders)
        .map(|connections| connect::check(&connections, here, start()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_wrong_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = folder.path().join("outlay.toml");
        let off = "[notifications]\ndesktop = false\n";
        std::fs::write(&config, format!("listen = \"{address}\"\n{off}")).unwrap();
        let now = "2028-11-21T12:00:00Z".parse().unwrap();
        let folders = Folders::new(Some(folder.path().to_owned()), Some(config.clone())).unwrap();
        let findings = examine(&folders, now);
        let find = |findings: &[Finding], subject: &str| {
            findings.iter().find(|finding| finding.subject == subject).unwrap().clone()
        };
        for (subject, state, part) in [
            ("data folder", State::Fine, "can be written"),
            ("ledger", State::Fine, "is sound"),
            ("disk", State::Fine, "free"),
            ("configuration", State::Fine, "is valid"),
            ("proxy", State::Broken, "is held by"),
            ("loopback", State::Fine, "arrive"),
            ("notifications", State::Off, "turned off"),
            ("prices", State::Warning, "genai-prices"),
        ] {
            let finding = find(&findings, subject);
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.text.contains(part), "{finding:?}");
            let is_well = matches!(state, State::Fine | State::Off);
            assert_eq!(finding.fix.is_none(), is_well, "{finding:?}");
        }
        std::fs::write(&config, "lisen = 1\n").unwrap();
        std::fs::write(folder.path().join("outlay.db"), "no database".repeat(1000)).unwrap();
        let findings = examine(&folders, now);
        assert!(find(&findings, "configuration").text.contains("listen"));
        assert_eq!(find(&findings, "ledger").state, State::Broken);
    }
}
