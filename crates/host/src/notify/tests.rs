use std::sync::Mutex;

use outlay_core::alert::{AlertKind, AlertText};
use outlay_core::balance::WarnLevel;
use outlay_core::ledger::{NewAlert, Opening, Role};
use outlay_core::money::Money;
use outlay_core::report;

use super::*;

struct Recorded {
    name: &'static str,
    shown: Arc<Mutex<Vec<String>>>,
    outcome: Result<(), Undelivered>,
}

impl Channel for Recorded {
    fn name(&self) -> &str {
        self.name
    }

    fn deliver(&mut self, note: &Note) -> Result<(), Undelivered> {
        self.shown.lock().unwrap().push(note.title.clone());
        self.outcome.clone()
    }
}

/// A channel, and what it was told.
fn way(
    name: &'static str,
    outcome: Result<(), Undelivered>,
) -> (Box<dyn Channel>, Arc<Mutex<Vec<String>>>) {
    let shown = Arc::new(Mutex::new(Vec::new()));
    (Box::new(Recorded { name, shown: Arc::clone(&shown), outcome }), shown)
}

fn undelivered(reason: &str, may_pass: bool) -> Result<(), Undelivered> {
    Err(Undelivered { reason: reason.to_owned(), may_pass })
}

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-{text}Z").parse().unwrap()
}

fn clock(text: &str) -> Clock {
    let now = at(text);
    Arc::new(move || now)
}

/// A ledger with one undelivered alert, recorded at noon.
fn ledger_with_alert(folder: &std::path::Path, changed: Arc<dyn Fn() + Send + Sync>) -> Ledger {
    let now = at("21T12:00:00");
    let ledger = Ledger::open(folder, Opening { role: Role::Use, now, changed }).unwrap();
    let usd = |text: &str| text.parse::<Money>().unwrap();
    ledger.add_grant("openai".to_owned(), usd("1"), None, None, now).wait().unwrap();
    ledger.warn_balance("openai".to_owned(), WarnLevel::Below(usd("5")), now).wait().unwrap();
    ledger
}

fn new_alert(kind: AlertKind, severity: Severity, title: &str, period_start: &str) -> NewAlert {
    NewAlert {
        kind,
        severity,
        subject: "test".to_owned(),
        key: "test".to_owned(),
        period_start: at(period_start),
        text: AlertText { title: title.to_owned(), body: String::new() },
    }
}

#[test]
fn an_alert_is_delivered_once_and_its_outcome_kept() {
    for (outcome, now, shown_times, delivered, error) in [
        (Ok(()), "21T12:00:00", 1, true, None),
        (undelivered("no desktop", false), "21T12:00:00", 1, false, Some("no desktop")),
        (Ok(()), "23T12:00:00", 0, false, Some("more than a day old")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger_with_alert(folder.path(), Arc::new(|| {}));
        let (channel, shown) = way("desktop", outcome);
        let mut manner = Manner { channels: vec![channel], quiet: None };
        for _ in 0..2 {
            deliver_all(&ledger, &mut manner, &clock(now)).unwrap();
        }
        assert_eq!(shown.lock().unwrap().len(), shown_times);
        let alert = report::alerts(&ledger, 1).unwrap().remove(0);
        assert_eq!(alert.delivered_at.is_some(), delivered);
        match (alert.error, error) {
            (None, None) => {}
            (Some(got), Some(part)) => assert!(got.contains(part), "{got}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn each_way_is_tried_by_itself_and_again_where_it_may_do_later() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger_with_alert(folder.path(), Arc::new(|| {}));
    let (good, told) = way("desktop", Ok(()));
    let (bad, tried) = way("webhook a", undelivered("a answered 500", true));
    let mut manner = Manner { channels: vec![good, bad], quiet: None };
    for (now, tries) in [
        ("21T12:00:00", 1),
        ("21T12:00:09", 1),
        ("21T12:00:10", 2),
        ("21T12:01:09", 2),
        ("21T12:01:10", 3),
    ] {
        deliver_all(&ledger, &mut manner, &clock(now)).unwrap();
        assert_eq!(tried.lock().unwrap().len(), tries, "{now}");
    }
    assert_eq!(told.lock().unwrap().len(), 1);
    let alert = report::alerts(&ledger, 1).unwrap().remove(0);
    assert_eq!((alert.delivered_at, alert.error), (Some(at("21T12:00:00")), None));
    let webhook = &alert.deliveries[1];
    assert_eq!((webhook.channel.as_str(), webhook.attempts), ("webhook a", 3));
    assert_eq!(webhook.error.as_deref(), Some("a answered 500"));
    assert_eq!(webhook.next_try_at, Some(at("21T12:06:10")));
    // It works again.
    let (mended, told) = way("webhook a", Ok(()));
    manner.channels[1] = mended;
    deliver_all(&ledger, &mut manner, &clock("21T12:06:10")).unwrap();
    assert_eq!(*told.lock().unwrap(), ["Balance of 'openai' is low"]);
    let webhook = report::alerts(&ledger, 1).unwrap().remove(0).deliveries.remove(1);
    assert_eq!((webhook.delivered_at.is_some(), webhook.error), (true, None));
}

#[test]
fn where_no_way_is_set_the_alert_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger_with_alert(folder.path(), Arc::new(|| {}));
    let mut manner = Manner { channels: Vec::new(), quiet: None };
    deliver_all(&ledger, &mut manner, &clock("21T12:00:00")).unwrap();
    let error = report::alerts(&ledger, 1).unwrap().remove(0).error.unwrap();
    assert!(error.contains("turned off in outlay.toml"), "{error}");
}

#[test]
fn the_threads_deliver_what_is_there_before_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let (waker, woken) = channel();
    let callback = waker.clone();
    let ledger = ledger_with_alert(folder.path(), Arc::new(move || callback.wake()));
    let ((one, first), (two, second)) = (way("desktop", Ok(())), way("command", Ok(())));
    let manner = Manner { channels: vec![one, two], quiet: None };
    drop(Notifier::start(ledger, manner, clock("21T12:00:00"), (waker, woken)).unwrap());
    for shown in [first, second] {
        assert_eq!(*shown.lock().unwrap(), ["Balance of 'openai' is low"]);
    }
}

#[test]
fn quiet_hours_keep_all_but_what_is_critical_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger_with_alert(folder.path(), Arc::new(|| {}));
    let alert = new_alert(AlertKind::Test, Severity::Critical, "Now", "21T12:00:00");
    ledger.fire_alert(alert, at("21T12:00:00")).wait().unwrap();
    let (channel, shown) = way("desktop", Ok(()));
    let quiet = Some((QuietHours::parse("11:00-13:00").unwrap(), Tz::UTC));
    let mut manner = Manner { channels: vec![channel], quiet };
    for (now, expected) in [
        ("12:00", vec!["Now"]),
        ("12:59", vec!["Now"]),
        ("13:00", vec!["Now", "Balance of 'openai' is low"]),
    ] {
        deliver_all(&ledger, &mut manner, &clock(&format!("21T{now}:00"))).unwrap();
        assert_eq!(*shown.lock().unwrap(), expected, "{now}");
    }
}

#[test]
fn what_goes_on_after_it_was_told_is_told_once_more_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let now = at("21T12:00:00");
    let opening = Opening { role: Role::Use, now, changed: Arc::new(|| {}) };
    let ledger = Ledger::open(folder.path(), opening).unwrap();
    let gone = |now: DateTime<Utc>| {
        let alert = new_alert(AlertKind::UpstreamEmpty, Severity::Critical, "Gone", "21T12:00:00");
        ledger.fire_alert(alert, now).wait().unwrap()
    };
    assert!(gone(now));
    let (channel, shown) = way("desktop", Ok(()));
    let mut manner = Manner { channels: vec![channel], quiet: None };
    deliver_all(&ledger, &mut manner, &clock("21T12:00:00")).unwrap();
    for second in 1..1_000 {
        assert!(!gone(now + chrono::TimeDelta::milliseconds(second * 50)));
    }
    for now in ["21T12:00:30", "21T12:00:59", "21T12:01:00", "21T12:01:01", "21T12:05:00"] {
        deliver_all(&ledger, &mut manner, &clock(now)).unwrap();
    }
    assert_eq!(*shown.lock().unwrap(), ["Gone", "Gone (1000 times)"]);
}

/// A ledger with so many alerts.
fn ledger_in_a_storm(folder: &std::path::Path, alerts: usize) -> Ledger {
    let now = at("21T12:00:00");
    let opening = Opening { role: Role::Use, now, changed: Arc::new(|| {}) };
    let ledger = Ledger::open(folder, opening).unwrap();
    let replies: Vec<_> = (0..alerts)
        .map(|number| {
            let mut alert =
                new_alert(AlertKind::BudgetThreshold, Severity::Warning, "80 %", "21T12:00:00");
            (alert.key, alert.subject) = (format!("b{number}"), format!("b{number}"));
            ledger.fire_alert(alert, now)
        })
        .collect();
    replies.into_iter().for_each(|reply| assert!(reply.wait().unwrap()));
    ledger
}

#[test]
fn the_first_alerts_of_a_storm_are_told_at_once_and_none_is_lost_when_it_stops() {
    for stops_early in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger_in_a_storm(folder.path(), 400);
        let (waker, woken) = channel();
        let (one, shown) = way("desktop", Ok(()));
        let manner = Manner { channels: vec![one], quiet: None };
        let notifier =
            Notifier::start(ledger.clone(), manner, clock("21T12:00:00"), (waker, woken)).unwrap();
        notifier.waker.wake();
        let until = Instant::now() + Duration::from_secs(20);
        while shown.lock().unwrap().is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(*shown.lock().unwrap(), ["50 alerts"]);
        let is_told = |alert: &outlay_core::ledger::AlertView| alert.delivered_at.is_some();
        let told =
            || report::alerts(&ledger, 1_000).unwrap().iter().filter(|one| is_told(one)).count();
        while !stops_early && told() < 400 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(notifier);
        assert_eq!(told(), 400, "{stops_early}");
        assert!(shown.lock().unwrap().len() <= 3, "{:?}", shown.lock().unwrap());
    }
}

#[test]
fn ten_thousand_alerts_are_a_handful_of_notes() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger_in_a_storm(folder.path(), 10_000);
    let (channel, shown) = way("desktop", Ok(()));
    let mut manner = Manner { channels: vec![channel], quiet: None };
    deliver_all(&ledger, &mut manner, &clock("21T12:00:00")).unwrap();
    assert_eq!(*shown.lock().unwrap(), ["10000 alerts"]);
    assert!(report::alerts(&ledger, 10_000).unwrap().iter().all(|one| one.delivered_at.is_some()));
}

#[test]
fn what_was_seen_to_is_told_no_more_and_a_test_is_told_now_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger_with_alert(folder.path(), Arc::new(|| {}));
    let (bad, tried) = way("webhook a", undelivered("a answered 500", true));
    let mut manner = Manner { channels: vec![bad], quiet: None };
    deliver_all(&ledger, &mut manner, &clock("21T12:00:00")).unwrap();
    assert_eq!(tried.lock().unwrap().len(), 1);
    assert_eq!(ledger.acknowledge_alerts(None, at("21T12:00:05")).wait().unwrap(), 1);
    let test = new_alert(AlertKind::Test, Severity::Critical, "Test", "21T12:00:05");
    ledger.fire_alert(test, at("21T12:00:05")).wait().unwrap();
    for now in ["21T12:00:10", "21T12:00:20", "21T13:00:00"] {
        deliver_all(&ledger, &mut manner, &clock(now)).unwrap();
    }
    assert_eq!(*tried.lock().unwrap(), ["Balance of 'openai' is low", "Test"]);
}
