//! What may be wrong on this machine, and one sentence on how to mend it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use outlay_core::ledger::{Ledger, Opening, Role};
use outlay_core::price::{PRICES_STALE_AFTER_DAYS, PriceList};
use outlay_core::report::{self, CallQuery};

pub use crate::finding::{Finding, State};

use crate::config::Config;
use crate::folders::Folders;
use crate::{connect, notify, port, running, zone};

/// A clock may be set back by this much without a word.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);

/// Looks at everything.
#[must_use]
pub fn examine(folders: &Folders, now: DateTime<Utc>) -> Vec<Finding> {
    let config = Config::load(folders);
    let mut findings = vec![data_folder(folders.data())];
    findings.extend(ledger(folders.data(), now));
    findings.push(configuration(folders, config.as_ref().err().map(ToString::to_string)));
    let config = config.unwrap_or_default();
    findings.push(listening(folders, config.listen));
    findings.push(notifications(config.notifications.desktop));
    findings.push(clock(now, config.timezone.unwrap_or_else(zone::system).name()));
    findings.push(prices(now));
    findings.push(proxy_variables(|name| std::env::var(name).ok()));
    findings.extend(connections(folders, config.listen));
    findings
}

fn fine(subject: &'static str, text: String) -> Finding {
    Finding { subject, state: State::Fine, text, fix: None }
}

fn warning(subject: &'static str, text: String, fix: &str) -> Finding {
    Finding { subject, state: State::Warning, text, fix: Some(fix.to_owned()) }
}

fn broken(subject: &'static str, text: String, fix: &str) -> Finding {
    Finding { subject, state: State::Broken, text, fix: Some(fix.to_owned()) }
}

fn data_folder(folder: &Path) -> Finding {
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::Builder::new().prefix(".outlay-doctor-").tempfile_in(folder));
    let shown = folder.display();
    match tried {
        Ok(_) => fine("data folder", format!("{shown} can be written")),
        Err(error) => broken(
            "data folder",
            format!("{shown} cannot be written: {error}"),
            "Give this user write access to it, or choose another folder with --data-dir.",
        ),
    }
}

fn ledger(folder: &Path, now: DateTime<Utc>) -> Vec<Finding> {
    let opening = Opening { role: Role::Use, now, changed: Arc::new(|| {}) };
    let opened = Ledger::open(folder, opening).and_then(|ledger| {
        ledger.check_integrity()?;
        let latest = report::calls(&ledger, &CallQuery::default(), 1)?.rows;
        Ok((ledger, latest.first().map(|call| call.time)))
    });
    let (ledger, latest) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            return vec![broken(
                "ledger",
                error.to_string(),
                "Do what the sentence says; nothing is counted until then.",
            )];
        }
    };
    let size = std::fs::metadata(ledger.path()).map_or(0, |file| file.len());
    let text = format!("{} is sound ({})", ledger.path().display(), bytes(size));
    let mut findings = vec![fine("ledger", text)];
    if let Some(latest) = latest.filter(|latest| *latest > now + CLOCK_SLACK) {
        findings.push(warning(
            "clock",
            format!("the latest call was at {latest}, which is later than now ({now})"),
            "Set the system's clock: days and budgets are counted by it.",
        ));
    }
    if let Ok(Some(bypass)) = report::bypass(&ledger, now) {
        findings.push(warning(
            "bypass",
            format!("no limit refuses until {}", bypass.until),
            "To end that: outlay bypass off",
        ));
    }
    findings
}

fn configuration(folders: &Folders, error: Option<String>) -> Finding {
    let shown = folders.config().display();
    match error {
        Some(error) => {
            broken("configuration", error, "Correct the file; it is read at each start.")
        }
        None if folders.config().exists() => fine("configuration", format!("{shown} is valid")),
        None => fine("configuration", format!("{shown} is not there; the defaults hold")),
    }
}

fn listening(folders: &Folders, address: SocketAddr) -> Finding {
    const SUBJECT: &str = "proxy";
    match running::find(folders) {
        Ok(Some(proxy)) => {
            let running = proxy.running();
            let (version, own) = (&running.version, env!("CARGO_PKG_VERSION"));
            let text =
                format!("{} runs, version {version}, process {}", proxy.base_url(), running.pid);
            return if version == own {
                fine(SUBJECT, text)
            } else {
                warning(SUBJECT, text, "It is another version than this command: restart it.")
            };
        }
        Err(error) => return broken(SUBJECT, error.to_string(), "Find out what listens there."),
        Ok(None) => {}
    }
    match TcpListener::bind(address) {
        Ok(_) => fine(SUBJECT, format!("none runs; {address} is free for one: outlay serve")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let holder = port::holder(address).map_or_else(
                || "another program".to_owned(),
                |holder| format!("{} (process {})", holder.name, holder.pid),
            );
            broken(
                SUBJECT,
                format!("{address} is held by {holder}"),
                "End that program, or set another address: listen = \"127.0.0.1:4790\" in outlay.toml.",
            )
        }
        Err(error) => broken(
            SUBJECT,
            format!("{address} cannot be listened on: {error}"),
            "Set another address: listen = \"127.0.0.1:4780\" in outlay.toml.",
        ),
    }
}

/// The tools whose settings were changed so that their calls come here.
fn connections(folders: &Folders, listen: SocketAddr) -> Vec<Finding> {
    let running = running::find(folders).ok().flatten();
    let here = running.map_or(listen, |proxy| proxy.running().address);
    // Without a home there are no tools' settings either.
    connect::Connections::new(folders)
        .map(|connections| connect::check(&connections, here))
        .unwrap_or_default()
}

fn notifications(wanted: bool) -> Finding {
    const SUBJECT: &str = "notifications";
    if !wanted {
        return fine(SUBJECT, "turned off in the configuration".to_owned());
    }
    match notify::service() {
        Ok(service) => fine(SUBJECT, format!("shown by {service}")),
        Err(error) => warning(
            SUBJECT,
            format!("nothing here can show them ({error})"),
            "Start a notification service such as dunst, or set desktop = false under [notifications].",
        ),
    }
}

fn clock(now: DateTime<Utc>, zone: &str) -> Finding {
    let text = format!("{} in {zone}", now.format("%Y-%m-%d %H:%M:%S UTC, days begin at midnight"));
    let release = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
    if now.date_naive() < release {
        let fix = "Set the system's clock: days and budgets are counted by it.";
        return warning("time", text, fix);
    }
    fine("time", text)
}

fn prices(now: DateTime<Utc>) -> Finding {
    let list = PriceList::embedded();
    let text = format!("the list is {}", list.source());
    let stale_after = TimeDelta::days(PRICES_STALE_AFTER_DAYS);
    match list.newest() {
        Some(date) if now.date_naive() - date > stale_after => warning(
            "prices",
            text,
            "Upgrade Outlay for a newer list, or set new models' prices with outlay prices set.",
        ),
        _ => fine("prices", text),
    }
}

/// Whether a client told to use an HTTP proxy would send its calls to us through that.
fn proxy_variables(variable: impl Fn(&str) -> Option<String>) -> Finding {
    const SUBJECT: &str = "HTTP proxy";
    let set = |names: &[&'static str]| -> Option<(&'static str, String)> {
        names.iter().find_map(|name| {
            variable(name).filter(|value| !value.trim().is_empty()).map(|value| (*name, value))
        })
    };
    let Some((name, _)) = set(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]) else {
        return fine(SUBJECT, "no variable sends calls to this machine elsewhere".to_owned());
    };
    let excepted = set(&["no_proxy", "NO_PROXY"]).is_some_and(|(_, list)| {
        list.split(',').map(str::trim).any(|host| matches!(host, "127.0.0.1" | "localhost" | "*"))
    });
    if excepted {
        fine(SUBJECT, format!("{name} is set, and NO_PROXY keeps calls to this machine here"))
    } else {
        warning(
            SUBJECT,
            format!("{name} is set: tools would send their calls to Outlay through that proxy"),
            "Set NO_PROXY=127.0.0.1,localhost (outlay run and outlay env do).",
        )
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} bytes"),
        1_024..1_048_576 => format!("{} KiB", count.div_ceil(1_024)),
        _ => format!("{} MiB", count.div_ceil(1_048_576)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(data: &Path) -> Folders {
        Folders::new(Some(data.to_owned()), Some(data.join("outlay.toml"))).unwrap()
    }

    fn find<'a>(findings: &'a [Finding], subject: &str) -> &'a Finding {
        findings.iter().find(|finding| finding.subject == subject).unwrap()
    }

    #[test]
    fn what_is_wrong_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = folder.path().join("outlay.toml");
        let off = "[notifications]\ndesktop = false\n";
        std::fs::write(&config, format!("listen = \"{address}\"\n{off}")).unwrap();
        let now = "2028-11-21T12:00:00Z".parse().unwrap();
        let folders = folders(folder.path());
        let findings = examine(&folders, now);
        for (subject, state, part) in [
            ("data folder", State::Fine, "can be written"),
            ("ledger", State::Fine, "is sound"),
            ("configuration", State::Fine, "is valid"),
            ("proxy", State::Broken, "is held by"),
            ("notifications", State::Fine, "turned off"),
            ("prices", State::Warning, "genai-prices"),
        ] {
            let finding = find(&findings, subject);
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(finding.text.contains(part), "{finding:?}");
            assert_eq!(finding.fix.is_none(), state == State::Fine, "{finding:?}");
        }
        std::fs::write(&config, "lisen = 1\n").unwrap();
        std::fs::write(folder.path().join("outlay.db"), "no database".repeat(1000)).unwrap();
        let findings = examine(&folders, now);
        assert!(find(&findings, "configuration").text.contains("listen"));
        assert_eq!(find(&findings, "ledger").state, State::Broken);
    }

    #[test]
    fn a_bypass_in_force_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let now: DateTime<Utc> = "2028-11-21T12:00:00Z".parse().unwrap();
        let opening = Opening { role: Role::Use, now, changed: Arc::new(|| {}) };
        let opened = Ledger::open(folder.path(), opening).unwrap();
        opened.bypass(now + TimeDelta::minutes(10), None, "cli", now).wait().unwrap();
        for (minutes, state) in [(5, Some(State::Warning)), (11, None)] {
            let findings = ledger(folder.path(), now + TimeDelta::minutes(minutes));
            let finding = findings.iter().find(|finding| finding.subject == "bypass");
            assert_eq!(finding.map(|finding| finding.state), state, "{minutes}");
        }
    }

    #[test]
    fn a_proxy_that_catches_loopback_calls_is_named() {
        for (variables, state) in [
            (&[][..], State::Fine),
            (&[("http_proxy", "")], State::Fine),
            (&[("HTTP_PROXY", "http://p:1")], State::Warning),
            (&[("ALL_PROXY", "socks5://p:1"), ("NO_PROXY", "example.com")], State::Warning),
            (&[("http_proxy", "http://p:1"), ("no_proxy", "a, localhost")], State::Fine),
        ] {
            let lookup = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(proxy_variables(lookup).state, state, "{variables:?}");
        }
    }
}
