//! What facts mean, and the one thing to do about each that is wrong.

use chrono::{NaiveDate, TimeDelta};
use outlay_core::ledger::LedgerError;
use outlay_core::price::PRICES_STALE_AFTER_DAYS;

use super::facts::{Facts, ProxyFacts, Way};
use super::{Finding, State};
use crate::service::Activity;

/// A clock may be set back by this much without a word.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);
/// Less than this, and the ledger may soon not be written any more.
const DISK_LOW_BYTES: u64 = 500 << 20;
const SET_THE_CLOCK: &str = "Set the system's clock: days and budgets are counted by it.";

pub(super) fn of(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![data_folder(facts)];
    findings.extend(privacy(facts));
    findings.extend(ledger(facts));
    findings.extend(clock(facts));
    findings.extend(bypass(facts));
    findings.push(disk(facts));
    findings.push(configuration(facts));
    findings.push(proxy(facts));
    findings.push(service(facts));
    findings.push(loopback(facts));
    findings.push(http_proxy(facts));
    findings.extend(notifications(&facts.ways));
    findings.push(time(facts));
    findings.push(prices(facts));
    findings
}

fn fine(subject: &'static str, text: String) -> Finding {
    Finding { subject, state: State::Fine, text, fix: None }
}

fn off(subject: &'static str, text: String) -> Finding {
    Finding { subject, state: State::Off, text, fix: None }
}

fn warning(subject: &'static str, text: String, fix: impl Into<String>) -> Finding {
    Finding { subject, state: State::Warning, text, fix: Some(fix.into()) }
}

fn broken(subject: &'static str, text: String, fix: impl Into<String>) -> Finding {
    Finding { subject, state: State::Broken, text, fix: Some(fix.into()) }
}

fn data_folder(facts: &Facts) -> Finding {
    const SUBJECT: &str = "data folder";
    let shown = facts.data.display();
    match &facts.data_error {
        None => fine(SUBJECT, format!("{shown} can be written")),
        Some(error) => broken(
            SUBJECT,
            format!("{shown} cannot be written: {error}"),
            "Give this user write access to it, or choose another folder with --data-dir.",
        ),
    }
}

fn privacy(facts: &Facts) -> Option<Finding> {
    let (first, _) = facts.readable.first()?;
    let files: Vec<String> = facts
        .readable
        .iter()
        .map(|(path, mode)| format!("{} ({mode:o})", path.display()))
        .collect();
    let text = format!("other users can get at {}", files.join(", "));
    let folder = first.parent().unwrap_or(first).display();
    Some(warning(
        "privacy",
        text,
        format!("Run: chmod go= '{folder}'/{{token,proxy.json,outlay.db*}}"),
    ))
}

fn ledger(facts: &Facts) -> Option<Finding> {
    const SUBJECT: &str = "ledger";
    match (&facts.ledger, &facts.data_error) {
        (Ok(ledger), _) => {
            let (path, size) = (ledger.path.display(), bytes(ledger.size_bytes));
            Some(fine(
                SUBJECT,
                match ledger.is_checked {
                    true => format!("{path} is sound ({size})"),
                    false => format!("{path} ({size}) is sound as far as there was time to look"),
                },
            ))
        }
        // Its folder is to blame, of which is told already.
        (Err(LedgerError::NotWritable { .. }), Some(_)) => None,
        (Err(error), _) => Some(broken(
            SUBJECT,
            error.to_string(),
            "Do what the sentence says; nothing is counted until then.",
        )),
    }
}

fn clock(facts: &Facts) -> Option<Finding> {
    let latest = facts.ledger.as_ref().ok()?.latest?;
    let now = facts.now;
    (latest > now + CLOCK_SLACK).then(|| {
        let text = format!("the latest call was at {latest}, which is later than now ({now})");
        warning("clock", text, SET_THE_CLOCK)
    })
}

fn bypass(facts: &Facts) -> Option<Finding> {
    let until = facts.ledger.as_ref().ok()?.bypassed_until?;
    let text = format!("no limit refuses until {until}");
    Some(warning("bypass", text, "To end that: outlay bypass off"))
}

fn disk(facts: &Facts) -> Finding {
    const SUBJECT: &str = "disk";
    match facts.disk_free_bytes {
        None => fine(SUBJECT, "it does not tell how much is free".to_owned()),
        Some(free) if free < DISK_LOW_BYTES => warning(
            SUBJECT,
            format!("{} are free where the ledger is", bytes(free)),
            "Free some: calls are refused when the ledger cannot be written.",
        ),
        Some(free) => fine(SUBJECT, format!("{} are free where the ledger is", bytes(free))),
    }
}

fn configuration(facts: &Facts) -> Finding {
    const SUBJECT: &str = "configuration";
    let shown = facts.config.display();
    match &facts.config_error {
        Some(error) => {
            broken(SUBJECT, error.clone(), "Correct the file; it is read at each start.")
        }
        None if facts.config_exists => fine(SUBJECT, format!("{shown} is valid")),
        None => fine(SUBJECT, format!("{shown} is not there; the defaults hold")),
    }
}

fn proxy(facts: &Facts) -> Finding {
    const SUBJECT: &str = "proxy";
    let address = facts.listen;
    match &facts.proxy {
        ProxyFacts::Runs { base_url, version, pid } => {
            let text = format!("{base_url} runs, version {version}, process {pid}");
            if version == env!("CARGO_PKG_VERSION") {
                fine(SUBJECT, text)
            } else {
                warning(SUBJECT, text, "It is another version than this command: restart it.")
            }
        }
        ProxyFacts::Strange(error) => {
            broken(SUBJECT, error.clone(), "Find out what listens there.")
        }
        ProxyFacts::Free => {
            off(SUBJECT, format!("none runs; {address} is free for one: outlay serve"))
        }
        ProxyFacts::Held(_) if facts.service.address == Some(address) => {
            fine(SUBJECT, format!("{address} is open, and the next call starts the service"))
        }
        ProxyFacts::Held(Some(holder)) if holder.name == "outlay" => broken(
            SUBJECT,
            format!("{address} is held by {holder}, which does not keep this ledger"),
            "End it, or set another address for this one: listen = \"127.0.0.1:4790\" in outlay.toml.",
        ),
        ProxyFacts::Held(holder) => {
            let holder =
                holder.as_ref().map_or_else(|| "another program".to_owned(), ToString::to_string);
            broken(
                SUBJECT,
                format!("{address} is held by {holder}"),
                "End that program, or set another address: listen = \"127.0.0.1:4790\" in outlay.toml.",
            )
        }
        ProxyFacts::Unbindable(error) => broken(
            SUBJECT,
            format!("{address} cannot be listened on: {error}"),
            "Set another address: listen = \"127.0.0.1:4780\" in outlay.toml.",
        ),
    }
}

fn service(facts: &Facts) -> Finding {
    const SUBJECT: &str = "service";
    let service = &facts.service;
    if service.file.is_none() {
        let text =
            "none is installed, so the proxy runs when it is started: outlay service install";
        return off(SUBJECT, text.to_owned());
    }
    if let Some(address) = service.address.filter(|address| *address != facts.listen) {
        return warning(
            SUBJECT,
            format!("it listens on {address}, and the configuration says {}", facts.listen),
            "Have it follow: outlay service install",
        );
    }
    let restart = "Start it: outlay service restart";
    match service.activity {
        Activity::Running => fine(SUBJECT, "it runs".to_owned()),
        Activity::Waiting => fine(SUBJECT, "the next call starts it".to_owned()),
        Activity::Unknown => warning(
            SUBJECT,
            "it is installed, but your service manager does not answer here, so whether it runs is unknown".to_owned(),
            "Ask where you are logged in: outlay service status; until then: outlay serve",
        ),
        Activity::Stopped => warning(SUBJECT, "it is installed and ended".to_owned(), restart),
        Activity::Failed => broken(
            SUBJECT,
            "it cannot be kept running".to_owned(),
            "See why: journalctl --user -u outlay; then outlay service restart",
        ),
    }
}

fn loopback(facts: &Facts) -> Finding {
    const SUBJECT: &str = "loopback";
    match &facts.loopback_error {
        None => fine(SUBJECT, "calls from this machine to itself arrive".to_owned()),
        Some(error) => broken(
            SUBJECT,
            format!("a call from this machine to itself did not arrive: {error}"),
            "Let 127.0.0.1 pass in the firewall or the VPN that catches it.",
        ),
    }
}

fn http_proxy(facts: &Facts) -> Finding {
    const SUBJECT: &str = "HTTP proxy";
    match facts.http_proxy {
        None => fine(SUBJECT, "no variable sends calls to this machine elsewhere".to_owned()),
        Some((name, true)) => {
            fine(SUBJECT, format!("{name} is set, and NO_PROXY keeps calls to this machine here"))
        }
        Some((name, false)) => warning(
            SUBJECT,
            format!("{name} is set: tools would send their calls to Outlay through that proxy"),
            "Set NO_PROXY=127.0.0.1,localhost (outlay run and outlay env do).",
        ),
    }
}

fn notifications(ways: &[Way]) -> Vec<Finding> {
    const SUBJECT: &str = "notifications";
    if ways.is_empty() {
        return vec![off(SUBJECT, "turned off in the configuration".to_owned())];
    }
    let each = ways.iter().map(|way| {
        let name = &way.name;
        match (&way.problem, &way.last) {
            (Some(problem), _) if name == "desktop" => warning(
                SUBJECT,
                format!("desktop: nothing here can show them ({problem})"),
                "Start a notification service such as dunst, or set desktop = false under [notifications].",
            ),
            (Some(problem), _) => warning(
                SUBJECT,
                format!("{name}: {problem}"),
                format!("Correct {name} under [notifications] in outlay.toml."),
            ),
            (None, Some(Err(error))) => warning(
                SUBJECT,
                format!("{name}: the last alert did not arrive ({error})"),
                "Try it: outlay alerts test",
            ),
            (None, Some(Ok(at))) => fine(SUBJECT, format!("{name}{}: the last alert arrived at {at}", by(way))),
            (None, None) => fine(SUBJECT, format!("{name}{}: not used yet; outlay alerts test tries it", by(way))),
        }
    });
    each.collect()
}

fn by(way: &Way) -> String {
    way.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default()
}

fn time(facts: &Facts) -> Finding {
    let (now, zone) = (facts.now, &facts.zone);
    let text = format!("{} in {zone}", now.format("%Y-%m-%d %H:%M:%S UTC, days begin at midnight"));
    let release = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
    if now.date_naive() < release {
        warning("time", text, SET_THE_CLOCK)
    } else {
        fine("time", text)
    }
}

fn prices(facts: &Facts) -> Finding {
    let (source, newest) = &facts.prices;
    let text = format!("the list is {source}");
    let stale_after = TimeDelta::days(PRICES_STALE_AFTER_DAYS);
    match newest {
        Some(date) if facts.now.date_naive() - *date > stale_after => warning(
            "prices",
            text,
            "Upgrade Outlay for a newer list, or set new models' prices with outlay prices set.",
        ),
        _ => fine("prices", text),
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} bytes"),
        1_024..1_048_576 => format!("{} KiB", count.div_ceil(1_024)),
        1_048_576..1_073_741_824 => format!("{} MiB", count.div_ceil(1_048_576)),
        _ => format!("{} GiB", count / 1_073_741_824),
    }
}

#[cfg(test)]
mod tests;
