//! Looking around.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outlay_core::ledger::{AlertView, Ledger, LedgerError, Opening, Role};
use outlay_core::price::PriceList;
use outlay_core::report::{self, CallQuery};

use super::facts::{Facts, LedgerFacts, ProxyFacts, Way};
use crate::config::{Config, Notifications};
use crate::folders::Folders;
use crate::{machine, notify, port, running, service, zone};

/// How long the ledger's check may take.
const CHECK_MAX: Duration = Duration::from_secs(5);
/// How long a call to this machine's own address may take.
const LOOPBACK_MAX: Duration = Duration::from_secs(2);
/// How many alerts back the last one of each way is looked for.
const ALERTS_BACK: u32 = 100;

pub(super) fn around(folders: &Folders, now: DateTime<Utc>) -> Facts {
    let loaded = Config::load(folders);
    let config_error = loaded.as_ref().err().map(ToString::to_string);
    let config = loaded.unwrap_or_default();
    let data = folders.data();
    let data_error = written(data).err().map(|error| error.to_string());
    let (ledger, alerts) = match ledger(data, now) {
        Ok((ledger, alerts)) => (Ok(ledger), alerts),
        Err(error) => (Err(error), Vec::new()),
    };
    let list = PriceList::embedded();
    Facts {
        now,
        zone: config.timezone.unwrap_or_else(zone::system).name().to_owned(),
        data: data.to_owned(),
        data_error,
        readable: readable_by_others(data),
        ledger,
        disk_free_bytes: machine::surroundings(data).disk_free_bytes,
        config: folders.config().to_owned(),
        config_exists: folders.config().exists(),
        config_error,
        listen: config.listen,
        proxy: proxy(folders, config.listen),
        service: service::state(),
        loopback_error: loopback().err().map(|error| error.to_string()),
        http_proxy: http_proxy(|name| std::env::var(name).ok()),
        ways: ways(&config.notifications, &alerts),
        prices: (list.source().to_string(), list.newest()),
    }
}

fn written(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".outlay-doctor-{}", std::process::id()));
    std::fs::File::create(&probe)?;
    std::fs::remove_file(probe)
}

/// What should be read by this user only, and is not.
#[cfg(unix)]
fn readable_by_others(folder: &Path) -> Vec<(PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let files = ["token", "proxy.json", "outlay.db", "outlay.db-wal", "outlay.db-shm"];
    files
        .iter()
        .map(|name| folder.join(name))
        .filter_map(|path| {
            let mode = std::fs::metadata(&path).ok()?.permissions().mode() & 0o777;
            (mode & 0o077 != 0).then_some((path, mode))
        })
        .collect()
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> Vec<(PathBuf, u32)> {
    Vec::new()
}

fn ledger(folder: &Path, now: DateTime<Utc>) -> Result<(LedgerFacts, Vec<AlertView>), LedgerError> {
    let opening = Opening { role: Role::Use, now, changed: Arc::new(|| {}) };
    let ledger = Ledger::open(folder, opening)?;
    let is_checked = ledger.check_within(CHECK_MAX)?;
    let latest = report::calls(&ledger, &CallQuery::default(), 1)?.rows;
    let facts = LedgerFacts {
        path: ledger.path().to_owned(),
        size_bytes: std::fs::metadata(ledger.path()).map_or(0, |file| file.len()),
        is_checked,
        latest: latest.first().map(|call| call.time),
        bypassed_until: report::bypass(&ledger, now)?.map(|bypass| bypass.until),
    };
    Ok((facts, report::alerts(&ledger, ALERTS_BACK)?))
}

fn proxy(folders: &Folders, address: SocketAddr) -> ProxyFacts {
    match running::find(folders) {
        Ok(Some(proxy)) => {
            let running = proxy.running();
            let (version, pid) = (running.version.clone(), running.pid);
            return ProxyFacts::Runs { base_url: proxy.base_url(), version, pid };
        }
        Err(error) => return ProxyFacts::Strange(error.to_string()),
        Ok(None) => {}
    }
    match TcpListener::bind(address) {
        Ok(_) => ProxyFacts::Free,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            ProxyFacts::Held(port::holder(address))
        }
        Err(error) => ProxyFacts::Unbindable(error.to_string()),
    }
}

/// Calls itself: a VPN or a firewall may catch even that.
fn loopback() -> std::io::Result<()> {
    const WORD: [u8; 6] = *b"outlay";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut caller = TcpStream::connect_timeout(&listener.local_addr()?, LOOPBACK_MAX)?;
    caller.write_all(&WORD)?;
    let (mut called, _) = listener.accept()?;
    called.set_read_timeout(Some(LOOPBACK_MAX))?;
    let mut heard = [0; WORD.len()];
    called.read_exact(&mut heard)?;
    if heard == WORD { Ok(()) } else { Err(std::io::Error::other("something else arrived")) }
}

/// Which variable sends a client's calls through an HTTP proxy, and whether those to this machine are
/// excepted.
fn http_proxy(variable: impl Fn(&str) -> Option<String>) -> Option<(&'static str, bool)> {
    let set = |names: &[&'static str]| -> Option<(&'static str, String)> {
        names.iter().find_map(|name| {
            variable(name).filter(|value| !value.trim().is_empty()).map(|value| (*name, value))
        })
    };
    let (name, _) = set(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?;
    let excepted = set(&["no_proxy", "NO_PROXY"]).is_some_and(|(_, list)| {
        list.split(',').map(str::trim).any(|host| matches!(host, "127.0.0.1" | "localhost" | "*"))
    });
    Some((name, excepted))
}

/// Every way to the user that is configured.
fn ways(notifications: &Notifications, alerts: &[AlertView]) -> Vec<Way> {
    let way = |name: String, by: Option<String>, problem: Option<String>| Way {
        last: last(alerts, &name),
        name,
        by,
        problem,
    };
    let mut ways = Vec::new();
    if notifications.desktop {
        let (by, problem) = match notify::service() {
            Ok(service) => (Some(service.to_string()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        ways.push(way("desktop".to_owned(), by, problem));
    }
    for hook in &notifications.webhooks {
        ways.push(way(format!("webhook {}", hook.host()), None, None));
    }
    if let Some(line) = &notifications.command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
        ways.push(way("command".to_owned(), None, missing_program(line, found)));
    }
    ways
}

/// What came of the last alert on that way.
fn last(alerts: &[AlertView], name: &str) -> Option<Result<DateTime<Utc>, String>> {
    let deliveries = alerts.iter().flat_map(|alert| &alert.deliveries);
    let mut of_it = deliveries.filter(|delivery| delivery.channel.starts_with(name));
    of_it.find_map(|delivery| match (delivery.delivered_at, &delivery.error) {
        (Some(at), _) => Some(Ok(at)),
        (None, Some(error)) => Some(Err(error.clone())),
        (None, None) => None,
    })
}

/// That the program which a command line begins with is nowhere; `None` where it is a shell's word.
fn missing_program(line: &str, found: impl Fn(&str) -> bool) -> Option<String> {
    const OF_THE_SHELL: [&str; 8] = ["if", "for", "while", "case", "cd", "exec", "printf", "echo"];
    let word = line.split_whitespace().next()?;
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if !is_plain || cfg!(windows) || OF_THE_SHELL.contains(&word) {
        return None;
    }
    let is_there = if word.contains('/') { Path::new(word).is_file() } else { found(word) };
    (!is_there).then(|| format!("there is no program '{word}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_calls_itself() {
        loopback().unwrap();
    }

    #[test]
    fn variables_that_send_calls_elsewhere() {
        for (variables, expected) in [
            (&[][..], None),
            (&[("http_proxy", "")], None),
            (&[("HTTP_PROXY", "http://p:1")], Some(("HTTP_PROXY", false))),
            (&[("ALL_PROXY", "s://p"), ("NO_PROXY", "example.com")], Some(("ALL_PROXY", false))),
            (
                &[("http_proxy", "http://p:1"), ("no_proxy", "a, localhost")],
                Some(("http_proxy", true)),
            ),
        ] {
            let lookup = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(http_proxy(lookup), expected, "{variables:?}");
        }
    }

    #[test]
    fn programs_that_are_nowhere() {
        for (line, is_missing) in [
            ("say \"$(jq -r .title)\"", false),
            ("sya hello", true),
            ("/no/such/program --x", true),
            ("if true; then x; fi", false),
            ("$HOME/bin/tell", false),
            ("A=b tell", false),
        ] {
            let missing = missing_program(line, |name| name == "say");
            assert_eq!(missing.is_some(), is_missing, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "").unwrap();
        for (mode, expected) in [(0o600, vec![]), (0o644, vec![(token.clone(), 0o644)])] {
            std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(readable_by_others(folder.path()), expected);
        }
    }
}
