use std::path::PathBuf;

use chrono::{DateTime, Utc};
use outlay_core::ledger::LedgerError;

use super::super::facts::LedgerFacts;
use super::*;
use crate::port::Holder;
use crate::service;

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn ledger_facts() -> LedgerFacts {
    LedgerFacts {
        path: "/data/outlay.db".into(),
        size_bytes: 2_000_000,
        is_checked: true,
        latest: Some(now() - TimeDelta::hours(1)),
        bypassed_until: None,
    }
}

/// A machine on which all is well.
fn healthy() -> Facts {
    Facts {
        now: now(),
        zone: "Europe/Berlin".to_owned(),
        data: "/data".into(),
        data_error: None,
        readable: Vec::new(),
        ledger: Ok(ledger_facts()),
        disk_free_bytes: Some(40 << 30),
        config: "/config/outlay.toml".into(),
        config_exists: true,
        config_error: None,
        listen: "127.0.0.1:4780".parse().unwrap(),
        proxy: ProxyFacts::Free,
        service: service_that(Activity::Stopped, false),
        loopback_error: None,
        http_proxy: None,
        ways: vec![way("desktop")],
        prices: ("list".to_owned(), Some(now().date_naive())),
    }
}

fn service_that(activity: Activity, is_installed: bool) -> service::State {
    let address = is_installed.then(|| "127.0.0.1:4780".parse().unwrap());
    let file = is_installed.then(|| "/u/outlay.service".into());
    service::State { file, address, activity, pid: None }
}

fn way(name: &str) -> Way {
    Way { name: name.to_owned(), by: None, problem: None, last: None }
}

fn proxy_of(version: &str) -> ProxyFacts {
    let base_url = "http://127.0.0.1:4780".to_owned();
    ProxyFacts::Runs { base_url, version: version.to_owned(), pid: 1 }
}

/// What changes, and what is said of what.
type Row = (fn(&mut Facts), &'static str, &'static str);

/// The finding of that subject on a machine so changed.
fn found(change: fn(&mut Facts), subject: &str) -> Finding {
    let mut facts = healthy();
    change(&mut facts);
    let findings = of(&facts);
    let found = findings.iter().filter(|finding| finding.subject == subject);
    found.max_by_key(|finding| finding.state as u8).unwrap().clone()
}

#[test]
fn a_healthy_machine_has_nothing_to_mend() {
    let is_wrong = |finding: &Finding| matches!(finding.state, State::Warning | State::Broken);
    let wrong: Vec<Finding> = of(&healthy()).into_iter().filter(is_wrong).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn damaged() -> LedgerError {
    LedgerError::Corrupt { path: PathBuf::from("outlay.db"), reason: "no".to_owned() }
}

#[test]
fn a_ledger_in_a_folder_that_cannot_be_written_is_told_of_once() {
    let mut facts = healthy();
    facts.data_error = Some("permission denied".into());
    let broken = |facts: &Facts| -> Vec<_> {
        let is_broken = |finding: &&Finding| finding.state == State::Broken;
        of(facts).iter().filter(is_broken).map(|found| found.subject).collect()
    };
    let (path, reason) = (PathBuf::from("outlay.db"), "no".to_owned());
    facts.ledger = Err(LedgerError::NotWritable { path, reason });
    assert_eq!(broken(&facts), ["data folder"]);
    facts.ledger = Err(damaged());
    assert_eq!(broken(&facts), ["data folder", "ledger"]);
}

#[test]
fn what_does_not_work_has_one_fix() {
    let rows: &[(Row, &str)] = &[
        ((|f| f.data_error = Some("no".into()), "data folder", "cannot be written"), "access"),
        ((|f| f.ledger = Err(damaged()), "ledger", "damaged"), "Do what"),
        ((|f| f.config_error = Some("key".into()), "configuration", "key"), "Correct"),
        (
            (
                |f| f.proxy = ProxyFacts::Held(Some(Holder { pid: 7, name: "nc".into() })),
                "proxy",
                "held by nc (process 7)",
            ),
            "End that program",
        ),
        (
            (
                |f| f.proxy = ProxyFacts::Held(Some(Holder { pid: 7, name: "outlay".into() })),
                "proxy",
                "held by outlay (process 7), which does not keep this ledger",
            ),
            "End it",
        ),
        ((|f| f.proxy = ProxyFacts::Held(None), "proxy", "another program"), "End that"),
        ((|f| f.proxy = ProxyFacts::Unbindable("no".into()), "proxy", "no"), "listen ="),
        ((|f| f.proxy = ProxyFacts::Strange("who".into()), "proxy", "who"), "Find out"),
        (
            (|f| f.service = service_that(Activity::Failed, true), "service", "cannot be kept"),
            "journalctl",
        ),
        ((|f| f.loopback_error = Some("timed out".into()), "loopback", "timed out"), "VPN"),
    ];
    for ((change, subject, text), fix) in rows {
        let found = found(*change, subject);
        assert_eq!(found.state, State::Broken, "{found:?}");
        assert!(found.text.contains(text), "{found:?}");
        assert!(found.fix.as_ref().is_some_and(|found| found.contains(fix)), "{found:?}");
    }
}

fn assert_warned(rows: &[(Row, &str)]) {
    for ((change, subject, text), fix) in rows {
        let found = found(*change, subject);
        assert_eq!(found.state, State::Warning, "{found:?}");
        assert!(found.text.contains(text), "{found:?}");
        assert!(found.fix.as_ref().is_some_and(|found| found.contains(fix)), "{found:?}");
    }
}

#[test]
fn what_works_badly_has_one_fix() {
    let rows: &[(Row, &str)] = &[
        (
            (|f| f.readable = vec![("/data/token".into(), 0o644)], "privacy", "token (644)"),
            "chmod go= '/data'",
        ),
        (
            (
                |f| {
                    let latest = Some(now() + TimeDelta::hours(2));
                    f.ledger = Ok(LedgerFacts { latest, ..ledger_facts() });
                },
                "clock",
                "later than now",
            ),
            "clock",
        ),
        (
            (
                |f| {
                    let bypassed_until = Some(now());
                    f.ledger = Ok(LedgerFacts { bypassed_until, ..ledger_facts() });
                },
                "bypass",
                "no limit refuses",
            ),
            "bypass off",
        ),
        ((|f| f.disk_free_bytes = Some(1 << 20), "disk", "1 MiB"), "Free some"),
        ((|f| f.proxy = proxy_of("0.0.1"), "proxy", "version 0.0.1"), "restart"),
        (
            (|f| f.service = service_that(Activity::Stopped, true), "service", "ended"),
            "outlay service restart",
        ),
        (
            (|f| f.service = service_that(Activity::Unknown, true), "service", "is unknown"),
            "outlay serve",
        ),
        (
            (
                |f| {
                    f.service = service_that(Activity::Running, true);
                    f.listen = "127.0.0.1:4790".parse().unwrap();
                },
                "service",
                "says 127.0.0.1:4790",
            ),
            "outlay service install",
        ),
        ((|f| f.http_proxy = Some(("ALL_PROXY", false)), "HTTP proxy", "ALL_PROXY"), "NO_PROXY"),
        ((|f| f.now = "2020-01-01T00:00:00Z".parse().unwrap(), "time", "2020"), "clock"),
        ((|f| f.prices.1 = NaiveDate::from_ymd_opt(2025, 1, 1), "prices", "list"), "Upgrade"),
    ];
    assert_warned(rows);
}

#[test]
fn each_way_of_alerts_is_looked_at() {
    let rows: &[(Row, &str)] = &[
        (
            (
                |f| f.ways = vec![Way { problem: Some("no bus".into()), ..way("desktop") }],
                "notifications",
                "no bus",
            ),
            "dunst",
        ),
        (
            (
                |f| f.ways = vec![Way { last: Some(Err("404".into())), ..way("webhook a.b") }],
                "notifications",
                "webhook a.b: the last alert did not arrive (404)",
            ),
            "outlay alerts test",
        ),
        (
            (
                |f| f.ways = vec![Way { problem: Some("there is no x".into()), ..way("command") }],
                "notifications",
                "command: there is no x",
            ),
            "Correct command",
        ),
    ];
    assert_warned(rows);
}

#[test]
fn what_is_as_it_should_be_is_said_too() {
    let rows: &[Row] = &[
        (
            |f| {
                f.proxy = ProxyFacts::Held(None);
                f.service = service_that(Activity::Waiting, true);
            },
            "proxy",
            "the next call starts the service",
        ),
        (|f| f.proxy = proxy_of(env!("CARGO_PKG_VERSION")), "proxy", "runs, version"),
        (|f| f.service = service_that(Activity::Running, true), "service", "it runs"),
        (|f| f.http_proxy = Some(("HTTP_PROXY", true)), "HTTP proxy", "NO_PROXY keeps"),
        (
            |f| f.ledger = Ok(LedgerFacts { is_checked: false, ..ledger_facts() }),
            "ledger",
            "as far as there was time",
        ),
        (
            |f| f.ways = vec![Way { last: Some(Ok(now())), ..way("webhook a.b") }],
            "notifications",
            "webhook a.b: the last alert arrived",
        ),
    ];
    for (change, subject, text) in rows {
        let found = found(*change, subject);
        assert!(found.state == State::Fine && found.text.contains(text), "{found:?}");
    }
}

#[test]
fn what_is_not_there_is_not_called_well() {
    let rows: &[Row] = &[
        (|_| {}, "service", "none is installed"),
        (|_| {}, "proxy", "none runs"),
        (|f| f.ways = vec![], "notifications", "turned off"),
    ];
    for (change, subject, text) in rows {
        let found = found(*change, subject);
        assert!(found.state == State::Off && found.text.contains(text), "{found:?}");
    }
}
